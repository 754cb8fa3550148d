"""How each property of a route is measured, on a config that runs: one function a probe, each the values of some properties by name.

Where something must *not* happen, nobody waits for it: both ends are in lock-step with nginx (:meth:`Bench.caught_up`). What is left to a clock
are nginx's own timers, and they are measured by nginx's own clock: between which two of its times it happened. A machine under load widens that
range; it cannot make one value look like another.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import math
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from proxycfg.lab.bench import PATIENCE, Ask, Bench, Exchange
from proxycfg.lab.origin import Arrival
from proxycfg.protocols import protocols

Values = dict[str, Any]


@dataclass(frozen=True)
class AtLeast:
    """A number that is so large or larger."""

    least: float


@dataclass(frozen=True)
class Within:
    """A number between two."""

    low: float
    high: float


@dataclass(frozen=True)
class Target:
    """A route and the request that leads to it.

    :param asks: by port of the server, the same request through it; only ports that lead to the same route.
    :param protocol: what the route is declared to carry.
    :param straight: whether the request comes there without a detour, so that limits of other places do not apply.
    :param posts: whether a POST ends there as well.
    :param shakes: whether a WebSocket handshake does; an ``if`` may send it elsewhere.
    :param complete: whether every port of the server leads there.
    :param one_group: whether its requests go to one group of servers, and none by chance to another.
    """

    place: str
    ask: Ask
    asks: tuple[Ask, ...]
    protocol: str
    straight: bool
    posts: bool
    shakes: bool
    complete: bool
    one_group: bool = True


def content_type(target: Target) -> str:
    """The type of a stream's answers; of events where nobody says what it is."""
    known = protocols().get(target.protocol or "sse")
    return (known.content_types if known and known.content_types else ("text/event-stream",))[0]


def _loc(arrival: Arrival) -> str:
    return (arrival.header("x-loc") or "").split(", ")[0]


_QUIET = [("Cache-Control", "no-store")]


async def plain(bench: Bench, target: Target, accepted: str = "gzip, br;q=0.5") -> Values:
    """An ordinary request and a whole answer; ``accepted`` are the encodings, one of which the origin would know the request by."""
    kind = content_type(target)

    def handler(arrival: Arrival) -> None:
        arrival.head(200, [("Content-Type", kind), ("X-Accel-Buffering", "no"), *_QUIET])
        arrival.data(b"data: " + b"x" * 300 + b"\n\n")
        arrival.end([("grpc-status", "0")] if kind == "application/grpc" else [])

    exchange = await bench.ask(target.ask, handler, headers=[("Accept-Encoding", accepted)])
    answer = await exchange.call.whole(PATIENCE)
    arrival = exchange.arrivals[0] if exchange.arrivals else None
    if arrival is None or not answer.complete or answer.status != 200:
        return {}
    return {
        "upstream_http_version": arrival.version,
        "upstream_connection_header": arrival.header("connection") or "",
        "accept_encoding_forwarded": "q=0.5" in (arrival.header("accept-encoding") or ""),
        "forwards_x_accel_buffering": answer.header("x-accel-buffering") is not None,
        "compression": answer.header("content-encoding") is not None,
        "query_logged": await bench.has_logged(exchange.key),
    }


