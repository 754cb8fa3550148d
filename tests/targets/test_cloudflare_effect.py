"""What rules set: the later over the earlier, and every possibility where a request is known in part."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxycfg.source import Source, Span
from proxycfg.targets.cloudflare.document import of_json
from proxycfg.targets.cloudflare.effect import met, possible
from proxycfg.targets.cloudflare.places import Request
from proxycfg.targets.cloudflare.zone import Zone, add_rules

STACKED, REPLACED = "http_config_settings", "http_response_compression"
Rows = list[tuple[str, dict[str, Any]]]


def _zone(phase: str, rules: list[dict[str, Any]]) -> Zone:
    source = Source("rules.json", json.dumps(rules))
    zone = Zone("", Span.whole(source.name))
    add_rules(zone, phase, of_json(source))
    return zone


def _effect(request: dict[str, Any], rows: Rows, phase: str = STACKED) -> dict[str, tuple[Any, ...]]:
    """Each setting's possible values, the surest last; None for that no rule sets it."""
    rules = [{"expression": expression, "action_parameters": parameters} for expression, parameters in rows]
    rules_met = met(_zone(phase, rules).rules.get(phase, ()), Request(request))
    return {
        name: tuple(dict.fromkeys(each and each.value.data for each in possible(rules_met, "set_config", name)))
        for name in dict.fromkeys(name for _, parameters in rows for name in parameters)
    }


def test_the_later_of_two_rules_wins_setting_by_setting() -> None:
    """And what it does not set stays."""
    rows: Rows = [("a", {"x": 1, "y": 1}), ("a", {"x": 2}), ("b", {"x": 3})]

    assert _effect({"a": True, "b": False}, rows) == {"x": (2,), "y": (1,)}


def test_of_compression_rules_the_last_one_counts_alone() -> None:
    """Whatever an earlier one has set is gone."""
    rows: Rows = [("a", {"x": 1, "y": 1}), ("a", {"x": 2})]

    assert _effect({"a": True}, rows, REPLACED) == {"x": (2,), "y": (None,)}
    assert _effect({}, rows, REPLACED) == {"x": (2, 1, None), "y": (None, 1)}
    assert _effect({"a": True}, [*rows, ("b", {"y": 3})], REPLACED) == {"x": (None, 2), "y": (3, None)}


def test_what_is_not_known_leaves_every_possibility() -> None:
    """Down to the first rule that is certain."""
    rows: Rows = [("a", {"x": 0}), ("a", {"x": 1}), ("b", {"x": 2}), ("b", {"x": 3})]

    assert _effect({"a": True}, rows) == {"x": (3, 2, 1)}
    assert _effect({"b": True}, rows) == {"x": (3,)}
    assert _effect({"b": False}, rows) == {"x": (1, 0, None)}


@pytest.mark.parametrize("expression", ["", "a eq", "((("])
def test_a_rule_that_cannot_be_read_may_match(expression: str) -> None:
    """Cloudflare would refuse it; whatever it was meant to say, nothing is said for certain."""
    assert _effect({"a": True}, [("a", {"x": 1}), (expression, {"x": 2})]) == {"x": (2, 1)}


@pytest.mark.parametrize(
    "fields",
    [
        {"enabled": False, "action_parameters": {"x": 1}},
        {"action": "block", "action_parameters": {"x": 1}},
        {"action": "block"},
        {"action_parameters": None},
    ],
)
def test_a_rule_that_is_off_or_does_something_else_sets_nothing(fields: dict[str, Any]) -> None:
    """`enabled: false` keeps a rule in the list, without effect."""
    zone = _zone(STACKED, [{"expression": "true", **fields}])

    assert list(possible(met(zone.rules.get(STACKED, ()), Request({})), "set_config", "x")) == [None]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "not a", "a and b", "a or c", "true", "c"]), st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), min_size=1)
    ), max_size=5,
)  # fmt: skip


@given(
    ROWS,
    st.fixed_dictionaries({name: st.booleans() for name in "abc"}),
    st.sets(st.sampled_from("abc")),
    st.sampled_from([STACKED, REPLACED]),
)
@settings(max_examples=300, deadline=None)
def test_what_is_true_is_among_what_is_possible(
    rows: Rows, request: dict[str, bool], hidden: set[str], phase: str
) -> None:
    """Whatever the rest of the request is; and where all of it is known, there is one value."""
    partly = _effect({name: value for name, value in request.items() if name not in hidden}, rows, phase)
    wholly = _effect(request, rows, phase)

    assert all(len(values) == 1 for values in wholly.values())
    assert all(wholly[name][0] in partly[name] for name in wholly)
