"""The arithmetic of clients and networks: each figure follows from the spec's scale and from a figure that names its source."""

from __future__ import annotations

import pytest

from proxycfg.capacity import (
    BROWSER_CONNECTIONS,
    FULL_ECDSA,
    FULL_RSA,
    IDLE_STREAM,
    PRACTICE,
    RESUMED,
    Part,
    capacity,
)
from tests.specs import load

TLS = "listen: {port: 443, tls: {certificate: /c, key: /k}}\n"
UPSTREAMS = "upstreams: {a: http://10.0.0.1:1, g: grpc://10.0.0.1:2}\n"


def parts(routes: str, more: str = "", **how: float) -> dict[str, Part]:
    """The parts of a spec, by their titles."""
    spec = load(f"{UPSTREAMS}{more}routes: [{routes}]\n")
    return {part.title: part for part in capacity(spec, **how)}  # type: ignore[arg-type]


def figures(part: Part) -> dict[str, float]:
    """Its numbers, by what they are of."""
    return {line.what: line.number for line in part.lines}


EVENTS = "{path: /events, protocol: sse, upstream: a}"


@pytest.mark.parametrize(("count", "tabs"), [(1, 6), (2, 3), (4, 1), (7, 0)])
def test_six_connections_are_shared_by_tabs_and_streams(count: int, tabs: int) -> None:
    """A browser has as many for a host, whatever opens them."""
    routes = ", ".join(EVENTS.replace("/events", f"/events{number}") for number in range(count))
    found = parts(routes)["Browsers"]

    assert BROWSER_CONNECTIONS.value == next(iter(figures(found).values()))
    assert tabs == figures(found)["tabs that work, with every streaming route open in each"]
    assert "browsers speak HTTP/2 over TLS alone" in found.advice[0]


def test_http_2_over_tls_lifts_the_limit() -> None:
    """It has to be offered, and by TLS."""
    assert "the limit is gone" in parts(EVENTS, TLS)["Browsers"].advice[0]
    only = TLS.replace("}}", '}, http: ["1.1"]}')
    assert "the listener offers HTTP/1.1 alone" in parts(EVENTS, only)["Browsers"].advice[0]


def test_sockets_and_native_grpc_are_no_matter_of_six() -> None:
    """They count otherwise, or are no browser's."""
    assert "Browsers" not in parts(
        "{path: /ws, protocol: websocket, upstream: a}, {path: /x, protocol: grpc, upstream: g}"
    )


def test_memory_and_files_grow_with_the_scale() -> None:
    """A quiet stream holds what was measured; both its connections are files."""
    found = figures(parts(EVENTS, "scale: {streams: 1000}\n")["Memory and connections"])

    secured = figures(parts(EVENTS, f"{TLS}scale: {{streams: 1000}}\n")["Memory and connections"])
    for (name, secure), each in IDLE_STREAM.items():
        assert 1000 * each.value == (secured if secure else found)[f"{name}: 1000 quiet streams"]
    assert 2000 == found["open files"]


def test_an_upstream_of_one_address_has_so_many_ports() -> None:
    """Told as advice where the scale is beyond them; HTTP/2 needs none of its own for a stream."""
    many = "scale: {streams: 100000}\n"

    assert any(
        "upstream a cannot take 100000 streams" in each for each in parts(EVENTS, many)["Memory and connections"].advice
    )
    assert not parts(EVENTS)["Memory and connections"].advice
    assert not parts("{path: /x, protocol: grpc, upstream: g}", many)["Memory and connections"].advice


def test_reconnects_take_handshakes() -> None:
    """Of each kind as many seconds as clients by what cores do, of which half is free for it."""
    found = figures(parts(EVENTS, TLS, cores=4, spread=20.0)["Reconnects"])

    assert 500 == found["new connections, when 10000 clients come back within 20s"]
    for what, fact in (("full, P-256", FULL_ECDSA), ("full, RSA 2048", FULL_RSA), ("resumed, TLS 1.3", RESUMED)):
        assert 10_000 / (fact.value * 4 * PRACTICE) == found[f"seconds of TLS handshakes ({what})"]


def test_a_storm_that_is_too_much_is_spread() -> None:
    """By `retry:` for event streams, by waiting for the others; without TLS there is no handshake to count."""
    storm = parts(f"{EVENTS}, {{path: /ws, protocol: websocket, upstream: a}}", TLS + "scale: {streams: 100000}\n")[
        "Reconnects"
    ]

    assert any("spread clients over 50s or more" in each for each in storm.advice)
    assert any("`retry:` with a random number from 25000 to 75000" in each for each in storm.advice)
    assert any("other clients do not come back by themselves" in each for each in storm.advice)
    calm = parts(EVENTS)["Reconnects"]
    assert ["new connections, when 10000 clients come back within 10s"] == list(figures(calm))
    assert not any("spread clients" in each for each in calm.advice)


def test_all_at_once_is_no_number_of_a_second() -> None:
    """JSON says null."""
    (line,) = parts(EVENTS, spread=0.0)["Reconnects"].lines

    assert ("all at once", None) == (line.value, line.to_json()["number"])


def test_limits_of_an_address_are_told_beside_a_storm() -> None:
    """An office comes back from one address."""
    limited = "{path: /events, protocol: sse, upstream: a, limits: {rate: 2, burst: 5}}"

    assert any(
        "limits let 5 of one address begin at once, then 2/s" in each for each in parts(limited)["Reconnects"].advice
    )


def test_networks_cut_what_is_quiet_for_longer() -> None:
    """The shortest of them asks for a heartbeat of half its time."""
    quiet = parts(EVENTS)["Networks"]
    beating = parts(EVENTS.replace("upstream", "heartbeat: 15s, upstream"))["Networks"]

    assert "cut by mobile network" in quiet.lines[0].value
    assert any("`heartbeat: 15s` or less" in each for each in quiet.advice)
    assert ("survives all of these", 15) == (beating.lines[0].value, beating.lines[0].number)
    assert not any("keeps it alive" in each for each in beating.advice)


def test_short_requests_hold_nothing() -> None:
    """A spec without streams has no figures."""
    assert parts("{path: /, upstream: a}") == {}


@pytest.mark.parametrize(
    "how", [{"cores": 0}, {"cores": 5000}, {"spread": -1.0}, {"spread": 1e9}, {"spread": float("nan")}]
)
def test_numbers_out_of_range_are_refused(how: dict[str, float]) -> None:
    """With the range."""
    with pytest.raises(ValueError, match="must be from"):
        parts(EVENTS, **how)


def test_every_figure_that_is_not_the_specs_names_its_source() -> None:
    """Nothing is made up."""
    for fact in (BROWSER_CONNECTIONS, FULL_ECDSA, FULL_RSA, RESUMED, *IDLE_STREAM.values()):
        assert fact.source.startswith(("https://", "http://", "docs/"))
        assert fact.value > 0
