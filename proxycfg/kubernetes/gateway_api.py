"""The Gateway API: ``HTTPRoute`` and ``GRPCRoute`` behind a ``Gateway``, as the controllers that run Envoy read them.

What the API leaves to its controllers is a dialect: each says what its connection manager is like, and what silence in a route means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from proxycfg.errors import Problem
from proxycfg.kubernetes.envoys import (
    EXACT,
    HTTP,
    HTTPS,
    PREFIX,
    REGEX,
    Door,
    Lowering,
    Rank,
    Rule,
    VirtualHost,
    by_specificity,
    header_match,
)
from proxycfg.kubernetes.lowered import Block
from proxycfg.kubernetes.manifests import Manifests, Object
from proxycfg.record import field, record
from proxycfg.source import Span
from proxycfg.targets.envoy.tree import EMPTY, Field, Message
from proxycfg.yamldoc import Node

GROUP = "gateway.networking.k8s.io"
KINDS = ("HTTPRoute", "GRPCRoute")
MESH = "a mesh"
"""In place of a controller: routes between services."""


@record(frozen=True)
class Listener:
    """A listener of a gateway, and the routes that are bound to it.

    :param gateway: None where it is not at hand.
    :param message: its entry; a message without fields where it is not at hand.
    """

    gateway: Object | None
    message: Message
    title: str
    port: int
    secure: bool
    span: Span
    bound: list[Object] = field(default_factory=list, compare=False)

    @property
    def name(self) -> str:
        """The name that policies call it by."""
        return self.message.text("name") or ""

    @property
    def hostname(self) -> str:
        """The host that it answers for; empty for any."""
        return self.message.text("hostname") or ""


class Dialect(Protocol):
    """How one controller reads what the API leaves open."""

    @property
    def made(self) -> Lowering:
        """What it makes."""
        ...

    def door(self, listener: Listener) -> tuple[Door, Block]:
        """The way in, and the connection manager behind it."""
        ...

    def finish(self, block: Block, action: Block, route: Object, rule: Message, listener: Listener) -> None:
        """What a route is given beside what the API says."""
        ...

    def cluster(self, action: Block, route: Object, rule: Message, backend: Message, listener: Listener) -> str:
        """The name of the cluster for a backend of a route."""
        ...


def routes(manifests: Manifests) -> list[Object]:
    """All routes, those that call their group by its first name included."""
    return [each for kind in KINDS for each in manifests.of(kind, GROUP)]


def controller_of(manifests: Manifests, route: Object) -> tuple[str, Field | None]:
    """Who reads a route: the name of the controller, or of the class of its gateway, and what says so; empty where nobody does."""
    for parent in route.spec.messages("parentRefs"):
        if parent.text("kind") == "Service":
            return MESH, parent.field("kind")
        gateway = _gateway(manifests, route, parent)
        if gateway is None:
            continue
        said = gateway.spec.field("gatewayClassName")
        name = said.value.raw if said is not None else ""
        known = manifests.find("GatewayClass", GROUP, "", name)
        controller = known.spec.text("controllerName") if known is not None else None
        return controller or name, said
    return "", None


def _gateway(manifests: Manifests, route: Object, parent: Message) -> Object | None:
    return manifests.find("Gateway", GROUP, parent.text("namespace") or route.namespace, parent.text("name") or "")


def lower(manifests: Manifests, found: list[Object], dialect: Dialect) -> Lowering:
    """The Envoys of the gateways that routes are bound to."""
    made = dialect.made
    listeners: dict[tuple[str, str], Listener] = {}
    for route in found:
        for listener in _listeners(manifests, route):
            listeners.setdefault((listener.title, f"{listener.name}{listener.port}"), listener).bound.append(route)
    tables: dict[tuple[object, ...], Node] = {}
    for listener in listeners.values():
        door, hcm = dialect.door(listener)
        # Listeners with the same routes for the same hosts share them.
        key = (listener.title, *((id(each), _hosts(each, listener)) for each in listener.bound))
        if key not in tables:
            tables[key] = made.table(listener.title, list(_virtual_hosts(listener, dialect)), listener.span)
        made.listener(door, hcm, tables[key], listener.bound[0].message.doc)
    return made


def _listeners(manifests: Manifests, route: Object) -> Iterator[Listener]:
    parents = route.spec.messages("parentRefs")
    for parent in parents:
        gateway = _gateway(manifests, route, parent)
        wanted, port = parent.text("sectionName"), parent.text("port")
        title = f"Gateway {parent.text('name') or ''}"
        if gateway is None:
            for number in (HTTP, HTTPS):
                yield Listener(None, EMPTY, f"{title} (not at hand)", number, number == HTTPS, parent.span)
            continue
        for listener in gateway.spec.messages("listeners"):
            protocol = (listener.text("protocol") or "").upper()
            passes = (listener.text("tls", "mode") or "").upper() == "PASSTHROUGH"
            named = (wanted is None or wanted == listener.text("name")) and (
                port is None or port == listener.text("port")
            )
            found = Listener(
                gateway, listener, title, listener.number("port") or HTTP, protocol == "HTTPS", listener.span
            )
            if named and protocol in {"HTTP", "HTTPS"} and not passes and _hosts(route, found):
                yield found
    if not parents:
        for number in (HTTP, HTTPS):
            yield Listener(None, EMPTY, "Gateway (not said)", number, number == HTTPS, route.span)


def _hosts(route: Object, listener: Listener) -> tuple[str, ...]:
    """The hosts for which a listener hands requests to a route."""
    own = [each.value.raw for each in route.spec.texts("hostnames")]
    if not own:
        return (listener.hostname or "*",)
    return tuple(met for each in own if (met := _meet(each, listener.hostname)))


def _meet(host: str, listener: str) -> str:
    """The narrower of two hosts; empty where no name is both."""
    if not listener or host == listener:
        return host
    if listener.startswith("*."):
        return (
            host
            if host.endswith(listener[1:])
            else listener
            if host.startswith("*.") and listener.endswith(host[1:])
            else ""
        )
    return listener if host.startswith("*.") and listener.endswith(host[1:]) else ""


def _virtual_hosts(listener: Listener, dialect: Dialect) -> Iterator[VirtualHost]:
    by_host: dict[str, tuple[Object, ...]] = {}
    for route in listener.bound:
        for host in _hosts(route, listener):
            by_host[host] = (*by_host.get(host, ()), route)
    shared: dict[tuple[int, ...], tuple[tuple[Object, ...], list[str]]] = {}
    for host, bound in by_host.items():
        shared.setdefault(tuple(map(id, bound)), (bound, []))[1].append(host)
    for bound, hosts in shared.values():
        found = [(route, *pair) for route in bound for pair in _routes(route, listener, dialect)]
        for layer in _apart(found):
            yield VirtualHost(hosts[0], tuple(hosts), by_specificity(layer), bound[0].span)


def _apart(found: list[tuple[Object, Block, Rank]]) -> list[list[tuple[Block, Rank]]]:
    """Of routes of several objects for the same path the oldest object's counts, and how old they are nothing says: none stands before another."""
    layers: list[dict[tuple[object, ...], Object]] = []
    made: list[list[tuple[Block, Rank]]] = []
    for route, block, rank in found:
        path = next(node.raw for name, (_, node) in block.node.children["match"][1].children.items() if name != "grpc")
        key = path, *rank
        at = next((at for at, layer in enumerate(layers) if layer.get(key, route) is route), len(layers))
        if at == len(layers):
            layers.append({})
            made.append([])
        layers[at][key] = route
        made[at].append((block, rank))
    return made


