"""What the pitfalls of the linter's rules do to a stream on a real nginx: one function a rule, that says whether the config does what it should.

A rule that owns properties needs none: its routes are measured by the probes of `tests/differential`. The others are shown here. All of it
happens in the lock-step and on the clock of that lab, so that silence of a minute takes seconds and no load makes one answer look like another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h2.exceptions

from proxycfg.lab.bench import Ask, Exchange
from proxycfg.lab.client import Call2
from proxycfg.lab.origin import Arrival
from proxycfg.lab.probe import AtLeast, Target
from proxycfg.probes.answers import caching
from proxycfg.probes.calls import grpc, upgrade
from proxycfg.probes.limits import affinity
from proxycfg.probes.silence import origin_silence
from tests.differential.bench import Bench
from tests.differential.nginx.lab import Lab

HOST = "app.example.com"
MINUTE = 70.0
"""Seconds: longer than nginx's usual timeouts."""
SOON = 40.0
"""Seconds of nginx's clock in which what is on its way comes even on a loaded machine; shorter than any timeout that matters here."""
SSE = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]


@dataclass(frozen=True)
class Stand:
    """One config that runs, and the request that the demonstration is about."""

    lab: Lab
    bench: Bench
    ask: Ask

    @property
    def folder(self) -> Path:
        """What nginx was started in: its logs, and ``said``, what it had to say then."""
        return self.bench.folder

    async def send(
        self, handler: Callable[[Arrival], None] | None = None, path: str | None = None, **how: Any
    ) -> Exchange:
        """A request, for another path if it names one."""
        ask = self.ask if path is None else replace(self.ask, path=path)
        return await self.bench.ask(ask, handler, **how)

    async def answered(self, handler: Callable[[Arrival], None] | None = None, **how: Any) -> Exchange:
        """A request, and its answer to the end, or as far as it comes soon."""
        exchange = await self.send(handler, **how)
        await self.bench.until(lambda: exchange.call.answer.complete or exchange.call.closed.is_set(), SOON)
        return exchange

    async def stream(self, *head: tuple[str, str], **how: Any) -> tuple[Exchange, Arrival | None]:
        """A stream of events that has begun, ``head`` among its headers; no arrival if the origin never saw it."""
        exchange = await self.send(silent, **how)
        arrival = await exchange.arrival()
        if arrival is not None:
            arrival.head(200, [*SSE, *head])
            arrival.data(b"data: first\n\n")
        return exchange, arrival

    def target(self) -> Target:
        """For a probe."""
        return Target("", self.ask, (self.ask,), "", straight=True, shakes=True, posts=True, complete=True)


