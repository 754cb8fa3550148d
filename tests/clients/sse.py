"""Event streams: the parser of the WHATWG standard, a stream with times, and an EventSource that reconnects."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from .http import Call, Client, End

_PATIENCE = 100


@dataclass(frozen=True, slots=True)
class Event:
    """An event, and when its last byte came."""

    at: float
    data: str
    type: str = "message"
    id: str = ""
    """The last event id as it stood then."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment line: a heartbeat."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The server set the reconnection time."""

    at: float
    milliseconds: int


Item = Event | Comment | Retry


class Parser:
    """WHATWG HTML, section 9.2.6, fed piece by piece."""

    def __init__(self) -> None:
        """Start at the first byte of a stream."""
        self._buffer = b""
        self._begun = False
        self._data: list[str] = []
        self._type = ""
        self.last_id = ""

    def feed(self, data: bytes, at: float) -> Iterator[Item]:
        """Take bytes; yield what they complete."""
        self._buffer += data
        if not self._begun and len(self._buffer) >= 3:
            self._buffer = self._buffer.removeprefix(b"\xef\xbb\xbf")
            self._begun = True
        # A CR at the very end may be half of a CRLF: wait for what follows it.
        usable, tail = (self._buffer[:-1], b"\r") if self._buffer.endswith(b"\r") else (self._buffer, b"")
        *lines, rest = usable.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._buffer = rest + tail
        for line in lines:
            yield from self._line(line.decode("utf-8", "replace"), at)

    def _line(self, line: str, at: float) -> Iterator[Item]:
        if not line:
            if self._data:
                yield Event(at, "\n".join(self._data), self._type or "message", self.last_id)
            self._data, self._type = [], ""
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                yield Comment(at, value)
            case "data":
                self._data.append(value)
            case "event":
                self._type = value
            case "id" if "\0" not in value:
                self.last_id = value
            case "retry" if value.isascii() and value.isdigit():
                yield Retry(at, int(value))
            case _:
                pass


class Stream:
    """One event stream: iterate over its events, or take the next thing of any kind."""

    def __init__(self, call: Call) -> None:
        """Read from a call."""
        self.call = call
        self.parser = Parser()
        self._items: deque[Item] = deque()

    def next(self, timeout: float | None = None) -> Item | None:
        """Wait for the next event, comment or retry; None at the end."""
        while not self._items:
            piece = self.call.read(timeout)
            if piece is None:
                return None
            self._items.extend(self.parser.feed(piece.data, piece.at))
        return self._items.popleft()

    def next_event(self, timeout: float | None = None) -> Event | None:
        """Wait for the next event; None at the end."""
        while not isinstance(item := self.next(timeout), Event | None):
            pass
        return item

    def __iter__(self) -> Iterator[Event]:
        """Events, to the end."""
        while (event := self.next_event()) is not None:
            yield event

    @property
    def end(self) -> End:
        """How it ended."""
        return self.call.end

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.call.close()


def listen(client: Client, target: str, headers: Iterable[tuple[str, str]] = (), *, script: str = "") -> Stream:
    """Open an event stream over any transport; the headers may not have come yet when this returns."""
    return Stream(client.request(target, [("Accept", "text/event-stream"), *headers], script=script))


class EventSource:
    """What a browser does with an event stream: reconnect, with ``Last-Event-ID``, until it is told to stop.

    Iterate over it; the iteration ends when the server answers with another status or type (204 is how a server says
    so on purpose), or after ``close``. ``calls`` has every connection it made.
    """

    def __init__(
        self,
        client: Client,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        *,
        script: str = "",
        retry: float = 0.01,
    ) -> None:
        """Connect when iterated; ``retry`` is the reconnection time, which browsers set to some seconds."""
        self.client = client
        self.target = target
        self.headers = tuple(headers)
        self.script = script
        self.retry = retry
        self.last_id = ""
        self.calls: list[Call] = []
        self.failed = False
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[Event]:
        """Events of all connections in a row."""
        while not self._stopped.is_set():
            stream = self._connect()
            if stream is None:
                return
            with stream:
                stream.parser.last_id = self.last_id
                while (item := stream.next()) is not None:
                    match item:
                        case Retry(milliseconds=milliseconds):
                            self.retry = milliseconds / 1000
                        case Event():
                            self.last_id = item.id
                            yield item
                            if self._stopped.is_set():
                                return
                        case Comment():
                            pass
            self._stopped.wait(self.retry)

    def _connect(self) -> Stream | None:
        target = self.target
        for _ in range(5):
            headers = [("Accept", "text/event-stream"), ("Cache-Control", "no-store"), *self.headers]
            if self.last_id:
                headers.append(("Last-Event-ID", self.last_id))
            call = self._ask(target, headers)
            self.calls.append(call)
            call.head()
            if call.status in {301, 302, 307, 308}:
                location = call.header("location") or ""
                target = "/" + location.split("://")[-1].partition("/")[2] if "://" in location else location
                call.close()
                continue
            # A connection that broke before its headers is tried again; an answer that is no event stream is final.
            if call.status and (
                call.status != 200 or not (call.header("content-type") or "").startswith("text/event-stream")
            ):
                self.failed = True
                call.close()
                return None
            return Stream(call)
        self.failed = True
        return None

    def _ask(self, target: str, headers: list[tuple[str, str]]) -> Call:
        """Ask, and ask again where nobody listens: a proxy that restarts is what reconnecting is for."""
        for _ in range(_PATIENCE):
            try:
                return self.client.request(target, headers, script=self.script)
            except ConnectionError:
                self._stopped.wait(self.retry)
        return self.client.request(target, headers, script=self.script)

    def close(self) -> None:
        """Stop after the current event."""
        self._stopped.set()