def _routes(route: Object, listener: Listener, dialect: Dialect) -> Iterator[tuple[Block, Rank]]:
    for rule in route.spec.messages("rules"):
        for match in rule.messages("matches") or [EMPTY]:
            block = dialect.made.block(rule.span)
            named = rule.field("name")
            if named is not None:
                block.say("name", named.value.raw, named)
            made, rank = _match(dialect.made, route, rule, match)
            block.put("match", made)
            kinds = {each.text("type"): each for each in rule.messages("filters")}
            if "RequestRedirect" in kinds:
                block.put("redirect", {})
            else:
                action = dialect.made.block(rule.span)
                _destinations(action, route, rule, listener, dialect)
                dialect.finish(block, action, route, rule, listener)
                block.put("route", action)
            _headers(block, rule)
            dialect.made.route(block, Rule(route, rule))
            yield block, rank


def _destinations(action: Block, route: Object, rule: Message, listener: Listener, dialect: Dialect) -> None:
    backends = [each for each in rule.messages("backendRefs") if each.number("weight") != 0]
    shares = []
    for backend in backends:
        share = dialect.made.block(backend.span)
        share.put("name", dialect.cluster(action, route, rule, backend, listener))
        share.put("weight", backend.number("weight") or 1)
        shares.append(share)
    if len(shares) == 1:
        action.put("cluster", shares[0].node.children["name"][1])
    elif shares:
        weighted = dialect.made.block(rule.span)
        weighted.blocks("clusters", shares)
        action.put("weighted_clusters", weighted)
    else:
        action.put("cluster", "no backend")
    copies = []
    for each in rule.messages("filters"):
        mirror = each.message("requestMirror", "backendRef")
        if mirror is not None:
            copy = dialect.made.block(each.span)
            copy.put("cluster", mirror.text("name") or "")
            copies.append(copy)
    action.blocks("request_mirror_policies", copies)


