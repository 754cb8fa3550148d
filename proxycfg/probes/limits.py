"""How many, how long, and whom: streams at once, an origin that cannot be reached, and which of several a client comes back to."""

from __future__ import annotations

import asyncio
import uuid

from proxycfg.lab.bench import PATIENCE, Bench, Exchange
from proxycfg.lab.origin import Arrival
from proxycfg.lab.probe import AtLeast, Target, Values, Within, ended, judged_by, noted, spent_facts, spent_of
from proxycfg.lab.tape import note
from proxycfg.probes.answers import ok, place
from proxycfg.probes.silence import lasts
from proxycfg.timeline import Timeline

# ---- affinity ----

_SEQUENCE = 14
_KEYS = ("ip", "cookie", "header", "hash")


def _chosen_by(seen: Timeline) -> Values:
    spread = {tuple(facts["changing"]): facts["spread"] for facts in noted(seen, "tried")}
    if not spread.get(_KEYS):
        return {}
    if spread[()]:
        return {"session_affinity": "none"}
    told = {key: spread[key,] for key in _KEYS}
    kinds = [key for key, one in told.items() if one]
    if not kinds or spread[()] is None or None in told.values():
        return {}
    return {"session_affinity": kinds[0] if len(kinds) == 1 else "hash"}


@judged_by(_chosen_by)
async def affinity(bench: Bench, target: Target) -> None:
    """Which of several servers the same client comes back to, and what has to change about it to come to another one."""

    async def several(*changing: str) -> bool | None:
        """Whether requests that differ in so much come to different servers; None if one comes to none, as a store answers it."""
        spread = await _spread(bench, target, changing)
        note("tried", changing=list(changing), spread=spread)
        return spread

    # On a detour an argument may get lost that the choice hangs on.
    if not (target.one_group and target.straight) or not await several(*_KEYS):
        return
    if not await several():
        for key in _KEYS:
            await several(key)


async def _spread(bench: Bench, target: Target, changing: tuple[str, ...]) -> bool | None:
    seen: set[str] = set()
    for number in range(_SEQUENCE):
        word = uuid.uuid4().hex
        headers = [
            ("Cookie", f"sid={word if 'cookie' in changing else 'mine'}"),
            ("X-Session", word if "header" in changing else "mine"),
        ]
        source = f"127.{number + 1}.{number * 7 % 250}.1" if "ip" in changing else "127.0.0.1"
        query = f"room={word if 'hash' in changing else 'mine'}"
        exchange = await bench.ask(target.ask, ok, headers=headers, query=query, source=source)
        await exchange.call.whole(PATIENCE)
        exchange.call.hang_up()
        if not exchange.arrivals:
            return None
        seen.add(exchange.arrivals[0].address)
        if len(seen) > 1:
            return True
    return False


# ---- an origin out of reach ----


def _given_up(seen: Timeline) -> Values:
    done = ended(seen)
    if done is None:
        return {}
    if not done["status"]:
        return {} if done["timed_out"] else {"connect_timeout": AtLeast(done["longest"])}
    spent = done["spent"]
    return {"connect_timeout": Within(float(spent) - 0.5, float(spent) + 0.5)} if spent and spent != "-" else {}


@judged_by(_given_up)
async def unreachable(bench: Bench, target: Target) -> None:
    """On a config whose origins never take a connection: how long one is tried, by nginx's own clock."""
    exchange = await bench.ask(target.ask, None)
    call = exchange.call
    await bench.until(lambda: call.answer.status, bench.longest)
    answer = call.answer
    call.hang_up()
    spent = (answer.header("x-spent") or "").replace(":", ",").split(",")[0].strip()
    timed_out = not answer.status and bench.told(exchange.key, "upstream timed out")
    note("done", exchange.number, status=answer.status, timed_out=timed_out, longest=bench.longest, spent=spent)


_UNAVAILABLE = 503
_BACK_OFF = 0.25
"""Seconds that Envoy waits before it tries again, at most."""


def _tried(seen: Timeline) -> Values:
    done = ended(seen)
    if done is None:
        return {}
    spent = spent_of(done)
    # How often it was tried is not known yet; and where nothing counts, who answers is not who tries.
    if isinstance(spent, AtLeast) or (done["attempts"] is None and done["status"] != _UNAVAILABLE):
        return {}
    times = int(done["attempts"] or 1)
    if done["status"] != _UNAVAILABLE:
        return {"connect_timeout": AtLeast(spent.low / times - _BACK_OFF)}
    return {"connect_timeout": Within(spent.low / times - _BACK_OFF * (times > 1), spent.high / times)}


@judged_by(_tried)
async def attempts(bench: Bench, target: Target) -> None:
    """An origin that never takes a connection: how long it is tried, each time of so many; other timers may run out before, which answer 504."""
    exchange = await bench.ask(target.ask, None)
    call = exchange.call
    spent = await lasts(bench, lambda: None, lambda: call.answer.status)
    answer = call.answer
    call.hang_up()
    counted = answer.header("x-envoy-attempt-count")
    note("done", exchange.number, status=answer.status, attempts=counted, **spent_facts(spent))


# ---- streams at once ----

MOST_STREAMS = 40


def _held(seen: Timeline) -> Values:
    done = ended(seen)
    if done is None:
        return {}
    count = float(done["count"])
    return {"max_streams": count if done["count"] < done["most"] else AtLeast(float(done["most"]))}


@judged_by(_held)
async def streams(bench: Bench, target: Target) -> None:
    """On a config with its limits: streams that are held open one after another, until one is refused or :data:`MOST_STREAMS` are."""
    if not target.straight:
        return
    held: list[Exchange] = []
    count = 0
    while count < MOST_STREAMS:
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
        arrival = await exchange.arrival(2.0)
        # An error page of the limit's may lead to another place, which has room.
        if arrival is None or place(arrival) not in {"", target.place}:
            break
        count += 1
    for exchange in held:
        exchange.call.hang_up()
    note("done", count=count, most=MOST_STREAMS)


def _begin(arrival: Arrival) -> None:
    arrival.head(200, [("Content-Type", "text/event-stream")])


@judged_by(_held)
async def streams_at_once(bench: Bench, target: Target) -> None:
    """On a config with its limits: streams that are asked for at once, each by a client of its own, and how many of them are open together."""
    asked = await asyncio.gather(
        *(bench.ask(target.ask, _begin, source=f"127.0.1.{number + 1}") for number in range(MOST_STREAMS)),
        return_exceptions=True,
    )
    held = [each for each in asked if not isinstance(each, BaseException)]
    await bench.caught_up(10)
    came = [arrival for each in held for arrival in each.arrivals]
    for each in held:
        each.call.hang_up()
    if not any(arrival.closed.is_set() for arrival in came):
        # Else a timer was in the way.
        note("done", count=len(came), most=MOST_STREAMS)
