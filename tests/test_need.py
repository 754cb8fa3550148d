"""What a route asks of every hop."""

from __future__ import annotations

from typing import Any

import pytest

from proxycfg.behavior import EITHER, FOREVER, NO, YES, Answer, Between, at_least, exactly, properties, transparent
from proxycfg.finding import Category
from proxycfg.need import Need, need_of, shortfalls
from proxycfg.protocols import protocols
from proxycfg.record import replace
from proxycfg.spec import Route, ordinary
from tests.specs import load, route

NAMES = sorted(protocols())
STREAMS = ["connect", "grpc", "grpc-web", "ndjson", "sse", "websocket"]


def _route(protocol: str, text: str = "heartbeat: 30s") -> Route:
    return route(text, protocol, "agents" if protocol == "grpc" else "api")


def _need(protocol: str, text: str = "heartbeat: 30s") -> Need:
    return need_of(_route(protocol, text))


@pytest.mark.parametrize("protocol", NAMES)
def test_a_need_says_something_about_every_property(protocol: str) -> None:
    """Where it does not care, it accepts whatever a hop may do."""
    need = _need(protocol)
    for name, prop in properties().items():
        accepted = getattr(need.accepted, name)

        assert isinstance(accepted, Between)
        if name not in need.wants:
            assert Answer.YES is exactly(prop.transparent).within(accepted)


@pytest.mark.parametrize("protocol", NAMES)
def test_an_ordinary_need_is_that_of_a_spec_that_states_nothing(protocol: str) -> None:
    """The short way to it, without a spec, knows the same defaults."""
    whole = _need(protocol, "")
    streams = replace(whole.wants["max_streams"], accepted=at_least(1))

    assert need_of(ordinary(protocols()[protocol])) == Need(
        replace(whole.accepted, max_streams=at_least(1)), {**whole.wants, "max_streams": streams}
    )


@pytest.mark.parametrize("protocol", NAMES)
def test_every_want_has_a_reason(protocol: str) -> None:
    """A sentence that a finding can end with, and a category out of the contract's list."""
    for want in _need(protocol).wants.values():
        assert len(want.why) > 15
        assert not want.why.endswith(".")
        assert want.why[0].islower() or want.why.startswith(("HTTP", "Upgrade"))
        assert want.category in Category


@pytest.mark.parametrize("protocol", NAMES)
def test_a_need_can_be_met(protocol: str) -> None:
    """Within each property's range there is a point; the point nearest to anything lies within."""
    need = _need(protocol)
    for name, prop in properties().items():
        accepted = getattr(need.accepted, name)

        assert Answer.YES is exactly(accepted.clamp(prop.transparent)).within(accepted)


@pytest.mark.parametrize("protocol", ["sse", "ndjson", "connect", "long-poll", "http"])
def test_a_hop_that_changes_nothing_does_no_harm(protocol: str) -> None:
    """Between an HTTP/1.1 client and origin, but for the compression that it lets the origin do."""
    missed = set(shortfalls(_need(protocol), transparent()))

    assert missed <= {"accept_encoding_forwarded"}


@pytest.mark.parametrize(
    ("protocol", "missed"),
    [
        ("grpc", {"upstream_http_version"}),
        ("websocket", set()),
        ("poll", {"caching"}),
        ("grpc-web", {"accept_encoding_forwarded"}),
    ],
)
def test_some_protocols_need_more_than_to_be_let_through(protocol: str, missed: set[str]) -> None:
    """GRPC needs HTTP/2 towards the origin, a poll its shared cache."""
    assert missed == set(shortfalls(_need(protocol), transparent()))


@pytest.mark.parametrize("protocol", ["sse", "ndjson", "grpc", "grpc-web", "connect"])
@pytest.mark.parametrize("name", ["response_buffering", "compression", "caching"])
def test_a_stream_is_neither_held_back_nor_kept(protocol: str, name: str) -> None:
    """Each of the three delays it, or gives it to somebody else."""
    harm: dict[str, Any] = {name: YES}
    behavior = replace(transparent(), upstream_http_version=exactly("2"), **harm)

    assert Answer.NO is shortfalls(_need(protocol), behavior)[name]


