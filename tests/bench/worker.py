"""What the generated Worker adds in Cloudflare's runtime, beside a Worker that only passes on, and no Worker at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from proxycfg.targets.cloudflare import worker
from tests.bench.bed import Way, origin, proxies
from tests.bench.client import Job
from tests.bench.latency import ROUNDS, play, row_of, scenes
from tests.bench.processes import MeasurementFailed
from tests.bench.report import Bound, Part
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
        for scene in (scene for scene in scenes(quick=quick) if not scene.secure):
            rounds = [[play(scene, way, authority.ca) for way in ways] for _ in range(1 if quick else ROUNDS)]
            rows = [
                row_of(part, scene, way, [row[at] for row in rounds], [row[0] for row in rounds])
                for at, way in enumerate(ways)
            ]
            part.table([scene.name, "first event", "to direct", "lag p50", "to direct", "lag p99", "to direct"], rows)
        _costs(part, runners, quick=quick)
        _heartbeats(part, beating)
    return part


def _start(start: StartProxy, folder: Path, name: str, origin_port: int, files: Mapping[str, str]) -> Runner:
    own = folder / name.replace(" ", "-")
    own.mkdir()
    proxy, (port,) = run(start, own, (origin_port,), files)
    return Runner(Way(name, port, 0, f"{own}/config.capnp"), proxy)


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
