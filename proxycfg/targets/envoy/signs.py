"""Which routes stream: what comments, specs and options declare, what fields say by themselves, what paths and clusters tell.

Certain is only what somebody wrote for that route. Upgrades that the connection manager allows are allowed on every route of it, so there they
count where the path agrees, or where there is nothing else that they could be meant for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from proxycfg.applications import Application
from proxycfg.errors import Problem
from proxycfg.finding import Confidence
from proxycfg.record import replace
from proxycfg.request import Request
from proxycfg.source import Span
from proxycfg.streams import (
    Declared,
    Stream,
    Told,
    application_at,
    chief_first,
    is_asset,
    paths_of_regex,
    read_comment,
    stream_of,
    told_by_name,
    told_by_path,
)
from proxycfg.targets.envoy.comments import comments
from proxycfg.targets.envoy.filters import chain_of, entries_of
from proxycfg.targets.envoy.journey import domain_covers, matches_path
from proxycfg.targets.envoy.place import UO
from proxycfg.targets.envoy.routes import Host, Route, World
from proxycfg.targets.envoy.tree import Field, Message

_TYPES = (
    ("text/event-stream", "sse"), ("ndjson", "ndjson"), ("application/jsonl", "ndjson"), ("application/grpc-web", "grpc-web"),
    ("application/connect+", "connect"), ("application/grpc", "grpc"),
)  # fmt: skip
"""What a matcher of a header names, and what flows then."""


class Signs:
    """The streams of a config."""

    def __init__(self, world: World, declared: Sequence[Declared] = ()) -> None:
        """``declared`` comes from a spec or from options; what comments declare is found here."""
        self.world = world
        self.problems: list[Problem] = []
        """Comments that mean to declare something and cannot be read."""
        self.unmatched: list[Declared] = []
        """Declarations that no route which hands requests to an origin answers to."""
        self._comments = self._read_comments()
        self._declared = self._place(declared)
        self._known: dict[int, tuple[Stream, ...]] = {}
        self._applications: dict[int, dict[int, list[Stream]]] = {}

    def of(self, route: Route) -> Stream | None:
        """What flows through a route, or the chief of several; None where nothing tells."""
        return next(iter(self.all_of(route)), None)

    def all_of(self, route: Route) -> tuple[Stream, ...]:
        """Everything that is known to flow through a route, one for each protocol, the surest first."""
        found = self._known.get(route.message.key)
        if found is None:
            found = self._known[route.message.key] = self._find(route)
        return found

    # ---- what is declared ----

    def _read_comments(self) -> dict[int, Stream]:
        found: dict[int, Stream] = {}
        places: dict[str, _Places] | None = None
        for trees in self.world.config.files.values():
            for comment in comments(trees):
                try:
                    said = read_comment(comment.text)
                except ValueError as error:
                    message, _, instead = str(error).partition(": ")
                    self.problems.append(Problem(comment.span, message, instead, trees.excerpt(comment.span)))
                    continue
                if said is None:
                    continue
                if places is None:
                    places = _places(self.world)
                routes = places[comment.span.file].of(comment.span, comment.line) if comment.span.file in places else []
                if not routes and any(_inside(comment.span, part) for part in self.world.config.elsewhere):
                    continue
                if not routes:
                    what = "this declares nothing: it stands neither inside a route nor on the line above one"
                    self.problems.append(
                        Problem(comment.span, what, "move it into the route that streams", trees.excerpt(comment.span))
                    )
                    continue
                found |= {route.message.key: said.stream(comment.span) for route in routes}
        return found

    def _place(self, declared: Sequence[Declared]) -> dict[int, Stream]:
        """The routes that declarations mean: those written so, and those that requests for them end in."""
        found: dict[int, Stream] = {}
        for each in declared:
            meant = [route for table in self.world.tables for host in table.hosts for route in _meant(each, host)]
            for route in meant:
                found.setdefault(route.message.key, each.stream)
            if not meant:
                self.unmatched.append(each)
        return found

    # ---- one route ----

    def _find(self, route: Route) -> tuple[Stream, ...]:
        # The command line knows better, and a spec knows more.
        declared = self._declared.get(route.message.key) or self._comments.get(route.message.key)
        if declared is not None:
            return (declared,)
        paths = _paths(route)
        if not route.proxied or (paths and all(map(is_asset, paths))):
            return ()
        told = {each.protocol: each for path in paths if (each := told_by_path(path)) is not None}
        if "grpc-web" in told and self._speaks_two(route):
            # A path tells a service, the cluster that native calls can get there.
            told["grpc"] = Told("grpc", told.pop("grpc-web").why)
        return chief_first((*self._explicit(route, told), *self._inferred(route, told)))

    def _explicit(self, route: Route, told: dict[str, Told]) -> Iterator[Stream]:
        matched = route.match.field("grpc")
        if matched is not None:
            said = getattr(matched.value, "said", "") or "grpc"
            yield _explicitly("grpc", f"`{said}` asks for its content type", matched)
        yield from _by_headers(route)
        yield from self._upgraded(route, told)
        yield from self._of_grpc(route, told)
        yield from _untimed(route, told)

    def _upgraded(self, route: Route, told: dict[str, Told]) -> Iterator[Stream]:
        own = _websocket(route.action)
        if own is not None:
            if own.flag("enabled") is not False:
                yield _explicitly("websocket", "its upgrade_configs let it upgrade", own.field("upgrade_type"))
            return
        for door in route.host.table.doors:
            entry = _websocket(door.hcm)
            if entry is None or entry.flag("enabled") is False:
                continue
            if "websocket" in told or (not told and self._lonely(route)):
                said = "upgrade_configs of its connection manager let it upgrade"
                yield replace(_explicitly("websocket", said, entry.field("upgrade_type")), mixed=not told)
            return

    def _lonely(self, route: Route) -> bool:
        """Whether what is allowed for all routes can hardly be meant for another one."""
        return route.path in {"/", ""} or sum(each.proxied for each in route.host.routes) == 1

    def _of_grpc(self, route: Route, told: dict[str, Told]) -> Iterator[Stream]:
        """An origin of HTTP/2 behind a filter that is there for gRPC."""
        if not self._speaks_two(route) or (told and not {"grpc", "grpc-web", "connect"} & told.keys()):
            return
        for door in route.host.table.doors:
            levels = [("", route.host.table.message), ("", route.host.message), ("", route.message)]
            for each in chain_of(door.hcm.messages("http_filters"), entries_of(levels)):
                protocol = _GRPC_FILTERS.get(each.kind)
                if protocol is not None and each.place.span.stands:
                    said = f"{each.name} is on, and its cluster speaks HTTP/2"
                    yield replace(_explicitly(protocol, said, each.place.field("name")), mixed=not told)
                    return
            return

    def _speaks_two(self, route: Route) -> bool:
        return any(
            each.has(*UO, "explicit_http_config", "http2_protocol_options") or each.has("http2_protocol_options")
            for name, _ in _clusters(route)
            if (each := self.world.config.clusters.get(name)) is not None
        )

    def _inferred(self, route: Route, told: dict[str, Told]) -> Iterator[Stream]:
        for each in told.values():
            yield each.stream
        yield from self._of_applications(route.host).get(route.message.key, ())
        for name, _ in _clusters(route):
            named = told_by_name(name)
            if named is not None:
                yield named.stream

    # ---- applications, known by their cluster ----

    def _of_applications(self, host: Host) -> dict[int, list[Stream]]:
        """For each route of a host the streams of the applications behind it that come through there."""
        known = self._applications.get(host.message.key)
        if known is None:
            known = self._applications[host.message.key] = {}
            behind: dict[Application, list[Route]] = {}
            for route in host.routes:
                for application in self._behind(route):
                    behind.setdefault(application, []).append(route)
            for application, places in behind.items():
                _add(host, application, places, known)
        return known

    def _behind(self, route: Route) -> dict[Application, None]:
        found: dict[Application, None] = {}
        for name, _ in _clusters(route):
            cluster = self.world.config.clusters.get(name)
            places = [(name, None), *(_addresses(cluster) if cluster is not None else ())]
            found |= {application: None for place in places if (application := application_at(*place)) is not None}
        return found


def _explicitly(protocol: str, why: str, said: Field | None) -> Stream:
    return Stream(protocol=protocol, confidence=Confidence.EXPLICIT, why=why, span=said.span if said else None)


def _websocket(where: Message) -> Message | None:
    """What somebody says of WebSockets: what a control plane allows for all routes tells of none."""
    return next(
        (
            each
            for each in where.messages("upgrade_configs")
            if (each.text("upgrade_type") or "").lower() == "websocket" and each.span.stands
        ),
        None,
    )


_GRPC_FILTERS = {
    "grpc_web": "grpc-web",
    "connect_grpc_bridge": "connect",
    "grpc_json_transcoder": "grpc",
    "grpc_stats": "grpc",
    "grpc_http1_bridge": "grpc",
}


def _by_headers(route: Route) -> Iterator[Stream]:
    """What the matchers of headers ask for."""
    for matcher in route.match.messages("headers"):
        name = (matcher.text("name") or "").lower()
        if matcher.flag("invert_match"):
            continue
        said = Field(None, matcher.node)
        text = said.text.lower()
        if name == "upgrade" and "websocket" in text:
            yield _explicitly("websocket", "it asks for the Upgrade header", said)
        elif name in {"accept", "content-type"}:
            protocol = next((protocol for word, protocol in _TYPES if word in text), None)
            if protocol is not None:
                yield _explicitly(protocol, f"its matcher of {name} names the type of a stream", said)
        elif name in {"connect-protocol-version", "x-grpc-web"}:
            yield _explicitly("connect" if name[0] == "c" else "grpc-web", f"it asks for the header {name}", said)


def _untimed(route: Route, told: dict[str, Told]) -> Iterator[Stream]:
    """A route whose timeout somebody switched off."""
    said = route.action.field("timeout")
    if (
        said is None
        or not said.span.stands
        or route.action.seconds("timeout") != 0
        or _websocket(route.action) is not None
    ):
        return
    for protocol in told:
        yield _explicitly(protocol, f"`{said.text}` lets it run for as long as it likes", said)
        return
    if route.path not in {"/", ""}:
        yield replace(
            _explicitly("ndjson", f"`{said.text}` lets it run for as long as it likes", said), silent=False, mixed=True
        )


def _clusters(route: Route) -> Iterator[tuple[str, Field]]:
    """The names of a route's clusters."""
    said = route.action.field("cluster")
    if said is not None:
        yield said.value.raw, said
    for each in route.action.messages("weighted_clusters", "clusters"):
        name = each.field("name")
        if name is not None:
            yield name.value.raw, name


