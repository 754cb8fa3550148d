"""Whole processes under measurement: in turn, with their byte code compiled, and medians of several rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SPAWN = Path(__file__).with_name("spawn.py")
PYTHON = sys.executable
TOOL = str(Path(sys.executable).with_name("proxycfg"))
CPU_LIMIT = 300
"""Seconds of processor time after which the kernel ends a measurement."""


class MeasurementFailed(Exception):
    """A command under measurement ended with an error; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took: medians. The processor's time is the steadier one where others use the machine, too."""

    wall: float
    cpu: float
    peak: int


class Bench:
    """Runs commands whose byte code is compiled into a folder of its own.

    As after an installation by pip, wherever the sources are and whatever ``PYTHONDONTWRITEBYTECODE`` says; and nothing is
    written into the tree.
    """

    def __init__(self, folder: Path, *, quick: bool, limit: int = CPU_LIMIT) -> None:
        """``folder`` is a temporary one; ``quick`` takes the byte code that there is, since compiling all of it takes seconds.

        :param limit: seconds of processor time after which the kernel ends a command.
        """
        self.folder = folder
        self.limit = limit
        self._compiled = quick
        self._environment = dict(os.environ)
        if not quick:
            self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
            self._environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")

    def costs(
        self, commands: Mapping[str, Sequence[str]], rounds: int, finders: Collection[str] = ()
    ) -> dict[str, list[Cost]]:
        """What each command took in each round: round by round, all in turn, so that a busy minute spares none of them.

        ``finders`` may end with 1, which says that they found something; anything else but 0 fails the measurement.
        """
        fine = [[0, 1] if name in finders else [0] for name in commands]
        if not self._compiled:
            self._spawn(commands, fine, 1)
            self._compiled = True
        measured = self._spawn(commands, fine, rounds)
        return {name: [Cost(*row[at]) for row in measured] for at, name in enumerate(commands)}

    def beyond_imports(
        self, code: Mapping[str, str], idle: Mapping[str, str], paths: Mapping[int, Path], rounds: int
    ) -> dict[int, dict[str, Cost]]:
        """The least that each piece of Python took for each size, less the least of its imports; others on a machine only ever add.

        :param code: what is run with a path, by name.
        :param idle: the same names; what is not counted.
        :param paths: size → what is read.
        """
        commands = {
            f"{name} {size}": [PYTHON, "-c", text, str(path)]
            for size, path in paths.items()
            for name, text in code.items()
        }
        commands |= {f"{name} idle": [PYTHON, "-c", idle[name]] for name in code}
        costs = self.costs(commands, rounds)

        def net(name: str, size: int) -> Cost:
            whole, imports = costs[f"{name} {size}"], costs[f"{name} idle"]
            cpu, peak = (
                min(getattr(cost, key) for cost in whole) - min(getattr(cost, key) for cost in imports)
                for key in ("cpu", "peak")
            )
            return Cost(middle(whole).wall, cpu, int(peak))

        return {size: {name: net(name, size) for name in code} for size in paths}

    def _spawn(
        self, commands: Mapping[str, Sequence[str]], fine: Sequence[Sequence[int]], rounds: int
    ) -> list[list[tuple[float, float, int]]]:
        lines = [list(command) for command in commands.values()]
        job = {"commands": lines, "fine": fine, "rounds": rounds, "limit": self.limit}
        done = subprocess.run(
            [PYTHON, "-I", "-S", str(SPAWN)],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env=self._environment,
            # Not where the settings of whatever project would be read.
            cwd=self.folder,
            check=False,
        )
        if done.returncode:
            raise MeasurementFailed(done.stderr.strip() or f"the launcher ended with {done.returncode}")
        rows: list[list[tuple[float, float, int]]] = json.loads(done.stdout)
        return rows


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        median(cost.wall for cost in costs),
        median(cost.cpu for cost in costs),
        int(median(cost.peak for cost in costs)),
    )


def ratio(runs: Sequence[Cost], bases: Sequence[Cost]) -> float:
    """Between the processor's times of two commands in the same round; the median of the rounds."""
    return median(run.cpu / base.cpu for run, base in zip(runs, bases, strict=True))
