"""What a probe on a bench is: a driver, which asks and answers and notes what it sees, and a judge, which is pure.

The driver holds both ends of each exchange. Where something must *not* happen, it does not wait for it: both ends are in lock-step with the proxy
(:meth:`~proxycfg.lab.bench.Bench.caught_up`). What is left to a clock are the proxy's own timers, and they are measured by the proxy's own clock:
between which two of its times it happened. A machine under load widens that range; it cannot make one value look like another.

The judge is given what was noted, and nothing else, so that a recording can be judged again. Whatever keeps a driver from coming to its end leaves
no note of an end, and so nothing is concluded.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec

from proxycfg.behavior import Between, at_least, exactly
from proxycfg.lab.bench import Ask, Bench
from proxycfg.lab.tape import Tape, running
from proxycfg.protocols import protocols
from proxycfg.timeline import Timeline

Values = dict[str, Any]
"""Property → what was measured: a plain value, :class:`AtLeast` or :class:`Within`."""


@dataclass(frozen=True)
class AtLeast:
    """A number that is so large or larger."""

    least: float


@dataclass(frozen=True)
class Within:
    """A number between two."""

    low: float
    high: float


Spent = Within | AtLeast
"""How long something was borne, in seconds."""


def spent_facts(spent: Spent) -> dict[str, float | None]:
    """As plain values; no high end is null."""
    if isinstance(spent, AtLeast):
        return {"least": spent.least}
    return {"low": spent.low, "high": None if spent.high == math.inf else spent.high}


def spent_of(facts: Mapping[str, Any]) -> Spent:
    """Back again."""
    if "least" in facts:
        return AtLeast(facts["least"])
    return Within(facts["low"], math.inf if facts["high"] is None else facts["high"])


def range_of(value: Any) -> Between[Any]:
    """A measured value as the range of what it may be."""
    if isinstance(value, AtLeast):
        return at_least(value.least)
    return Between(value.low, value.high) if isinstance(value, Within) else exactly(value)


@dataclass(frozen=True)
class Target:
    """A route and the request that leads to it.

    :param asks: by port of the server, the same request through it; only ports that lead to the same route.
    :param protocol: what the route is declared to carry.
    :param straight: whether the request comes there without a detour, so that limits of other places do not apply.
    :param posts: whether a POST ends there as well.
    :param shakes: whether a WebSocket handshake does; an ``if`` may send it elsewhere.
    :param complete: whether every port of the server leads there.
    :param one_group: whether its requests go to one group of servers, and none by chance to another.
    """

    place: str
    ask: Ask
    asks: tuple[Ask, ...]
    protocol: str
    straight: bool
    posts: bool
    shakes: bool
    complete: bool
    one_group: bool = True


def content_type(target: Target) -> str:
    """The type of a stream's answers; of events where nobody says what it is."""
    known = protocols().get(target.protocol or "sse")
    return (known.content_types if known and known.content_types else ("text/event-stream",))[0]


Judge = Callable[[Timeline], Values]
P = ParamSpec("P")


class Probe:
    """A driver and its judge, under the driver's name."""

    def __init__(self, drive: Callable[Concatenate[Bench, Target, ...], Awaitable[None]], judge: Judge) -> None:
        """``drive`` notes what ``judge`` needs."""
        self.drive, self.judge = drive, judge
        self.name = drive.__name__
        self.__doc__ = drive.__doc__

    async def recorded(self, bench: Bench, target: Target, *more: Any, watch: bool = True) -> Timeline:
        """Drive it, and give what was noted.

        :param watch: whether all that comes and goes is noted, too, for people to look at.
        :raises OSError: if a transport is not to be had.
        """
        tape = Tape(watch=watch)
        with running(tape):
            await self.drive(bench, target, *more)
        return tuple(tape.events)

    async def __call__(self, bench: Bench, target: Target, *more: Any) -> Values:
        """What comes of it.

        :raises OSError: if a transport is not to be had.
        """
        return self.judge(await self.recorded(bench, target, *more, watch=False))


def judged_by(judge: Judge) -> Callable[[Callable[Concatenate[Bench, Target, P], Awaitable[None]]], Probe]:
    """Make a driver a probe."""
    return lambda drive: Probe(drive, judge)


def noted(timeline: Timeline, what: str) -> list[Mapping[str, Any]]:
    """The facts of every event of a kind."""
    return [event.facts for event in timeline if event.what == what]


def ended(timeline: Timeline) -> Mapping[str, Any] | None:
    """What a driver noted when it came to its end; None if it did not."""
    return next(iter(noted(timeline, "done")), None)


@dataclass(frozen=True)
class Kit:
    """The probes of a kind of proxy.

    :param quick: those whose time is that of the machine; one after another.
    :param slow: those that wait for timers; side by side.
    :param alone: those that nothing else may disturb, such as by taking a kept connection; after all others, one after another.
    :param single: those that are tried on one route of a config alone.
    :param unreachable: the one for a config whose origins take no connection, and ``streams`` that for one with its limits.
    :param measured_by: property → the probes that measure it, by name.
    """

    quick: tuple[Probe, ...]
    slow: tuple[Probe, ...]
    single: tuple[Probe, ...]
    unreachable: Probe
    streams: Probe
    measured_by: Mapping[str, tuple[str, ...]]
    alone: tuple[Probe, ...] = ()

    def every(self) -> dict[str, Probe]:
        """All of them by name."""
        several = (*self.quick, *self.slow, *self.single, *self.alone, self.unreachable, self.streams)
        return {probe.name: probe for probe in several}
