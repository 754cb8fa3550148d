"""What the pitfalls of the linter's rules do to a stream on a real Envoy: one function a rule, that says whether the config does what it should.

Nothing sleeps: that something does not happen is shown by a witness, a request that begins later and that a timer ends which is longer than any of
those in question.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxycfg.origin.server import stop_listening
from tests.engines.ports import free_ports
from tests.targets import envoy_lab

HOST = b"app.example.com"
EVENT = b"data: hello\n\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
WITNESS = "1.3s"
"""Longer than the timers in question, which are scaled to a second."""
_LIMIT = 20.0
"""Seconds after which a demonstration fails: nothing in it takes as long."""


@dataclass
class Arrival:
    """A request as its origin sees it, up to the empty line."""

    head: bytes
    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """That its connection has ended."""

    def stream(self, *headers: bytes) -> None:
        """Begin a stream of events."""
        self.writer.write(
            b"\r\n".join((b"HTTP/1.1 200 OK", b"content-type: text/event-stream", *headers, b"transfer-encoding: chunked", b"", b""))
        )  # fmt: skip
        self.event()

    def event(self) -> None:
        """Send one more."""
        self.writer.write(b"%x\r\n%s\r\n" % (len(EVENT), EVENT))

    def answer(self, status: bytes, *headers: bytes) -> None:
        """Answer without a body."""
        self.writer.write(b"\r\n".join((b"HTTP/1.1 " + status, *headers, b"content-length: 0", b"", b"")))


@dataclass
class Client:
    """A connection, and what came through it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    got: bytes = b""

    async def until(self, pattern: bytes) -> bool:
        """Read until a text is there; False if the connection ends before."""
        while not re.search(pattern, self.got):
            try:
                data = await self.reader.read(65536)
            except ConnectionResetError:
                return False
            if not data:
                return False
            self.got += data
        return True


@dataclass
class Stand:
    """One config that runs."""

    port: int
    arrivals: asyncio.Queue[Arrival] = field(default_factory=asyncio.Queue)
    witnesses: asyncio.Queue[Arrival] = field(default_factory=asyncio.Queue)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, data: bytes) -> Client:
        """A connection on which that is sent."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.writers.append(client.writer)
        client.writer.write(data)
        return client

    async def ask(self, path: bytes, *headers: bytes, method: bytes = b"GET", body: bytes = b"") -> Client:
        """A request by HTTP/1.1."""
        head = (method + b" " + path + b" HTTP/1.1", b"host: " + HOST, *headers, b"", b"")
        return await self.connect(b"\r\n".join(head) + body)

    async def witness(self) -> Awaitable[None]:
        """A request that begins now: what is given is there when its timer has ended it."""
        return self._ended(await self.ask(b"/witness"))

    async def _ended(self, client: Client) -> None:
        await self.witnesses.get()
        await client.until(b"504")

    async def first(self, *events: Awaitable[Any]) -> int:
        """Which of these comes first, by its place."""
        tasks = [asyncio.ensure_future(event) for event in events]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(at for at, task in enumerate(tasks) if task in done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def streams(self, path: bytes, *headers: bytes) -> tuple[Client, Arrival]:
        """A stream of events that has begun."""
        client = await self.ask(path, *headers)
        arrival = await self.arrivals.get()
        arrival.stream()
        return client, arrival

    async def shakes(self, path: bytes) -> bool:
        """Whether a handshake gets to an origin of HTTP/1.1, and its answer back."""
        client = await self.ask(
            path, b"connection: upgrade", b"upgrade: websocket", b"sec-websocket-version: 13", b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
        )  # fmt: skip
        if await self.first(self._accepted(), client.until(b"^HTTP/1.1 [^1]|^[^H]"), await self.witness()):
            return False
        return await client.until(b"^HTTP/1.1 101 ")

    async def _accepted(self) -> None:
        while True:
            arrival = await self.arrivals.get()
            if not arrival.head.startswith(PREFACE):
                break
        arrival.writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")


_WITNESS = f"""\
              routes:
              - match: {{prefix: /witness}}
                route: {{cluster: witness, timeout: {WITNESS}}}
