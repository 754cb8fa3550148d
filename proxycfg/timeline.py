"""What was seen when: the events of a measurement, in order, and their form as JSON lines. Pure: whoever judges needs no more than this.

A recording is one event a line, such as ``{"at": 0.31, "exchange": 1, "what": "piece", "bytes": 12, "messages": 1}``: seconds since the
measurement began, which exchange it belongs to (0 for the measurement itself), what happened, and the facts about it. The first event is
``probe``: which one recorded it, and what it was told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from proxycfg.errors import InvalidInput, Problem
from proxycfg.source import Source, Span
from proxycfg.units import short

_OWN = frozenset({"at", "exchange", "what"})


class Event(NamedTuple):
    """One thing that happened: seconds since the beginning, in which exchange, what, and the facts by name (plain JSON values)."""

    at: float
    exchange: int
    what: str
    facts: Mapping[str, Any]

    def to_json(self) -> dict[str, object]:
        """One object; the facts stand beside the rest."""
        return {"at": self.at, "exchange": self.exchange, "what": self.what, **self.facts}


Timeline = tuple[Event, ...]


def to_lines(timeline: Iterable[Event]) -> str:
    """The recording as text."""
    return "".join(f"{json.dumps(event.to_json(), ensure_ascii=False)}\n" for event in timeline)


def from_lines(source: Source) -> Timeline:
    """A recording that somebody kept.

    :raises InvalidInput: if it is none, with the lines that are wrong.
    """
    problems: list[Problem] = []
    events: list[Event] = []
    for number, line in enumerate(source.text.splitlines(), 1):
        if not line.strip():
            continue
        event = _event(line)
        if event is None:
            problems.append(_problem(source, number, line, "this line is no event of a recording"))
        else:
            events.append(event)
    if not problems and (not events or events[0].what != "probe"):
        problems.append(_problem(source, 1, "", "a recording begins with an event `probe`"))
    if problems:
        raise InvalidInput(problems)
    return tuple(events)


def _problem(source: Source, number: int, line: str, message: str) -> Problem:
    span = Span(source.name, number, 1, number, len(line) + 1)
    return Problem(span, message, "give a file that --record has written", short(line, 200))


def event_of(told: Mapping[str, Any]) -> Event:
    """An event that has been through JSON.

    :raises KeyError: if it is none.
    """
    facts = {name: value for name, value in told.items() if name not in _OWN}
    return Event(told["at"], told["exchange"], told["what"], facts)


def _event(line: str) -> Event | None:
    try:
        read = json.loads(line)
    except ValueError:
        return None
    if not isinstance(read, dict):
        return None
    at, exchange, what = read.get("at"), read.get("exchange"), read.get("what")
    right = (
        isinstance(at, (int, float))
        and not isinstance(at, bool)
        and isinstance(exchange, int)
        and isinstance(what, str)
    )
    return event_of(read) if right else None


def of_exchange(timeline: Iterable[Event], exchange: int) -> Iterator[Event]:
    """The events of one exchange."""
    return (event for event in timeline if event.exchange == exchange)


def parts(timeline: Timeline) -> list[Timeline]:
    """A recording of several probes, which have clocks of their own, in its parts: each begins with the event ``probe``."""
    found: list[list[Event]] = []
    for event in timeline:
        if event.what == "probe" or not found:
            found.append([])
        found[-1].append(event)
    return [tuple(part) for part in found]


def delivery(timeline: Timeline) -> Timeline:
    """The part that shows how messages arrive: all of a recording by a client alone."""
    found = parts(timeline)
    return next((part for part in found if part[0].facts.get("probe") == "stalls"), found[0] if found else ())
