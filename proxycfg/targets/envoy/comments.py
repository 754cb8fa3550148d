"""Comments in YAML that speak to us: ``# proxycfg: …``. YAML parsers throw them away, so they are looked for in the lines that hold such words."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from proxycfg.errors import Problem
from proxycfg.note import Note, read_note
from proxycfg.source import Span
from proxycfg.streams import MARK

if TYPE_CHECKING:
    from proxycfg.yamldoc import Node, Trees

_COMMENT = re.compile(rf"(?:^|(?<=\s))#(?=\s*{MARK})")


class Comment(NamedTuple):
    """A comment, without its ``#``.

    :param line: the line that it speaks of: its own, or the next one where it stands alone.
    :param removal: what to cut out of the text to be rid of it, blanks and line included.
    """

    text: str
    span: Span
    line: int
    removal: Span


def comments(trees: Trees) -> Iterator[Comment]:
    """Those of a file that speak to us, in order."""
    if MARK not in trees.source.text:
        return
    inside = _Texts(trees)
    name, lines = trees.source.name, trees.lines
    after = _lines_after(lines)
    for at, line in enumerate(lines, 1):
        if MARK not in line:
            continue
        for match in _COMMENT.finditer(line):
            column = match.start() + 1
            if inside.covers(at, column):
                continue
            span = Span(name, at, column, at, len(line) + 1)
            lead = line[: match.start()]
            if lead.strip():
                yield Comment(line[match.end() :], span, at, span._replace(column=len(lead.rstrip()) + 1))
                break
            below = after[at]
            removal = Span(name, at, 1, at + 1, 1) if at < len(lines) else span._replace(column=1)
            yield Comment(line[match.end() :], span, below, removal)
            break


def _lines_after(lines: list[str]) -> list[int]:
    """For each line, by its number, the next one that is no comment: other comments may stand between."""
    after = [0] * (len(lines) + 1)
    plain = len(lines) + 1
    for at in range(len(lines), 0, -1):
        after[at] = plain
        if not lines[at - 1].lstrip().startswith("#"):
            plain = at
    return after


class _Texts:
    """Where scalars stand that a ``#`` can be part of: those of several lines, and those on lines with our words."""

    def __init__(self, trees: Trees) -> None:
        self.spans: list[tuple[tuple[int, int], tuple[int, int]]] = []
        known: set[int] = set()
        todo: list[Node] = list(trees.roots)
        while todo:
            node = todo.pop()
            if node.kind == "scalar":
                span = node.span
                if span.end_line > span.line or MARK in node.raw:
                    self.spans.append(((span.line, span.column), (span.end_line, span.end_column)))
            elif id(node.children) not in known:
                # What an anchor is at stands there once, however often it is repeated.
                known.add(id(node.children))
                todo += [each for _, each in node.children.values()]
        self.spans.sort()
        self.starts = [start for start, _ in self.spans]

    def covers(self, line: int, column: int) -> bool:
        at = bisect_right(self.starts, (line, column)) - 1
        return at >= 0 and (line, column) < self.spans[at][1]


def notes(trees: Trees) -> Iterator[Note | Problem]:
    """The comments that silence rules, and those that mean to and cannot be read."""
    for comment in comments(trees):
        note = read_note(comment.text, comment.span, comment.line, comment.removal)
        if note is not None:
            yield note
