"""A running proxy and the hands on both of its ends: calls of clients, arrivals at the origin, and a way to know that the proxy has caught up."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from proxycfg.lab.client import Call, Headers, dial
from proxycfg.lab.origin import Arrival, Origin
from proxycfg.lab.tape import Heard, current

LONGEST = 75.0
"""Seconds of the proxy's clock for which a timer is waited for; one that has not fired by then is as long, or longer."""
PATIENCE = 8.0
"""Seconds for what must come; never used up unless something is broken."""
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

_keys = itertools.count(1)


def fresh() -> str:
    """A key that nothing else has; of one length, so that one is no part of another."""
    return f"k{next(_keys):07d}"


@dataclass(frozen=True)
class Ask:
    """One request of a client: to which address and port, whether over TLS, and what it says."""

    port: int
    secure: bool
    host: str
    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    address: str = "127.0.0.1"


@dataclass
class Exchange:
    """A call and what it has caused at the origin: each arrival of its key."""

    key: str
    call: Call
    arrivals: list[Arrival]
    number: int = 0
    """On the tape that was running when it began."""

    async def arrival(self, within: float = PATIENCE) -> Arrival | None:
        """The first arrival; None if the call was over without one."""
        await self.call.until(lambda: self.arrivals or self.call.answer.complete, within)
        return self.arrivals[0] if self.arrivals else None


class Bench(ABC):
    """One proxy with one config. What keeps pace with the proxy differs: see ``docs/decisions/0013-check.md``."""

    longest = LONGEST
    """Seconds of the proxy's clock for which a timer is waited for."""
    awaits_retries = True
    """Whether a timer may run out, while a probe waits for it, that sends a request to another server."""

    def __init__(self, origin: Origin) -> None:
        """Nothing has been asked yet."""
        self.origin = origin
        self.calls: list[Call] = []
        self._keys: list[str] = []
        self.two_only: frozenset[tuple[str, int]] = frozenset()
        """Addresses and ports on which clients have to speak HTTP/2."""
        self.spoken: dict[tuple[int, str, str], frozenset[str]] = {}
        """By port, host and address, the transports that were found to be served."""

    # ---- pace ----

    @abstractmethod
    async def now(self) -> float:
        """The proxy's time in seconds. All that was sent to it before has been read, and all that it had sent before has come."""

    @abstractmethod
    async def tick(self) -> float:
        """The proxy's time, when it is next asked."""

    @abstractmethod
    async def caught_up(self, rounds: int = 3) -> None:
        """Return when the proxy has dealt with all that was sent to it so far, and we with what it sent.

        :param rounds: how often it may have to ask others in between, such as for a connection to the origin.
        """

    async def until(self, done: Callable[[], object], longest: float) -> bool:
        """Wait until something holds, for so many seconds of the proxy's clock; whether it did."""
        since = await self.now()
        while not done():
            if await self.tick() > since + longest:
                # Timers are looked at when it has answered what came.
                await self.tick()
                return bool(done())
        return True

    # ---- what else can be seen of it ----

    def told(self, key: str, words: str) -> bool:  # noqa: ARG002 - for who has one
        """Whether the error log says ``words`` of an exchange; False where no log is at hand."""
        return False

    @abstractmethod
    def gave_up(self, exchange: Exchange) -> bool:
        """Whether the proxy has let go of a client that does not read, which the client cannot see."""

    @abstractmethod
    def forget_stores(self) -> None:
        """Remove the answers that the proxy has stored as plain files."""

    @abstractmethod
    def stored(self, mark: str) -> bool:
        """Whether one of those holds a word."""

    @abstractmethod
    async def has_logged(self, key: str) -> bool:
        """Whether an access log has the query of that exchange, when all is written."""

    # ---- requests ----

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
        tape = current()
        number = tape.next() if tape else 0

        def arrived(arrival: Arrival) -> None:
            arrivals.append(arrival)
            if tape and tape.watch:
                tape.note(number, "origin-got", version=arrival.version, method=arrival.method, address=arrival.address)
                arrival.told = partial(tape.note, number)
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
        call = await dial(ask.address, self.port_of(ask), transport, host=ask.host, source=source, narrow=narrow)
        # One that is over holds a quarter of a megabyte of TLS buffers.
        self.calls = [call, *(other for other in self.calls if not other.transport.is_closing())]
        own = {name.lower() for name, _ in headers}
        # What the probe says counts: a header that is there twice is another one.
        asked = [(name, value) for name, value in ask.headers if name.lower() not in own]
        told = [("X-Probe", key), ("User-Agent", BROWSER), *asked, *headers]
        query = query or f"token=Q{key}&room=R{key}"
        target = f"{ask.path}{'&' if '?' in ask.path else '?'}{query}"
        if tape and tape.watch:
            call.heard = Heard(tape, number, call)
            tape.note(number, "sent", transport=transport, method=method or ask.method)
        call.send(method or ask.method, target, told, host=self.authority(ask), body=body, chunked=chunked)  # type: ignore[attr-defined]
        return Exchange(key, call, arrivals, number)

    def authority(self, ask: Ask) -> str:
        """What a client says as its host."""
        return ask.host

    def port_of(self, ask: Ask) -> int:
        """The port that a request goes to."""
        return ask.port

    def close(self) -> None:
        """Forget what was asked."""
        for key in self._keys:
            del self.origin.handlers[key]
        self._keys.clear()
        for call in self.calls:
            call.transport.abort()
