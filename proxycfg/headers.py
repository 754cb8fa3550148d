"""Headers that every target treats alike, as people write them; a target that wants them in small letters makes them so."""

from __future__ import annotations

from collections.abc import Iterable

CREDENTIALS = ("Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Auth-Token")
"""By which clients say who they are, whether a spec declares them or not: an answer to such a request is nobody else's."""

EXPOSED = ("grpc-status", "grpc-message", "grpc-status-details-bin")
"""Response headers that a browser client of gRPC-Web or Connect must be able to read."""

HSTS = "Strict-Transport-Security"
"""By which browsers learn to come by HTTPS alone; sub-domains are left out, as they may be somebody else's."""

CORS = (
    "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
)  # fmt: skip
"""What an origin may say about CORS by itself, and must not where the spec says it."""


def names(headers: Iterable[str], header: str) -> bool:
    """Whether a header is among those that the spec sets or removes; their names have no case."""
    return any(name.lower() == header.lower() for name in headers)
