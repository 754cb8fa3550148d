"""Native gRPC: four kinds of call over HTTP/2, with trailers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.behavior import NO, YES, Between, exactly
from proxycfg.finding import Category
from proxycfg.protocol import Protocol, Want
from proxycfg.protocols._wants import (
    client_may_be_silent,
    honest_endings,
    prompt_delivery,
    speaks,
    streams_upload,
    survives_silence,
)

if TYPE_CHECKING:
    from proxycfg.spec import Terms


def wants(route: Terms) -> dict[str, Want]:
    """HTTP/2 with trailers on both sides, messages at once in both directions, silence allowed in both."""
    needs = {
        **prompt_delivery(),
        **survives_silence(route),
        **client_may_be_silent(route),
        **honest_endings(),
        **streams_upload(route),
        **speaks("2"),
        "grpc": Want(YES, Category.GRPC_TRANSPORT, "calls end without a status: trailers need HTTP/2 on both sides"),
        "upstream_http_version": Want(
            Between("2", "3"), Category.GRPC_TRANSPORT, "a gRPC server understands only HTTP/2"
        ),
        "stalls_on": Want(
            exactly(frozenset()),
            Category.RESPONSE_BUFFERING,
            "messages are held back and arrive in lumps, or at the end",
        ),
        "compression": Want(
            NO, Category.COMPRESSION, "a compressed gRPC body is not gRPC any more: clients see no message at all"
        ),
    }
    # gRPC negotiates compression by grpc-accept-encoding, message by message; Accept-Encoding means nothing to it.
    del needs["accept_encoding_forwarded"]
    return needs


PROTOCOL = Protocol(
    name="grpc",
    summary="gRPC over HTTP/2: unary, client, server and bidirectional streams",
    streams=True,
    wants=wants,
    content_types=("application/grpc",),
    uploads=True,
    body_limit=None,
    grpc_origin=True,
    methods=("POST",),
    sources=("https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md",),
)
