"""Request bodies on their way to the origin: collected or not, and how large they may be."""

from __future__ import annotations

import asyncio
import math

from proxycfg.lab.bench import PATIENCE, Bench
from proxycfg.lab.origin import Arrival
from proxycfg.lab.probe import AtLeast, Target, Values, ended, judged_by, noted
from proxycfg.lab.tape import note
from proxycfg.probes.answers import ok, place, silent
from proxycfg.timeline import Timeline


def ok_when_complete(arrival: Arrival) -> None:
    """Answer when the whole body is there."""

    async def later() -> None:
        await arrival.done.wait()
        ok(arrival)

    task = asyncio.ensure_future(later())
    # A task that nobody holds may be collected.
    arrival.__dict__["task"] = task


def _collected(seen: Timeline) -> Values:
    done = ended(seen)
    return {"request_buffering": not done["early"]} if done else {}


@judged_by(_collected)
async def upload(bench: Bench, target: Target) -> None:
    """A body of unknown length that pauses after its first piece."""
    if not target.posts:
        return
    exchange = await bench.ask(target.ask, ok_when_complete, method="POST", chunked=True)
    exchange.call.piece(b"first piece")  # type: ignore[attr-defined]
    await bench.caught_up(4)
    early = bool(exchange.arrivals)
    exchange.call.piece(b"")  # type: ignore[attr-defined]
    answer = await exchange.call.whole(PATIENCE)
    exchange.call.hang_up()
    if exchange.arrivals and answer.status == 200:  # noqa: PLR2004 - success
        note("done", early=early)


_LADDER = (2**10, 2**13, 2**16, 2**19, 2**20, 10 * 2**20, 100 * 2**20)
_HUGE = 2**40
"""Bytes that nobody sends: what takes these has no limit."""


def _limit(seen: Timeline) -> Values:
    if ended(seen) is None:
        return {}
    taken = max((facts["bytes"] for facts in noted(seen, "offered") if not facts["refused"]), default=0)
    refused = min((facts["bytes"] for facts in noted(seen, "offered") if facts["refused"]), default=None)
    if refused is None:
        return {"request_body_limit": math.inf}
    return {"request_body_limit": float(taken)} if taken and refused == taken + 1 else {}


@judged_by(_limit)
async def body_limit(bench: Bench, target: Target) -> None:
    """Announced bodies of one byte more than each usual size, until one is refused; then the size is found."""
    if not target.straight or not target.posts:
        return

    async def refused(length: int) -> bool:
        exchange = await bench.ask(target.ask, silent, method="POST", headers=[("Content-Length", str(length))])
        await bench.caught_up()
        # The origin says nothing yet; and what an error page leads to may be another place's answer.
        answer = bool(exchange.call.answer.status) or any(
            place(each) not in {"", target.place} for each in exchange.arrivals
        )
        exchange.call.hang_up()
        note("offered", exchange.number, bytes=length, refused=answer)
        return answer

    taken = 0
    for size in (*_LADDER, _HUGE):
        if not await refused(size + 1):
            taken = size + 1
            continue
        if await refused(size):
            # Between two of them: halved until nothing is between.
            limit = size
            while limit - taken > 1:
                middle = (taken + limit) // 2
                taken, limit = (taken, middle) if await refused(middle) else (middle, limit)
        break
    note("done")


_SIZES = (1024, 8192, 65536, 2**20)


def _limit_sent(seen: Timeline) -> Values:
    done = ended(seen)
    if done is None:
        return {}
    offered = {facts["bytes"]: facts["refused"] for facts in noted(seen, "offered")}
    size = next((size for size in _SIZES if offered.get(size + 1)), None)
    if size is None:
        return {"request_body_limit": AtLeast(float(_SIZES[-1] + 1))}
    return {} if offered[size] else {"request_body_limit": float(size)}


@judged_by(_limit_sent)
async def body_limit_sent(bench: Bench, target: Target) -> None:
    """Bodies of one byte more than each size, sent to their end, until one is refused, and one of just that size."""
    if not target.straight or not target.posts:
        # Callers of gRPC are told the same of every failure.
        return

    async def refused(length: int) -> bool:
        exchange = await bench.ask(target.ask, ok_when_complete, method="POST", body=b"x" * length)
        answer = await exchange.call.whole(PATIENCE)
        exchange.call.hang_up()
        note("offered", exchange.number, bytes=length, refused=answer.status == _TOO_LARGE)
        return answer.status == _TOO_LARGE

    for size in _SIZES:
        if await refused(size + 1):
            await refused(size)
            break
    note("done")


_TOO_LARGE = 413
