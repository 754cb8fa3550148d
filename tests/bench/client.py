"""The clients, in a process of their own: open streams, and compare each event's time stamp with the moment it arrived.

``python -m tests.bench.client``, a :class:`Job` as JSON on its input, what was seen as JSON on its output. The origin writes
``time.monotonic()`` into its events, which is one clock for all processes of a machine. One thread reads all sockets, without an
event loop's machinery and without an HTTP library, because at 10,000 events a second these would be what is measured.
"""

from __future__ import annotations

import gc
import json
import selectors
import socket
import sys
import time
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

HOST = "chat.example.com"
STAMP = 17
"""The length of a time stamp in an event."""


class BadAnswer(Exception):
    """What came is no event stream of ours; the text says what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to do. ``ca`` asks for HTTP/2 over TLS, for which one stream at a time is read."""

    port: int
    script: str
    events: int
    """How many each stream will bring."""
    streams: int = 1
    spread: float = 0.0
    """Seconds over which the streams are opened, evenly."""
    repeat: int = 1
    """How many times, one after the other."""
    deadline: float = 30.0
    """Seconds after which it ends, whatever is missing."""
    ca: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of it. All times are seconds."""

    first: float
    """Median over the streams, from before the connection to the first event."""
    lag: float
    """Median over the events, from the origin's time stamp to the client's."""
    lag_p99: float
    lag_max: float
    lag_first_second: float
    """Median over the events of the first second in which all streams ran …"""
    lag_last_second: float
    """… and of the last one."""
    rate: float
    """Events a second while all streams ran."""
    lost: int
    disordered: int
    """How many events did not have the number after the one before them."""


class Stream:
    """One event stream over HTTP/1.1, cut into events as far as our own origin's need it."""

    __slots__ = (
        "_body",
        "_events",
        "_head",
        "_rest",
        "begun",
        "disordered",
        "ended",
        "first",
        "lags",
        "number",
        "sent",
        "sock",
    )

    def __init__(self, sock: socket.socket, begun: float) -> None:
        """``begun``: when the connection was asked for."""
        self.sock = sock
        self.begun = begun
        self.first = 0.0
        self.number = 0
        self.disordered = 0
        self.sent = array("d")
        self.lags = array("d")
        self.ended = False
        self._head = True
        self._rest = b""
        self._events = b""

    def feed(self, data: bytes, now: float) -> None:
        """Take bytes that came at ``now``."""
        data = self._rest + data if self._rest else data
        if self._head:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            head = data[:end].lower()
            if not head.startswith(b"http/1.1 200") or b"transfer-encoding: chunked" not in head:
                raise BadAnswer(data[:300].decode("latin-1"))
            self._head = False
            data = data[end + 4 :]
        at = 0
        while (end := data.find(b"\r\n", at)) >= 0:
            size = int(data[at:end], 16)
            stop = end + 2 + size
            if len(data) < stop + 2:
                break
            self.take(data[end + 2 : stop], now)
            self.ended = self.ended or not size
            at = stop + 2
        self._rest = data[at:]

    def take(self, body: bytes, now: float) -> None:
        """Take a piece of the body."""
        *events, self._events = (self._events + body).split(b"\n\n")
        for event in events:
            if event.startswith(b":"):
                continue  # A hop's heartbeat.
            # `id: 12\ndata: 0000012345.678901....`
            number, _, data = event[4:].partition(b"\n")
            sent = float(data[6 : 6 + STAMP])
            if int(number) != self.number + 1:
                self.disordered += 1
            self.number = int(number)
            self.sent.append(sent)
            self.lags.append(now - sent)
            if not self.first:
                self.first = now - self.begun