Show = Callable[[Stand], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class Demo:
    """How a rule is shown.

    :param show: whether the config works.
    :param edits: in both configs, what is too large or too slow to be reached here, and what is in its place.
    :param limits: with the config's own limits on connections and failures, alone with its nginx.
    :param unreachable: with origins that never take a connection.
    :param instead: for a setting that does nothing where it stands: what makes of the bad config one in which it does something.
    """

    show: Show
    path: str
    versions: tuple[str, ...]
    edits: Mapping[str, str]
    limits: bool
    unreachable: bool
    instead: Mapping[str, str]


DEMOS: dict[str, Demo] = {}
"""By rule, or by rule and the name of one of its configs: ``rule/alike`` is for ``bad-alike.conf``, ``fixed-alike.conf`` and ``good-alike.conf``."""


def shows(
    *rules: str,
    path: str = "/events",
    versions: tuple[str, ...] = ("1.30",),
    edits: Mapping[str, str] | None = None,
    limits: bool = False,
    unreachable: bool = False,
    instead: Mapping[str, str] | None = None,
) -> Callable[[Show], Show]:
    """Enter a demonstration for rules: it holds on their fixed and good configs, and does not on the bad ones."""

    def entered(show: Show) -> Show:
        for rule in rules:
            DEMOS[rule] = Demo(
                show=show, path=path, versions=versions, edits=edits or {}, limits=limits, unreachable=unreachable,
                instead=instead or {},
            )  # fmt: skip
        return show

    return entered


def silent(_: Arrival) -> None:
    """An origin that takes its time."""


def ok(arrival: Arrival) -> None:
    """An origin that answers at once."""
    arrival.answer(200, [("Content-Type", "text/plain"), ("Cache-Control", "no-store")], b"ok")


def when_complete(arrival: Arrival) -> None:
    """An origin that reads all of a request before it answers, as most do."""

    async def later() -> None:
        await arrival.done.wait()
        ok(arrival)

    arrival.__dict__["task"] = asyncio.ensure_future(later())


# ---- events, sockets and calls ----


async def _arrive(stand: Stand, *head: tuple[str, str]) -> bool:
    exchange, arrival = await stand.stream(*head, headers=[("Accept-Encoding", "gzip")])
    call = exchange.call
    if arrival is None or not await stand.bench.until(lambda: b"data: first\n\n" in call.answer.text, SOON):
        return False
    large = b"data: " + b"x" * 100_000 + b"\n\n"
    arrival.data(large)
    return await stand.bench.until(lambda: large in call.answer.text, SOON)


@shows("x-accel-buffering-in-vain", "stream-filtered", "try-files-before-pass", "settings-left-behind")
@shows("timeout-of-zero", versions=("1.26", "1.30"))
@shows("stream-location-shadowed/alike", path="/events/")
async def events_arrive(stand: Stand) -> bool:
    """Events, each before the next is sent, and a large one."""
    return await _arrive(stand)


@shows("x-accel-buffering-ignored", versions=("1.26", "1.30"))
async def events_arrive_as_the_origin_asks(stand: Stand) -> bool:
    """The same from an origin that says that they are not to be held."""
    return await _arrive(stand, ("X-Accel-Buffering", "no"))


@shows("stream-rate-limited")
async def answer_comes_at_full_speed(stand: Stand) -> bool:
    """What the origin has said is soon with the client."""
    exchange = await stand.answered(lambda arrival: arrival.answer(200, SSE, b"data: " + b"x" * 100_000 + b"\n\n"))
    return exchange.call.answer.complete


@shows("websocket-over-http-2", "websocket-to-another-protocol", "slash-redirect", path="/ws")
@shows("http-1-1-not-served", path="/ws", versions=("1.22",))
@shows("stream-location-shadowed", path="/socket.io/", versions=("1.26", "1.30"))
async def socket_opens(stand: Stand) -> bool:
    """A handshake, and a word each way."""
    return (await upgrade(stand.bench, stand.target()))["upgrade"] is True


@shows("upgrade-in-subrequest", path="/ws")
async def socket_opens_behind_a_check(stand: Stand) -> bool:
    """The same, where the service that is asked for permission takes handshakes as well, as one that is part of the application does."""

    def handler(arrival: Arrival) -> None:
        if arrival.header("upgrade"):
            arrival.raw(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            arrival.wire.raw_mode = True
        else:
            ok(arrival)

    headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "a"), ("Sec-WebSocket-Version", "13")]  # fmt: skip
    exchange = await stand.send(handler, headers=headers)
    await stand.bench.until(lambda: exchange.call.answer.status, SOON)
    return exchange.call.answer.status == 101


@shows("websocket-origin-mismatch", path="/cable")
async def host_is_the_pages(stand: Stand) -> bool:
    """What frameworks compare with the Origin of the page."""
    exchange = await stand.answered(ok)
    return exchange.arrivals[0].header("host") == HOST


@shows("grpc-without-tls", path="/chat.v1.ChatService/Talk")
async def call_has_a_status(stand: Stand) -> bool:
    """A unary call."""
    return (await grpc(stand.bench, stand.target())).get("grpc") is True


@shows("grpc-html-errors", path="/chat.v1.ChatService/Talk")
async def failed_call_has_a_status(stand: Stand) -> bool:
    """A call whose server is gone."""
    exchange = await stand.answered(
        lambda arrival: arrival.drop(), transport="2+clear", method="POST", body=b"\0\0\0\0\0",
        headers=[("Content-Type", "application/grpc"), ("TE", "trailers")],
    )  # fmt: skip
    answer = exchange.call.answer
    return any(key == "grpc-status" for key, _ in (*answer.headers, *answer.trailers))


@shows("upstream-name-not-sent", path="/v1/chat/completions")
async def origin_knows_the_name(stand: Stand) -> bool:
    """An origin that answers for names that it is called by in TLS."""
    exchange = await stand.answered(ok)
    return exchange.call.answer.status == 200


# ---- time ----


