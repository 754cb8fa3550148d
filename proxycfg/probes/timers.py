"""Timers where several may end the same stream: a silence is measured beside a life without one, so that they are told apart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proxycfg.lab.bench import Bench
from proxycfg.lab.probe import (
    AtLeast,
    Spent,
    Target,
    Values,
    Within,
    content_type,
    judged_by,
    noted,
    spent_facts,
    spent_of,
)
from proxycfg.lab.tape import note
from proxycfg.probes.answers import silent
from proxycfg.probes.calls import handshake
from proxycfg.probes.silence import lasts
from proxycfg.timeline import Timeline


@dataclass(frozen=True)
class Held:
    """How long something was borne: ``spent`` from when it began, and ``since`` the request was sent, by which other timers go."""

    spent: Spent
    since: Spent

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        return {"spent": spent_facts(self.spent), "since": spent_facts(self.since)}


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
    """How long silence is borne, where a stream that is never silent lives for so long: what ends both tells nothing of the silence but that.

    A flood takes time, too: where nobody has watched the other stream for as long, it may have been the end of that.
    """
    if not isinstance(idle.since, Within) or not isinstance(idle.spent, Within):
        return idle.spent
    if idle.since.high + _TARDY < _least(life.since):
        return idle.spent
    return AtLeast(max(0.0, min(idle.spent.low, _least(life.spent)) - _TARDY))


def _least(spent: Spent) -> float:
    return spent.low if isinstance(spent, Within) else spent.least


def _held_of(seen: Timeline) -> dict[str, Held]:
    """What was measured, by what happened in it."""
    return {facts["case"]: Held(spent_of(facts["spent"]), spent_of(facts["since"])) for facts in noted(seen, "held")}


def _keep(**held: Held | None) -> None:
    for case, each in held.items():
        if each is not None:
            note("held", case=case, **each.facts())


def _told_apart(seen: Timeline) -> Values:
    held = _held_of(seen)
    if not {"life", "silence"} <= held.keys():
        return {}
    values: Values = {
        "total_timeout": held["life"].since,
        "upstream_idle_timeout": unless(held["silence"], held["life"]),
    }
    return values | {"send_timeout": unless(held["unread"], held["life"])} if "unread" in held else values


@judged_by(_told_apart)
async def timers(bench: Bench, target: Target) -> None:
    """Streams that are silent, that talk, and that nobody reads, side by side."""
    if target.protocol == "websocket":
        return
    life, silence, unread = await asyncio.gather(
        _stream(bench, target, talks=True), _stream(bench, target), _unread(bench, target)
    )
    _keep(life=life, silence=silence, unread=unread)


def _paused(seen: Timeline) -> Values:
    held = _held_of(seen)
    both = {"life", "silence"} <= held.keys()
    return {"client_idle_timeout": unless(held["silence"], held["life"])} if both else {}


@judged_by(_paused)
async def uploads(bench: Bench, target: Target) -> None:
    """Uploads that pause, and that never do."""
    if target.protocol == "websocket" or not target.posts:
        return
    life, silence = await asyncio.gather(_upload(bench, target, talks=True), _upload(bench, target))
    _keep(life=life, silence=silence)


def _mute(seen: Timeline) -> Values:
    held = _held_of(seen)
    if not {"life", "silence"} <= held.keys():
        return {}
    idle = unless(held["silence"], held["life"])
    return {"total_timeout": held["life"].since, "upstream_idle_timeout": idle, "client_idle_timeout": idle}


@judged_by(_mute)
async def sockets(bench: Bench, target: Target) -> None:
    """WebSockets that are silent, and that talk."""
    if target.protocol != "websocket" or not target.shakes:
        return
    life, silence = await asyncio.gather(_socket(bench, target, talks=True), _socket(bench, target))
    _keep(life=life, silence=silence)