def read_all(job: Job) -> list[Stream]:
    """Open the streams and read them side by side until each has brought its events."""
    head = ("GET /events HTTP/1.1", f"Host: {HOST}", "Accept: text/event-stream", f"x-origin-script: {job.script}")
    request = "".join(f"{line}\r\n" for line in (*head, "")).encode()
    streams: list[Stream] = []
    begun = time.monotonic()
    due = [begun + job.spread * number / job.streams for number in range(job.streams)]
    with selectors.DefaultSelector() as selector:
        running = job.streams
        while running:
            now = time.monotonic()
            if now > begun + job.deadline:
                break
            while len(streams) < job.streams and due[len(streams)] <= now:
                stream = _open(job.port, request)
                selector.register(stream.sock, selectors.EVENT_READ, stream)
                streams.append(stream)
            wait = due[len(streams)] - time.monotonic() if len(streams) < job.streams else 1.0
            for key, _ in selector.select(max(0.0, wait)):
                stream = key.data
                data = _receive(stream.sock)
                stream.feed(data, time.monotonic())
                if not data or stream.ended or len(stream.lags) >= job.events:
                    selector.unregister(stream.sock)
                    stream.sock.close()
                    running -= 1
    for stream in streams:
        stream.sock.close()
    return streams


def _open(port: int, request: bytes) -> Stream:
    begun = time.monotonic()
    sock = socket.create_connection(("127.0.0.1", port), timeout=5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(request)
    # With a timeout, Python would ask the kernel a second time whether there is something to read.
    sock.setblocking(False)
    return Stream(sock, begun)


def _receive(sock: socket.socket) -> bytes:
    """What is there; nothing after the end, of whatever kind: the events that are missing then tell."""
    try:
        return sock.recv(65536)
    except ConnectionError:
        return b""


def read_secure(job: Job) -> list[Stream]:
    """The same for one stream over TLS and HTTP/2, with the client of the tests."""
    from tests.clients.http import Client  # noqa: PLC0415 - h2 is only needed here

    client = Client(("127.0.0.1", job.port), "2", ca=Path(job.ca), host=HOST, timeout=job.deadline)
    _ = client.context  # Reading the CA's file is no part of connecting.
    begun = time.monotonic()
    connection = client.connect()
    stream = Stream(connection.sock, begun)
    with connection.request("/events", [("Accept", "text/event-stream")], script=job.script) as call:
        for piece in call.pieces():
            stream.take(piece.data, piece.at)
            if len(stream.lags) >= job.events:
                break
    return [stream]


def seen(streams: list[Stream], job: Job) -> Seen:
    """Sum up."""
    if not all(stream.lags for stream in streams):
        silent = sum(not stream.lags for stream in streams)
        raise BadAnswer(f"{silent} of {len(streams)} streams brought no event within {job.deadline:g} s")
    events = sorted((sent, lag) for stream in streams for sent, lag in zip(stream.sent, stream.lags, strict=True))
    # Streams that were read one after the other did not run together: then all events count.
    alone = job.repeat > 1
    begin = events[0][0] if alone else max(stream.sent[0] for stream in streams)
    end = events[-1][0] if alone else min(stream.sent[-1] for stream in streams)
    together = [(sent, lag) for sent, lag in events if begin <= sent <= end]
    lags = sorted(lag for _, lag in events)
    wanted = job.streams * job.repeat * job.events
    return Seen(
        first=median(stream.first for stream in streams),
        lag=median(lags),
        lag_p99=lags[int(0.99 * (len(lags) - 1))],
        lag_max=lags[-1],
        lag_first_second=median(lag for sent, lag in together if sent <= begin + 1),
        lag_last_second=median(lag for sent, lag in together if sent >= end - 1),
        rate=len(together) / (end - begin) if end > begin else 0.0,
        lost=wanted - len(lags),
        disordered=sum(stream.disordered for stream in streams),
    )


def main() -> int:
    """Do the job."""
    job = Job(**json.load(sys.stdin))
    gc.disable()
    read = read_secure if job.ca else read_all
    streams = [stream for _ in range(job.repeat) for stream in read(job)]
    json.dump(asdict(seen(streams, job)), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