async def buffering(bench: Bench, target: Target) -> Values:
    """An answer that ends with its connection, of which a piece comes and no more: buffered, it waits; and the origin's word on it."""
    ask = next((ask for ask in target.asks if ask.secure), target.ask)
    held: dict[str, bool] = {}
    version = ""
    for word in ("", "no", "yes"):
        if word and (word == "no") != held[""]:
            continue

        def handler(arrival: Arrival, word: str = word) -> None:
            # An encoding that nobody knows keeps compressors away.
            accel = [("X-Accel-Buffering", word)] if word else []
            arrival.head(
                200, [("Content-Type", "application/x-lab"), ("Content-Encoding", "x-lab"), *accel, *_QUIET], "close"
            )
            arrival.data(b"piece of work\n")

        exchange = await bench.ask(ask, handler)
        arrival = await exchange.arrival()
        if arrival is None:
            return {}
        version = arrival.version
        await bench.caught_up()
        held[word] = b"piece of work" not in exchange.call.answer.body
        arrival.end()
        exchange.call.hang_up()
    # Frames of HTTP/2 are passed on as they come; only the TLS layer of an HTTP/1.1 client shows that they are buffered.
    if version == "2" and not (ask.secure and target.protocol != "grpc"):
        return {} if target.protocol != "grpc" else {"response_buffering": held[""]}
    flipped = held.get("no", held.get("yes"))
    return {"response_buffering": held[""], "honors_x_accel_buffering": flipped != held[""]}


_CORKED = 0.3
"""Seconds after which nothing comes any more that is on its way."""


async def stalls(bench: Bench, target: Target) -> Values:
    """Small events in the ordinary way of the upstream's protocol, over each transport: what is on its way is there, or held."""
    kind = content_type(target)
    held: set[str] = set()
    over: set[str] = set()
    for ask in target.asks:
        for transport in await spoken(bench, ask):
            name = transport.removesuffix("+clear")
            over.add(name)
            exchange = await bench.ask(ask, silent, transport=transport, headers=[("Accept-Encoding", "gzip")])
            arrival = await exchange.arrival()
            if arrival is None:
                exchange.call.hang_up()
                return {}
            arrival.head(200, [("Content-Type", kind), *_QUIET])
            arrival.data(b"data: one\n\n")
            await bench.caught_up()
            arrival.data(b"data: two\n\n")
            await bench.caught_up()
            # The kernel may cork what comes out of files, for a fifth of a second; nginx holds on for good.
            if not await exchange.call.until(lambda: b"data: two\n\n" in exchange.call.answer.text, _CORKED):  # noqa: B023 - awaited right here
                held.add(name)
            arrival.end()
            exchange.call.hang_up()
    return {"stalls_on": frozenset(held), "over": frozenset(over)}


async def spoken(bench: Bench, ask: Ask) -> frozenset[str]:
    """The transports over which a port answers for a host."""
    known: dict[tuple[int, str, str], frozenset[str]] = bench.__dict__.setdefault("spoken", {})
    key = (ask.port, ask.host, ask.address)
    if key not in known:
        found: set[str] = set()
        for transport in ("http/1.1+tls", "2") if ask.secure else ("http/1.1", "2+clear"):
            with contextlib.suppress(OSError):
                exchange = await bench.ask(ask, _ok, transport=transport)
                answer = await exchange.call.whole(PATIENCE)
                if answer.status not in {0, 421} and answer.complete:
                    found.add(transport)
                exchange.call.hang_up()
        known[key] = frozenset(found)
    return known[key]


def silent(_: Arrival) -> None:
    """The probe answers in its own time."""


def _ok(arrival: Arrival) -> None:
    arrival.answer(200, [("Content-Type", "text/plain"), *_QUIET], b"ok")


def ok_when_complete(arrival: Arrival) -> None:
    """Answer when the whole body is there."""

    async def later() -> None:
        await arrival.done.wait()
        _ok(arrival)

    task = asyncio.ensure_future(later())
    arrival.__dict__["task"] = task


async def upload(bench: Bench, target: Target) -> Values:
    """A body of unknown length that pauses after its first piece."""
    if not target.posts:
        return {}
    exchange = await bench.ask(target.ask, ok_when_complete, method="POST", chunked=True)
    exchange.call.piece(b"first piece")  # type: ignore[attr-defined]
    await bench.caught_up(4)
    early = bool(exchange.arrivals)
    exchange.call.piece(b"")  # type: ignore[attr-defined]
    answer = await exchange.call.whole(PATIENCE)
    exchange.call.hang_up()
    if not exchange.arrivals or answer.status != 200:
        return {}
    return {"request_buffering": not early}


