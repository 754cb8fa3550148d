"""What the origin saw and did: one record per exchange, kept in a ring.

The event loop writes, any thread reads. Writers only append to lists and set attributes, readers copy: both are single
steps under the interpreter's lock, so the hot path takes no lock of its own unless somebody is waiting.
"""

import asyncio
import threading
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any, Literal

from proxycfg.origin.script import Script

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the request body, or a message of the client, when it arrived."""

    at: float
    size: int


@dataclass(frozen=True, slots=True)
class Sent:
    """One thing the origin handed to its socket.

    ``what`` is headers, info, event, comment, retry, bytes, echo, ping, pong, close, trailers or end; ``n`` is the number
    of an event, the status of an info, the code of a close.
    """

    at: float
    what: str
    n: int
    size: int


@dataclass(frozen=True, slots=True)
class Left:
    """How the client went away before the exchange was over; ``code`` is that of RST_STREAM, GOAWAY or the close frame."""

    at: float
    kind: Literal["FIN", "RST", "RST_STREAM", "GOAWAY", "CLOSE"]
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A snapshot of one request and its answer; all times are ``time.monotonic()`` of the origin's machine."""

    id: int
    key: str
    """What the script calls it; empty without a name."""
    arrival: int
    """The how-manieth exchange with this key (with this method and target, where there is no key)."""
    connection: int
    """Which connection it came on: two exchanges with the same number shared it."""
    stream: int
    """The HTTP/2 stream, 0 on HTTP/1."""
    tls: bool
    peer: str
    arrived: float
    method: str
    target: str
    version: Literal["1.0", "1.1", "2"]
    headers: Headers
    """As received: order, case and repetitions kept; on HTTP/2 with the pseudo-headers."""
    script: str
    status: int | None
    """The status sent, None before the headers."""
    body: bytes
    """The request body up to the cap; ``body_size`` counts all of it. On ws, grpc and connect: the messages joined."""
    body_size: int
    body_complete: bool
    trailers: Headers
    pieces: int
    """How many pieces arrived; ``received`` lists the first of them."""
    received: tuple[Piece, ...]
    pongs: int
    """How many WebSocket pongs came."""
    writes: int
    sent: tuple[Sent, ...]
    """The first things sent; ``writes`` and ``sent_size`` count all."""
    sent_size: int
    gate: str
    """The gate it stands at now."""
    refused: str
    """Why the origin did not play the script: a malformed request, a bad handshake, a script that does not parse."""
    completed: bool
    """The answer was handed over to its end, as the script wants it."""
    dropped: bool
    """The script hung up on the client."""
    aborted: Left | None
    """The client left before the end."""
    close_code: int | None
    """The code of the client's WebSocket close frame."""
    ended_at: float | None

    @property
    def aborted_at(self) -> float | None:
        """When the client left before the end."""
        return self.aborted.at if self.aborted else None

    @property
    def ended(self) -> bool:
        """Whether it is over, one way or another."""
        return self.ended_at is not None

    def header(self, name: str) -> str | None:
        """The values of a request header joined by commas, None if it did not come."""
        return header(self.headers, name)

    def events(self) -> tuple[Sent, ...]:
        """The events among what was sent."""
        return tuple(sent for sent in self.sent if sent.what == "event")

    def as_json(self) -> dict[str, Any]:
        """The same for ``/__origin__/exchanges``; the body in base64, as it may hold anything."""
        return {**asdict(self), "body": b64encode(self.body).decode(), "ended": self.ended}


