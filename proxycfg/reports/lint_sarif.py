"""The result of a lint as SARIF 2.1.0, for code scanning: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from proxycfg import __version__
from proxycfg.baseline import fingerprints
from proxycfg.errors import Problem
from proxycfg.finding import Finding, Fix, Severity
from proxycfg.report import Report
from proxycfg.rule import Rule
from proxycfg.source import Span

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: Report) -> str:
    """One run; every rule that was asked stands in it, with its page."""
    index = {name: at for at, name in enumerate(report.rules)}
    run = {
        "tool": {
            "driver": {
                "name": "proxycfg",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in report.rules.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": _uri(name)}} for name in report.files],
        "invocations": [
            {
                "executionSuccessful": not report.errors,
                "toolExecutionNotifications": [_notification(problem) for problem in report.errors],
            }
        ],
        "results": [_result(finding, fingerprint, index) for finding, fingerprint in fingerprints(report)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "name": "".join(part.title() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.page, "markdown": rule.page},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"category": rule.category.value, "tags": [rule.category.value]},
    }


def _result(finding: Finding, fingerprint: str, index: dict[str, int]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message}. {finding.why}" if finding.why else finding.message},
        "locations": [_location(finding.span)],
        "partialFingerprints": {"proxycfg/v1": fingerprint},
        "properties": {
            "category": finding.category.value,
            "confidence": finding.confidence.value,
            "protocol": finding.protocol,
        },
    }
    if finding.rule in index:
        body["ruleIndex"] = index[finding.rule]
    if finding.related:
        body["relatedLocations"] = [
            {"id": at, **_location(place.span), "message": {"text": place.message}}
            for at, place in enumerate(finding.related, 1)
        ]
    if finding.fix:
        body["fixes"] = [_fix(finding.fix)]
    return body


def _fix(fix: Fix) -> dict[str, Any]:
    files = dict.fromkeys(edit.span.file for edit in fix.edits)
    return {
        "description": {"text": fix.title},
        "artifactChanges": [
            {
                "artifactLocation": {"uri": _uri(name)},
                "replacements": [
                    {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
                    for edit in fix.edits
                    if edit.span.file == name
                ],
            }
            for name in files
        ],
    }


def _notification(problem: Problem) -> dict[str, Any]:
    text = f"{problem.message}; {problem.instead}" if problem.instead else problem.message
    return {"level": "error", "message": {"text": text}, "locations": [_location(problem.span)]}


def _location(span: Span) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(span.file)}, "region": _region(span)}}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _uri(name: str) -> str:
    path = PurePath(name)
    encoded = quote(path.as_posix(), errors="surrogateescape")
    return f"file://{encoded}" if path.is_absolute() else encoded


def merge(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Several files of ours as one run: results sorted as ever, each rule once."""
    whole: dict[str, Any] | None = None
    rules: dict[str, Any] = {}
    for part in parts:
        for run in part["runs"]:
            rules |= {rule["id"]: rule for rule in run["tool"]["driver"].get("rules", ())}
            if whole is None:
                whole = {**part, "runs": [run]}
                continue
            first = whole["runs"][0]
            for key in ("artifacts", "results"):
                first[key] = [*first[key], *(each for each in run[key] if each not in first[key])]
            one, other = first["invocations"][0], run["invocations"][0]
            one["executionSuccessful"] = one["executionSuccessful"] and other["executionSuccessful"]
            one["toolExecutionNotifications"] += other["toolExecutionNotifications"]
    if whole is None:
        raise ValueError("no run")
    first = whole["runs"][0]
    ordered = sorted(rules)
    first["tool"]["driver"]["rules"] = [rules[name] for name in ordered]
    for result in first["results"]:
        result["ruleIndex"] = ordered.index(result["ruleId"])
    first["results"].sort(key=_order)
    return whole


def _order(result: dict[str, Any]) -> tuple[str, int, int, str]:
    place = result["locations"][0]["physicalLocation"]
    region = place["region"]
    return place["artifactLocation"]["uri"], region["startLine"], region["startColumn"], result["ruleId"]