_FAILURES: tuple[str, ...] = ("500", "502", "503", "504", "403", "404", "429", "drop", "garbage")


async def failures(bench: Bench, target: Target, kinds: tuple[str, ...] = _FAILURES) -> Values:
    """Every kind of failure of the origin, for a GET and a POST: how often the request comes, and whose error the client sees."""
    again = {"GET": False, "POST": False}
    intercepted = False
    for method in ("GET", "POST") if target.posts else ("GET",):
        for kind in kinds:
            fails = _Failing(kind)
            exchange = await _failing(bench, target, method, fails)
            if kind == "drop":
                # Once more on a connection that was kept, where any is: a group of several servers keeps one for each.
                for _ in range(3):
                    if fails.times > 1 or (exchange.arrivals and exchange.arrivals[0].nth > 1):
                        break
                    await _warmed(bench, target)
                    fails = _Failing(kind)
                    exchange = await _failing(bench, target, method, fails)
            answer = exchange.call.answer
            again[method] |= fails.times > 1
            if kind.isdigit() and exchange.arrivals and answer.complete:
                intercepted |= b"the origin's own error" not in answer.body
            if not exchange.arrivals:
                return {}
    if not again["GET"] and bench.awaits_retries:
        slow = await _slow(bench, target)
        if slow is None:
            return {"error_interception": intercepted}
        again["GET"] = slow
    values: Values = {"retries": again["GET"], "error_interception": intercepted}
    return values | {"retries_non_idempotent": again["POST"]} if target.posts else values


async def _failing(bench: Bench, target: Target, method: str, fails: _Failing) -> Exchange:
    """A request that fails, to its end."""
    exchange = await bench.ask(target.ask, fails, method=method, body=b"x" if method == "POST" else None)
    await exchange.call.whole(PATIENCE)
    exchange.call.hang_up()
    return exchange


