"""A running config and the hands on both of its ends: calls of clients, arrivals at the origin, and a way to know that nginx has caught up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proxycfg.lab.client import Call, Call1, Headers, dial
from tests.differential.asks import Ask
from tests.differential.origin import Arrival, Origin

LONGEST = 75.0
"""Seconds of nginx's clock for which a timer is waited for; one that has not fired by then is as long, or longer."""
PATIENCE = 8.0
"""Seconds for what must come; never used up unless something is broken."""
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

_keys = itertools.count(1)


def fresh() -> str:
    """A key that nothing else has; of one length, so that one is no part of another."""
    return f"k{next(_keys):07d}"


@dataclass
class Exchange:
    """A call and what it has caused at the origin: each arrival of its key."""

    key: str
    call: Call
    arrivals: list[Arrival]

    async def arrival(self, within: float = PATIENCE) -> Arrival | None:
        """The first arrival; None if the call was over without one."""
        await self.call.until(lambda: self.arrivals or self.call.answer.complete, within)
        return self.arrivals[0] if self.arrivals else None


class Bench:
    """One proxy with one config."""

    longest = LONGEST
    """Seconds of the proxy's clock for which a timer is waited for."""
    awaits_retries = True
    """Whether a timer may run out, while a probe waits for it, that sends a request to another server."""

    def __init__(self, origin: Origin, folder: Path, ports: dict[int, int], control: int) -> None:
        """``ports`` are the config's, as people wrote them, and those they became."""
        self.origin = origin
        self.folder = folder
        self.ports = ports
        self.control = control
        self._control: Call1 | None = None
        self._lock = asyncio.Lock()
        self._ticker: asyncio.Task[None] | None = None
        self._tick: asyncio.Future[float] | None = None
        self.calls: list[Call] = []
        self._keys: list[str] = []
        self.two_only: frozenset[tuple[str, int]] = frozenset()
        """Addresses and ports on which clients have to speak HTTP/2."""
        self.worst = 0.0
        """The longest time of nginx's clock between two ticks: what a probe may have been late by."""

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
        for key in self._keys:
            del self.origin.handlers[key]
        for call in self.calls:
            call.transport.abort()

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
            self.worst = max(self.worst, now - last)
            last = now
            tick, self._tick = self._tick, asyncio.get_running_loop().create_future()
            if tick:
                tick.set_result(now)

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

    async def until(self, done: Callable[[], object], longest: float) -> bool:
        """Wait until something holds, for so many seconds of nginx's clock; whether it did."""
        since = await self.now()
        while not done():
            if await self.tick() > since + longest:
                # nginx looks at its timers when it has answered what came.
                await self.tick()
                return bool(done())
        return True

    async def ask(
        self,
        ask: Ask,
        handler: Callable[[Arrival], None] | None = None,
        *,
        transport: str = "",
        headers: Headers = (),  # type: ignore[assignment]
        method: str = "",
        query: str = "",
        body: bytes | None = None,
        chunked: bool = False,
        source: str = "127.0.0.1",
        narrow: bool = False,
    ) -> Exchange:
        """Send a request; its arrivals go to ``handler``, one that does nothing if there is none.

        :raises OSError: if the transport is not to be had.
        """
        key = fresh()
        arrivals: list[Arrival] = []

        def arrived(arrival: Arrival) -> None:
            arrivals.append(arrival)
            call.changed.set()
            if handler:
                handler(arrival)

        self.origin.handlers[key] = arrived
        self._keys.append(key)
        two = (ask.address, ask.port) in self.two_only
        transport = (
            transport
            or {
                (False, False): "http/1.1",
                (False, True): "2+clear",
                (True, False): "http/1.1+tls",
                (True, True): "2",
            }[ask.secure, two]
        )
        call = await dial(ask.address, self.ports[ask.port], transport, host=ask.host, source=source, narrow=narrow)
        # One that is over holds a quarter of a megabyte of TLS buffers.
        self.calls = [call, *(other for other in self.calls if not other.transport.is_closing())]
        own = {name.lower() for name, _ in headers}
        # What the probe says counts: a header that is there twice is another one.
        asked = [(name, value) for name, value in ask.headers if name.lower() not in own]
        told = [("X-Probe", key), ("User-Agent", BROWSER), *asked, *headers]
        query = query or f"token=Q{key}&room=R{key}"
        target = f"{ask.path}{'&' if '?' in ask.path else '?'}{query}"
        call.send(method or ask.method, target, told, host=self.authority(ask), body=body, chunked=chunked)  # type: ignore[attr-defined]
        return Exchange(key, call, arrivals)

    def authority(self, ask: Ask) -> str:
        """What a client says as its host."""
        return ask.host

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
