"""HTTP/1.0 and 1.1 by hand: a library would decide when bytes are written, and that is what is being tested.

``RequestReader`` has no socket in it; ``Http1`` ties it to a connection, one exchange after the other.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Literal, cast

from proxycfg.origin.channel import INBOX_LIMIT, Body, Channel, Request, phrase
from proxycfg.origin.record import Headers, Live
from proxycfg.origin.service import Plan, Refusal, Service, reads
from proxycfg.origin.steps import Split
from proxycfg.origin.wire import Session, Wire

HEAD_LIMIT = 65_536
_LINE_LIMIT = 1024
_LENGTH_DIGITS = 18
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rf"({_NAME}) ([!-~\x80-\xff]+) HTTP/(1\.[01])")
_HEADER_LINE = re.compile(rf"({_NAME}):[ \t]*([^\0\r\n]*?)[ \t]*")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")


class BadRequest(Exception):
    """What came is not a request; ``status`` is the answer to it."""

    def __init__(self, status: int, why: str) -> None:
        """Take the status and the reason."""
        super().__init__(why)
        self.status = status
        self.why = why


class RequestReader:
    """Reads requests out of bytes: ``feed`` it, then ask for a ``head``, then for what there is of its ``body``.

    Strict where leniency would hide what a proxy does wrong: bare line feeds, folded headers, two framings at once and
    a chunked body under HTTP/1.0 are refused (RFC 9112, sections 2.2, 5.2, 6.1 and 6.3).
    """

    def __init__(self) -> None:
        """Start before the first request."""
        self._buffer = bytearray()
        self._remaining = 0
        self._part: Literal["length", "size", "data", "crlf", "trailers", "done"] = "done"
        self.trailers: Headers = ()

    def feed(self, data: bytes) -> None:
        """Take some bytes."""
        self._buffer += data

    @property
    def buffered(self) -> int:
        """How many bytes wait."""
        return len(self._buffer)

    @property
    def body_done(self) -> bool:
        """Whether the body of the last head was read to its end."""
        return self._part == "done"

    def rest(self) -> bytes:
        """Everything that waits, for a connection that is HTTP no longer."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def head(self) -> Request | None:
        """Read the next request's head, None if it is not complete."""
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        block = self._block()
        if block is None:
            return None
        first, _, rest = block.partition("\r\n")
        line = _REQUEST_LINE.fullmatch(first)
        if line is None:
            raise BadRequest(400, f"not a request line: {first[:80]!r}")
        request = Request(line[1], line[2], cast("Literal['1.0', '1.1']", line[3]), _headers(rest))
        self._frame(request)
        return request

    def _block(self) -> str | None:
        """Take a block of lines up to an empty one."""
        end = self._buffer.find(b"\r\n\r\n", 0, HEAD_LIMIT)
        if end < 0:
            if len(self._buffer) >= HEAD_LIMIT:
                raise BadRequest(431, f"no end of the headers within {HEAD_LIMIT} bytes")
            return None
        block = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 4]
        return block

    def _frame(self, request: Request) -> None:
        hosts = sum(name.lower() == "host" for name, _ in request.headers)
        if hosts > 1 or (hosts == 0 and request.version == "1.1"):
            raise BadRequest(400, f"{hosts} Host headers")
        codings, length = request.header("transfer-encoding"), request.header("content-length")
        self.trailers = ()
        if codings is not None:
            if length is not None:
                raise BadRequest(400, "both Transfer-Encoding and Content-Length")
            if request.version == "1.0":
                raise BadRequest(400, "Transfer-Encoding under HTTP/1.0")
            if codings.lower() != "chunked":
                raise BadRequest(501, f"Transfer-Encoding {codings!r}")
            self._part = "size"
        elif length is not None:
            if not (length.isascii() and length.isdigit() and len(length) <= _LENGTH_DIGITS):
                raise BadRequest(400, f"Content-Length {length!r}")
            self._remaining = int(length)
            self._part = "length" if self._remaining else "done"
        else:
            self._part = "done"

    def body(self) -> Iterator[bytes]:
        """Yield the pieces of the body that are here, chunk by chunk."""
        while self._part != "done":
            if self._part in {"length", "data"}:
                piece = self._piece()
                if not piece:
                    return
                yield piece
            elif not self._between():
                return

    def _piece(self) -> bytes:
        piece = bytes(self._buffer[: self._remaining])
        del self._buffer[: len(piece)]
        self._remaining -= len(piece)
        if not self._remaining:
            self._part = "done" if self._part == "length" else "crlf"
        return piece

    def _between(self) -> bool:
        """Read what stands between chunks; return whether it is all here."""
        match self._part:
            case "size":
                line = self._line()
                if line is None:
                    return False
                size = _CHUNK_SIZE.fullmatch(line)
                if size is None:
                    raise BadRequest(400, f"not a chunk size: {line[:40]!r}")
                self._remaining = int(size[1], 16)
                self._part = "data" if self._remaining else "trailers"
            case "crlf":
                if len(self._buffer) < len(b"\r\n"):
                    return False
                if not self._buffer.startswith(b"\r\n"):
                    raise BadRequest(400, "no line end after a chunk")
                del self._buffer[:2]
                self._part = "size"
            case _:
                if self._buffer.startswith(b"\r\n"):
                    del self._buffer[:2]
                elif (block := self._block()) is not None:
                    self.trailers = _headers(block)
                else:
                    return False
                self._part = "done"
        return True

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _LINE_LIMIT:
                raise BadRequest(400, "a chunk size without an end")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _headers(block: str) -> Headers:
    headers = []
    for line in block.split("\r\n") if block else ():
        match = _HEADER_LINE.fullmatch(line)
        if match is None:
            raise BadRequest(400, f"not a header: {line[:80]!r}")
        headers.append((match[1], match[2]))
    return tuple(headers)


