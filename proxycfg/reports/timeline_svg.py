"""A recorded timeline as a picture: a row for each exchange, what was sent and what came on one axis of seconds, silences and cuts.

The picture has a title and a description for those who do not see it; its colours are those of the page that it stands in.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import pairwise

from proxycfg.timeline import Event, Timeline, of_exchange
from proxycfg.units import counted

STYLE = """\
svg.timeline { min-width: 44rem; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg.timeline text { fill: var(--text); } svg.timeline .dim { fill: var(--dim); }
svg.timeline .heading { paint-order: stroke; stroke: var(--back); stroke-width: 4px; }
svg.timeline line { stroke: var(--line); } svg.timeline .axis { stroke: var(--dim); }
svg.timeline .asked { fill: var(--asked); } svg.timeline .came { fill: var(--came); stroke: none; }
svg.timeline .head { fill: none; stroke: var(--came); stroke-width: 2; }
svg.timeline .said { fill: var(--said); } svg.timeline .gap { fill: var(--gap); }
svg.timeline .cut { stroke: var(--bad); stroke-width: 3; } svg.timeline text.bad { fill: var(--bad); font-weight: 600; }
@media print { svg.timeline { min-width: 0; } }
"""
"""What a page puts beside its own colours: ``--text --dim --back --line --asked --came --said --gap --bad``."""

_WIDTH, _LEFT, _RIGHT = 960, 112, 848
_LANE, _HEADING, _AXIS = 26, 22, 24
_BROKEN = frozenset({"cut", "unanswered", "garbage", "refused"})
_ASKED = frozenset({"sent", "ping", "said", "closing", "client-piece", "client-end"})
_CAME = frozenset({"piece", "pong", "pinged", "trailers", "open"})
_ORIGIN = "origin-"
"""What the name of an event begins with that happened at the origin."""
_ENDINGS = {
    "left": "still open when the probe left", "complete": "complete", "cut": "cut", "unanswered": "closed without an answer",
    "enough": "left, having seen enough", "garbage": "no HTTP", "refused": "refused",
}  # fmt: skip


def picture(timeline: Timeline, ident: str) -> str:
    """The picture as an SVG element; ``ident`` begins the ids of its title and description, and is unique on its page."""
    numbers = sorted({event.exchange for event in timeline} - {0})
    span = max((event.at for event in timeline), default=0.0) or 1.0
    rows: list[str] = []
    said: list[str] = []
    top = 0
    for number in numbers:
        events = tuple(of_exchange(timeline, number))
        lanes = _lanes(events)
        rows.append("".join(_row(events, lanes, span, top)))
        said.append(described(events))
        top += _HEADING + _LANE * max(1, len(lanes)) + 6
    height = top + _AXIS
    return (
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="{ident}-t {ident}-d">'
        f'<title id="{ident}-t">What was sent and what came, over {span:.1f} seconds</title>'
        f'<desc id="{ident}-d">{escape(" ".join(said))}</desc>{"".join(_axis(span, top))}{"".join(rows)}</svg>'
    )


def described(events: Sequence[Event]) -> str:
    """One exchange in a sentence."""
    missed = next((event for event in events if event.what == "unreached"), None)
    if missed:
        return f"{spoken(events)}: no connection, {missed.facts.get('said', '')}."
    asked = next((event for event in events if event.what == "sent"), None)
    if asked is None:
        return f"{spoken(events)}: nothing was asked."
    parts = [f"{spoken(events)}: asked at {asked.at:.2f} s"]
    head = next((event for event in events if event.what == "head"), None)
    parts.append(f"answered {head.facts.get('status')} after {head.at - asked.at:.2f} s" if head else "not answered")
    came = [event for event in events if event.what == "piece"]
    if came:
        messages = sum(int(event.facts.get("messages", 0)) for event in came)
        parts.append(f"{counted(messages, 'message')} from {came[0].at:.2f} s to {came[-1].at:.2f} s")
    end = next((event for event in events if event.what == "end"), None)
    if end:
        parts.append(f"{_ENDINGS.get(str(end.facts.get('how')), 'ended')} at {end.at:.2f} s")
    return ", ".join(parts) + "."


def spoken(events: Iterable[Event]) -> str:
    """What was spoken in an exchange."""
    transport = next((str(event.facts["transport"]) for event in events if "transport" in event.facts), "")
    names = {
        "http/1.1": "HTTP/1.1",
        "http/1.1+tls": "HTTP/1.1 over TLS",
        "2": "HTTP/2 over TLS",
        "2+clear": "cleartext HTTP/2",
    }
    return names.get(transport, transport or "exchange")


def _lanes(events: Sequence[Event]) -> list[str]:
    """The sides of which something is known, from the origin to the client."""
    return [*(["origin"] if any(event.what.startswith(_ORIGIN) for event in events) else []), "client"]


def _x(at: float, span: float) -> float:
    return round(_LEFT + at / span * (_RIGHT - _LEFT), 1)


def _axis(span: float, height: int) -> Iterator[str]:
    step = next((step for step in _STEPS if span / step <= _MOST_STEPS), math.ceil(span / _MOST_STEPS))
    for number in range(int(span / step) + 1):
        at = number * step
        x = _x(at, span)
        yield f'<line x1="{x}" y1="0" x2="{x}" y2="{height}"/>'
        yield f'<text class="dim" x="{x}" y="{height + 16}" text-anchor="middle">{at:g} s</text>'


_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
_MOST_STEPS = 10


def _row(events: Sequence[Event], lanes: Sequence[str], span: float, top: int) -> Iterator[str]:
    yield f'<text class="heading" x="0" y="{top + 15}">{escape(described(events))}</text>'
    for index, lane in enumerate(lanes):
        middle = top + _HEADING + _LANE * index + _LANE // 2
        yield f'<text class="dim" x="0" y="{middle + 4}">{lane}</text>'
        own = [event for event in events if event.what.startswith(_ORIGIN) is (lane == "origin")]
        if lane == "origin":
            yield from _marks(((event.at for event in own)), span, middle, "said")
        else:
            yield from _client(own, span, middle)


def _client(events: Sequence[Event], span: float, middle: int) -> Iterator[str]:
    began = next((event.at for event in events if event.what == "sent"), None)
    if began is None:
        return
    end = next((event for event in events if event.what == "end"), None)
    last = end.at if end else events[-1].at
    yield f'<line class="axis" x1="{_x(began, span)}" y1="{middle}" x2="{_x(last, span)}" y2="{middle}"/>'
    signs = [began, *(event.at for event in events if event.what in _CAME or event.what == "head"), last]
    for earlier, later in pairwise(sorted(signs)):
        yield from _gap(earlier, later, span, middle)
    for event in events:
        x = _x(event.at, span)
        if event.what in _ASKED:
            title = f"{event.what} at {event.at:.2f} s"
            yield f'<path class="asked" d="M{x - 4} {middle - 7}l9 7l-9 7z"><title>{escape(title)}</title></path>'
        elif event.what == "head":
            title = f"status {event.facts.get('status')} at {event.at:.2f} s"
            yield f'<circle class="head" cx="{x}" cy="{middle}" r="6"><title>{escape(title)}</title></circle>'
    yield from _marks((event.at for event in events if event.what in _CAME), span, middle, "came")
    if end is not None:
        yield from _end(str(end.facts.get("how")), _x(last, span), middle)


def _gap(earlier: float, later: float, span: float, middle: int) -> Iterator[str]:
    """A silence that is worth a look."""
    if later - earlier < max(0.3, span / 12):
        return
    left, right = _x(earlier, span), _x(later, span)
    yield f'<rect class="gap" x="{left}" y="{middle - 9}" width="{round(right - left, 1)}" height="18"/>'
    yield f'<text class="dim" x="{round((left + right) / 2, 1)}" y="{middle + 4}" text-anchor="middle">{later - earlier:.1f} s of silence</text>'


def _marks(times: Iterable[float], span: float, middle: int, kind: str) -> Iterator[str]:
    """A bar for what happened at about the same time: the more, the higher."""
    counts = Counter(round(_x(at, span)) for at in times)
    for x, count in sorted(counts.items()):
        height = min(20, 8 + 4 * math.log2(count))
        yield f'<rect class="{kind}" x="{x - 1}" y="{middle - height / 2:.1f}" width="3" height="{height:.1f}"><title>{count}</title></rect>'


def _end(how: str, x: float, middle: int) -> Iterator[str]:
    if how in _BROKEN:
        yield f'<path class="cut" d="M{x - 6} {middle - 8}l12 16m0 -16l-12 16"/>'
    kind = "bad" if how in _BROKEN else "dim"
    word = {"left": "open", "enough": "open", "complete": "end"}.get(how, how)
    yield f'<text class="{kind}" x="{x + 10}" y="{middle + 4}">{escape(word)}</text>'
