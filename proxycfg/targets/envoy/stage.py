"""What a bootstrap of Envoy needs around it to run, byte for byte, and a request for each of its routes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from proxycfg import pcre
from proxycfg.errors import Problem
from proxycfg.reading import ReadRoute
from proxycfg.record import replace
from proxycfg.request import Asked, Request
from proxycfg.source import Span
from proxycfg.stage import Around, Entry, Given, Stage, StagedRoute, Supplied, Supply
from proxycfg.targets.envoy.bootstrap import Config
from proxycfg.targets.envoy.explain import explain_config
from proxycfg.targets.envoy.journey import follow
from proxycfg.targets.envoy.routes import Door, Route, World, read_world
from proxycfg.targets.envoy.tree import Message, snake
from proxycfg.yamldoc import Node

HOME = "/etc/envoy"
_ALWAYS_WRITABLE = ("/tmp", "/run", "/var/log/envoy")  # noqa: S108 - the proxy's own
_KINDS = {"private_key": "key", "certificate_chain": "certificate", "trusted_ca": "certificate", "crl": "certificate"}
"""Fields that hold a ``filename`` of which there is a stand-in."""
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - as configs write it


def stage(config: Config, version: str, files: Mapping[str, bytes], main: str, given: Given, supply: Supply) -> Stage:
    """Plan the stage of a bootstrap.

    :param files: those of the config by the path where the proxy will look for them; ``main`` is the bootstrap's.
    """
    around = Around(files, _ALWAYS_WRITABLE)
    lacks: list[Problem] = []
    for trees in config.files.values():
        for root in trees.roots:
            for path, node in _walk(root, ()):
                problem = _met(path, node, around, given, supply)
                if problem is not None:
                    lacks.append(problem)
    world = read_world(config)
    doors = [door for door, _ in world.doors if door.port and not door.quic]
    taken = {(_host(door), door.port) for door in doors}
    return Stage(
        target="envoy",
        version=version,
        texts={name: trees.source.text for name, trees in config.files.items()},
        files=around.files,
        supplied=tuple(around.supplied),
        writable=tuple(around.writable),
        ports=tuple(sorted(around.ports)),
        own=tuple(dict.fromkeys(f"{_host(door)}/32" for door in doors if _is_own(_host(door)))),
        loopback=tuple(around.called(lambda host, port: bool({(host, port), ("0.0.0.0", port)} & taken))),  # noqa: S104 - as above
        sockets=tuple(around.sockets),
        names=tuple(around.names),
        listens=tuple(sorted({door.port for door in doors})),
        two=tuple((_reached(door), door.port) for door in doors if door.codec == "HTTP2" and not door.secure),
        secure=around.secure,
        sides=False,
        rest=0.0,
        # Two workers: what hangs on their number hangs on the machine otherwise.
        command=("envoy", "-c", main, "--log-level", "warning", "--disable-hot-restart", "--concurrency", "2"),
        routes=tuple(_routes(config, world, version)),
        lacks=tuple(lacks),
    )


# ---- what the config names ----


def _walk(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Every node below one, with the names of the fields that lead there; elements of lists have none."""
    for key, (_, value) in node.children.items():
        inner = (*path, snake(str(key))) if node.kind == "mapping" else path
        yield inner, value
        yield from _walk(value, inner)


def _met(path: tuple[str, ...], node: Node, around: Around, given: Given, supply: Supply) -> Problem | None:
    """What one field asks of the surroundings; a problem if it cannot be had."""
    name = path[-1] if path else ""
    if name == "socket_address" and node.kind == "mapping" and "listeners" not in path and "admin" not in path:
        host, port = _plain(node, "address"), _plain(node, "port_value")
        if host and port.isdecimal() and {"endpoint", "endpoints", "lb_endpoints", "hosts"} & set(path):
            around.origin(host, int(port), node.span)
    elif name == "pipe" and node.kind == "mapping" and "endpoint" in path and _plain(node, "path"):
        around.socket(_plain(node, "path"), node.span)
    elif name == "transport_socket" and "clusters" in path:
        around.secure |= "tls" in _plain(node, "name").lower() or any(
            "UpstreamTls" in each.raw for _, each in _walk(node, ())
        )
    elif name == "filename" and node.kind == "scalar" and node.raw.startswith("/"):
        return _file(path, node, around, given, supply)
    elif (
        name == "path"
        and path[-2:-1] in {("typed_config",), ("access_log",)}
        and re.match("/(?!dev/)", node.raw)
        and not around.written(posixpath.dirname(node.raw))
    ):
        said = f"{node.raw} would be written to a folder where nothing may be written"
        return _lack(node.span, said, "name a folder of its own")
    return None


def _plain(node: Node, name: str) -> str:
    found = node.children.get(name) or node.children.get(re.sub(r"_(\w)", lambda match: match[1].upper(), name))
    return found[1].raw if found else ""


