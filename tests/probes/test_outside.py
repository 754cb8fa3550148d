"""The judge of visits: each recorded timeline shows something, and the same in every replay."""

from __future__ import annotations

from typing import Any

import pytest

from proxycfg.behavior import FOREVER, Between, exactly
from proxycfg.measured import Judged
from proxycfg.probes.outside import judge, shown
from proxycfg.timeline import Event


def visit(protocol: str, *events: tuple[float, str, dict[str, Any]], transport: str = "http/1.1") -> tuple[Event, ...]:
    """One exchange that was recorded."""
    told = {
        "probe": "outside",
        "url": "u",
        "host": "h",
        "path": "/",
        "protocol": protocol,
        "secure": transport in {"2", "http/1.1+tls"},
    }
    begin = [
        Event(0.0, 0, "probe", told),
        Event(0.01, 1, "connected", {"transport": transport}),
        Event(0.01, 1, "sent", {"transport": transport}),
    ]
    return (*begin, *(Event(at, 1, what, facts) for at, what, facts in events))


def head(status: int = 200, **headers: str) -> dict[str, Any]:
    """The facts of an answer's head."""
    return {"status": status, "headers": [[name.replace("_", "-"), value] for name, value in headers.items()]}


def piece(messages: int = 1, size: int = 20) -> dict[str, Any]:
    """The facts of a piece of a body."""
    return {"bytes": size, "messages": messages}


SSE = head(content_type="text/event-stream")
GRPC = head(content_type="application/grpc")


def faults(judged: Judged) -> list[str]:
    """What went wrong, by name."""
    return [complaint.fault.name for complaint in judged.complaints]


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ([(0.1, "head", SSE), (0.1, "piece", piece()), (0.6, "piece", piece()), (2.0, "end", {"how": "left"})], []),
        # One small event while the stream is open: no buffer would have let it go.
        ([(0.1, "head", SSE), (0.1, "piece", piece()), (2.0, "end", {"how": "left"})], []),
        ([(1.5, "head", SSE), (1.5, "piece", piece(5, 100)), (1.5, "end", {"how": "complete"})], ["stream-held-back"]),
        # By the buffer: so many events at once that it is full, again and again.
        (
            [(0.1, "head", SSE), (1.0, "piece", piece(40, 4096)), (2.0, "piece", piece(41, 4096)), (3.0, "piece", piece(40, 4096)), (4.0, "end", {"how": "left"})],
            ["stream-held-back"],
        ),
        ([(2.0, "end", {"how": "left"})], ["stream-silent"]),
        ([(0.1, "head", SSE), (2.0, "end", {"how": "left"})], ["stream-silent"]),
        ([(0.1, "head", SSE), (0.1, "piece", piece()), (60.1, "end", {"how": "cut"})], ["stream-cut"]),
        ([(0.1, "head", head(content_type="text/html")), (0.1, "piece", piece()), (0.1, "end", {"how": "complete"})], ["answer-of-another-type"]),
        ([(0.1, "head", head(502)), (0.1, "end", {"how": "complete"})], ["endpoint-refuses"]),
        ([(0.1, "head", head(302, location="https://b/")), (0.1, "end", {"how": "complete"})], ["endpoint-refuses"]),
        ([(0.1, "end", {"how": "unanswered"})], ["endpoint-refuses"]),
        ([(0.1, "end", {"how": "garbage", "said": "no HTTP"})], ["endpoint-refuses"]),
    ],
)  # fmt: skip
def test_an_event_stream_flows_or_does_not(events: list[tuple[float, str, dict[str, Any]]], wrong: list[str]) -> None:
    """Each thing that can go wrong with it, and it alone."""
    judged = judge(visit("sse", *events))

    assert faults(judged) == wrong
    assert not judged.skipped
    flows = "stalls_on" in judged.found and judged.found["stalls_on"].value == exactly(frozenset())
    assert flows is (not wrong)


@pytest.mark.parametrize("status", [401, 403, 407, 429])
def test_what_wants_credentials_is_not_judged(status: int) -> None:
    """Skipped, with what to give."""
    judged = judge(visit("sse", (0.1, "head", head(status)), (0.1, "end", {"how": "complete"})))

    assert str(status) in judged.skipped
    assert not judged.complaints


def test_an_answer_that_is_too_short_is_not_judged() -> None:
    """It flows, or it is held: it looks the same."""
    judged = judge(visit("sse", (0.1, "head", SSE), (0.1, "piece", piece(3)), (0.1, "end", {"how": "complete"})))

    assert judged.skipped
    assert judged.found["stalls_on"].value == Between(frozenset(), frozenset({"http/1.1"}))