"""
_CLUSTER = """\
  clusters:
  - name: witness
    type: STATIC
    connect_timeout: 2s
    load_assignment:
      cluster_name: witness
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8000}}}
"""


@contextlib.asynccontextmanager
async def running(text: str, edits: Mapping[str, str]) -> AsyncIterator[Stand]:
    """A config of a rule's proof, with a witness, on a real Envoy in front of an origin that does what it is told."""
    for old, new in edits.items():
        text = text.replace(old, new)
    (port,) = free_ports(1)
    stand = Stand(port)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stand.writers.append(writer)
        gone = asyncio.Event()
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                queue = stand.witnesses if b" /witness " in head else stand.arrivals
                queue.put_nowait(Arrival(head, writer, gone))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            gone.set()
        finally:
            # One that comes at the very end is in nobody's list any more.
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    origin = server.sockets[0].getsockname()[1]
    text = text.replace("              routes:\n", _WITNESS, 1).replace("  clusters:\n", _CLUSTER, 1)
    text = text.replace("port_value: 8000", f"port_value: {origin}")
    text = text.replace("0.0.0.0, port_value: 10000", f"127.0.0.1, port_value: {port}")
    with await asyncio.to_thread(_started, text, port) as proxy:
        try:
            yield stand
        finally:
            proxy.pop_all().close()
            await stop_listening(server)
            for writer in stand.writers:
                writer.close()
            await asyncio.gather(*(writer.wait_closed() for writer in stand.writers), return_exceptions=True)


def _started(text: str, port: int) -> contextlib.ExitStack:
    stack = contextlib.ExitStack()
    stack.enter_context(envoy_lab.running(text, port, 0))
    return stack


# ---- demonstrations ----

Show = Callable[[Stand], Awaitable[bool]]


@dataclass(frozen=True)
class Demo:
    """How a rule is shown: what to look at, and what stands in both configs in place of what is too slow or too large to be reached here."""

    show: Show
    edits: Mapping[str, str]


DEMOS: dict[str, Demo] = {}
"""By rule, or by rule and the name of one of its configs: ``rule/alike`` is for ``bad-alike.yaml`` and ``fixed-alike.yaml``."""


def shows(*rules: str, edits: Mapping[str, str] | None = None) -> Callable[[Show], Show]:
    """Enter a demonstration for rules: it holds on their fixed configs, or good ones, and does not on the bad ones."""

    def entered(show: Show) -> Show:
        DEMOS.update((rule, Demo(show, edits or {})) for rule in rules)
        return show

    return entered


async def shown(text: str, demo: Demo) -> bool:
    """Whether what a demonstration asks for holds."""
    async with asyncio.timeout(_LIMIT), running(text, demo.edits) as stand:
        return await demo.show(stand)


async def _outlasts(stand: Stand, client: Client, arrival: Arrival) -> bool:
    """Whether a stream that began is there when the witness has gone."""
    cut = asyncio.ensure_future(client.until(b"never"))
    if await stand.first(await stand.witness(), asyncio.shield(cut)):
        return False
    cut.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await cut
    client.got = b""
    arrival.event()
    return await client.until(re.escape(EVENT))


@shows("idle-timeout-too-short", edits={"idle_timeout: 30s": "idle_timeout: 1s"})
@shows("idle-timeout-too-short/try", edits={"per_try_idle_timeout: 20s": "per_try_idle_timeout: 1s"})
async def a_pause(stand: Stand) -> bool:
    """An event after a pause."""
    return await _outlasts(stand, *await stand.streams(b"/events"))


@shows("stream-ended-by-timeout", edits={"timeout: 120s": "timeout: 1s"})
async def a_long_answer(stand: Stand) -> bool:
    """An event when the timer has gone off."""
    return await _outlasts(stand, *await stand.streams(b"/feed", b"accept: text/event-stream"))


@shows("stream-ended-by-timeout/longest", edits={"max_stream_duration: 30s": "max_stream_duration: 1s"})
async def a_long_socket(stand: Stand) -> bool:
    """The same where the connection manager has it."""
    return await _outlasts(stand, *await stand.streams(b"/ws"))


@shows("websocket-not-allowed", "websocket-not-allowed/buffer", "http-1-1-not-served", "websocket-over-http-2")
async def a_handshake(stand: Stand) -> bool:
    """A handshake that the origin accepts."""
    return await stand.shakes(b"/ws")


