"""Keeping pace with a proxy that was told nothing about it: the kernel knows whether it has dealt with what it was sent.

Nothing is under way when (1) no thread of the proxy runs or could run, (2) what we have sent has arrived, and (3) what it has sent has been read
by us. (1) is told by the states of its threads, looked at twice: where none has run in between, none was woken by another one behind our back.
(2) and (3) are told by the queues of sockets. Then nothing happens any more until we send something, or a timer fires.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator

from proxycfg.lab.netlink import ESTABLISHED, LISTENING, Held, Sockets

TICK = 0.05
"""Seconds between two looks, where somebody waits for a timer of the proxy."""
LATE = 4.0
"""Seconds of the proxy's clock during which nobody looks, after which timers and lock-step count no more."""
_RESTS = 0.06
"""Seconds for which queues that do not become empty must not change: a window is full, or somebody does not read. Acknowledgements take 0.04."""
_BREATH = 0.0005
_ASLEEP = frozenset("SIZX")


class Threads:
    """The threads of the processes that are not the lab's own."""

    def __init__(self, own: Iterable[int]) -> None:
        """``own`` are the lab's processes."""
        self._own = frozenset(map(str, own))

    def asleep(self) -> tuple[str, ...] | None:
        """How much each has run so far; None if one of them runs, or is about to."""
        ran: list[str] = []
        for pid in os.listdir("/proc"):
            if not pid.isdigit() or pid in self._own:
                continue
            try:
                for thread in os.listdir(f"/proc/{pid}/task"):
                    at = f"/proc/{pid}/task/{thread}"
                    if _read(f"{at}/stat").rpartition(") ")[2][:1] not in _ASLEEP:
                        return None
                    ran.append(_read(f"{at}/schedstat"))
            except (FileNotFoundError, ProcessLookupError):
                # One that has ended while we looked: something runs.
                return None
        return tuple(ran)

    def alive(self) -> bool:
        """Whether there is any."""
        return any(pid.isdigit() and pid not in self._own for pid in os.listdir("/proc"))


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


class Quiet:
    """The pace of a proxy: see ``docs/decisions/0013-check.md``."""

    def __init__(self, threads: Threads, namespaces: Iterable[Sockets], *, lapse: float = 1.0) -> None:
        """``namespaces`` hold the proxy's sockets and ours.

        :param lapse: how much faster than ours the proxy's clock runs.
        """
        self._threads = threads
        self._namespaces = tuple(namespaces)
        self._lapse = lapse
        self._began = time.monotonic()
        self.late_at = 0.0
        """When it was last seen that this machine is too busy to keep pace; by :func:`time.monotonic`."""
        self._waiting: list[asyncio.Future[None]] = []
        self._watch: asyncio.Task[None] | None = None
        self.silent: Callable[[], set[int]] = set
        """Gives the ports of connections on which bytes stand still on purpose."""

    def now(self) -> float:
        """Seconds of the proxy's clock since the beginning."""
        return (time.monotonic() - self._began) * self._lapse

    async def caught_up(self) -> None:
        """Return when nothing is under way.

        :raises ConnectionError: if the proxy is not there any more.
        """
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(settled)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watching())
        await settled

    async def _watching(self) -> None:
        """One looks for all who wait; who comes while it looks waits for the next look."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            alive = await self._settled()
            for each in waiting:
                if each.done():
                    continue
                if alive:
                    each.set_result(None)
                else:
                    each.set_exception(ConnectionError("the proxy has ended"))

    async def _settled(self) -> bool:
        """Look until nothing is under way; whether the proxy is there."""
        with self._timed(0.0):
            return await self._rest()

    @contextlib.contextmanager
    def _timed(self, usual: float) -> Iterator[None]:
        """What takes much longer than usual is late, and what is measured meanwhile is not worth much."""
        began = time.monotonic()
        yield
        if (time.monotonic() - began - usual) * self._lapse > LATE:
            self.late_at = time.monotonic()

    async def _rest(self) -> bool:
        same_since, before = 0.0, None
        while True:
            # Whatever has come is dealt with first: read in one round, handed on in the next.
            for _ in range(3):
                await asyncio.sleep(0)
            ran = self._threads.asleep()
            queues = self._queues()
            if ran is not None and ran == self._threads.asleep():
                if not queues:
                    return bool(ran) or self._threads.alive()
                if (ran, queues) != before:
                    same_since, before = time.monotonic(), (ran, queues)
                elif time.monotonic() - same_since > _RESTS:
                    return True
            await asyncio.sleep(_BREATH)

    async def tick(self) -> float:
        """The proxy's time a moment later, when nothing is under way."""
        with self._timed(TICK):
            await asyncio.sleep(TICK)
        now = self.now()
        await self.caught_up()
        return now

    async def until(self, done: Callable[[], object], longest: float) -> bool:
        """Wait until something holds, for so many seconds of the proxy's clock; whether it did."""
        end = self.now() + longest
        while not done():
            if await self.tick() > end:
                return bool(done())
        return True

    def has_left(self, port: int, own: int) -> bool:
        """Whether the proxy, at its ``port``, has let go of the connection from our port ``own``."""
        return not any(
            held.port == port and held.peer == own and held.state == ESTABLISHED
            for sockets in self._namespaces
            for held in sockets.every()
        )

    def _queues(self) -> tuple[Held, ...]:
        """The sockets with something under way: bytes on their way, or unread ones, or connections that nobody has taken."""
        silent = self.silent()
        return tuple(
            held
            for sockets in self._namespaces
            for held in sockets.every()
            if ((held.unsettled and held.state != LISTENING) or held.unread)
            and held.port not in silent
            and held.peer not in silent
        )
