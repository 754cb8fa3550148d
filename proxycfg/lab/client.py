"""Clients: HTTP/1.1 and HTTP/2, cleartext or TLS, that send what they are told and keep what has come so far."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
import zlib
from asyncio import sslproto
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions

Headers = list[tuple[str, str]]


def decoded(event: h2.events.Event) -> Headers:
    """The headers of an event; h2 decodes them with ``header_encoding``, which its types do not know."""
    return cast("Headers", getattr(event, "headers"))  # noqa: B009 - only some events have them


@cache
def _context(*alpn: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(list(alpn))
    return context


@dataclass
class Answer:
    """What has come of an answer so far; ``status`` is 0 before its head."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    complete: bool = False
    trailers: Headers = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """All values of a header, joined; None where there is none."""
        found = [value for key, value in self.headers if key.lower() == name]
        return ", ".join(found) if found else None

    @property
    def text(self) -> bytes:
        """The body, unpacked as far as that goes."""
        if self.header("content-encoding") != "gzip":
            return self.body
        return zlib.decompressobj(31).decompress(self.body)


def nobody() -> None:
    """Hears nothing."""


class Call(asyncio.Protocol):
    """One connection with one request on it."""

    def __init__(self) -> None:
        """Made by :func:`dial`."""
        self.buffer = bytearray()
        self.closed = asyncio.Event()
        self.closed_at = 0.0
        self.changed = asyncio.Event()
        """Set whenever something comes that somebody may wait for."""
        self.heard: Callable[[], object] = nobody
        """Called whenever that is set."""
        self.left = False
        """Whether it was this side that hung up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self.buffer += data
        self._tell()

    def _tell(self) -> None:
        self.changed.set()
        self.heard()

    def eof_received(self) -> bool:
        """Half a connection is none."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """It is over, one way or the other."""
        self._over()

    def _over(self) -> None:
        if not self.closed.is_set():
            self.closed_at = time.monotonic()
            self.closed.set()
            self._tell()

    def hang_up(self) -> None:
        """Leave, as a closed tab does: TLS does not wait for the other side to say goodbye."""
        self.left = True
        self.heard()
        self.transport.abort()

    def freeze(self) -> None:
        """Stop reading."""
        if self.transport.is_closing():
            # A timer was quicker.
            return
        self.transport.pause_reading()
        if isinstance(self.transport, sslproto._SSLProtocolTransport):
            # What stands still by itself is what has been decrypted: a quarter of a megabyte is read before that.
            self.transport.set_read_buffer_limits(high=0)

    @property
    def answer(self) -> Answer:
        """What has come so far."""
        raise NotImplementedError

    async def until(self, done: Callable[[], object], within: float) -> bool:
        """Wait until ``done()`` holds, the connection is over, or so many seconds have passed; whether it held."""
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            self.changed.set()

        timer = asyncio.get_running_loop().call_later(within, expire)
        try:
            while not done():
                if self.closed.is_set() or expired:
                    return bool(done())
                self.changed.clear()
                await self.changed.wait()
            return True
        finally:
            timer.cancel()

    async def whole(self, within: float) -> Answer:
        """The answer when it is complete, or as far as it came."""
        await self.until(lambda: self.answer.complete, within)
        return self.answer


class Call1(Call):
    """HTTP/1.1."""

    method = "GET"
    _parsed: tuple[int, bool, Answer] = (0, False, Answer())
    """Of so many bytes, with the connection over or not."""

    def send(
        self, method: str, target: str, headers: Headers, *, host: str, body: bytes | None = None, chunked: bool = False
    ) -> None:
        """A request; ``chunked`` leaves its body open."""
        self.method = method
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{k}: {v}" for k, v in headers)]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        elif body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b""))

    def forget(self) -> None:
        """Make room for the answer to another request."""
        self.buffer.clear()
        self._parsed = (0, False, Answer())

    def piece(self, data: bytes) -> None:
        """A piece of an open body; an empty one ends it."""
        self.transport.write(b"%x\r\n%s\r\n" % (len(data), data))

    @property
    def answer(self) -> Answer:
        """Parsed anew when more has come: answers are small."""
        if self._parsed[:2] != (state := (len(self.buffer), self.closed.is_set())):
            self._parsed = (*state, self._parse())
        return self._parsed[2]

    def _parse(self) -> Answer:
        data = bytes(self.buffer)
        while True:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                return Answer()
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1])
            if not _is_interim(status):
                break
            data = rest
        answer = Answer(status, [(k.strip(), v.strip()) for k, _, v in (line.partition(":") for line in lines[1:])])
        length = answer.header("content-length")
        if self.method == "HEAD" or status in {101, 204, 304}:
            answer.body, answer.complete = rest, True
        elif (answer.header("transfer-encoding") or "").lower() == "chunked":
            answer.body, answer.complete = _unchunk(rest)
        elif length is not None:
            answer.body, answer.complete = rest, len(rest) >= int(length)
        else:
            answer.body, answer.complete = rest, self.closed.is_set()
        return answer


def _is_interim(status: int) -> bool:
    """Whether another answer follows."""
    return status // 100 == 1 and status != HTTPStatus.SWITCHING_PROTOCOLS


def _unchunk(data: bytes) -> tuple[bytes, bool]:
    out = bytearray()
    while True:
        size, found, rest = data.partition(b"\r\n")
        if not found:
            return bytes(out), False
        number = int(size.split(b";")[0], 16)
        if number == 0:
            return bytes(out), rest.endswith(b"\r\n")
        out += rest[:number]
        data = rest[number + 2 :]


_HEADING, _GOAWAY = 9, 7
"""Bytes before a frame's payload, and the type that ends a connection."""


