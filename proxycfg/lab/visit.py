"""One visit to an endpoint: a request as a client of its protocol sends it, and what comes of it, noted as it comes.

What is noted are times, sizes, statuses and headers, never what a body says; cookies and credentials are left out.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_accept_token, generate_nonce

from proxycfg.lab.client import Answer, Call, Headers, dial
from proxycfg.probes.messages import Counter
from proxycfg.timeline import Event

ENOUGH_BYTES = 2**20
ENOUGH_PIECES = 2000
"""So much is listened to; whoever streams more has shown how."""
CONNECTS_WITHIN = 10.0
"""Seconds for looking up, connecting and TLS, at most."""
_GOODBYE = 1.0
"""Seconds that a peer is given to answer a close frame."""
_SECRET = frozenset({"set-cookie", "set-cookie2", "authorization", "proxy-authorization", "www-authenticate", "cookie"})


class Notes:
    """The recording of a measurement, and its clock."""

    def __init__(self, hear: Callable[[Event], object] = id) -> None:
        """``hear`` is told each event as it happens."""
        self.events: list[Event] = []
        self._began = time.monotonic()
        self._hear = hear

    def note(self, exchange: int, what: str, **facts: Any) -> None:
        """Something happened now."""
        event = Event(round(time.monotonic() - self._began, 4), exchange, what, facts)
        self.events.append(event)
        self._hear(event)


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


async def reach(notes: Notes, exchange: int, endpoint: Endpoint) -> Call | None:
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
        notes.note(
            exchange,
            "unreached",
            transport=transport,
            how="timeout",
            said=f"no connection within {CONNECTS_WITHIN:g} s",
        )
    except ssl.SSLCertVerificationError as error:
        notes.note(
            exchange, "unreached", transport=transport, how="certificate", said=error.verify_message or str(error)
        )
    except socket.gaierror as error:
        notes.note(exchange, "unreached", transport=transport, how="name", said=str(error.strerror or error))
    except (OSError, UnicodeError) as error:
        notes.note(
            exchange,
            "unreached",
            transport=transport,
            how="refused",
            said=getattr(error, "strerror", None) or str(error),
        )
    else:
        session = call.transport.get_extra_info("ssl_object")
        tls = {"tls": session.version()} if session else {}
        notes.note(exchange, "connected", transport=transport, address=address, **tls)
        return call
    return None


async def visit(notes: Notes, exchange: int, endpoint: Endpoint, call: Call, errand: Errand) -> None:
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
    notes.note(
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
    try:
        answer = await _listen(notes, exchange, call, until, stop_at=101 if errand.socket else 0)
        if answer is None:
            return
        accepted = generate_accept_token(nonce.encode()).decode() if errand.socket else ""
        if answer.status == _SWITCHED and answer.header("sec-websocket-accept") == accepted:
            await _Socket(notes, exchange, call).talk(answer.body, errand, until)
        else:
            notes.note(exchange, "end", how="refused", said="the handshake's answer is not one to this handshake")
    except (ValueError, IndexError, zlib.error) as error:
        notes.note(exchange, "end", how="garbage", said=f"what comes is no HTTP: {type(error).__name__}: {error}")
    finally:
        call.hang_up()


_SWITCHED = 101


async def _listen(notes: Notes, exchange: int, call: Call, until: float, stop_at: int) -> Answer | None:
    """Note all that comes; the answer if it has the status at which somebody else goes on."""
    seen = pieces = 0
    headed = False
    counter = Counter("")
    unpack: Callable[[bytes], bytes] = bytes
    while True:
        call.changed.clear()
        answer = call.answer
        if answer.status and not headed:
            headed = True
            told = [[name.lower(), "…" if name.lower() in _SECRET else value] for name, value in answer.headers]
            notes.note(exchange, "head", status=answer.status, headers=told)
            if answer.status == stop_at:
                return answer
            counter = Counter(answer.header("content-type") or "")
            if answer.header("content-encoding") == "gzip":
                unpack = zlib.decompressobj(31).decompress
        if len(answer.body) > seen:
            data = answer.body[seen:]
            seen = len(answer.body)
            pieces += 1
            notes.note(exchange, "piece", bytes=len(data), messages=counter.more(unpack(data)))
        left = until - time.monotonic()
        over = _over(call, answer, full=seen > ENOUGH_BYTES or pieces > ENOUGH_PIECES, late=left <= 0)
        if over:
            if answer.trailers:
                notes.note(exchange, "trailers", headers=[[name.lower(), value] for name, value in answer.trailers])
            notes.note(exchange, "end", how=over)
            return None
        await call.until(call.changed.is_set, left)


def _over(call: Call, answer: Answer, *, full: bool, late: bool) -> str:
    """How an exchange has ended by now, in a word; empty if it goes on."""
    if answer.status and answer.complete:
        return "complete"
    if call.closed.is_set():
        return "cut" if answer.status else "unanswered"
    return "enough" if full else "left" if late else ""


class _Socket:
    """An open WebSocket: what comes is noted, pings are answered, and one of our own asks whether anybody is there."""

    def __init__(self, notes: Notes, exchange: int, call: Call) -> None:
        self._notes, self._exchange, self._call = notes, exchange, call
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
        self._notes.note(self._exchange, what, **facts)
