"""A config through real nginx: started in three variants side by side, asked, measured, and compared with what proxycfg says of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import traceback
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from proxycfg.behavior import Answer, Between, exactly, properties
from tests.clients.tls import make_authority
from tests.differential import probes
from tests.differential.bench import PATIENCE, Bench
from tests.differential.engine import Engine, Rejected, running
from tests.differential.generator import CLEAR, SECURE
from tests.differential.instrument import Surroundings, instrument
from tests.differential.origin import Arrival, Blackhole, Origin
from tests.differential.predict import Ask, End, Prediction
from tests.differential.probes import AtLeast, Probe, Target, Within
from tests.differential.tree import Config
from tests.engines.ports import free_ports

TARDY = {"send_timeout": 6.0}
"""Seconds of nginx's clock that a timer may be early, as nginx starts it by the time that it looked at last; a flood keeps it busy in between."""
LATE = 4.0
"""Seconds of nginx's clock: a probe during which nothing happened for longer has not kept its lock-step."""
TRIES = 4
"""Times that a probe is tried which a machine under load has kept from its lock-step; what it says then does not count."""
ROUTES = 4
"""Routes that are measured of one config."""


@dataclass
class Check:
    """One comparison: ``what`` is a property or ``location``."""

    what: str
    place: str
    predicted: Any
    measured: Any
    agrees: bool
    ask: Ask


@dataclass
class Result:
    """What came of one config.

    :param hedged: by property, the routes whose value proxycfg leaves open.
    :param late: the probes that a machine under load never let finish in time.
    :param crash: a traceback of the reader.
    """

    checks: list[Check] = field(default_factory=list)
    rejected: str = ""
    crash: str = ""
    routes: int = 0
    late: int = 0
    hedged: dict[str, int] = field(default_factory=dict)

    @property
    def disagreements(self) -> list[Check]:
        """Where proxycfg is wrong."""
        return [check for check in self.checks if not check.agrees]


def agrees(
    name: str,
    predicted: Between[Any],
    measured: Any,
    over: frozenset[str] = frozenset(),
    tardies: Mapping[str, float] = TARDY,
    tardy: float = 2.0,
) -> bool:
    """Whether what was measured is what was predicted, or lies in the range that was left open.

    :param tardies: seconds of the proxy's clock that a timer may be off, by property; ``tardy`` for the others.
    """
    if isinstance(measured, AtLeast):
        return bool(predicted.high >= measured.least)
    if isinstance(measured, Within):
        tardy = tardies.get(name, tardy)
        return bool(predicted.low <= measured.high + tardy and measured.low - tardy <= predicted.high)
    if name == "stalls_on":
        return bool(predicted.low & over <= measured <= predicted.high)
    return exactly(measured).within(predicted) is Answer.YES


