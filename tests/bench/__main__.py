"""``python -m tests.bench``: measure, print tables, and exit with 1 where a bound is broken."""

# ruff: noqa: T201  # a command: to print is what it is for
from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.processes import MeasurementFailed
from tests.bench.report import Part

PARTS = ("generate", "read", "read-envoy", "read-terraform", "start-up", "latency", "load", "worker")
ASKED = ("peers",)
"""What is measured only when it is asked for: it installs programs from a package index."""


def main(arguments: list[str] | None = None) -> int:
    """Run the parts asked for; the return value is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What a config costs.")
    parser.add_argument(
        "--only",
        action="append",
        choices=PARTS + ASKED,
        help=f"one part; repeatable (default: all but {', '.join(ASKED)})",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: does it still run?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    options = parser.parse_args(arguments)
    machine = _machine()
    print("\n".join(f"{name}: {value}" for name, value in machine.items()), end="\n\n", flush=True)
    parts: dict[str, Part] = {}
    with tempfile.TemporaryDirectory(prefix="proxycfg-bench-") as folder:
        for name in options.only or PARTS:
            begun = time.monotonic()
            parts[name] = _measure(name, Path(folder) / name, quick=options.quick)
            print(f"{parts[name]}\n({name}: {time.monotonic() - begun:.0f} s)\n", flush=True)
    if options.json:
        figures = {"machine": machine, "parts": {name: _plain(part) for name, part in parts.items()}}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    broken = [bound for part in parts.values() for bound in part.bounds if not bound.holds]
    print("\n".join(["A bound is broken:", *map(str, broken)]) if broken else "Every bound holds.")
    return 1 if broken else 0


def _measure(name: str, folder: Path, *, quick: bool) -> Part:
    """One part. Those that need more than the standard library are imported when their turn comes."""
    module = importlib.import_module(f"tests.bench.{name.replace('-', '')}")
    folder.mkdir()
    measured: Part = module.measure(folder, quick=quick)
    return measured


def _machine() -> dict[str, Any]:
    """Without it no figure means anything."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), processor)
    except OSError:
        pass
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _plain(part: Part) -> dict[str, Any]:
    bounds = [
        {"what": bound.what, "value": bound.value, "limit": bound.limit, "holds": bound.holds} for bound in part.bounds
    ]
    return {"title": part.title, "figures": part.data, "bounds": bounds, "skipped": part.skipped}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MeasurementFailed as failed:
        sys.exit(f"bench: {failed}")
