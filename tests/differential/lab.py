"""A config through a real proxy: started, asked, measured, and compared with what proxycfg says of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from proxycfg.behavior import Answer, Between, exactly, properties
from proxycfg.lab.bench import PATIENCE, Ask
from proxycfg.lab.origin import Arrival, Blackhole, Origin
from proxycfg.lab.probe import AtLeast, Kit, Probe, Target, Within
from tests.clients.tls import make_authority
from tests.differential.asks import End, Prediction
from tests.differential.bench import Bench
from tests.differential.engine import Engine, Rejected
from tests.engines.ports import free_ports

TRIES = 4
"""Times that a probe is tried which a machine under load has kept from its lock-step; what it says then does not count."""
NOBODY = "no connection"
"""What comes of a request where nobody takes the connection."""
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


@dataclass(frozen=True)
class Slack:
    """What a machine under load does to time.

    :param tardy: seconds of the proxy's clock that a timer may be off, and ``tardies`` the same by property.
    :param late: seconds of the proxy's clock: a probe during which nothing happened for longer has not kept its lock-step.
    """

    tardy: float
    late: float
    tardies: Mapping[str, float] = field(default_factory=dict)


def agrees(name: str, predicted: Between[Any], measured: Any, slack: Slack, over: frozenset[str] = frozenset()) -> bool:
    """Whether what was measured is what was predicted, or lies in the range that was left open."""
    if isinstance(measured, AtLeast):
        return bool(predicted.high >= measured.least)
    if isinstance(measured, Within):
        tardy = slack.tardies.get(name, slack.tardy)
        return bool(predicted.low <= measured.high + tardy and measured.low - tardy <= predicted.high)
    if name == "stalls_on":
        return bool(predicted.low & over <= measured <= predicted.high)
    return exactly(measured).within(predicted) is Answer.YES


ConfigT = TypeVar("ConfigT")
PredictionT = TypeVar("PredictionT", bound=Prediction)


class Lab(ABC, Generic[ConfigT, PredictionT]):
    """One proxy of one version: the engine, an origin, and ports to give to configs."""

    slack: Slack
    kit: Kit
    listens: tuple[int, ...]
    """The ports that configs may listen on."""
    shares = False
    """Whether it sends several requests at once over one connection of HTTP/2."""

    def __init__(self, version: str, folder: Path, engine: Engine, origin: Origin, blackhole: int) -> None:
        """``blackhole`` is the port of an origin that takes no connection."""
        self.version = version
        self.folder = folder
        self.engine = engine
        self.origin = origin
        self.blackhole = blackhole
        self.authority = make_authority(folder)
        self._names = (0, *self.listens)
        self._ports: list[dict[int, int]] = []
        self._numbers = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, version: str, folder: Path) -> AsyncIterator[Self]:
        """A lab for a version, with its files in ``folder``.

        :raises EngineAbsent: if that version is not here.
        """
        port, nowhere = free_ports(2)
        origin = Origin(port, shares=cls.shares)
        blackhole = Blackhole(nowhere)
        await origin.open()
        try:
            async with cls.running(version, folder) as engine:
                yield cls(version, folder, engine, origin, nowhere)
        finally:
            blackhole.close()
            await origin.close()

    @contextlib.contextmanager
    def ports(self) -> Iterator[dict[int, int]]:
        """A set of ports for one process; 0 is the lab's own."""
        ports = self._ports.pop() if self._ports else dict(zip(self._names, free_ports(len(self._names)), strict=True))
        try:
            yield ports
        finally:
            self._ports.append(ports)

    def own_folder(self) -> Path:
        """A new folder for one process, with one for logs in it."""
        self._numbers += 1
        folder = self.folder / f"c{self._numbers}"
        (folder / "logs").mkdir(parents=True)
        # A proxy may be somebody else, and make its own folders.
        folder.chmod(0o777)
        return folder

    # ---- what differs between proxies ----

    @staticmethod
    @abstractmethod
    def running(version: str, folder: Path) -> AbstractAsyncContextManager[Engine]:
        """The engine, in a container that sees ``folder`` under the same path, and may write there.

        :raises EngineAbsent: if there is no image of that version.
        """

    @staticmethod
    @abstractmethod
    def predict(config: ConfigT, version: str) -> PredictionT:
        """What proxycfg says of a config."""

    @abstractmethod
    def requests(self, prediction: PredictionT, chance: random.Random) -> list[Ask]:
        """Requests to try on a config: at least one made for each route, and some that nobody thought of."""

    @abstractmethod
    def target_of(self, prediction: PredictionT, route: str, ask: Ask) -> Target:
        """How probes reach a route to which a plain request leads."""

    @staticmethod
    @abstractmethod
    def same(predicted: End, measured: End) -> bool:
        """Whether a request ended where it was to end."""

    @abstractmethod
    def started(
        self, config: ConfigT, *, unreachable: bool = False, limits: bool = False
    ) -> AbstractAsyncContextManager[Bench]:
        """Run a config.

        :param unreachable: with origins that never take a connection.
        :param limits: with its limits on connections, which are lifted otherwise.
        :raises Rejected: if the proxy does not take it.
        """

    def apart(self, prediction: PredictionT, targets: list[Target]) -> list[Target]:  # noqa: ARG002 - some hang on it
        """Those whose connections to origins are nobody else's while they are tried."""
        return targets

    def limited(self, config: ConfigT) -> bool:  # noqa: ARG002 - some hang on it
        """Whether the number of streams of this config can be measured."""
        return True

    # ---- one config ----

    async def examine(self, config: ConfigT, seed: int, *, only: str = "", asks: tuple[Ask, ...] = ()) -> Result:
        """Run one config and compare. ``only`` names one thing to look at, and ``asks`` the requests to try."""
        result = Result()
        try:
            prediction = self.predict(config, self.version)
        except Exception:  # noqa: BLE001 - a crash of the reader is a finding
            result.crash = traceback.format_exc()
            return result
        for route in prediction.routes.values():
            result.routes += 1
            for name in properties():
                if not getattr(route.reading.behavior, name).exact:
                    result.hedged[name] = result.hedged.get(name, 0) + 1
        chance = random.Random(seed)
        asked = list(asks) or self.requests(prediction, chance)
        try:
            async with self.started(config) as bench:
                result.checks += await self._locations(bench, prediction, asked)
                targets = self._targets(prediction, asked, result.checks, chance)
                await self._properties(bench, config, prediction, targets, result, only)
        except Rejected as rejected:
            result.rejected = str(rejected)
        return result

    async def _locations(self, bench: Bench, prediction: PredictionT, asks: list[Ask]) -> list[Check]:
        gate = asyncio.Semaphore(8)

        async def one(ask: Ask) -> Check:
            async with gate:
                return await self.locate(bench, prediction, ask)

        return await asyncio.gather(*(one(ask) for ask in asks))

    async def locate(self, bench: Bench, prediction: PredictionT, ask: Ask) -> Check:
        """One request: where it ended, and where it should have."""
        predicted = prediction.follow(ask)

        def handler(arrival: Arrival) -> None:
            # No store takes it, which would be a file for the next request to find.
            arrival.answer(203, [("Content-Type", "text/plain"), ("Cache-Control", "no-store")], b"from the origin")

        try:
            exchange = await bench.ask(ask, handler)
        except OSError:
            nobody = End("", proxied=False, answer=NOBODY, straight=True)
            return Check("location", predicted.place, predicted, nobody, self.same(predicted, nobody), ask)
        answer = await exchange.call.whole(PATIENCE)
        exchange.call.hang_up()
        place = (answer.header("x-loc") or "").split(", ")[0]
        if exchange.arrivals:
            place = (exchange.arrivals[-1].header("x-loc") or "").split(", ")[0]
        measured = End(place, bool(exchange.arrivals), str(answer.status), straight=True)
        return Check("location", predicted.place, predicted, measured, self.same(predicted, measured), ask)

    def _targets(
        self, prediction: PredictionT, asks: list[Ask], checks: list[Check], chance: random.Random
    ) -> list[Target]:
        wrong = {id(check.ask) for check in checks if not check.agrees}
        by_route: dict[str, Ask] = {}
        for ask in asks:
            plain = self.plain(ask)
            route = prediction.route(plain)
            if route in prediction.routes and id(ask) not in wrong and not prediction.follow(plain).error:
                by_route.setdefault(route, plain)
        chosen = chance.sample(sorted(by_route), min(ROUTES, len(by_route)))
        return [self.target_of(prediction, route, by_route[route]) for route in chosen]

    def plain(self, ask: Ask) -> Ask:
        """The request that probes send in place of one that was tried."""
        return replace(ask, headers=(), method="GET")

    async def _properties(
        self,
        bench: Bench,
        config: ConfigT,
        prediction: PredictionT,
        targets: list[Target],
        result: Result,
        only: str,
    ) -> None:
        async def note(target: Target, probe: Probe, bench: Bench) -> None:
            checks: list[Check] = []
            for _ in range(TRIES):
                begun = time.monotonic()
                try:
                    values = await probe(bench, target)
                except OSError:
                    return
                over = values.pop("over", frozenset())
                behavior = prediction.behavior(target.place)
                checks = [
                    Check(
                        name,
                        target.place,
                        predicted,
                        measured,
                        agrees(name, predicted, measured, self.slack, over),
                        target.ask,
                    )
                    for name, measured in values.items()
                    for predicted in [getattr(behavior, name)]
                ]
                if bench.late_since(begun) < self.slack.late or all(check.agrees for check in checks):
                    break
            else:
                result.late += 1
                checks = []
            result.checks += checks

        def wanted(probe: Probe) -> bool:
            return not only or probe.name in self.kit.measured_by.get(only, ())

        async def quick(target: Target) -> None:
            for probe in self.kit.quick:
                if wanted(probe):
                    await note(target, probe, bench)

        async def variant(probe: Probe, chosen: list[Target], **how: bool) -> None:
            if chosen and wanted(probe):
                async with self.started(config, **how) as other:
                    await asyncio.gather(*(note(target, probe, other) for target in chosen))

        jobs = [quick(target) for target in targets]
        jobs += [note(target, probe, bench) for target in targets for probe in self.kit.slow if wanted(probe)]
        jobs += [note(target, probe, bench) for target in targets[:1] for probe in self.kit.single if wanted(probe)]
        jobs.append(variant(self.kit.unreachable, self.apart(prediction, targets), unreachable=True))
        if self.limited(config):
            jobs.append(variant(self.kit.streams, targets[:1], limits=True))
        await asyncio.gather(*jobs)
        for target in targets:
            for probe in self.kit.alone:
                if wanted(probe):
                    await note(target, probe, bench)
