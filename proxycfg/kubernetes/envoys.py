"""What the controllers that run Envoy have in common: listeners, clusters, matches, and who asked for which route."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from proxycfg.kubernetes.lowered import Block, made
from proxycfg.kubernetes.manifests import Manifests, Object
from proxycfg.record import field, record
from proxycfg.source import Span
from proxycfg.targets.envoy.bootstrap import Config
from proxycfg.targets.envoy.tree import Doc, Field, Message
from proxycfg.yamldoc import Lowered, Node

_TYPE = "type.googleapis.com/envoy"
_HCM = f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TLS = f"{_TYPE}.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_QUIC = f"{_TYPE}.extensions.transport_sockets.quic.v3.QuicDownstreamTransport"
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"},
}
HTTP, HTTPS = 80, 443


def http_filter(package: str, message: str, **fields: Any) -> dict[str, Any]:
    """An HTTP filter as plain data."""
    typed = {"@type": f"{_TYPE}.extensions.filters.http.{package}.v3.{message}", **fields}
    return {"name": f"envoy.filters.http.{package}", "typed_config": typed}


@record(frozen=True, slots=True)
class Rule:
    """Who asked for a route: the object, and the part of it that is the route's own."""

    owner: Object
    message: Message


@record(slots=True)
class Lowering:
    """The Envoy of one controller, as its manifests make it.

    :param controller: as people call it.
    :param rules: by the key of a route's message.
    :param own: what says something for one route alone, such as a policy: what a fix may change safely.
    """

    controller: str
    config: Config = field(default_factory=Config)
    rules: dict[int, Rule] = field(default_factory=dict)

    @classmethod
    def of(cls, controller: str, manifests: Manifests) -> Lowering:
        """One that holds nothing yet."""
        return cls(controller, Config(files=manifests.files, problems=manifests.problems))

    def block(self, span: Span) -> Block:
        """A message in the making."""
        return Block(span, self.controller)

    def assume(self, sentence: str) -> None:
        """Tell what had to be assumed."""
        if sentence not in self.config.assumed:
            self.config.assumed.append(sentence)

    # ---- listeners ----

    def listener(self, door: Door, hcm: Block, table: Node, doc: Doc) -> Message:
        """A way in."""
        hcm.put("@type", _HCM)
        hcm.node.children["route_config"] = (Node(door.span, raw="route_config"), table)
        network = self.block(door.span)
        network.put("name", "envoy.filters.network.http_connection_manager")
        network.put("typed_config", hcm)
        chain = self.block(door.span)
        chain.blocks("filters", [*door.before, network])
        if door.secure:
            context = {"@type": _TLS, "common_tls_context": {"alpn_protocols": list(door.alpn)}}
            wrapped = {"@type": _QUIC, "downstream_tls_context": context} if door.quic else context
            chain.supply("transport_socket", {"name": "tls", "typed_config": wrapped})
            if door.alpn_said is not None:
                chain.say("transport_socket", {"name": "tls", "typed_config": wrapped}, door.alpn_said)
        block = self.block(door.span)
        block.put("name", door.name)
        block.supply("address", {"socket_address": {"address": "0.0.0.0", "port_value": door.port}})  # noqa: S104 - theirs
        if door.quic:
            block.supply("udp_listener_config", {"quic_options": {}})
        for name, said in door.more.items():
            block.say(name, said.value, said)
        block.blocks("filter_chains", [chain])
        listener = block.message(doc)
        self.config.listeners.append(listener)
        return listener

    def table(self, name: str, hosts: Iterable[VirtualHost], span: Span) -> Node:
        """A route configuration."""
        block = self.block(span)
        block.put("name", name)
        every = []
        for each in hosts:
            host = self.block(each.span)
            host.put("name", each.name)
            host.nodes("domains", [Lowered(each.span, domain, raw=domain) for domain in each.domains])
            host.blocks("routes", each.routes)
            every.append(host)
        block.blocks("virtual_hosts", every)
        return block.node

    # ---- clusters ----

    def cluster(self, block: Block, name: str, doc: Doc) -> str:
        """Take a cluster in; its name is made another where the same service is treated otherwise elsewhere."""
        unique, count = name, 1
        while unique in self.config.clusters:
            count += 1
            unique = f"{name}#{count}"
        block.put("name", unique)
        self.config.clusters[unique] = block.message(doc)
        return unique

    def route(self, block: Block, rule: Rule) -> None:
        """Remember who asked for a route."""
        self.rules[id(block.node.children)] = rule


