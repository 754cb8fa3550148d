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
    for name, want in need.wants.items():
        more[name] |= {
            "need": value_to_json(name, want.accepted),
            "verdict": VERDICTS[answers.get(name, Answer.YES)],
            "why": want.why,
        }
    return {
        "request": measured.request,
        "kind": "measured",
        **measured.route.to_json(more),
        "verdict": measured.verdict,
        "reason": measured.reason or None,
        "findings": [finding_to_json(finding) for finding in measured.findings],
        "timeline": [event.to_json() for event in measured.timeline],
    }