@shows("wrong-timeout-raised")
async def silence_is_survived(stand: Stand) -> bool:
    """A minute of it."""
    spent = (await origin_silence(stand.bench, stand.target()))["upstream_idle_timeout"]
    return isinstance(spent, AtLeast)


@shows("connect-timeout-too-long", path="/ws", unreachable=True)
async def failure_is_told(stand: Stand) -> bool:
    """An origin that cannot be reached, within a minute."""
    exchange = await stand.send()
    return await stand.bench.until(lambda: exchange.call.answer.status == 504, MINUTE)


async def _lives_after_a_reload(stand: Stand) -> bool:
    """A stream that talks, for a minute after nginx was told to read its config again."""
    exchange, arrival = await stand.stream()
    assert arrival
    await stand.bench.until(lambda: b"first" in exchange.call.answer.text, SOON)
    stand.bench.leave()
    await stand.lab.engine.reload(stand.folder)
    await stand.bench.open()

    def cut() -> bool:
        arrival.data(b"data: tick\n\n")
        return arrival.closed.is_set() or exchange.call.closed.is_set()

    return not await stand.bench.until(cut, MINUTE)


@shows("shutdown-timeout-too-short")
async def stream_survives_a_reload(stand: Stand) -> bool:
    """Some time of it at least."""
    return await _lives_after_a_reload(stand)


@shows("shutdown-timeout-missing", edits={"worker_shutdown_timeout 5m": "worker_shutdown_timeout 30s"})
async def old_worker_ends(stand: Stand) -> bool:
    """With the streams that it has."""
    return not await _lives_after_a_reload(stand)


@shows("polls-mark-servers-down", path="/poll", limits=True, edits={"127.0.0.1:9001;": "127.0.0.1:9001 fail_timeout=1h;", "127.0.0.1:9002;": "127.0.0.1:9002 fail_timeout=1h;"})  # fmt: skip
async def others_are_served_while_polls_wait(stand: Stand) -> bool:
    """A minute after a silent poll on each server."""
    await stand.bench.open()
    held: dict[str, Exchange] = {}
    for number in range(1, 60):
        exchange = await stand.send(silent, source=f"127.{number}.7.1")
        arrival = await exchange.arrival()
        assert arrival
        held.setdefault(arrival.address, exchange)
        if len(held) == 2:
            break
    assert len(held) == 2
    await stand.bench.until(lambda: all(each.call.answer.status for each in held.values()), MINUTE)
    return (await stand.answered(ok)).call.answer.status == 200


# ---- headers and paths ----


def _answer_header(name: str, status: int = 200) -> Show:
    async def show(stand: Stand) -> bool:
        exchange = await stand.answered(lambda arrival: arrival.answer(status, SSE, b"data: x\n\n"))
        return exchange.call.answer.header(name) is not None

    return show


shows("added-headers-dropped")(_answer_header("access-control-allow-origin"))
shows("cors-only-on-success")(_answer_header("access-control-allow-origin", 500))


def _request_header(name: str, value: str | None = None) -> Show:
    async def show(stand: Stand) -> bool:
        headers = [("Last-Event-ID", "7"), ("Connection", "keep-alive, mine")]
        arrival = (await stand.answered(ok, headers=headers)).arrivals[0]
        found = arrival.header(name)
        return found is not None if value is None else value not in (found or "").lower()

    return show


shows("forwarded-headers-dropped")(_request_header("x-forwarded-for"))
shows("request-headers-withheld")(_request_header("last-event-id"))
shows("connection-header-passed-through", path="/ws")(_request_header("connection", "mine"))
shows("connection-header-hard-coded", path="/")(_request_header("connection", "upgrade"))


@shows("header-buffer-too-small")
async def large_head_passes(stand: Stand) -> bool:
    """An answer with cookies and policies."""
    head = [*SSE, ("Content-Security-Policy", "x" * 3000)]
    exchange = await stand.answered(lambda arrival: arrival.answer(200, head, b"data: x\n\n"))
    return exchange.call.answer.status == 200


def _path_at_the_origin(begins: str) -> Show:
    async def show(stand: Stand) -> bool:
        return (await stand.answered(ok)).arrivals[0].target.startswith(begins)

    return show


shows("path-glued", path="/events/news")(_path_at_the_origin("/stream/news"))
shows("path-lost-by-variables", path="/events/news")(_path_at_the_origin("/events/news?"))


