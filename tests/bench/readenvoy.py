"""Reading and linting bootstraps of Envoy of growing size, beside PyYAML's C parser, which makes plain data of the same file and no more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.bench import bootstraps
from tests.bench.generate import MEBIBYTE, exponent
from tests.bench.processes import PYTHON, TOOL, Bench, Cost
from tests.bench.report import Bound, Part, times

SIZES = (500, 5_000)
EXPONENT = 1.1
"""Cost ~ size ^ exponent."""
RATIO = {"read": 5.0, "lint": 8.0}
"""Of the time of PyYAML's C parser, which gives no places and no behavior."""
PLAIN = """\
import gc, sys, yaml
gc.disable()
yaml.load(open(sys.argv[1]).read(), Loader=yaml.CSafeLoader)
"""
"""Without the collector, as ours: with it PyYAML takes twice as long for the largest file, which would flatter us."""
OURS = """\
import sys
from pathlib import Path
from proxycfg.collector import held_off
from proxycfg.confdir import read_text
from proxycfg.source import Source
from proxycfg.targets.envoy.bootstrap import load
from proxycfg.targets.envoy.place import Reader
from proxycfg.targets.envoy.read import read
from proxycfg.targets.envoy.routes import read_world
with held_off():
    path = Path(sys.argv[1])
    config = load([Source(str(path), read_text(path))])
    assert not config.problems
    assert len(read(Reader(read_world(config), "1.40"))) == int(sys.argv[2])
"""


def measure(folder: Path, *, quick: bool) -> Part:
    """The plain shape, then those in which something else is large."""
    bench = Bench(folder, quick=quick)
    part = Part(
        "read-envoy: a bootstrap and every route in it; processor time beyond that of one route, the least of all rounds"
    )
    shapes = {"routes, ten a virtual host": bootstraps.plain} | ({} if quick else bootstraps.SHAPES)
    sizes = SIZES[:1] if quick else SIZES
    rows = []
    for name, shape in shapes.items():
        costs = _costs(bench, shape, sizes, rounds=1 if quick else 5)
        for size in sizes:
            found = costs[size]
            rows.append([f"{size:,} {name}", *_cells(part, f"{size:,} {name}", found, costs.get(size // 10))])
    part.table(
        [
            "shape",
            "read",
            "time ~ n^",
            "to PyYAML",
            "memory",
            "memory ~ n^",
            "lint",
            "time ~ n^",
            "to PyYAML",
            "PyYAML",
        ],
        rows,
    )
    return part


def _cells(part: Part, what: str, found: Mapping[str, Cost], smaller: Mapping[str, Cost] | None) -> list[str]:
    """A row of the table, and its bounds: growth is from a tenth of that size."""
    plain = found["yaml"].cpu
    part.data[what] = {f"{name} {key}": getattr(cost, key) for name, cost in found.items() for key in ("cpu", "peak")}
    ratios = {name: found[name].cpu / plain for name in RATIO}
    grown = ["", "", ""]
    if smaller is not None:
        growth = {
            f"{key} of {name}": exponent(getattr(smaller[name], key), getattr(found[name], key), 10)
            for name, key in (("read", "cpu"), ("read", "peak"), ("lint", "cpu"))
        }
        part.bounds += [Bound(f"{what}: exponent of {each}", value, EXPONENT) for each, value in growth.items()]
        part.bounds += [Bound(f"{what}: {name} to PyYAML's C parser", ratios[name], RATIO[name]) for name in RATIO]
        part.data[what] |= {"exponents": growth}
        grown = [f"{value:.2f}" for value in growth.values()]
    read, lint = found["read"], found["lint"]
    return [
        f"{read.cpu:.2f} s", grown[0], times(ratios["read"]), f"{read.peak / MEBIBYTE:.0f} MiB", grown[1],
        f"{lint.cpu:.2f} s", grown[2], times(ratios["lint"]), f"{plain:.2f} s",
    ]  # fmt: skip


def _costs(bench: Bench, shape: bootstraps.Shape, sizes: tuple[int, ...], *, rounds: int) -> dict[int, dict[str, Cost]]:
    """The least that each took beyond what it takes for one route; all in the same rounds."""
    commands: dict[str, list[str]] = {}
    for size in (1, *sizes):
        path = bench.folder / f"{shape.__name__}-{size}.yaml"
        path.write_text(shape(size))
        commands[f"read {size}"] = [PYTHON, "-c", OURS, str(path), str(size)]
        commands[f"lint {size}"] = [TOOL, "lint", str(path)]
        commands[f"yaml {size}"] = [PYTHON, "-c", PLAIN, str(path)]
    costs = bench.costs(commands, rounds, finders=[name for name in commands if name.startswith("lint")])

    def net(name: str, size: int) -> Cost:
        wall, cpu, peak = (
            min(getattr(cost, key) for cost in costs[f"{name} {size}"])
            - min(getattr(cost, key) for cost in costs[f"{name} 1"])
            for key in ("wall", "cpu", "peak")
        )
        return Cost(wall, cpu, int(peak))

    return {size: {name: net(name, size) for name in ("read", "lint", "yaml")} for size in sizes}
