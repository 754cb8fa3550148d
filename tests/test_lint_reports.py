"""Every format of ``lint``: valid by its own rules, whatever stands in the configs, and saying all that was found."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from proxycfg.lint import Options, lint
from proxycfg.report import Report
from proxycfg.reports import (
    lint_github,
    lint_gitlab,
    lint_html,
    lint_json,
    lint_junit,
    lint_markdown,
    lint_sarif,
    lint_text,
)
from proxycfg.rules import rules
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.scene import scene_of

NASTY = 'a|b`c<d>&"e%0A::error::,\x01\x1b[31mé€😀'
"""What formats are made of, a control character, and text beyond ASCII and the basic plane."""
BROKEN = {"broken & co.conf": "server { listen 80;"}
HURT = {
    "sites/a b.conf": "server {\n  location /events%s {\n    # proxycfg: protocol=sse\n    proxy_pass http://127.0.0.1:1;\n  }\n}\n"
    "server {\n  proxy_read_timeout 30s;\n  location /ws%s { # proxycfg: protocol=websocket\n    proxy_pass http://127.0.0.1:1; }\n}\n"
}


def report_of(*configs: dict[str, str]) -> Report:
    """What all rules say of configs."""
    scenes = [scene_of(load_texts(texts), None) for texts in configs]
    return lint(scenes, Options(rules=list(rules().values()), known=tuple(rules())))


EMPTY = report_of({"nginx.conf": "events {} http {}"})
FULL = report_of({name: text % ("", "") for name, text in HURT.items()}, BROKEN)
NASTIEST = report_of(
    {name: text % ((f" '{NASTY}' ",) * 2) for name, text in HURT.items()},
    {f"{NASTY}.conf": HURT["sites/a b.conf"] % ("", "")},
)
REPORTS = {"empty": EMPTY, "full": FULL, "nasty": NASTIEST}
EACH = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)


def test_the_reports_are_worth_looking_at() -> None:
    """Findings with related places and with fixes, and an error."""
    assert not EMPTY.findings
    assert {"error", "warning", "info"} <= {finding.severity for finding in FULL.findings}
    assert any(finding.related for finding in FULL.findings)
    assert any(finding.fix for finding in FULL.findings)
    assert FULL.errors
    assert NASTY in {finding.route_path for finding in NASTIEST.findings}
    assert any(NASTY in place.message for finding in NASTIEST.findings for place in finding.related)


# ---- JSON ----

_PLACE = {
    "type": "object",
    "required": ["file", "start", "end"],
    "properties": {
        "file": {"type": "string"},
        **{
            side: {
                "type": "object",
                "required": ["line", "column"],
                "properties": {name: {"type": "integer", "minimum": 1} for name in ("line", "column")},
            }
            for side in ("start", "end")
        },
    },
}
_TEXT = {"type": "string"}
_CONTRACT: dict[str, Any] = {
    "type": "object",
    "required": ["version", "tool", "files", "routes", "findings", "errors"],
    "properties": {
        "version": {"const": 1},
        "files": {"type": "integer"},
        "routes": {"type": "integer"},
        "findings": {
            "items": {
                "type": "object",
                "required": [
                    "rule", "category", "severity", "confidence", "target", "protocol", "route", "message", "why", "location", "related", "fix", "docs",
                ],
                "properties": {
                    "rule": {"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
                    "severity": {"enum": ["error", "warning", "info"]},
                    "confidence": {"enum": ["declared", "explicit", "inferred"]},
                    "target": {"const": "nginx"},
                    "message": _TEXT,
                    "why": _TEXT,
                    "docs": _TEXT,
                    "location": _PLACE,
                    "related": {"items": {"required": ["location", "message"], "properties": {"location": _PLACE}}},
                    "fix": {
                        "oneOf": [
                            {"type": "null"},
                            {
                                "type": "object",
                                "required": ["title", "safe", "edits"],
                                "properties": {
                                    "safe": {"type": "boolean"},
                                    "edits": {
                                        "minItems": 1,
                                        "items": {"required": ["location", "text"], "properties": {"location": _PLACE}},
                                    },
                                },
                            },
                        ]
                    },
                },
            }
        },
        "errors": {"items": {"required": ["file", "line", "column", "message"]}},
    },
}  # fmt: skip


@EACH
def test_json_is_as_the_contract_has_it(report: Report) -> None:
    """And sorted by file, line, column and rule."""
    body = json.loads(lint_json.render(report))
    jsonschema.validate(body, _CONTRACT)
    order = [
        (each["location"]["file"], each["location"]["start"]["line"], each["location"]["start"]["column"], each["rule"])
        for each in body["findings"]
    ]

    assert sorted(order) == order
    assert len(report.findings) == len(order)


# ---- SARIF ----


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    """Of SARIF's objects none takes a property that the standard does not name."""
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


