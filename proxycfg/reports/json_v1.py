"""Findings, and files that are written, as the JSON of contract section 3, version 1."""

from __future__ import annotations

from proxycfg.finding import Finding, Fix, page_of
from proxycfg.generate import sha256


def finding_to_json(finding: Finding) -> dict[str, object]:
    """One finding, spelled as the contract has it."""
    return {
        "rule": finding.rule,
        "category": finding.category.value,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "target": finding.target,
        "protocol": finding.protocol,
        "route": {"host": finding.route_host, "path": finding.route_path} if finding.route_path is not None else None,
        "message": finding.message,
        "why": finding.why,
        "location": finding.span.to_json(),
        "related": [{"location": related.span.to_json(), "message": related.message} for related in finding.related],
        "fix": _fix_to_json(finding.fix),
        "docs": page_of(finding.rule),
    }


def _fix_to_json(fix: Fix | None) -> dict[str, object] | None:
    if fix is None:
        return None
    edits = [{"location": edit.span.to_json(), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "safe": fix.safe, "edits": edits}


def file_to_json(path: str, before: str | None, after: str | None) -> dict[str, object]:
    """A file with what becomes of it: its text before and after, each None where there is none.

    A file that only was there is ``stale``; size (bytes) and checksum are then its own.
    """
    status = (
        "stale" if after is None
        else "created" if before is None
        else "unchanged" if before == after
        else "changed"
    )  # fmt: skip
    text = (before or "") if after is None else after
    size = len(text.encode())
    return {"path": path, "status": status, "changed": status != "unchanged", "bytes": size, "sha256": sha256(text)}