def test_what_may_happen_is_told_from_what_will() -> None:
    """A config that leaves it open falls short in part."""
    behavior = replace(
        transparent(),
        response_buffering=EITHER,
        upstream_idle_timeout=Between(60.0, FOREVER),
        accept_encoding_forwarded=NO,
    )

    expected = {"response_buffering": Answer.MAYBE, "upstream_idle_timeout": Answer.MAYBE}
    assert expected == shortfalls(_need("sse"), behavior)


@pytest.mark.parametrize("protocol", ["sse", "ndjson", "websocket", "grpc", "grpc-web", "connect", "long-poll"])
def test_the_longest_silence_of_the_route_is_survived(protocol: str) -> None:
    """Three heartbeats, or what the route says."""
    assert at_least(90.0) == _need(protocol).accepted.upstream_idle_timeout
    assert at_least(600.0) == _need(protocol, "idle_timeout: 10m").accepted.upstream_idle_timeout


@pytest.mark.parametrize("protocol", ["websocket", "grpc", "connect"])
def test_a_client_may_be_silent_where_it_can_stream(protocol: str) -> None:
    """It only listens for as long as the origin only talks."""
    assert at_least(90.0) == _need(protocol).accepted.client_idle_timeout


@pytest.mark.parametrize("protocol", STREAMS)
def test_nothing_ends_a_stream_that_talks(protocol: str) -> None:
    """But the limit that the spec sets, and that one exactly."""
    assert exactly(FOREVER) == _need(protocol).accepted.total_timeout
    assert exactly(3600.0) == _need(protocol, "max_duration: 1h").accepted.total_timeout


@pytest.mark.parametrize("protocol", NAMES)
def test_a_post_is_never_sent_twice(protocol: str) -> None:
    """Whatever the spec says about retries."""
    assert NO == _need(protocol, "retry: true").accepted.retries_non_idempotent


@pytest.mark.parametrize(
    ("text", "retries"), [("retry: false", NO), ("retry: true", EITHER), ("retry: {attempts: 1}", NO)]
)
def test_retries_are_off_where_the_route_says_so(text: str, retries: Between[bool]) -> None:
    """Where they are on, a hop may still not have them."""
    assert retries == _need("http", text).accepted.retries


@pytest.mark.parametrize(("by", "logged"), [("query", NO), ("header", EITHER), ("cookie", EITHER)])
def test_a_credential_in_the_query_is_not_logged(by: str, logged: Between[bool]) -> None:
    """Cookies and headers are in no ordinary log."""
    assert logged == _need("sse", f"auth: {{by: {by}, name: token}}").accepted.query_logged


def test_an_upload_streams_where_the_route_says_so() -> None:
    """The origin must see it as it arrives."""
    assert NO == _need("ndjson", "upload: {stream: true}").accepted.request_buffering
    assert EITHER == _need("ndjson").accepted.request_buffering


def test_what_the_spec_lets_in_is_let_in() -> None:
    """Bodies up to its limit, streams up to its scale."""
    need = _need("http", "upload: {max_bytes: 1MiB}")

    assert (at_least(2**20), at_least(10_000)) == (need.accepted.request_body_limit, need.accepted.max_streams)


def test_affinity_is_a_need() -> None:
    """Of exactly the kind that the upstream has."""
    spec = load(
        "upstreams: {api: {servers: [http://a, http://b], affinity: {by: cookie, name: s}}}\nroutes: [{path: /, upstream: api}]\n"
    )

    assert exactly("cookie") == need_of(spec.routes[0]).accepted.session_affinity
    assert Between("", "\U0010ffff") == _need("sse").accepted.session_affinity
