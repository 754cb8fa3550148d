"""Reading nginx configurations of growing size, every route of them, beside crossplane, which parses the same files and no more."""

from __future__ import annotations

from pathlib import Path

from tests.bench import configs
from tests.bench.generate import MEBIBYTE, exponent
from tests.bench.processes import Bench, Cost
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
    found = bench.beyond_imports({"ours": OURS, "crossplane": CROSSPLANE}, IDLE, paths, 1 if quick else 5)
    rows = []
    for size in sizes:
        ours, other = found[size]["ours"], found[size]["crossplane"]
        smaller = found.get({SIZES[1]: SIZES[0], SIZES[2]: SIZES[1]}.get(size, 0))
        grown = growth(smaller["ours"], ours, size, {1_000: 100, 5_000: 1_000}[size]) if smaller else None
        time, memory = (f"{each:.2f}" for each in grown) if grown else ("", "")
        peaks = [f"{each.peak / MEBIBYTE:.0f} MiB" for each in (ours, other)]
        seconds = [f"{each.cpu:.2f} s" for each in (ours, other)]
        rows.append([f"{size:,}", *seconds, times(ours.cpu / other.cpu), time, *peaks, memory])
        part.data[f"sites {size}"] = {
            "cpu": ours.cpu, "peak": ours.peak, "crossplane_cpu": other.cpu, "crossplane_peak": other.peak, "exponents": grown,
        }  # fmt: skip
        if grown and size >= 1_000:
            part.bounds.append(
                Bound(f"{size:,} sites, time as a ratio to crossplane's parse", ours.cpu / other.cpu, 1.0)
            )
            part.bounds.append(Bound(f"{size:,} sites, memory as a ratio to crossplane's", ours.peak / other.peak, 1.0))
            part.bounds.append(Bound(f"exponent of time to {size:,} sites", grown[0], EXPONENT))
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
        costs = [each["ours"] for each in bench.beyond_imports({"ours": OURS}, IDLE, paths, 5).values()]
        time, memory = growth(costs[0], costs[1], most, most // 10)
        rows.append([f"{most:,} {name}", f"{costs[1].cpu:.2f} s", f"{time:.2f}", f"{costs[1].peak / MEBIBYTE:.0f} MiB"])
        part.data[name] = {"cpu": costs[1].cpu, "peak": costs[1].peak, "exponents": (time, memory)}
        part.bounds.append(Bound(f"exponent of time, {most:,} {name}", time, EXPONENT))
        part.bounds.append(Bound(f"exponent of memory, {most:,} {name}", memory, EXPONENT))
    part.table(["shape", "time", "time ~ n^", "memory"], rows)


def growth(small: Cost, large: Cost, size: int, smaller: int) -> tuple[float, float]:
    """The exponents of time and memory."""
    step = size / smaller
    return exponent(small.cpu, large.cpu, step), exponent(small.peak, large.peak, step)
