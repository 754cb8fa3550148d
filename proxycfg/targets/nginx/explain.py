"""The routes of an nginx configuration, or where given requests end in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxycfg.explain import Explained, Passed
from proxycfg.reading import ReadRoute
from proxycfg.source import Span
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.read import read
from proxycfg.targets.nginx.request import Journey, follow, normalise, request_of
from proxycfg.targets.nginx.servers import Http, Location, compile_pattern, read_http

_HEADERS: Mapping[str, Mapping[str, str]] = {
    "websocket": {"upgrade": "websocket", "connection": "Upgrade"},
    "sse": {"accept": "text/event-stream"},
    "grpc": {"content-type": "application/grpc", "te": "trailers"},
    "grpc-web": {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"},
}
"""What a client of the protocol says, for configs that branch on it."""


def explain_config(
    config: Config, version: str, urls: Sequence[str], protocol: str | None, *, path: str = ""
) -> list[Explained]:
    """Every route, or the one that each URL ends in, in the order given.

    :param path: also the one that this path ends in, on the first host on which an origin answers it.

    :raises ValueError: if one of them is no URL.
    """
    routes = read(config, version)
    if not urls and not path:
        return [Explained(None, route) for route in routes]
    by_place = {route.span: route for route in routes}
    https = read_http(config)
    ended = [_ended(config, https, url, protocol, by_place) for url in urls]
    if path:
        ended.append(_somewhere(config, https, path, protocol, by_place))
    return ended


def _somewhere(
    config: Config, https: list[Http], path: str, protocol: str | None, by_place: Mapping[Span, ReadRoute]
) -> Explained:
    """A path without a host: the first server, in the order of the file, that hands it to an origin."""
    found: Explained | None = None
    for http in https:
        for server in http.servers:
            named = next((name for name in server.names if name and name[0] not in "~_*."), "any.invalid")
            listen = server.listens[0]
            url = f"{'https' if listen.ssl else 'http'}://{named}:{listen.port or 80}{path}"
            ended = _ended(config, [http], url, protocol, by_place)
            if ended.route is not None:
                return ended
            found = found or ended
    return found or Explained(path, None, "no server at all")


def _ended(
    config: Config, https: list[Http], url: str, protocol: str | None, by_place: Mapping[Span, ReadRoute]
) -> Explained:
    method = "POST" if protocol in {"grpc", "grpc-web", "connect"} else "GET"
    scheme = url.partition("://")[0]
    headers = _HEADERS.get(protocol or ("websocket" if scheme in {"ws", "wss"} else ""), {})
    request = request_of(url, method=method, headers=headers)
    if not https:
        return Explained(url, None, "there is no http block")
    journey = follow(config, https[0], request)
    steps = [Passed(step.what, step.directive.span if step.directive else None) for step in journey.steps]
    near = tuple(_near(journey, normalise(request.target)))
    if not journey.proxied:
        return Explained(url, None, journey.answer, tuple(steps), near)
    level = journey.level
    place = level.directive.span if level and level.directive else None
    route = by_place.get(place) if place else None
    if route is None and journey.location is not None:
        route = by_place.get(journey.location.directive.span)
    return Explained(url, route, "", tuple(steps), near)


def _near(journey: Journey, path: str) -> list[Passed]:
    """Locations of the same server that match the path, too, and what beat them."""
    if journey.server is None or journey.location is None:
        return []
    winner = journey.location
    said: list[Passed] = []
    for location in journey.server.locations.all():
        if location is winner or location in _around(winner) or location.kind == "named":
            continue
        why = _why_not(location, winner, path)
        if why:
            said.append(Passed(f"location {' '.join(location.directive.args)}: {why}", location.directive.span))
    return said


def _around(location: Location) -> list[Location]:
    around: list[Location] = []
    parent = location.parent
    while parent is not None:
        around.append(parent)
        parent = parent.parent
    return around


def _why_not(location: Location, winner: Location, path: str) -> str:
    name = " ".join(winner.directive.args)
    if location.kind in {"prefix", "no-regex"} and path.startswith(location.name):
        if winner.kind in {"regex", "regex-i"}:
            return f"matches, but the regular expression {name} wins over prefixes (^~ here would prevent that)"
        if winner.kind == "exact":
            return f"matches, but {name} is exact"
        return f"matches, but {name} is longer"
    if location.kind == "exact" and path.rstrip("/") == location.name.rstrip("/"):
        return "is exact, and the path differs by a slash at its end"
    if location.kind in {"regex", "regex-i"}:
        pattern = compile_pattern(location.name, ignore_case=location.kind == "regex-i")
        if pattern is not None and pattern.search(path):
            if winner.kind == "no-regex":
                return f"matches, but ^~ of {name} keeps regular expressions out"
            if winner.kind == "exact":
                return f"matches, but {name} is exact"
            return f"matches, but {name} comes first"
    return ""
