"""Runs commands in turn and prints what each took: wall seconds, processor seconds, and the peak of its memory in bytes.

A program of its own (``python -I -S spawn.py``, a job as JSON on its input) for one reason: Linux counts the memory of the
process that starts a program into that program's peak, so whoever starts must be small.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time

UNIT = 1 if sys.platform == "darwin" else 1024
"""In which ``ru_maxrss`` counts."""


def main() -> int:
    """Run every command of the job, round by round: A B C, A B C."""
    job = json.load(sys.stdin)
    # What hangs is ended by the kernel, with whatever it has started.
    resource.setrlimit(resource.RLIMIT_CPU, (job["limit"], job["limit"]))
    null = os.open(os.devnull, os.O_RDWR)
    quiet = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)]
    measured: list[list[tuple[float, float, int]]] = []
    for _ in range(job["rounds"]):
        row = []
        for command, fine in zip(job["commands"], job["fine"], strict=True):
            begun = time.perf_counter()
            pid = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
            _, status, usage = os.wait4(pid, 0)
            wall = time.perf_counter() - begun
            if os.waitstatus_to_exitcode(status) not in fine:
                sys.stderr.write(f"status {os.waitstatus_to_exitcode(status)}: {' '.join(command)}\n")
                return 1
            row.append((wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * UNIT))
        measured.append(row)
    json.dump(measured, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
