"""The result of a lint as workflow commands, which GitHub shows beside the lines of a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions. It shows ten of a kind for each step; the job's summary
(:mod:`~proxycfg.reports.lint_markdown`) has them all.
"""

from __future__ import annotations

from proxycfg.errors import Problem, printable
from proxycfg.finding import Finding, Severity
from proxycfg.report import Report

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: Report) -> str:
    """One line for each error and finding."""
    lines = [*map(_error, report.errors), *map(_finding, report.findings)]
    return "".join(f"{line}\n" for line in lines)


def _error(problem: Problem) -> str:
    span = problem.span
    text = f"{problem.message}; {problem.instead}" if problem.instead else problem.message
    return f"::error file={_property(span.file)},line={span.line},col={span.column},title=unreadable::{_data(text)}"


def _finding(finding: Finding) -> str:
    span = finding.span
    place = f"file={_property(span.file)},line={span.line},endLine={span.end_line},col={span.column},endColumn={span.end_column}"
    lines = [finding.message, finding.why, *([f"Fix: {finding.fix.title}"] if finding.fix else [])]
    text = "\n".join(filter(None, lines))
    return f"::{_COMMANDS[finding.severity]} {place},title={_property(finding.rule)}::{_data(text)}"


def _data(text: str) -> str:
    # A log is shown at a terminal, too.
    text = "\n".join(printable(line) for line in text.split("\n"))
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
