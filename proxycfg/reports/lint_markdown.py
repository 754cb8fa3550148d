"""The result of a lint as Markdown: for a comment on a pull request, or the summary of a job."""

from __future__ import annotations

import re
from collections.abc import Iterator

from proxycfg.report import Report
from proxycfg.reports.lint_text import summary

_MARKS = {"error": "🛑", "warning": "⚠️", "info": "💡"}


def render(report: Report) -> str:
    """A heading, what cannot be read, and a table of the findings."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "## proxycfg lint"
    yield ""
    yield f"{summary(report)}."
    if report.errors:
        yield ""
        yield from (f"- 🛑 `{code(str(problem.span))}` {cell(problem.message)}" for problem in report.errors)
    if report.findings:
        yield ""
        yield "| | where | rule | what | why |"
        yield "| --- | --- | --- | --- | --- |"
    for finding in report.findings:
        fix = f" Fix: {finding.fix.title}." if finding.fix else ""
        yield (
            f"| {_MARKS[finding.severity]} | `{code(str(finding.span))}` | `{finding.rule}` "
            f"| {cell(finding.message)} | {cell(finding.why + fix)} |"
        )


def cell(text: str) -> str:
    """Text in a table: it cannot become a tag, a link or another cell."""
    # What stands in backquotes is shown as it is; the rest must not become a tag, a link or another cell.
    parts = re.split(r"(`[^`]*`)", text.replace("\n", " "))
    return "".join(
        part.replace("|", "\\|") if part.startswith("`") else re.sub(r"([\\\[\]<>*_|#])", r"\\\1", part)
        for part in parts
    )


def code(text: str) -> str:
    """Text between backquotes."""
    return text.replace("`", "'").replace("|", "\\|").replace("\n", " ")