@record(frozen=True)
class Door:
    """A way in, as a manifest has it.

    :param before: network filters before the connection manager.
    :param more: fields of the listener itself.
    """

    name: str
    port: int
    span: Span
    secure: bool = False
    quic: bool = False
    alpn: tuple[str, ...] = ("h2", "http/1.1")
    alpn_said: Field | None = None
    before: tuple[Block, ...] = ()
    more: dict[str, Field] = field(default_factory=dict)


@record(frozen=True)
class VirtualHost:
    """Hosts that share routes."""

    name: str
    domains: tuple[str, ...]
    routes: list[Block]
    span: Span


# ---- clusters ----


def speaks(block: Block, version: str, said: Field | None = None, *, words: str = "") -> None:
    """What a cluster speaks: ``1.1``, ``2``, ``client`` for what the client speaks, ``open`` where that is not known.

    :param words: who decides, if it is no field of a manifest.
    """
    known: dict[str, dict[str, Any]] = {
        "2": {"explicit_http_config": {"http2_protocol_options": {}}},
        "1.1": {"explicit_http_config": {"http_protocol_options": {}}},
        "client": {"use_downstream_protocol_config": {"http2_protocol_options": {}}},
        "open": {"auto_config": {}},
    }
    body = {_OPTIONS: {"@type": f"type.googleapis.com/{_OPTIONS}", **known[version]}}
    if said is not None:
        block.say("typed_extension_protocol_options", body, said)
    else:
        key = Node(Span.nowhere(block.by), raw="typed_extension_protocol_options")
        block.node.children["typed_extension_protocol_options"] = (key, made(body, Span.nowhere(block.by), words))


def threshold(block: Block, found: Sequence[tuple[str, Field]], supplied: dict[str, Any] | None = None) -> None:
    """The limits of a cluster: those that somebody wrote, and those that the controller sets."""
    limits = Block(block.node.span, block.by)
    for name, said in found:
        limits.say(name, said.value.raw, said)
    for name, value in (supplied or {}).items():
        limits.supply(name, value)
    if limits:
        breakers = Block(block.node.span, block.by)
        breakers.blocks("thresholds", [limits])
        block.put("circuit_breakers", breakers)


# ---- services ----


def service_port(service: Object, port: str) -> Message | None:
    """A port of a service, by its number or its name; the only one it has."""
    ports = service.spec.messages("ports")
    return next(
        (each for each in ports if port in {each.text("port"), each.text("name")}),
        ports[0] if len(ports) == 1 else None,
    )


# ---- matches ----


def header_match(name: str, how: str, value: str) -> dict[str, Any]:
    """A matcher of a header or of an argument; ``how`` is such as ``exact``, ``regex`` or ``present``."""
    if how == "present":
        return {"name": name, "present_match": True}
    pattern: Any = {"regex": value} if how == "regex" else value
    return {"name": name, "string_match": {"safe_regex" if how == "regex" else how: pattern}}


Rank: TypeAlias = tuple[int, int, int]
"""How specific a match is: its kind, the length of its path, the number of other conditions."""


def by_specificity(routes: list[tuple[Block, Rank]]) -> list[Block]:
    """Routes in the order of the Gateway API: exact paths, patterns, prefixes; the longer, and those with more conditions, first."""
    return [block for block, _ in sorted(routes, key=lambda pair: tuple(-each for each in pair[1]))]


EXACT, REGEX, PREFIX = 3, 2, 1
"""Kinds of matches in the order in which controllers try them."""


def entries(message: Message, *path: str) -> Iterator[tuple[str, Field]]:
    """The entries of a map, such as annotations; none where there is no map."""
    found = message.field(*path)
    if found is not None and found.value.kind == "mapping":
        yield from message.of(found).items()
