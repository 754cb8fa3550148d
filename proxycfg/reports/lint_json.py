"""The result of a lint as JSON (contract section 3), version 1."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from proxycfg import __version__
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


def render(report: Report) -> str:
    """The whole text."""
    body = {"version": 1, "tool": {"name": "proxycfg", "version": __version__}, **report_to_json(report)}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def merge(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Several such results as one: numbers added, findings sorted as ever, each once."""
    whole: dict[str, Any] = {}
    for part in parts:
        if not whole:
            whole = {**part}
            continue
        for key in ("files", "routes", "ignored", "known"):
            whole[key] += part[key]
        for key in ("findings", "errors"):
            whole[key] = [*whole[key], *(each for each in part[key] if each not in whole[key])]
    whole["findings"].sort(key=_order)
    return whole


def _order(finding: dict[str, Any]) -> tuple[str, int, int, str]:
    place = finding["location"]
    return place["file"], place["start"]["line"], place["start"]["column"], finding["rule"]
