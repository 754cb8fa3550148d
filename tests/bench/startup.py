"""How long the tool takes to say something, as a ratio to a Python that does nothing."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from tests.bench import configs, specs
from tests.bench.processes import PYTHON, TOOL, Bench, ratio
from tests.bench.report import Bound, Part, milliseconds, times

ROUNDS = 25
BASE = "python -c pass"
FLOOR = "proxycfg explain --help"
"""What a command costs that Typer parses, and which does nothing."""
BOUNDS = (
    ("proxycfg --version", BASE, 5.0),
    ("proxycfg --help", BASE, 5.0),
    ("proxycfg explain, 80 lines", FLOOR, 1.5),
    # gixy-ng 0.2.59, the quickest peer, took 9.1 to 9.8 on the same file (docs/decisions/0008-what-reading-may-import.md).
    ("proxycfg lint, 80 lines", BASE, 9.0),
)
"""A command, the one that it is compared with, and the largest ratio."""


def measure(folder: Path, *, quick: bool) -> Part:
    """Run the commands in turn; a ratio is between the processor's times of two runs of one round, and their median is told."""
    bench = Bench(folder, quick=quick)
    spec = bench.folder / "tiny.yaml"
    spec.write_text(specs.plain(1))
    config = configs.write_one(bench.folder)
    commands = {
        BASE: [PYTHON, "-c", "pass"],
        "proxycfg --version": [TOOL, "--version"],
        "proxycfg --help": [TOOL, "--help"],
        FLOOR: [TOOL, "explain", "--help"],
        "proxycfg explain, 80 lines": [TOOL, "explain", str(config)],
        "proxycfg lint, 80 lines": [TOOL, "lint", str(config), "--fail-on", "never"],
        "proxycfg generate --help": [TOOL, "generate", "--help"],
        "proxycfg generate, 1 route, nginx": [TOOL, "generate", str(spec), "--target", "nginx", "--out", "-"],
        "proxycfg generate, 1 route, envoy": [TOOL, "generate", str(spec), "--target", "envoy", "--out", "-"],
    }
    part = Part("start-up: whole process, medians; the ratio is that of runs side by side")
    costs = bench.costs(commands, 1 if quick else ROUNDS)
    rows = []
    for name, runs in costs.items():
        wall = median(run.wall for run in runs)
        cpu = median(run.cpu for run in runs)
        to_base = ratio(runs, costs[BASE])
        rows.append(
            [name, milliseconds(wall, 1), milliseconds(cpu, 1), times(to_base), times(ratio(runs, costs[FLOOR]))]
        )
        part.data[name] = {"wall": wall, "cpu": cpu, "ratio": to_base}
    part.table(["command", "time", "processor", f"to {BASE}", f"to {FLOOR}"], rows)
    part.bounds += [
        Bound(f"{name}, ratio to `{base}`", ratio(costs[name], costs[base]), limit) for name, base, limit in BOUNDS
    ]
    return part
