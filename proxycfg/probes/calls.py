"""What HTTP alone does not say: WebSocket handshakes, and calls of gRPC with their trailers."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

from proxycfg.lab.bench import PATIENCE, Ask, Bench, Exchange
from proxycfg.lab.origin import Arrival
from proxycfg.lab.probe import Target, Values, ended, judged_by, noted, spent_facts, spent_of
from proxycfg.lab.tape import note
from proxycfg.probes.answers import QUIET, spoken
from proxycfg.probes.silence import lasts
from proxycfg.timeline import Timeline

# ---- WebSocket ----

_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_ACCEPT = base64.b64encode(hashlib.sha1(_KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()  # noqa: S324 - RFC 6455
_SWITCHED = 101


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
        arrival.answer(400, [("Content-Type", "text/plain"), *QUIET], b"no handshake")
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
        answer.status == _SWITCHED
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


def _shaken(seen: Timeline) -> Values:
    if any(facts["complete"] for facts in noted(seen, "unspoken")):
        return {"upgrade": False}
    done = ended(seen)
    if done is None:
        return {}
    values: Values = {"upgrade": done["upgrade"]}
    for facts in noted(seen, "silence"):
        values["client_idle_timeout"] = spent_of(facts)
    return values


@judged_by(_shaken)
async def upgrade(bench: Bench, target: Target) -> None:
    """A handshake with an origin that takes no other; and how long a WebSocket's silence is borne."""
    if not target.shakes:
        return
    ask: Ask | None = None
    for one in target.asks:
        if {"http/1.1", "http/1.1+tls"} & await spoken(bench, one):
            ask = one
            break
    if ask is None:
        note("unspoken", complete=target.complete)
        return
    exchange = await handshake(bench, ask)
    if exchange is None:
        note("done", upgrade=False)
        return
    if target.protocol == "websocket":
        call, arrival = exchange.call, exchange.arrivals[0]
        spent = await lasts(
            bench, lambda: arrival.raw(b"pong from origin"), lambda: call.closed.is_set() or arrival.closed.is_set()
        )
        note("silence", exchange.number, **spent_facts(spent))
    exchange.call.hang_up()
    note("done", exchange.number, upgrade=True)


@judged_by(_shaken)
async def shaken(bench: Bench, target: Target) -> None:
    """A handshake alone: where other timers may run out in a silence, that is measured beside a life without one."""
    await upgrade.drive(bench, replace(target, protocol=""))


# ---- gRPC ----


def _called(seen: Timeline) -> Values:
    if any(facts["complete"] for facts in noted(seen, "unspoken")):
        return {"grpc": False}
    done = ended(seen)
    return {"grpc": ["grpc-status", "0"] in done["trailers"]} if done else {}


@judged_by(_called)
async def grpc(bench: Bench, target: Target) -> None:
    """A unary call, with the trailers that it ends with."""

    def handler(arrival: Arrival) -> None:
        if arrival.version != "2":
            arrival.answer(200, [("Content-Type", "application/grpc"), *QUIET], b"\0\0\0\0\0")
            return
        asked = "trailers" in (arrival.header("te") or "")
        arrival.head(200, [("Content-Type", "application/grpc"), *QUIET])
        arrival.data(b"\0\0\0\0\0")
        arrival.end([("grpc-status", "0")] if asked else [])

    ask, transport = None, ""
    for one in target.asks:
        two = {"2", "2+clear"} & await spoken(bench, one)
        if two:
            ask, transport = one, two.pop()
    if not target.posts:
        return
    if ask is None:
        note("unspoken", complete=target.complete)
        return
    headers = [("Content-Type", "application/grpc"), ("TE", "trailers")]
    exchange = await bench.ask(ask, handler, transport=transport, headers=headers, method="POST", body=b"\0\0\0\0\0")
    answer = await exchange.call.whole(PATIENCE)
    exchange.call.hang_up()
    if exchange.arrivals:
        note("done", exchange.number, trailers=[list(pair) for pair in answer.trailers])
