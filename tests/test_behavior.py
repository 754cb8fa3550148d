"""The vocabulary: ranges, properties, and their JSON."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg.behavior import (
    ANYTHING,
    EITHER,
    FOREVER,
    HTTP_VERSIONS,
    NO,
    TRANSPORTS,
    YES,
    Answer,
    Behavior,
    Between,
    any_hop,
    at_least,
    differences,
    every_hop,
    exactly,
    properties,
    smallest,
    transparent,
    value_to_json,
)
from proxycfg.record import names, replace

CONTRACT = [
    "response_buffering", "stalls_on", "request_buffering", "compression", "caching", "upstream_http_version",
    "upgrade", "upstream_connection_header", "connect_timeout", "upstream_idle_timeout", "client_idle_timeout",
    "send_timeout", "total_timeout", "request_body_limit", "retries", "retries_non_idempotent", "error_interception",
    "honors_x_accel_buffering", "forwards_x_accel_buffering", "accept_encoding_forwarded", "client_http_versions",
    "grpc", "session_affinity", "query_logged", "abort_propagates", "max_streams",
]  # fmt: skip
"""The names of contract section 4, in its order."""

NUMBERS = st.floats(min_value=0, allow_nan=False)
SETS = st.frozensets(st.sampled_from(sorted(TRANSPORTS)))
RANGES = st.one_of(
    st.tuples(NUMBERS, NUMBERS).map(lambda ends: Between(min(ends), max(ends))),
    st.tuples(st.booleans(), st.booleans()).map(lambda ends: Between(min(ends), max(ends))),
    st.tuples(SETS, SETS).map(lambda ends: Between(ends[0] & ends[1], ends[0] | ends[1])),
)


def _pair(kind: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.tuples(kind, kind)


def test_the_properties_are_those_of_the_contract() -> None:
    """One name everywhere: in code, JSON and docs."""
    assert CONTRACT == list(properties())
    assert CONTRACT == names(Behavior)


@pytest.mark.parametrize("name", CONTRACT)
def test_a_property_says_all_about_itself(name: str) -> None:
    """A sentence for people, a unit, and what a hop shows that changes nothing."""
    prop = properties()[name]

    assert len(prop.doc) > 10
    assert not prop.doc.endswith(".")
    assert prop.unit in {"", "s", "bytes", "streams"}
    assert getattr(transparent(), name) == exactly(prop.transparent)


def test_a_behavior_has_no_default() -> None:
    """Silence is always somebody's decision."""
    with pytest.raises(TypeError):
        Behavior()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("value", "wanted", "answer"),
    [
        (NO, NO, Answer.YES), (YES, NO, Answer.NO), (EITHER, NO, Answer.MAYBE), (NO, EITHER, Answer.YES),
        (exactly(60.0), at_least(60.0), Answer.YES), (exactly(59.0), at_least(60.0), Answer.NO),
        (Between(5.0, 90.0), at_least(60.0), Answer.MAYBE), (exactly(FOREVER), at_least(60.0), Answer.YES),
        (exactly("1.1"), Between("1.1", "3"), Answer.YES), (exactly("1.0"), Between("1.1", "3"), Answer.NO),
        (exactly(frozenset({"2"})), Between(frozenset(), TRANSPORTS), Answer.YES),
        (exactly(frozenset({"2"})), exactly(frozenset()), Answer.NO),
        (Between(frozenset(), frozenset({"2"})), exactly(frozenset()), Answer.MAYBE),
        (exactly(frozenset({"1.1"})), Between(frozenset({"2"}), HTTP_VERSIONS), Answer.NO),
    ],
)  # fmt: skip
def test_a_range_lies_within_another_surely_surely_not_or_in_part(
    value: Between[Any], wanted: Between[Any], answer: Answer
) -> None:
    """The one comparison that generator, linter and checker share."""
    assert answer is value.within(wanted)


@given(RANGES)
def test_every_range_lies_within_itself(value: Between[Any]) -> None:
    """A need that is met exactly is met."""
    assert Answer.YES is value.within(value)


@given(st.one_of(_pair(st.booleans()), _pair(NUMBERS), _pair(SETS)), RANGES)
def test_a_point_never_lies_in_part_within_a_range(points: tuple[Any, Any], wanted: Between[Any]) -> None:
    """Where all is certain, so is the answer."""
    point = points[0]
    if type(point) is not type(wanted.low):
        return

    assert Answer.MAYBE is not exactly(point).within(wanted)


