"""Runs the clients of :mod:`tests.bench.client` and asks what they saw."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import asdict, dataclass

from tests.bench.bed import ROOT, Way
from tests.bench.client import Job, Seen
from tests.bench.processes import PYTHON, MeasurementFailed


@dataclass(frozen=True, slots=True)
class Watched:
    """What the clients saw, and the share of one core that the way's processes took meanwhile."""

    seen: Seen
    cpu: float


def watch(way: Way, job: Job) -> Watched:
    """Do a job; the client's process is not measured, and its start-up is over when its clocks begin."""
    cpu, begun = way.cpu(), time.monotonic()
    done = subprocess.run(
        [PYTHON, "-m", "tests.bench.client"],
        cwd=ROOT,
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=False,
        timeout=job.repeat * job.deadline + 30,
    )
    if done.returncode:
        raise MeasurementFailed(f"{way.name}: {done.stderr.strip() or f'the client ended with {done.returncode}'}")
    return Watched(Seen(**json.loads(done.stdout)), (way.cpu() - cpu) / (time.monotonic() - begun))
