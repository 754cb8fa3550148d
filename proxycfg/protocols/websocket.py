"""WebSocket: an HTTP/1.1 upgrade, then a tunnel in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.behavior import YES, exactly
from proxycfg.finding import Category
from proxycfg.protocol import Protocol, Want
from proxycfg.protocols._wants import client_may_be_silent, honest_endings, speaks, survives_silence

if TYPE_CHECKING:
    from proxycfg.spec import Terms


def wants(route: Terms) -> dict[str, Want]:
    """The handshake passes, and both sides may be silent; buffering and compression do not touch a tunnel."""
    return {
        "upgrade": Want(YES, Category.UPGRADE_HEADERS, "the handshake never becomes a socket"),
        "upstream_http_version": Want(
            exactly("1.1"),
            Category.UPSTREAM_HTTP_VERSION,
            "Upgrade exists only in HTTP/1.1: servers refuse the handshake",
        ),
        **survives_silence(route),
        **client_may_be_silent(route),
        **honest_endings(),
        **speaks("1.1"),
    }


PROTOCOL = Protocol(
    name="websocket",
    summary="WebSocket: frames both ways over one upgraded connection",
    streams=True,
    wants=wants,
    uploads=True,
    body_limit=None,
    sources=("https://www.rfc-editor.org/rfc/rfc6455",),
)
