"""The result of a lint as JSON (contract section 3), version 1."""

from __future__ import annotations

from proxycfg.report import Report
from proxycfg.reports.json_v1 import finding_to_json


def report_to_json(report: Report) -> dict[str, object]:
    """All of it but the name of the tool; ``ignored`` and ``known`` count findings that notes and the baseline hold back."""
    return {
        "files": len(report.files),
        "routes": report.routes,
        "findings": [finding_to_json(finding) for finding in report.findings],
        "errors": [problem.to_json() for problem in report.errors],
        "ignored": report.ignored,
        "known": report.known,
    }
