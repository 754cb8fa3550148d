"""What proxycfg says of a config, in the terms of the lab: where requests end, and the behavior of each route."""

from __future__ import annotations

from proxycfg.behavior import Behavior
from proxycfg.lab.bench import Ask
from proxycfg.reading import ReadRoute
from proxycfg.request import Request
from proxycfg.targets.nginx.clients import Sockets
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.read import read
from proxycfg.targets.nginx.request import Journey, follow
from proxycfg.targets.nginx.servers import Location, Server, read_http
from proxycfg.targets.nginx.syntax import Directive
from tests.differential.asks import End
from tests.differential.nginx.tree import Config


def _place(directive: Directive) -> str:
    return f"{directive.span.file}:{directive.span.line}"


class Prediction:
    """proxycfg's reading of one config for one version."""

    def __init__(self, config: Config, version: str) -> None:
        """``config`` is printed on the way, so that its nodes know their places."""
        self.files = config.files()
        self.config = load_texts(self.files)
        self.http = read_http(self.config)[0]
        self.sockets = Sockets(self.http, version)
        declared = {node.place: config.protocols[id(node)] for node in config.walk() if id(node) in config.protocols}

        def protocol_of(location: Location) -> str | None:
            return declared.get(_place(location.directive)) or None

        self.routes: dict[str, ReadRoute] = {
            f"{route.span.file}:{route.span.line}": route
            for route in read(self.config, version, protocol_of=protocol_of)
        }
        self.servers: dict[str, Server] = {_place(server.directive): server for server in self.http.servers}

    def _journey(self, ask: Ask) -> Journey:
        headers = {name.lower(): value for name, value in ask.headers}
        request = Request(
            "https" if ask.secure else "http", ask.host, ask.port, ask.path, ask.method, headers, address=ask.address
        )
        return follow(self.config, self.http, request, self.sockets)

    def follow(self, ask: Ask) -> End:
        """Where a request ends, and the route it is counted to."""
        journey = self._journey(ask)
        place = ""
        if journey.level is not None and journey.level.kind == "if" and journey.level.directive is not None:
            place = _place(journey.level.directive)
        elif journey.location is not None:
            place = _place(journey.location.directive)
        elif visited := [step for step in journey.steps if step.what.startswith("location ") and step.directive]:
            # A redirect to where no location is: the last one counts.
            place = _place(visited[-1].directive)  # type: ignore[arg-type]
        elif journey.server is not None:
            place = _place(journey.server.directive)
        straight = sum(step.what.startswith(("location ", "error_page ")) for step in journey.steps) == 1
        error = any(step.what.startswith("error_page ") for step in journey.steps)
        return End(place, journey.proxied, journey.answer, straight, error)

    def route(self, ask: Ask) -> str:
        """The place of the route in which a request ends; empty if no origin answers it."""
        journey = self._journey(ask)
        return _place(journey.location.directive) if journey.proxied and journey.location is not None else ""

    def protocol_of(self, ask: Ask) -> str:
        """What ``grpc_pass`` carries by itself; empty for what may be anything."""
        level = self._journey(ask).level
        found = level.handler() if level is not None else None
        return "grpc" if found is not None and found.directive.name == "grpc_pass" else ""

    def server_of(self, ask: Ask) -> str:
        """The place of the server that answers."""
        journey = self._journey(ask)
        return _place(journey.server.directive) if journey.server else ""

    def behavior(self, place: str) -> Behavior:
        """Of a route."""
        return self.routes[place].reading.behavior
