"""Chains: the laws of joining hops, and what passes between them."""

from __future__ import annotations

from collections.abc import Callable
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
    Behavior,
    Between,
    differences,
    exactly,
    properties,
    transparent,
)
from proxycfg.chain import Composed, Hop, Seam, compose, relay
from proxycfg.record import replace

# ---- hops to try ----

SWITCHES = st.sampled_from([NO, YES, EITHER])
NUMBERS = st.sampled_from([0.0, 15.0, 60.0, 3600.0, FOREVER])


def _ranges(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Between[Any]]:
    return st.tuples(values, values).map(lambda pair: Between(min(pair), max(pair)))


def _sets(whole: frozenset[str]) -> st.SearchStrategy[Between[Any]]:
    some = st.frozensets(st.sampled_from(sorted(whole)))
    return st.tuples(some, some).map(lambda pair: Between(pair[0], pair[0] | pair[1]))


def _of(name: str) -> st.SearchStrategy[Between[Any]]:
    prop = properties()[name]
    if isinstance(prop.transparent, bool):
        return SWITCHES
    if prop.unit:
        return _ranges(NUMBERS)
    return {
        "stalls_on": _sets(TRANSPORTS),
        "client_http_versions": _sets(HTTP_VERSIONS),
        "upstream_http_version": _ranges(st.sampled_from(["1.0", "1.1", "2", "3"])),
        "upstream_connection_header": st.sampled_from([exactly(""), exactly("close"), Between("", ANYTHING)]),
        "session_affinity": st.sampled_from([exactly("none"), exactly("ip"), exactly("cookie"), Between("", ANYTHING)]),
    }[name]


BEHAVIORS = st.fixed_dictionaries({name: _of(name) for name in properties()}).map(lambda values: Behavior(**values))


@st.composite
def hops(draw: st.DrawFn) -> Hop:
    """Any hop that speaks HTTP."""
    usual, released, plain = draw(BEHAVIORS), draw(BEHAVIORS), draw(BEHAVIORS)
    unbuffers, forwards = draw(SWITCHES), usual.forwards_x_accel_buffering
    # What a hop says itself, the next one sees.
    usual = replace(
        usual, forwards_x_accel_buffering=Between(forwards.low or unbuffers.low, forwards.high or unbuffers.high)
    )
    shown = {
        (False, False): usual,
        (True, False): replace(usual, response_buffering=NO, caching=NO, stalls_on=released.stalls_on),
        (False, True): replace(usual, compression=NO, stalls_on=plain.stalls_on),
        (True, True): replace(usual, response_buffering=NO, caching=NO, compression=NO, stalls_on=plain.stalls_on),
    }
    return Hop("hop", usual, seam(lambda released, plain: shown[released, plain], unbuffers=unbuffers, sees_client=draw(SWITCHES), chooses=draw(SWITCHES)))  # fmt: skip


def seam(under: Callable[[bool, bool], Behavior], **more: Any) -> Seam:
    """One of a hop that is reached over HTTP/1.1 and 2."""
    return replace(
        relay(), relays=False, transports=exactly(frozenset({"http/1.1", "2"})), secure=NO, under=under, **more
    )


def hop(name: str = "hop", *, says: bool = False, chooses: bool = False, released: Any = None, **values: Any) -> Hop:
    """A hop with some properties, and otherwise as it should be; released, it holds nothing back."""
    own = replace(transparent(), **{name: exactly(value) for name, value in values.items()})
    free = replace(own, response_buffering=NO, stalls_on=exactly(frozenset()))
    plain = replace(own, compression=NO)
    shown = {
        (False, False): own,
        (True, False): free,
        (False, True): plain,
        (True, True): replace(free, compression=NO),
    }
    return Hop(name, own, seam(lambda released, plain: shown[released, plain], unbuffers=exactly(says), chooses=exactly(chooses)))  # fmt: skip


# ---- laws ----


@given(hops())
def test_one_hop_is_what_it_is(one: Hop) -> None:
    """A chain of one hop does what the hop does."""
    assert differences(one.behavior, compose([one]).behavior) == {}


@given(st.lists(hops(), min_size=1, max_size=3), st.integers(0, 3))
def test_a_transparent_hop_changes_nothing(some: list[Hop], at: int) -> None:
    """Wherever it stands."""
    network = Hop("network", transparent(), relay())
    with_it = [*some[:at], network, *some[at:]]

    assert differences(compose(some).behavior, compose(with_it).behavior) == {}


ALONE = [name for name, prop in properties().items() if prop.along and not prop.walked]
"""The properties that join whatever else the hops do."""


@given(st.lists(hops(), min_size=1, max_size=4))
def test_a_chain_is_never_better_than_its_worst_hop(some: list[Hop]) -> None:
    """Joining any of its hops once more makes no property worse: all it has to say is in it."""
    whole = compose(some).behavior
    for name in ALONE:
        along, value = properties()[name].along, getattr(whole, name)
        assert along is not None
        for each in some:
            own = getattr(each.behavior, name)
            assert value == Between(along(own.low, value.low), along(own.high, value.high)), name


@given(st.lists(hops(), min_size=2, max_size=4))
def test_what_stalls_without_a_header_in_hand_stalls_in_company(some: list[Hop]) -> None:
    """Where no hop says a word about buffering and all pass Accept-Encoding on, the outermost hop holds back what it does alone."""
    silent = [
        replace(each, behavior=replace(each.behavior, accept_encoding_forwarded=YES, compression=NO), seam=replace(each.seam, unbuffers=NO, under=lambda _r, _p, own=each.behavior: replace(own, accept_encoding_forwarded=YES, compression=NO)))
        for each in some
    ]  # fmt: skip
    whole = compose(silent).behavior

    assert silent[0].behavior.stalls_on.low <= whole.stalls_on.low
    assert silent[0].behavior.stalls_on.high <= whole.stalls_on.high


