"""An origin that fails: whether the request comes again, and whose error the client sees."""

from __future__ import annotations

import asyncio

from proxycfg.lab.bench import PATIENCE, Bench, Exchange
from proxycfg.lab.origin import Arrival
from proxycfg.lab.probe import Target, Values, ended, judged_by, noted
from proxycfg.lab.tape import note
from proxycfg.probes.answers import QUIET, ok, place
from proxycfg.timeline import Timeline

KINDS: tuple[str, ...] = ("401", "500", "502", "503", "504", "403", "404", "429", "drop", "garbage")


def _tried_again(seen: Timeline) -> Values:
    done = ended(seen)
    if done is None:
        return {}
    failed = noted(seen, "failed")
    again = {
        method: any(facts["times"] > 1 for facts in failed if facts["method"] == method) for method in ("GET", "POST")
    }
    values: Values = {"error_interception": any(facts["replaced"] for facts in failed)}
    slow = next((facts["again"] for facts in noted(seen, "slow")), False)
    if slow is None:
        return values
    values["retries"] = again["GET"] or slow
    return values | {"retries_non_idempotent": again["POST"]} if done["posts"] else values


@judged_by(_tried_again)
async def failures(bench: Bench, target: Target, kinds: tuple[str, ...] = KINDS) -> None:
    """Every kind of failure of the origin, for a GET and a POST: how often the request comes, and whose error the client sees."""
    again = False
    for method in ("GET", "POST") if target.posts else ("GET",):
        for kind in kinds:
            fails = Failing(kind)
            exchange = await _failing(bench, target, method, fails)
            if kind == "drop":
                # Once more on a connection that was kept, where any is: a group of several servers keeps one for each.
                for _ in range(3):
                    if fails.times > 1 or (exchange.arrivals and exchange.arrivals[0].nth > 1):
                        break
                    await _warmed(bench, target)
                    fails = Failing(kind)
                    exchange = await _failing(bench, target, method, fails)
            if not exchange.arrivals:
                return
            answer = exchange.call.answer
            again |= method == "GET" and fails.times > 1
            replaced = kind.isdigit() and answer.complete and b"the origin's own error" not in answer.body
            note("failed", exchange.number, method=method, kind=kind, times=fails.times, replaced=replaced)
    if not again and bench.awaits_retries:
        note("slow", again=await _slow(bench, target))
    note("done", posts=target.posts)


_OF_GRPC = tuple(f"grpc {code}" for code in (1, 4, 8, 13, 14))
_OF_HTTP = (
    "500", "502", "503", "504", "403", "404", "409", "429", "x-envoy-ratelimited: true", "x-again: yes", "drop", "garbage",
)  # fmt: skip


@judged_by(_tried_again)
async def refusals(bench: Bench, target: Target) -> None:
    """Every failure on which Envoy may try again."""
    await failures.drive(bench, target, (*_OF_HTTP, *(_OF_GRPC if target.protocol == "grpc" else ())))


async def _failing(bench: Bench, target: Target, method: str, fails: Failing) -> Exchange:
    """A request that fails, to its end."""
    exchange = await bench.ask(target.ask, fails, method=method, body=b"x" if method == "POST" else None)
    await exchange.call.whole(PATIENCE)
    exchange.call.hang_up()
    return exchange


class Failing:
    """A handler that fails in one way as long as the request is the same."""

    def __init__(self, kind: str) -> None:
        """A status, ``drop``, ``garbage``, ``grpc CODE``, or a header that tells of a failure."""
        self.kind = kind
        self.times = 0
        self._first: tuple[str, str] | None = None

    def __call__(self, arrival: Arrival) -> None:
        """Fail, or answer what is another request by now."""
        self._first = self._first or (place(arrival), arrival.target)
        if (place(arrival), arrival.target) != self._first:
            ok(arrival)
            return
        self.times += 1
        if self.kind.isdigit():
            arrival.answer(int(self.kind), [("Content-Type", "text/plain"), *QUIET], b"the origin's own error")
        elif self.kind.startswith("grpc "):
            status = [("Content-Type", "application/grpc"), ("grpc-status", self.kind.removeprefix("grpc "))]
            arrival.answer(200, status, b"")
        elif ": " in self.kind:
            # A failure that a header tells.
            name, _, value = self.kind.partition(": ")
            arrival.answer(429, [("Content-Type", "text/plain"), (name, value), *QUIET], b"the origin's own error")
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
    exchange = await bench.ask(target.ask, ok)
    await exchange.call.whole(PATIENCE)
    exchange.call.hang_up()
    await bench.caught_up(1)


def _gone_on(seen: Timeline) -> Values:
    slow = noted(seen, "slow")
    return {"retried_silence": slow[0]["again"]} if slow else {}


@judged_by(_gone_on)
async def silent_origin(bench: Bench, target: Target) -> None:
    """Whether silence, too, sends a request again: no property by itself. None where no timer ran out."""
    note("slow", again=await _slow(bench, target))


async def _slow(bench: Bench, target: Target) -> bool | None:
    """Whether a request goes on to another server when the first one is silent; None if that cannot be waited for."""
    came: list[Arrival] = []
    again = asyncio.Event()

    def handler(arrival: Arrival) -> None:
        came.append(arrival)
        same = (place(arrival), arrival.target) == (place(came[0]), came[0].target)
        if len(came) > 1:
            ok(arrival)
            if same:
                again.set()

    exchange = await bench.ask(target.ask, handler)
    over = await bench.until(
        lambda: exchange.call.answer.status or again.is_set() or exchange.call.closed.is_set(), bench.longest
    )
    exchange.call.hang_up()
    return again.is_set() if over else None
