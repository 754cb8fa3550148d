"""What a config costs: to generate, to start the tool, in the way of a stream. ``python -m tests.bench`` measures it.

Machines differ and are busy, so what counts are ratios between things that were measured in turn: to ``python -c pass``, to
reading the same file with PyYAML, to the same client without a proxy. ``docs/benchmarks.md`` has a run with its machine and its
method.
"""