def _headers(block: Block, rule: Message) -> None:
    for each in rule.messages("filters"):
        for side in ("request", "response"):
            removed = each.field(f"{side}HeaderModifier", "remove")
            if removed is not None:
                names = [one.value.raw for one in each.texts(f"{side}HeaderModifier", "remove")]
                block.say(f"{side}_headers_to_remove", names, removed)


_PATHS = {
    "Exact": ("path", EXACT),
    "RegularExpression": ("safe_regex", REGEX),
    "PathPrefix": ("path_separated_prefix", PREFIX),
}


def _match(made: Lowering, route: Object, rule: Message, match: Message) -> tuple[Block, Rank]:
    block = made.block(match.span if match is not EMPTY else rule.span)
    headers = [_condition(made, each) for each in match.messages("headers")]
    arguments = [_condition(made, each) for each in match.messages("queryParams")]
    method = match.field("method")
    if route.kind == "GRPCRoute":
        path, kind, said = _grpc_path(match)
        name = {"path": "path", "prefix": "prefix", "regex": "safe_regex"}[kind]
        rank = {"path": EXACT, "prefix": PREFIX, "regex": REGEX}[kind]
        is_grpc = route.message.field("kind")
        if is_grpc is not None:
            block.say("grpc", {}, is_grpc)
    else:
        said = match.field("path", "value")
        path = said.value.raw if said is not None else "/"
        name, rank = _PATHS.get(match.text("path", "type") or "PathPrefix", _PATHS["PathPrefix"])
        if name == "path_separated_prefix":
            path = path.rstrip("/") or "/"
            name = "prefix" if path == "/" else name
        if method is not None:
            headers.append(made.block(method.span))
            for key, value in header_match(":method", "exact", method.value.raw).items():
                headers[-1].put(key, value)
    value = {"regex": path} if name == "safe_regex" else path
    if said is not None:
        block.say(name, value, said)
    else:
        block.put(name, value)
    block.blocks("headers", headers)
    block.blocks("query_parameters", arguments)
    return block, (rank, len(path), len(headers) + len(arguments))


def _grpc_path(match: Message) -> tuple[str, str, Field | None]:
    service, method = match.text("method", "service"), match.text("method", "method")
    said = match.field("method")
    if match.text("method", "type") == "RegularExpression":
        return f"/{service or '[^/]+'}/{method or '[^/]+'}", "regex", said
    if service and method:
        return f"/{service}/{method}", "path", said
    if service:
        return f"/{service}/", "prefix", said
    return (f"/.+/{method}", "regex", said) if method else ("/", "prefix", said)


def _condition(made: Lowering, condition: Message) -> Block:
    block = made.block(condition.span)
    how = "regex" if condition.text("type") == "RegularExpression" else "exact"
    for key, value in header_match(condition.text("name") or "", how, condition.text("value") or "").items():
        block.put(key, value)
    return block


def not_read(route: Object, controller: str, said: Field | None) -> Problem:
    """What to say of a route whose controller is not known here."""
    if said is None:
        return Problem(
            route.span,
            f"{route.title} is not read: which controller serves it is said by a Gateway, and that is not at hand",
            "give the Gateway as well, with the GatewayClass that it names",
        )
    if controller == MESH:
        return Problem(
            said.span,
            f"{route.title} is not read: its parent is a Service, so it is a mesh's, and which mesh it is nothing says",
            "for Istio's sidecars a VirtualService says the same",
        )
    return Problem(
        said.span,
        f"{route.title} is not read: {controller} is none of the controllers that are known here",
        "known are Envoy Gateway, Istio and Contour",
    )
