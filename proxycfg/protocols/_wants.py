"""Wants that several protocols share, so that a reason is worded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.behavior import EITHER, FOREVER, HTTP_VERSIONS, NO, YES, Between, at_least, exactly
from proxycfg.finding import Category
from proxycfg.protocol import Want

if TYPE_CHECKING:
    from proxycfg.spec import Terms


def prompt_delivery() -> dict[str, Want]:
    """Every small message reaches the client when the origin sends it."""
    return {
        "stalls_on": Want(
            exactly(frozenset()),
            Category.RESPONSE_BUFFERING,
            "messages are held back and arrive in lumps, or at the end",
        ),
        "response_buffering": Want(
            NO, Category.RESPONSE_BUFFERING, "a buffered stream arrives late as soon as anything about it changes"
        ),
        "compression": Want(
            NO, Category.COMPRESSION, "a compressor holds small messages back until it has enough of them"
        ),
        "caching": Want(NO, Category.CACHING, "a stored stream is replayed whole to the next client"),
        "accept_encoding_forwarded": Want(
            NO, Category.COMPRESSION, "an origin that compresses its own stream holds messages back"
        ),
        "upstream_http_version": Want(
            Between("1.1", "3"),
            Category.UPSTREAM_HTTP_VERSION,
            "HTTP/1.0 has no chunks: an end and a cut look the same",
        ),
    }


def survives_silence(route: Terms) -> dict[str, Want]:
    """The longest allowed silence does not end the stream, and nothing ends it while it talks."""
    return {
        "upstream_idle_timeout": Want(
            at_least(route.idle_timeout), Category.IDLE_TIMEOUT, "a pause that the application allows cuts the stream"
        ),
        "total_timeout": Want(exactly(FOREVER), Category.TOTAL_TIMEOUT, "the stream is cut while it talks"),
    }


def client_may_be_silent(route: Terms) -> dict[str, Want]:
    """The client, too, may be silent for as long as the route allows."""
    return {
        "client_idle_timeout": Want(
            at_least(route.idle_timeout), Category.IDLE_TIMEOUT, "a client that only listens for a while is cut off"
        )
    }


def honest_endings() -> dict[str, Want]:
    """The client learns what the origin said, the origin learns that the client left."""
    return {
        "error_interception": Want(
            NO, Category.ERROR_PAGE_INJECTION, "the client gets a page where it expects the origin's error"
        ),
        "abort_propagates": Want(YES, Category.OPERATIONS, "the origin goes on generating for a client that has left"),
    }


def streams_upload(route: Terms) -> dict[str, Want]:
    """The origin sees the request body as it arrives, where the route says so."""
    accepted = NO if route.upload_stream else EITHER
    return {
        "request_buffering": Want(
            accepted, Category.REQUEST_BUFFERING, "the origin sees nothing until the client has sent everything"
        )
    }


def speaks(*versions: str) -> dict[str, Want]:
    """Clients can use at least these HTTP versions."""
    return {
        "client_http_versions": Want(
            Between(frozenset(versions), HTTP_VERSIONS),
            Category.GRPC_TRANSPORT,
            "clients of this protocol cannot connect",
        )
    }
