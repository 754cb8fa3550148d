"""What was measured, for people: each route with its verdict, what went wrong, a strip of its times, and what was learned of each property."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from proxycfg.behavior import Answer, properties
from proxycfg.finding import Finding, Severity
from proxycfg.measured import Measured
from proxycfg.need import shortfalls
from proxycfg.reports.style import Style, harmless
from proxycfg.timeline import Event, delivery
from proxycfg.values import needed, shown, value_of

_WIDTH = 100
_STRIP = 60
_COLORS = {"pass": "green", "fail": "red", "skipped": "yellow"}
_MARKS = {"pass": "✓", "fail": "✗", "skipped": "–"}
_SEVERITIES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def render(routes: Sequence[Measured], *, color: bool = False) -> str:
    """The whole report."""
    style = Style(color)
    lines = [line for route in routes for line in (*_route(route, style), "")]
    return "\n".join(map(harmless, lines)).rstrip() + "\n"


def _route(measured: Measured, style: Style) -> Iterator[str]:
    mark = style.paint(f"{_MARKS[measured.verdict]} {measured.verdict}", _COLORS[measured.verdict])
    yield f"{mark}  {style.paint(measured.tried.request, 'bold')}  {measured.route.protocol}"
    if measured.reason:
        yield from _wrapped(measured.reason, "  ")
    for finding in measured.findings:
        yield from _finding(finding, style)
    for each in measured.disagreements:
        unit = properties()[each.name].unit
        place = f" ({each.decided_by.span})" if each.decided_by.span else ""
        yield (
            f"  {style.paint('bug of proxycfg', 'yellow')} {each.name}: predicted {shown(each.predicted, unit)} by `{each.decided_by.text}`{place}, "
            f"measured {shown(each.measured.value, unit)}: {each.measured.text}"
        )
    yield ""
    yield from _strips(measured, style)
    yield from _table(measured, style)


def _finding(finding: Finding, style: Style) -> Iterator[str]:
    head = style.paint(f"{finding.severity}[{finding.rule}]", _SEVERITIES[finding.severity])
    yield f"  {head} {finding.message}"
    yield from _wrapped(finding.why, "    ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


# ---- the stream's times ----


def _strips(measured: Measured, style: Style) -> Iterator[str]:
    """A line for each exchange: when something came, on one axis of seconds."""
    events = [event for event in delivery(measured.timeline) if event.exchange]
    sent = {event.exchange: event for event in events if event.what == "sent"}
    if not sent:
        return
    span = max((event.at for event in events), default=0.0) or 1.0
    for number, asked in sent.items():
        own = [event for event in events if event.exchange == number and event.at >= asked.at]
        line = "".join(_cells(own, asked.at, span))
        transport = str(asked.facts["transport"])
        yield f"  {transport:<13}{style.paint(line, 'cyan')} {_ending(own)}"
    yield style.paint(f"  {'':<13}0 s{f'{span:.1f} s':>{_STRIP - 3}}   > asked, h head, • message, . nothing", "dim")
    yield ""


def _cells(events: Iterable[Event], began: float, span: float) -> list[str]:
    cells = [" "] * _STRIP
    first, last = _cell(began, span), 0
    for event in events:
        last = max(last, _cell(event.at, span))
    cells[first : last + 1] = "." * (last + 1 - first)
    for event in events:
        mark = {"sent": ">", "head": "h", "piece": "•", "pong": "•"}.get(event.what)
        at = _cell(event.at, span)
        if mark and cells[at] != "•":
            cells[at] = mark
    return cells


def _cell(at: float, span: float) -> int:
    return min(_STRIP - 1, int(at / span * _STRIP))


_ENDINGS = {
    "left": "still open", "complete": "complete", "cut": "cut", "unanswered": "closed without an answer", "enough": "more than enough",
    "garbage": "no HTTP", "refused": "refused",
}  # fmt: skip


def _ending(events: Iterable[Event]) -> str:
    end = next((event for event in events if event.what == "end"), None)
    return _ENDINGS.get(str(end.facts["how"]), "") if end else ""


# ---- the properties ----


def _table(measured: Measured, style: Style) -> Iterator[str]:
    answers = shortfalls(measured.need, measured.route.reading.behavior)
    names = [name for name in properties() if name in measured.known]
    if names:
        rows = [
            (
                name,
                value_of(measured.route, name),
                needed(name, measured.need),
                measured.route.reading.evidence[name].text,
            )
            for name in names
        ]
        widths = [max(len(row[at]) for row in [("property", "measured", "needed"), *rows]) for at in range(3)]
        yield style.paint(
            f"  {'property':<{widths[0]}}  {'measured':<{widths[1]}}  {'needed':<{widths[2]}}", "dim"
        ).rstrip()
        for name, value, need, text in rows:
            answer = answers.get(name, Answer.YES)
            how = {Answer.YES: "green", Answer.NO: "red", Answer.MAYBE: "yellow"}[answer] if need != "-" else ""
            yield f"  {name:<{widths[0]}}  {style.paint(f'{value:<{widths[1]}}', how)}  {need:<{widths[2]}}  {text}"
        yield ""
    unknown = [name for name in measured.need.wants if name not in measured.known]
    if unknown:
        yield style.paint("  not known from here:", "dim")
        yield from _wrapped(", ".join(unknown), "    ")