def _addresses(cluster: Message) -> Iterator[tuple[str, int | None]]:
    for group in cluster.messages("load_assignment", "endpoints"):
        for each in group.messages("lb_endpoints"):
            at = each.message("endpoint", "address", "socket_address")
            if at is not None:
                yield at.text("address") or "", at.number("port_value")


def _paths(route: Route) -> list[str]:
    """The paths of a route, ``*`` for what its pattern leaves open."""
    if route.kind == "regex":
        return paths_of_regex(f"^{route.path}")
    return [route.path] if route.kind in {"prefix", "exact", "segments"} else []


def _add(host: Host, application: Application, places: list[Route], known: dict[int, list[Stream]]) -> None:
    """Follow the application's paths from the root; or from below the one prefix that all of it is at, if none of them ends there."""
    stem = ""
    ends = [ended(host, path) for path, _ in application.streams]
    if len(places) == 1 and places[0].kind in {"prefix", "segments"} and not any(end is places[0] for end in ends):
        stem = places[0].path.rstrip("/")
    for path, protocol in application.streams:
        route = ended(host, stem + path)
        if route is None or not any(route is place for place in places):
            continue
        stream = stream_of(application, path, protocol, mixed=route.path in {"/", stem, f"{stem}/"})
        if stream not in known.setdefault(route.message.key, []):
            known[route.message.key].append(stream)


