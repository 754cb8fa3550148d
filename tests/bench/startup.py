"""How long the tool takes to say something, as a ratio to a Python that does nothing."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from tests.bench import specs
from tests.bench.processes import PYTHON, TOOL, Bench
from tests.bench.report import Bound, Part, milliseconds, times

LIMIT = 5.0
"""What `--version` and `--help` may take: the ratio that the issue aims at."""
ROUNDS = 25
BASE = "python -c pass"
BOUND = ("proxycfg --version", "proxycfg --help")


def measure(folder: Path, *, quick: bool) -> Part:
    """Run the commands in turn; a ratio is between two runs of one round, and the median of those is told."""
    bench = Bench(folder, quick=quick)
    spec = bench.folder / "tiny.yaml"
    spec.write_text(specs.plain(1))
    commands = {
        BASE: [PYTHON, "-c", "pass"],
        "proxycfg --version": [TOOL, "--version"],
        "proxycfg --help": [TOOL, "--help"],
        "proxycfg generate --help": [TOOL, "generate", "--help"],
        "proxycfg generate, 1 route, nginx": [TOOL, "generate", str(spec), "--target", "nginx", "--out", "-"],
        "proxycfg generate, 1 route, envoy": [TOOL, "generate", str(spec), "--target", "envoy", "--out", "-"],
    }
    part = Part("start-up: whole process, medians; the ratio is that of runs side by side")
    costs = bench.costs(commands, 1 if quick else ROUNDS)
    rows = []
    for name, runs in costs.items():
        wall = median(run.wall for run in runs)
        ratio = median(run.wall / base.wall for run, base in zip(runs, costs[BASE], strict=True))
        rows.append([name, milliseconds(wall, 1), times(ratio)])
        part.data[name] = {"wall": wall, "ratio": ratio}
        if name in BOUND:
            part.bounds.append(Bound(f"{name}, ratio to `{BASE}`", ratio, LIMIT))
    part.table(["command", "time", f"to {BASE}"], rows)
    return part
