"""WebSocket: the handshake by hand and to the letter, the frames by wsproto."""

import asyncio
import binascii
import contextlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha1

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from proxycfg.origin.channel import Channel, Request
from proxycfg.origin.script import Script
from proxycfg.origin.steps import Event, Head
from proxycfg.origin.writer import Refused, Writer, extra, mark, payload

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3.
_NONCE = 16
_CLOSE_PATIENCE = 2.0
# How a message's type travels through the inbox: as its first byte.
_TEXT, _BINARY = b"t", b"b"
_MESSAGE_LIMIT = 64 << 20


def check_handshake(request: Request) -> str:
    """Check a request by RFC 6455, section 4.2.1; return its key or raise ``Refused`` with what is wrong."""
    if request.version != "1.1":
        raise Refused(400, f"a WebSocket handshake needs HTTP/1.1, this is {request.version}")
    if request.method != "GET":
        raise Refused(400, f"a WebSocket handshake is a GET, this is {request.method}")
    if "websocket" not in request.tokens("upgrade"):
        raise Refused(426, f"Upgrade is {request.header('upgrade')!r}, not websocket")
    if "upgrade" not in request.tokens("connection"):
        raise Refused(426, f"Connection is {request.header('connection')!r}, without upgrade")
    if request.header("sec-websocket-version") != "13":
        raise Refused(426, f"Sec-WebSocket-Version is {request.header('sec-websocket-version')!r}, not 13")
    key = request.header("sec-websocket-key") or ""
    try:
        nonce = b64decode(key, validate=True)
    except binascii.Error:
        nonce = b""
    if len(nonce) != _NONCE:
        raise Refused(400, f"Sec-WebSocket-Key {key!r} is not 16 bytes in base64")
    return key


class SocketWriter(Writer):
    """Writes messages into a WebSocket and reads the client's; pings are answered whatever the script does."""

    def __init__(self, channel: Channel, head: Head, script: Script) -> None:
        """Be not connected yet."""
        super().__init__(channel, head, script)
        self._frames = Connection(ConnectionType.SERVER)
        self._fragments: list[bytes] = []
        self._size = 0
        self._until_close = False
        self._closed = asyncio.Event()
        self._player: asyncio.Task[object] | None = None
        self._post: Callable[[bytes], None]
        # A second inbox: the first one is the request body's, and that ended before the handshake.
        self._inbox = channel.message_inbox(keep=script.reads)

    async def open(self) -> None:
        """Shake hands."""
        key = check_handshake(self.channel.request)
        self._player = asyncio.current_task()
        accept = b64encode(sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()
        headers = (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept),
            *((("Sec-WebSocket-Protocol", self.head.subprotocol),) if self.head.subprotocol else ()),
            *mark(self.channel),
            *extra(self.head),
        )
        self._post = await self.channel.upgrade(headers)
        self.channel.divert(self._received)

    # What the client sends.

    def _received(self, data: bytes) -> None:
        if self._closed.is_set():
            return
        self._frames.receive_data(data)
        for event in self._frames.events():
            match event:
                case TextMessage(data=text, message_finished=finished):
                    self._take(text.encode(), _TEXT, finished=finished)
                case BytesMessage(data=part, message_finished=finished):
                    self._take(bytes(part), _BINARY, finished=finished)
                case Ping(payload=payload):
                    self.channel.live.send("pong", 0, len(payload))
                    if self._frames.state is ConnectionState.OPEN:
                        self._post(bytes(self._frames.send(event.response())))
                case Pong():
                    self.channel.live.receive_pong()
                case CloseConnection():
                    self._client_closes(event)

    def _take(self, part: bytes, kind: bytes, *, finished: bool) -> None:
        self._fragments.append(part)
        self._size += len(part)
        if self._size > _MESSAGE_LIMIT:
            self._break_off(1009, f"message larger than {_MESSAGE_LIMIT} bytes")
        elif finished:
            message = b"".join(self._fragments)
            self.channel.live.receive(message)
            self._inbox.put(kind + message, self._size)
            self._fragments.clear()
            self._size = 0

    def _client_closes(self, event: CloseConnection) -> None:
        live = self.channel.live
        if self._frames.state in {ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING}:
            # What wsproto cannot parse it reports as a close, without changing its state.
            self._break_off(event.code, event.reason or "malformed frame")
            return
        live.close_code = event.code
        replied = self._frames.state is ConnectionState.CLOSED
        self._closed.set()
        self._inbox.end()
        if replied:
            return
        # The record first: a client that has its close answered may look at it.
        if self._until_close:
            live.complete()
        else:
            live.leave("CLOSE", event.code)
            self._stop()
        self._post(bytes(self._frames.send(event.response())))

    def _break_off(self, code: int, why: str) -> None:
        live = self.channel.live
        live.refuse(f"websocket: {why}")
        live.drop()
        if self._frames.state is ConnectionState.OPEN:
            self._post(bytes(self._frames.send(CloseConnection(code=code, reason=why))))
        self._closed.set()
        self._stop()

    def _stop(self) -> None:
        if self._player is not None:
            self._player.cancel()

    # What the script sends.

    def encoder(self, step: Event) -> Callable[[int], bytes]:
        """Prepare messages."""
        text = payload(step, self.channel)
        size = step.size
        if step.binary:
            return lambda n: self._frame(BytesMessage(text(n).encode().ljust(size, b".")))
        return lambda n: self._frame(TextMessage(text(n).ljust(size, ".")))

    def _frame(self, event: TextMessage | BytesMessage | Ping | CloseConnection) -> bytes:
        return bytes(self._frames.send(event)) if self._frames.state is ConnectionState.OPEN else b""

    async def receive(self) -> bytes | None:
        """Wait for the client's next message."""
        message = await self._inbox.get()
        return None if message is None else message[1:]

    async def read_all(self) -> None:
        """Read until the client closes."""
        self._until_close = True
        await super().read_all()

    async def echo(self) -> None:
        """Send each message back as what it was, until the client closes."""
        self._until_close = True
        while (message := await self._inbox.get()) is not None:
            kind, content = message[:1], message[1:]
            event = TextMessage(content.decode()) if kind == _TEXT else BytesMessage(content)
            await self.write(self._frame(event), "echo")

    async def ping(self, payload: bytes) -> None:
        """Send a ping."""
        await self.write(self._frame(Ping(payload)), "ping")

    async def end(self) -> None:
        """Close with 1000."""
        await self.close(1000, "")

    async def close(self, code: int, reason: str) -> None:
        """Close with a code and wait for the client's own close frame."""
        if closing := self._frame(CloseConnection(code=code, reason=reason)):
            await self.write(closing, "close", code)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), _CLOSE_PATIENCE)
