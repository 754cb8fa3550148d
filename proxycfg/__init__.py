"""Hardened proxy configs for streaming routes, and what any proxy really does to a stream."""

__version__ = "0.1.0"
