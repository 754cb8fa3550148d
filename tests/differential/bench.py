"""nginx on the bench: a server of the lab's own, written into its config, tells when it has dealt with what came before."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

from proxycfg.lab import bench
from proxycfg.lab.bench import PATIENCE, Ask, Exchange
from proxycfg.lab.client import Call1, dial
from proxycfg.lab.origin import Origin


class Bench(bench.Bench):
    """One proxy with one config."""

    def __init__(self, origin: Origin, folder: Path, ports: dict[int, int], control: int) -> None:
        """``ports`` are the config's, as people wrote them, and those they became."""
        super().__init__(origin)
        self.folder = folder
        self.ports = ports
        self.control = control
        self._control: Call1 | None = None
        self._lock = asyncio.Lock()
        self._ticker: asyncio.Task[None] | None = None
        self._tick: asyncio.Future[float] | None = None
        self._pauses: list[tuple[float, float]] = []
        """When a tick came, and the time of nginx's clock since the one before."""

    async def open(self) -> None:
        """Connect to the lab's own server."""
        call = await dial("127.0.0.1", self.control, "http/1.1", host="lab")
        assert isinstance(call, Call1)
        self._control = call
        self._tick = asyncio.get_running_loop().create_future()
        self._ticker = asyncio.create_task(self._ticking(await self.now()))

    def leave(self) -> None:
        """Leave the lab's own server, and nobody else."""
        if self._ticker:
            self._ticker.cancel()
        if self._control:
            self._control.transport.abort()

    def close(self) -> None:
        """Leave, and forget what was asked."""
        self.leave()
        super().close()

    def port_of(self, ask: Ask) -> int:
        """The one that it became."""
        return self.ports[ask.port]

    async def now(self) -> float:
        """Nginx's time in seconds. All that was sent to it before has been read, and all that it had sent before has come."""
        call = self._control
        assert call
        async with self._lock:
            call.forget()
            call.send("GET", "/", [], host="lab")
            answer = await call.whole(PATIENCE * 4)
            if not answer.complete:
                raise ConnectionError("nginx does not answer any more")
        await asyncio.sleep(0)
        return float(answer.body)

    async def _ticking(self, last: float) -> None:
        while True:
            await asyncio.sleep(0.08)
            try:
                now = await self.now()
            except ConnectionError:
                return  # the end
            self._pauses.append((time.monotonic(), now - last))
            last = now
            tick, self._tick = self._tick, asyncio.get_running_loop().create_future()
            if tick:
                tick.set_result(now)

    def late_since(self, begun: float) -> float:
        """The longest time of nginx's clock between two ticks, since so much of ours: what a probe may have been late by, whatever ran beside it."""
        return max((pause for when, pause in self._pauses if when > begun), default=0.0)

    async def tick(self) -> float:
        """Nginx's time, when it is next asked."""
        assert self._tick
        return await self._tick

    async def caught_up(self, rounds: int = 3) -> None:
        """Return when the worker has dealt with all that was sent to it so far, and we with what it sent.

        The worker is one loop: what was in its sockets before our request is read before the answer to it. A round more for what it had to ask of
        others in between, such as a connection to the origin.
        """
        for _ in range(rounds):
            await self.now()

    def gave_up(self, exchange: Exchange) -> bool:
        """Whether its log says so."""
        return self.told(exchange.key, "client timed out")

    def forget_stores(self) -> None:
        """`proxy_store` keeps files below the prefix."""
        shutil.rmtree(self.folder / "html", ignore_errors=True)

    def stored(self, mark: str) -> bool:
        """Whether one of them holds it."""
        files = (path for path in (self.folder / "html").rglob("*") if path.is_file())
        return any(mark in path.read_text(errors="replace") for path in files)

    def told(self, key: str, words: str) -> bool:
        """Whether nginx's error log says ``words`` of an exchange."""
        with (self.folder / "error.log").open(errors="replace") as log:
            return any(key in line and words in line for line in log)

    async def has_logged(self, key: str) -> bool:
        """Whether an access log has the query of that exchange, when all is written."""
        await self.caught_up(1)
        return self.logged(key)

    def logged(self, key: str) -> bool:
        """Whether an access log has the query of that exchange by now."""
        mark = f"token=Q{key}"
        logs = [*(self.folder / "logs").glob("*.log"), self.folder.parent / "log" / "access.log"]
        return any(mark in log.read_text(errors="replace") for log in logs if log.exists())
