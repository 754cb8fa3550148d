"""A proxy that runs for as long as a block lasts, and not longer than this process, however that ends."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

STARTS_WITHIN = 15.0
_STOPS_WITHIN = 5.0
_POLL = 0.02

# The kernel closes our end of the pipe even after SIGKILL; the reader at the other end then ends the proxy. The wrapper's
# status is the proxy's own.
_LEASH = """\
exec 3<&0
"$@" </dev/null 3<&- &
proxy=$!
trap '' TERM INT HUP
{ read -r _ <&3; kill -TERM $proxy; } &
reader=$!
wait $proxy
status=$?
kill -KILL $reader 2>/dev/null
exit $status
"""


class NotStarted(Exception):
    """The proxy did not begin to listen; the text holds the end of its own log."""


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy's process."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def await_port(self) -> None:
        """Return when it listens on its port.

        :raises NotStarted: if it ends first, or takes too long.
        """
        deadline = time.monotonic() + STARTS_WITHIN
        while not _listens(self.port):
            status = self.process.poll()
            if status is not None:
                raise NotStarted(f"{self.name} ended at once, with status {status}{self._last_words()}")
            if time.monotonic() > deadline:
                waited = f"after {STARTS_WITHIN:g} s nobody listens on 127.0.0.1:{self.port}"
                raise NotStarted(f"{self.name}: {waited}{self._last_words()}")
            time.sleep(_POLL)

    def _last_words(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return "".join(f"\n  {line[:300]}" for line in lines[-4:]) or ", without a word"


@contextlib.contextmanager
def running(name: str, command: Sequence[str], port: int, log: Path) -> Iterator[Running]:
    """Start a proxy, which need not listen yet; end it with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - a list of words of ours
            ["sh", "-c", _LEASH, "sh", *command],  # noqa: S607 - every system's shell
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for us; the proxy ends in an orderly way afterwards.
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        yield Running(name, port, process, log)
    finally:
        process.stdin.close()
        try:
            process.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    """A port that nobody listens on; below the range from which the kernel takes the ports of outgoing connections."""
    for _ in range(1000):
        port = random.randrange(20000, 32000)  # noqa: S311 - no secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                # As a config without an address listens: on all of them.
                probe.bind(("0.0.0.0", port))  # noqa: S104
                return port
    raise NotStarted("no free port between 20000 and 32000")


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
