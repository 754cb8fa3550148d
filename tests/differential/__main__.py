"""``python -m tests.differential``: run the differential test, shrink what disagrees, write the report."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from tests.differential import fixtures, report
from tests.differential.run import Tally, measure
from tests.engines.presence import EngineAbsent

VERSIONS = ("1.22", "1.26", "1.30")
PAGE = Path(__file__).parents[2] / "docs" / "differential.md"


def _measured(version: str, count: int, seed: int) -> Tally:
    """One version, in a process of its own."""
    return asyncio.run(measure(version, count, seed, _progress(count)))


def _progress(count: int) -> Callable[[Tally], None]:
    def show(tally: Tally) -> None:
        wrong = len(tally.wrong) + len(tally.crashes)
        sys.stderr.write(
            f"\rnginx {tally.version}: {tally.configs}/{count} configs, {tally.measured.total()} comparisons, {wrong} disagreements "
        )
        sys.stderr.flush()

    return show


def main() -> int:
    """The command; 1 if anything disagrees, 3 if there is no nginx to ask."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="configs of each version (default 50)")
    parser.add_argument("--seed", type=int, default=1, help="where they start from (default 1)")
    parser.add_argument("--version", action="append", choices=VERSIONS, help="only this version; may be repeated")
    parser.add_argument("--report", type=Path, default=PAGE, help="the page to write (default docs/differential.md)")
    parser.add_argument("--shrink", action="store_true", help="shrink disagreements to fixtures/differential")
    parser.add_argument(
        "--remeasure", action="store_true", help="measure the fixtures anew, on every version, and do nothing else"
    )
    args = parser.parse_args()
    versions = tuple(args.version or VERSIONS)
    try:
        if args.remeasure:
            for version in versions:
                asyncio.run(fixtures.remeasure(version))
            return 0
        with ProcessPoolExecutor(len(versions)) as pool:
            tallies = list(pool.map(_measured, versions, repeat(args.count), repeat(args.seed)))
        sys.stderr.write("\n")
        args.report.write_text(report.render(tallies, args.seed))
    except EngineAbsent as absent:
        sys.stderr.write(f"{absent}\n")
        return 3
    wrong = [(tally.version, seed, check) for tally in tallies for seed, check in tally.wrong]
    for version, seed, check in wrong:
        sys.stderr.write(
            f"nginx {version}, seed {seed}, {check.what} at {check.place}: {check.predicted} measured {check.measured} {check.ask}\n"
        )
    for tally in tallies:
        for seed, crash in tally.crashes:
            sys.stderr.write(f"nginx {tally.version}, seed {seed}: {crash}\n")
        for text, number in tally.rejected.most_common(5):
            sys.stderr.write(f"nginx {tally.version} refused {number}: {text}\n")
    if args.shrink:
        for version, seed, check in wrong:
            sys.stderr.write(f"{asyncio.run(fixtures.shrunk(version, seed, check))}\n")
    return 1 if wrong or any(tally.crashes for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
