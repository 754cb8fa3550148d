"""``python -m tests.differential``: run the differential test, shrink what disagrees, write the report."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from tests.differential import fixtures, report
from tests.differential.run import Tally, measure
from tests.engines.presence import EngineAbsent

VERSIONS = ("1.22", "1.26", "1.30")
PAGE = Path(__file__).parents[2] / "docs" / "differential.md"


def _measured(version: str, count: int, seed: int, numbers: Sequence[int]) -> Tally:
    """One version, in a process of its own."""
    return asyncio.run(measure(version, count, seed, _progress(len(numbers) or count), _tell, numbers))


def _tell(text: str) -> None:
    # One write, as three processes share the terminal.
    sys.stderr.write(f"\n{text}\n")
    sys.stderr.flush()


def _progress(count: int) -> Callable[[Tally], None]:
    def show(tally: Tally) -> None:
        wrong = len(tally.wrong) + len(tally.crashes) + len(tally.failures)
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
    parser.add_argument(
        "--config", type=int, action="append", default=[], metavar="NUMBER", help="only this config; may be repeated"
    )
    parser.add_argument("--jobs", type=int, default=len(VERSIONS), help="versions at a time (default all)")
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
        tallies = []
        for tally in _tallies(versions, args.count, args.seed, args.config, args.jobs):
            tallies.append(tally)
            if not args.config:
                args.report.write_text(report.render(tallies, args.seed))
    except EngineAbsent as absent:
        sys.stderr.write(f"{absent}\n")
        return 3
    sys.stderr.write("\n")
    for tally in tallies:
        for text, number in tally.rejected.most_common(5):
            sys.stderr.write(f"nginx {tally.version} refused {number}: {text}\n")
    wrong = [(tally.version, seed, check) for tally in tallies for seed, check in tally.wrong]
    if args.shrink:
        for version, seed, check in wrong:
            sys.stderr.write(f"{asyncio.run(fixtures.shrunk(version, seed, check))}\n")
    whole = len(tallies) == len(versions) and not any(tally.crashes or tally.failures for tally in tallies)
    return 0 if whole and not wrong else 1


def _tallies(versions: Sequence[str], count: int, seed: int, numbers: Sequence[int], at_once: int) -> Iterator[Tally]:
    """Each version's; one whose process ends early is told and left out, for the others have worked for half an hour.

    :raises EngineAbsent: if there is no nginx to ask.
    """
    with ProcessPoolExecutor(at_once) as pool:
        jobs = {version: pool.submit(_measured, version, count, seed, numbers) for version in versions}
        for version, job in jobs.items():
            try:
                yield job.result()
            except (OSError, BrokenProcessPool) as error:
                _tell(f"nginx {version}: the run ended early: {error}")


if __name__ == "__main__":
    sys.exit(main())
