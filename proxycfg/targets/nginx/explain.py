"""The routes of an nginx configuration, or where given requests end in it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from proxycfg.explain import Explained, Passed, beside, read_as, taken_for
from proxycfg.reading import ReadRoute
from proxycfg.record import replace
from proxycfg.request import Asked, Request
from proxycfg.source import Span
from proxycfg.targets.nginx.clients import Sockets
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.place import Reader
from proxycfg.targets.nginx.read import read, read_route
from proxycfg.targets.nginx.request import Arrival, Journey, Malformed, arrivals, follow, normalise
from proxycfg.targets.nginx.seam import seam_of
from proxycfg.targets.nginx.servers import Http, Listen, Location, Server, by_name, read_http, search
from proxycfg.targets.nginx.signs import Signs
from proxycfg.targets.nginx.syntax import Directive


def explain_config(config: Config, version: str, asked: Asked, protocol: str | None) -> list[Explained]:
    """Every route (of a host), or the one that each URL, and then each path, ends in, in the order given.

    :param protocol: what all of them carry; None for what the config and its paths tell.
    :raises ValueError: if one of the URLs is none.
    """
    https = read_http(config)
    if not https:
        return [Explained(each, None, "there is no http block") for each in (*asked.urls, *asked.paths)]
    # nginx has one such block and no more.
    explainer = _Explainer(config, https[0], version, asked, protocol)
    if asked.urls or asked.paths:
        return [*map(explainer.url, asked.urls), *map(explainer.path, asked.paths)]
    return explainer.every()


class _Explainer:
    def __init__(self, config: Config, http: Http, version: str, asked: Asked, protocol: str | None) -> None:
        self.config = config
        self.http = http
        self.asked = asked
        self.protocol = protocol
        self.reader = Reader(http, version)
        self.sockets = Sockets(http, version)
        self.signs = Signs(http, self.reader.variables)
        config.problems += self.signs.problems

    def every(self) -> list[Explained]:
        """Every route, or those of the servers that answer for the host."""
        places: list[Location] = []

        def protocol_of(location: Location) -> str | None:
            places.append(location)
            return self.known(location)

        routes = read(self.config, self.reader.version, protocol_of=protocol_of, https=[self.http])
        servers = self.http.servers
        if self.asked.host:
            found = arrivals(self.sockets, self.asked.host)
            named = [each.server for each in found if by_name([each.server], self.asked.host)]
            servers = named or [each.server for each in found]
        kept = {id(server) for server in servers}
        return [
            self.explained(route, location)
            for route, location in zip(routes, places, strict=True)
            if id(location.server) in kept
        ]

    def known(self, location: Location) -> str | None:
        """The protocol by which a location is read: a guess from a name decides no property."""
        return read_as(self.signs.of(location), self.protocol)

    def explained(self, route: ReadRoute, location: Location) -> Explained:
        """A route, with what it is taken for."""
        made_from = _made_from(location)
        unknown = tuple(Passed(self.text(span), span) for span in route.not_understood)
        route, because = taken_for(route, self.signs.of(location), self.protocol)
        server = _told(location.server, None) if location.server.level.directive is not None else None
        return Explained(None, route, server=server, because=because, made_from=made_from, not_understood=unknown)

    def text(self, span: Span) -> str:
        """What stands there, or its first line."""
        made_from = self.config.made_from.get(span.file)
        if made_from is not None:
            return made_from.text.split("\n")[span.line - 1].strip()
        line = self.config.files[span.file].text.line(span.line)
        return line[span.column - 1 : span.end_column - 1] if span.end_line == span.line else line[span.column - 1 :]

    def url(self, url: str) -> Explained:
        return self._explained(url, self.asked.request(url, self.protocol), None)[0]

    def path(self, path: str) -> Explained:
        """The first place, in the order of the file, where an origin gets it; else what the first one answers."""
        host = self.asked.host
        found: list[Arrival] = []
        if host:
            found = arrivals(self.sockets, host)
        else:
            for server in self.http.servers:
                for listen in server.listens:
                    found.append(Arrival(server, listen, self.sockets.sockets[listen.socket]))
        ended: list[tuple[Explained, Server | None]] = []
        for arrival in found:
            scheme, usual = ("https", 443) if arrival.socket.ssl or arrival.listen.quic else ("http", 80)
            port = arrival.listen.port
            name = host or _name_for(arrival.server)
            url = f"{scheme}://{name}{'' if port in {usual, 0} else f':{port}'}{path}"
            method, headers = self.asked.sent(self.protocol or "")
            request = Request(scheme, name, port or usual, path.replace(" ", "%20"), method, headers)
            ended.append(self._explained(url, request, arrival))
        if not ended:
            return Explained(path, None, "there is no server")
        best, best_server = next((each for each in ended if each[0].route), ended[0])
        others = dict.fromkeys(
            each.request for each, other in ended if each.route and other is not best_server and each.request
        )
        return beside(best, list(others), "servers")

    def _explained(self, url: str, request: Request, arrival: Arrival | None) -> tuple[Explained, Server | None]:
        journey = follow(self.config, self.http, request, self.sockets, arrival=arrival)
        steps = [Passed(step.what, step.directive.span if step.directive else None) for step in journey.steps]
        if journey.server is not None and journey.server.level.directive is not None:
            steps.insert(0, _told(journey.server, journey.listen))
        near = tuple(_near(journey, request.target))
        assumed = tuple(journey.assumed)
        if not journey.proxied or journey.location is None or journey.level is None:
            ended = Explained(url, None, journey.answer, steps=tuple(steps), near=near, assumed=assumed)
            return ended, journey.server
        listen = journey.listen if journey.listen and journey.listen.directive else None
        protocol = self.known(journey.location)
        route = read_route(self.reader, journey.location, [journey.level], listener=listen, protocol=protocol)
        explained = self.explained(route, journey.location)
        seam = seam_of(self.reader, journey.location, journey.level, listen, protocol)
        return replace(
            explained, request=url, steps=tuple(steps), near=near, assumed=assumed, seam=seam
        ), journey.server


_NAMES = 3
"""Names of a server that are shown; the rest is counted."""


def _name_for(server: Server) -> str:
    """A host that a server answers for; for one without a name that one could write in a URL, any."""
    for name in server.names:
        written = name.replace("*.", "www.", 1).removesuffix(".*").lstrip(".") if "*" in name else name.lstrip(".")
        # Templates have placeholders here, which no URL can hold.
        if re.fullmatch(r"[^\W_][\w.-]*", written):
            return written
    return "localhost"


def _told(server: Server, through: Listen | None) -> Passed:
    """A server by its names, and how it is reached: through one of its listeners, or all of them."""
    names = " ".join(name or '""' for name in server.names[:_NAMES])
    more = f" and {len(server.names) - _NAMES} more" if len(server.names) > _NAMES else ""
    listens = [each.directive.source for each in ((through,) if through else server.listens) if each.directive]
    return Passed(f"server {names}{more} ({', '.join(listens) or 'no listen: port 80'})", server.directive.span)


# ---- which route of a spec a generated location is ----


def _made_from(location: Location) -> str:
    """The route of the spec that a generated location serves, by the comment above; empty in files of other makers."""
    directive = location.directive
    text = directive.text
    if directive.name != "location" or not text.text.startswith("# Made by proxycfg "):
        return ""
    above = text.line(text.position(directive.start)[0] - 1).strip()
    return above.removeprefix("# ") if above.startswith("# ") else ""


# ---- what nearly matched ----


def _near(journey: Journey, target: str) -> Iterable[Passed]:
    """Locations of the same server that match the path, too, and what beat them."""
    if journey.server is None or journey.location is None:
        return
    try:
        path = normalise(target)
    except Malformed:
        return
    winner = journey.location
    passed = {id(step.directive) for step in journey.steps}
    for location in journey.server.locations.all():
        if location is winner or id(location.directive) in passed or location in _around(winner):
            continue
        if why := _why_not(location, winner, path):
            yield Passed(f"location {_words(location.directive)}: {why}", location.directive.span)


def _around(location: Location) -> list[Location]:
    around: list[Location] = []
    parent = location.parent
    while parent is not None:
        around.append(parent)
        parent = parent.parent
    return around


def _words(directive: Directive) -> str:
    return " ".join(directive.args)


def _why_not(location: Location, winner: Location, path: str) -> str:
    matched = _matched(location, path)
    if matched and winner.name == f"{path}/":
        return f"matches, but the path with a slash is {_words(winner.directive)}, which hands requests on"
    if matched and (winner.kind == "named" or not _matched(winner, path)):
        return "matches the path that was asked for, which was changed on the way"
    if matched:
        return f"matches, but {_won(location, winner)}"
    if location.kind == "exact" and path.rstrip("/") == location.name.rstrip("/"):
        return "is exact, and the path differs by a slash at its end"
    return ""


def _matched(location: Location, path: str) -> bool:
    if location.kind in {"regex", "regex-i"}:
        return search(location.name, path, ignore_case=location.kind == "regex-i")
    if location.kind == "exact":
        return path == location.name
    return location.kind != "named" and path.startswith(location.name)


def _won(location: Location, winner: Location) -> str:
    name = _words(winner.directive)
    if winner.kind == "exact":
        return f"{name} is exact"
    if location.kind in {"regex", "regex-i"}:
        return f"^~ of {name} keeps regular expressions out" if winner.kind == "no-regex" else f"{name} comes first"
    if winner.kind in {"regex", "regex-i"}:
        hint = " (^~ here would prevent that)" if location.name != "/" and location.parent is None else ""
        return f"the regular expression {name} wins over prefixes{hint}"
    return f"{name} is longer"
