"""The result of a lint as JUnit XML, as Jenkins, GitLab and Azure read it: a test case for each file, failed once for each finding."""

from __future__ import annotations

import re
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
        cases += [_case(name, finding.rule, _failure(finding)) for finding in found]
        cases += [
            _case(
                name,
                "readable",
                f'<error message={_attribute(problem.message)} type="unreadable">{_text(str(problem))}</error>',
            )
            for problem in broken
        ]
        if not found and not broken:
            cases.append(_case(name, "proxycfg lint", ""))
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{errors}"'
    body = "".join(f"    {case}\n" for case in cases)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="proxycfg" {counts}>\n'
        f'  <testsuite name="proxycfg lint" {counts}>\n{body}  </testsuite>\n</testsuites>\n'
    )


def _case(name: str, what: str, inside: str) -> str:
    head = f"<testcase classname={_attribute(name)} name={_attribute(what)}"
    return f"{head}>{inside}</testcase>" if inside else f"{head}/>"


def _failure(finding: Finding) -> str:
    text = f"{finding.span}: {finding.message}\n{finding.why}"
    return f'<failure message={_attribute(finding.message)} type="{finding.severity}">{_text(text)}</failure>'


def _attribute(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("?", text))


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("?", text))
