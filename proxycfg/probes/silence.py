"""What ends a stream: silence of either side, age, a client that does not read, a client that leaves."""

from __future__ import annotations

import math
from collections.abc import Callable

from proxycfg.lab.bench import Bench
from proxycfg.lab.origin import Arrival
from proxycfg.lab.probe import (
    AtLeast,
    Judge,
    Target,
    Values,
    Within,
    content_type,
    ended,
    judged_by,
    spent_facts,
    spent_of,
)
from proxycfg.lab.tape import note
from proxycfg.probes.answers import QUIET, silent
from proxycfg.timeline import Timeline


async def lasts(
    bench: Bench, arm: Callable[[], object], gone: Callable[[], object], *, flood: Arrival | None = None
) -> Within | AtLeast:
    """Between which two times after ``arm()`` something was ``gone()``, by the proxy's clock; a machine under load makes them lie further apart.

    :param flood: what the origin floods then, which takes a while.
    """
    before = await bench.now()
    arm()
    if flood:
        await _flood(bench, flood)
    last = after = await bench.now()
    while last < after + bench.longest:
        now = await bench.tick()
        if gone():
            # The tick is older than this look: what is gone may have gone since.
            return Within(last - after, await bench.now() - before)
        last = now
    # Timers are looked at when what came has been answered; after a long pause of the machine that makes a difference.
    await bench.tick()
    return Within(last - after, math.inf) if gone() else AtLeast(bench.longest)


def _lasting(name: str) -> Judge:
    """A property that is how long something was borne."""

    def judge(seen: Timeline) -> Values:
        done = ended(seen)
        return {name: spent_of(done)} if done else {}

    return judge


@judged_by(_lasting("upstream_idle_timeout"))
async def origin_silence(bench: Bench, target: Target) -> None:
    """A stream that falls silent."""
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return
    arrival.head(200, [("Content-Type", content_type(target)), *QUIET])
    spent = await lasts(bench, lambda: arrival.data(b"data: one\n\n"), arrival.closed.is_set)
    exchange.call.hang_up()
    note("done", exchange.number, **spent_facts(spent))


@judged_by(_lasting("client_idle_timeout"))
async def client_silence(bench: Bench, target: Target) -> None:
    """An upload that pauses; a WebSocket's silence is measured with its handshake."""
    if target.protocol == "websocket" or not target.posts:
        return
    exchange = await bench.ask(target.ask, silent, method="POST", chunked=True)
    spent = await lasts(bench, lambda: exchange.call.piece(b"first piece"), exchange.call.closed.is_set)  # type: ignore[attr-defined]
    answered = exchange.call.answer.status
    exchange.call.hang_up()
    if not answered:
        note("done", exchange.number, **spent_facts(spent))


@judged_by(_lasting("send_timeout"))
async def stopped_reading(bench: Bench, target: Target) -> None:
    """A client that stops reading in the middle of a flood; a client that does not read is not told when the proxy gives up."""
    exchange = await bench.ask(target.ask, silent, narrow=True)
    arrival = await exchange.arrival()
    if arrival is None:
        return
    exchange.call.freeze()
    arrival.head(200, [("Content-Type", "application/x-lab"), ("Content-Encoding", "x-lab"), *QUIET])
    spent = await lasts(bench, lambda: None, lambda: bench.gave_up(exchange), flood=arrival)
    exchange.call.hang_up()
    arrival.drop()
    note("done", exchange.number, **spent_facts(spent))


_PAUSES = 20
"""Looks at an origin that is not taken anything of any more."""


async def _flood(bench: Bench, arrival: Arrival) -> None:
    """Send more than kernels and proxy hold on the way, as fast as they take it, until they take no more."""
    for _ in range(16):
        paused = 0
        while arrival.wire in bench.origin.paused:
            await bench.caught_up(1)
            paused += 1
            if paused > _PAUSES:
                return
        arrival.data(b"\0" * 65536)
    arrival.end()


@judged_by(_lasting("total_timeout"))
async def talking(bench: Bench, target: Target) -> None:
    """A stream that talks, for as long as timers are waited for."""
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return
    arrival.head(200, [("Content-Type", content_type(target)), *QUIET])

    def talk() -> bool:
        arrival.data(b"data: tick\n\n")
        return arrival.closed.is_set()

    spent = await lasts(bench, lambda: None, talk)
    arrival.end()
    exchange.call.hang_up()
    note("done", exchange.number, **spent_facts(spent))


def _noticed(seen: Timeline) -> Values:
    done = ended(seen)
    return {"abort_propagates": done["gone"]} if done else {}


@judged_by(_noticed)
async def abort(bench: Bench, target: Target) -> None:
    """A client that leaves a stream that is silent."""
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return
    arrival.head(200, [("Content-Type", content_type(target)), *QUIET])
    arrival.data(b"data: one\n\n")
    await bench.caught_up()
    exchange.call.hang_up()
    await exchange.call.closed.wait()
    await bench.caught_up(4)
    note("done", exchange.number, gone=arrival.closed.is_set())
    arrival.drop()
