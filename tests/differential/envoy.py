"""Envoy on the bench: many configs side by side in one process, each behind a port of its own, and the probes that its ways ask for.

Envoy's clock cannot be hurried, so configs under test have short timers, and what lasts longer than :attr:`EnvoyBench.longest` is not waited for.
What is measured of nginx by what it says is measured here by what happens: the origin's side of a stream that Envoy gives up ends at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.differential.bench import PATIENCE, Bench, fresh
from tests.differential.client import Call1, dial
from tests.differential.lab import agrees
from tests.differential.origin import Origin
from tests.differential.predict import Ask
from tests.differential.probes import (
    AtLeast,
    Probe,
    Target,
    Values,
    abort,
    affinity,
    caching,
    content_type,
    failures,
    grpc,
    lasts,
    ok_when_complete,
    plain,
    silent,
    stalls,
    streams,
    talking,
    upgrade,
    upload,
    versions,
)
from tests.targets.envoy_configs import Data, bootstrap

TARDY = 0.6
"""Seconds that one of Envoy's timers may seem off on a busy machine."""


class EnvoyBench(Bench):
    """One Envoy; its own listener answers when it has dealt with what came before."""

    longest = 3.5
    awaits_retries = False

    def __init__(self, origin: Origin, ports: Iterable[int], control: int, log: Callable[[], str]) -> None:
        """``log`` gives all that Envoy has printed, its access logs included."""
        super().__init__(origin, Path(), {port: port for port in ports}, control)
        self._log = log

    def logged(self, key: str) -> bool:
        """Whether an access log has the query of that exchange by now."""
        return f"token=Q{key}" in self._log()

    async def has_logged(self, key: str) -> bool:
        """Whether it has, when a later request to the lab's own listener is in the log: all go into one."""
        mark = fresh()
        call = await dial("127.0.0.1", self.control, "http/1.1", host="lab")
        assert isinstance(call, Call1)
        call.send("GET", f"/{mark}", [], host="lab")
        await call.whole(PATIENCE)
        call.hang_up()
        until = time.monotonic() + PATIENCE
        while mark not in self._log() and time.monotonic() < until:  # noqa: ASYNC110 - a file tells nobody when it grows
            # It is written within 50 ms.
            await asyncio.sleep(0.02)
        assert mark in self._log()
        return self.logged(key)

    async def now(self) -> float:
        """The time. All that was sent to Envoy's one worker before has been read, and all that it had sent before has come."""
        await super().now()
        return time.monotonic()


# ---- configs side by side ----

_LOG = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"


@dataclass(frozen=True)
class Place:
    """Where a lab is.

    :param ports: each of the configs gets the next one; ``control`` is the lab's own.
    """

    origin: int
    blackhole: int
    control: int
    ports: tuple[int, ...]
    certificate: str
    key: str


def settled(how: Mapping[str, Any], number: int, place: Place) -> Data:
    """A bootstrap of its own for one config, with the lab's ports and files in it.

    Its clusters get names of their own. Port 8000 is the origin's, and 8001 one that never takes a connection.
    """
    text = json.dumps(bootstrap(**how, port=place.ports[number]))
    for old, new in (
        ('"origin"', f'"origin{number}"'),
        ('"port_value": 8000', f'"port_value": {place.origin}'),
        ('"port_value": 8001', f'"port_value": {place.blackhole}'),
        ("CERTIFICATE", place.certificate),
        ("KEY", place.key),
        ('"name": "in"', f'"name": "in{number}"'),
    ):
        text = text.replace(old, new)
    made: Data = json.loads(text)
    return made


def together(configs: list[Data], place: Place) -> Data:
    """All of them in one process, and the lab's own listener."""
    answer = {"status": 200, "body": {"inline_string": "0"}}
    kept = {"access_log": [{"name": "stdout", "typed_config": {"@type": _LOG}}]}
    control = bootstrap(port=place.control, routes=[{"match": {"prefix": "/"}, "direct_response": answer}], hcm=kept)
    parts = [*configs, control]
    resources = {
        name: [each for part in parts for each in part["static_resources"][name]] for name in ("listeners", "clusters")
    }
    # The last cluster is nobody's.
    return {"static_resources": {**resources, "clusters": resources["clusters"][:-1]}}


# ---- probes of its own ----


async def origin_silence(bench: Bench, target: Target) -> Values:
    """A stream that falls silent after its first event; a poll that gets no answer at all."""
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return {}
    if target.protocol == "long-poll":
        spent = await lasts(bench, lambda: None, arrival.closed.is_set)
    else:
        arrival.head(200, [("Content-Type", content_type(target))])
        spent = await lasts(bench, lambda: arrival.data(b"data: one\n\n"), arrival.closed.is_set)
    exchange.call.hang_up()
    return {"upstream_idle_timeout": spent}


async def client_silence(bench: Bench, target: Target) -> Values:
    """An upload that pauses: answered with 408, and given up towards the origin."""
    exchange = await bench.ask(target.ask, silent, method="POST", chunked=True)
    call = exchange.call
    spent = await lasts(bench, lambda: call.piece(b"first piece"), lambda: call.answer.status or call.closed.is_set())  # type: ignore[attr-defined]
    call.hang_up()
    return {"client_idle_timeout": spent}


