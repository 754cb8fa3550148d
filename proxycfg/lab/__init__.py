"""Hands on a stream: clients that send what they are told, and keep what comes and when.

The package needs the extra ``lab`` (h2 and wsproto), so nothing outside imports it at start-up.
"""
