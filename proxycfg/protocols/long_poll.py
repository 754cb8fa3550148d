"""Long polling: a request that the origin holds until there is something to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.behavior import NO, Between
from proxycfg.finding import Category
from proxycfg.protocol import Protocol, Want
from proxycfg.protocols._wants import honest_endings, survives_silence

if TYPE_CHECKING:
    from proxycfg.spec import Terms


def wants(route: Terms) -> dict[str, Want]:
    """The wait survives; no stored answer; the answer itself is short, so buffering does no harm."""
    return {
        "caching": Want(NO, Category.CACHING, "one client's answer is given to another"),
        "upstream_http_version": Want(
            Between("1.1", "3"), Category.UPSTREAM_HTTP_VERSION, "HTTP/1.0 opens a connection for every poll"
        ),
        **survives_silence(route),
        **honest_endings(),
    }


PROTOCOL = Protocol(
    name="long-poll",
    summary="long polling: the origin holds each request until there is news",
    streams=True,
    wants=wants,
    # Frameworks hold a poll for 25 to 60 s; two minutes leave room for a slow origin.
    idle_timeout=120.0,
    methods=("GET", "POST"),
    sources=("https://www.rfc-editor.org/rfc/rfc6202",),
)
