"""Envoy in the lab: a process for a config, one with origins that take no connection, and one with its limits."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from proxycfg.targets.envoy.routes import Door, Route
from tests.differential import lab
from tests.differential.asks import Ask, End
from tests.differential.bench import Bench
from tests.differential.envoy.bench import EnvoyBench
from tests.differential.envoy.engine import running
from tests.differential.envoy.generator import CLEAR, SECURE
from tests.differential.envoy.instrument import Surroundings, instrument
from tests.differential.envoy.predict import FILE, Prediction
from tests.differential.envoy.probes import KIT
from tests.differential.envoy.tree import Config
from tests.differential.lab import Slack
from tests.differential.origin import Blackhole, Origin
from tests.differential.probes import Target
from tests.engines.ports import free_ports

SLACK = Slack(tardy=0.25, late=0.5)
LONGEST = 3.75
"""Seconds for which a timer is waited for."""


class Lab(lab.Lab[Config, Prediction]):
    """One version of Envoy."""

    slack = SLACK
    kit = KIT

    @staticmethod
    def predict(config: Config, version: str) -> Prediction:
        """What proxycfg says of a config."""
        return Prediction(config, version)

    def requests(self, prediction: Prediction, chance: random.Random) -> list[Ask]:
        """Requests to try: at least one made for each route."""
        return requests(prediction, chance)

    def target_of(self, prediction: Prediction, route: str, ask: Ask) -> Target:
        """A request for the route, through the one listener that leads there."""
        return Target(
            place=route,
            ask=ask,
            asks=(ask,),
            protocol=prediction.routes[route].protocol or "",
            straight=True,
            posts=prediction.route(replace(ask, method="POST")) == route,
            shakes=prediction.route(replace(ask, headers=(*ask.headers, ("Upgrade", "websocket")))) == route,
            complete=True,
        )

    @staticmethod
    def same(predicted: End, measured: End) -> bool:
        """Whether a request ended where it was to end."""
        if predicted.proxied != measured.proxied or predicted.place != measured.place:
            return False
        return predicted.proxied or predicted.answer[:3] == measured.answer

    @contextlib.asynccontextmanager
    async def started(self, config: Config, *, unreachable: bool = False, limits: bool = False) -> AsyncIterator[Bench]:
        """Run a config.

        :raises Rejected: if Envoy does not take it.
        """
        folder = self.own_folder()
        log = folder / "logs" / "access.log"
        logs = (log, folder / "said")
        with self.ports() as ports:
            around = Surroundings(
                ports=ports,
                origin=self.blackhole if unreachable else self.origin.port,
                control=ports[0],
                certificate=str(self.authority.cert),
                key=str(self.authority.key),
                log=str(log),
                limits=limits,
            )
            (folder / FILE).write_text(instrument(config, around).text(), encoding="utf-8")
            await self.engine.start(folder)
            bench = EnvoyBench(
                self.origin, ports, ports[0], lambda: [each.read_text(errors="replace") for each in logs], LONGEST
            )
            try:
                await bench.open()
                yield bench
            finally:
                bench.close()
                await self.engine.stop(folder)
                shutil.rmtree(folder)


_ENDS = ("", "/", "x", "/deep/er", ".json", "/v2/stream", "?x=1")
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
)
_OTHERS = (
    *_REGEX_PATHS,
    "/",
    "/api/x",
    "/API",
    "//api//v1",
    "/a/../ws",
    "/%61pi",
    "/apix",
    "/events?x=1",
    "/api%2Fv1/x",
    "/ws;a=b",
    "/chat;v=1/room",
)
_HOSTS = ("unknown.invalid", "API.example.com", "example.com.", "www.example.com", "a.b.example.com")


def requests(prediction: Prediction, chance: random.Random) -> list[Ask]:
    """Requests to try on a config: at least one made for each route, and some that nobody thought of."""
    made: dict[Ask, None] = {}
    for door, route in prediction.named.values():
        path = route.path if route.kind in {"prefix", "exact", "segments"} else chance.choice(_REGEX_PATHS)
        if chance.random() < (0.1 if route.kind == "exact" else 0.4):
            path += chance.choice(_ENDS)
        made[_ask(door, route, path, chance)] = None
        if chance.random() < 0.4:
            made[_ask(door, route, chance.choice(_OTHERS), chance)] = None
    asks = list(made)
    chance.shuffle(asks)
    return asks[:40]


def _ask(door: Door, route: Route, path: str, chance: random.Random) -> Ask:
    domain = chance.choice(route.host.domains or ("*",))
    host = domain.replace("*", chance.choice(("sub", "deep.a"))) if domain != "*" else "anything.test"
    if chance.random() < 0.1:
        host = chance.choice(_HOSTS)
    method = chance.choice(("POST", "DELETE", "PUT")) if chance.random() < 0.08 else "GET"
    return Ask(door.port, door.secure, host.partition(":")[0], path, method)


@contextlib.asynccontextmanager
async def opened(version: str, folder: Path) -> AsyncIterator[Lab]:
    """A lab for a version, with its files in ``folder``.

    :raises EngineAbsent: if there is no Envoy of that version here.
    """
    port, nowhere = free_ports(2)
    origin = Origin(port)
    blackhole = Blackhole(nowhere)
    await origin.open()
    try:
        async with running(version, folder) as engine:
            yield Lab(version, folder, engine, origin, nowhere, (*CLEAR, *SECURE))
    finally:
        blackhole.close()
        await origin.close()
