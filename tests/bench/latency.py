"""What a generated proxy adds: time to the first event, and the lag of every event, beside the same client without a proxy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from tests.bench.bed import Way, bed
from tests.bench.client import Job, Seen
from tests.bench.report import Bound, Part, milliseconds, times
from tests.bench.watch import watch

ROUNDS = 5
EVENT = "size=128 data={t}"
"""A token and what is around it, with the moment at which the origin wrote it."""


def steady(streams: int, events: int, gap: float, *, spread: float = 0.0) -> Job:
    """Streams with one event every ``gap`` seconds; the ports are filled in later."""
    return Job(port=0, script=f"sse; event n={events} gap={gap} {EVENT}", events=events, streams=streams, spread=spread)


@dataclass(frozen=True, slots=True)
class Scene:
    """One situation. One stream needs many goes to tell a time to the first event; many streams tell it in one."""

    name: str
    lag: Job
    first: Job
    secure: bool = False


def scenes(*, quick: bool) -> tuple[Scene, ...]:
    """Cleartext HTTP/1.1, and HTTP/2 over TLS as browsers have it."""
    # The proxy opens a connection to the origin each time, as it would for the first of its clients.
    opened = Job(port=0, script=f"sse; event {EVENT}; hang", events=1, repeat=5 if quick else 40)
    one = steady(1, 20 if quick else 400, 0.005)
    # Spread over one gap, so that the events of all streams are spread evenly, too.
    many = steady(100, 3 if quick else 30, 0.1, spread=0.1)
    return (
        Scene("1 stream", one, opened),
        Scene("100 streams", many, many),
        Scene("1 stream, HTTP/2 over TLS", one, opened, secure=True),
    )


def measure(folder: Path, *, quick: bool) -> Part:
    """Each way in turn, round by round; a ratio is between two runs of one round, and the median of those is told."""
    part = Part("latency: medians of the rounds; each ratio is to the direct way in the same round")
    with bed(folder) as stage:
        part.skipped += stage.absent
        for scene in scenes(quick=quick):
            rounds = [[_play(scene, way, stage.ca) for way in stage.ways] for _ in range(1 if quick else ROUNDS)]
            rows = [
                _row(part, scene, way, [row[at] for row in rounds], [row[0] for row in rounds])
                for at, way in enumerate(stage.ways)
            ]
            part.table([scene.name, "first event", "to direct", "lag p50", "to direct", "lag p99", "to direct"], rows)
    return part


def _play(scene: Scene, way: Way, ca: Path) -> tuple[Seen, Seen]:
    port, trust = (way.tls_port, str(ca)) if scene.secure else (way.port, "")
    lag = watch(way, replace(scene.lag, port=port, ca=trust)).seen
    return (lag if scene.first == scene.lag else watch(way, replace(scene.first, port=port, ca=trust)).seen), lag


def _row(
    part: Part, scene: Scene, way: Way, own: Sequence[tuple[Seen, Seen]], direct: Sequence[tuple[Seen, Seen]]
) -> list[str]:
    """A line of the table; its figures as data; and that nothing was lost."""
    cells = [way.name]
    data: dict[str, float] = {}
    for at, key in ((0, "first"), (1, "lag"), (1, "lag_p99")):
        values = [getattr(pair[at], key) for pair in own]
        ratio = median(value / getattr(base[at], key) for value, base in zip(values, direct, strict=True))
        data |= {key: median(values), f"{key}_ratio": ratio}
        cells += [milliseconds(median(values)), times(ratio)]
    part.data[f"{scene.name}, {way.name}"] = data
    missing = sum(lag.lost + lag.disordered for _, lag in own)
    part.bounds.append(Bound(f"events lost or out of order, {scene.name}, {way.name}", missing, 0))
    return cells