@shows("resolver-missing")
async def name_is_resolved(stand: Stand) -> bool:
    """At the time of the request."""
    return (await stand.answered(ok)).call.answer.status == 200


@shows("preflight-refused", path="/chat.v1.ChatService/Talk")
async def preflight_passes(stand: Stand) -> bool:
    """What a browser asks before a call to another site."""
    exchange = await stand.answered(ok, method="OPTIONS", headers=[("Access-Control-Request-Method", "POST")])
    return exchange.call.answer.status == 200


@shows("token-in-access-log", path="/ws")
async def token_is_not_logged(stand: Stand) -> bool:
    """The query of a handshake, which holds a token."""
    exchange = await stand.answered(ok)
    await stand.bench.caught_up(1)
    return exchange.call.answer.status == 200 and not stand.bench.logged(exchange.key)


@shows("slice-on-stream")
async def stream_of_an_origin_with_ranges(stand: Stand) -> bool:
    """One that heeds them."""

    def handler(arrival: Arrival) -> None:
        ranged = arrival.header("range") is not None
        arrival.head(206 if ranged else 200, [*SSE, ("Content-Range", "bytes 0-1048575/*")] if ranged else SSE)
        arrival.data(b"data: first\n\n")

    exchange = await stand.send(handler)
    return await stand.bench.until(lambda: b"first" in exchange.call.answer.text, SOON)


# ---- bodies, retries, copies ----


@shows("body-length-in-subrequest", path="/v1/chat/completions")
async def post_passes_a_check(stand: Stand) -> bool:
    """A POST, and a service for permissions that reads what it is told will come."""
    exchange = await stand.answered(when_complete, method="POST", body=b"prompt")
    return exchange.call.answer.status == 200


@shows("chunked-encoding-off")
async def cut_is_told(stand: Stand) -> bool:
    """An origin that dies in the middle of an answer: whether its client can tell that from an end."""
    exchange, arrival = await stand.stream()
    assert arrival
    await stand.bench.until(lambda: b"first" in exchange.call.answer.text, SOON)
    arrival.drop()
    await stand.bench.until(exchange.call.closed.is_set, SOON)
    return exchange.call.closed.is_set() and not exchange.call.answer.complete


@shows("stream-retried")
async def failure_is_tried_once(stand: Stand) -> bool:
    """An origin that is in trouble, and says so."""
    exchange = await stand.answered(lambda arrival: arrival.answer(502, SSE, b""))
    return len(exchange.arrivals) == 1


@shows("stream-mirrored")
async def only_the_origin_is_asked(stand: Stand) -> bool:
    """Nobody else."""
    exchange = await stand.answered(ok)
    await stand.bench.caught_up()
    return len(exchange.arrivals) == 1


# ---- connections ----


async def _second(stand: Stand) -> Arrival:
    exchange = await stand.answered(ok)
    await stand.bench.caught_up(1)
    exchange = await stand.answered(ok)
    return exchange.arrivals[0]


@shows("keepalive-defeated")
async def connection_to_the_origin_is_kept(stand: Stand) -> bool:
    """For the next request."""
    return (await _second(stand)).nth == 2


@shows("keepalive-timeout-of-zero", path="/chat.v1.ChatService/Talk")
async def connection_of_the_client_is_kept(stand: Stand) -> bool:
    """After an answer."""
    exchange = await stand.answered(ok, transport="2+clear")
    await stand.bench.caught_up()
    return exchange.call.answer.status == 200 and not exchange.call.closed.is_set()


async def _h2(stand: Stand) -> Call2:
    """A connection on which nginx has told its settings."""
    exchange = await stand.answered(ok, transport="2+clear")
    assert isinstance(exchange.call, Call2)
    return exchange.call


def _more(stand: Stand, call: Call2, count: int) -> None:
    """Requests on the same connection, all at once."""
    for number in range(count):
        fields = [(":method", "GET"), (":scheme", "http"), (":authority", HOST), (":path", stand.ask.path)]
        call.h2.send_headers(3 + 2 * number, fields, end_stream=True)
    call.transport.write(call.h2.data_to_send())


async def _serves(stand: Stand, count: int) -> bool:
    """Whether a connection is still there after so many calls, and one."""
    call = await _h2(stand)
    _more(stand, call, count)
    return not await stand.bench.until(call.closed.is_set, SOON)


