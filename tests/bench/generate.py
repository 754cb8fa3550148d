"""``proxycfg generate`` on specs of growing size: time, peak memory, and whether both grow no faster than the spec."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from tests.bench import specs
from tests.bench.processes import PYTHON, TOOL, Bench, Cost, middle
from tests.bench.report import Bound, Part, times

TARGETS = ("nginx", "envoy")
EXPONENT = 1.15
"""Time ~ routes ^ exponent: 1 is linear, n·log n looks like 1.1 here, 2 is what must not come back."""
ROUNDS = 5
LARGE = 5_000
"""From so many routes on, three rounds do."""
READ = "import sys, yaml; yaml.load(open(sys.argv[1]).read(), Loader=yaml.CSafeLoader)"
MEBIBYTE = 2**20


def measure(folder: Path, *, quick: bool) -> Part:
    """Generate for each target, and read the same file with PyYAML, in turn."""
    bench = Bench(folder)
    sizes = (10, 100, 1_000) if quick else (10, 100, 1_000, 10_000)
    part = Part("generate: whole process, medians; growth and the ratio to PyYAML without what one route takes")
    start = _costs(bench, specs.plain, 1, rounds=1 if quick else ROUNDS)
    found = {size: _costs(bench, specs.plain, size, rounds=_rounds(size, quick=quick)) for size in sizes}
    rows = []
    for target in TARGETS:
        before: tuple[int, Cost] | None = None
        for size, costs in found.items():
            cost, yaml = costs[target], costs["yaml"]
            net, net_yaml = cost.cpu - start[target].cpu, yaml.cpu - start["yaml"].cpu
            # Below a hundred routes the difference to one route is noise.
            growth = _exponents(before, (size, cost), start[target]) if before and before[0] >= 100 else None
            ratio = net / net_yaml if size >= 100 else None
            rows.append(
                [
                    f"{target} {size:,}",
                    f"{cost.wall:.2f} s",
                    f"{cost.cpu:.2f} s",
                    f"{cost.peak / MEBIBYTE:.0f} MiB",
                    f"{growth[0]:.2f}" if growth else "",
                    f"{growth[1]:.2f}" if growth else "",
                    times(ratio) if ratio else "",
                ]
            )
            part.data[f"{target}-{size}"] = {
                "routes": size, "wall": cost.wall, "cpu": cost.cpu, "peak": cost.peak, "yaml_cpu": yaml.cpu,
                "time_exponent": growth and growth[0], "memory_exponent": growth and growth[1], "ratio_to_yaml": ratio,
            }  # fmt: skip
            before = (size, cost)
            if growth and size == sizes[-1]:
                part.bounds += [
                    Bound(f"exponent of time, {target}, up to {size:,} routes", growth[0], EXPONENT),
                    Bound(f"exponent of memory, {target}, up to {size:,} routes", growth[1], EXPONENT),
                ]
    part.table(["target, routes", "time", "processor", "peak", "time ~ n^", "memory ~ n^", "to PyYAML"], rows)
    part.data["one-route"] = {
        name: {"wall": cost.wall, "cpu": cost.cpu, "peak": cost.peak} for name, cost in start.items()
    }
    if not quick:
        _shapes(bench, part, start, sizes[-2:])
    return part


def _shapes(bench: Bench, part: Part, start: dict[str, Cost], sizes: Sequence[int]) -> None:
    """The same growth where something else than the number of routes is large."""
    rows = []
    for name, spec in specs.SHAPES.items():
        small, large = (_costs(bench, spec, size, rounds=3) for size in sizes)
        for target in TARGETS:
            exponent, _ = _exponents((sizes[0], small[target]), (sizes[1], large[target]), start[target])
            rows.append(
                [f"{target}, {name}", f"{small[target].cpu:.2f} s", f"{large[target].cpu:.2f} s", f"{exponent:.2f}"]
            )
            part.data[f"{target}, {name}"] = {"cpu": [small[target].cpu, large[target].cpu], "time_exponent": exponent}
            part.bounds.append(Bound(f"exponent of time, {target}, {name}", exponent, EXPONENT))
    part.table(["target, shape (processor time)", f"{sizes[0]:,}", f"{sizes[1]:,}", "time ~ n^"], rows)


def _rounds(size: int, *, quick: bool) -> int:
    return 1 if quick else 3 if size >= LARGE else ROUNDS


def _costs(bench: Bench, spec: specs.Shape, size: int, *, rounds: int) -> dict[str, Cost]:
    path = bench.folder / f"{spec.__name__}-{size}.yaml"
    path.write_text(spec(size))
    commands = {target: _command(path, target, bench.folder / "out") for target in TARGETS}
    commands["yaml"] = [PYTHON, "-c", READ, str(path)]
    return {name: middle(costs) for name, costs in bench.costs(commands, rounds).items()}


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


def _exponents(before: tuple[int, Cost], after: tuple[int, Cost], start: Cost) -> tuple[float, float]:
    """Of time and of memory, each above what one route takes."""
    steps = math.log(after[0] / before[0])

    def slope(low: float, high: float) -> float:
        return math.log(high / low) / steps if low > 0 and high > 0 else math.nan

    time = slope(before[1].cpu - start.cpu, after[1].cpu - start.cpu)
    return time, slope(before[1].peak - start.peak, after[1].peak - start.peak)