_MOST = 64 * 2**20
"""Bytes that kernels and Envoy hold on the way, at most."""


async def stopped_reading(bench: Bench, target: Target) -> Values:
    """A client that stops reading in the middle of a flood that does not end."""
    exchange = await bench.ask(target.ask, silent, narrow=True)
    arrival = await exchange.arrival()
    if arrival is None:
        return {}
    exchange.call.freeze()
    arrival.head(200, [("Content-Type", "application/x-lab")])
    sent = 0
    while sent < _MOST and arrival.wire not in bench.origin.paused:
        arrival.data(b"\0" * 2**20)
        sent += 2**20
        await bench.caught_up(1)
    spent = await lasts(bench, lambda: None, arrival.closed.is_set)
    exchange.call.hang_up()
    return {"send_timeout": spent}


async def unreachable(bench: Bench, target: Target) -> Values:
    """An origin that never takes a connection: how long it is tried."""
    exchange = await bench.ask(target.ask, None)
    spent = await lasts(bench, lambda: None, lambda: exchange.call.answer.status)
    exchange.call.hang_up()
    return {"connect_timeout": spent}


async def answers_held(bench: Bench, target: Target) -> Values:
    """An answer of which a piece comes and no more: collected, not even its head is passed on."""
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return {}
    arrival.head(200, [("Content-Type", content_type(target))])
    arrival.data(b"data: one\n\n")
    await bench.caught_up(4)
    held = b"data: one" not in exchange.call.answer.text
    arrival.end()
    exchange.call.hang_up()
    return {"response_buffering": held}


_SIZES = (1024, 8192, 65536, 2**20)


async def body_limit(bench: Bench, target: Target) -> Values:
    """Bodies of one byte more than each size, sent to their end, until one is refused, and one of just that size."""

    async def refused(length: int) -> bool:
        exchange = await bench.ask(target.ask, ok_when_complete, method="POST", body=b"x" * length)
        answer = await exchange.call.whole(PATIENCE)
        exchange.call.hang_up()
        return answer.status == _TOO_LARGE

    for size in _SIZES:
        if await refused(size + 1):
            return {} if await refused(size) else {"request_body_limit": float(size)}
    return {"request_body_limit": AtLeast(float(_SIZES[-1] + 1))}


_TOO_LARGE = 413


PROBES: Mapping[str, Probe] = {
    "response_buffering": answers_held,
    "stalls_on": stalls,
    "request_buffering": upload,
    "compression": plain,
    "caching": caching,
    "upstream_http_version": plain,
    "upgrade": upgrade,
    "upstream_connection_header": plain,
    "connect_timeout": unreachable,
    "upstream_idle_timeout": origin_silence,
    "client_idle_timeout": client_silence,
    "send_timeout": stopped_reading,
    "total_timeout": talking,
    "request_body_limit": body_limit,
    "retries": failures,
    "retries_non_idempotent": failures,
    "error_interception": failures,
    "forwards_x_accel_buffering": plain,
    "accept_encoding_forwarded": plain,
    "client_http_versions": versions,
    "grpc": grpc,
    "session_affinity": affinity,
    "query_logged": plain,
    "abort_propagates": abort,
    "max_streams": streams,
}
"""Property → the probe that measures it on Envoy; ``honors_x_accel_buffering`` has none, for there is no buffer to switch off."""


# ---- comparing ----


@dataclass
class Check:
    """What was predicted of a property, and what was measured."""

    name: str
    predicted: Any
    measured: Any
    agrees: bool


@dataclass(frozen=True)
class Trial:
    """A config, and what to measure of it.

    :param how: what :func:`tests.targets.envoy_configs.bootstrap` takes.
    :param measure: properties, or probes of their names.
    """

    how: Mapping[str, Any]
    measure: tuple[str, ...]
    protocol: str = ""
    secure: bool = False
    path: str = "/x"
    headers: tuple[tuple[str, str], ...] = field(default=())


def target_of(trial: Trial, port: int) -> Target:
    """How probes reach the one route of a config."""
    ask = Ask(port, trial.secure, "lab.example", trial.path, "GET", trial.headers)
    return Target("", ask, (ask,), trial.protocol, straight=True, posts=True, shakes=True, complete=True)


async def examine(bench: Bench, trial: Trial, port: int, predicted: Any) -> list[Check]:
    """Measure what is to be measured of one config, and compare; a property that a probe cannot tell is a check that fails."""
    target = target_of(trial, port)
    if "2" in predicted.client_http_versions.low and "1.1" not in predicted.client_http_versions.high:
        bench.two_only |= {("127.0.0.1", port)}
    found: dict[str, Any] = {}
    over: frozenset[str] = frozenset()
    for probe in dict.fromkeys(PROBES[name] for name in trial.measure):
        values = await probe(bench, target)
        over = values.pop("over", over)
        found |= values
    return [
        Check(
            name,
            value := getattr(predicted, name),
            found.get(name),
            name in found and agrees(name, value, found[name], over, {}, TARDY),
        )
        for name in trial.measure
    ]
