"""``python -m tests.engines prepare``: make the engines available. ``list``: say which there are.

Only the standard library is used, so that any Python 3.11 can run it.
"""

# ruff: noqa: T201  # a command: to print is what it is for
from __future__ import annotations

import argparse
import sys
import textwrap
import time

from tests.engines import images, npm
from tests.engines.presence import available, why_absent


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the return value is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines", description="Real proxies for the tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    preparing = commands.add_parser(
        "prepare", help="make the Docker images (inspect, else pull, else build) and workerd available"
    )
    preparing.add_argument("--require", action="store_true", help="exit with 1 when an engine is missing in the end")
    commands.add_parser("list", help="the engines that tests would use here, and why the others are absent")
    options = parser.parse_args(arguments)
    return _prepare(require=options.require) if options.command == "prepare" else _list()


def _prepare(*, require: bool) -> int:
    started = time.monotonic()
    failed = images.prepare(_say)
    if reason := npm.prepare(_say):
        failed[npm.WORKERD_ID] = reason
    by_reason: dict[str, list[str]] = {}
    for name, reason in failed.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        print(textwrap.fill(f"Not available: {', '.join(names)}: {reason}.", width=100), file=sys.stderr)
    _say(f"done in {time.monotonic() - started:.1f} s")
    return 1 if failed and require else 0


def _list() -> int:
    for engine in available().values():
        print(f"{engine.id:<12} {engine.image or engine.binary}{'  time-lapse' if engine.time_lapse else ''}")
    for name, reason in why_absent().items():
        print(f"{name:<12} absent: {reason}")
    return 0


def _say(line: str) -> None:
    # One write, since several threads report.
    print(f"engines: {line}\n", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