def _file(path: tuple[str, ...], node: Node, around: Around, given: Given, supply: Supply) -> Problem | None:
    kind = _KINDS.get(path[-2]) if len(path) > 1 else None
    content = given(node.raw)
    # Whom Envoy trusts behind it has no certificate here.
    if content is not None and not (kind == "certificate" and "trusted_ca" in path and "clusters" in path):
        around.files[node.raw] = content
        return None
    if kind is None:
        return _lack(node.span, f"{node.raw} was not given", "put it beside the bootstrap")
    if not around.lay(node.raw, supply(kind), Supplied(kind, node.raw, node.span)):
        return _lack(
            node.span,
            f"{node.raw} cannot be supplied: nothing can be laid over the folder that it is in",
            "put it into one of its own",
        )
    return None


def _lack(span: Span, message: str, instead: str) -> Problem:
    return Problem(span, message, instead)


# ---- requests that lead to routes ----


def _host(door: Door) -> str:
    return door.listener.text("address", "socket_address", "address") or ""


def _is_own(host: str) -> bool:
    return (
        host not in _ANYWHERE
        and not host.startswith("127.")
        and ":" not in host
        and bool(re.fullmatch(r"[\d.]+", host))
    )


def _reached(door: Door) -> str:
    host = _host(door)
    return _ANYWHERE.get(host, host)


def _routes(config: Config, world: World, version: str) -> Iterator[StagedRoute]:
    by_span = {route.message.span: route for route in world.routes()}
    for explained in explain_config(config, version, Asked(), None):
        told = explained.route
        route = by_span.get(told.span) if told is not None else None
        if told is not None and route is not None:
            yield _staged(world, route, told, explained.because)


def _staged(world: World, route: Route, told: ReadRoute, because: str) -> StagedRoute:
    """A route with a request through each of its doors."""
    tables = ((door, table) for door, table in world.doors if table is not None and door.port and not door.quic)
    doors = [door for door, table in tables if table == route.host.table]
    for path in _paths(route):
        found = [(door, entry) for door in doors for entry in _entries(world, door, route, path)]
        if not found:
            continue
        door, first = found[0]
        called = any(name == "content-type" for name, _ in first.headers)
        shake = replace(first, headers=(*first.headers, ("upgrade", "websocket")))
        reached = {(entry.address, entry.port) for _, entry in found}
        return StagedRoute(
            route=told,
            because=because,
            entries=tuple(entry for _, entry in found),
            straight=not called,
            posts=_ends(world, door, route, replace(first, method="POST")),
            # Callers of gRPC shake no hands.
            shakes=not called and _ends(world, door, route, shake),
            complete=len(reached) == len({(_reached(each), each.port) for each in doors}),
        )
    why = "no request was found that ends here: another route, or Envoy itself, answers all that were tried"
    return StagedRoute(route=told, because=because, entries=(), why_not=why)


def _paths(route: Route) -> Iterator[str]:
    path = route.path
    if route.kind == "regex":
        try:
            text = pcre.example(path)
        except pcre.Undecided:
            return
        yield text
        return
    if route.kind in {"prefix", "exact", "segments"}:
        yield path
        if route.kind != "exact":
            yield f"{path.rstrip('/')}/proxycfg-check"


def _entries(world: World, door: Door, route: Route, path: str) -> Iterator[Entry]:
    """A request through a door, if one is found that ends in the route."""
    headers: list[tuple[str, str]] = []
    for matcher in route.match.messages("headers"):
        headers += _meeting(matcher)
    if route.match.has("grpc"):
        headers += [("content-type", "application/grpc"), ("te", "trailers")]
    for query in route.match.messages("query_parameters"):
        name = query.text("name") or ""
        value = _wanted(query)
        path += ("&" if "?" in path else "?") + (f"{name}={value}" if value else name)
    for host in _hosts(route, door):
        entry = Entry(
            address=_reached(door), port=door.port, secure=door.secure, host=host, path=path, headers=tuple(headers)
        )
        if _ends(world, door, route, entry):
            yield entry
            return


def _hosts(route: Route, door: Door) -> Iterator[str]:
    names = [each.value.raw for each in door.chain.texts("filter_chain_match", "server_names")] if door.chain else []
    for said in (*names, *route.host.domains):
        domain = re.sub(r":\d+$", "", said)
        if domain in {"*", ""}:
            yield "check.invalid"
        elif domain.startswith("*"):
            yield f"www{domain[1:]}"
        else:
            yield f"{domain[:-1]}example" if domain.endswith("*") else domain


def _wanted(matcher: Message) -> str:
    found = (text for kind in ("exact", "prefix", "contains", "suffix") if (text := matcher.text("string_match", kind)))
    return next(found, "")


def _meeting(matcher: Message) -> list[tuple[str, str]]:
    """A header that a matcher asks for, or none where it asks for its absence."""
    name = matcher.text("name") or ""
    if name.startswith(":") or matcher.flag("invert_match") or matcher.flag("present_match") is False:
        return []
    return [(name, _wanted(matcher) or matcher.text("exact_match") or "1")]


def _ends(world: World, door: Door, route: Route, entry: Entry) -> bool:
    """Whether a request ends in a route; hosts are said without a port, as by a client through a balancer: few domains have one."""
    scheme, usual = ("https", 443) if entry.secure else ("http", 80)
    request = Request(scheme, entry.host, usual, entry.path, entry.method, dict(entry.headers), address=entry.address)
    journey = follow(world, request, door=door)
    return journey.proxied and journey.route is not None and journey.route.message.key == route.message.key
