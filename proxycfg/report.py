"""What a run of the linter found: the one thing that every format prints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from proxycfg.errors import Problem
from proxycfg.finding import Finding
from proxycfg.record import field, record
from proxycfg.rule import Rule


@record(frozen=True, kw_only=True)
class Report:
    """Findings in the order of files and lines, what could not be read, and what was looked at.

    :param files: names of the files that were read.
    :param routes: how many routes they hold.
    :param ignored: findings that notes in the configs silence.
    :param known: findings that a baseline holds already.
    :param texts: the text of each file.
    """

    findings: tuple[Finding, ...] = ()
    errors: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()
    routes: int = 0
    ignored: int = 0
    known: int = 0
    rules: Mapping[str, Rule] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def _lines(self) -> dict[str, list[str]]:
        return {}

    def line(self, file: str, number: int) -> str:
        """The text of a line; empty if there is none."""
        if file not in self._lines:
            # Only \n ends a line, as for the spans.
            self._lines[file] = self.texts.get(file, "").split("\n")
        lines = self._lines[file]
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""

    @property
    def worst(self) -> int:
        """The rank of the worst finding; -1 if there is none."""
        return max((finding.severity.rank for finding in self.findings), default=-1)
