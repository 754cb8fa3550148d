"""The judges of the probes on a bench: a recording of real nginx gives what it gave, and each way to learn nothing gives nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from proxycfg.behavior import properties
from proxycfg.check.judge import judge
from proxycfg.lab.probe import AtLeast, Within, spent_facts, spent_of
from proxycfg.probes.kits import ENVOY, EVERY, NGINX
from proxycfg.source import Source
from proxycfg.timeline import Event, Timeline, from_lines, parts

RECORDING = Path(__file__).parent.parent.parent / "fixtures" / "timelines" / "check-sse-nginx-1.30.jsonl"


def seen(*noted: tuple[str, dict[str, Any]]) -> Timeline:
    """What a driver has noted."""
    return tuple(Event(0.1, 1, what, facts) for what, facts in noted)


def test_a_recording_gives_what_it_gave() -> None:
    """Every part judged again: stock nginx but for `proxy_buffering off`, on a clock that runs twenty times as fast."""
    values: dict[str, Any] = {}
    for part in parts(from_lines(Source(RECORDING.name, RECORDING.read_text()))):
        values |= EVERY[part[0].facts["probe"]].judge(part[1:])

    for name in ("upstream_idle_timeout", "client_idle_timeout", "send_timeout"):
        spent = values.pop(name)
        assert isinstance(spent, Within)
        assert spent.low < 60 < spent.high
    # Servers that have failed stay away for ten seconds, so that nothing was learned of retries and stores.
    assert values == {
        "response_buffering": False, "honors_x_accel_buffering": True, "stalls_on": frozenset(), "over": frozenset({"http/1.1"}),
        "request_buffering": True, "compression": False, "upstream_http_version": "1.1", "upgrade": False, "upstream_connection_header": "",
        "total_timeout": AtLeast(75.0), "request_body_limit": 2.0**20, "retried_silence": False, "forwards_x_accel_buffering": False,
        "accept_encoding_forwarded": True, "client_http_versions": frozenset({"1.1"}), "grpc": False, "query_logged": True, "abort_propagates": True,
    }  # fmt: skip


@pytest.mark.parametrize("probe", EVERY.values(), ids=EVERY)
def test_a_driver_that_came_to_no_end_gives_nothing(probe: Any) -> None:
    """Whatever kept it from that."""
    assert probe.judge(()) == {}


@pytest.mark.parametrize("kit", [NGINX, ENVOY], ids=["nginx", "envoy"])
def test_every_property_is_measured_by_a_probe_of_the_kit(kit: Any) -> None:
    """By name; but Envoy has no buffer that X-Accel-Buffering could switch off."""
    assert kit.measured_by.keys() | {"honors_x_accel_buffering"} == properties().keys()
    assert {name for names in kit.measured_by.values() for name in names} <= kit.every().keys()


LOOKED = {"word": "", "held": True}


@pytest.mark.parametrize(
    ("name", "noted", "values"),
    [
        ("buffering", [("looked", LOOKED), ("looked", {"word": "no", "held": False}), ("done", {"version": "1.1", "secure": False, "protocol": ""})],
         {"response_buffering": True, "honors_x_accel_buffering": True}),
        ("buffering", [("looked", LOOKED), ("looked", {"word": "no", "held": True}), ("done", {"version": "1.1", "secure": False, "protocol": ""})],
         {"response_buffering": True, "honors_x_accel_buffering": False}),
        ("buffering", [("looked", LOOKED), ("done", {"version": "2", "secure": False, "protocol": ""})], {}),
        ("buffering", [("looked", LOOKED), ("done", {"version": "2", "secure": True, "protocol": "grpc"})], {"response_buffering": True}),
        ("stalls", [("looked", {"over": "2", "held": False}), ("looked", {"over": "http/1.1+tls", "held": True}), ("done", {})],
         {"stalls_on": frozenset({"http/1.1+tls"}), "over": frozenset({"2", "http/1.1+tls"})}),
        ("caching", [("done", {"came": 1, "stored": False, "folder": False})], {"caching": True}),
        ("caching", [("done", {"came": 2, "stored": True, "folder": True})], {"caching": True}),
        ("caching", [("done", {"came": 2, "stored": False, "folder": False})], {"caching": False}),
        ("caching", [("done", {"came": 2, "stored": False, "folder": True})], {}),
        ("body_limit", [("offered", {"bytes": 1025, "refused": False}), ("done", {})], {"request_body_limit": math.inf}),
        ("body_limit", [("offered", {"bytes": 8193, "refused": True}), ("offered", {"bytes": 8192, "refused": False}), ("done", {})], {"request_body_limit": 8192.0}),
        ("body_limit", [("offered", {"bytes": 1, "refused": True}), ("done", {})], {}),
        ("body_limit_sent", [("offered", {"bytes": 1025, "refused": False}), ("done", {})], {"request_body_limit": AtLeast(2.0**20 + 1)}),
        ("failures", [("failed", {"method": "GET", "times": 2, "replaced": False}), ("failed", {"method": "POST", "times": 1, "replaced": True}), ("done", {"posts": True})],
         {"retries": True, "retries_non_idempotent": False, "error_interception": True}),
        ("failures", [("failed", {"method": "GET", "times": 1, "replaced": False}), ("slow", {"again": None}), ("done", {"posts": False})], {"error_interception": False}),
        ("failures", [("failed", {"method": "GET", "times": 1, "replaced": False}), ("slow", {"again": True}), ("done", {"posts": False})],
         {"error_interception": False, "retries": True}),
        ("upgrade", [("unspoken", {"complete": True})], {"upgrade": False}),
        ("upgrade", [("unspoken", {"complete": False})], {}),
        ("upgrade", [("silence", {"low": 59.0, "high": 61.0}), ("done", {"upgrade": True})], {"upgrade": True, "client_idle_timeout": Within(59.0, 61.0)}),
        ("grpc", [("done", {"trailers": [["grpc-status", "0"]]})], {"grpc": True}),
        ("grpc", [("done", {"trailers": []})], {"grpc": False}),
        ("unreachable", [("done", {"status": 504, "timed_out": False, "longest": 75.0, "spent": "5.001"})], {"connect_timeout": Within(4.501, 5.501)}),
        ("unreachable", [("done", {"status": 0, "timed_out": False, "longest": 75.0, "spent": ""})], {"connect_timeout": AtLeast(75.0)}),
        ("unreachable", [("done", {"status": 0, "timed_out": True, "longest": 75.0, "spent": ""})], {}),
        ("attempts", [("done", {"status": 503, "attempts": "2", "low": 2.0, "high": 2.2})], {"connect_timeout": Within(0.75, 1.1)}),
        ("attempts", [("done", {"status": 504, "attempts": None, "low": 2.0, "high": 2.2})], {}),
        ("streams", [("done", {"count": 5, "most": 40})], {"max_streams": 5.0}),
        ("streams", [("done", {"count": 40, "most": 40})], {"max_streams": AtLeast(40.0)}),
        ("affinity", [("tried", {"changing": ["ip", "cookie", "header", "hash"], "spread": True}), ("tried", {"changing": [], "spread": True})], {"session_affinity": "none"}),
        ("affinity", [("tried", {"changing": ["ip", "cookie", "header", "hash"], "spread": True}), ("tried", {"changing": [], "spread": False}),
                      *(("tried", {"changing": [key], "spread": key == "cookie"}) for key in ("ip", "cookie", "header", "hash"))], {"session_affinity": "cookie"}),
        ("affinity", [("tried", {"changing": ["ip", "cookie", "header", "hash"], "spread": False})], {}),
        ("answers", [("route", {"protocol": "websocket"}), ("done", {"compression": True, "query_logged": False})], {"query_logged": False}),
    ],
)  # fmt: skip
def test_a_judge_concludes(name: str, noted: list[tuple[str, dict[str, Any]]], values: dict[str, Any]) -> None:
    """From what was noted and nothing else."""
    assert EVERY[name].judge(seen(*noted)) == values


@pytest.mark.parametrize("spent", [AtLeast(75.0), Within(1.0, 2.0), Within(1.0, math.inf)])
def test_times_go_through_json(spent: AtLeast | Within) -> None:
    """There and back."""
    assert spent_of(spent_facts(spent)) == spent


def test_what_is_not_spoken_is_left_open() -> None:
    """No client here speaks HTTP/3: of a listener that may, it is not said that nothing stalls there."""
    part = seen(("looked", {"over": "http/1.1+tls", "held": False}), ("done", {}))
    told = [{"probe": "stalls", "timeline": [event.to_json() for event in part]}]

    sure, unsure = (
        judge(told, ["stalls"], more=more).found["stalls_on"].value for more in (frozenset[str](), frozenset({"3"}))
    )
    assert (sure.low, sure.high) == (frozenset(), frozenset())
    assert (unsure.low, unsure.high) == (frozenset(), frozenset({"3"}))
