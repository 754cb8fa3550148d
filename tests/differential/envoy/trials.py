"""Envoy's configs side by side in one process, each behind a port of its own, and what is measured of each.

Envoy's clock cannot be hurried, so configs under test have short timers, and what lasts longer than :attr:`EnvoyBench.longest` is not waited for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxycfg.lab.bench import Ask
from proxycfg.lab.probe import Target
from proxycfg.probes.kits import ENVOY
from tests.differential.bench import Bench
from tests.differential.lab import Slack, agrees
from tests.targets.envoy_configs import Data, bootstrap

SLACK = Slack(tardy=0.6, late=2.0)
"""What a busy machine does to Envoy's timers."""


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
    :param detoured: whether what is predicted is only of requests that a cache sends past their route.
    """

    how: Mapping[str, Any]
    measure: tuple[str, ...]
    protocol: str = ""
    secure: bool = False
    path: str = "/x"
    headers: tuple[tuple[str, str], ...] = field(default=())
    detoured: bool = False


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
    for probe in dict.fromkeys(ENVOY.every()[ENVOY.measured_by[name][0]] for name in trial.measure):
        values = await probe(bench, target)
        over = values.pop("over", over)
        found |= values
    return [
        Check(
            name,
            value := getattr(predicted, name),
            found.get(name),
            name in found and agrees(name, value, found[name], SLACK, over),
        )
        for name in trial.measure
    ]
