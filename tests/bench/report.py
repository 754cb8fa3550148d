"""What a part of the benchmark says: tables for people, bounds for the exit status, figures for ``--json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Bound:
    """One figure that must stay below a limit."""

    what: str
    value: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether it does; a figure that is no number holds nothing."""
        return self.value <= self.limit

    def __str__(self) -> str:
        return f"{'ok' if self.holds else 'BROKEN'}: {self.what}: {self.value:.4g}, at most {self.limit:g}"


@dataclass(slots=True)
class Part:
    """What one part measured: lines to print, bounds, and the same as plain data."""

    title: str
    lines: list[str] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table: the first column to the left, figures to the right."""
        every = [header, *rows]
        widths = [max(len(row[column]) for row in every) for column in range(len(header))]
        for row in every:
            first, *others = (f"{cell:{'>' if at else '<'}{widths[at]}}" for at, cell in enumerate(row))
            self.lines.append("  ".join([first, *others]).rstrip())
        self.lines.append("")

    def note(self, text: str) -> None:
        """Add a line below a table."""
        self.lines.append(text)

    def __str__(self) -> str:
        broken = [bound for bound in self.bounds if not bound.holds]
        held = f"{len(self.bounds) - len(broken)} of {len(self.bounds)} bounds hold"
        said = [*(f"skipped: {reason}" for reason in self.skipped), held, *map(str, broken)]
        return "\n".join([f"== {self.title}", "", *self.lines, *said])


def milliseconds(seconds: float, digits: int = 2) -> str:
    """Seconds as milliseconds, for a cell."""
    return f"{seconds * 1000:.{digits}f} ms"


def times(ratio: float) -> str:
    """A ratio, for a cell."""
    return f"×{ratio:.2f}"
