"""The origin behind a proxy: in the lab's own event loop, so that both ends of an exchange are in one hand.

It answers nothing by itself. Each request that arrives becomes an :class:`Arrival`, which the probe that caused it finds by its key and plays with:
bytes one by one, silence, an end, a dropped connection. It listens on every loopback address: the address tells the servers of a group apart.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from proxycfg.lab.client import Headers, decoded

_HANDSHAKE = b"\x16"
"""What TLS begins with."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def _nobody(_: str, **__: object) -> None:
    """Is not told."""


class Arrival:
    """One request as the origin sees it, and the ways to answer it."""

    def __init__(self, wire: _Wire, method: str, target: str, version: str, headers: Headers, stream: int = 0) -> None:
        """``stream`` is that of HTTP/2."""
        self.wire = wire
        self.method, self.target, self.version, self.headers = method, target, version, headers
        self.stream = stream
        self.host = self.header("host") or ""
        self.body = bytearray()
        self.complete = False
        self.nth = wire.requests
        self.address, self.port = wire.address, wire.port
        self.at = time.monotonic()
        self.closed_at: float | None = None
        self.closed = asyncio.Event()
        self.done = asyncio.Event()
        """The body is complete, or will never be."""
        self.told: Callable[..., object] = _nobody
        """Called with each thing that is done to the answer, and when the request is lost: what, and the facts."""
        self._framing = ""
        self._ended = False
        self._last = version == "1.0" or "close" in (self.header("connection") or "").lower()
        """Whether the client wants no more on this connection, which an origin goes by."""

    def header(self, name: str) -> str | None:
        """All values of a header, joined; None where there is none."""
        found = [value for key, value in self.headers if key.lower() == name]
        return ", ".join(found) if found else None

    def head(self, status: int, headers: Headers = (), framing: str = "") -> None:  # type: ignore[assignment]
        """Answer. ``framing`` is ``close`` for an answer that ends with its connection; else it is the version's usual one."""
        self.told("origin-head", status=status)
        if self.version == "2":
            self.wire.h2_send(self.stream, [(":status", str(status)), *((k.lower(), v) for k, v in headers)])
            return
        self._framing = framing or ("chunked" if self.version == "1.1" else "close")
        lines = [f"HTTP/1.1 {status} Lab", *(f"{key}: {value}" for key, value in headers)]
        if self._framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        if self._last or self._framing == "close":
            lines.append("Connection: close")
        self.wire.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def data(self, data: bytes) -> None:
        """A piece of the body."""
        self.told("origin-piece", bytes=len(data))
        if self.version == "2":
            self.wire.h2_data(self.stream, data)
        else:
            self.wire.write(b"%x\r\n%s\r\n" % (len(data), data) if self._framing == "chunked" else data)

    def end(self, trailers: Headers = ()) -> None:  # type: ignore[assignment]
        """The end of the answer."""
        self.told("origin-end")
        self._ended = True
        if self.version == "2":
            self.wire.h2_end(self.stream, trailers)
        else:
            if self._framing == "chunked":
                self.wire.write(b"0\r\n\r\n")
            if self._last or self._framing == "close":
                self.wire.close()

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """All at once."""
        if self.version == "2":
            self.head(status, headers)
            self.data(body)
            self.end()
            return
        self.told("origin-head", status=status)
        self.told("origin-piece", bytes=len(body))
        self.wire.write(
            ("\r\n".join([f"HTTP/1.1 {status} Lab", *(f"{k}: {v}" for k, v in headers), f"Content-Length: {len(body)}"])
             + ("\r\nConnection: close" if self._last else "") + "\r\n\r\n").encode() + (b"" if self.method == "HEAD" else body)
        )  # fmt: skip
        if self._last:
            self.wire.close()

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self.told("origin-piece", bytes=len(data))
        self.wire.write(data)

    @property
    def shared(self) -> bool:
        """Whether other requests may be on the same connection."""
        return self.version == "2" and self.wire.origin.shares

    def drop(self) -> None:
        """Hang up without the end of an answer; after it, the connection may be another request's. One that is shared is left to the others."""
        if self._ended:
            return
        if self.shared:
            self.wire.h2_reset(self.stream)
            self.lost()
        else:
            self.wire.close()

    def lost(self) -> None:
        """The connection, or the stream, is gone."""
        if not self.closed.is_set():
            self.closed_at = time.monotonic()
            self.closed.set()
            self.done.set()
            self.told("origin-lost")


