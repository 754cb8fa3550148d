"""One visit to an endpoint: a request as a client of its protocol sends it, and what comes of it, noted as it comes.

What is noted are times, sizes, statuses and headers, never what a body says; cookies and credentials are left out.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_accept_token, generate_nonce

from proxycfg.lab.client import Answer, Call, Headers, dial, nobody
from proxycfg.lab.tape import Heard, Tape

ENOUGH_BYTES = 2**20
ENOUGH_PIECES = 2000
"""So much is listened to; whoever streams more has shown how."""
CONNECTS_WITHIN = 10.0
"""Seconds for looking up, connecting and TLS, at most."""
_GOODBYE = 1.0
"""Seconds that a peer is given to answer a close frame."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where to go, and as whom.

    :param transport: ``http/1.1``, ``http/1.1+tls``, ``2`` (TLS) or ``2+clear``.
    :param authority: the host with its port, as a client says it.
    :param insecure: believe any certificate.
    """

    host: str
    port: int
    transport: str
    authority: str
    insecure: bool = False

    @property
    def secure(self) -> bool:
        """Whether it is asked over TLS."""
        return self.transport in {"http/1.1+tls", "2"}


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What to ask there.

    :param seconds: how long to listen, from the request on.
    :param socket: whether it is a WebSocket; its body is a text message then, sent when it is open.
    """

    method: str
    target: str
    headers: Headers = field(default_factory=list)
    body: bytes | None = None
    seconds: float
    socket: bool = False


async def reach(tape: Tape, exchange: int, endpoint: Endpoint) -> Call | None:
    """Connect, and note how that went; None where there is no connection to be had."""
    transport = endpoint.transport
    try:
        async with asyncio.timeout(CONNECTS_WITHIN):
            found = await asyncio.get_running_loop().getaddrinfo(
                endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
            address = str(found[0][4][0])
            trust = ssl.create_default_context() if endpoint.secure and not endpoint.insecure else None
            call = await dial(address, endpoint.port, transport, host=endpoint.host, trust=trust)
    except TimeoutError:
        tape.note(
            exchange,
            "unreached",
            transport=transport,
            how="timeout",
            said=f"no connection within {CONNECTS_WITHIN:g} s",
        )
    except ssl.SSLCertVerificationError as error:
        tape.note(
            exchange, "unreached", transport=transport, how="certificate", said=error.verify_message or str(error)
        )
    except socket.gaierror as error:
        tape.note(exchange, "unreached", transport=transport, how="name", said=str(error.strerror or error))
    except (OSError, UnicodeError) as error:
        tape.note(
            exchange,
            "unreached",
            transport=transport,
            how="refused",
            said=getattr(error, "strerror", None) or str(error),
        )
    else:
        session = call.transport.get_extra_info("ssl_object")
        tls = {"tls": session.version()} if session else {}
        tape.note(exchange, "connected", transport=transport, address=address, **tls)
        return call
    return None


async def visit(tape: Tape, exchange: int, endpoint: Endpoint, call: Call, errand: Errand) -> None:
    """Ask, listen for so many seconds, and leave."""
    nonce = generate_nonce().decode() if errand.socket else ""
    shake = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", nonce),
    ]
    headers = [*errand.headers, *(shake if errand.socket else [])]
    body = None if errand.socket else errand.body
    tape.note(
        exchange,
        "sent",
        method=errand.method,
        transport=endpoint.transport,
        headers=sorted({name.lower() for name, _ in headers}),
        bytes=len(body or b""),
    )
    scheme = {} if not endpoint.transport.startswith("2") else {"scheme": "https" if endpoint.secure else "http"}
    call.send(errand.method, errand.target, headers, host=endpoint.authority, body=body, **scheme)  # type: ignore[attr-defined]
    until = time.monotonic() + errand.seconds
    heard = call.heard = Heard(tape, exchange, call)
    try:
        if errand.socket and (answer := await _shaken(heard, call, until)) is not None:
            if answer.header("sec-websocket-accept") == generate_accept_token(nonce.encode()).decode():
                await _Socket(tape, exchange, call).talk(answer.body, errand, until)
            else:
                heard.end("refused", said="the handshake's answer is not one to this handshake")
        else:
            await _listen(heard, call, until)
    finally:
        call.hang_up()


