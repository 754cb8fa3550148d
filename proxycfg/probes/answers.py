"""Answers on their way to the client: what is held back, changed, or kept for others."""

from __future__ import annotations

import contextlib
import uuid
from email.utils import formatdate

from proxycfg.lab.bench import PATIENCE, Ask, Bench
from proxycfg.lab.origin import Arrival
from proxycfg.lab.probe import Target, Values, content_type, ended, judged_by, noted
from proxycfg.lab.tape import note
from proxycfg.timeline import Timeline

QUIET = [("Cache-Control", "no-store")]
"""What an origin says that wants nothing to be stored."""


def silent(_: Arrival) -> None:
    """The probe answers in its own time."""


def ok(arrival: Arrival) -> None:
    """A whole answer at once."""
    arrival.answer(200, [("Content-Type", "text/plain"), *QUIET], b"ok")


def place(arrival: Arrival) -> str:
    """The place in the config that a request came through, where that is written into it."""
    return (arrival.header("x-loc") or "").split(", ", maxsplit=1)[0]


# ---- an ordinary request ----


def _ordinary(seen: Timeline) -> Values:
    return dict(ended(seen) or {})


@judged_by(_ordinary)
async def plain(bench: Bench, target: Target, accepted: str = "gzip, br;q=0.5") -> None:
    """An ordinary request and a whole answer; ``accepted`` are the encodings, one of which the origin would know the request by."""
    kind = content_type(target)

    def handler(arrival: Arrival) -> None:
        arrival.head(200, [("Content-Type", kind), ("X-Accel-Buffering", "no"), *QUIET])
        arrival.data(b"data: " + b"x" * 300 + b"\n\n")
        arrival.end([("grpc-status", "0")] if kind == "application/grpc" else [])

    exchange = await bench.ask(target.ask, handler, headers=[("Accept-Encoding", accepted)])
    answer = await exchange.call.whole(PATIENCE)
    arrival = exchange.arrivals[0] if exchange.arrivals else None
    if arrival is None or not answer.complete or answer.status != 200:  # noqa: PLR2004 - success
        return
    note(
        "done",
        upstream_http_version=arrival.version,
        upstream_connection_header=arrival.header("connection") or "",
        accept_encoding_forwarded="q=0.5" in (arrival.header("accept-encoding") or ""),
        forwards_x_accel_buffering=answer.header("x-accel-buffering") is not None,
        compression=answer.header("content-encoding") is not None,
        query_logged=await bench.has_logged(exchange.key),
    )


def _ordinary_of_protocol(seen: Timeline) -> Values:
    values = _ordinary(seen)
    if any(facts["protocol"] == "websocket" for facts in noted(seen, "route")):
        # Of an ordinary answer nothing is learned about a socket's compression.
        values.pop("compression", None)
    return values


@judged_by(_ordinary_of_protocol)
async def answers(bench: Bench, target: Target) -> None:
    """An ordinary request, that accepts all that Envoy compresses with."""
    note("route", protocol=target.protocol)
    await plain.drive(bench, target, "gzip, br;q=0.5, zstd;q=0.4")


# ---- what is held back ----


def _buffered(seen: Timeline) -> Values:
    done = ended(seen)
    if done is None:
        return {}
    held = {facts["word"]: facts["held"] for facts in noted(seen, "looked")}
    grpc = done["protocol"] == "grpc"
    # Frames of HTTP/2 are passed on as they come; only the TLS layer of an HTTP/1.1 client shows that they are buffered.
    if done["version"] == "2" and not (done["secure"] and not grpc):
        return {"response_buffering": held[""]} if grpc else {}
    flipped = held.get("no", held.get("yes"))
    return {"response_buffering": held[""], "honors_x_accel_buffering": flipped != held[""]}


@judged_by(_buffered)
async def buffering(bench: Bench, target: Target) -> None:
    """An answer that ends with its connection, of which a piece comes and no more: buffered, it waits; and the origin's word on it."""
    ask = next((ask for ask in target.asks if ask.secure), target.ask)
    usual = False
    version = ""
    for word in ("", "no", "yes"):
        if word and (word == "no") != usual:
            continue

        def handler(arrival: Arrival, word: str = word) -> None:
            # An encoding that nobody knows keeps compressors away.
            accel = [("X-Accel-Buffering", word)] if word else []
            arrival.head(
                200, [("Content-Type", "application/x-lab"), ("Content-Encoding", "x-lab"), *accel, *QUIET], "close"
            )
            arrival.data(b"piece of work\n")

        exchange = await bench.ask(ask, handler)
        arrival = await exchange.arrival()
        if arrival is None:
            return
        version = arrival.version
        await bench.caught_up()
        held = b"piece of work" not in exchange.call.answer.body
        usual = usual if word else held
        note("looked", exchange.number, word=word, held=held)
        arrival.end()
        exchange.call.hang_up()
    note("done", version=version, secure=ask.secure, protocol=target.protocol)