class _Wire(asyncio.Protocol):
    """One connection from nginx: HTTP/1.x, or HTTP/2 if it begins so."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.buffer = bytearray()
        self.requests = 0
        self.arrivals: list[Arrival] = []
        self.h2: Any = None
        self.raw_mode = False
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        name = transport.get_extra_info("sockname")
        # Of a socket in the file system, the name is its path.
        self.address: str = name if isinstance(name, str) else name[0]
        self.port: int = 0 if isinstance(name, str) else name[1]
        self.origin.wires.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self.open = False
        self.origin.wires.discard(self)
        self.origin.paused.discard(self)
        for arrival in self.arrivals:
            arrival.lost()

    def eof_received(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        if self.open and not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        if self.open:
            self.transport.close()

    def pause_writing(self) -> None:
        self.origin.paused.add(self)

    def resume_writing(self) -> None:
        self.origin.paused.discard(self)

    def data_received(self, data: bytes) -> None:
        if self.h2 is not None:
            self._h2_received(data)
            return
        self.buffer += data
        if not self.requests and (PREFACE.startswith(bytes(self.buffer[:24])) and len(self.buffer) < 24):
            return
        if not self.requests and self.buffer.startswith(PREFACE):
            self.h2 = h2.connection.H2Connection(
                h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_inbound_headers=False)
            )
            self.h2.initiate_connection()
            received, self.buffer = bytes(self.buffer), bytearray()
            self._h2_received(received)
            return
        self._http1()

    # ---- HTTP/1 ----

    def _http1(self) -> None:
        while True:
            current = self.arrivals[-1] if self.arrivals else None
            if self.raw_mode or (current is not None and not current.complete):
                assert current
                self._body(current)
                if not current.complete or self.raw_mode:
                    return
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            lines = self.buffer[:end].decode("latin-1").split("\r\n")
            del self.buffer[: end + 4]
            method, target, version = lines[0].split(" ", 2)
            headers = [(k.strip(), v.strip()) for k, _, v in (line.partition(":") for line in lines[1:])]
            self.requests += 1
            arrival = Arrival(self, method, target, version.removeprefix("HTTP/"), headers)
            self.arrivals.append(arrival)
            self.chunked = (arrival.header("transfer-encoding") or "").lower() == "chunked"
            self.left = int(arrival.header("content-length") or 0)
            if not self.chunked and not self.left:
                arrival.complete = True
                arrival.done.set()
            self.origin.arrived(arrival)
            if not self.open:
                return

    def _body(self, arrival: Arrival) -> None:
        if self.raw_mode:
            arrival.body += self.buffer
            self.buffer.clear()
        elif self.chunked:
            while (end := self.buffer.find(b"\r\n")) >= 0:
                size = int(bytes(self.buffer[:end]), 16)
                if len(self.buffer) < end + 4 + size:
                    return
                arrival.body += self.buffer[end + 2 : end + 2 + size]
                del self.buffer[: end + 4 + size]
                if size == 0:
                    arrival.complete = True
                    break
        else:
            piece = self.buffer[: self.left]
            arrival.body += piece
            self.left -= len(piece)
            del self.buffer[: len(piece)]
            arrival.complete = not self.left
        if arrival.complete:
            arrival.done.set()

    # ---- HTTP/2 ----

    def _h2_received(self, data: bytes) -> None:
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self.close()
            return
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                told = decoded(event)
                fields = {k: v for k, v in told if k.startswith(":")}
                headers = [(k, v) for k, v in told if not k.startswith(":")]
                self.requests += 1
                arrival = Arrival(
                    self, fields.get(":method", ""), fields.get(":path", ""), "2", headers, event.stream_id
                )
                arrival.host = fields.get(":authority", "")
                self.arrivals.append(arrival)
                if event.stream_ended:
                    arrival.complete = True
                    arrival.done.set()
                self.origin.arrived(arrival)
                continue
            known = next((each for each in self.arrivals if each.stream == getattr(event, "stream_id", -1)), None)
            if known is None:
                continue
            if isinstance(event, h2.events.DataReceived):
                known.body += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                known.complete = True
                known.done.set()
            elif isinstance(event, h2.events.StreamReset):
                known.lost()
        self.h2_flush()

    def h2_flush(self) -> None:
        self.write(self.h2.data_to_send())

    def h2_send(self, stream: int, headers: Headers) -> None:
        self._h2(lambda: self.h2.send_headers(stream, headers))

    def h2_data(self, stream: int, data: bytes) -> None:
        for at in range(0, len(data), 16384):
            piece = data[at : at + 16384]
            self._h2(lambda piece=piece: self.h2.send_data(stream, piece))  # type: ignore[misc]

    def h2_end(self, stream: int, trailers: Headers) -> None:
        if trailers:
            self._h2(lambda: self.h2.send_headers(stream, trailers, end_stream=True))
        else:
            self._h2(lambda: self.h2.end_stream(stream))

    def h2_reset(self, stream: int) -> None:
        self._h2(lambda: self.h2.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR))

    def _h2(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (h2.exceptions.ProtocolError, KeyError):
            return  # nginx has reset the stream
        self.h2_flush()


class Origin:
    """Listens; hands arrivals to whoever waits for their key."""

    def __init__(self, port: int = 0, *, shares: bool = False) -> None:
        """On that port of every address, once it is opened.

        :param shares: whether the proxy sends several requests at once over one connection of HTTP/2.
        """
        self.port = port
        self.shares = shares
        self.wires: set[_Wire] = set()
        self.paused: set[_Wire] = set()
        self.handlers: dict[str, Callable[[Arrival], None]] = {}
        self._server: asyncio.Server | None = None
        self.sides = False
        """Whether the proxy asks on its own besides (`auth_request`), with our headers but without our query."""
        self._beginning: set[asyncio.Task[Any]] = set()

    async def open(self, tls: ssl.SSLContext | None = None) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Wire(self), "0.0.0.0", self.port, backlog=512, ssl=tls)

    def serve(self, listeners: Iterable[socket.socket], tls: ssl.SSLContext | None) -> None:
        """Take connections from sockets that listen already; who begins with a TLS handshake is answered so, if there is a context."""
        loop = asyncio.get_running_loop()
        for listener in listeners:
            listener.setblocking(False)
            loop.add_reader(listener, self._take, listener, tls)

    def _take(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        asyncio.get_running_loop().add_reader(connection, self._begin, connection, tls)

    def _begin(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(connection)
        try:
            first = connection.recv(1, socket.MSG_PEEK)
        except OSError:
            connection.close()
            return
        secure = tls if first == _HANDSHAKE else None
        task = loop.create_task(loop.connect_accepted_socket(lambda: _Wire(self), connection, ssl=secure))
        self._beginning.add(task)
        task.add_done_callback(self._begun)

    def _begun(self, task: asyncio.Task[Any]) -> None:
        self._beginning.discard(task)
        if not task.cancelled():
            # Whoever breaks a handshake off hears no more of it.
            task.exception()

    async def close(self) -> None:
        """Hang up on everybody."""
        if self._server:
            from proxycfg.origin.server import stop_listening  # noqa: PLC0415 - the lab of a container has no server to stop

            await stop_listening(self._server)
        for wire in list(self.wires):
            wire.transport.abort()

    def arrived(self, arrival: Arrival) -> None:
        """Hand it over; what nobody waits for, a side request, or Envoy's copy for a mirror, is answered with 204, which nothing stores."""
        key = arrival.header("x-probe") or ""
        copy = arrival.host.partition(":")[0].endswith("-shadow")
        aside = arrival.header("x-side") or (self.sides and "?" not in arrival.target)
        handler = None if aside or copy else self.handlers.get(key)
        if handler is None:
            arrival.answer(204, [("Cache-Control", "no-store")], b"")
        else:
            handler(arrival)


class Blackhole:
    """A port on which connecting never ends: a listener whose queue is full."""

    def __init__(self, port: int) -> None:
        """Fill it up at once."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("0.0.0.0", port))
        self._listener.listen(0)
        self._fill = []
        for _ in range(8):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
            self._fill.append(each)

    def close(self) -> None:
        """Let go."""
        for each in (*self._fill, self._listener):
            each.close()