class _Failing:
    """A handler that fails in one way as long as the request is the same."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.times = 0
        self.first: tuple[str, str] | None = None

    def __call__(self, arrival: Arrival) -> None:
        self.first = self.first or (_loc(arrival), arrival.target)
        if (_loc(arrival), arrival.target) != self.first:
            _ok(arrival)
            return
        self.times += 1
        if self.kind.isdigit():
            arrival.answer(int(self.kind), [("Content-Type", "text/plain"), *_QUIET], b"the origin's own error")
        elif self.kind.startswith("grpc "):
            status = [("Content-Type", "application/grpc"), ("grpc-status", self.kind.removeprefix("grpc "))]
            arrival.answer(200, status, b"")
        elif ": " in self.kind:
            # A failure that a header tells.
            name, _, value = self.kind.partition(": ")
            arrival.answer(429, [("Content-Type", "text/plain"), (name, value), *_QUIET], b"the origin's own error")
        elif self.kind == "drop" or arrival.shared:
            arrival.drop()
        elif arrival.version == "2":
            arrival.raw(b"\0\0\4\xff\0\0\0\0\1junk")
            arrival.drop()
        else:
            arrival.raw(b"HTTP/1.1 200 OK\r\nX-Bad: a\0b\r\n\r\n")
            arrival.drop()


async def _warmed(bench: Bench, target: Target) -> None:
    """Leave a kept connection behind, where the config keeps any."""
    exchange = await bench.ask(target.ask, _ok)
    await exchange.call.whole(PATIENCE)
    exchange.call.hang_up()
    await bench.caught_up(1)


async def silent_origin(bench: Bench, target: Target) -> Values:
    """Whether silence, too, sends a request again: no property by itself. None where no timer ran out."""
    return {"retried_silence": await _slow(bench, target)}


async def _slow(bench: Bench, target: Target) -> bool | None:
    """Whether a request goes on to another server when the first one is silent; None if that cannot be waited for."""
    came: list[Arrival] = []
    again = asyncio.Event()

    def handler(arrival: Arrival) -> None:
        came.append(arrival)
        same = (_loc(arrival), arrival.target) == (_loc(came[0]), came[0].target)
        if len(came) > 1:
            _ok(arrival)
            if same:
                again.set()

    exchange = await bench.ask(target.ask, handler)
    over = await bench.until(
        lambda: exchange.call.answer.status or again.is_set() or exchange.call.closed.is_set(), bench.longest
    )
    exchange.call.hang_up()
    return again.is_set() if over else None


async def caching(bench: Bench, target: Target) -> Values:
    """The same cacheable answer asked for twice; for a store, a file that has it."""
    mark = uuid.uuid4().hex
    # What is stored of /a is in the way of what is of /a/b.
    bench.forget_stores()

    def handler(arrival: Arrival) -> None:
        arrival.answer(
            200,
            [
                ("Content-Type", "application/x-lab"),
                ("Content-Encoding", "x-lab"),
                ("Cache-Control", "max-age=3600"),
                ("Date", formatdate(usegmt=True)),
            ],
            mark.encode(),
        )

    total = 0
    folder = target.ask.path.endswith("/")
    for _ in range(2):
        exchange = await bench.ask(target.ask, handler, query=f"same={mark}")
        answer = await exchange.call.whole(PATIENCE)
        exchange.call.hang_up()
        if answer.status != 200 or mark.encode() not in answer.body:
            return {}
        await bench.caught_up(1)
        total += len(exchange.arrivals)
        folder |= any(arrival.target.partition("?")[0].endswith("/") for arrival in exchange.arrivals)
    stored = bench.stored(mark)
    if not stored and total == 2 and folder:
        # A store keeps no file for a folder; a rewrite may have led to one.
        return {}
    return {"caching": total == 1 or stored}


_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_ACCEPT = base64.b64encode(hashlib.sha1(_KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


def _shake(arrival: Arrival) -> None:
    """An origin that takes handshakes and nothing else."""
    tokens = [word.strip().lower() for word in (arrival.header("connection") or "").split(",")]
    fits = (
        arrival.method == "GET"
        and arrival.version == "1.1"
        and "upgrade" in tokens
        and (arrival.header("upgrade") or "").lower() == "websocket"
    )
    if not fits or arrival.header("sec-websocket-key") != _KEY or arrival.header("sec-websocket-version") != "13":
        arrival.answer(400, [("Content-Type", "text/plain"), *_QUIET], b"no handshake")
        return
    arrival.raw(
        f"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {_ACCEPT}\r\n\r\n".encode()
    )
    arrival.wire.raw_mode = True


async def handshake(bench: Bench, ask: Ask) -> Exchange | None:
    """A WebSocket's handshake, and what a client says then; None if that does not come through."""
    headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", _KEY),
        ("Sec-WebSocket-Version", "13"),
    ]
    exchange = await bench.ask(ask, _shake, headers=headers)
    call = exchange.call
    await call.until(lambda: call.answer.status, PATIENCE)
    answer = call.answer
    if (
        answer.status == 101
        and answer.header("sec-websocket-accept") == _ACCEPT
        and (answer.header("upgrade") or "").lower() == "websocket"
    ):
        wire = exchange.arrivals[0].wire
        call.transport.write(b"ping from client")
        await bench.caught_up()
        if b"ping from client" in wire.arrivals[-1].body or b"ping from client" in wire.buffer:
            return exchange
    call.hang_up()
    return None


async def upgrade(bench: Bench, target: Target) -> Values:
    """A handshake with an origin that takes no other; and how long a WebSocket's silence is borne."""
    if not target.shakes:
        return {}
    ask: Ask | None = None
    for one in target.asks:
        if {"http/1.1", "http/1.1+tls"} & await spoken(bench, one):
            ask = one
            break
    if ask is None:
        return {"upgrade": False} if target.complete else {}
    exchange = await handshake(bench, ask)
    if exchange is None:
        return {"upgrade": False}
    values: Values = {"upgrade": True}
    if target.protocol == "websocket":
        call, arrival = exchange.call, exchange.arrivals[0]
        values["client_idle_timeout"] = await lasts(
            bench, lambda: arrival.raw(b"pong from origin"), lambda: call.closed.is_set() or arrival.closed.is_set()
        )
    exchange.call.hang_up()
    return values