class Lab:
    """One version: the engine, an origin, and ports to give to configs."""

    def __init__(self, version: str, folder: Path, engine: Engine, origin: Origin, blackhole: int) -> None:
        """Made by :func:`opened`."""
        self.version = version
        self.folder = folder
        self.engine = engine
        self.origin = origin
        self.blackhole = blackhole
        self.authority = make_authority(folder)
        self._ports: list[dict[int, int]] = []
        self._numbers = 0

    @contextlib.contextmanager
    def ports(self) -> Iterator[dict[int, int]]:
        """A set of ports for one process; 0 is the lab's own."""
        names = (0, *CLEAR, *SECURE)
        ports = self._ports.pop() if self._ports else dict(zip(names, free_ports(len(names)), strict=True))
        try:
            yield ports
        finally:
            self._ports.append(ports)

    @contextlib.asynccontextmanager
    async def started(self, config: Config, *, unreachable: bool = False, limits: bool = False) -> AsyncIterator[Bench]:
        """Run a config.

        :raises Rejected: if nginx does not take it.
        """
        self._numbers += 1
        folder = self.folder / f"c{self._numbers}"
        with self.ports() as ports:
            (folder / "logs").mkdir(parents=True)
            # Workers are nobody, and a store makes its own folders.
            folder.chmod(0o777)
            around = Surroundings(
                ports=ports,
                origin=self.blackhole if unreachable else self.origin.port,
                sides=self.origin.port,
                control=ports[0],
                certificate=str(self.authority.cert),
                key=str(self.authority.key),
                limits=limits,
            )
            for name, text in instrument(config, around).items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
            await self.engine.start(folder)
            bench = Bench(self.origin, folder, ports, ports[0])
            if self.version == "1.22":
                bench.two_only = _two_only(config)
            try:
                if not limits:
                    await bench.open()
                yield bench
            finally:
                bench.close()
                await self.engine.stop(folder)
                shutil.rmtree(folder)

    async def examine(self, config: Config, seed: int, *, only: str = "", asks: tuple[Ask, ...] = ()) -> Result:
        """Run one config and compare. ``only`` names one thing to look at, and ``asks`` the requests to try."""
        result = Result()
        try:
            prediction = Prediction(config, self.version)
        except Exception:  # noqa: BLE001 - a crash of the reader is a finding
            result.crash = traceback.format_exc()
            return result
        for route in prediction.routes.values():
            result.routes += 1
            for name in properties():
                if not getattr(route.reading.behavior, name).exact:
                    result.hedged[name] = result.hedged.get(name, 0) + 1
        chance = random.Random(seed)
        asked = list(asks) or requests(prediction, chance)
        try:
            async with self.started(config) as bench:
                result.checks += await self._locations(bench, prediction, asked)
                targets = self._targets(prediction, asked, result.checks, chance)
                await self._properties(bench, config, prediction, targets, result, only)
        except Rejected as rejected:
            result.rejected = str(rejected)
        return result

    async def _locations(self, bench: Bench, prediction: Prediction, asks: list[Ask]) -> list[Check]:
        gate = asyncio.Semaphore(8)

        async def one(ask: Ask) -> Check:
            async with gate:
                return await locate(bench, prediction, ask)

        return await asyncio.gather(*(one(ask) for ask in asks))

    def _targets(
        self, prediction: Prediction, asks: list[Ask], checks: list[Check], chance: random.Random
    ) -> list[Target]:
        wrong = {id(check.ask) for check in checks if not check.agrees}
        by_route: dict[str, Ask] = {}
        for ask in asks:
            plain = replace(ask, headers=(), method="GET")
            route = prediction.route(plain)
            if route in prediction.routes and id(ask) not in wrong and not prediction.follow(plain).error:
                by_route.setdefault(route, plain)
        chosen = chance.sample(sorted(by_route), min(ROUTES, len(by_route)))
        return [target_of(prediction, route, by_route[route]) for route in chosen]

    async def _properties(
        self, bench: Bench, config: Config, prediction: Prediction, targets: list[Target], result: Result, only: str
    ) -> None:
        async def note(target: Target, probe: Probe, bench: Bench) -> None:
            checks: list[Check] = []
            for _ in range(TRIES):
                bench.worst = 0.0
                try:
                    values = await probe(bench, target)
                except OSError:
                    return
                over = values.pop("over", frozenset())
                behavior = prediction.behavior(target.place)
                checks = [
                    Check(name, target.place, predicted, measured, agrees(name, predicted, measured, over), target.ask)
                    for name, measured in values.items()
                    for predicted in [getattr(behavior, name)]
                ]
                if bench.worst < LATE or all(check.agrees for check in checks):
                    break
            else:
                result.late += 1
                checks = []
            result.checks += checks

        def wanted(probe: Probe) -> bool:
            return not only or probe.__name__ in probes.MEASURED_BY.get(only, ())

        async def quick(target: Target) -> None:
            for probe in probes.QUICK:
                if wanted(probe):
                    await note(target, probe, bench)

        async def variant(probe: Probe, chosen: list[Target], **how: bool) -> None:
            if chosen and wanted(probe):
                async with self.started(config, **how) as other:
                    await asyncio.gather(*(note(target, probe, other) for target in chosen))

        jobs = [quick(target) for target in targets]
        jobs += [note(target, probe, bench) for target in targets for probe in probes.SLOW if wanted(probe)]
        jobs += [
            note(target, probe, bench)
            for target in targets[:1]
            for probe in (probes.affinity, probes.talking)
            if wanted(probe)
        ]
        jobs.append(variant(probes.unreachable, targets, unreachable=True))
        if not any(node.name == "worker_processes" and node.args != ("1",) for node in config.top):
            jobs.append(variant(probes.streams, targets[:1], limits=True))
        await asyncio.gather(*jobs)


def _two_only(config: Config) -> frozenset[tuple[str, int]]:
    """Where a cleartext port speaks HTTP/2 and nothing else, as before 1.25.1: a port with an address of its own, and all others of its number."""
    said: dict[tuple[str, int], bool] = {}
    for node in config.walk():
        if node.name == "listen":
            address, _, port = node.args[0].rpartition(":")
            said[address, int(port)] = said.get((address, int(port)), False) or (
                "http2" in node.args and "ssl" not in node.args
            )
    ports = {port for _, port in said}
    return frozenset(
        (address, port)
        for port in ports
        for address in ("127.0.0.1", "127.0.0.2")
        if said.get((address, port), said.get(("", port), False))
    )


async def locate(bench: Bench, prediction: Prediction, ask: Ask) -> Check:
    """One request: where it ended, and where it should have."""
    predicted = prediction.follow(ask)

    def handler(arrival: Arrival) -> None:
        # No store takes it, which would be a file for the next request to find.
        arrival.answer(203, [("Content-Type", "text/plain"), ("Cache-Control", "no-store")], b"from the origin")

    try:
        exchange = await bench.ask(ask, handler)
    except OSError as error:
        return Check("location", predicted.place, predicted, str(error), agrees=False, ask=ask)
    answer = await exchange.call.whole(PATIENCE)
    exchange.call.hang_up()
    place = (answer.header("x-loc") or "").split(", ")[0]
    if exchange.arrivals:
        place = (exchange.arrivals[-1].header("x-loc") or "").split(", ")[0]
    measured = End(place, bool(exchange.arrivals), str(answer.status), straight=True)
    return Check("location", predicted.place, predicted, measured, same(predicted, measured), ask)


