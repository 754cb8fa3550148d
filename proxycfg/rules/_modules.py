"""The modules of nginx that hand requests on name their settings alike, such as ``proxy_read_timeout`` and ``fastcgi_read_timeout``."""

from __future__ import annotations

MODULES = ("proxy", "grpc", "fastcgi", "uwsgi", "scgi")
"""All that can carry a stream."""

BUFFERING = tuple(module for module in MODULES if module != "grpc")
"""Those that can buffer, and so store, an answer."""


def settings(*whats: str, of: tuple[str, ...] = MODULES) -> tuple[str, ...]:
    """The directives of these modules for that: ``proxy_pass``, ``grpc_pass`` and so on for ``pass``."""
    return tuple(f"{module}_{what}" for module in of for what in whats)
