"""10,000 events a second to 100 clients, held: nothing lost, nothing out of order, no lag that grows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import median

from tests.bench.bed import bed
from tests.bench.client import Seen
from tests.bench.latency import steady
from tests.bench.report import Bound, Part, milliseconds
from tests.bench.watch import watch

STREAMS = 100
RATE = 10_000
SECONDS = 11
"""One for all streams to open, ten in which they run together."""
ROUNDS = 2
SHORT = 0.01
"""The share of the rate that may be missing."""
GROWTH = 0.010
"""Seconds by which the last second's median lag may exceed the first one's: by so much grows a queue, in ten seconds, to which a
thousandth of the load is added, while what else happens on a machine stays below it."""
FIGURES = ("rate", "lag", "lag_p99", "lag_max", "lag_first_second", "lag_last_second")


def measure(folder: Path, *, quick: bool) -> Part:
    """Each way in turn; what is told is the median of the rounds, what is judged the worst of them."""
    gap = STREAMS / RATE
    seconds = 2 if quick else SECONDS
    part = Part(f"load: {RATE:,} events a second to {STREAMS} clients, for {seconds - 1} s")
    job = steady(STREAMS, round(seconds / gap), gap, spread=1.0)
    with bed(folder) as stage:
        part.skipped += stage.absent
        rounds = [
            [watch(way, replace(job, port=way.port)) for way in stage.ways] for _ in range(1 if quick else ROUNDS)
        ]
    rows = []
    for at, way in enumerate(stage.ways):
        runs = [row[at] for row in rounds]
        figures = {key: median(getattr(run.seen, key) for run in runs) for key in FIGURES}
        lags = [milliseconds(figures[key]) for key in FIGURES if key.startswith("lag")]
        lost, disordered = (sum(getattr(run.seen, key) for run in runs) for key in ("lost", "disordered"))
        cpu = median(run.cpu for run in runs)
        part.data[way.name] = {**figures, "lost": lost, "disordered": disordered, "cpu": cpu}
        rows.append([way.name, f"{figures['rate']:,.0f}", f"{lost}", f"{disordered}", *lags, f"{cpu:.0%}"])
        part.bounds += _bounds(way.name, [run.seen for run in runs])
    lags_of = ("lag p50", "p99", "max", "first second", "last second")
    part.table(["way", "events/s", "lost", "disordered", *lags_of, "processor"], rows)
    part.note("processor: share of one core, the origin's for the direct way and the proxy's for the others")
    return part


def _bounds(name: str, runs: list[Seen]) -> list[Bound]:
    return [
        Bound(f"events lost or out of order, {name}", sum(run.lost + run.disordered for run in runs), 0),
        Bound(f"share of the rate not held, {name}", max(1 - run.rate / RATE for run in runs), SHORT),
        Bound(
            f"growth of the lag in seconds, {name}",
            max(run.lag_last_second - run.lag_first_second for run in runs),
            GROWTH,
        ),
    ]