def header(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """Look a header up as HTTP does: case does not count, repetitions are joined."""
    wanted = name.lower()
    values = [value for key, value in headers if key.lower() == wanted]
    return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is remembered, so that an origin can run for weeks."""

    exchanges: int = 1000
    """The ring: older exchanges are forgotten."""
    body: int = 65_536
    """Bytes of a request body that are kept."""
    marks: int = 500
    """Entries of ``received`` and of ``sent`` that are kept for one exchange."""


class Live:
    """The growing record of a running exchange; ``snapshot`` is what others see of it."""

    __slots__ = (
        "_body", "_limits", "_received", "_sent", "_tell", "aborted", "arrival", "arrived", "body_complete",
        "body_size", "changes", "close_code", "completed", "connection", "dropped", "ended_at", "gate", "headers", "id", "key",
        "method", "peer", "pieces", "pongs", "refused", "script", "sent_size", "status", "stream", "target", "tls", "trailers",
        "version", "writes",
    )  # fmt: skip

    def __init__(self, number: int, arrived: float, limits: Limits, notify: Callable[[], None]) -> None:
        """Begin with nothing known but the time."""
        self._limits = limits
        self._tell = notify
        self.changes = 0
        self._body = bytearray()
        self._received: list[Piece] = []
        self._sent: list[Sent] = []
        self.id = number
        self.key = ""
        self.arrival = 1
        self.connection = 0
        self.stream = 0
        self.tls = False
        self.peer = ""
        self.arrived = arrived
        self.method = ""
        self.target = ""
        self.version: Literal["1.0", "1.1", "2"] = "1.1"
        self.headers: Headers = ()
        self.script = ""
        self.status: int | None = None
        self.body_size = 0
        self.body_complete = False
        self.trailers: Headers = ()
        self.pieces = 0
        self.pongs = 0
        self.writes = 0
        self.sent_size = 0
        self.gate = ""
        self.refused = ""
        self.completed = False
        self.dropped = False
        self.aborted: Left | None = None
        self.close_code: int | None = None
        self.ended_at: float | None = None

    def _notify(self) -> None:
        self.changes += 1
        self._tell()

    def receive(self, data: bytes) -> None:
        """A piece of the request body has come."""
        self.pieces += 1
        self.body_size += len(data)
        if len(self._received) < self._limits.marks:
            self._received.append(Piece(time.monotonic(), len(data)))
        room = self._limits.body - len(self._body)
        if room > 0:
            self._body += data[:room]
        self._notify()

    def receive_pong(self) -> None:
        """A WebSocket ping was answered."""
        self.pongs += 1
        self._notify()

    def receive_end(self, trailers: Headers = ()) -> None:
        """The request body is complete."""
        self.body_complete = True
        self.trailers = trailers
        self._notify()

    def send(self, what: str, n: int, size: int) -> None:
        """Something goes out, now."""
        self.writes += 1
        self.sent_size += size
        if len(self._sent) < self._limits.marks:
            self._sent.append(Sent(time.monotonic(), what, n, size))
        self._notify()

    def stand_at(self, gate: str) -> None:
        """The script waits at a gate, or (with an empty name) passed it."""
        self.gate = gate
        self._notify()

    def refuse(self, why: str) -> None:
        """The request cannot be played."""
        self.refused = why
        self._notify()

    def complete(self) -> None:
        """The answer is over as planned."""
        if self.ended_at is None:
            self.completed = True
            self._end()

    def drop(self) -> None:
        """The script hangs up."""
        if self.ended_at is None:
            self.dropped = True
            self._end()

    def leave(self, kind: Literal["FIN", "RST", "RST_STREAM", "GOAWAY", "CLOSE"], code: int | None = None) -> None:
        """The client has gone; the first sign counts, and none after the end."""
        if self.ended_at is None:
            self.aborted = Left(time.monotonic(), kind, code)
            self._end()

    def _end(self) -> None:
        self.gate = ""
        self.ended_at = time.monotonic()
        self._notify()

    def snapshot(self) -> Exchange:
        """Copy the record as it is now."""
        return Exchange(
            id=self.id,
            key=self.key,
            arrival=self.arrival,
            connection=self.connection,
            stream=self.stream,
            tls=self.tls,
            peer=self.peer,
            arrived=self.arrived,
            method=self.method,
            target=self.target,
            version=self.version,
            headers=self.headers,
            script=self.script,
            status=self.status,
            body=bytes(self._body),
            body_size=self.body_size,
            body_complete=self.body_complete,
            trailers=self.trailers,
            pieces=self.pieces,
            pongs=self.pongs,
            received=tuple(self._received),
            writes=self.writes,
            sent=tuple(self._sent),
            sent_size=self.sent_size,
            gate=self.gate,
            refused=self.refused,
            completed=self.completed,
            dropped=self.dropped,
            aborted=self.aborted,
            close_code=self.close_code,
            ended_at=self.ended_at,
        )


class Log:
    """The ring of exchanges, and the place to wait for one to become what a test expects."""

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        self.limits = limits
        self._ring: deque[Live] = deque(maxlen=limits.exchanges)
        self._numbers = count(1)
        self._arrivals: dict[str, int] = {}
        self._changed = threading.Condition()
        self._waiters = 0
        self._watchers: set[asyncio.Event] = set()

    def begin(self) -> Live:
        """Open the record of a request that just arrived."""
        live = Live(next(self._numbers), time.monotonic(), self.limits, self._notify)
        self._ring.append(live)
        return live

    def identify(self, live: Live, script: Script | None) -> None:
        """Give it its key and count its arrival, once the request is known."""
        live.script = script.text if script else ""
        live.key = script.key if script else ""
        counted = live.key or f"{live.method} {live.target}"
        arrivals = self._arrivals  # ``clear`` puts another in its place, from whatever thread.
        live.arrival = arrivals.pop(counted, 0) + 1
        arrivals[counted] = live.arrival
        while len(arrivals) > 5 * self.limits.exchanges:
            del arrivals[next(iter(arrivals))]
        live.changes += 1
        self._notify()

    def _notify(self) -> None:
        # Without a lock on purpose: a waiter registers before it looks, so it cannot miss what is written before this.
        if self._waiters:
            with self._changed:
                self._changed.notify_all()
        for watcher in self._watchers:
            watcher.set()

    def exchanges(self, key: str | int | None = None) -> list[Exchange]:
        """Snapshots of all exchanges, or those with this key or number, oldest first."""
        return [live.snapshot() for live in self._lives(key)]

    def _lives(self, key: str | int | None) -> list[Live]:
        while True:
            try:
                ring = list(self._ring)
            except RuntimeError:  # The loop's thread appended meanwhile; a copy takes microseconds, so try again.
                continue
            return [live for live in ring if key is None or key in {live.key, live.id}]

    def _find(
        self, wanted: Callable[[Exchange], object], key: str | int | None, looked: dict[int, int]
    ) -> Exchange | None:
        """Look at what has changed since ``looked``; a stream that runs fast must not make waiting slow."""
        for live in self._lives(key):
            if looked.get(live.id) != live.changes:
                looked[live.id] = live.changes
                if wanted(exchange := live.snapshot()):
                    return exchange
        return None

    def clear(self) -> None:
        """Forget everything; running exchanges go on unseen."""
        self._ring.clear()
        self._arrivals = {}

    def wait(self, wanted: Callable[[Exchange], object], key: str | int | None, timeout: float) -> Exchange:
        """Block this thread until an exchange is as wanted and return it; ``TimeoutError`` tells what was seen."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._waiters += 1
            try:
                looked: dict[int, int] = {}
                while (found := self._find(wanted, key, looked)) is None:
                    if not self._changed.wait(deadline - time.monotonic()):
                        raise TimeoutError(_told(self.exchanges(key), key, timeout))
                return found
            finally:
                self._waiters -= 1

    async def watch(self, wanted: Callable[[Exchange], object], key: str | None) -> Exchange:
        """Do the same without a thread, in the event loop that writes the records."""
        news = asyncio.Event()
        self._watchers.add(news)
        try:
            looked: dict[int, int] = {}
            while (found := self._find(wanted, key, looked)) is None:
                news.clear()
                await news.wait()
            return found
        finally:
            self._watchers.discard(news)


def _told(seen: list[Exchange], key: str | int | None, timeout: float) -> str:
    what = "exchange" if key is None else f"exchange with key {key!r}"
    rows = [
        f"  #{one.id} {one.method} {one.target} script={one.script!r} status={one.status} body={one.body_size} "
        f"sent={one.writes} gate={one.gate!r} completed={one.completed} dropped={one.dropped} aborted={one.aborted} "
        f"refused={one.refused!r}"
        for one in seen[-5:]
    ]
    return "\n".join([f"no {what} became as wanted within {timeout:g} s; seen: {len(seen)}", *rows])
