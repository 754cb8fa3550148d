"""Text under review, places in it, and changes to it."""

from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """A text and the name people know it by (a path as given, or ``<stdin>``)."""

    name: str
    text: str


class Span(NamedTuple):
    """A stretch of a file: lines and columns start at 1, the end is just past the last character."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        """The form that editors and terminals turn into a link."""
        return f"{self.file}:{self.line}:{self.column}"

    @classmethod
    def nowhere(cls, by: str) -> Span:
        """The place of what stands in no file, since a program supplies it: ``by`` is that program."""
        return cls(by, 0, 0, 0, 0)

    @property
    def stands(self) -> bool:
        """Whether it is a place in a file."""
        return self.line > 0

    @classmethod
    def whole(cls, file: str) -> Span:
        """The file itself, such as one that is not there: its first character stands for it, for every message has a place."""
        return cls(file, 1, 1, 1, 1)

    def to_json(self) -> dict[str, object]:
        """The ``location`` object of every JSON format (contract section 3)."""
        return {
            "file": self.file,
            "start": {"line": self.line, "column": self.column},
            "end": {"line": self.end_line, "column": self.end_column},
        }


class Edit(NamedTuple):
    """Replace the characters of ``span`` by ``text``."""

    span: Span
    text: str