async def lasts(
    bench: Bench, arm: Callable[[], object], gone: Callable[[], object], *, flood: Arrival | None = None
) -> Within | AtLeast:
    """Between which two times after ``arm()`` something was ``gone()``, by nginx's clock; a machine under load makes them lie further apart.

    :param flood: what the origin floods then, which takes a while.
    """
    before = await bench.now()
    arm()
    if flood:
        await _flood(bench, flood)
    last = after = await bench.now()
    while last < after + bench.longest:
        now = await bench.tick()
        if gone():
            # The tick is older than this look: what is gone may have gone since.
            return Within(last - after, await bench.now() - before)
        last = now
    # nginx looks at its timers when it has answered what came; after a long pause of the machine that makes a difference.
    await bench.tick()
    return Within(last - after, math.inf) if gone() else AtLeast(bench.longest)


async def grpc(bench: Bench, target: Target) -> Values:
    """A unary call, with the trailers that it ends with."""

    def handler(arrival: Arrival) -> None:
        if arrival.version != "2":
            arrival.answer(200, [("Content-Type", "application/grpc"), *_QUIET], b"\0\0\0\0\0")
            return
        asked = "trailers" in (arrival.header("te") or "")
        arrival.head(200, [("Content-Type", "application/grpc"), *_QUIET])
        arrival.data(b"\0\0\0\0\0")
        arrival.end([("grpc-status", "0")] if asked else [])

    ask, transport = None, ""
    for one in target.asks:
        two = {"2", "2+clear"} & await spoken(bench, one)
        if two:
            ask, transport = one, two.pop()
    if not target.posts:
        return {}
    if ask is None:
        return {"grpc": False} if target.complete else {}
    headers = [("Content-Type", "application/grpc"), ("TE", "trailers")]
    exchange = await bench.ask(ask, handler, transport=transport, headers=headers, method="POST", body=b"\0\0\0\0\0")
    answer = await exchange.call.whole(PATIENCE)
    exchange.call.hang_up()
    if not exchange.arrivals:
        return {}
    return {"grpc": ("grpc-status", "0") in answer.trailers}


async def abort(bench: Bench, target: Target) -> Values:
    """A client that leaves a stream that is silent."""
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return {}
    arrival.head(200, [("Content-Type", content_type(target)), *_QUIET])
    arrival.data(b"data: one\n\n")
    await bench.caught_up()
    exchange.call.hang_up()
    await exchange.call.closed.wait()
    await bench.caught_up(4)
    gone = arrival.closed.is_set()
    arrival.drop()
    return {"abort_propagates": gone}


async def origin_silence(bench: Bench, target: Target) -> Values:
    """A stream that falls silent."""
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return {}
    arrival.head(200, [("Content-Type", content_type(target)), *_QUIET])
    spent = await lasts(bench, lambda: arrival.data(b"data: one\n\n"), arrival.closed.is_set)
    exchange.call.hang_up()
    return {"upstream_idle_timeout": spent}


async def client_silence(bench: Bench, target: Target) -> Values:
    """An upload that pauses; a WebSocket's silence is measured with its handshake."""
    if target.protocol == "websocket" or not target.posts:
        return {}
    exchange = await bench.ask(target.ask, silent, method="POST", chunked=True)
    spent = await lasts(bench, lambda: exchange.call.piece(b"first piece"), exchange.call.closed.is_set)  # type: ignore[attr-defined]
    answered = exchange.call.answer.status
    exchange.call.hang_up()
    return {} if answered else {"client_idle_timeout": spent}


