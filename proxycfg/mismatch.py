"""Routes of a spec whose protocol does not fit what the spec says of them: what ``proxycfg advise`` knows, told of what is there.

How surely it does not fit is the finding's confidence: ``explicit`` where the route's own fields say so, ``inferred`` from a path or a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg import remarks
from proxycfg.finding import Confidence, Finding
from proxycfg.record import replace
from proxycfg.streams import told_by_path
from proxycfg.units import show_duration

if TYPE_CHECKING:
    from proxycfg.spec import Route, Spec

_ONE_WAY = frozenset(("sse", "poll", "long-poll"))


def mismatches(spec: Spec, target: str) -> Iterator[Finding]:
    """The findings, the same on every target.

    :param target: whose they are said to be.
    """
    answering = {
        route.upstream.name
        for route in spec.routes
        if "POST" in (route.methods or ("POST",)) and route.protocol.name not in _ONE_WAY
    }
    for route in spec.routes:
        for finding in _of_browsers(route, target):
            yield replace(finding, confidence=Confidence.EXPLICIT)
        for finding in _of_fields(route, target):
            yield replace(finding, confidence=Confidence.EXPLICIT)
        for finding in _of_signs(route, target, answered=route.upstream.name in answering):
            yield replace(finding, confidence=Confidence.INFERRED)


def _of_browsers(route: Route, target: str) -> Iterator[Finding]:
    """What pages cannot do: that pages call is what ``cors`` says."""
    name = route.protocol.name
    if not route.cors:
        return
    if name == "grpc":
        yield remarks.GRPC_FROM_BROWSERS.about(
            route, target, route.span_of("cors"),
            f"pages of {route.cors[0]} cannot call {route.title}: no script gets at HTTP/2 frames and trailers, which native gRPC needs",
            "write protocol: grpc-web or connect, or remove cors if no page calls it",
        )  # fmt: skip
    if name in ("sse", "websocket") and route.auth and route.auth.by == "header":
        only = "an EventSource sends no header of yours" if name == "sse" else "a browser sets no header in a handshake"
        instead = (
            "read the stream with fetch, or log in by cookie"
            if name == "sse"
            else "log in by cookie, or by a ticket for one use in the query"
        )
        yield remarks.HEADER_OUT_OF_REACH.about(
            route, target, route.span_of("auth"),
            f"pages of {route.cors[0]} cannot log in to {route.title} by the header {route.auth.name}: {only}",
            instead,
        )  # fmt: skip


def _of_fields(route: Route, target: str) -> Iterator[Finding]:
    """Fields that say of a route what its protocol has not."""
    name, upload, heartbeat = route.protocol.name, route.span_of("upload"), route.span_of("heartbeat")
    if name == "grpc-web" and route.upload_stream and upload != route.span and not route.upstream.speaks_grpc:
        yield remarks.NO_STREAM_FROM_THE_CLIENT.about(
            route, target, upload,
            f"{route.title} streams uploads, which no client of gRPC-Web sends: its calls have one request, and an answer or a stream of them",
            "remove `stream`, or write protocol: websocket (browsers) or grpc (services)",
        )  # fmt: skip
    # One under `defaults` is meant for the streams among the routes.
    own = route.span.line <= heartbeat.line <= route.span.end_line and heartbeat != route.span
    if route.heartbeat and own and name in ("http", "poll", "long-poll"):
        yield remarks.HEARTBEAT_WITHOUT_A_STREAM.about(
            route, target, heartbeat,
            f"{route.title} sends one answer at a time, in which nothing can be sent to keep it alive",
            "remove heartbeat; state idle_timeout as long as the origin holds a request",
        )  # fmt: skip


def _of_signs(route: Route, target: str, *, answered: bool) -> Iterator[Finding]:
    """What paths and numbers tell.

    :param answered: whether a route to the same upstream takes what clients send.
    """
    name = route.protocol.name
    told = told_by_path(route.path) if route.kind != "regex" else None
    if name == "websocket" and told and told.protocol in _ONE_WAY:
        yield remarks.SOCKET_FOR_ONE_WAY.about(
            route, target, route.match_span,
            f"{told.why}: if its clients only listen, a WebSocket costs them status codes, HTTP/2, caches and coming back by themselves",
            "write protocol: sse if the application can; else leave it",
        )  # fmt: skip
    if name == "sse" and route.methods and "POST" not in route.methods and not answered:
        yield remarks.NO_WAY_BACK.about(
            route, target, route.span_of("methods"),
            f"clients of {route.title} can say nothing while they listen: no route to upstream `{route.upstream.name}` takes a POST",
            "add a route such as {path: /cancel, methods: [POST]}, unless to leave is all that they can want",
        )  # fmt: skip
    stated = route.span_of("limits")
    if name == "poll" and route.cache and route.rate and stated != route.span and route.rate * route.cache >= 2:  # noqa: PLR2004 - the same twice
        times = round(route.rate * route.cache)
        yield remarks.POLLED_BELOW_CACHE.about(
            route, target, stated,
            f"a client of {route.title} that asks as often as it may gets each answer {times} times: `cache` is {show_duration(route.cache)}",
            f"let clients ask every {show_duration(route.cache)}, and limits to as many as are behind one address; or shorten cache",
        )  # fmt: skip