def same(predicted: End, measured: End) -> bool:
    """Whether a request ended where it was to end."""
    if predicted.proxied != measured.proxied:
        return False
    if predicted.proxied:
        return predicted.place == measured.place
    code = predicted.answer[:3]
    # An error page keeps the status of the error, unless it says otherwise.
    if code.isdigit() and code != measured.answer and predicted.straight:
        return False
    if not code.isdigit() and measured.answer not in {"403", "404", "405", "500"}:
        return False
    # What is decided before a location's own directives run has no place of its own to tell.
    elsewhere = (
        "(the same path with a slash)",
        "(the location is internal)",
        "(everybody is refused)",
        "(no location matches)",
        "500 ",
    )
    return predicted.place == measured.place or any(each in predicted.answer for each in elsewhere)


_WORDS = {"*.example.com": "deep.a.example.com", ".example.org": "sub.example.org", "chat.*": "chat.anything.net", r"~^(?<sub>\w+)\.test$": "abc.test",
          "~^www\\d+\\.": "www12.somewhere", "_": "nobody.invalid", '""': "empty.invalid"}  # fmt: skip
_ENDS = ("", "/", "x", "/deep/er", ".json", "/v2/stream")
_REGEX_PATHS = (
    "/api/v1/stream",
    "/x/app.js",
    "/ws/events",
    "/events",
    "/chat/room",
    "/some.json",
    "/app/",
    "/UPPER",
    "/old/thing",
    "/x/",
    "/auth",
    "/50x.html",
)


def requests(prediction: Prediction, chance: random.Random) -> list[Ask]:
    """Requests to try on a config: at least one made for each location, and some that nobody thought of."""
    made: dict[Ask, None] = {}
    for server in prediction.servers.values():
        for location in server.locations.all():
            path = location.name if location.kind in {"exact", "prefix", "no-regex"} else chance.choice(_REGEX_PATHS)
            if chance.random() < 0.4:
                path += chance.choice(_ENDS)
            made[_ask(server, path, chance)] = None
        for _ in range(4):
            path = chance.choice(
                (*_REGEX_PATHS, "/", "/api/x", "/API", "//api//v1", "/a/../ws", "/%61pi", "/apix", "/events?x=1")
            )
            made[_ask(server, path, chance)] = None
    asks = list(made)
    chance.shuffle(asks)
    return asks[:40]


def _ask(server: Any, path: str, chance: random.Random) -> Ask:
    listen = chance.choice(server.listens)
    name = chance.choice(server.names) or "empty.invalid"
    host = (
        _WORDS.get(name, name)
        if chance.random() < 0.9
        else chance.choice(("unknown.invalid", "API.example.com", "example.com."))
    )
    headers: tuple[tuple[str, str], ...] = ()
    if chance.random() < 0.1:
        headers = (chance.choice((("X-Beta", "1"), ("X-Mode", "1"), ("Upgrade", "websocket"))),)
    method = chance.choice(("POST", "DELETE", "PUT")) if chance.random() < 0.08 else "GET"
    address = "127.0.0.2" if listen.address == "*" and chance.random() < 0.15 else "127.0.0.1"
    return Ask(listen.port, listen.port in SECURE, host, path, method, headers, address)


def target_of(prediction: Prediction, route: str, ask: Ask) -> Target:
    """A plain GET for the route, through each port of the server that leads there."""
    server = prediction.servers[prediction.server_of(ask)]
    asks = []
    complete = True
    for listen in server.listens:
        for address in ("127.0.0.1", "127.0.0.2"):
            one = replace(ask, port=listen.port, secure=listen.port in SECURE, address=address)
            if (
                (listen.address in {"*", address})
                and prediction.route(one) == route
                and prediction.server_of(one) == prediction.server_of(ask)
            ):
                asks.append(one)
                break
        else:
            complete = False
    found = prediction.routes[route]
    main = next((one for one in asks if one.port == ask.port), ask)
    return Target(
        place=route,
        ask=main,
        asks=tuple(dict.fromkeys([main, *asks])),
        protocol=found.protocol or "",
        straight=prediction.follow(main).straight,
        posts=prediction.route(replace(main, method="POST")) == route,
        shakes=prediction.route(replace(main, headers=(("Upgrade", "websocket"),))) == route,
        complete=complete,
    )


@contextlib.asynccontextmanager
async def opened(version: str, folder: Path) -> AsyncIterator[Lab]:
    """A lab for a version, with its files in ``folder``.

    :raises EngineAbsent: if there is no nginx of that version here.
    """
    port, nowhere = free_ports(2)
    origin = Origin(port)
    blackhole = Blackhole(nowhere)
    await origin.open()
    try:
        async with running(version, folder) as engine:
            yield Lab(version, folder, engine, origin, nowhere)
    finally:
        blackhole.close()
        await origin.close()