class Http1(Session):
    """A connection that speaks HTTP/1: requests one after the other, pipelined ones wait their turn."""

    def __init__(self, wire: Wire, service: Service) -> None:
        """Take over a connection."""
        self.wire = wire
        self._service = service
        self._reader = RequestReader()
        self._channel: Http1Channel | None = None
        self._task: asyncio.Task[None] | None = None
        self._deaf = False
        self.tunnel: Callable[[bytes], None] | None = None

    def received(self, data: bytes) -> None:
        """Bytes came."""
        if self._deaf:
            return
        if self.tunnel is not None:
            self.tunnel(data)
            return
        if self._service.options.versions.isdisjoint({"1.0", "1.1"}):
            self._service.stillborn(self.wire, "HTTP/1 is not spoken here").drop()
            self._deaf = True
            self.wire.finish()
            return
        self._reader.feed(data)
        self._advance()

    def hand_over(self, receiver: Callable[[bytes], None]) -> None:
        """Leave HTTP: what waits and what comes goes to the receiver."""
        self.tunnel = receiver
        if rest := self._reader.rest():
            receiver(rest)

    def _advance(self) -> None:
        try:
            while True:
                if self._channel is None:
                    request = self._reader.head()
                    if request is None:
                        return
                    self._start(request)
                channel = cast("Http1Channel", self._channel)
                if channel.live.body_complete:
                    if self._reader.buffered > INBOX_LIMIT:
                        self.wire.hold()
                    return
                for piece in self._reader.body():
                    channel.feed(piece)
                if not self._reader.body_done:
                    return
                channel.feed_end(self._reader.trailers)
                if self._task is not None:
                    return
                self._channel = None  # The answer was over before the request: on to the next one.
        except BadRequest as error:
            self._refuse(error)

    def _start(self, request: Request) -> None:
        live, plan = self._service.begin(request, self.wire)
        self._channel = Http1Channel(self, request, live, keep=reads(plan))
        if not self._reader.body_done and "100-continue" in request.tokens("expect") and request.version == "1.1":
            self.wire.write(_head(100, ()))
        self._run(plan)

    def _run(self, plan: Plan) -> None:
        channel = cast("Http1Channel", self._channel)
        self._task = self._service.spawn(self._serve(channel, plan))

    async def _serve(self, channel: "Http1Channel", plan: Plan) -> None:
        try:
            await self._service.answer(channel, plan)
        except asyncio.CancelledError:
            self._deaf = True
            self.wire.finish()
            raise
        self._task = None
        if channel.last:
            self._deaf = True
            self.wire.finish()
            return
        channel.inbox.discard()
        if channel.live.body_complete:
            self._channel = None
            self.wire.go_on()
            self._advance()

    def _refuse(self, error: BadRequest) -> None:
        """Answer what is no request, or break off the exchange whose body it was."""
        self._deaf = True
        if self._channel is None:
            live = self._service.stillborn(self.wire, error.why)
            self._channel = Http1Channel(self, Request("", "", "1.1", ()), live, keep=False)
            self._channel.last = True
            self._run(Refusal(error.status, error.why))
            return
        self._channel.live.refuse(error.why)
        self._channel.live.drop()
        if self._task:
            self._task.cancel()
        self.wire.finish()

    def left(self, kind: Literal["FIN", "RST"]) -> None:
        """The client is gone."""
        self._deaf = True
        if self._channel is not None and self._task is not None:
            self._channel.live.leave(kind)
            self._task.cancel()


