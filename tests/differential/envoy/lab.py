"""Envoy in the lab: a process for a config, one with origins that take no connection, and one with its limits."""

from __future__ import annotations

import contextlib
import random
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace

from proxycfg.lab.bench import Ask
from proxycfg.lab.probe import Target
from proxycfg.probes.kits import ENVOY
from proxycfg.targets.envoy.routes import Door, Route
from proxycfg.targets.envoy.tree import Message
from tests.differential import lab
from tests.differential.asks import PATHS, End
from tests.differential.bench import Bench
from tests.differential.envoy.bench import EnvoyBench
from tests.differential.envoy.engine import running
from tests.differential.envoy.generator import CLEAR, SECURE
from tests.differential.envoy.instrument import Surroundings, instrument
from tests.differential.envoy.predict import FILE, Prediction
from tests.differential.envoy.tree import Config, managers
from tests.differential.lab import NOBODY, Slack

SLACK = Slack(tardy=0.25, late=0.25)
LONGEST = 3.75
"""Seconds for which a timer is waited for."""


class Lab(lab.Lab[Config, Prediction]):
    """One version of Envoy."""

    slack = SLACK
    kit = ENVOY
    listens = (*CLEAR, *SECURE)
    shares = True

    running = staticmethod(running)

    @staticmethod
    def predict(config: Config, version: str) -> Prediction:
        """What proxycfg says of a config."""
        return Prediction(config, version)

    def requests(self, prediction: Prediction, chance: random.Random) -> list[Ask]:
        """Requests to try on a config: at least one made for each route, and some that nobody thought of."""
        made: dict[Ask, None] = {}
        for door, route in prediction.named.values():
            path = route.path if route.kind in {"prefix", "exact", "segments"} else chance.choice(PATHS)
            if chance.random() < (0.1 if route.kind == "exact" else 0.4):
                path += chance.choice(_ENDS)
            made[_ask(prediction, door, route, path, chance)] = None
            if chance.random() < 0.4:
                made[_ask(prediction, door, route, chance.choice(_OTHERS), chance)] = None
        asks = list(made)
        chance.shuffle(asks)
        return asks[:40]

    def target_of(self, prediction: Prediction, route: str, ask: Ask) -> Target:
        """A request for the route, through the one listener that leads there."""
        called = any(name == "Content-Type" for name, _ in ask.headers)
        return Target(
            place=route,
            ask=ask,
            asks=(ask,),
            protocol=prediction.routes[route].protocol or "",
            straight=not called,
            posts=prediction.route(replace(ask, method="POST")) == route,
            # Callers of gRPC shake no hands.
            shakes=not called
            and prediction.route(replace(ask, headers=(*ask.headers, ("Upgrade", "websocket")))) == route,
            complete=True,
            one_group=not prediction.named[route][1].action.has("weighted_clusters"),
        )

    def apart(self, prediction: Prediction, targets: list[Target]) -> list[Target]:
        """One for each cluster: a second try waits for whatever connection is being made already, which may be that of another request."""
        taken: set[str] = set()
        chosen: list[Target] = []
        for target in targets:
            action = prediction.named[target.place][1].action
            shares = action.messages("weighted_clusters", "clusters")
            names = {action.text("cluster") or "", *(each.text("name") or "" for each in shares)} - {""}
            if taken.isdisjoint(names):
                chosen.append(target)
            taken |= names
        return chosen

    @staticmethod
    def same(predicted: End, measured: End) -> bool:
        """Whether a request ended where it was to end."""
        if predicted.proxied != measured.proxied or predicted.place != measured.place:
            return False
        if predicted.answer.startswith("no filter chain"):
            return measured.answer == NOBODY
        return predicted.proxied or predicted.answer[:3] == measured.answer

    def plain(self, ask: Ask) -> Ask:
        """Headers may be what leads to a route."""
        return replace(ask, method="GET")

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
            bench.two_only = frozenset(
                ("127.0.0.1", listener["address"]["socket_address"]["port_value"])
                for listener, _, manager in managers(config.data)
                if manager.get("codec_type") == "HTTP2"
            )
            try:
                await bench.open()
                yield bench
            finally:
                bench.close()
                await self.engine.stop(folder)
                shutil.rmtree(folder)


_ENDS = ("", "/", "x", "/deep/er", ".json", "/v2/stream", "?x=1")
_OTHERS = (
    *PATHS,
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


def _ask(prediction: Prediction, door: Door, route: Route, path: str, chance: random.Random) -> Ask:
    domain = chance.choice(route.host.domains or ("*",))
    # A port in a domain is that of the listener, or nobody's.
    domain = re.sub(r":\d+$", "", domain)
    host = domain.replace("*", chance.choice(("sub", "deep.a"))) if domain != "*" else "anything.test"
    if chance.random() < 0.1:
        host = chance.choice(_HOSTS)
    if chance.random() < 0.4 and door.chain is not None:
        host = _server_of(door.chain, chance) or host
    method = chance.choice(("POST", "DELETE", "PUT")) if chance.random() < 0.08 else "GET"
    headers = []
    for matcher in route.match.messages("headers"):
        if chance.random() < 0.85:
            headers += _meeting(matcher)
    if chance.random() < 0.05:
        headers = [chance.choice((("X-Beta", "1"), ("X-Mode", "live")))]
    query = "&".join(_QUERIES[matcher.text("name") or ""] for matcher in route.match.messages("query_parameters"))
    if query and chance.random() < 0.85:
        path += ("&" if "?" in path else "?") + query
    ask = Ask(door.port, door.secure, host, path, method, tuple(headers))
    if route.match.has("grpc"):
        called = replace(ask, headers=(*ask.headers, ("Content-Type", "application/grpc"), ("TE", "trailers")))
        # What Envoy answers by itself is 200 for callers of gRPC.
        ask = called if prediction.route(called) else ask
    return ask


_QUERIES = {"stream": "stream=true", "debug": "debug"}


def _server_of(chain: Message, chance: random.Random) -> str:
    names = [each.value.raw for each in chain.texts("filter_chain_match", "server_names")]
    return chance.choice(names).replace("*", "tls") if names else ""


def _meeting(matcher: Message) -> list[tuple[str, str]]:
    """A header that a matcher asks for, or none where it asks for its absence."""
    name = matcher.text("name") or ""
    if name.startswith(":") or matcher.flag("invert_match"):
        return []
    wanted = next(
        (text for kind in ("exact", "prefix", "contains") if (text := matcher.text("string_match", kind))), "1"
    )
    return [(name.title(), wanted)]
