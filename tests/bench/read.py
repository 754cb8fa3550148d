"""Reading nginx configurations of growing size, every route of them, beside crossplane, which parses the same files and no more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.bench import configs
from tests.bench.generate import MEBIBYTE, exponent
from tests.bench.processes import PYTHON, Bench, Cost, middle
from tests.bench.report import Bound, Part, times

SIZES = (100, 1_000, 5_000)
EXPONENT = 1.1
"""Cost ~ size ^ exponent: the linters that people use have 1.7 to 1.9 here (gixy-ng 0.2.59, Gixy-Next 0.9.0, from 1,000 to 5,000 sites)."""

_IMPORTS = """\
import sys
from pathlib import Path
from proxycfg.collector import held_off
from proxycfg.confdir import OnDisk, read_text
from proxycfg.source import Source
from proxycfg.targets.nginx.config import load
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.read import read
"""
OURS = f"""{_IMPORTS}
with held_off():
    path = Path(sys.argv[1])
    config = load(Source(str(path), read_text(path)), OnDisk(path.parent), is_directive=opens_line)
    assert not config.problems
    assert read(config, "1.30")
"""
CROSSPLANE = (
    "import sys, crossplane; assert crossplane.parse(sys.argv[1], check_ctx=False, check_args=False)['status'] == 'ok'"
)
IDLE = {"ours": _IMPORTS, "crossplane": "import crossplane"}
"""What the two take to start, which is not counted."""


def measure(folder: Path, *, quick: bool) -> Part:
    """Sites in files of their own at several sizes, then shapes in which one thing is large."""
    bench = Bench(folder, quick=quick)
    part = Part("read: an nginx.conf and every route in it; processor time beyond the imports, the least of all rounds")
    sizes = SIZES[:2] if quick else SIZES
    paths = {size: configs.write_sites(bench.folder / f"sites-{size}", size) for size in sizes}
    found = _costs(bench, paths, rounds=1 if quick else 5)
    rows = []
    for size in sizes:
        ours, other = found[size]["ours"], found[size]["crossplane"]
        smaller = found.get({SIZES[1]: SIZES[0], SIZES[2]: SIZES[1]}.get(size, 0))
        growth = _growth(smaller["ours"], ours, size, {1_000: 100, 5_000: 1_000}[size]) if smaller else None
        time, memory = (f"{each:.2f}" for each in growth) if growth else ("", "")
        peaks = [f"{each.peak / MEBIBYTE:.0f} MiB" for each in (ours, other)]
        seconds = [f"{each.cpu:.2f} s" for each in (ours, other)]
        rows.append([f"{size:,}", *seconds, times(ours.cpu / other.cpu), time, *peaks, memory])
        part.data[f"sites {size}"] = {
            "cpu": ours.cpu, "peak": ours.peak, "crossplane_cpu": other.cpu, "crossplane_peak": other.peak, "exponents": growth,
        }  # fmt: skip
        if growth and size >= 1_000:
            part.bounds.append(
                Bound(f"{size:,} sites, time as a ratio to crossplane's parse", ours.cpu / other.cpu, 1.0)
            )
            part.bounds.append(Bound(f"{size:,} sites, memory as a ratio to crossplane's", ours.peak / other.peak, 1.0))
            part.bounds.append(Bound(f"exponent of time to {size:,} sites", growth[0], EXPONENT))
    part.table(["sites", "time", "crossplane", "ratio", "time ~ n^", "memory", "crossplane", "memory ~ n^"], rows)
    if not quick:
        _shapes(bench, part)
    return part


def _shapes(bench: Bench, part: Part) -> None:
    rows = []
    for name, (shape, most) in configs.SHAPES.items():
        paths = {}
        for size in (most // 10, most):
            paths[size] = configs.write_sites(bench.folder / f"{shape.__name__}-{size}", 0)
            paths[size].write_text(shape(size))
        costs = [each["ours"] for each in _costs(bench, paths, rounds=5, peer=False).values()]
        time, memory = _growth(costs[0], costs[1], most, most // 10)
        rows.append([f"{most:,} {name}", f"{costs[1].cpu:.2f} s", f"{time:.2f}", f"{costs[1].peak / MEBIBYTE:.0f} MiB"])
        part.data[name] = {"cpu": costs[1].cpu, "peak": costs[1].peak, "exponents": (time, memory)}
        part.bounds.append(Bound(f"exponent of time, {most:,} {name}", time, EXPONENT))
        part.bounds.append(Bound(f"exponent of memory, {most:,} {name}", memory, EXPONENT))
    part.table(["shape", "time", "time ~ n^", "memory"], rows)


def _costs(bench: Bench, paths: Mapping[int, Path], *, rounds: int, peer: bool = True) -> dict[int, dict[str, Cost]]:
    """The least that each took beyond its imports, for each size; others on the machine only ever add, and to a round of all sizes."""
    code: Mapping[str, str] = {"ours": OURS, "crossplane": CROSSPLANE} if peer else {"ours": OURS}
    commands = {
        f"{name} {size}": [PYTHON, "-c", text, str(path)] for size, path in paths.items() for name, text in code.items()
    }
    commands |= {f"{name} idle": [PYTHON, "-c", IDLE[name]] for name in code}
    costs = bench.costs(commands, rounds)

    def net(name: str, size: int) -> Cost:
        whole, idle = costs[f"{name} {size}"], costs[f"{name} idle"]
        cpu, peak = (
            min(getattr(cost, key) for cost in whole) - min(getattr(cost, key) for cost in idle)
            for key in ("cpu", "peak")
        )
        return Cost(middle(whole).wall, cpu, int(peak))

    return {size: {name: net(name, size) for name in code} for size in paths}


def _growth(small: Cost, large: Cost, size: int, smaller: int) -> tuple[float, float]:
    """The exponents of time and memory."""
    step = size / smaller
    return exponent(small.cpu, large.cpu, step), exponent(small.peak, large.peak, step)
