"""WebSocket through the ``websockets`` library."""

import ctypes
import socket
import struct
from collections.abc import Iterable
from typing import Self

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from .http import Client


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, status: int, body: bytes) -> None:
        """Keep what came instead."""
        super().__init__(f"{status}: {body[:200]!r}")
        self.status = status
        self.body = body


class Closed(Exception):
    """The socket is closed; ``code`` is 1006 where no close frame came."""

    def __init__(self, code: int, reason: str) -> None:
        """Keep how."""
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class WebSocket:
    """An open socket."""

    def __init__(self, connection: ClientConnection, timeout: float) -> None:
        """Take an open connection."""
        self.connection = connection
        self.timeout = timeout

    def send(self, message: str | bytes) -> None:
        """Send a text or binary message."""
        try:
            self.connection.send(message)
        except ConnectionClosed as error:
            raise _closed(error) from None

    def receive(self, timeout: float | None = None) -> str | bytes:
        """Wait for the next message; ``Closed`` if the other side closes instead."""
        try:
            return self.connection.recv(self.timeout if timeout is None else timeout)
        except ConnectionClosed as error:
            raise _closed(error) from None

    def ping(self, timeout: float | None = None) -> None:
        """Send a ping and wait for its pong."""
        if not self.connection.ping().wait(self.timeout if timeout is None else timeout):
            raise TimeoutError("no pong")

    def close(self, code: int = 1000) -> None:
        """Close with a frame and wait for the answer."""
        self.connection.close(code)

    def drop(self) -> None:
        """Leave with a FIN and no close frame."""
        self.connection.socket.shutdown(socket.SHUT_RDWR)

    def abort(self) -> None:
        """Leave with an RST."""
        # The library's own thread sits in recv, so the socket cannot be closed under it. Linux resets a TCP connection
        # that is connected to no address; Python's own connect does not let one say that.
        nowhere = struct.pack("H14x", socket.AF_UNSPEC)
        ctypes.CDLL(None).connect(self.connection.socket.fileno(), nowhere, len(nowhere))

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.connection.__exit__(None, None, None)


def open_socket(
    client: Client,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    *,
    script: str = "",
    subprotocols: Iterable[str] = (),
    pings: float | None = None,
) -> WebSocket:
    """Shake hands over ``http/1.1`` or ``http/1.1+tls``; ``pings`` sends one every so many seconds (default: never)."""
    sock = socket.create_connection(client.address, timeout=client.timeout)
    scheme = "wss" if client.secure else "ws"
    try:
        connection = connect(
            f"{scheme}://{client.authority}{target}",
            sock=sock,
            ssl=client.context if client.secure else None,
            server_hostname=client.server_name if client.secure else None,
            additional_headers=[*headers, *((("x-origin-script", script),) if script else ())],
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
            compression=None,
            open_timeout=client.timeout,
            close_timeout=client.timeout,
            ping_interval=pings,
            proxy=None,
        )
    except InvalidStatus as error:
        raise Refused(error.response.status_code, bytes(error.response.body or b"")) from None
    # As a context manager, which the library wants; ours ends it.
    return WebSocket(connection.__enter__(), client.timeout)


def _closed(error: ConnectionClosed) -> Closed:
    frame = error.rcvd
    return Closed(frame.code, frame.reason) if frame else Closed(1006, "")
