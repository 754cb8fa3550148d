"""The probes: each a driver, which does something to a stream and records what comes of it, and a judge, which is pure.

A file holds a family of them, with the driver and the judge side by side; what a judge is given is a recorded timeline and nothing else.
"""
