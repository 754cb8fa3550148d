"""What proxycfg says of a bootstrap, in the terms of the lab: where requests end, and the behavior of each route."""

from __future__ import annotations

from proxycfg.behavior import Behavior
from proxycfg.lab.bench import Ask
from proxycfg.reading import ReadRoute
from proxycfg.request import Request
from proxycfg.source import Source
from proxycfg.targets.envoy.bootstrap import load
from proxycfg.targets.envoy.journey import Journey, follow
from proxycfg.targets.envoy.place import Reader
from proxycfg.targets.envoy.read import read_route
from proxycfg.targets.envoy.routes import Door, Route, read_world
from tests.differential.asks import End
from tests.differential.envoy.tree import Config, place_of

FILE = "envoy.yaml"


class Prediction:
    """proxycfg's reading of one config for one version."""

    def __init__(self, config: Config, version: str) -> None:
        """What is read is the text that is printed."""
        self.text = config.text()
        self.config = load([Source(FILE, self.text)])
        self.world = read_world(self.config)
        self.doors: list[Door] = [door for door, _ in self.world.doors]
        self.named: dict[str, tuple[Door, Route]] = {}
        """Routes of every kind, by place."""
        for number, (door, table) in enumerate(self.world.doors):
            for at, host in enumerate(table.hosts if table is not None else ()):
                for route in host.routes:
                    self.named[place_of(number, at, route.index)] = door, route
        reader = Reader(self.world, version)
        declared = config.declared()
        self.routes: dict[str, ReadRoute] = {
            place: read_route(reader, route, declared.get(place) or None, door=door)
            for place, (door, route) in self.named.items()
            if route.proxied
        }

    def _journey(self, ask: Ask) -> Journey:
        headers = {name.lower(): value for name, value in ask.headers}
        request = Request("https" if ask.secure else "http", ask.host, ask.port, ask.path, ask.method, headers)
        return follow(self.world, request)

    def _place(self, journey: Journey) -> str:
        for place, (door, route) in self.named.items():
            if door is journey.door and journey.route is not None and route.message.key == journey.route.message.key:
                return place
        return ""

    def follow(self, ask: Ask) -> End:
        """Where a request ends."""
        journey = self._journey(ask)
        return End(self._place(journey), journey.proxied, journey.answer, straight=True)

    def route(self, ask: Ask) -> str:
        """The place of the route in which a request ends; empty if no origin answers it."""
        journey = self._journey(ask)
        return self._place(journey) if journey.proxied else ""

    def behavior(self, place: str) -> Behavior:
        """Of a route."""
        return self.routes[place].reading.behavior