async def _shaken(heard: Heard, call: Call, until: float) -> Answer | None:
    """The answer that makes a WebSocket of the connection; None if another one comes, or none in time."""
    await call.until(lambda: heard.over or call.answer.status, until - time.monotonic())
    if heard.over or call.answer.status != _SWITCHED:
        return None
    # What comes from here on are frames.
    call.heard = nobody
    return call.answer


_SWITCHED = 101


async def _listen(heard: Heard, call: Call, until: float) -> None:
    """Wait until it is over, or enough was heard."""
    await call.until(
        lambda: heard.over or heard.bytes > ENOUGH_BYTES or heard.pieces > ENOUGH_PIECES, until - time.monotonic()
    )
    heard.end("enough" if heard.bytes > ENOUGH_BYTES or heard.pieces > ENOUGH_PIECES else "left")


class _Socket:
    """An open WebSocket: what comes is noted, pings are answered, and one of our own asks whether anybody is there."""

    def __init__(self, tape: Tape, exchange: int, call: Call) -> None:
        self._tape, self._exchange, self._call = tape, exchange, call
        self._frames = Connection(ConnectionType.CLIENT)
        self._closed = False
        self._pongs = 0

    async def talk(self, first: bytes, errand: Errand, until: float) -> None:
        """A ping at once, the message of the errand, silence, and another ping before the time is over: who answers that has borne the silence."""
        self._note("open")
        self._receive(first)
        self._ping()
        if errand.body is not None:
            self._send(Message(data=errand.body.decode("utf-8", "replace")))
            self._note("said", bytes=len(errand.body))
        last = until - min(_GOODBYE, errand.seconds / 4)
        await self._wait(last)
        if not self._over:
            self._ping()
            await self._wait(until)
        if not self._over:
            self._send(CloseConnection(code=1000))
            self._note("closing")
            await self._wait(time.monotonic() + _GOODBYE)
            if not self._closed:
                self._note("end", how="left")
        if not self._closed and self._call.closed.is_set():
            self._note("end", how="cut")

    @property
    def _over(self) -> bool:
        return self._closed or self._call.closed.is_set()

    async def _wait(self, until: float) -> None:
        seen = len(self._call.answer.body)
        while not self._over and (left := until - time.monotonic()) > 0:
            self._call.changed.clear()
            body = self._call.answer.body
            if len(body) > seen:
                self._receive(body[seen:])
                seen = len(body)
            else:
                await self._call.until(self._call.changed.is_set, left)

    def _receive(self, data: bytes) -> None:
        if not data:
            return
        try:
            self._frames.receive_data(data)
            for event in self._frames.events():
                self._event(event)
        except RemoteProtocolError as error:
            self._closed = True
            self._note("end", how="garbage", said=f"what comes is no WebSocket: {error}")

    def _event(self, event: object) -> None:
        if isinstance(event, Ping):
            self._send(event.response())
            self._note("pinged")
        elif isinstance(event, Pong):
            self._note("pong")
        elif isinstance(event, (TextMessage, BytesMessage)):
            self._note("piece", bytes=len(event.data), messages=int(event.message_finished))
        elif isinstance(event, CloseConnection):
            self._closed = True
            self._send(event.response())
            self._note("end", how="complete", code=event.code)

    def _ping(self) -> None:
        self._send(Ping(payload=b"proxycfg"))
        self._note("ping")

    def _send(self, event: Any) -> None:
        try:
            self._call.transport.write(self._frames.send(event))
        except LocalProtocolError:
            return  # it is closing

    def _note(self, what: str, **facts: Any) -> None:
        self._tape.note(self._exchange, what, **facts)
