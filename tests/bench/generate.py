"""``proxycfg generate`` on specs of growing size: time, peak memory, and whether both grow no faster than the spec."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import specs
from tests.bench.processes import PYTHON, TOOL, Bench, Cost, middle
from tests.bench.report import Bound, Part, times

TARGETS = ("nginx", "envoy")
SIZES = (10, 100, 1_000, 10_000)
EXPONENT = 1.15
"""Cost ~ routes ^ exponent: 1 is linear, n·log n looks like 1.1 here, 2 is what must not come back."""
TELLING = 100
"""Below so many routes the difference to one route is noise."""
READ = "import sys, yaml; yaml.load(open(sys.argv[1]).read(), Loader=yaml.CSafeLoader)"
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Measured:
    """One command on one spec: the whole process, and how much more it took than on one route in the same rounds."""

    whole: Cost
    net_cpu: float
    net_peak: float


def measure(folder: Path, *, quick: bool) -> Part:
    """Generate for each target, and read the same file with PyYAML, in turn."""
    bench = Bench(folder, quick=quick)
    part = Part(
        "generate: whole processes, medians; growth and ratio of the least processor time beyond that of one route"
    )
    sizes = (10, 1_000) if quick else SIZES
    found = _costs(bench, specs.plain, *sizes, rounds=1 if quick else 3)
    rows = []
    for target in TARGETS:
        for size, costs in found.items():
            cost = costs[target]
            smaller = found[size // 10][target] if size // 10 in found and size // 10 >= TELLING else None
            time = exponent(smaller.net_cpu, cost.net_cpu, 10) if smaller else None
            memory = exponent(smaller.net_peak, cost.net_peak, 10) if smaller else None
            ratio = cost.net_cpu / costs["yaml"].net_cpu if size > TELLING else None
            whole = cost.whole
            cells = [f"{whole.wall:.2f} s", f"{whole.cpu:.2f} s", f"{whole.peak / MEBIBYTE:.0f} MiB"]
            growth = [f"{exponent:.2f}" if exponent else "" for exponent in (time, memory)]
            rows.append([f"{target} {size:,}", *cells, *growth, times(ratio) if ratio else ""])
            part.data[f"{target} {size}"] = {
                "wall": whole.wall, "cpu": whole.cpu, "peak": whole.peak, "net_cpu": cost.net_cpu, "net_peak": cost.net_peak,
                "time_exponent": time, "memory_exponent": memory, "ratio_to_yaml": ratio,
            }  # fmt: skip
            if size == SIZES[-1] and time and memory:
                part.bounds.append(Bound(f"exponent of time, {target}, to {size:,} routes", time, EXPONENT))
                part.bounds.append(Bound(f"exponent of memory, {target}, to {size:,} routes", memory, EXPONENT))
    part.table(["target, routes", "time", "processor", "peak", "time ~ n^", "memory ~ n^", "to PyYAML"], rows)
    if not quick:
        _shapes(bench, part, SIZES[-2:])
    return part


def _shapes(bench: Bench, part: Part, sizes: Sequence[int]) -> None:
    """The same growth where something else than the number of routes is large."""
    rows = []
    for name, spec in specs.SHAPES.items():
        small, large = _costs(bench, spec, *sizes, rounds=3).values()
        for target in TARGETS:
            growth = exponent(small[target].net_cpu, large[target].net_cpu, sizes[1] / sizes[0])
            seconds = [small[target].whole.cpu, large[target].whole.cpu]
            rows.append([f"{target}, {name}", *(f"{each:.2f} s" for each in seconds), f"{growth:.2f}"])
            part.data[f"{target}, {name}"] = {"cpu": seconds, "time_exponent": growth}
            part.bounds.append(Bound(f"exponent of time, {target}, {name}", growth, EXPONENT))
    part.table(["target, shape (processor)", *(f"{size:,}" for size in sizes), "time ~ n^"], rows)


def _costs(bench: Bench, spec: specs.Shape, *sizes: int, rounds: int) -> dict[int, dict[str, Measured]]:
    """What each target and PyYAML take for each size, all in the same rounds, so that a slow spell of the machine meets all of them."""
    commands: dict[str, list[str]] = {}
    for routes in (1, *sizes):
        path = bench.folder / f"{spec.__name__}-{routes}.yaml"
        path.write_text(spec(routes))
        # A folder each: what is there is read before it is written over, and a small command would pay for a large one's.
        commands |= {f"{target} {routes}": _command(path, target, path.with_suffix(".out")) for target in TARGETS}
        commands[f"yaml {routes}"] = [PYTHON, "-c", READ, str(path)]
    costs = bench.costs(commands, rounds)

    def measured(name: str, size: int) -> Measured:
        own, one = costs[f"{name} {size}"], costs[f"{name} 1"]
        # Others on the machine only ever add to a figure: the least of each is nearest to what the command takes by itself.
        net_cpu, net_peak = (
            min(getattr(a, key) for a in own) - min(getattr(a, key) for a in one) for key in ("cpu", "peak")
        )
        return Measured(middle(own), net_cpu, net_peak)

    return {size: {name: measured(name, size) for name in (*TARGETS, "yaml")} for size in sizes}


def _command(path: Path, target: str, out: Path) -> list[str]:
    return [
        TOOL,
        "generate",
        str(path),
        "--target",
        target,
        "--out",
        str(out),
        "--force",
        "--quiet",
        "--fail-on",
        "never",
    ]


def exponent(small: float, large: float, step: float) -> float:
    """The slope in a log-log plot between two sizes, ``step`` times apart."""
    return math.log(large / small, step) if small > 0 and large > 0 else math.nan
