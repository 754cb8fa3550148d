"""Doors, virtual hosts and routes: what a config has of each, before anybody asks for anything.

A door is one way in: a filter chain of a listener, with the HTTP connection manager in it. Several doors may lead to one route table: by the name
of its configuration, or because the YAML repeats it by an alias.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from proxycfg.behavior import HTTP_VERSIONS
from proxycfg.explain import Passed
from proxycfg.record import field, record
from proxycfg.targets.envoy.bootstrap import Config
from proxycfg.targets.envoy.tree import EMPTY, Field, Message

HCM = "http_connection_manager"
"""How evidence calls the block of an HTTP connection manager."""


@record(frozen=True)
class Door:
    """One way in.

    :param chain: its filter chain; None for an API listener, which has no socket.
    :param tls: the TLS settings towards clients; None for cleartext.
    :param before: the network filters before the connection manager.
    """

    listener: Message
    chain: Message | None
    hcm: Message
    before: tuple[Message, ...] = ()
    default: bool = False

    @cached_property
    def name(self) -> str:
        """How people know it."""
        listener = self.listener.text("name") or "(no name)"
        return f"{listener} ({self.address})" if self.address else listener

    @cached_property
    def address(self) -> str:
        """Where it listens, such as ``0.0.0.0:443``; empty where that is no socket of IP."""
        at = self.listener.message("address", "socket_address")
        if at is None:
            return self.listener.text("address", "pipe", "path") or ""
        host = at.text("address") or ""
        return f"{f'[{host}]' if ':' in host else host}:{at.text('port_value') or at.text('named_port') or '0'}"

    @cached_property
    def port(self) -> int:
        """The port; 0 where there is none."""
        return self.listener.number("address", "socket_address", "port_value") or 0

    @cached_property
    def socket(self) -> Message | None:
        """The transport socket of the chain, out of its wrapping."""
        return self.chain.any("transport_socket", "typed_config") if self.chain is not None else None

    @cached_property
    def tls(self) -> Message | None:
        """The settings of TLS, those of QUIC included."""
        if self.socket is None:
            return None
        kind = self.socket.type.rpartition(".")[2]
        return self.socket if kind == "DownstreamTlsContext" else self.socket.message("downstream_tls_context")

    @cached_property
    def quic(self) -> bool:
        """Whether it is a listener of HTTP/3."""
        return self.listener.has("udp_listener_config", "quic_options") or self.codec == "HTTP3"

    @cached_property
    def secure(self) -> bool:
        """Whether clients speak TLS."""
        return self.tls is not None or self.quic

    @cached_property
    def codec(self) -> str:
        """AUTO, HTTP1, HTTP2 or HTTP3."""
        said = (self.hcm.text("codec_type") or "AUTO").upper()
        return {"0": "AUTO", "1": "HTTP1", "2": "HTTP2", "3": "HTTP3"}.get(said, said)

    @cached_property
    def alpn(self) -> tuple[str, ...]:
        """What the TLS layer offers, in order."""
        found = self.tls.texts("common_tls_context", "alpn_protocols") if self.tls is not None else []
        return tuple(word.strip() for each in found for word in each.value.raw.split(","))

    @cached_property
    def versions(self) -> frozenset[str]:
        """The HTTP versions that clients can speak.

        Without a common protocol Envoy goes on without ALPN and looks at the first bytes (``codec_type: AUTO``), so HTTP/1.1 is always served.
        """
        if self.quic:
            return frozenset({"3"})
        if self.codec != "AUTO":
            return frozenset({{"HTTP1": "1.1", "HTTP2": "2", "HTTP3": "3"}.get(self.codec, "1.1")})
        return frozenset({"1.1", "2"} if not self.secure or "h2" in self.alpn else {"1.1"}) & HTTP_VERSIONS

    @cached_property
    def transports(self) -> frozenset[str]:
        """The same as ``stalls_on`` names them."""
        one = "http/1.1+tls" if self.secure else "http/1.1"
        return frozenset(one if version == "1.1" else version for version in self.versions)

    @cached_property
    def closes_at_once(self) -> Field | None:
        """What ends connections as soon as they are there: unlike other timers this one is not off when it is 0 (measured on 1.40)."""
        path = ("common_http_protocol_options", "max_connection_duration")
        return self.hcm.field(*path) if self.hcm.seconds(*path) == 0 and not self.quic else None

    def versions_field(self) -> Field | None:
        """What decides the versions."""
        if self.codec != "AUTO":
            return self.hcm.field("codec_type")
        if self.tls is not None:
            return self.tls.field("common_tls_context", "alpn_protocols")
        return None


_KINDS = (
    ("prefix", "prefix"), ("path", "exact"), ("path_separated_prefix", "segments"), ("safe_regex", "regex"), ("regex", "regex"),
    ("connect_matcher", "connect"), ("path_match_policy", "pattern"),
)  # fmt: skip
_ACTIONS = ("route", "redirect", "direct_response", "filter_action", "non_forwarding_action")


@record(frozen=True)
class Route:
    """A route of a virtual host, in its place of the order."""

    message: Message
    host: Host
    index: int

    @cached_property
    def match(self) -> Message:
        """What it takes."""
        return self.message.message("match") or EMPTY

    @cached_property
    def kind(self) -> str:
        """How it matches the path."""
        return next((kind for name, kind in _KINDS if self.match.has(name)), "none")

    @cached_property
    def path(self) -> str:
        """The path as it stands there."""
        for name, kind in _KINDS:
            found = self.match.field(name)
            if found is not None:
                if kind in {"connect", "pattern"}:
                    return found.text if kind == "pattern" else "CONNECT"
                return (self.match.text(name, "regex") if found.value.kind == "mapping" else found.value.raw) or ""
        return ""

    @cached_property
    def name(self) -> str:
        """The name that somebody gave it; empty without one."""
        return self.message.text("name") or ""

    @cached_property
    def action_name(self) -> str:
        """What it does: ``route``, ``redirect`` …; empty if nothing."""
        return next((name for name in _ACTIONS if self.message.has(name)), "")

    @cached_property
    def action(self) -> Message:
        """The settings of the ``route`` action; a message without fields for any other."""
        found = self.message.message("route") if self.action_name == "route" else None
        return found or EMPTY

    @property
    def proxied(self) -> bool:
        """Whether an origin gets the requests."""
        return self.action_name == "route"

    @property
    def title(self) -> str:
        """How steps name it."""
        said = {
            "prefix": "prefix ",
            "exact": "path ",
            "segments": "path_separated_prefix ",
            "regex": "safe_regex ",
        }.get(self.kind, "")
        return f"{said}{self.path}" + (f" ({self.name})" if self.name else "")


@record(frozen=True)
class Host:
    """A virtual host."""

    message: Message
    table: Table

    @cached_property
    def domains(self) -> tuple[str, ...]:
        """As they stand there, in lower case."""
        return tuple(each.value.raw.lower() for each in self.message.texts("domains"))

    @cached_property
    def host(self) -> str | None:
        """The name that it is known by: the first of its domains; None where it answers for any host."""
        return None if "*" in self.domains or not self.domains else self.domains[0]

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """In the order in which they are tried."""
        return tuple(Route(message, self, index) for index, message in enumerate(self.message.messages("routes")))


@record(frozen=True)
class Table:
    """A route configuration, and the doors that lead to it."""

    message: Message
    doors: list[Door] = field(default_factory=list, compare=False)

    @cached_property
    def hosts(self) -> tuple[Host, ...]:
        """Its virtual hosts."""
        return tuple(Host(message, self) for message in self.message.messages("virtual_hosts"))


@record(slots=True)
class World:
    """The routes of a config.

    :param opaque: listeners through which bytes pass that nobody looks into.
    :param absent: what hangs on something that is not at hand.
    """

    config: Config
    tables: list[Table] = field(default_factory=list)
    doors: list[tuple[Door, Table | None]] = field(default_factory=list)
    opaque: list[Passed] = field(default_factory=list)
    absent: list[Passed] = field(default_factory=list)

    def routes(self) -> Iterator[Route]:
        """All of them, in the order of the file."""
        for table in self.tables:
            for host in table.hosts:
                yield from host.routes


def read_world(config: Config) -> World:
    """The doors and tables of a config."""
    world = World(config)
    known: dict[int, Table] = {}

    def table_of(message: Message, door: Door | None) -> Table:
        table = known.get(message.key)
        if table is None:
            table = known[message.key] = Table(message)
            world.tables.append(table)
        if door is not None:
            table.doors.append(door)
        return table

    for listener in config.listeners:
        for door in _doors(listener, world):
            message = _table(door, world)
            world.doors.append((door, table_of(message, door) if message is not None else None))
    if not config.listeners:
        # Routes by themselves: who leads to them is not at hand.
        for message in config.tables.values():
            table_of(message, None)
    return world


def _doors(listener: Message, world: World) -> Iterator[Door]:
    chains = [(chain, False) for chain in listener.messages("filter_chains")]
    default = listener.message("default_filter_chain")
    if default is not None:
        chains.append((default, True))
    matcher = listener.field("filter_chain_matcher")
    if matcher is not None:
        world.absent.append(
            Passed(
                "filter_chain_matcher is not followed: any filter chain of the listener may be the one", matcher.span
            )
        )
    for chain, is_default in chains:
        filters = chain.messages("filters")
        for at, network in enumerate(filters):
            config = network.any("typed_config")
            kind = config.type.rpartition(".")[2] if config is not None else ""
            if config is not None and (kind == "HttpConnectionManager" or (not kind and _is_hcm(network))):
                before = tuple(found for each in filters[:at] if (found := each.any("typed_config")) is not None)
                yield Door(listener, chain, config, before, is_default)
                break
        else:
            if filters:
                last = filters[-1]
                name = (last.text("name") or "").rpartition(".")[2] or "filter"
                what = f"listener {listener.text('name') or ''}: {name} passes bytes on, and nobody sees what requests they are"
                world.opaque.append(Passed(what, last.span))
    api = listener.any("api_listener", "api_listener")
    if api is not None:
        hcm = api.message("config") if api.type.endswith("EnvoyMobileHttpConnectionManager") else api
        if hcm is not None:
            yield Door(listener, None, hcm)


def _is_hcm(network: Message) -> bool:
    return (network.text("name") or "").endswith("http_connection_manager")


def _table(door: Door, world: World) -> Message | None:
    inline = door.hcm.message("route_config")
    if inline is not None:
        return inline
    name = door.hcm.text("rds", "route_config_name")
    if name is not None:
        table = world.config.tables.get(name)
        said = door.hcm.field("rds")
        if table is None and said is not None:
            world.absent.append(
                Passed(f"routes `{name}` of RDS are not at hand: what they say is not part of this", said.span)
            )
        return table
    scoped = door.hcm.field("scoped_routes")
    if scoped is not None:
        world.absent.append(
            Passed("scoped_routes are not followed: which of them holds hangs on headers of the request", scoped.span)
        )
    return None
