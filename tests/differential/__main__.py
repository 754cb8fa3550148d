"""``python -m tests.differential``: run the differential test, shrink what disagrees, write the report."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from tests.differential import fixtures, report
from tests.differential.envoy.proxy import PROXY as ENVOY
from tests.differential.nginx.proxy import PROXY as NGINX
from tests.differential.proxy import Proxy
from tests.differential.run import Tally, measure
from tests.engines.presence import EngineAbsent

PROXIES: Mapping[str, Proxy[Any]] = {proxy.name: proxy for proxy in (NGINX, ENVOY)}


def _measured(engine: str, version: str, count: int, seed: int, numbers: Sequence[int]) -> Tally:
    """One version, in a process of its own."""
    show = _progress(engine, len(numbers) or count)
    return asyncio.run(measure(PROXIES[engine], version, count, seed, show, _tell, numbers))


def _tell(text: str) -> None:
    # One write, as three processes share the terminal.
    sys.stderr.write(f"\n{text}\n")
    sys.stderr.flush()


def _progress(engine: str, count: int) -> Callable[[Tally], None]:
    def show(tally: Tally) -> None:
        wrong = len(tally.wrong) + len(tally.crashes) + len(tally.failures)
        sys.stderr.write(
            f"\r{engine} {tally.version}: {tally.configs}/{count} configs, {tally.measured.total()} comparisons, {wrong} disagreements "
        )
        sys.stderr.flush()

    return show


def main() -> int:
    """The command; 1 if anything disagrees, 3 if there is no proxy to ask."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--engine", choices=PROXIES, default="nginx", help="the proxy (default nginx)")
    parser.add_argument("--count", type=int, default=50, help="configs of each version (default 50)")
    parser.add_argument("--seed", type=int, default=1, help="where they start from (default 1)")
    parser.add_argument("--version", action="append", help="only this version; may be repeated")
    parser.add_argument(
        "--config", type=int, action="append", default=[], metavar="NUMBER", help="only this config; may be repeated"
    )
    parser.add_argument("--jobs", type=int, help="versions at a time (default all)")
    parser.add_argument(
        "--report", type=Path, help="the page to write (default docs/differential.md, or docs/differential-envoy.md)"
    )
    parser.add_argument("--shrink", action="store_true", help="shrink disagreements to fixtures/differential")
    parser.add_argument(
        "--remeasure", action="store_true", help="measure the fixtures anew, on every version, and do nothing else"
    )
    args = parser.parse_args()
    proxy = PROXIES[args.engine]
    versions = tuple(args.version or proxy.versions)
    if not set(versions) <= set(proxy.versions):
        parser.error(f"{proxy.name} is there in the versions {', '.join(proxy.versions)}")
    try:
        if args.remeasure:
            for version in versions:
                asyncio.run(fixtures.remeasure(proxy, version))
            return 0
        tallies = []
        for tally in _tallies(proxy.name, versions, args.count, args.seed, args.config, args.jobs or len(versions)):
            tallies.append(tally)
            if not args.config:
                (args.report or proxy.page).write_text(report.render(proxy, tallies, args.seed))
    except EngineAbsent as absent:
        sys.stderr.write(f"{absent}\n")
        return 3
    sys.stderr.write("\n")
    for tally in tallies:
        for text, number in tally.rejected.most_common(5):
            sys.stderr.write(f"{proxy.name} {tally.version} refused {number}: {text}\n")
    wrong = [(tally.version, seed, check) for tally in tallies for seed, check in tally.wrong]
    if args.shrink:
        for version, seed, check in wrong:
            sys.stderr.write(f"{asyncio.run(fixtures.shrunk(proxy, version, seed, check))}\n")
    whole = len(tallies) == len(versions) and not any(tally.crashes or tally.failures for tally in tallies)
    return 0 if whole and not wrong else 1


def _tallies(
    engine: str, versions: Sequence[str], count: int, seed: int, numbers: Sequence[int], at_once: int
) -> Iterator[Tally]:
    """Each version's; one whose process ends early is told and left out, for the others have worked for half an hour.

    :raises EngineAbsent: if there is no proxy to ask.
    """
    with ProcessPoolExecutor(at_once) as pool:
        jobs = {version: pool.submit(_measured, engine, version, count, seed, numbers) for version in versions}
        for version, job in jobs.items():
            try:
                yield job.result()
            except (OSError, BrokenProcessPool) as error:
                _tell(f"{engine} {version}: the run ended early: {error}")


if __name__ == "__main__":
    sys.exit(main())