@given(st.lists(hops(), min_size=1, max_size=4))
def test_somebody_decides_every_property(some: list[Hop]) -> None:
    """One hop at least, and one that is there."""
    whole = compose(some)

    assert whole.deciding.keys() == properties().keys()
    assert all(by and set(by) <= set(range(len(some))) for by in whole.deciding.values())


def test_no_hop_is_no_chain() -> None:
    """There is nothing to say of it."""
    with pytest.raises(ValueError, match="at least one hop"):
        compose([])


# ---- what passes between the hops ----


def _value(whole: Composed, name: str) -> Any:
    found = getattr(whole.behavior, name)
    assert found.exact, name
    return found.low


BUFFERS = {"response_buffering": True, "honors_x_accel_buffering": True, "stalls_on": frozenset({"http/1.1", "2"})}


def test_an_inner_hop_that_eats_the_header_leaves_the_outer_one_buffering() -> None:
    """The origin cannot switch it off any more, though each hop would obey by itself."""
    outer = hop("outer", **BUFFERS)
    eats = hop("inner", **BUFFERS, forwards_x_accel_buffering=False)
    passes = hop("inner", **BUFFERS)

    broken, fine = compose([outer, eats]), compose([outer, passes])
    assert not _value(broken, "honors_x_accel_buffering")
    assert broken.deciding["honors_x_accel_buffering"] == (1,)
    assert broken.through["honors_x_accel_buffering"] == "forwards_x_accel_buffering"
    assert _value(fine, "honors_x_accel_buffering")


def test_an_inner_hop_that_says_it_itself_releases_the_outer_one() -> None:
    """Before any header from the origin."""
    outer, inner = hop("outer", **BUFFERS), hop("inner", says=True, forwards_x_accel_buffering=True)

    whole = compose([outer, inner])
    assert not _value(whole, "response_buffering")
    assert _value(whole, "stalls_on") == frozenset()


def test_what_an_inner_hop_holds_back_reaches_nobody() -> None:
    """Over whatever clients come, if it does so over what the hop before it speaks."""
    outer = hop("outer")
    inner = hop("inner", stalls_on=frozenset({"http/1.1"}))

    whole = compose([outer, inner])
    assert _value(whole, "stalls_on") == frozenset({"http/1.1", "2"})
    assert whole.deciding["stalls_on"] == (1,)
    assert _value(compose([hop("outer", upstream_http_version="2"), inner]), "stalls_on") == frozenset()


def test_only_the_first_hop_compresses_that_is_asked() -> None:
    """What is compressed already is left alone, and nobody compresses who is not asked."""
    squeezes = hop("gzip", compression=True)

    both = compose([squeezes, squeezes])
    assert both.deciding["compression"] == (1,)
    assert [each.compression for each in both.hops] == [NO, YES]
    outer = compose([hop("outer", compression=True, accept_encoding_forwarded=False), squeezes])
    assert [each.compression for each in outer.hops] == [YES, NO]


def test_the_first_timer_to_run_out_decides() -> None:
    """An outer minute undoes an inner hour."""
    whole = compose([hop("outer", upstream_idle_timeout=60.0), hop("inner", upstream_idle_timeout=3600.0)])

    assert _value(whole, "upstream_idle_timeout") == 60.0
    assert whole.deciding["upstream_idle_timeout"] == (0,)


def test_the_innermost_hop_connects_to_the_origin() -> None:
    """The others reach the next hop, and give up when they have heard nothing for too long."""
    outer, inner = hop("outer", connect_timeout=1.0, upstream_idle_timeout=60.0), hop("inner", connect_timeout=5.0)

    assert _value(compose([outer, inner]), "connect_timeout") == 5.0
    assert _value(compose([hop(upstream_idle_timeout=3.0), inner]), "connect_timeout") == 3.0


def test_behind_a_hop_that_collects_requests_no_client_is_slow() -> None:
    """Its own timer counts, and none behind it."""
    inner = hop("inner", client_idle_timeout=5.0)

    assert (
        _value(compose([hop(client_idle_timeout=60.0, request_buffering=True), inner]), "client_idle_timeout") == 60.0
    )
    assert _value(compose([hop(client_idle_timeout=60.0), inner]), "client_idle_timeout") == 5.0


def test_a_version_that_the_next_hop_does_not_take_ends_what_needs_it() -> None:
    """A call in HTTP/2, a WebSocket in HTTP/1.1; and the hop is named that speaks what the next does not take."""
    old = hop("outer", upstream_http_version="1.0")
    new = replace(hop("inner"), seam=replace(hop().seam, speaks_1_0=NO))

    assert compose([old, new]).unmet == {0: YES}
    assert compose([old, hop("inner")]).unmet == {}
    assert not _value(compose([hop(), hop(client_http_versions=frozenset({"2"}))]), "upgrade")
    assert not _value(compose([hop(), hop(client_http_versions=frozenset({"1.1"}))]), "grpc")


def test_an_address_is_of_use_only_to_who_sees_the_client() -> None:
    """All clients of the hop before have one."""
    inner = hop("inner", session_affinity="ip", chooses=True)
    blind = replace(inner, seam=replace(inner.seam, sees_client=NO))

    assert _value(compose([hop(), inner]), "session_affinity") == "ip"
    assert _value(compose([hop(), blind]), "session_affinity") == "none"
    assert _value(compose([blind]), "session_affinity") == "ip"