@shows("few-http-2-streams", path="/chat.v1.ChatService/Talk")
async def streams_fit_in_a_connection(stand: Stand) -> bool:
    """Twenty at once: a client holds itself to what nginx allows."""
    call = await _h2(stand)
    try:
        _more(stand, call, 20)
    except h2.exceptions.TooManyStreamsError:
        return False
    return True


@shows("few-requests-on-a-connection", path="/chat.v1.ChatService/Talk")
async def connection_serves_many_calls(stand: Stand) -> bool:
    """More than a hundred, one batch after another."""
    return await _serves(stand, 100)


@shows("sse-without-http-2")
async def browsers_can_share_a_connection(stand: Stand) -> bool:
    """HTTP/2 is offered."""
    try:
        exchange = await stand.answered(ok, transport="2")
    except OSError:
        return False
    return exchange.call.answer.status == 200


@shows("reconnects-limited")
async def all_may_come_back(stand: Stand) -> bool:
    """Thirty clients behind one address, after a restart."""
    exchanges = await asyncio.gather(*(stand.send(ok) for _ in range(30)))
    calls = [exchange.call for exchange in exchanges]
    await stand.bench.until(lambda: all(call.answer.complete for call in calls), SOON)
    return all(call.answer.status == 200 for call in calls)


async def _held(stand: Stand, count: int) -> int:
    """Of so many streams, those that are open at once."""
    held = 0
    for _ in range(count):
        exchange, arrival = await stand.stream()
        held += arrival is not None and not exchange.call.closed.is_set()
    return held


@shows("connection-limit-low", limits=True)
async def ten_streams_of_an_address(stand: Stand) -> bool:
    """As an office has them."""
    return await _held(stand, 10) == 10


@shows("worker-connections-low", limits=True, edits={"worker_connections 512": "worker_connections 16", "worker_connections 8192": "worker_connections 64"})  # fmt: skip
async def streams_fit_in_a_worker(stand: Stand) -> bool:
    """Each takes two connections: twelve do not fit into sixteen."""
    return await _held(stand, 12) == 12


@shows("session-affinity-missing", path="/socket.io/")
async def client_comes_back_to_its_server(stand: Stand) -> bool:
    """Each time."""
    return (await affinity(stand.bench, stand.target())).get("session_affinity") != "none"


@shows("streams-spread-by-turns")
async def streams_go_where_there_are_few(stand: Stand) -> bool:
    """Two servers with two streams each; those of one end, and two new ones come."""
    held = [await stand.stream() for _ in range(4)]
    first = next(arrival.address for _, arrival in held if arrival)
    for exchange, arrival in held:
        if arrival and arrival.address == first:
            exchange.call.hang_up()
            await stand.bench.until(arrival.closed.is_set, SOON)
    new = [arrival for _ in range(2) for _, arrival in [await stand.stream()]]
    return all(arrival and arrival.address == first for arrival in new)


# ---- settings that do nothing where they stand ----


@shows("cache-without-buffering", instead={"proxy_buffering off;": ""})
async def answers_are_cached(stand: Stand) -> bool:
    """The same one twice."""
    return (await caching(stand.bench, stand.target()))["caching"] is True


@shows(
    "keepalive-in-a-location", path="/chat.v1.ChatService/Talk", edits={"keepalive_requests 100000": "keepalive_requests 10"},
    instead={"keepalive_requests 100000;": "", "server_name": "keepalive_requests 10; server_name"},
)  # fmt: skip
async def connection_ends_after_ten(stand: Stand) -> bool:
    """Calls."""
    return not await _serves(stand, 20)


@shows(
    "setting-of-another-module", path="/chat.v1.ChatService/Talk", edits={"proxy_read_timeout 1h": "proxy_read_timeout 20s"},
    instead={"grpc_read_timeout 1h;": "", "proxy_read_timeout 1h": "grpc_read_timeout 20s"},
)  # fmt: skip
async def silence_is_cut(stand: Stand) -> bool:
    """Before a minute."""
    return not await silence_is_survived(stand)


# ---- what nginx says at its start ----


def _said(words: str) -> Show:
    async def show(stand: Stand) -> bool:
        return words not in (stand.folder / "said").read_text()

    return show


shows("open-files-low", limits=True)(_said("exceed open file resource limit"))
shows("obsolete-http-2-timeout", path="/chat.v1.ChatService/Talk")(_said('"http2_idle_timeout" directive is obsolete'))
