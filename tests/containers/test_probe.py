"""``proxycfg probe`` in front of real proxies: what is generated passes, and stock configs fail, each protocol as it does there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.containers.stage import Kind, Stage, Stages
from tests.engines import ENVOY, NGINX

OLD_NGINX = ("nginx-1.22", "nginx-1.26")
EVENTS = "{head}; event n=5 gap=0.2"
GRPC_CALL = ("grpc", "/test.Streams/Watch", "grpc; event n=3 gap=0.2")
ASKED: dict[str, tuple[str, str, str]] = {
    "sse": ("sse", "/events", EVENTS.format(head="sse")),
    "ndjson": ("ndjson", "/lines", EVENTS.format(head="ndjson")),
    "websocket": ("websocket", "/socket", "ws; echo"),
    "grpc": GRPC_CALL,
    "grpc-web": ("grpc-web", "/web/test.Streams/Watch", "grpc; event n=3 gap=0.2"),
    "connect": ("connect", "/connect/test.Streams/Watch", "connect; event n=3 gap=0.2"),
    "long-poll": ("long-poll", "/long", "wait 3; json"),
    "poll": ("poll", "/poll", "json"),
    "http": ("http", "/", "json"),
}
"""Protocol → how an endpoint of it is asked, and what the origin does then."""


def probed(stage: Stage, protocol: str, *more: str) -> tuple[int, dict[str, Any]]:
    """What the command says of an endpoint, in a process of its own: exit status, and the route."""
    name, path, script = ASKED[protocol]
    scheme = "https" if stage.secure else "http"
    typed = ("--header", "Content-Type: application/connect+json") if name == "connect" else ()
    done = subprocess.run(
        [
            sys.executable, "-m", "proxycfg", "probe", f"{scheme}://127.0.0.1:{stage.port}{path}", "--protocol", name, "--insecure", "--for", "4s",
            "--header", f"X-Origin-Script: {script}", "--format", "json", *typed, *more,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    (route,) = json.loads(done.stdout)["routes"]
    return done.returncode, route


def _on(engines: tuple[str, ...]) -> list[object]:
    return [pytest.param(engine, id=engine, marks=pytest.mark.xdist_group(engine)) for engine in engines]


@pytest.mark.engine
@pytest.mark.parametrize("protocol", ASKED)
@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize("engine", _on((*NGINX, *ENVOY)))
def test_what_is_generated_passes(stages: Stages, engine: str, protocol: str, *, secure: bool) -> None:
    """Exit status 0 and no finding; what could be measured is what the protocol needs."""
    stage = stages.get(engine, secure=secure, grpc=protocol == "grpc")
    code, route = probed(stage, protocol)

    assert (0, "pass", []) == (code, route["verdict"], route["findings"])
    assert {each["verdict"] for each in route["behavior"].values() if each["known"] and "verdict" in each} <= {
        "pass",
        "may fail",
    }


def _stock() -> Iterator[tuple[str, str, bool, bool, str]]:
    """(engine, protocol, over TLS, lapsed, the finding)."""
    for engine in (*NGINX, *ENVOY):
        yield engine, "websocket", False, False, "handshake-refused"
        yield engine, "grpc", True, False, "endpoint-refuses"
        yield engine, "long-poll", False, True, "stream-cut"
    for protocol in ("sse", "ndjson", "connect", "grpc-web"):
        for engine in OLD_NGINX:
            # HTTP/1.0 towards the origin: held to the end.
            yield engine, protocol, False, False, "stream-held-back"
    for protocol in ("sse", "ndjson"):
        # HTTP/1.1 towards the origin: it flows over HTTP/2, and the TLS layer of HTTP/1.1 holds it back.
        yield "nginx-1.30", protocol, True, False, "stream-held-back"
        for engine in ENVOY:
            # The route's 15 seconds, divided.
            yield engine, protocol, False, True, "stream-cut"


@pytest.mark.engine
@pytest.mark.parametrize(
    ("engine", "protocol", "secure", "lapse", "rule"),
    [
        pytest.param(
            *case, id="-".join(map(str, case[:2])) + ("-tls" if case[2] else ""), marks=pytest.mark.xdist_group(case[0])
        )
        for case in _stock()
    ],
)
def test_what_is_stock_fails(
    stages: Stages, engine: str, protocol: str, rule: str, *, secure: bool, lapse: bool
) -> None:
    """Exit status 1, and a finding that says what a client meets there."""
    kind: Kind = "stock"
    code, route = probed(stages.get(engine, kind, secure=secure, lapse=lapse), protocol)

    assert (1, "fail") == (code, route["verdict"])
    assert [rule] == [finding["rule"] for finding in route["findings"]]


@pytest.mark.engine
@pytest.mark.parametrize("engine", _on(("nginx-1.30",)))
def test_the_transport_that_holds_back_is_named(stages: Stages, engine: str) -> None:
    """Both are asked at the same time; the other one flows."""
    _, route = probed(stages.get(engine, "stock", secure=True), "sse")

    assert route["behavior"]["stalls_on"]["value"] == ["http/1.1+tls"]
    assert "HTTP/2: 5 messages in 5 moments" in route["behavior"]["stalls_on"]["origin"]["text"]


@pytest.mark.engine
@pytest.mark.parametrize("engine", _on(("nginx-1.30",)))
def test_a_cut_is_dated(stages: Stages, engine: str) -> None:
    """The stock 60 seconds of nginx, forty times as fast: 1.5 of ours."""
    _, route = probed(stages.get(engine, "stock", lapse=True), "sse", "--header", "X-Origin-Script: sse; event; hang")
    (finding,) = route["findings"]

    assert finding["rule"] == "stream-cut"
    assert 1.0 <= route["behavior"]["upstream_idle_timeout"]["value"]["between"][0] <= 1.6
