"""What was measured, as JUnit XML: a test case for each route, failed once for each finding, or skipped with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from proxycfg.measured import Measured
from proxycfg.reports.lint_junit import attribute, case, failure, suite


def render(title: str, routes: Sequence[Measured]) -> str:
    """One suite."""
    cases: list[str] = []
    failures = skipped = 0
    for route in routes:
        name, kind = route.tried.request, route.tried.protocol
        if route.verdict == "skipped":
            skipped += 1
            cases.append(case(name, kind, f"<skipped message={attribute(route.reason)}/>"))
        elif route.verdict == "pass":
            cases.append(case(name, kind, ""))
        for finding in route.findings:
            failures += 1
            cases.append(case(name, f"{kind}: {finding.rule}", failure(finding)))
    return suite(title, cases, failures=failures, errors=0, skipped=skipped)
