"""``lint`` beside the linters of nginx that people have, and ``nginx -t``: whole processes on the same files, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proxycfg.demo.engines import Absent
from proxycfg.demo.programs import OnThisMachine, find
from tests.bench import configs
from tests.bench.generate import MEBIBYTE, exponent
from tests.bench.processes import PYTHON, TOOL, Bench, Cost, middle, ratio
from tests.bench.report import Bound, Part, times
from tests.interop import TOOLS, Tool

OURS = "proxycfg lint"
BASE = "python -c pass"
NGINX = "nginx -t"
ONE_FILE = 1.0
"""On one file ``lint`` takes at most this share of the quicker peer's processor time."""
FOLLOWS = {1_000: 1 / 5, 5_000: 1 / 20}
"""By the number of sites: of gixy-ng's, which grows faster than they do."""
TO_NGINX = 5.0
"""On 1,000 sites, of that of ``nginx -t``."""
SIZES = (100, 1_000, 10_000)
"""Sites over which ``lint`` has to grow no faster than they do, a file each."""
EXPONENT = 1.1
CPU_LIMIT = 1_800
"""Seconds: gixy-ng takes 100 to more than 300 of them for 5,000 sites."""


def measure(folder: Path, *, quick: bool) -> Part:
    """A config of about 80 lines, then many sites in one tree; the peers are installed once, each in an environment of its own."""
    for tool in TOOLS:
        tool.install()
    bench = Bench(folder, quick=quick, limit=CPU_LIMIT)
    part = Part("peers: lint, other linters and nginx -t; medians, and ratios of processor time within a round")
    try:
        nginx = find("nginx")
    except Absent as absent:
        nginx = None
        part.skipped.append(f"{NGINX}: {absent}")
    beside = _Beside(bench, part, nginx)
    single = configs.write_one(bench.folder / "one")
    lines = single.read_text().count("\n")
    one = beside.costs(f"1 file, {lines} lines", single, TOOLS, 1 if quick else 15)
    part.bounds += [
        Bound(f"{OURS} on one file, processor time to {tool.name}", ratio(one[OURS], one[tool.name]), ONE_FILE)
        for tool in TOOLS
    ]
    # gixy-ng alone takes minutes for the last: its time is no matter of a few percent.
    sizes = {10: (TOOLS, 1)} if quick else {1_000: (TOOLS, 3), 5_000: (TOOLS[:1], 1)}
    for sites, (tools, rounds) in sizes.items():
        config = configs.write_sites(bench.folder / f"sites-{sites}", sites)
        many = beside.costs(f"{sites:,} sites", config, tools, rounds)
        name = TOOLS[0].name
        if sites in FOLLOWS:
            what = f"{OURS} on {sites:,} sites, processor time to"
            part.bounds.append(Bound(f"{what} {name}", ratio(many[OURS], many[name]), FOLLOWS[sites]))
            if nginx is not None:
                part.bounds.append(Bound(f"{what} {NGINX}", ratio(many[OURS], many[NGINX]), TO_NGINX))
    _growth(bench, part, (10, 20) if quick else SIZES, 1 if quick else 5)
    return part


class _Beside:
    """Measurements of all on the same config."""

    def __init__(self, bench: Bench, part: Part, nginx: OnThisMachine | None) -> None:
        self.bench = bench
        self.part = part
        self.nginx = nginx

    def costs(self, what: str, config: Path, tools: Sequence[Tool], rounds: int) -> dict[str, list[Cost]]:
        """What each took, and a table of it."""
        titles = {f"{tool.name} {tool.version}": tool.name for tool in tools}
        commands = {BASE: [PYTHON, "-c", "pass"], OURS: [TOOL, "lint", str(config)]}
        commands |= {title: [str(tool.program), str(config)] for title, tool in zip(titles, tools, strict=True)}
        finders = {OURS, *titles}
        if self.nginx is not None:
            (config.parent / "logs").mkdir(exist_ok=True)
            settings = f"pid {config.parent}/nginx.pid;"
            title = f"{NGINX} {self.nginx.version}"
            titles[title] = NGINX
            commands[title] = [
                self.nginx.program, "-t", "-q", "-p", f"{config.parent}/", "-c", str(config), "-e", "stderr", "-g", settings,
            ]  # fmt: skip
        costs = self.bench.costs(commands, rounds, finders=finders)
        rows = []
        for title, runs in costs.items():
            cost = middle(runs)
            to_ours = ratio(runs, costs[OURS])
            rows.append(
                [title, f"{cost.wall:.3f} s", f"{cost.cpu:.3f} s", f"{cost.peak / MEBIBYTE:.0f} MiB", times(to_ours)]
            )
            figures = {"wall": cost.wall, "cpu": cost.cpu, "peak": cost.peak, "ratio": to_ours}
            self.part.data[f"{what}: {title}"] = figures
        self.part.table([what, "time", "processor", "peak memory", f"to {OURS}"], rows)
        return {titles.get(title, title): runs for title, runs in costs.items()}


def _growth(bench: Bench, part: Part, sizes: Sequence[int], rounds: int) -> None:
    """A table of how ``lint`` grows with the number of files, above what one site takes; the least of all rounds."""
    commands = {
        str(size): [TOOL, "lint", str(configs.write_sites(bench.folder / f"growth-{size}", size))]
        for size in (1, *sizes)
    }
    costs = {int(name): runs for name, runs in bench.costs(commands, rounds, finders=commands).items()}
    least = {size: (min(run.cpu for run in runs), min(run.peak for run in runs)) for size, runs in costs.items()}
    rows = []
    for before, size in zip((None, *sizes), sizes, strict=False):
        cpu, peak = least[size]
        row = [f"{size:,}", f"{cpu:.2f} s", f"{peak / MEBIBYTE:.0f} MiB", "", ""]
        if before is not None:
            grown = [
                exponent(least[before][at] - least[1][at], least[size][at] - least[1][at], size / before)
                for at in (0, 1)
            ]
            row[3:] = [f"{each:.2f}" for each in grown]
            part.data[f"growth to {size}"] = {"cpu": cpu, "peak": peak, "exponents": grown}
            if size >= SIZES[1]:
                part.bounds += [
                    Bound(f"exponent of {name} of {OURS}, {before:,} to {size:,} files", each, EXPONENT)
                    for name, each in zip(("time", "memory"), grown, strict=True)
                ]
        rows.append(row)
    part.table(["files", "processor", "peak memory", "time ~ n^", "memory ~ n^"], rows)