_MESSAGE = _object(["text"], text=_TEXT, markdown=_TEXT)
_URI = {"type": "string", "pattern": r"^(file:///)?[A-Za-z0-9._~%/-]+$"}
_ARTIFACT = _object(["uri"], uri=_URI)
_REGION = _object(
    ["startLine", "startColumn", "endLine", "endColumn"],
    **{name: {"type": "integer", "minimum": 1} for name in ("startLine", "startColumn", "endLine", "endColumn")},
)
_PHYSICAL = _object(["artifactLocation", "region"], artifactLocation=_ARTIFACT, region=_REGION)
_LOCATION = _object(
    ["physicalLocation"], physicalLocation=_PHYSICAL, id={"type": "integer", "minimum": 0}, message=_MESSAGE
)
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_SARIF = _object(
    ["version", "runs"],
    **{"$schema": _TEXT},
    version={"const": "2.1.0"},
    runs={
        "minItems": 1,
        "items": _object(
            ["tool", "results"],
            tool=_object(
                ["driver"],
                driver=_object(
                    ["name"],
                    name=_TEXT,
                    version=_TEXT,
                    semanticVersion=_TEXT,
                    rules={
                        "uniqueItems": True,
                        "items": _object(
                            ["id"],
                            id=_TEXT,
                            name=_TEXT,
                            shortDescription=_MESSAGE,
                            fullDescription=_MESSAGE,
                            help=_MESSAGE,
                            defaultConfiguration=_object([], level=_LEVEL),
                            properties={"type": "object"},
                        ),
                    },
                ),
            ),
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            artifacts={"uniqueItems": True, "items": _object([], location=_ARTIFACT)},
            invocations={
                "items": _object(
                    ["executionSuccessful"],
                    executionSuccessful={"type": "boolean"},
                    toolExecutionNotifications={
                        "items": _object(["message"], message=_MESSAGE, level=_LEVEL, locations={"items": _LOCATION})
                    },
                )
            },
            results={
                "items": _object(
                    ["message"],
                    ruleId=_TEXT,
                    ruleIndex={"type": "integer", "minimum": -1},
                    level=_LEVEL,
                    message=_MESSAGE,
                    locations={"items": _LOCATION},
                    relatedLocations={"uniqueItems": True, "items": _LOCATION},
                    partialFingerprints={"type": "object", "additionalProperties": _TEXT},
                    properties={"type": "object"},
                    fixes={
                        "uniqueItems": True,
                        "items": _object(
                            ["artifactChanges"],
                            description=_MESSAGE,
                            artifactChanges={
                                "minItems": 1,
                                "uniqueItems": True,
                                "items": _object(
                                    ["artifactLocation", "replacements"],
                                    artifactLocation=_ARTIFACT,
                                    replacements={
                                        "minItems": 1,
                                        "items": _object(
                                            ["deletedRegion"],
                                            deletedRegion=_REGION,
                                            insertedContent=_object([], text=_TEXT),
                                        ),
                                    },
                                ),
                            },
                        ),
                    },
                )
            },
        ),
    },
)
"""The parts of the standard (SARIF 2.1.0, sections 3.13 to 3.58) that are written, with nothing beside them allowed.

The official schema is not shipped here; outputs were held against it when this was written.
"""


@EACH
def test_sarif_is_valid_and_refers_to_its_own_rules(report: Report) -> None:
    """Each result names a rule of the run by name and by place."""
    body = json.loads(lint_sarif.render(report))
    jsonschema.validate(body, _SARIF)
    (run,) = body["runs"]
    names = [rule["id"] for rule in run["tool"]["driver"]["rules"]]

    assert [names[result["ruleIndex"]] for result in run["results"]] == [result["ruleId"] for result in run["results"]]
    assert [finding.rule for finding in report.findings] == [result["ruleId"] for result in run["results"]]
    assert run["invocations"][0]["executionSuccessful"] == (not report.errors)