def test_what_flows_over_one_transport_is_held_back_over_the_other() -> None:
    """The origin says the same to both at the same time."""
    two = visit("sse", (0.1, "head", SSE), (0.2, "piece", piece()), (2.0, "end", {"how": "left"}), transport="2")
    one = [
        Event(0.0, 2, "connected", {"transport": "http/1.1+tls"}),
        Event(0.0, 2, "sent", {"transport": "http/1.1+tls"}),
        Event(2.0, 2, "end", {"how": "left"}),
    ]
    judged = judge((*two, *one))

    assert faults(judged) == ["stream-held-back"]
    assert judged.found["stalls_on"].value == exactly(frozenset({"http/1.1+tls"}))
    assert judged.found["client_http_versions"].value == exactly(frozenset({"1.1", "2"}))


def test_a_cut_after_a_silence_leaves_open_which_timer_it_was() -> None:
    """Its silence and its age are known, and that it lived no longer."""
    judged = judge(visit("sse", (0.1, "head", SSE), (0.1, "piece", piece()), (60.1, "end", {"how": "cut"})))

    for name in ("upstream_idle_timeout", "total_timeout"):
        value = judged.found[name].value
        assert 59 < value.low < 60.2
        assert value.high == FOREVER


@pytest.mark.parametrize(
    ("headers", "stored"),
    [
        ({"age": "12"}, True),
        ({"age": "0"}, None),
        ({"cf_cache_status": "HIT"}, True),
        ({"x_cache": "Hit from cloudfront"}, True),
        ({"cf_cache_status": "DYNAMIC"}, False),
        ({"cache_control": "no-store"}, False),
        ({}, None),
    ],
)
def test_headers_tell_of_a_store(headers: dict[str, str], stored: bool | None) -> None:
    """Or nothing."""
    judged = judge(
        visit("poll", (0.1, "head", head(**headers)), (0.1, "piece", piece()), (0.1, "end", {"how": "complete"}))
    )

    found = judged.found.get("caching")
    assert (None if found is None else found.value) == (None if stored is None else exactly(stored))


@pytest.mark.parametrize(
    ("events", "wrong", "passes"),
    [
        ([(0.1, "head", GRPC), (0.2, "piece", piece()), (0.3, "trailers", {"headers": [["grpc-status", "0"]]}), (0.3, "end", {"how": "complete"})], [], True),
        # An error of the server itself, which says nothing else.
        ([(0.1, "head", head(content_type="application/grpc", grpc_status="12")), (0.1, "end", {"how": "complete"})], [], True),
        ([(0.1, "head", head(content_type="application/grpc", grpc_status="14")), (0.1, "end", {"how": "complete"})], ["endpoint-refuses"], None),
        ([(0.1, "head", GRPC), (0.2, "piece", piece()), (0.3, "end", {"how": "complete"})], ["grpc-status-lost"], False),
        ([(0.1, "head", head(content_type="text/html")), (0.3, "end", {"how": "complete"})], ["answer-of-another-type"], None),
    ],
)  # fmt: skip
def test_a_call_ends_with_its_status(
    events: list[tuple[float, str, dict[str, Any]]], wrong: list[str], passes: bool | None
) -> None:
    """In trailers, or alone."""
    judged = judge(visit("grpc", *events, transport="2"))

    assert faults(judged) == wrong
    found = judged.found.get("grpc")
    assert (None if found is None else found.value) == (None if passes is None else exactly(passes))


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ([(0.1, "head", head(101)), (0.1, "open", {}), (0.1, "ping", {}), (0.2, "pong", {}), (2.0, "end", {"how": "complete", "code": 1000})], []),
        ([(0.1, "head", head(101)), (0.1, "open", {}), (0.1, "ping", {}), (2.0, "end", {"how": "left"})], ["socket-without-answer"]),
        ([(0.1, "head", head(101)), (0.1, "open", {}), (0.2, "pong", {}), (60.0, "end", {"how": "cut"})], ["stream-cut"]),
        ([(0.1, "head", head(400)), (0.2, "end", {"how": "complete"})], ["handshake-refused"]),
        ([(0.1, "head", head(403)), (0.2, "end", {"how": "complete"})], ["handshake-refused"]),
        ([(2.0, "end", {"how": "left"})], ["handshake-refused"]),
    ],
)  # fmt: skip
def test_a_socket_opens_and_answers(events: list[tuple[float, str, dict[str, Any]]], wrong: list[str]) -> None:
    """Or is refused, mute, or cut."""
    assert faults(judge(visit("websocket", *events))) == wrong


def test_nobody_there() -> None:
    """Said as it was."""
    begin = visit("sse")[:1]
    judged = judge(
        (
            *begin,
            Event(0.1, 1, "unreached", {"transport": "2", "how": "certificate", "said": "self-signed certificate"}),
        )
    )

    assert faults(judged) == ["endpoint-unreachable"]
    assert "self-signed certificate" in judged.complaints[0].message


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://me:secret@a.example/x?token=abc&room=1#frag", "https://a.example/x?token=…&room=…"),
        ("https://a.example/x?abc", "https://a.example/x?…"),
        ("wss://a.example:8443/x", "wss://a.example:8443/x"),
    ],
)
def test_no_report_has_what_may_be_secret(url: str, safe: str) -> None:
    """Whoever is named, and the values of a query."""
    assert shown(url) == safe
