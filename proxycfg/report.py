"""What a run of the linter found: the one thing that every format prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxycfg.errors import Problem
from proxycfg.finding import Finding
from proxycfg.rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Findings in the order of files and lines, what could not be read, and what was looked at.

    :param files: names of the files that were read.
    :param routes: how many routes they hold.
    :param ignored: findings that notes in the configs silence.
    :param known: findings that a baseline holds already.
    :param lines: the text of a line, for formats that show it: (file, number) → text.
    """

    findings: tuple[Finding, ...] = ()
    errors: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()
    routes: int = 0
    ignored: int = 0
    known: int = 0
    rules: Mapping[str, Rule] = field(default_factory=dict)
    lines: Mapping[tuple[str, int], str] = field(default_factory=dict)

    @property
    def worst(self) -> int:
        """The rank of the worst finding; -1 if there is none."""
        return max((finding.severity.rank for finding in self.findings), default=-1)
