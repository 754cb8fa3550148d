"""Fixes put into effect: edits to texts. Overlapping ones wait for the next pass, when the texts have been read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from proxycfg.finding import Fix
from proxycfg.lint import Options, lint
from proxycfg.record import record
from proxycfg.report import Report
from proxycfg.rule import Scene
from proxycfg.source import Edit


@record(frozen=True, slots=True)
class Applied:
    """The texts after the fixes that could be made, and how many these were."""

    texts: Mapping[str, str]
    count: int


def apply(texts: Mapping[str, str], fixes: Iterable[Fix]) -> Applied:
    """Make every fix, whole or not at all; one that overlaps an earlier one is left out.

    Two that insert at the same place stand there in the order of ``fixes``; an edit that another fix makes just so is made once.
    """
    edits: dict[Edit, tuple[int, int]] = {}
    starts = {name: _starts(text) for name, text in texts.items()}
    count = 0
    for fix in fixes:
        placed: dict[Edit, tuple[int, int]] = {}
        for edit in fix.edits:
            lines = starts[edit.span.file]
            first = lines[edit.span.line - 1] + edit.span.column - 1
            placed[edit] = (first, lines[edit.span.end_line - 1] + edit.span.end_column - 1)
        if any(_clash(edit, place, other, taken) for edit, place in placed.items() for other, taken in edits.items()):
            continue
        edits |= placed
        count += 1
    changed = dict(texts)
    # From the end, so that the places before stay; of insertions at one place the last goes first.
    order = sorted(enumerate(edits.items()), key=lambda item: (item[1][1], item[0]), reverse=True)
    for _, (edit, (first, last)) in order:
        text = changed[edit.span.file]
        changed[edit.span.file] = text[:first] + edit.text + text[last:]
    return Applied(changed, count)


MAX_PASSES = 20
"""More are needed only where fixes undo one another."""


def repair(
    look: Callable[[Mapping[str, str]], Sequence[Scene]], options: Options, *, unsafe: bool
) -> tuple[Report, dict[str, str], int]:
    """Fix what can be fixed, look again, and so on until nothing changes.

    :param look: reads the configs, with these texts in place of those that some files have.
    :param unsafe: also fixes that touch more than one route.
    :returns: what is left, the new texts by file, and how many fixes were made.
    """
    texts: dict[str, str] = {}
    count = 0
    report = lint(look(texts), options)
    for _ in range(MAX_PASSES):
        fixes = [finding.fix for finding in report.findings if finding.fix and (unsafe or finding.fix.safe)]
        applied = apply(report.texts, dict.fromkeys(fixes))
        changed = {name: text for name, text in applied.texts.items() if text != report.texts[name]}
        if not changed:
            break
        texts |= changed
        count += applied.count
        report = lint(look(texts), options)
    return report, texts, count


def _clash(edit: Edit, place: tuple[int, int], other: Edit, taken: tuple[int, int]) -> bool:
    if edit.span.file != other.span.file or edit == other:
        return False
    if place == taken and place[0] == place[1]:
        # Two things put into one place stand one behind the other, unless they are of one name.
        return edit.text.split()[:1] == other.text.split()[:1]
    return place[0] < taken[1] and taken[0] < place[1]


def _starts(text: str) -> list[int]:
    # As the spans were made: only \n ends a line.
    return [0, *(at + 1 for at, char in enumerate(text) if char == "\n")]
