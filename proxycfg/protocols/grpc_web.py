"""gRPC-Web: gRPC for browsers, trailers in the body, over any HTTP version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.protocol import Protocol, Want
from proxycfg.protocols._wants import honest_endings, prompt_delivery, streams_upload, survives_silence

if TYPE_CHECKING:
    from proxycfg.spec import Terms


def wants(route: Terms) -> dict[str, Want]:
    """Messages at once, silence allowed, no page in the stream."""
    return {**prompt_delivery(), **survives_silence(route), **honest_endings(), **streams_upload(route)}


PROTOCOL = Protocol(
    name="grpc-web",
    summary="gRPC-Web: unary and server streams from a browser",
    streams=True,
    wants=wants,
    content_types=("application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text"),
    uploads=True,
    body_limit=None,
    grpc_origin=True,
    methods=("POST", "OPTIONS"),
    sources=("https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md",),
)
