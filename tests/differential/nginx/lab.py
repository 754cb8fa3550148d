"""nginx in the lab: three variants of a config side by side, on a faster clock."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from proxycfg.lab.bench import Ask
from proxycfg.lab.probe import Target
from proxycfg.probes.kits import NGINX
from tests.differential import lab
from tests.differential.asks import PATHS, End
from tests.differential.bench import Bench
from tests.differential.lab import Slack
from tests.differential.nginx.engine import running
from tests.differential.nginx.generator import CLEAR, SECURE
from tests.differential.nginx.instrument import Surroundings, instrument
from tests.differential.nginx.predict import Prediction
from tests.differential.nginx.tree import Config

SLACK = Slack(
    tardy=2.0,
    # nginx starts its timer by the time that it looked at last; a flood keeps it busy in between.
    tardies={"send_timeout": 6.0},
    late=4.0,
)


class Lab(lab.Lab[Config, Prediction]):
    """One version of nginx."""

    slack = SLACK
    kit = NGINX
    listens = (*CLEAR, *SECURE)

    running = staticmethod(running)

    @staticmethod
    def predict(config: Config, version: str) -> Prediction:
        """What proxycfg says of a config, which is printed on the way."""
        return Prediction(config, version)

    def requests(self, prediction: Prediction, chance: random.Random) -> list[Ask]:
        """Requests to try on a config: at least one made for each location, and some that nobody thought of."""
        made: dict[Ask, None] = {}
        for server in prediction.servers.values():
            for location in server.locations.all():
                path = (
                    location.name if location.kind in {"exact", "prefix", "no-regex"} else chance.choice(_REGEX_PATHS)
                )
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

    def target_of(self, prediction: Prediction, route: str, ask: Ask) -> Target:
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
            protocol=found.protocol or prediction.protocol_of(main),
            straight=prediction.follow(main).straight,
            posts=prediction.route(replace(main, method="POST")) == route,
            shakes=prediction.route(replace(main, headers=(("Upgrade", "websocket"),))) == route,
            complete=complete,
        )

    @staticmethod
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

    @contextlib.asynccontextmanager
    async def started(self, config: Config, *, unreachable: bool = False, limits: bool = False) -> AsyncIterator[Bench]:
        """Run a config.

        :raises Rejected: if nginx does not take it.
        """
        folder = self.own_folder()
        with self.ports() as ports:
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

    def limited(self, config: Config) -> bool:
        """With one worker: where there are several, each has its own limits."""
        return not any(node.name == "worker_processes" and node.args != ("1",) for node in config.top)


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


_WORDS = {"*.example.com": "deep.a.example.com", ".example.org": "sub.example.org", "chat.*": "chat.anything.net", r"~^(?<sub>\w+)\.test$": "abc.test",
          "~^www\\d+\\.": "www12.somewhere", "_": "nobody.invalid", '""': "empty.invalid"}  # fmt: skip
_ENDS = ("", "/", "x", "/deep/er", ".json", "/v2/stream")
_REGEX_PATHS = (*PATHS, "/auth", "/50x.html")


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
