"""What was measured, as the JSON of contract section 4, version 1: the shape of ``explain``, with verdict, findings and timeline."""

from __future__ import annotations

from collections.abc import Sequence

from proxycfg.behavior import Answer, properties, value_to_json
from proxycfg.explain import VERDICTS
from proxycfg.measured import Measured
from proxycfg.need import shortfalls
from proxycfg.reports.json_v1 import finding_to_json


def render(routes: Sequence[Measured]) -> dict[str, object]:
    """The body of the report."""
    targets = list(dict.fromkeys(route.target for route in routes))
    return {
        "kind": "measured",
        "target": targets[0] if len(targets) == 1 else None,
        "routes": [_route(route) for route in routes],
        "errors": [],
    }


def _route(measured: Measured) -> dict[str, object]:
    behavior, need = measured.route.reading.behavior, measured.need
    answers = shortfalls(need, behavior)
    more: dict[str, dict[str, object]] = {name: {"known": name in measured.known} for name in properties()}
    if measured.tried.predicted:
        for name, evidence in measured.tried.predicted.evidence.items():
            value = value_to_json(name, getattr(measured.tried.predicted.behavior, name))
            more[name]["predicted"] = {"value": value, "origin": evidence.to_json()}
    for name, want in need.wants.items():
        more[name] |= {
            "need": value_to_json(name, want.accepted),
            "verdict": VERDICTS[answers.get(name, Answer.YES)],
            "why": want.why,
        }
    return {
        "request": measured.tried.request,
        "kind": "measured",
        **measured.route.to_json(more),
        "verdict": measured.verdict,
        "reason": measured.reason or None,
        "findings": [finding_to_json(finding) for finding in measured.findings],
        "disagreements": [
            {
                "property": each.name,
                "predicted": value_to_json(each.name, each.predicted),
                "measured": value_to_json(each.name, each.measured.value),
                "origin": each.decided_by.to_json(),
            }
            for each in measured.disagreements
        ],
        "reproduce": measured.tried.reproduce or None,
        "timeline": [event.to_json() for event in measured.timeline],
    }
