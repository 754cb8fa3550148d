"""WebSocket through the ``websockets`` library.

Its asyncio client, run in a thread behind ordinary functions: its threaded one reads and writes one TLS object from two
threads at once, which Python's ssl module bears only from 3.13 on (seen here as a handshake that never left).
"""

import asyncio
import atexit
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Iterable
from functools import cache
from typing import Any, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from .http import Client

_T = TypeVar("_T")
# The library has its own time limits; this one is for a bug in them.
_LAST_RESORT = 60.0


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
            _run(self.connection.send(message))
        except ConnectionClosed as error:
            raise _closed(error) from None

    def receive(self, timeout: float | None = None) -> str | bytes:
        """Wait for the next message; ``Closed`` if the other side closes instead."""
        try:
            return _run(asyncio.wait_for(self.connection.recv(), self.timeout if timeout is None else timeout))
        except ConnectionClosed as error:
            raise _closed(error) from None

    def ping(self, timeout: float | None = None) -> None:
        """Send a ping and wait for its pong."""

        async def ping() -> None:
            await (await self.connection.ping())

        try:
            _run(asyncio.wait_for(ping(), self.timeout if timeout is None else timeout))
        except ConnectionClosed as error:
            raise _closed(error) from None

    def close(self, code: int = 1000) -> None:
        """Close with a frame and wait for the answer."""
        # Before 3.11.5 asyncio forgets that a TLS transport may be closed already (`drop`), and trips over itself.
        with contextlib.suppress(AttributeError):
            _run(self.connection.close(code))

    def drop(self) -> None:
        """Leave with a FIN and no close frame."""
        _loop().call_soon_threadsafe(self.connection.transport.close)

    def abort(self) -> None:
        """Leave with an RST."""
        sock = self.connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        _loop().call_soon_threadsafe(self.connection.transport.abort)

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def open_socket(
    client: Client,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    *,
    script: str = "",
    subprotocols: Iterable[str] = (),
    pings: float | None = None,
) -> WebSocket:
    """Shake hands over ``http/1.1`` or ``http/1.1+tls``; ``pings`` sends one every so many seconds (default: never).

    ``Refused`` is another answer than 101; ``OSError`` or the library's ``InvalidHandshake`` none at all.
    """

    async def open_() -> ClientConnection:
        return await connect(
            f"{'wss' if client.secure else 'ws'}://{client.authority}{target}",
            host=client.address[0],
            port=client.address[1],
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

    try:
        return WebSocket(_run(open_()), client.timeout)
    except InvalidStatus as error:
        raise Refused(error.response.status_code, bytes(error.response.body or b"")) from None


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """The event loop all sockets live in, in a thread of its own until the process ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="websockets", daemon=True)
    thread.start()

    def stop() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    atexit.register(stop)
    return loop


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run_coroutine_threadsafe(work, _loop()).result(_LAST_RESORT)


def _closed(error: ConnectionClosed) -> Closed:
    frame = error.rcvd
    return Closed(frame.code, frame.reason) if frame else Closed(1006, "")
