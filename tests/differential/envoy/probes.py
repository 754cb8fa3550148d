"""The probes that Envoy's ways ask for, beside those of any proxy.

What is measured of nginx by what it says is measured here by what happens: the origin's side of a stream that Envoy gives up ends at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from proxycfg.lab.bench import PATIENCE, Bench
from proxycfg.lab.drivers import (
    AtLeast,
    Probe,
    Target,
    Values,
    Within,
    abort,
    affinity,
    caching,
    content_type,
    failures,
    grpc,
    handshake,
    lasts,
    ok_when_complete,
    plain,
    silent,
    stalls,
    upgrade,
    upload,
    versions,
)
from proxycfg.lab.origin import Arrival
from tests.differential.lab import Kit


async def unreachable(bench: Bench, target: Target) -> Values:
    """An origin that never takes a connection: how long it is tried, each time of so many; other timers may run out before, which answer 504."""
    exchange = await bench.ask(target.ask, None)
    call = exchange.call
    spent = await lasts(bench, lambda: None, lambda: call.answer.status)
    answer = call.answer
    call.hang_up()
    if isinstance(spent, AtLeast):
        # How often it was tried is not known yet.
        return {}
    tried = answer.header("x-envoy-attempt-count")
    if tried is None and answer.status != _UNAVAILABLE:
        # Who answers is not who tries.
        return {}
    times = int(tried or 1)
    if answer.status != _UNAVAILABLE:
        return {"connect_timeout": AtLeast(spent.low / times - _BACK_OFF)}
    return {"connect_timeout": Within(spent.low / times - _BACK_OFF * (times > 1), spent.high / times)}


_UNAVAILABLE = 503
_BACK_OFF = 0.25
"""Seconds that Envoy waits before it tries again, at most."""


async def answers_held(bench: Bench, target: Target) -> Values:
    """An answer of which a piece comes and no more: collected, not even its head is passed on."""
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return {}
    arrival.head(200, [("Content-Type", content_type(target))])
    arrival.data(b"data: one\n\n")
    await bench.caught_up(4)
    held = b"data: one" not in exchange.call.answer.text
    arrival.end()
    exchange.call.hang_up()
    return {"response_buffering": held}


_SIZES = (1024, 8192, 65536, 2**20)


async def body_limit(bench: Bench, target: Target) -> Values:
    """Bodies of one byte more than each size, sent to their end, until one is refused, and one of just that size."""
    if not target.straight or not target.posts:
        # Callers of gRPC are told the same of every failure.
        return {}

    async def refused(length: int) -> bool:
        exchange = await bench.ask(target.ask, ok_when_complete, method="POST", body=b"x" * length)
        answer = await exchange.call.whole(PATIENCE)
        exchange.call.hang_up()
        return answer.status == _TOO_LARGE

    for size in _SIZES:
        if await refused(size + 1):
            return {} if await refused(size) else {"request_body_limit": float(size)}
    return {"request_body_limit": AtLeast(float(_SIZES[-1] + 1))}


_TOO_LARGE = 413


# ---- timers, told apart ----


async def answers(bench: Bench, target: Target) -> Values:
    """An ordinary request; of one on a WebSocket's route nothing is learned about its socket's compression."""
    values = await plain(bench, target, "gzip, br;q=0.5, zstd;q=0.4")
    if target.protocol == "websocket":
        values.pop("compression", None)
    return values


_OF_GRPC = tuple(f"grpc {code}" for code in (1, 4, 8, 13, 14))
_OF_HTTP = (
    "500",
    "502",
    "503",
    "504",
    "403",
    "404",
    "409",
    "429",
    "x-envoy-ratelimited: true",
    "x-again: yes",
    "drop",
    "garbage",
)


async def refusals(bench: Bench, target: Target) -> Values:
    """Every failure on which Envoy may try again."""
    return await failures(bench, target, (*_OF_HTTP, *(_OF_GRPC if target.protocol == "grpc" else ())))


Spent = Within | AtLeast


@dataclass(frozen=True)
class Held:
    """How long something was borne: ``spent`` from when it began, and ``since`` the request was sent, by which other timers go."""

    spent: Spent
    since: Spent


async def _held(bench: Bench, began: float, arm: Callable[[], object], gone: Callable[[], object]) -> Held:
    spent = await lasts(bench, arm, gone)
    return Held(spent, Within(spent.low, await bench.now() - began) if isinstance(spent, Within) else spent)


async def _stream(bench: Bench, target: Target, *, talks: bool = False) -> Held | None:
    """A stream that falls silent after its first event, or one that never does; a poll that gets no answer at all."""
    began = await bench.now()
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return None

    def piece() -> None:
        arrival.data(b"data: one\n\n")

    def over() -> bool:
        if talks:
            piece()
        return arrival.closed.is_set()

    if target.protocol == "long-poll" and not talks:
        found = await _held(bench, began, lambda: None, over)
    else:
        arrival.head(200, [("Content-Type", content_type(target))])
        found = await _held(bench, began, piece, over)
    exchange.call.hang_up()
    arrival.drop()
    return found


async def _upload(bench: Bench, target: Target, *, talks: bool = False) -> Held | None:
    """An upload that pauses, or never does: answered with 408 or 504, or given up."""
    began = await bench.now()
    exchange = await bench.ask(target.ask, silent, method="POST", chunked=True)
    call = exchange.call

    def piece() -> None:
        call.piece(b"first piece")  # type: ignore[attr-defined]

    def over() -> object:
        if talks:
            piece()
        return call.answer.status or call.closed.is_set()

    found = await _held(bench, began, piece, over)
    status = call.answer.status
    call.hang_up()
    return found if status in {0, 408, 504} else None


async def _socket(bench: Bench, target: Target, *, talks: bool = False) -> Held | None:
    """A WebSocket on which nobody says anything any more, or one on which the origin does."""
    began = await bench.now()
    exchange = await handshake(bench, target.ask)
    if exchange is None:
        return None
    call, arrival = exchange.call, exchange.arrivals[0]

    def piece() -> None:
        arrival.raw(b"pong from origin")

    def over() -> bool:
        if talks:
            piece()
        return call.closed.is_set() or arrival.closed.is_set()

    found = await _held(bench, began, piece, over)
    call.hang_up()
    return found


_MOST = 64 * 2**20
"""Bytes that kernels and Envoy hold on the way, at most."""


async def _unread(bench: Bench, target: Target) -> Held | None:
    """A client that stops reading in the middle of a flood that does not end."""
    began = await bench.now()
    exchange = await bench.ask(target.ask, silent, narrow=True)
    arrival = await exchange.arrival()
    if arrival is None:
        return None
    arrival.head(200, [("Content-Type", "application/x-lab")])
    arrival.data(b"piece of work")
    await bench.caught_up()
    if not exchange.call.answer.status:
        # It is collected first, and refused when it is too large.
        exchange.call.hang_up()
        return None
    exchange.call.freeze()
    before = await bench.now()
    sent = 0
    while sent < _MOST and arrival.wire not in bench.origin.paused:
        arrival.data(b"\0" * 2**20)
        sent += 2**20
        await bench.caught_up(1)
    after = await bench.now()
    found = await _held(bench, began, lambda: None, arrival.closed.is_set)
    exchange.call.hang_up()
    arrival.drop()
    if isinstance(found.spent, AtLeast):
        return found
    # Envoy has been stuck since some time in between.
    return Held(Within(found.spent.low, found.spent.high + after - before), found.since)


_TARDY = 0.25
"""Seconds by which timers may seem to run out together."""


def unless(idle: Held, life: Held) -> Spent:
    """How long silence is borne, where a stream that is never silent lives for so long: what ends both tells nothing of the silence but that."""
    both = isinstance(idle.since, Within) and isinstance(life.since, Within)
    if not both or idle.since.high + _TARDY < life.since.low:  # type: ignore[union-attr]
        return idle.spent
    return AtLeast(max(0.0, min(idle.spent.low, life.spent.low) - _TARDY))  # type: ignore[union-attr]


async def timers(bench: Bench, target: Target) -> Values:
    """Streams that are silent, that talk, and that nobody reads, side by side."""
    if target.protocol == "websocket":
        return {}
    life, silence, unread = await asyncio.gather(
        _stream(bench, target, talks=True), _stream(bench, target), _unread(bench, target)
    )
    if life is None or silence is None:
        return {}
    values: Values = {"total_timeout": life.since, "upstream_idle_timeout": unless(silence, life)}
    return values | {"send_timeout": unless(unread, life)} if unread else values


async def uploads(bench: Bench, target: Target) -> Values:
    """Uploads that pause, and that never do."""
    if target.protocol == "websocket" or not target.posts:
        return {}
    life, silence = await asyncio.gather(_upload(bench, target, talks=True), _upload(bench, target))
    return {"client_idle_timeout": unless(silence, life)} if life and silence else {}


async def sockets(bench: Bench, target: Target) -> Values:
    """WebSockets that are silent, and that talk."""
    if target.protocol != "websocket" or not target.shakes:
        return {}
    life, silence = await asyncio.gather(_socket(bench, target, talks=True), _socket(bench, target))
    if life is None or silence is None:
        return {}
    idle = unless(silence, life)
    return {"total_timeout": life.since, "upstream_idle_timeout": idle, "client_idle_timeout": idle}


async def shaken(bench: Bench, target: Target) -> Values:
    """A handshake; the silence after it is measured beside a life without."""
    return await upgrade(bench, replace(target, protocol=""))


MOST_STREAMS = 40


async def streams(bench: Bench, target: Target) -> Values:
    """On a config with its limits: streams that are asked for at once, each by a client of its own, and how many of them are open together."""

    def handler(arrival: Arrival) -> None:
        arrival.head(200, [("Content-Type", "text/event-stream")])

    asked = await asyncio.gather(
        *(bench.ask(target.ask, handler, source=f"127.0.1.{number + 1}") for number in range(MOST_STREAMS)),
        return_exceptions=True,
    )
    held = [each for each in asked if not isinstance(each, BaseException)]
    await bench.caught_up(10)
    came = [arrival for each in held for arrival in each.arrivals]
    for each in held:
        each.call.hang_up()
    if any(arrival.closed.is_set() for arrival in came):
        # A timer was in the way.
        return {}
    return {"max_streams": AtLeast(float(MOST_STREAMS)) if len(came) >= MOST_STREAMS else float(len(came))}


KIT = Kit(
    quick=(answers, answers_held, stalls, upload, refusals, caching, grpc, abort, body_limit, versions),
    slow=(shaken, timers, uploads, sockets),
    single=(affinity,),
    unreachable=unreachable,
    streams=streams,
    measured_by={
        "response_buffering": ("answers_held",),
        "stalls_on": ("stalls",),
        "request_buffering": ("upload",),
        "compression": ("answers",),
        "caching": ("caching",),
        "upstream_http_version": ("answers",),
        "upgrade": ("shaken",),
        "upstream_connection_header": ("answers",),
        "connect_timeout": ("unreachable",),
        "upstream_idle_timeout": ("timers", "sockets"),
        "client_idle_timeout": ("uploads", "sockets"),
        "send_timeout": ("timers",),
        "total_timeout": ("timers", "sockets"),
        "request_body_limit": ("body_limit",),
        "retries": ("refusals",),
        "retries_non_idempotent": ("refusals",),
        "error_interception": ("refusals",),
        "forwards_x_accel_buffering": ("answers",),
        "accept_encoding_forwarded": ("answers",),
        "client_http_versions": ("versions",),
        "grpc": ("grpc",),
        "session_affinity": ("affinity",),
        "query_logged": ("answers",),
        "abort_propagates": ("abort",),
        "max_streams": ("streams",),
    },
)

PROBES: Mapping[str, Probe] = {
    "response_buffering": answers_held,
    "stalls_on": stalls,
    "request_buffering": upload,
    "compression": answers,
    "caching": caching,
    "upstream_http_version": answers,
    "upgrade": upgrade,
    "upstream_connection_header": answers,
    "connect_timeout": unreachable,
    "upstream_idle_timeout": timers,
    "client_idle_timeout": uploads,
    "send_timeout": timers,
    "total_timeout": timers,
    "request_body_limit": body_limit,
    "retries": refusals,
    "retries_non_idempotent": refusals,
    "error_interception": refusals,
    "forwards_x_accel_buffering": answers,
    "accept_encoding_forwarded": answers,
    "client_http_versions": versions,
    "grpc": grpc,
    "session_affinity": affinity,
    "query_logged": answers,
    "abort_propagates": abort,
    "max_streams": streams,
}
"""Property → the probe that measures it on Envoy; ``honors_x_accel_buffering`` has none, for there is no buffer to switch off."""