class Call2(Call):
    """HTTP/2, one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding="utf-8", validate_inbound_headers=False)
        )
        self._answer = Answer()
        self._unsent = b""
        self.frozen = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak HTTP/2."""
        super().connection_made(transport)
        self.h2.initiate_connection()
        self._flush()

    def _flush(self) -> None:
        self.transport.write(self.h2.data_to_send())

    def _frames(self) -> bytes:
        """The whole frames that have come, without a friendly GOAWAY: h2 would not listen to what still comes of an open stream."""
        out = bytearray()
        while len(self.buffer) >= _HEADING and len(self.buffer) >= (end := _HEADING + int.from_bytes(self.buffer[:3])):
            if self.buffer[3] != _GOAWAY or self.buffer[13:17] != b"\0\0\0\0":
                out += self.buffer[:end]
            del self.buffer[:end]
        return bytes(out)

    def data_received(self, data: bytes) -> None:
        """Take frames to what they mean."""
        self.buffer += data
        if self.buffer.startswith(b"HTTP/1."):
            # There is no HTTP/2 here.
            self.transport.close()
            return
        try:
            events = self.h2.receive_data(self._frames())
        except h2.exceptions.ProtocolError:
            self.transport.close()
            return
        for event in events:
            if isinstance(event, h2.events.ResponseReceived):
                headers = decoded(event)
                self._answer.status = int(dict(headers)[":status"])
                self._answer.headers = [(k, v) for k, v in headers if not k.startswith(":")]
            elif isinstance(event, h2.events.TrailersReceived):
                self._answer.trailers = decoded(event)
            elif isinstance(event, h2.events.DataReceived):
                self._answer.body += event.data
                if not self.frozen:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self._answer.complete = True
            elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                self._over()
        self._push()
        self._flush()
        self._tell()

    def send(
        self,
        method: str,
        target: str,
        headers: Headers,
        *,
        host: str,
        body: bytes | None = None,
        chunked: bool = False,
        scheme: str = "https",
    ) -> None:
        """A request; ``chunked`` leaves its body open."""
        fields = [
            (":method", method),
            (":scheme", scheme),
            (":authority", host),
            (":path", target),
            *((k.lower(), v) for k, v in headers),
        ]
        if body is not None and not chunked:
            fields.append(("content-length", str(len(body))))
        announced = any(key == "content-length" for key, _ in fields)
        self.h2.send_headers(1, fields, end_stream=body is None and not chunked and not announced)
        if body is not None and not chunked:
            self._unsent = body
            self._push(ends=not body)
        self._flush()

    def _push(self, *, ends: bool = False) -> None:
        """Send of an announced body what the window has room for."""
        # The proxy may have answered and closed the stream before.
        with contextlib.suppress(h2.exceptions.ProtocolError):
            while ends or (self._unsent and self.h2.local_flow_control_window(1) > 0):
                size = 0 if ends else min(self.h2.local_flow_control_window(1), self.h2.max_outbound_frame_size)
                piece, self._unsent = self._unsent[:size], self._unsent[size:]
                self.h2.send_data(1, piece, end_stream=not self._unsent)
                ends = False

    def piece(self, data: bytes) -> None:
        """A piece of an open body; an empty one ends it."""
        # nginx may have answered and closed the stream before.
        with contextlib.suppress(h2.exceptions.StreamClosedError):
            if data:
                self.h2.send_data(1, data)
            else:
                self.h2.end_stream(1)
        self._flush()

    def freeze(self) -> None:
        """Give nothing back of the window."""
        self.frozen = True

    @property
    def answer(self) -> Answer:
        """What has come so far."""
        return self._answer


async def dial(
    address: str,
    port: int,
    transport: str,
    *,
    host: str,
    source: str = "127.0.0.1",
    narrow: bool = False,
    trust: ssl.SSLContext | None = None,
) -> Call:
    """Connect over ``http/1.1``, ``http/1.1+tls``, ``2`` (TLS) or ``2+clear``.

    :param address: of IPv4 or IPv6; names are looked up by whoever asks.
    :param host: goes into SNI.
    :param source: the client's own address.
    :param narrow: take a small receive buffer, so that a client that stops reading is soon felt.
    :param trust: whose certificates to believe; its ALPN is set here. None believes anybody.
    :raises OSError: if there is no connection to be had.
    """
    loop = asyncio.get_running_loop()
    # Told its protocol, asyncio sends each piece at once.
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, proto=socket.IPPROTO_TCP)
    sock.setblocking(False)
    if narrow:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    if source != "127.0.0.1":
        sock.bind((source, 0))
    try:
        await loop.sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    secure = transport in {"http/1.1+tls", "2"}
    factory = Call2 if transport.startswith("2") else Call1
    offered = "h2" if transport == "2" else "http/1.1"
    if trust is not None:
        trust.set_alpn_protocols([offered])
    context = (trust or _context(offered)) if secure else None
    name = host if secure and host and "_" not in host else None
    _, call = await loop.create_connection(
        factory, sock=sock, ssl=context, server_hostname=name or ("lab.invalid" if secure else None)
    )
    if transport == "2":
        chosen = call.transport.get_extra_info("ssl_object").selected_alpn_protocol()
        if chosen != "h2":
            call.transport.abort()
            raise ConnectionError("the server does not choose h2")
    return call
