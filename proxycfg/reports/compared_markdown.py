"""Two measurements side by side, as Markdown that reads well at a terminal, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxycfg.behavior import properties
from proxycfg.compare import Change
from proxycfg.reports.lint_markdown import cell, code
from proxycfg.units import counted
from proxycfg.values import shown


def render(names: tuple[str, str], changes: Sequence[Change]) -> str:
    """What changes from the first to the second.

    :param names: of the two: configs, or versions of one engine.
    """
    return "\n".join(_lines(names, changes)) + "\n"


def _lines(names: tuple[str, str], changes: Sequence[Change]) -> Iterator[str]:
    matter = [change for change in changes if change.matters]
    yield f"## {cell(names[0])} → {cell(names[1])}"
    yield ""
    same = len(changes) - len(matter)
    yield f"{counted(len(matter), 'route')} of {len(changes)} {'fares' if len(matter) == 1 else 'fare'} otherwise; {same} as before."
    for change in matter:
        route = change.either.tried
        yield ""
        yield f"### `{code((route.host or '*') + route.path)}` ({route.protocol})"
        yield ""
        if change.before is None:
            yield "Only in the second."
        elif change.after is None:
            yield "Only in the first."
        else:
            verdicts = [each.verdict for each in (change.before, change.after)]
            yield f"Verdict: {' → '.join(verdicts) if verdicts[0] != verdicts[1] else f'{verdicts[0]}, as before'}."
            yield from _table(names, change)


def _table(names: tuple[str, str], change: Change) -> Iterator[str]:
    if not change.values:
        return
    yield ""
    yield f"| property | {cell(names[0])} | {cell(names[1])} | how that is known |"
    yield "| --- | --- | --- | --- |"
    for name, (before, after) in change.values.items():
        unit = properties()[name].unit
        known = before.text if before.text == after.text else f"{before.text}; then {after.text}"
        row = (shown(before.value, unit), shown(after.value, unit), known)
        yield f"| `{name}` | {' | '.join(map(cell, row))} |"
