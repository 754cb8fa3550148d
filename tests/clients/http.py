"""Raw HTTP with a clock: every piece of an answer with the moment it came, and how the answer ended.

The same calls over six transports; a connection and its calls belong to one thread. Nothing reads in the background: a
test that does not ``read`` is a client that stalls, and the windows and buffers behind it fill up as they would.
"""

import contextlib
import socket
import ssl
import struct
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self, cast

import h11
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from .tls import client_context

Transport = Literal["http/1.0", "http/1.1", "http/1.1+tls", "http/1.0+tls", "h2c", "2"]
"""``2`` is HTTP/2 over TLS, ``h2c`` the same in clear text with prior knowledge."""
Headers = Iterable[tuple[str, str]]
End = Literal["", "clean", "truncated", "reset", "rst_stream", "goaway"]
"""``truncated``: a FIN before the end; ``reset``: a TCP RST; the empty one: not over yet."""

TIMEOUT = 5.0
_CANCEL = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a body, and when they came."""

    at: float
    data: bytes


@dataclass(frozen=True)
class Client:
    """Where to go and how; each ``connect`` opens a connection of its own."""

    address: tuple[str, int]
    transport: Transport = "http/1.1"
    ca: Path | None = None
    """The CA to trust; TLS transports need it."""
    host: str = ""
    """The Host (or :authority) and, if it is a name, what TLS asks for; default: the address."""
    timeout: float = TIMEOUT
    """The longest silence any read bears."""

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.transport in {"http/1.0+tls", "http/1.1+tls", "2"}

    @property
    def authority(self) -> str:
        """What the request says as Host."""
        return self.host or f"{self.address[0]}:{self.address[1]}"

    @property
    def server_name(self) -> str:
        """Whom TLS asks for and verifies."""
        return self.host.partition(":")[0] or self.address[0]

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The TLS context, offering this transport's protocol."""
        if self.ca is None:
            raise ValueError(f"{self.transport} needs a CA to trust")
        return client_context(self.ca, "h2" if self.transport == "2" else "http/1.1")

    def connect(self) -> "Connection":
        """Open a connection."""
        sock = socket.create_connection(self.address, timeout=self.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.secure:
            tls = Tls(sock, self.context, self.server_name)
            if self.transport == "2" and tls.alpn != "h2":
                sock.close()
                raise ConnectionError(f"asked for h2, the server chose {tls.alpn}")
        else:
            tls = None
        return Connection2(self, sock, tls) if self.transport in {"h2c", "2"} else Connection1(self, sock, tls)

    def request(
        self,
        target: str,
        headers: Headers = (),
        *,
        method: str = "GET",
        body: bytes | None = b"",
        script: str = "",
    ) -> "Call":
        """Ask on a new connection that belongs to the call; see ``Connection.request``."""
        return self.connect().request(target, headers, method=method, body=body, script=script)

    def get(self, target: str, headers: Headers = (), *, script: str = "") -> "Answer":
        """Ask and read the answer to its end."""
        with self.request(target, headers, script=script) as call:
            return call.answer()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is over."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    end: End
    trailers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str | None:
        """A header's values, joined by commas."""
        return _header(self.headers, name)


class Call(ABC):
    """A request under way."""

    def __init__(self, timeout: float) -> None:
        """Begin the clock."""
        self.started = time.monotonic()
        self.timeout = timeout
        self.status = 0
        """0 until the headers came, and if they never do."""
        self.headers: tuple[tuple[str, str], ...] = ()
        self.headers_at: float | None = None
        self.interim: list[tuple[int, tuple[tuple[str, str], ...]]] = []
        self.trailers: tuple[tuple[str, str], ...] = ()
        self.end: End = ""
        self.code: int | None = None
        """The error code of ``rst_stream`` or ``goaway``."""
        self.ended_at: float | None = None
        self._pieces: deque[Piece] = deque()

    @abstractmethod
    def _pump(self, timeout: float) -> None:
        """Receive once and take note of what came."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send a piece of the request body (a chunk, a DATA frame)."""

    @abstractmethod
    def finish(self) -> None:
        """End the request body."""

    @abstractmethod
    def close(self) -> None:
        """Leave with a FIN; on HTTP/2 that takes the connection with it."""

    @abstractmethod
    def abort(self) -> None:
        """Leave with a TCP RST, on HTTP/2 with RST_STREAM (8, cancel)."""

    def __enter__(self) -> Self:
        """Close the connection at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def header(self, name: str) -> str | None:
        """A response header's values, joined by commas."""
        return _header(self.headers, name)

    def head(self, timeout: float | None = None) -> Self:
        """Wait for the response headers, or for the end if they never come (then ``status`` is 0)."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while self.headers_at is None and not self.end:
            self._pump(_left(deadline))
        return self

    def read(self, timeout: float | None = None) -> Piece | None:
        """Wait for the next piece of the body; None when it is over, ``end`` then says how."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while not self._pieces:
            if self.end:
                return None
            self._pump(_left(deadline))
        return self._pieces.popleft()

    def pieces(self) -> Iterator[Piece]:
        """Read piece by piece to the end."""
        while (piece := self.read()) is not None:
            yield piece

    def read_size(self, size: int) -> bytes:
        """Read until so many bytes came (or the end)."""
        collected = b""
        while len(collected) < size and (piece := self.read()) is not None:
            collected += piece.data
        return collected

    def answer(self) -> Answer:
        """Read to the end."""
        body = b"".join(piece.data for piece in self.pieces())
        return Answer(self.status, self.headers, body, self.end, self.trailers)

    def _take_head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.status, self.headers, self.headers_at = status, _text(headers), time.monotonic()

    def _take(self, data: bytes) -> None:
        if data:
            self._pieces.append(Piece(time.monotonic(), data))

    def _over(self, end: End, code: int | None = None) -> None:
        if not self.end:
            self.end, self.code, self.ended_at = end, code, time.monotonic()


class Tls:
    """TLS on a socket that stays in our hands: Python's own wrapper reports an RST as an ordinary end."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str) -> None:
        """Shake hands."""
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._push()
                self._pull()
            else:
                break
        self._push()
        self.alpn = self._tls.selected_alpn_protocol()

    def _push(self) -> None:
        if data := self._outgoing.read():
            self._sock.sendall(data)

    def _pull(self) -> bool:
        data = self._sock.recv(65_536)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return bool(data)

    def send(self, data: bytes) -> None:
        """Encrypt and send."""
        self._tls.write(data)
        self._push()

    def receive(self) -> bytes:
        """Receive and decrypt; empty at the end, with or without a close_notify."""
        while True:
            try:
                return self._tls.read(65_536)
            except ssl.SSLWantReadError:
                self._push()
                self._pull()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""


class Connection(ABC):
    """An open connection; HTTP/1 serves one call after the other, HTTP/2 many at once."""

    def __init__(self, client: Client, sock: socket.socket, tls: Tls | None) -> None:
        """Take the socket over."""
        self.client = client
        self.sock = sock
        self._tls = tls
        self._reset = ""

    @abstractmethod
    def request(
        self,
        target: str,
        headers: Headers = (),
        *,
        method: str = "GET",
        body: bytes | None = b"",
        script: str = "",
    ) -> Call:
        """Ask. A ``body`` of None is sent with ``send`` and ``finish``: in chunks, unless a Content-Length is given."""

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Leave with a FIN, also where unread bytes would make ``close`` alone send an RST."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.setblocking(False)
            while self.sock.recv(1 << 20):
                pass
        self.sock.close()

    def reset(self) -> None:
        """Leave with an RST."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def receive(self, timeout: float) -> bytes:
        """Receive once; empty at the FIN. ``ConnectionResetError`` is the caller's."""
        self.sock.settimeout(timeout)
        data = self._tls.receive() if self._tls else self.sock.recv(65_536)
        if not data and self._reset:
            raise ConnectionResetError(self._reset)
        return data

    def send(self, data: bytes) -> None:
        """Send everything."""
        try:
            if self._tls:
                self._tls.send(data)
            else:
                self.sock.sendall(data)
        except ConnectionError as error:
            # The kernel tells of an RST once; a read after this would see an ordinary end.
            self._reset = str(error)
            raise


class Connection1(Connection):
    """HTTP/1.0 or 1.1."""

    def __init__(self, client: Client, sock: socket.socket, tls: Tls | None) -> None:
        """Start before the first request."""
        super().__init__(client, sock, tls)
        self.h11 = h11.Connection(h11.CLIENT)

    def request(
        self,
        target: str,
        headers: Headers = (),
        *,
        method: str = "GET",
        body: bytes | None = b"",
        script: str = "",
    ) -> "Call1":
        """Ask; the head goes out in one write, with a whole body in the same."""
        if self.h11.our_state is h11.DONE:
            self.h11.start_next_cycle()
        given = [*headers, *((("x-origin-script", script),) if script else ())]
        names = {name.lower() for name, _ in given}
        if "host" not in names:
            given.insert(0, ("Host", self.client.authority))
        version = "1.0" if "1.0" in self.client.transport else "1.1"
        if body is None and "content-length" not in names:
            given.append(("Transfer-Encoding", "chunked"))
        elif body:
            given.append(("Content-Length", str(len(body))))
        # By hand, as h11 writes only HTTP/1.1; it is told what was sent, so that it can read the answer.
        lines = "".join(f"{name}: {value}\r\n" for name, value in given)
        head = f"{method} {target} HTTP/{version}\r\n{lines}\r\n".encode("latin-1")
        self.h11.send(h11.Request(method=method, target=target, headers=given))
        if body is not None:
            self.h11.send(h11.Data(data=body))
            self.h11.send(h11.EndOfMessage())
        call = Call1(self)
        self.send(head + (body or b""))
        return call


class Call1(Call):
    """A call on HTTP/1."""

    def __init__(self, connection: Connection1) -> None:
        """Belong to a connection."""
        super().__init__(connection.client.timeout)
        self.connection = connection

    def send(self, data: bytes) -> None:
        """Send a chunk in one write."""
        self.connection.send(self.connection.h11.send(h11.Data(data=data)) or b"")

    def finish(self) -> None:
        """Send the last chunk."""
        self.connection.send(self.connection.h11.send(h11.EndOfMessage()) or b"")

    def close(self) -> None:
        """Leave with a FIN."""
        self.connection.close()

    def abort(self) -> None:
        """Leave with an RST."""
        self.connection.reset()

    def _pump(self, timeout: float) -> None:
        conn = self.connection.h11
        try:
            event = conn.next_event()
            if event is h11.NEED_DATA:
                conn.receive_data(self.connection.receive(timeout))
                event = conn.next_event()
        except h11.RemoteProtocolError:
            self._over("truncated")
            return
        except ConnectionResetError:
            self._over("reset")
            return
        match event:
            case h11.InformationalResponse():
                self.interim.append((event.status_code, _text(event.headers.raw_items())))
            case h11.Response():
                self._take_head(event.status_code, event.headers.raw_items())
            case h11.Data():
                self._take(bytes(event.data))
            case h11.EndOfMessage():
                self.trailers = _text(event.headers.raw_items())
                self._over("clean")
            case h11.ConnectionClosed():
                self._over("truncated")
            case _:
                pass


class Connection2(Connection):
    """HTTP/2."""

    def __init__(self, client: Client, sock: socket.socket, tls: Tls | None) -> None:
        """Send the preface."""
        super().__init__(client, sock, tls)
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.calls: dict[int, Call2] = {}
        self.h2.initiate_connection()
        self.flush()

    def request(
        self,
        target: str,
        headers: Headers = (),
        *,
        method: str = "GET",
        body: bytes | None = b"",
        script: str = "",
    ) -> "Call2":
        """Ask on a new stream."""
        stream = self.h2.get_next_available_stream_id()
        block = [
            (":method", method),
            (":scheme", "https" if self.client.secure else "http"),
            (":authority", self.client.authority),
            (":path", target),
            *((name.lower(), value) for name, value in headers),
            *((("x-origin-script", script),) if script else ()),
        ]
        call = Call2(self, stream)
        self.calls[stream] = call
        self.h2.send_headers(stream, block, end_stream=body == b"")
        self.flush()
        if body:
            call.send(body)
            call.finish()
        return call

    def flush(self) -> None:
        """Send what h2 has written."""
        if data := self.h2.data_to_send():
            self.send(data)

    def pump(self, timeout: float) -> None:
        """Receive once, for all calls."""
        try:
            data = self.receive(timeout)
        except ConnectionResetError:
            self._all_over("reset")
            return
        if not data:
            self._all_over("truncated")
            return
        for event in self.h2.receive_data(data):
            if isinstance(event, ConnectionTerminated) and not event.error_code:
                # h2 takes every GOAWAY for the end; RFC 9113 lets open streams finish, which is what a graceful reload is about.
                self.h2.state_machine.state = ConnectionState.CLIENT_OPEN
            elif isinstance(event, ConnectionTerminated):
                self._all_over("goaway", int(event.error_code))
            call = self.calls.get(getattr(event, "stream_id", None) or 0)
            if call is not None:
                call.take(event)
        with contextlib.suppress(ConnectionError):  # What was received stands; the next receive tells how it ended.
            self.flush()

    def _all_over(self, end: End, code: int | None = None) -> None:
        for call in self.calls.values():
            call._over(end, code)


class Call2(Call):
    """A call on HTTP/2."""

    def __init__(self, connection: Connection2, stream: int) -> None:
        """Belong to a connection."""
        super().__init__(connection.client.timeout)
        self.connection = connection
        self.stream = stream

    def send(self, data: bytes) -> None:
        """Send DATA, waiting for the window where it is shut."""
        h2 = self.connection.h2
        deadline = time.monotonic() + self.timeout
        while data:
            room = min(h2.local_flow_control_window(self.stream), h2.max_outbound_frame_size)
            if room <= 0:
                self._pump(_left(deadline))
                continue
            h2.send_data(self.stream, data[:room])
            data = data[room:]
            self.connection.flush()

    def finish(self) -> None:
        """End the stream from our side."""
        self.connection.h2.end_stream(self.stream)
        self.connection.flush()

    def close(self) -> None:
        """Leave with a FIN, the whole connection."""
        self.connection.close()

    def abort(self) -> None:
        """Cancel this stream only."""
        self.connection.h2.reset_stream(self.stream, _CANCEL)
        self.connection.flush()

    def take(self, event: Event) -> None:
        """Take note of what happened on this stream."""
        match event:
            case ResponseReceived():
                headers = _pairs(event.headers)
                self._take_head(int(dict(headers)[b":status"]), headers)
            case InformationalResponseReceived():
                headers = _pairs(event.headers)
                self.interim.append((int(dict(headers)[b":status"]), _text(headers)))
            case DataReceived():
                self._take(bytes(event.data or b""))
                self.connection.h2.acknowledge_received_data(event.flow_controlled_length or 0, self.stream)
            case TrailersReceived():
                self.trailers = _text(_pairs(event.headers))
            case StreamEnded():
                self._over("clean")
            case StreamReset():
                # After the end this is a server that does not want the rest of an upload, and changes nothing.
                self._over("rst_stream", int(event.error_code or 0))
            case _:
                pass

    def _pump(self, timeout: float) -> None:
        self.connection.pump(timeout)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("nothing came in time")
    return left


def _text(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def _pairs(headers: object) -> list[tuple[bytes, bytes]]:
    return list(cast("Iterable[tuple[bytes, bytes]]", headers or ()))


def _header(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    values = [value for key, value in headers if key.lower() == name.lower()]
    return ", ".join(values) if values else None
