"""The result of a lint as JUnit XML, as Jenkins, GitLab and Azure read it: a test case for each file, failed once for each finding."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from proxycfg.finding import Finding
from proxycfg.report import Report

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold in any form."""


def render(report: Report) -> str:
    """One suite; a file without findings is a test that passed."""
    cases: list[str] = []
    failures = errors = 0
    for name in sorted({*report.files, *(problem.span.file for problem in report.errors)}):
        found = [finding for finding in report.findings if finding.span.file == name]
        broken = [problem for problem in report.errors if problem.span.file == name]
        failures += len(found)
        errors += len(broken)
        cases += [case(name, finding.rule, failure(finding)) for finding in found]
        cases += [
            case(
                name,
                "readable",
                f'<error message={attribute(problem.message)} type="unreadable">{_text(str(problem))}</error>',
            )
            for problem in broken
        ]
        if not found and not broken:
            cases.append(case(name, "proxycfg lint", ""))
    return suite("proxycfg lint", cases, failures=failures, errors=errors)


def suite(title: str, cases: Sequence[str], *, failures: int, errors: int, skipped: int = 0) -> str:
    """The whole file."""
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{errors}"'
    if skipped:
        counts += f' skipped="{skipped}"'
    body = "".join(f"    {each}\n" for each in cases)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="proxycfg" {counts}>\n'
        f"  <testsuite name={attribute(title)} {counts}>\n{body}  </testsuite>\n</testsuites>\n"
    )


def case(name: str, what: str, inside: str) -> str:
    """One test; what is inside says how it ended, nothing that it passed."""
    head = f"<testcase classname={attribute(name)} name={attribute(what)}"
    return f"{head}>{inside}</testcase>" if inside else f"{head}/>"


def failure(finding: Finding) -> str:
    """A finding, as what a test failed of."""
    text = f"{finding.span}: {finding.message}\n{finding.why}"
    return f'<failure message={attribute(finding.message)} type="{finding.severity}">{_text(text)}</failure>'


def attribute(text: str) -> str:
    """A value between quotes."""
    return quoteattr(_FORBIDDEN.sub("?", text))


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("?", text))
