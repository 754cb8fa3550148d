"""What rules set: the later over the earlier, and every possibility where a request is known in part."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxycfg.targets.cloudflare.effect import NOTHING, Possible, Rule, rule_of, settled
from proxycfg.targets.cloudflare.rules_language import UNKNOWN


def _rules(*rows: tuple[str, dict[str, Any]]) -> list[Rule]:
    made = [rule_of({"expression": expression, "action_parameters": parameters}) for expression, parameters in rows]
    return [rule for rule in made if rule is not None]


def _effect(
    request: dict[str, Any], *rows: tuple[str, dict[str, Any]], whole: bool = False
) -> dict[str, tuple[Possible, ...]]:
    return settled(_rules(*rows), lambda name: request.get(name, UNKNOWN), whole=whole)


def test_the_later_of_two_rules_wins_setting_by_setting() -> None:
    """And what it does not set stays."""
    rows = [("a", {"x": 1, "y": 1}), ("a", {"x": 2}), ("b", {"x": 3})]

    assert _effect({"a": True, "b": False}, *rows) == {"x": (Possible(2, 1),), "y": (Possible(1, 0),)}


def test_of_compression_rules_the_last_one_counts_alone() -> None:
    """Whatever an earlier one has set is gone."""
    rows = [("a", {"x": 1, "y": 1}), ("a", {"x": 2})]

    assert _effect({"a": True}, *rows, whole=True) == {"x": (Possible(2, 1),)}
    assert _effect({}, *rows, whole=True) == {
        "x": (Possible(2, 1), Possible(1, 0), NOTHING),
        "y": (Possible(1, 0), NOTHING),
    }
    assert _effect({"a": True}, *rows, ("b", {"y": 3}), whole=True) == {
        "y": (Possible(3, 2), NOTHING),
        "x": (Possible(2, 1), NOTHING),
    }


def test_what_is_not_known_leaves_every_possibility() -> None:
    """Down to the first rule that is certain."""
    rows = [("a", {"x": 0}), ("a", {"x": 1}), ("b", {"x": 2}), ("b", {"x": 3})]

    assert _effect({"a": True}, *rows) == {"x": (Possible(3, 3), Possible(2, 2), Possible(1, 1))}
    assert _effect({"b": True}, *rows) == {"x": (Possible(3, 3),)}
    assert _effect({"b": False}, *rows) == {"x": (Possible(1, 1), Possible(0, 0), NOTHING)}


@pytest.mark.parametrize("expression", ["", "a eq", "((("])
def test_a_rule_that_cannot_be_read_may_match(expression: str) -> None:
    """Cloudflare would refuse it; whatever it was meant to say, nothing is said for certain."""
    assert _effect({"a": True}, ("a", {"x": 1}), (expression, {"x": 2})) == {"x": (Possible(2, 1), Possible(1, 0))}


@pytest.mark.parametrize(
    "fields", [{"enabled": False, "action_parameters": {"x": 1}}, {"action": "block"}, {"action_parameters": None}]
)
def test_a_rule_that_is_off_or_sets_nothing_is_none(fields: dict[str, Any]) -> None:
    """`enabled: false` keeps a rule in the list, without effect."""
    assert rule_of({"expression": "true", **fields}) is None


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "not a", "a and b", "a or c", "true", "c"]), st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), min_size=1)
    ), max_size=5,
)  # fmt: skip


@given(
    ROWS, st.fixed_dictionaries({name: st.booleans() for name in "abc"}), st.sets(st.sampled_from("abc")), st.booleans()
)
@settings(max_examples=300, deadline=None)
def test_what_is_true_is_among_what_is_possible(
    rows: list[Any], request: dict[str, bool], hidden: set[str], whole: bool
) -> None:
    """Whatever the rest of the request is; and where all of it is known, there is one value."""
    partly = _effect({name: value for name, value in request.items() if name not in hidden}, *rows, whole=whole)
    wholly = _effect(request, *rows, whole=whole)

    assert all(len(values) == 1 for values in wholly.values())
    for name in {*partly, *wholly}:
        assert wholly.get(name, (NOTHING,))[0] in partly.get(name, (NOTHING,))
