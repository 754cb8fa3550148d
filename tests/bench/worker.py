"""What the generated Worker adds in Cloudflare's runtime, beside a Worker that only passes on, and no Worker at all."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from proxycfg.targets.cloudflare import worker
from proxycfg.units import counted
from tests.bench.bed import Way, origin, proxies
from tests.bench.client import Job
from tests.bench.latency import ROUNDS, steady
from tests.bench.processes import MeasurementFailed
from tests.bench.report import Bound, Part, milliseconds, times
from tests.bench.watch import watch
from tests.clients.http import Client
from tests.clients.sse import listen
from tests.clients.tls import make_authority
from tests.containers.worker_stand import NAIVE, resident, run
from tests.engines import EngineAbsent, RunningProxy, StartProxy, need, required
from tests.specs import load

SPEC = """\
targets: {cloudflare: {worker: true}}
upstreams: {origin: "http://127.0.0.1:1"}
routes: [{path: /events, protocol: sse, upstream: origin}, {path: /, protocol: http, upstream: origin}]
"""
HEARTBEAT = 1.0
SILENCE = 5.0


@dataclass(frozen=True)
class Runner:
    """A way through a Worker, and the runtime that it runs in."""

    way: Way
    proxy: RunningProxy


def measure(folder: Path, *, quick: bool) -> Part:
    """Latency round by round as for other proxies; heartbeats in a silence; what an event and a stream cost."""
    part = Part("worker: in workerd; each ratio is to the direct way in the same round")
    try:
        need("workerd")
    except EngineAbsent as reason:
        if required():
            raise MeasurementFailed(f"PROXYCFG_REQUIRE_ENGINES is set, but {reason}") from None
        part.skipped.append(str(reason))
        return part
    authority = make_authority(folder)
    with ExitStack() as stack:
        port, tls_port = stack.enter_context(origin(authority))
        start = stack.enter_context(proxies(folder, []))
        spec = load(SPEC)
        files = worker.files(spec)
        runners = [
            _start(start, folder, "return fetch", port, {**files, "src/index.js": NAIVE}),
            _start(start, folder, "generated", port, files),
        ]
        beating = _start(start, folder, "beating", port, worker.files(spec, HEARTBEAT))
        ways = [Way("direct", port, tls_port, str(authority.cert)), *(runner.way for runner in runners)]
        _first_events(part, ways, turns=5 if quick else 250)
        _lags(part, ways, quick=quick)
        _costs(part, runners, quick=quick)
        _heartbeats(part, beating)
    return part


def _start(start: StartProxy, folder: Path, name: str, origin_port: int, files: Mapping[str, str]) -> Runner:
    own = folder / name.replace(" ", "-")
    own.mkdir()
    proxy, (port,) = run(start, own, (origin_port,), files)
    return Runner(Way(name, port, 0, f"{own}/config.capnp"), proxy)


def _first_events(part: Part, ways: Sequence[Way], turns: int) -> None:
    """From before the connection to the first event, one connection after the other, the ways in turn: so that a busy moment is all of theirs."""
    taken: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(turns):
        for way in ways:
            begun = time.monotonic()
            with listen(Client(("127.0.0.1", way.port)), "/events", script="sse; event; hang") as stream:
                event = stream.next_event()
                assert event is not None
                taken[way.name].append(event.at - begun)
                stream.call.abort()
    rows = []
    for name, times_taken in taken.items():
        ratio = median(own / direct for own, direct in zip(times_taken, taken["direct"], strict=True))
        rows.append([name, milliseconds(median(times_taken)), times(ratio)])
        part.data[f"first event, {name}"] = {"first": median(times_taken), "ratio": ratio}
    part.table(["way", "first event", "to direct"], rows)


def _lags(part: Part, ways: Sequence[Way], *, quick: bool) -> None:
    """Of each event, from the origin's write to the client's read."""
    for streams, job in (
        (1, steady(1, 20 if quick else 400, 0.005)),
        (100, steady(100, 3 if quick else 30, 0.1, spread=0.1)),
    ):
        name = counted(streams, "stream")
        rounds = [[watch(way, replace(job, port=way.port)).seen for way in ways] for _ in range(1 if quick else ROUNDS)]
        rows = []
        for at, way in enumerate(ways):
            own, direct = [row[at] for row in rounds], [row[0] for row in rounds]
            ratio = median(seen.lag / base.lag for seen, base in zip(own, direct, strict=True))
            lag, late = median(seen.lag for seen in own), median(seen.lag_p99 for seen in own)
            rows.append([way.name, milliseconds(lag), times(ratio), milliseconds(late)])
            part.data[f"{name}, {way.name}"] = {"lag": lag, "lag_ratio": ratio, "lag_p99": late}
            missing = sum(seen.lost + seen.disordered for seen in own)
            part.bounds.append(Bound(f"events lost or out of order, {name}, {way.name}", missing, 0))
        part.table([name, "lag p50", "to direct", "lag p99"], rows)


def _costs(part: Part, runners: list[Runner], *, quick: bool) -> None:
    """Processor for each of many events sent at once, and memory for each of many streams that have had one."""
    events, streams = (500, 20) if quick else (20_000, 500)
    rows = []
    for runner in runners:
        way = runner.way
        client = Client(("127.0.0.1", way.port))
        watch(way, Job(port=way.port, script="sse; event n=100 size=128 data={t}", events=100))
        before = resident(runner.proxy)
        with ExitStack() as stack:
            for _ in range(streams):
                stream = stack.enter_context(listen(client, "/events", script="sse; event; hang"))
                stream.next_event()
            memory = (resident(runner.proxy) - before) / streams
        spent = []
        for _ in range(1 if quick else ROUNDS):
            cpu = way.cpu()
            watch(way, Job(port=way.port, script=f"sse; event n={events} size=128 data={{t}}", events=events))
            spent.append((way.cpu() - cpu) / events)
        rows.append([way.name, f"{median(spent) * 1e6:.0f} µs", f"{memory / 1000:.0f} kB"])
        part.data[f"costs, {way.name}"] = {"processor": median(spent), "memory": memory}
    part.table(["Worker", "processor an event", "memory a stream"], rows)


def _heartbeats(part: Part, beating: Runner) -> None:
    """When anything came in a silence between two events."""
    client = Client(("127.0.0.1", beating.way.port))
    moments = []
    with listen(client, "/events", script=f"sse; event; wait {SILENCE}; event") as stream:
        while (item := stream.next()) is not None:
            moments.append(item.at)
    # The comment that opens the stream and the first event are one moment.
    told = ", ".join(f"{at - moments[1]:.2f}" for at in moments[2:])
    gaps = [after - before for before, after in pairwise(moments)]
    part.note(f"{SILENCE:g} s of silence, a heartbeat of {HEARTBEAT:g} s: something came after {told} s")
    part.data["heartbeats"] = {"moments": [at - moments[1] for at in moments[2:]], "longest silence": max(gaps)}
    part.bounds.append(Bound("the longest silence that a client saw", max(gaps), HEARTBEAT + 0.2))
