"""Fixes put into effect: edits to texts. Overlapping ones wait for the next pass, when the texts have been read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from proxycfg.finding import Fix
from proxycfg.source import Edit


@dataclass(frozen=True, slots=True)
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


def _clash(edit: Edit, place: tuple[int, int], other: Edit, taken: tuple[int, int]) -> bool:
    if edit.span.file != other.span.file or edit == other:
        return False
    return place[0] < taken[1] and taken[0] < place[1]


def _starts(text: str) -> list[int]:
    # As the spans were made: only \n ends a line.
    return [0, *(at + 1 for at, char in enumerate(text) if char == "\n")]
