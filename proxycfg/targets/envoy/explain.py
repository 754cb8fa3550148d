"""The routes of an Envoy, or where given requests end in it."""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.explain import Explained, Passed, beside, read_as, some_of, taken_for
from proxycfg.reading import ReadRoute
from proxycfg.record import replace
from proxycfg.request import Asked, Request
from proxycfg.targets.envoy.bootstrap import Config
from proxycfg.targets.envoy.journey import Journey, follow, host_of, matches_path, path_of
from proxycfg.targets.envoy.place import Reader
from proxycfg.targets.envoy.read import read, read_route
from proxycfg.targets.envoy.routes import Door, Route, Table, read_world
from proxycfg.targets.envoy.seam import seam_of
from proxycfg.targets.envoy.signs import Signs


def explain_config(config: Config, version: str, asked: Asked, protocol: str | None) -> list[Explained]:
    """Every route (of a host), or the one that each URL, and then each path, ends in, in the order given.

    :param protocol: what all of them carry; None for what the config and its paths tell.
    :raises ValueError: if one of the URLs is none.
    """
    explainer = _Explainer(config, version, asked, protocol)
    found = (
        [*map(explainer.url, asked.urls), *map(explainer.path, asked.paths)]
        if asked.urls or asked.paths
        else explainer.every()
    )
    config.assumed += [each for each in _told_absent(config, explainer) if each not in config.assumed]
    return found


def _told_absent(config: Config, explainer: _Explainer) -> Iterator[str]:
    """What is not part of this, and where it is said."""
    for each in (*config.absent, *explainer.world.absent, *explainer.world.opaque):
        yield f"{each.span}: {each.what}"


class _Explainer:
    def __init__(self, config: Config, version: str, asked: Asked, protocol: str | None) -> None:
        self.config = config
        self.asked = asked
        self.protocol = protocol
        self.world = read_world(config)
        self.reader = Reader(self.world, version)
        self.signs = Signs(self.world)
        config.problems += self.signs.problems

    def known(self, route: Route) -> str | None:
        """The protocol by which a route is read: a guess from a name decides no property."""
        return read_as(self.signs.of(route), self.protocol)

    def every(self) -> list[Explained]:
        """Every route, or those of the virtual hosts that answer for the host."""
        hosts: set[int] | None = None
        if self.asked.host:
            found = [host_of(table, self.asked.host) for table in self.world.tables]
            hosts = {each[0].message.key for each in found if each is not None}
        return [
            self.explained(route, told)
            for route, told in read(self.reader, self.known)
            if hosts is None or route.host.message.key in hosts
        ]

    def explained(self, route: Route, told: ReadRoute) -> Explained:
        """A route, with what it is taken for."""
        told, because = taken_for(told, self.signs.of(route), self.protocol)
        unknown = tuple(Passed(self.config.text(span).strip(), span) for span in told.not_understood)
        return Explained(
            None,
            told,
            server=self.server(route),
            because=because,
            made_from=self.made_from(route),
            not_understood=unknown,
        )

    def server(self, route: Route) -> Passed:
        """The virtual host, and the doors that lead to it."""
        doors = list(dict.fromkeys(door.name for door in route.host.table.doors))
        reached = some_of(doors) or "no listener at hand"
        name = route.host.message.text("name") or ""
        return Passed(f"virtual host {name} ({reached})", route.host.message.span)

    def made_from(self, route: Route) -> str:
        """The route of the spec that a generated one serves: its name; empty in files of other makers."""
        text = self.config.files[route.message.span.file].source.text
        return route.name if text.startswith("# Made by proxycfg ") else ""

    # ---- requests ----

    def url(self, url: str) -> Explained:
        """Where a URL ends."""
        request = self.asked.request(url, self.protocol)
        return self.ended(url, request, follow(self.world, request))

    def path(self, path: str) -> Explained:
        """Where a path ends on the host that is asked for; without one, on the first virtual host where an origin gets it."""
        found: list[tuple[Explained, Door | None]] = []
        for door, host in self._hosts():
            url, request = self._request(path, host, door)
            found.append((self.ended(url, request, follow(self.world, request, door=door)), door))
        if not found:
            return Explained(path, None, "there is no listener with HTTP routes")
        best, _ = next((each for each in found if each[0].route), found[0])
        spans = {best.route.span} if best.route else set()
        others: dict[str, None] = {}
        for each, _ in found:
            if each.route and each.request and each.route.span not in spans:
                spans.add(each.route.span)
                others[each.request] = None
        return beside(best, list(others), "virtual hosts")

    def _hosts(self) -> Iterator[tuple[Door | None, str]]:
        """Each door with a host to ask there."""
        pairs: list[tuple[Door | None, Table]] = [
            (door, table) for door, table in self.world.doors if table is not None
        ]
        for door, table in pairs or [(None, table) for table in self.world.tables]:
            if self.asked.host:
                yield door, self.asked.host
                continue
            for host in table.hosts:
                yield door, _name_for(next(iter(host.domains), "*"))

    def _request(self, path: str, host: str, door: Door | None) -> tuple[str, Request]:
        scheme, usual = ("https", 443) if door is not None and door.secure else ("http", 80)
        method, headers = self.asked.sent(self.protocol or "")
        name, _, port = host.partition(":") if host.count(":") == 1 else (host, "", "")
        # Domains are without a port unless one stands there: what a client would send through a balancer.
        request = Request(
            scheme, name, int(port) if port.isdecimal() else usual, path.replace(" ", "%20"), method, headers
        )
        at = door.port if door is not None and door.port else usual
        return f"{scheme}://{name}{'' if at == usual else f':{at}'}{path}", request

    def ended(self, url: str, request: Request, journey: Journey) -> Explained:
        """Where a request ended."""
        steps, assumed = tuple(journey.steps), tuple(dict.fromkeys(journey.assumed))
        near = tuple(self.near(journey, request))
        route = journey.route
        if not journey.proxied or route is None:
            return Explained(url, None, journey.answer, steps=steps, near=near, assumed=assumed)
        told = read_route(self.reader, route, self.known(route), door=journey.door, or_else=journey.or_else)
        redirected = route.action.field("internal_redirect_policy")
        if redirected is not None:
            assumed = (
                *assumed,
                f"{redirected.span}: an origin's redirect is followed by Envoy itself, which may lead to another route",
            )
        seam = seam_of(self.reader, route, self.known(route), journey.door)
        return replace(self.explained(route, told), request=url, steps=steps, near=near, assumed=assumed, seam=seam)

    def near(self, journey: Journey, request: Request) -> Iterator[Passed]:
        """Routes of the same virtual host that take the path, too, and why they did not win."""
        for route, why in journey.missed:
            yield Passed(f"route {route.title}: {why}", route.message.span)
        if journey.route is None or journey.host is None:
            return
        path, _ = path_of(journey.door, request, journey.host.table)
        for route in journey.host.routes[journey.route.index + 1 :]:
            if route not in journey.or_else and matches_path(route, path, request, []):
                yield Passed(f"route {route.title}: matches, but {journey.route.title} comes first", route.message.span)


def _name_for(domain: str) -> str:
    """A host that a domain takes."""
    if domain in {"*", ""}:
        return "localhost"
    return f"www{domain[1:]}" if domain.startswith("*") else f"{domain[:-1]}example" if domain.endswith("*") else domain
