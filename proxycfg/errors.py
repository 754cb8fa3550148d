"""What can go wrong that is not our bug: the user's input (exit 2) and the surroundings (exit 3).

Both are raised where they are known, worded for people, and caught once, in ``cli``.
Anything else that escapes is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from proxycfg.record import record
from proxycfg.source import Span
from proxycfg.units import short

MAX_PROBLEMS = 100
"""So many are told of one input; nobody reads more before trying again."""
_LISTED = 20


@record(frozen=True, slots=True)
class Problem:
    """One thing wrong with the input: where, what, and what to write instead.

    ``excerpt`` is the offending line as it stands in the file, or empty where there is none.
    """

    span: Span
    message: str
    instead: str = ""
    excerpt: str = ""

    def __lt__(self, other: Problem) -> bool:
        """By place, then by what is said."""
        return self._order < other._order

    @property
    def _order(self) -> tuple[Span, str, str, str]:
        return self.span, self.message, self.instead, self.excerpt

    def __str__(self) -> str:
        """``file:line:column: message``, the line with a caret below it, and the remedy; nothing that a terminal would obey."""
        lines = [printable(f"{self.span}: {self.message}")]
        if self.excerpt.strip():
            lines += [f"  | {line}" for line in picture(self.excerpt, self.span)]
        if self.instead:
            lines.append(printable(f"  = {self.instead}"))
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        """An element of ``errors`` in every JSON format (contract section 3)."""
        place = {"line": self.span.line, "column": self.span.column}
        return {"file": self.span.file, **place, "message": self.message, "instead": self.instead}


def picture(line: str, span: Span) -> tuple[str, str]:
    """A line that ``span`` begins on, printable, and carets to go below it."""
    shown, column = _window(line, span.column)
    width = span.end_column - span.column if span.end_line == span.line else 1
    carets = "^" * max(1, min(width, len(shown) - column + 1))
    return shown, f"{_blank(shown[: column - 1])}{carets}"


def _window(line: str, column: int, width: int = 120) -> tuple[str, int]:
    """A printable piece of a possibly very long line, and the column inside that piece."""
    start = max(0, column - 1 - width // 2) if len(line) > width else 0
    piece = line[start : start + width]
    return printable(piece, " "), column - start


def _blank(text: str) -> str:
    """As many spaces as the text takes columns of a terminal."""
    if text.isascii():
        return " " * len(text)
    widths = (0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return " " * sum(widths)


def printable(text: str, otherwise: str = "?") -> str:
    """The text without what a terminal would obey."""
    return text if text.isprintable() else "".join(c if c.isprintable() else otherwise for c in text)


def suggest(word: str, known: Sequence[str]) -> str:
    """What was probably meant by a word that is not known, or all that could be."""
    from difflib import get_close_matches  # noqa: PLC0415 - most runs go well

    folded = {name.lower(): name for name in known}
    close = get_close_matches(short(word).lower(), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    listed = ", ".join(known[:_LISTED]) + (", …" if len(known) > _LISTED else "")
    return f"write {'one of ' if len(known) > 1 else ''}{listed}" if listed else "remove it"


class InvalidInput(Exception):
    """The input cannot be used as it is; holds every problem found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems sorted by place."""
        self.problems: tuple[Problem, ...] = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class BadUsage(Exception):
    """The command line asks for something that makes no sense; the text says what does."""


class CannotRun(Exception):
    """The machine lacks what the command needs; the text says what to install."""


class Unreadable(Exception):
    """A file that a config includes cannot be read; the text says why. Becomes a problem at the place of the include."""
