"""Two measurements side by side, as JSON: version 1 of its shape."""

from __future__ import annotations

from collections.abc import Sequence

from proxycfg.behavior import value_to_json
from proxycfg.compare import Change


def render(names: tuple[str, str], changes: Sequence[Change]) -> dict[str, object]:
    """The body: every route of either, and what changes from the first to the second."""
    return {"before": names[0], "after": names[1], "routes": [_route(change) for change in changes]}


def _route(change: Change) -> dict[str, object]:
    tried = change.either.tried
    return {
        "host": tried.host,
        "path": tried.path,
        "protocol": tried.protocol,
        "changed": change.matters,
        "verdict": {
            "before": change.before.verdict if change.before else None,
            "after": change.after.verdict if change.after else None,
        },
        "behavior": {
            name: {"before": value_to_json(name, before.value), "after": value_to_json(name, after.value)}
            for name, (before, after) in change.values.items()
        },
        "measured_once": list(change.unsure),
    }
