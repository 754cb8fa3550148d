"""The verb: stages are run and measured one after another, and what came of each route is judged."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from proxycfg.check.containers import LAB_IMAGE, Containers, Run
from proxycfg.check.judge import judge
from proxycfg.check.plan import certificate
from proxycfg.explain import ordinary_need
from proxycfg.measured import Judged, Measured, Tried, measured
from proxycfg.record import record
from proxycfg.signals import ended_in_order
from proxycfg.stage import Stage, StagedRoute
from proxycfg.timeline import Event, event_of

PROBES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "nginx": {
        "quick": ("plain", "buffering", "stalls", "upload", "grpc", "abort", "body_limit", "versions"),
        "slow": ("upgrade", "origin_silence", "client_silence", "stopped_reading", "talking", "silent_origin"),
        "alone": ("failures", "caching", "affinity"),
    },
    "envoy": {
        "quick": ("answers", "answers_held", "stalls", "upload", "grpc", "abort", "body_limit_sent", "versions"),
        "slow": ("shaken", "timers", "uploads", "sockets"),
        "alone": ("refusals", "caching", "affinity"),
    },
}
"""Target → what is tried on each route: in turn, as their time is that of the machine; side by side, as they wait for timers; one after another,
as another's request may take the kept connection that is to break, be stored in the way, or count as a server's load."""
LAPSE = 20.0
"""How much faster the proxy's clock runs where it can be hurried."""
_LONGEST = {True: 75.0, False: 5.0}
"""Seconds of the proxy's clock for which a timer is waited for, with time-lapse and without."""

Say = Callable[[str], object]


@record(frozen=True, slots=True)
class Options:
    """How to run.

    :param image: the proxy's; empty for the official one of the version.
    :param lab_image: any with Python 3.11 or newer.
    :param only: properties to measure, and no others; empty for all.
    """

    image: str = ""
    lab_image: str = LAB_IMAGE
    only: tuple[str, ...] = ()


def perform(
    stage: Stage, engine: Containers, options: Options, reproduce: str, say: Say, detail: Say
) -> list[Measured]:
    """Measure every route of a stage.

    :param reproduce: the command that does the same again.
    :param say: is told what takes long, and ``detail`` how far it has come.

    :raises CannotRun: if the machine lacks what is needed.
    :raises ProxyFailed: if the proxy does not run with the config.
    """
    image = options.image or official(stage)
    for each in (image, options.lab_image):
        engine.need(each, say)
    wanted = _wanted(stage.target, options.only)
    probes = [probe for kind in wanted.values() for probe in kind]
    told: dict[int, list[Any]] = {number: [] for number in range(len(stage.routes))}
    routes = [_told(number, staged) for number, staged in enumerate(stage.routes) if staged.entries]
    with ended_in_order(), contextlib.closing(Run(engine, image, options.lab_image, stage, lapse=LAPSE)) as run:
        run.start(_pem() if stage.secure else "", detail)
        lapsed = run.lapse > 1
        work = {**wanted, "rest": stage.rest, "longest": _LONGEST[lapsed], "two": stage.two}
        for said in run.measure(routes, work):
            told[said["route"]].append(said)
    return [_measured(staged, told[number], probes, stage, reproduce) for number, staged in enumerate(stage.routes)]


def _wanted(target: str, only: Sequence[str]) -> dict[str, list[str]]:
    """The probes to try, by when."""
    from proxycfg.probes.kits import ENVOY, NGINX  # noqa: PLC0415 - needs the extra

    kinds = PROBES[target]
    measured_by = (ENVOY if target == "envoy" else NGINX).measured_by
    wanted = {probe for name in only for probe in measured_by.get(name, ())}
    if "retries" in only:
        # Silence, too, may send a request again.
        wanted.add("silent_origin")
    return {kind: [probe for probe in probes if not only or probe in wanted] for kind, probes in kinds.items()}


def official(stage: Stage) -> str:
    """The image that users of this version pull, or the one that ``PROXYCFG_NGINX_IMAGE`` or ``PROXYCFG_ENVOY_IMAGE`` names."""
    named = os.environ.get(f"PROXYCFG_{stage.target.upper()}_IMAGE")
    if named:
        return named
    line = ".".join(stage.version.split(".")[:2])
    return f"nginx:{line}" if stage.target == "nginx" else f"envoyproxy/envoy:v{line}-latest"


def _pem() -> str:
    pair = certificate()
    return (pair.certificate + pair.key).decode()


def _told(number: int, staged: StagedRoute) -> dict[str, Any]:
    return {
        "id": number,
        "asks": [entry.to_json() for entry in staged.entries],
        "protocol": staged.route.protocol or "",
        "straight": staged.straight,
        "posts": staged.posts,
        "shakes": staged.shakes,
        "complete": staged.complete,
        "one_group": True,
    }


def _measured(
    staged: StagedRoute, told: Sequence[Any], probes: Sequence[str], stage: Stage, reproduce: str
) -> Measured:
    route = staged.route
    protocol = route.protocol or "http"
    judged = Judged(found={}, skipped=staged.why_not)
    if staged.entries:
        # No client here speaks HTTP/3.
        more = frozenset({"3"}) & route.reading.behavior.client_http_versions.high
        judged = judge(told, probes, more=more)
    tried = Tried(
        request=staged.entries[0].url if staged.entries else f"{route.host or '*'}{route.path}",
        host=route.host,
        path=route.path,
        kind=route.kind,
        span=route.span,
        protocol=protocol,
        confidence=route.confidence,
        target=stage.target,
        predicted=route.reading,
        reproduce=reproduce,
    )
    return measured(judged, ordinary_need(protocol), tuple(_timeline(told)), tried)


def _timeline(told: Sequence[Any]) -> Iterator[Event]:
    """What every probe saw, one after another, each with a clock of its own."""
    for each in told:
        if "timeline" in each:
            yield Event(0.0, 0, "probe", {"probe": each["probe"]})
            yield from map(event_of, each["timeline"])
