"""nginx of one version in one long-lived container, in which a shell starts and ends a process per config.

The shell is the container's main process and ends with its standard input, so nothing is left behind however a run ends. nginx runs on a faster
clock (:data:`LAPSE`), its configs untouched: a minute's silence takes seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from tests.engines.catalogue import FAKETIME
from tests.engines.presence import EngineAbsent, need

LAPSE = 20
"""How much faster nginx's clock runs."""

_SHELL = r"""
while read -r what dir; do
  case $what in
    start)
      rm -f "$dir/nginx.pid"
      LD_PRELOAD=%s FAKETIME="+0 x%d" nginx -p "$dir/" -c "$dir/nginx.conf" -e stderr -g "pid $dir/nginx.pid;" >"$dir/said" 2>&1
      code=$?
      # The daemon's parent ends before its number is written.
      [ $code != 0 ] || until [ -s "$dir/nginx.pid" ]; do :; done
      echo "$what $dir $code";;
    reload)
      read -r pid <"$dir/nginx.pid"
      read -r worker _ <"/proc/$pid/task/$pid/children"
      kill -s HUP "$pid"
      # The old worker takes no connections any more, or has ended.
      while [ -d "/proc/$worker" ] && ! grep -q "shutting down" "/proc/$worker/cmdline"; do :; done
      echo "$what $dir 0";;
    stop)
      read -r pid <"$dir/nginx.pid"
      kill -s KILL -- "-$pid"
      while kill -s 0 -- "-$pid" 2>/dev/null; do :; done
      echo "$what $dir 0";;
  esac
done
"""


class Rejected(Exception):
    """nginx does not start with a config; the text is what it says."""


class Engine:
    """The container's shell: ``start``, ``reload`` and ``stop`` of folders that hold an ``nginx.conf``."""

    def __init__(self, version: str, process: asyncio.subprocess.Process) -> None:
        """The process is ``docker run``, with a pipe to the shell."""
        self.version = version
        self._process = process
        self._waiting: dict[str, asyncio.Future[int]] = {}
        self._answers = asyncio.create_task(self._read())

    async def start(self, folder: Path) -> None:
        """Start nginx; it listens when this returns.

        :raises Rejected: if it does not start.
        """
        if await self._ask("start", folder):
            raise Rejected((folder / "said").read_text(errors="replace"))

    async def reload(self, folder: Path) -> None:
        """Have it read its config again; new connections go to its new worker when this returns."""
        await self._ask("reload", folder)

    async def stop(self, folder: Path) -> None:
        """Kill it, master and workers; its ports are free when this returns."""
        await self._ask("stop", folder)

    async def _ask(self, what: str, folder: Path) -> int:
        if self._answers.done():
            raise EngineAbsent(f"the container of nginx {self.version} has ended")
        future = self._waiting[f"{what} {folder}"] = asyncio.get_running_loop().create_future()
        assert self._process.stdin
        self._process.stdin.write(f"{what} {folder}\n".encode())
        return await future

    async def _read(self) -> None:
        assert self._process.stdout
        while line := (await self._process.stdout.readline()).decode():
            key, _, code = line.rstrip("\n").rpartition(" ")
            self._waiting.pop(key).set_result(int(code))
        for future in self._waiting.values():
            future.set_exception(EngineAbsent(f"the container of nginx {self.version} has ended"))

    async def close(self) -> None:
        """End the shell, and the container with it."""
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()
        await self._answers


@contextlib.asynccontextmanager
async def running(version: str, folder: Path) -> AsyncIterator[Engine]:
    """A container that sees ``folder`` under the same path, and may write there; ``folder/log`` is its /var/log/nginx.

    :raises EngineAbsent: if there is no image of that version with time-lapse.
    """
    found = need(f"nginx-{version}")
    if not found.image or not found.time_lapse:
        raise EngineAbsent(f"{found}: the differential test needs an image with libfaketime")
    (folder / "log").mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        "docker", "run", "--rm", "--interactive", "--init", "--network=host", "--read-only", f"--name=proxycfg-diff-{uuid.uuid4().hex[:8]}",
        # Its worker is one of hundreds of processes here, and the one that everything waits for.
        "--cpu-shares=8192", "--pull=never", "--tmpfs=/tmp", "--tmpfs=/run", "--tmpfs=/var/lib/nginx", "--user=0:0", "--ulimit=nofile=4096:4096",
        f"--volume={folder}:{folder}", f"--volume={folder / 'log'}:/var/log/nginx", "--entrypoint=sh", found.image,
        "-c", _SHELL % (FAKETIME, LAPSE),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    engine = Engine(version, process)
    try:
        yield engine
    finally:
        await engine.close()
