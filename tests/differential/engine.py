"""A proxy of one version in one long-lived container, in which a shell starts and ends a process per config.

The shell is the container's main process and ends with its standard input, so nothing is left behind however a run ends. It is told ``start FOLDER``
or another word and a folder, and tells the same with an exit status when that is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from tests.engines.presence import EngineAbsent


class Rejected(Exception):
    """The proxy does not start with a config; the text is what it says."""


class Engine:
    """The container's shell: ``start``, ``reload`` and ``stop`` of folders that hold a config."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        """The process is ``docker run``, with a pipe to the shell."""
        self.name = name
        self._process = process
        self._waiting: dict[str, asyncio.Future[int]] = {}
        self._ended: set[str] = set()
        """What was told without being asked for: a process that has stopped by itself."""
        self._answers = asyncio.create_task(self._read())

    async def start(self, folder: Path) -> None:
        """Start the proxy; it listens when this returns.

        :raises Rejected: if it does not start.
        """
        if await self._ask("start", folder):
            raise Rejected((folder / "said").read_text(errors="replace"))

    async def reload(self, folder: Path) -> None:
        """Have it read its config again; new connections go to its new worker when this returns."""
        await self._ask("reload", folder)

    async def stop(self, folder: Path) -> None:
        """Kill it; its ports are free when this returns."""
        await self._ask("stop", folder)

    async def _ask(self, what: str, folder: Path) -> int:
        if self._answers.done():
            raise EngineAbsent(f"the container of {self.name} has ended")
        key = f"{what} {folder}"
        if key in self._ended:
            self._ended.remove(key)
            return 0
        future = self._waiting[key] = asyncio.get_running_loop().create_future()
        assert self._process.stdin
        self._process.stdin.write(f"{key}\n".encode())
        return await future

    async def _read(self) -> None:
        assert self._process.stdout
        while line := (await self._process.stdout.readline()).decode():
            key, _, code = line.rstrip("\n").rpartition(" ")
            future = self._waiting.pop(key, None)
            if future is None:
                self._ended.add(key)
            else:
                future.set_result(int(code))
        for future in self._waiting.values():
            future.set_exception(EngineAbsent(f"the container of {self.name} has ended"))

    async def close(self) -> None:
        """End the shell, and the container with it."""
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()
        await self._answers


@contextlib.asynccontextmanager
async def contained(name: str, image: str, script: str, folder: Path, *options: str) -> AsyncIterator[Engine]:
    """A container that sees ``folder`` under the same path, and may write there.

    :param script: the shell's.
    :param options: more of ``docker run``.
    """
    process = await asyncio.create_subprocess_exec(
        "docker", "run", "--rm", "--interactive", "--init", "--network=host", "--read-only", f"--name=proxycfg-diff-{uuid.uuid4().hex[:8]}",
        # The proxy's worker is one of hundreds of processes here, and the one that everything waits for: it goes before others as this one does.
        "--cpu-shares=8192", "--cap-add=SYS_NICE", "--pull=never", "--tmpfs=/tmp", "--user=0:0", "--ulimit=nofile=4096:4096", f"--volume={folder}:{folder}",
        *options, "--entrypoint=sh", image, "-c", f"renice -n {os.nice(0)} -p $$ >/dev/null; {script}",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    engine = Engine(name, process)
    try:
        yield engine
    finally:
        await engine.close()
