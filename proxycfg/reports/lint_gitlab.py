"""The result of a lint as GitLab's code quality report: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format."""

from __future__ import annotations

import json
import posixpath

from proxycfg.baseline import fingerprints
from proxycfg.finding import Severity
from proxycfg.report import Report

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}


def render(report: Report) -> str:
    """A list of issues; what cannot be read is a blocker."""
    issues = [
        {
            "description": f"{finding.message}. {finding.why}" if finding.why else finding.message,
            "check_name": finding.rule,
            "fingerprint": fingerprint,
            "severity": _SEVERITIES[finding.severity],
            "location": _location(finding.span.file, finding.span.line, finding.span.end_line),
        }
        for finding, fingerprint in fingerprints(report)
    ]
    errors = [
        {
            "description": problem.message,
            "check_name": "unreadable",
            "fingerprint": f"{problem.span}",
            "severity": "blocker",
            "location": _location(problem.span.file, problem.span.line, problem.span.end_line),
        }
        for problem in report.errors
    ]
    return json.dumps([*errors, *issues], indent=2, ensure_ascii=False) + "\n"


def _location(file: str, begin: int, end: int) -> dict[str, object]:
    # GitLab knows no path that begins with ./
    return {"path": posixpath.normpath(file), "lines": {"begin": begin, "end": end}}
