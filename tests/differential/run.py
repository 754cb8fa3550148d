"""Many configs on one version: what agreed, what did not, and how much was left open."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.differential.lab import Check, Result
from tests.differential.proxy import Proxy


@dataclass
class Tally:
    """The sum of many results on one version. ``wrong`` holds each disagreement with the seed of its config."""

    version: str
    configs: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    routes: int = 0
    late: int = 0
    measured: Counter[str] = field(default_factory=Counter)
    open: Counter[str] = field(default_factory=Counter)
    """Of the measured ones, those that were only known to lie in a range."""
    hedged: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[int, Check]] = field(default_factory=list)
    crashes: list[tuple[int, str]] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)
    """Configs of which nothing was learned, as the lab itself failed on them: tracebacks."""
    seconds: float = 0.0

    def add(self, seed: int, result: Result) -> None:
        """One config more."""
        if result.rejected:
            self.rejected[result.rejected.strip().splitlines()[0]] += 1
            return
        self.configs += 1
        if result.crash:
            self.crashes.append((seed, result.crash))
        self.routes += result.routes
        self.late += result.late
        self.hedged.update(result.hedged)
        for check in result.checks:
            self.measured[check.what] += 1
            if check.what != "location" and not check.predicted.exact:
                self.open[check.what] += 1
            if not check.agrees:
                self.wrong.append((seed, check))


async def measure(
    proxy: Proxy[Any],
    version: str,
    count: int,
    seed: int,
    progress: Callable[[Tally], object] = id,
    tell: Callable[[str], object] = id,
    numbers: Sequence[int] = (),
) -> Tally:
    """Examine so many configs that the proxy takes; what disagrees is measured again with nothing beside it, and that counts.

    :param tell: is given a line as soon as something disagrees or fails: a long run shows what it has found when it is cut short.
    :param numbers: these configs and no others.
    :raises EngineAbsent: if there is no proxy of that version here.
    """
    tally = Tally(version)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="proxycfg-diff-", ignore_cleanup_errors=True) as folder:
        # Workers of nginx are nobody.
        Path(folder).chmod(0o755)  # noqa: ASYNC240 - nothing runs yet
        async with proxy.lab.opened(version, Path(folder)) as lab:
            seeds = iter(numbers or range(seed * 1_000_000, (seed + 1) * 1_000_000))
            doubtful: list[int] = []
            taken = 0

            async def examined(number: int) -> Result | None:
                try:
                    return await lab.examine(proxy.make(number, version), number)
                except Exception:  # noqa: BLE001 - told, counted, and no reason to lose a thousand others
                    tally.failures.append((number, traceback.format_exc()))
                    tell(f"{proxy.name} {version}, config {number}: the lab failed\n{tally.failures[-1][1]}")
                    return None

            async def one() -> None:
                nonlocal taken
                while taken < count:
                    taken += 1
                    number = next(seeds, None)
                    if number is None:
                        return
                    result = await examined(number)
                    if result is None:
                        pass
                    elif result.disagreements:
                        doubtful.append(number)
                        tell(_lines(f"{proxy.name} {version}", number, result, "at first"))
                    else:
                        taken -= bool(result.rejected)
                        tally.add(number, result)
                        if result.crash:
                            tell(f"{proxy.name} {version}, config {number}: the reader failed\n{result.crash}")
                    progress(tally)
                    # Both ends of thousands of connections know each other, and wait for a collection of what is old: gigabytes.
                    gc.collect()

            count = len(numbers) or count
            await asyncio.gather(*(one() for _ in range(min(proxy.at_once, count))))
            for number in doubtful:
                result = await examined(number)
                if result is not None:
                    tally.add(number, result)
                    if result.disagreements:
                        tell(_lines(f"{proxy.name} {version}", number, result, "and again"))
                progress(tally)
    tally.seconds = time.monotonic() - began
    return tally


def _lines(proxy: str, number: int, result: Result, when: str) -> str:
    return "\n".join(
        f"{proxy}, config {number}, {when}: {check.what} at {check.place}: {check.predicted} measured {check.measured} {check.ask}"
        for check in result.disagreements
    )