@given(RANGES, st.one_of(st.booleans(), NUMBERS, SETS))
def test_a_clamped_wish_lies_within_the_range(accepted: Between[Any], wish: Any) -> None:
    """A target that wants something else takes the nearest that the need accepts, and its wish where that is accepted."""
    if type(wish) is not type(accepted.low):
        return
    chosen = accepted.clamp(wish)

    assert Answer.YES is exactly(chosen).within(accepted)
    if exactly(wish).within(accepted) is Answer.YES:
        assert wish == chosen


@pytest.mark.parametrize(
    ("along", "values"), [(any_hop, st.booleans()), (every_hop, st.booleans()), (smallest, NUMBERS)]
)
def test_hops_join_in_any_grouping(along: Any, values: st.SearchStrategy[Any]) -> None:
    """Joining is associative and commutative, and two equal hops are like one."""

    @given(values, values, values)
    def law(a: Any, b: Any, c: Any) -> None:
        assert along(along(a, b), c) == along(a, along(b, c))
        assert along(a, b) == along(b, a)
        assert a == along(a, a)

    law()


@pytest.mark.parametrize("name", [name for name, prop in properties().items() if prop.along])
def test_a_transparent_hop_changes_nothing(name: str) -> None:
    """Joined with its neutral value, a property stays as it is."""
    prop = properties()[name]
    assert prop.along is not None
    for value in (False, True) if isinstance(prop.transparent, bool) else (0.0, 60.0, math.inf):
        assert value == prop.along(value, prop.transparent)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("caching", YES, True), ("caching", EITHER, {"between": [False, True]}),
        ("total_timeout", exactly(FOREVER), None),
        ("total_timeout", exactly(60.0), 60), ("total_timeout", exactly(0.5), 0.5),
        ("total_timeout", at_least(5.0), {"between": [5, None]}),
        ("stalls_on", exactly(frozenset({"3", "2"})), ["2", "3"]), ("stalls_on", exactly(frozenset()), []),
        ("upstream_connection_header", exactly(""), None), ("upstream_connection_header", exactly("close"), "close"),
        ("session_affinity", exactly("none"), "none"), ("max_streams", exactly(10_000.0), 10_000),
        ("upstream_connection_header", Between("", ANYTHING), {"between": [None, None]}),
    ],
)  # fmt: skip
def test_a_value_is_json_as_the_contract_spells_it(name: str, value: Between[Any], expected: object) -> None:
    """``null`` for never, whole seconds without a point, ``between`` for what a config leaves open, sorted lists."""
    assert expected == value_to_json(name, value)


def test_a_behavior_is_json_with_every_property() -> None:
    """Nothing is left out of ``explain --format json``."""
    assert CONTRACT == list(transparent().to_json())


def test_behaviors_differ_where_they_differ() -> None:
    """Each property in which two disagree, with both values."""
    one = transparent()
    other = replace(one, caching=YES, total_timeout=exactly(60.0))

    assert {} == differences(one, one)
    assert {"caching": (NO, YES), "total_timeout": (exactly(FOREVER), exactly(60.0))} == differences(one, other)


RANGE_OF_A_KIND = st.sampled_from([NUMBERS, st.booleans(), SETS]).flatmap(
    lambda kind: st.tuples(*[_pair(kind).map(_ordered)] * 2)
)


def _ordered(ends: tuple[Any, Any]) -> Between[Any]:
    a, b = ends
    return Between(a & b, a | b) if isinstance(a, frozenset) else Between(min(a, b), max(a, b))


@given(RANGE_OF_A_KIND)
def test_either_of_two_ranges_lies_within_their_hull(ranges: tuple[Between[Any], Between[Any]]) -> None:
    """And no end of it is made up, but for sets, which meet where neither ends."""
    one, other = ranges
    hull = one.hull(other)

    assert one.within(hull) is other.within(hull) is Answer.YES
    assert hull == other.hull(one)
    if not isinstance(hull.low, frozenset):
        assert {hull.low, hull.high} <= {one.low, one.high, other.low, other.high}


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [(YES, NO, YES), (NO, NO, NO), (EITHER, NO, EITHER), (EITHER, YES, YES)],
)
def test_what_is_so_by_either_of_two_is_so_by_both(
    one: Between[bool], other: Between[bool], both: Between[bool]
) -> None:
    """In whatever order; of sets together what either has."""
    two, three = exactly(frozenset({"2"})), exactly(frozenset({"3"}))

    assert one.both(other) == other.both(one) == both
    assert two.both(three) == exactly(frozenset({"2", "3"}))