class Http1Channel(Channel):
    """One exchange on HTTP/1."""

    def __init__(self, session: Http1, request: Request, live: Live, *, keep: bool) -> None:
        """Belong to a connection."""
        self._session = session
        self._wire = session.wire
        super().__init__(request, live, keep=keep)
        self._framing: Literal["chunked", "close", "length", "none"] = "none"
        self._bodyless = False
        self._held = b""
        self.last = not _keeps(request)

    async def info(self, status: int, headers: Headers) -> None:
        """Send an interim response."""
        if self.request.version == "1.1":  # HTTP/1.0 does not know them, RFC 9110 section 15.2.
            self.live.send("info", status, 0)
            await self._send(_head(status, headers))

    async def head(self, status: int, headers: Headers, body: Body) -> None:
        """Send the response headers."""
        self._bodyless = self.request.method == "HEAD" or status in {204, 304}
        self._framing = body.framing
        if body.framing == "chunked" and self.request.version == "1.0":
            self._framing = "close"
        extra: list[tuple[str, str]] = [("Date", formatdate(usegmt=True))]
        if self._framing == "length":
            extra.append(("Content-Length", str(body.length)))
        elif self._framing == "chunked" and status not in {204, 304}:
            extra.append(("Transfer-Encoding", "chunked"))
        self.last = self.last or not body.keep or (self._framing == "close" and not self._bodyless)
        if self.last:
            extra.append(("Connection", "close"))
        elif self.request.version == "1.0":
            extra.append(("Connection", "keep-alive"))
        block = _head(status, (*extra, *headers))
        self.live.status = status
        if body.hold:
            self._held = block
        else:
            self.live.send("headers", 0, 0)
            await self._send(block)

    async def whole(self, status: int, headers: Headers, body: bytes, *, keep: bool = True) -> None:
        """Send headers and body in one write."""
        await self.head(status, headers, Body("length", len(body), hold=True, keep=keep))
        if not self._bodyless and body:
            self.live.send("bytes", 0, len(body))
        self.live.complete()
        await self._send(b"" if self._bodyless else body)

    async def upgrade(self, headers: Headers) -> Callable[[bytes], None]:
        """Answer 101; from then on bytes go out as they are."""
        self.last = True
        self.live.status = 101
        self.live.send("headers", 0, 0)
        await self._send(_head(101, headers))
        return self._wire.write

    def divert(self, receiver: Callable[[bytes], None]) -> None:
        """Hand every byte that comes to the receiver."""
        self._session.hand_over(receiver)

    async def data(self, data: bytes, what: str, n: int = 0, split: Split = "no", pause: float = 0.0) -> None:
        """Send body bytes: one write, one chunk."""
        if self._bodyless or not data:  # An empty chunk would end the body.
            return
        self.live.send(what, n, len(data))
        head = tail = 0
        if self._framing == "chunked":
            size = b"%x\r\n" % len(data)
            head, tail = len(size), 2
            data = b"%b%b\r\n" % (size, data)
        await self._put(data, split, pause, head, tail)

    async def end(self, trailers: Headers = ()) -> None:
        """End the body."""
        self.live.send("end", 0, 0)
        self.live.complete()
        if self._framing == "chunked" and not self._bodyless:
            lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
            await self._send(b"0\r\n%b\r\n" % lines.encode("latin-1"))
        else:
            await self._send(b"")

    async def trailers_only(self, headers: Headers) -> None:
        """Answer without a body."""
        await self.whole(200, headers, b"")

    async def fin(self) -> None:
        """Close the connection in the middle."""
        self.last = True
        if self._held:
            await self._send(b"")

    async def rst(self, code: int, *, connection: bool) -> None:
        """Reset the connection; a code has no place in TCP."""
        del code, connection
        self.last = True
        await self._wire.reset()

    async def _send(self, data: bytes) -> None:
        if self._held:
            data = self._held + data
            self._held = b""
            self.live.send("headers", 0, 0)
        if data:
            self._wire.write(data)
        if self._wire.blocked:
            await self._wire.drained()

    def _hold(self) -> None:
        self._wire.hold()

    def _go_on(self, used: int) -> None:
        del used  # TCP counts for itself.
        self._wire.go_on()


def _keeps(request: Request) -> bool:
    connection = request.tokens("connection")
    return "close" not in connection if request.version == "1.1" else "keep-alive" in connection


def _head(status: int, headers: Headers) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} {phrase(status)}\r\n{lines}\r\n".encode("latin-1")