def test_parts_are_merged_into_what_one_run_would_have_said() -> None:
    """Of JSON and SARIF; each thing once."""
    configs = [{name: text % (f"/{number}", f"/{number}") for name, text in HURT.items()} for number in range(3)]
    named = [{f"{number}.conf": text for text in config.values()} for number, config in enumerate(configs)]
    whole, parts = report_of(*named), [report_of(config) for config in named]

    assert lint_json.merge(json.loads(lint_json.render(part)) for part in parts) == json.loads(lint_json.render(whole))
    merged = lint_sarif.merge(json.loads(lint_sarif.render(part)) for part in reversed([*parts, parts[0]]))
    jsonschema.validate(merged, _SARIF)
    assert merged["runs"][0]["results"] == json.loads(lint_sarif.render(whole))["runs"][0]["results"]


# ---- the others ----


@EACH
def test_github_has_one_command_for_each_thing(report: Report) -> None:
    """On a line of its own, whatever the text; the properties parse."""
    lines = lint_github.render(report).splitlines()

    assert len(report.findings) + len(report.errors) == len(lines)
    for line in lines:
        assert re.fullmatch(
            r"::(error|warning|notice) file=[^:,]+(,(line|endLine|col|endColumn)=\d+)+,title=[^:,]+::.+", line
        )


@EACH
def test_gitlab_is_a_list_of_issues(report: Report) -> None:
    """With the fields that GitLab requires, severities that it knows, and fingerprints that differ."""
    issues = json.loads(lint_gitlab.render(report))
    schema = {
        "type": "array",
        "items": _object(
            ["description", "check_name", "fingerprint", "severity", "location"],
            description=_TEXT,
            check_name=_TEXT,
            fingerprint=_TEXT,
            severity={"enum": ["info", "minor", "major", "critical", "blocker"]},
            location=_object(
                ["path", "lines"],
                path={"type": "string", "pattern": r"^(?!\./)"},
                lines=_object(["begin"], begin={"type": "integer"}, end={"type": "integer"}),
            ),
        ),
    }
    jsonschema.validate(issues, schema)

    assert len({issue["fingerprint"] for issue in issues}) == len(issues) == len(report.findings) + len(report.errors)


@EACH
def test_junit_is_well_formed_and_its_numbers_agree(report: Report) -> None:
    """As many tests, failures and errors as it says."""
    root = ET.fromstring(lint_junit.render(report).encode())
    (suite,) = root
    cases = suite.findall("testcase")

    for element in (root, suite):
        assert len(cases) == int(element.attrib["tests"])
        assert len(report.findings) == int(element.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert len(report.errors) == int(element.attrib["errors"]) == len(suite.findall("testcase/error"))
    assert {*report.files} <= {
        "".join(c if c.isprintable() else "?" for c in case.attrib["classname"]) for case in cases
    } | {name for name in report.files if not name.isprintable()}


@EACH
def test_markdown_has_a_row_for_each_finding(report: Report) -> None:
    """No text adds a cell."""
    rows = [line for line in lint_markdown.render(report).splitlines() if line.startswith("| ")]

    assert (len(report.findings) + 2 if report.findings else 0) == len(rows)
    for row in rows[2:]:
        assert 6 == len(re.findall(r"(?<!\\)\|", row)), row


@EACH
def test_html_is_balanced_and_asks_for_nothing(report: Report) -> None:
    """No script, no address, no tag that a config brings in."""
    depth: list[str] = []
    seen: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.add(tag)
            assert not {name for name, _ in attrs} & {"src", "href"}
            if tag != "meta":
                depth.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert depth.pop() == tag

    Reader().feed(lint_html.render(report))

    assert not depth
    assert seen <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "article", "pre", "mark", "details", "summary", "code", "ul", "li",
    }  # fmt: skip


@EACH
@pytest.mark.parametrize("color", [False, True])
def test_text_sends_a_terminal_nothing_of_a_config(report: Report, *, color: bool) -> None:
    """Its own colours apart; every finding begins with its place."""
    text = lint_text.report_to_text(report, color=color)
    plain = re.sub(r"\x1b\[[\d;]*m", "", text) if color else text

    assert all(char.isprintable() or char == "\n" for char in plain)
    heads = [line for line in plain.splitlines() if re.match(r".*:\d+:\d+: (error|warning|info)\[", line)]
    assert len(report.findings) == len(heads)
