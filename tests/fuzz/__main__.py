"""``python -m tests.fuzz --tries N --seed S [FOLDER]``: damaged configs, each answered in bounded time and memory; exit with 1 where one is not.

They are made from the configs in ``fixtures`` and below FOLDER. A try is named by seed and number, and ``--only NUMBER`` makes that one again,
with its traceback.
"""

# ruff: noqa: T201  # a command: to print is what it is for
from __future__ import annotations

import argparse
import multiprocessing
import resource
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from proxycfg.confdir import decode
from tests.fuzz.judge import judge

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PATIENCE = 20
"""Seconds that a try may take; the longest text needs a hundredth of that."""
MEMORY = 1 << 30
"""Bytes of address space that a child may take."""
AT_ONCE = 2_000
"""Tries of one child: what leaks is seen, and does not add up."""


def main(arguments: list[str] | None = None) -> int:
    """Try; the return value is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Damaged configs.")
    parser.add_argument("folder", type=Path, nargs="?", help="more configs to damage")
    parser.add_argument("--tries", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", default="1", metavar="S")
    parser.add_argument("--only", type=int, metavar="NUMBER")
    options = parser.parse_args(arguments)
    texts = gathered(options.folder)
    if options.only is not None:
        judge(f"{options.seed}/{options.only}", texts)
        return 0
    wrong = tried(texts, options.seed, options.tries)
    print("\n".join(wrong))
    print(f"{options.tries} tries from {len(texts)} configs, seed {options.seed}: {len(wrong)} wrong")
    return bool(wrong)


def gathered(folder: Path | None) -> list[str]:
    """The configs to start from."""
    paths = sorted(FIXTURES.rglob("*.conf"))
    if folder:
        paths += sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size < 50_000)
    return [decode(path.read_bytes()) for path in paths]


def tried(texts: list[str], seed: str, tries: int) -> list[str]:
    """What went wrong, a line each: the number of the try, and how."""
    wrong: list[str] = []
    at = 0
    while at < tries:
        ours, theirs = multiprocessing.Pipe()
        end = min(tries, at + AT_ONCE)
        child = multiprocessing.get_context("fork").Process(target=_child, args=(theirs, texts, seed, at, end))
        child.start()
        theirs.close()
        done = False
        while not done:
            try:
                number, message = ours.recv()
            except EOFError:
                # It died, of memory or worse, in the try that it told of last.
                child.join()
                wrong.append(f"{at}: the process died with {child.exitcode}")
                at += 1
                break
            at = number
            if message:
                wrong.append(f"{number}: {message}")
            done = number == end
        child.join()
    return wrong


def _child(parent: Connection, texts: list[str], seed: str, start: int, end: int) -> None:
    # What it was forked from may be large already: that much is no fault of a try.
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))

    def over(*_: object) -> None:
        raise TimeoutError(f"not done in {PATIENCE} s")

    signal.signal(signal.SIGALRM, over)
    for number in range(start, end):
        parent.send((number, ""))
        signal.alarm(PATIENCE)
        try:
            judge(f"{seed}/{number}", texts)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            place = traceback.extract_tb(error.__traceback__)[-1]
            parent.send(
                (number, f"{type(error).__name__}: {str(error)[:200]} ({Path(place.filename).name}:{place.lineno})")
            )
        signal.alarm(0)
    parent.send((end, ""))


if __name__ == "__main__":
    sys.exit(main())
