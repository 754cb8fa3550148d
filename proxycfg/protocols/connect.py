"""Connect: gRPC's services as plain HTTP, unary and streaming."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.protocol import Protocol, Want
from proxycfg.protocols._wants import (
    client_may_be_silent,
    honest_endings,
    prompt_delivery,
    streams_upload,
    survives_silence,
)

if TYPE_CHECKING:
    from proxycfg.spec import Terms


def wants(route: Terms) -> dict[str, Want]:
    """Messages at once in both directions, silence allowed, the origin's JSON errors untouched."""
    return {
        **prompt_delivery(),
        **survives_silence(route),
        **client_may_be_silent(route),
        **honest_endings(),
        **streams_upload(route),
    }


PROTOCOL = Protocol(
    name="connect",
    summary="Connect RPC: unary and streams over HTTP/1.1 or HTTP/2",
    streams=True,
    wants=wants,
    content_types=("application/connect+proto", "application/connect+json"),
    uploads=True,
    body_limit=None,
    grpc_origin=True,
    methods=("GET", "POST", "OPTIONS"),
    sources=("https://connectrpc.com/docs/protocol/",),
)
