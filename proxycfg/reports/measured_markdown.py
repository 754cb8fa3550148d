"""What was measured, as Markdown: for a comment on a pull request, the summary of a job, or a bug report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxycfg.behavior import properties
from proxycfg.measured import Measured
from proxycfg.reports.lint_markdown import cell, code
from proxycfg.reports.timeline_svg import described
from proxycfg.timeline import delivery, of_exchange
from proxycfg.values import needed, shown, value_of

_MARKS = {"pass": "✅", "fail": "🛑", "skipped": "⏭️"}


def render(title: str, routes: Sequence[Measured]) -> str:
    """A heading, a table of the routes, and what was found of each."""
    return "\n".join(_lines(title, routes)) + "\n"


def _lines(title: str, routes: Sequence[Measured]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield "| | route | protocol | findings |"
    yield "| --- | --- | --- | --- |"
    for route in routes:
        rules = ", ".join(f"`{finding.rule}`" for finding in route.findings) or cell(route.reason) or "none"
        yield f"| {_MARKS[route.verdict]} {route.verdict} | `{code(route.tried.request)}` | {route.tried.protocol} | {rules} |"
    for route in routes:
        yield ""
        yield f"### {_MARKS[route.verdict]} `{code(route.tried.request)}`"
        yield from _route(route)


def _route(route: Measured) -> Iterator[str]:
    predicted = route.tried.predicted
    for finding in route.findings:
        yield ""
        yield f"- **{finding.severity}** `{code(str(finding.span))}` {cell(finding.message)} {cell(finding.why)}"
    for each in route.disagreements:
        unit = properties()[each.name].unit
        predicted_as, is_ = cell(shown(each.predicted, unit)), cell(shown(each.measured.value, unit))
        yield ""
        yield f"- **A bug of proxycfg**: `{each.name}` is predicted as {predicted_as} by `{code(each.decided_by.text)}`, and measured as {is_}:"
        yield f"  {cell(each.measured.text)}"
    shown_part = delivery(route.timeline)
    numbers = sorted({event.exchange for event in shown_part} - {0})
    if numbers:
        yield ""
        yield from (f"- {cell(described(tuple(of_exchange(shown_part, number))))}" for number in numbers)
    known = [name for name in properties() if name in route.known]
    if known:
        yield ""
        yield f"| property |{' predicted |' if predicted else ''} measured | needed | how that is known |"
        yield f"| --- |{' --- |' if predicted else ''} --- | --- | --- |"
    for name in known:
        said = [shown(getattr(predicted.behavior, name), properties()[name].unit)] if predicted else []
        cells = [*said, value_of(route.route, name), needed(name, route.need), route.route.reading.evidence[name].text]
        yield f"| `{name}` | {' | '.join(map(cell, cells))} |"
    if route.tried.reproduce:
        yield ""
        yield f"Again: `{code(route.tried.reproduce)}`"
