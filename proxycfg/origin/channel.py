"""The seam between scripts and wires: what a player may do with one exchange, whatever HTTP carries it."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from proxycfg.origin.frames import BadFrame, Deframer
from proxycfg.origin.record import Headers, Live, header
from proxycfg.origin.steps import Split

# Bytes of request body that wait for a script which reads slowly; beyond it the client is held back.
INBOX_LIMIT = 262_144

_PHRASES: dict[int, str] = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    method: str
    target: str
    version: Literal["1.0", "1.1", "2"]
    headers: Headers

    def header(self, name: str) -> str | None:
        """A header's value, None if it did not come."""
        return header(self.headers, name)

    def tokens(self, name: str) -> frozenset[str]:
        """The comma-separated words of a header, in lower case."""
        return frozenset(word.strip().lower() for word in (self.header(name) or "").split(",")) - {""}

    @cached_property
    def path(self) -> str:
        """The target without its query."""
        return self._split[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's parameters, the first of each name."""
        pairs = parse_qsl(self._split[1], keep_blank_values=True, errors="replace")
        return dict(reversed(pairs))

    @cached_property
    def _split(self) -> tuple[str, str]:
        try:
            parts = urlsplit(self.target)
        except ValueError:  # An absolute target with a malformed host is still a request to be recorded.
            return self.target, ""
        return parts.path, parts.query

    @cached_property
    def content_type(self) -> str:
        """The media type alone, in lower case."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def last_event_id(self) -> str | None:
        """Where a reconnecting EventSource wants to go on."""
        return self.header("last-event-id")


@dataclass(frozen=True, slots=True)
class Body:
    """How the answer's body is delimited on HTTP/1, and when the headers go out."""

    framing: Literal["chunked", "close", "length", "none"] = "chunked"
    """``none``: bytes as they are, for what follows a 101."""
    length: int = -1
    hold: bool = False
    keep: bool = True


class Inbox:
    """The pieces of the request body on their way to a script.

    A script that never reads gets none: they were recorded on arrival, keeping them would only fill memory.
    """

    def __init__(self, *, keep: bool, hold: Callable[[], None], go_on: Callable[[int], None]) -> None:
        """``hold`` asks the wire to stop reading, ``go_on`` to read on, told how many bytes were used up."""
        self._keep = keep
        self._hold = hold
        self._go_on = go_on
        self._pieces: deque[tuple[bytes, int]] = deque()
        self._size = 0
        self._error: BadFrame | None = None
        self._news = asyncio.Event()
        self.ended = False

    def put(self, data: bytes, credit: int) -> None:
        """A piece arrived; ``credit`` is what it took on the wire."""
        if not self._keep:
            self._go_on(credit)
            return
        self._pieces.append((data, credit))
        self._size += credit
        if self._size > INBOX_LIMIT:
            self._hold()
        self._news.set()

    def end(self, error: BadFrame | None = None) -> None:
        """No more will come, or nothing that can be read."""
        self.ended = True
        self._error = self._error or error
        self._news.set()

    def discard(self) -> None:
        """Nobody will read the rest."""
        self._keep = False
        self._pieces.clear()
        if self._size:
            self._go_on(self._size)
        self._size = 0

    async def get(self) -> bytes | None:
        """The next piece, None at the end; raises ``BadFrame`` where the client's framing broke."""
        while not self._pieces:
            if self._error:
                raise self._error
            if self.ended:
                return None
            self._news.clear()
            await self._news.wait()
        data, credit = self._pieces.popleft()
        self._size -= credit
        self._go_on(credit)
        return data


class Channel(ABC):
    """One exchange on its wire."""

    def __init__(self, request: Request, live: Live, *, keep: bool) -> None:
        """Take the request and the record that grows with the exchange; ``keep`` the body if a script reads it."""
        self.request = request
        self.live = live
        self.inbox = Inbox(keep=keep, hold=self._hold, go_on=self._go_on)
        self._deframer = deframer(request)
        self._corked: list[bytes] | None = None

    # What the wire calls.

    def feed(self, data: bytes) -> None:
        """Bytes of the request body came: record them, as messages where the type says they are messages."""
        if self._deframer is None:
            self.live.receive(data)
            self.inbox.put(data, len(data))
            return
        credit = len(data)
        try:
            for message in self._deframer.feed(data):
                self.live.receive(message)
                self.inbox.put(message, credit)
                credit = 0
        except BadFrame as error:
            self._deframer = None  # From here on it is just bytes, for the record.
            self.inbox.end(error)
        # A message larger than the window could never arrive if its parts were not acknowledged.
        self._go_on(credit)

    def feed_end(self, trailers: Headers = ()) -> None:
        """The request body is complete."""
        self.live.receive_end(trailers)
        torn = self._deframer is not None and self._deframer.torn
        self.inbox.end(BadFrame(13, "the request ends within a message") if torn else None)

    # What the player calls.

    @abstractmethod
    async def info(self, status: int, headers: Headers) -> None:
        """Send an interim response."""

    @abstractmethod
    async def head(self, status: int, headers: Headers, body: Body) -> None:
        """Send the response headers."""

    @abstractmethod
    async def whole(self, status: int, headers: Headers, body: bytes, *, keep: bool = True) -> None:
        """Send headers and body in one write, and with it the end."""

    @abstractmethod
    async def data(self, data: bytes, what: str, n: int = 0, split: Split = "no", pause: float = 0.0) -> None:
        """Send body bytes in one write (two if split), when there is room for them."""

    @abstractmethod
    async def end(self, trailers: Headers = ()) -> None:
        """End the answer as the protocol wants it.

        The record is complete before the last bytes go out, and so before a client can have seen the end.
        """

    @abstractmethod
    async def trailers_only(self, headers: Headers) -> None:
        """Answer with a single block of headers, the form of a gRPC call that failed at once."""

    async def upgrade(self, headers: Headers) -> Callable[[bytes], None]:
        """Answer 101, then write bytes as they are; return what writes at once, whether there is room or not."""
        raise NotImplementedError(headers)  # The handshake was checked: only HTTP/1.1 gets here.

    def divert(self, receiver: Callable[[bytes], None]) -> None:
        """After ``upgrade``: hand every byte that comes to the receiver."""
        raise NotImplementedError(receiver)

    def message_inbox(self, *, keep: bool) -> Inbox:
        """Open an inbox for messages that are not the request body, with the same backpressure."""
        return Inbox(keep=keep, hold=self._hold, go_on=self._go_on)

    @abstractmethod
    async def fin(self) -> None:
        """Close the connection in the middle."""

    @abstractmethod
    async def rst(self, code: int, *, connection: bool) -> None:
        """Reset the stream or the connection."""

    def cork(self) -> None:
        """Collect what ``data`` is given."""
        self._corked = []

    async def uncork(self) -> None:
        """Send what was collected in one write, and write at once again."""
        corked, self._corked = self._corked, None
        if corked:
            await self._send(b"".join(corked))

    async def _put(self, data: bytes, split: Split, pause: float, head: int = 0, tail: int = 0) -> None:
        """Collect body bytes, or send them in one or two writes; so many at their ends are framing."""
        if self._corked is not None:
            self._corked.append(data)
        elif split == "no":
            await self._send(data)
        else:
            first, second = halves(data, split, head, tail)
            await self._send(first)
            await asyncio.sleep(pause)
            await self._send(second)

    @abstractmethod
    async def _send(self, data: bytes) -> None:
        """Write bytes of the answer."""

    @abstractmethod
    def _hold(self) -> None:
        """The inbox is full."""

    @abstractmethod
    def _go_on(self, used: int) -> None:
        """The inbox has room again for so many bytes."""


def deframer(request: Request) -> Deframer | None:
    """Choose how the request body is cut into messages, None for one that is just bytes."""
    kind = request.content_type
    if kind.startswith("application/grpc-web-text"):
        return Deframer(text=True)
    if kind.startswith(("application/grpc", "application/connect+")):
        return Deframer()
    return None


def halves(data: bytes, split: Split, head: int, tail: int) -> tuple[bytes, bytes]:
    """Cut one write in two: in the middle, behind its first ``head`` bytes, or before its last ``tail`` bytes."""
    match split:
        case "head":
            at = head or 1
        case "tail":
            at = len(data) - (tail or 1)
        case _:
            at = (head + len(data) - tail) // 2
    return data[:at], data[at:]


def phrase(status: int) -> str:
    """Say a status in words."""
    return _PHRASES.get(status, "Unknown")