async def stopped_reading(bench: Bench, target: Target) -> Values:
    """A client that stops reading in the middle of a flood; a client that does not read is not told when the proxy gives up."""
    exchange = await bench.ask(target.ask, silent, narrow=True)
    arrival = await exchange.arrival()
    if arrival is None:
        return {}
    exchange.call.freeze()
    arrival.head(200, [("Content-Type", "application/x-lab"), ("Content-Encoding", "x-lab"), *_QUIET])
    spent = await lasts(bench, lambda: None, lambda: bench.gave_up(exchange), flood=arrival)
    exchange.call.hang_up()
    arrival.drop()
    return {"send_timeout": spent}


async def _flood(bench: Bench, arrival: Arrival) -> None:
    """Send more than kernels and nginx hold on the way, as fast as they take it, until they take no more."""
    for _ in range(16):
        paused = 0
        while arrival.wire in bench.origin.paused:
            await bench.caught_up(1)
            paused += 1
            if paused > 20:
                return
        arrival.data(b"\0" * 65536)
    arrival.end()


async def talking(bench: Bench, target: Target) -> Values:
    """A stream that talks, for as long as timers are waited for."""
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return {}
    arrival.head(200, [("Content-Type", content_type(target)), *_QUIET])

    def talk() -> bool:
        arrival.data(b"data: tick\n\n")
        return arrival.closed.is_set()

    spent = await lasts(bench, lambda: None, talk)
    arrival.end()
    exchange.call.hang_up()
    return {"total_timeout": spent}


_LADDER = (2**10, 2**13, 2**16, 2**19, 2**20, 10 * 2**20, 100 * 2**20)
_HUGE = 2**40
"""Bytes that nobody sends: what takes these has no limit."""


async def body_limit(bench: Bench, target: Target) -> Values:
    """Announced bodies of one byte more than each usual size, until one is refused; then the size is found."""
    if not target.straight or not target.posts:
        return {}

    async def refused(length: int) -> bool:
        exchange = await bench.ask(target.ask, silent, method="POST", headers=[("Content-Length", str(length))])
        await bench.caught_up()
        status = exchange.call.answer.status
        exchange.call.hang_up()
        # The origin says nothing; and an error page may be another location's answer.
        return bool(status) or any(_loc(arrival) != target.place for arrival in exchange.arrivals)

    taken = 0
    for size in (*_LADDER, _HUGE):
        if not await refused(size + 1):
            taken = size + 1
            continue
        if not await refused(size):
            return {"request_body_limit": float(size)}
        # Between two of them: halved until nothing is between.
        limit = size
        while limit - taken > 1:
            middle = (taken + limit) // 2
            taken, limit = (taken, middle) if await refused(middle) else (middle, limit)
        return {"request_body_limit": float(taken)} if taken else {}
    return {"request_body_limit": math.inf}


async def versions(bench: Bench, target: Target) -> Values:
    """What the server's ports speak."""
    if not target.complete:
        return {}
    found: set[str] = set()
    for ask in target.asks:
        found |= {"2" if each.startswith("2") else "1.1" for each in await spoken(bench, ask)}
    return {"client_http_versions": frozenset(found)}


_SEQUENCE = 14
_KEYS = ("ip", "cookie", "header", "hash")


async def affinity(bench: Bench, target: Target) -> Values:
    """Which of several servers the same client comes back to, and what has to change about it to come to another one."""

    async def several(*changing: str) -> bool | None:
        """Whether requests that differ in so much come to different servers; None if one comes to none, as a store answers it."""
        seen: set[str] = set()
        for number in range(_SEQUENCE):
            word = uuid.uuid4().hex
            headers = [
                ("Cookie", f"sid={word if 'cookie' in changing else 'mine'}"),
                ("X-Session", word if "header" in changing else "mine"),
            ]
            source = f"127.{number + 1}.{number * 7 % 250}.1" if "ip" in changing else "127.0.0.1"
            exchange = await bench.ask(
                target.ask, _ok, headers=headers, query=f"room={word if 'hash' in changing else 'mine'}", source=source
            )
            await exchange.call.whole(PATIENCE)
            exchange.call.hang_up()
            if not exchange.arrivals:
                return None
            seen.add(exchange.arrivals[0].address)
            if len(seen) > 1:
                return True
        return False

    # On a detour an argument may get lost that the choice hangs on.
    if not (target.one_group and target.straight) or not await several(*_KEYS):
        return {}
    spread = await several()
    if spread:
        return {"session_affinity": "none"}
    told = {key: await several(key) for key in _KEYS}
    kinds = [key for key, one in told.items() if one]
    if not kinds or spread is None or None in told.values():
        return {}
    return {"session_affinity": kinds[0] if len(kinds) == 1 else "hash"}


