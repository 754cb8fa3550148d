"""``lint`` beside the linters of nginx that people have, and ``nginx -t``: whole processes on the same files, in turn."""

from __future__ import annotations

from pathlib import Path

from proxycfg.demo.engines import Absent
from proxycfg.demo.programs import find
from tests.bench import configs
from tests.bench.generate import MEBIBYTE
from tests.bench.processes import PYTHON, TOOL, Bench, Cost, middle, ratio
from tests.bench.report import Bound, Part, times
from tests.interop import TOOLS

SITES = 1_000
OURS = "proxycfg lint"
BASE = "python -c pass"
ONE_FILE = 1.0
"""On one file ``lint`` takes at most this share of the quicker peer's processor time."""
FOLLOWS = 0.2
"""On the sites, of gixy-ng's."""


def measure(folder: Path, *, quick: bool) -> Part:
    """A config of about 80 lines, then many sites in one tree; the peers are installed once, each in an environment of its own."""
    for tool in TOOLS:
        tool.install()
    bench = Bench(folder, quick=quick)
    part = Part("peers: lint, other linters and nginx -t; medians, and ratios of processor time within a round")
    single = configs.write_one(bench.folder / "one")
    lines = single.read_text().count("\n")
    one = _beside(bench, part, f"1 file, {lines} lines", single, 1 if quick else 15)
    part.bounds += [
        Bound(f"{OURS} on one file, processor time to {tool.name}", ratio(one[OURS], one[tool.name]), ONE_FILE)
        for tool in TOOLS
    ]
    sites = 10 if quick else SITES
    many = _beside(
        bench, part, f"{sites:,} sites", configs.write_sites(bench.folder / "sites", sites), 1 if quick else 3
    )
    name = TOOLS[0].name
    if not quick:
        part.bounds.append(
            Bound(f"{OURS} on {sites:,} sites, processor time to {name}", ratio(many[OURS], many[name]), FOLLOWS)
        )
    return part


def _beside(bench: Bench, part: Part, what: str, config: Path, rounds: int) -> dict[str, list[Cost]]:
    """A table of all on that config."""
    names = {f"{tool.name} {tool.version}": tool.name for tool in TOOLS}
    commands = {
        BASE: [PYTHON, "-c", "pass"],
        OURS: [TOOL, "lint", str(config)],
        **{name: [str(tool.program), str(config)] for name, tool in zip(names, TOOLS, strict=True)},
    }
    try:
        nginx = find("nginx")
    except Absent as absent:
        part.skipped.append(f"nginx -t: {absent}")
    else:
        (config.parent / "logs").mkdir(exist_ok=True)
        settings = f"pid {config.parent}/nginx.pid;"
        test = ["-t", "-q", "-p", f"{config.parent}/", "-c", str(config), "-e", "stderr", "-g", settings]
        commands[f"nginx -t {nginx.version}"] = [nginx.program, *test]
    costs = bench.costs(commands, rounds, finders={OURS, *names})
    rows = []
    for name, runs in costs.items():
        cost = middle(runs)
        to_ours = ratio(runs, costs[OURS])
        rows.append(
            [name, f"{cost.wall:.3f} s", f"{cost.cpu:.3f} s", f"{cost.peak / MEBIBYTE:.0f} MiB", times(to_ours)]
        )
        part.data[f"{what}: {name}"] = {"wall": cost.wall, "cpu": cost.cpu, "peak": cost.peak, "ratio": to_ours}
    part.table([what, "time", "processor", "peak memory", f"to {OURS}"], rows)
    return {names.get(name, name): runs for name, runs in costs.items()}