def ended(host: Host, path: str) -> Route | None:
    """The route that takes a path, other conditions aside; None if no origin gets it."""
    request = Request("http", "any.invalid", 80, path)
    route = next((each for each in host.routes if matches_path(each, path, request, [])), None)
    return route if route is not None and route.proxied else None


def _meant(declared: Declared, host: Host) -> Iterator[Route]:
    if declared.hosts and not any(domain_covers(domain, name) for name in declared.hosts for domain in host.domains):
        return
    proxied = [route for route in host.routes if route.proxied]
    written = [route for route in proxied if route.path == declared.path]
    yield from written
    if declared.kind == "any" and written:
        return
    for path in declared.examples:
        found = ended(host, path)
        if found is not None:
            yield found


# ---- where comments stand ----


class _Places:
    """The routes of one file, found by line: a generated file has thousands of them, with a comment each."""

    def __init__(self, routes: list[Route]) -> None:
        self.routes = sorted(routes, key=lambda route: route.message.span)
        self.starts = [(route.message.span.line, route.message.span.column) for route in self.routes]
        self.by_line: dict[int, list[Route]] = {}
        for route in self.routes:
            beside = self.by_line.setdefault(route.message.span.line, [route])
            # What a control plane makes several routes of stands at one place.
            if beside[0] is not route and beside[0].message.span == route.message.span:
                beside.append(route)

    def of(self, span: Span, line: int) -> list[Route]:
        """The routes that a comment speaks of: those that begin on the line it speaks of, else those around it."""
        if line in self.by_line:
            return self.by_line[line]
        at = bisect_right(self.starts, (span.line, span.column)) - 1
        if at < 0:
            return []
        around = self.routes[at].message.span
        if (span.line, span.column) < (around.end_line, around.end_column) or span.line == around.end_line:
            return [route for route in self.routes[: at + 1] if route.message.span == around]
        return []


def _inside(one: Span, other: Span) -> bool:
    start, end = (other.line, other.column), (other.end_line, other.end_column)
    return one.file == other.file and start <= (one.line, one.column) <= end


def _places(world: World) -> dict[str, _Places]:
    by_file: dict[str, list[Route]] = {}
    for route in world.routes():
        by_file.setdefault(route.message.span.file, []).append(route)
    return {name: _Places(routes) for name, routes in by_file.items()}
