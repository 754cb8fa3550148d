"""A TCP or TLS connection of the origin: it finds out which HTTP is spoken, and can hang up in every way there is."""

import asyncio
import contextlib
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# After our FIN we read on until the client's, because closing a socket with unread bytes in it sends an RST, which can
# take the answer away from the client (RFC 9112, section 9.6). A client that never closes is cut off after this.
_LINGER = 5.0


class Session(ABC):
    """What speaks on a connection once its language is known."""

    @abstractmethod
    def received(self, data: bytes) -> None:
        """Bytes came."""

    @abstractmethod
    def left(self, kind: Literal["FIN", "RST"]) -> None:
        """The client is gone; told once."""


class Wire(asyncio.Protocol):
    """One accepted connection."""

    def __init__(self, number: int, speak: Callable[["Wire", bytes], Session | None], wires: set["Wire"]) -> None:
        """``speak`` looks at the first bytes and returns the session, or None while they are too few to tell.

        While it is open, and past its TLS handshake, the wire is one of ``wires``.
        """
        self.number = number
        self._speak = speak
        self._wires = wires
        self._session: Session | None = None
        self._first = b""
        self._gone = False
        self._held = False
        self._linger: asyncio.TimerHandle | None = None
        self._writable: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport
        self.blocked = False
        """The kernel's buffer and ours are full: wait for ``drained`` before writing more."""
        self.peer = ""
        self.tls = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is here."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._wires.add(self)
        address = transport.get_extra_info("peername")
        self.peer = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else ""
        self.tls = transport.get_extra_info("ssl_object") is not None

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._session is None:
            self._first += data
            self._session = self._speak(self, self._first)
            if self._session is None:
                return
            data, self._first = self._first, b""
        self._session.received(data)

    def eof_received(self) -> bool:
        """The client sent its FIN; the transport closes when this returns."""
        self._leave("FIN")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing can be sent or received any more."""
        if self._linger:
            self._linger.cancel()
        self._leave("RST" if isinstance(exc, ConnectionError) else "FIN")
        self.resume_writing()
        self._wires.discard(self)

    def pause_writing(self) -> None:
        """Our buffer is full."""
        self.blocked = True

    def resume_writing(self) -> None:
        """Our buffer has room."""
        self.blocked = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def _leave(self, kind: Literal["FIN", "RST"]) -> None:
        if not self._gone:
            self._gone = True
            if self._session is not None:
                self._session.left(kind)

    # What sessions call.

    def write(self, data: bytes) -> None:
        """Send, in one system call if the kernel has room; nothing follows our FIN, though HTTP/2 would still acknowledge what it reads."""
        if not self._gone and self._linger is None and not self._transport.is_closing():
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until there is room again, or nobody to write to."""
        while self.blocked and not self._gone:
            if self._writable is None:
                self._writable = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._writable)

    def hold(self) -> None:
        """Read no more for now; meanwhile the client's FIN goes unseen."""
        if not self._held and not self._gone:
            self._held = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if self._held:
            self._held = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def finish(self) -> None:
        """Send what is left to send and then our FIN; close when the client has sent its own."""
        if self._gone or self._transport.is_closing():
            return
        self.go_on()
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._linger = asyncio.get_running_loop().call_later(_LINGER, self._transport.abort)
        else:
            self._transport.close()

    async def reset(self) -> None:
        """Send what is left to send and then an RST."""
        # asyncio's two transports differ by one in what they call full: a TLS one with a limit of 0 is full when empty.
        self._transport.set_write_buffer_limits(high=int(self.tls), low=0)
        await self.drained()
        self.cut()

    def cut(self) -> None:
        """Send an RST now."""
        raw = self._transport.get_extra_info("socket")
        if raw is not None:
            # Closing with a linger time of zero is what makes the kernel send an RST and no FIN.
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def close(self) -> None:
        """Close without ceremony, as when the origin stops."""
        self._transport.abort()