@shows("grpc-to-http-1-origin")
async def a_call(stand: Stand) -> bool:
    """What the origin is spoken to in."""
    await stand.ask(b"/chat.v1.Chat/Talk", b"content-type: application/grpc", b"content-length: 0", method=b"POST")
    return (await stand.arrivals.get()).head.startswith(PREFACE)


@shows("grpc-without-http-2")
async def a_preface(stand: Stand) -> bool:
    """What a client of HTTP/2 is answered: a frame of settings."""
    client = await stand.connect(PREFACE + b"SM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
    return await client.until(rb"\A[^H]..\x04")


@shows("request-collected")
async def an_upload(stand: Stand) -> bool:
    """Whether the origin hears of a request that goes on."""
    await stand.ask(
        b"/chat.v1.Chat/Talk", b"content-type: application/grpc", b"transfer-encoding: chunked", method=b"POST", body=b"5\r\nhello\r\n"
    )  # fmt: skip
    return not await stand.first(stand.arrivals.get(), await stand.witness())


@shows("sse-response-buffered/script")
async def an_event(stand: Stand) -> bool:
    """Whether an event comes before the end of the answer."""
    client, _ = await stand.streams(b"/events")
    return not await stand.first(client.until(EVENT), await stand.witness())


@shows("chunked-response-buffered")
async def a_message(stand: Stand) -> bool:
    """The same of another stream."""
    client, _ = await stand.streams(b"/export")
    return not await stand.first(client.until(EVENT), await stand.witness())


@shows("stream-filtered")
async def a_compressed_event(stand: Stand) -> bool:
    """Whether something of an event comes before the end of the answer, for a client that takes whatever the compressor makes."""
    client, _ = await stand.streams(b"/events", b"accept-encoding: gzip, zstd")
    return not await stand.first(client.until(rb"\r\n\r\n[0-9a-f]+\r\n."), await stand.witness())


@shows("compressor-on-stream")
async def a_plain_event(stand: Stand) -> bool:
    """Whether an event comes as it is."""
    client, _ = await stand.streams(b"/events", b"accept-encoding: gzip")
    return await client.until(b"\r\n\r\n") and b"content-encoding" not in client.got


@shows("stream-cached")
async def two_subscribers(stand: Stand) -> bool:
    """Whether the second of them gets to the origin."""
    first = await stand.ask(b"/events")
    arrival = await stand.arrivals.get()
    arrival.answer(b"200 OK", b"cache-control: max-age=60", b"date: Sat, 21 Nov 2099 10:00:00 GMT")
    await first.until(b"\r\n\r\n")
    second = await stand.ask(b"/events")
    return not await stand.first(stand.arrivals.get(), second.until(b"\r\n\r\n"))


@shows("cache-bypasses-route")
async def a_new_path(stand: Stand) -> bool:
    """Which path the origin is asked for."""
    await stand.ask(b"/events")
    return (await stand.arrivals.get()).head.startswith(b"GET /v1/feed ")


@shows("cache-bypasses-route/headers")
async def a_header(stand: Stand) -> bool:
    """Whether the origin gets it."""
    await stand.ask(b"/events")
    return b"\r\nx-api-key: " in (await stand.arrivals.get()).head


@shows("cache-bypasses-route/guard")
async def an_unwanted_request(stand: Stand) -> bool:
    """Whether what is denied to everybody is denied to it."""
    client = await stand.ask(b"/events")
    return bool(await stand.first(stand.arrivals.get(), client.until(b" 403 ")))


@shows("connection-duration-of-zero")
async def a_quiet_connection(stand: Stand) -> bool:
    """Whether a connection is still there when others that came later have been dealt with, so that Envoy has looked at its timers."""
    first = await stand.connect(b"")
    for _ in range(3):
        await (await stand.ask(b"/nowhere")).until(b" 404 ")
    first.writer.write(b"GET /nowhere HTTP/1.1\r\nhost: " + HOST + b"\r\n\r\n")
    return await first.until(b" 404 ")


@shows("body-limit-too-low", edits={"max_request_bytes: 1048576": "max_request_bytes: 1000"})
async def a_long_upload(stand: Stand) -> bool:
    """Whether it is refused."""
    client = await stand.ask(
        b"/chat.v1.Chat/Talk", b"content-type: application/grpc", b"transfer-encoding: chunked", method=b"POST",
        body=b"7d0\r\n" + b"x" * 2000 + b"\r\n",
    )  # fmt: skip
    return not await stand.first(await stand.witness(), client.until(b" 413 "))


@shows("retry-on-stream", "retry-on-stream/own")
async def a_prompt(stand: Stand) -> bool:
    """Whether an origin that failed is asked once more."""
    client = await stand.ask(b"/v1/chat/completions", b"content-length: 2", method=b"POST", body=b"{}")
    (await stand.arrivals.get()).answer(b"503 Service Unavailable")
    return not await stand.first(client.until(b" 503 "), stand.arrivals.get())


@shows("circuit-breaker-low", edits={": 50\n": ": 2\n"})
async def three_streams(stand: Stand) -> bool:
    """Whether the third gets to the origin."""
    for _ in range(2):
        await stand.streams(b"/events")
    third = await stand.ask(b"/events")
    return not await stand.first(stand.arrivals.get(), third.until(b" 503 "), await stand.witness())


_INDENT = " " * 18
"""Of the fields of a route's action."""


@shows(
    "stream-route-shadowed", edits={f"{_INDENT}cluster: other\n": f"{_INDENT}cluster: other\n{_INDENT}timeout: 1s\n"}
)
async def a_covered_stream(stand: Stand) -> bool:
    """Which of both routes it goes by: one of them has a timeout."""
    return await _outlasts(stand, *await stand.streams(b"/events"))


@shows("filter-settings-unmatched")
async def an_upload_past_a_filter(stand: Stand) -> bool:
    """Whether the filter is off."""
    return await an_upload(stand)


@shows("upgrade-chain-without-auth")
async def an_unwanted_handshake(stand: Stand) -> bool:
    """Whether what is denied to everybody is denied to it."""
    return not await stand.shakes(b"/ws")


@shows("request-timeout-on-upload", edits={"request_timeout: 300s": "request_timeout: 1s"})
async def an_upload_that_lasts(stand: Stand) -> bool:
    """Whether it is refused in the middle."""
    client = await stand.ask(
        b"/chat.v1.Chat/Talk", b"content-type: application/grpc", b"transfer-encoding: chunked", method=b"POST"
    )
    return not await stand.first(await stand.witness(), client.until(b" 408 |grpc-status: "))


@shows("timeout-without-effect", edits={"timeout: 30s": "timeout: 1s"})
async def a_timeout(stand: Stand) -> bool:
    """Whether it fires."""
    client = await stand.ask(b"/api")
    return not await stand.first(client.until(b" 504 "), await stand.witness())


@shows("mirror-outlives-client", edits={"max_stream_duration: 30s": "max_stream_duration: 1s"})
async def a_copy(stand: Stand) -> bool:
    """Whether it ends when its client has left, sooner or later."""
    client = await stand.ask(b"/events")
    both = [await stand.arrivals.get(), await stand.arrivals.get()]
    for arrival in both:
        arrival.stream()
    client.writer.close()
    (copy,) = (arrival for arrival in both if b"-shadow" in arrival.head)
    return not await stand.first(copy.gone.wait(), await stand.witness())


@shows("hash-policy-ignored")
async def a_cookie(stand: Stand) -> bool:
    """Whether there is one."""
    client, _ = await stand.streams(b"/events")
    return await client.until(b"\r\n\r\n") and b"set-cookie: server=" in client.got


@shows("stream-hedged", edits={"per_try_timeout: 30s": "per_try_timeout: 1s", "timeout: 120s": "timeout: 60s"})
async def a_poll(stand: Stand) -> bool:
    """Whether it is held once."""
    client = await stand.ask(b"/poll")
    await stand.arrivals.get()
    return not await stand.first(_until_ended(stand, client), stand.arrivals.get())


async def _until_ended(stand: Stand, client: Client) -> None:
    await stand.first(client.until(b" 504 "), await stand.witness())


@shows("grpc-web-filter-missing/match")
async def a_call_from_a_browser(stand: Stand) -> bool:
    """Whether there is a route for it."""
    client = await stand.ask(
        b"/chat.v1.Chat/Talk", b"content-type: application/grpc-web", b"content-length: 0", method=b"POST"
    )
    return not await stand.first(stand.arrivals.get(), client.until(b" 404 |grpc-status: 12"))