Probe = Callable[[Bench, Target], Awaitable[Values]]

QUICK: tuple[Probe, ...] = (plain, buffering, stalls, upload, grpc, abort, body_limit, versions)
"""In lock-step: their time is that of the machine."""
SLOW: tuple[Probe, ...] = (upgrade, origin_silence, client_silence, stopped_reading)
"""They wait for timers."""
ALONE: tuple[Probe, ...] = (failures, caching, affinity)
"""Another's request may take the kept connection that is to break, be stored in the way, or count as a server's load."""


async def unreachable(bench: Bench, target: Target) -> Values:
    """On a config whose origins never take a connection: how long one is tried, by nginx's own clock."""
    exchange = await bench.ask(target.ask, None)
    call = exchange.call
    await bench.until(lambda: call.answer.status, bench.longest)
    answer = call.answer
    call.hang_up()
    if not answer.status:
        return {} if bench.told(exchange.key, "upstream timed out") else {"connect_timeout": AtLeast(bench.longest)}
    spent = (answer.header("x-spent") or "").replace(":", ",").split(",")[0].strip()
    return {"connect_timeout": Within(float(spent) - 0.5, float(spent) + 0.5)} if spent and spent != "-" else {}


MOST_STREAMS = 40


async def streams(bench: Bench, target: Target) -> Values:
    """On a config with its limits: streams that are held open one after another, until one is refused or :data:`MOST_STREAMS` are."""
    if not target.straight:
        return {}
    most = MOST_STREAMS
    held: list[Exchange] = []
    count = 0
    while count < most:
        try:
            exchange = await bench.ask(
                target.ask,
                lambda arrival: arrival.head(200, [("Content-Type", "text/event-stream")]),
                # Each from a client of its own: what one client may have is no limit of the route.
                source=f"127.0.1.{count + 1}",
            )
        except OSError:
            break
        held.append(exchange)
        if await exchange.arrival(2.0) is None:
            break
        count += 1
    for exchange in held:
        exchange.call.hang_up()
    return {"max_streams": float(count) if count < most else AtLeast(float(most))}


MEASURED_BY: dict[str, tuple[str, ...]] = {
    "response_buffering": ("buffering",),
    "stalls_on": ("stalls",),
    "request_buffering": ("upload",),
    "compression": ("plain",),
    "caching": ("caching",),
    "upstream_http_version": ("plain",),
    "upgrade": ("upgrade",),
    "upstream_connection_header": ("plain",),
    "connect_timeout": ("unreachable",),
    "upstream_idle_timeout": ("origin_silence",),
    "client_idle_timeout": ("client_silence", "upgrade"),
    "send_timeout": ("stopped_reading",),
    "total_timeout": ("talking",),
    "request_body_limit": ("body_limit",),
    "retries": ("failures",),
    "retries_non_idempotent": ("failures",),
    "error_interception": ("failures",),
    "honors_x_accel_buffering": ("buffering",),
    "forwards_x_accel_buffering": ("plain",),
    "accept_encoding_forwarded": ("plain",),
    "client_http_versions": ("versions",),
    "grpc": ("grpc",),
    "session_affinity": ("affinity",),
    "query_logged": ("plain",),
    "abort_propagates": ("abort",),
    "max_streams": ("streams",),
}
"""Property → the probes that measure it."""