def _collected(seen: Timeline) -> Values:
    done = ended(seen)
    return {"response_buffering": done["held"]} if done else {}


@judged_by(_collected)
async def answers_held(bench: Bench, target: Target) -> None:
    """An answer of which a piece comes and no more: collected, not even its head is passed on."""
    exchange = await bench.ask(target.ask, silent)
    arrival = await exchange.arrival()
    if arrival is None:
        return
    arrival.head(200, [("Content-Type", content_type(target))])
    arrival.data(b"data: one\n\n")
    await bench.caught_up(4)
    note("done", exchange.number, held=b"data: one" not in exchange.call.answer.text)
    arrival.end()
    exchange.call.hang_up()


def _stalling(seen: Timeline) -> Values:
    if ended(seen) is None:
        return {}
    looked = noted(seen, "looked")
    return {
        "stalls_on": frozenset(facts["over"] for facts in looked if facts["held"]),
        "over": frozenset(facts["over"] for facts in looked),
    }


_CORKED = 0.3
"""Seconds after which nothing comes any more that is on its way."""


@judged_by(_stalling)
async def stalls(bench: Bench, target: Target) -> None:
    """Small events in the ordinary way of the upstream's protocol, over each transport: what is on its way is there, or held."""
    kind = content_type(target)
    for ask in target.asks:
        for transport in await spoken(bench, ask):
            exchange = await bench.ask(ask, silent, transport=transport, headers=[("Accept-Encoding", "gzip")])
            arrival = await exchange.arrival()
            if arrival is None:
                exchange.call.hang_up()
                return
            arrival.head(200, [("Content-Type", kind), *QUIET])
            arrival.data(b"data: one\n\n")
            await bench.caught_up()
            arrival.data(b"data: two\n\n")
            await bench.caught_up()
            # The kernel may cork what comes out of files, for a fifth of a second; a proxy holds on for good.
            came = await exchange.call.until(lambda: b"data: two\n\n" in exchange.call.answer.text, _CORKED)  # noqa: B023 - awaited right here
            note("looked", exchange.number, over=transport.removesuffix("+clear"), held=not came)
            arrival.end()
            exchange.call.hang_up()
    note("done")


# ---- what the listener speaks ----


async def spoken(bench: Bench, ask: Ask) -> frozenset[str]:
    """The transports over which a port answers for a host."""
    key = (ask.port, ask.host, ask.address)
    if key not in bench.spoken:
        found: set[str] = set()
        for transport in ("http/1.1+tls", "2") if ask.secure else ("http/1.1", "2+clear"):
            with contextlib.suppress(OSError):
                exchange = await bench.ask(ask, ok, transport=transport)
                answer = await exchange.call.whole(PATIENCE)
                if answer.status not in {0, 421} and answer.complete:
                    found.add(transport)
                exchange.call.hang_up()
        bench.spoken[key] = frozenset(found)
    return bench.spoken[key]


def _versions(seen: Timeline) -> Values:
    done = ended(seen)
    return {"client_http_versions": frozenset(done["versions"])} if done else {}


@judged_by(_versions)
async def versions(bench: Bench, target: Target) -> None:
    """What the server's ports speak."""
    if not target.complete:
        return
    found: set[str] = set()
    for ask in target.asks:
        found |= {"2" if each.startswith("2") else "1.1" for each in await spoken(bench, ask)}
    note("done", versions=sorted(found))


# ---- what is kept ----


def _stored(seen: Timeline) -> Values:
    done = ended(seen)
    # A store keeps no file for a folder.
    if done is None or (done["folder"] and done["came"] == 2 and not done["stored"]):  # noqa: PLR2004 - each of the two
        return {}
    return {"caching": done["came"] == 1 or done["stored"]}


@judged_by(_stored)
async def caching(bench: Bench, target: Target) -> None:
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
    for _ in range(2):
        exchange = await bench.ask(target.ask, handler, query=f"same={mark}")
        answer = await exchange.call.whole(PATIENCE)
        exchange.call.hang_up()
        if answer.status != 200 or mark.encode() not in answer.body:  # noqa: PLR2004 - success
            return
        await bench.caught_up(1)
        total += len(exchange.arrivals)
    note("done", came=total, stored=bench.stored(mark), folder=target.ask.path.endswith("/"))
