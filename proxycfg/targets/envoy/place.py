"""What a property's reader asks: a route behind one door, on its way to one cluster, and what is in force there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from proxycfg.behavior import FOREVER, Between, exactly
from proxycfg.protocols import protocols
from proxycfg.reading import Evidence
from proxycfg.record import record
from proxycfg.source import Span
from proxycfg.targets.envoy import defaults
from proxycfg.targets.envoy.bootstrap import Config
from proxycfg.targets.envoy.defaults import Default
from proxycfg.targets.envoy.filters import Effects, Filter, chain_of, effects, entries_of, passed_by
from proxycfg.targets.envoy.matchers import header_matches
from proxycfg.targets.envoy.routes import HCM, Door, Route, World
from proxycfg.targets.envoy.tree import EMPTY, Field, Message

UO = ("typed_extension_protocol_options", "envoy.extensions.upstreams.http.v3.HttpProtocolOptions")
ANY_NUMBER: Between[float] = Between(0.0, FOREVER)


class Why(NamedTuple):
    """What decides a property: a field and the block around it, or a default in words. Becomes evidence when somebody asks."""

    field: Field | None
    text: str = ""
    block: str = ""

    def evidence(self) -> Evidence:
        """For people."""
        if self.field is None:
            return Evidence("default", self.text)
        if not self.field.span.stands:
            return Evidence("default", self.field.text)
        return Evidence("inherited" if self.block else "config", self.field.text, self.field.span, self.block)


@record(frozen=True)
class Origin:
    """A cluster that a route's requests go to.

    :param message: None where the cluster is not at hand.
    :param share: its entry among weighted clusters.
    :param said: what names it.
    """

    message: Message | None
    share: Message | None = None
    said: Field | None = None

    @cached_property
    def options(self) -> Message:
        """Its HttpProtocolOptions."""
        found = self.message.message(*UO) if self.message is not None else None
        return found.unwrapped() if found is not None else EMPTY


class Reader:
    """One config read for one version: what many routes have in common is worked out once."""

    def __init__(self, world: World, version: str) -> None:
        """``version`` such as ``1.40``."""
        self.world = world
        self.config: Config = world.config
        self.version = version
        self.default_of = f"(default of Envoy {'.'.join(version.split('.')[:2])})"
        self.found: dict[tuple[object, ...], tuple[Between[Any], Why]] = {}
        """What readers of properties have worked out for many routes."""
        self._effects: dict[tuple[object, ...], list[tuple[Filter, Effects]]] = {}
        self._entries: dict[tuple[int, ...], dict[str, tuple[Message, Field, str]]] = {}

    def silence(self, default: Default) -> Why:
        """Evidence for a default."""
        return Why(None, f"{default.text} {self.default_of}")

    def stated(self, text: str) -> Why:
        """Evidence for what is so in any config."""
        return Why(None, text)

    def effects(
        self, filters: Sequence[Message], levels: Sequence[tuple[str, Message]], protocol: str | None
    ) -> list[tuple[Filter, Effects]]:
        """What the filters of a chain do, that are on for a route."""
        said = tuple((level, each) for level, each in levels if each.has("typed_per_filter_config"))
        key = (tuple(each.key for each in filters), tuple(each.key for _, each in said), protocol)
        found = self._effects.get(key)
        if found is None:
            types = content_types(protocol)
            chain = chain_of(filters, entries_of(said))
            found = self._effects[key] = [(each, effects(each, protocol, types)) for each in chain]
        return found

    def places(self, route: Route, protocol: str | None, door: Door | None = None) -> list[Place]:
        """All that a request of a route may meet: through each door, or the one, and on to each of its clusters."""
        doors: list[Door | None] = [door] if door is not None else list(route.host.table.doors) or [None]
        return [Place(self, route, each, origin, protocol) for each in doors for origin in self.origins(route)]

    def origins(self, route: Route) -> list[Origin]:
        """The clusters of a route; those of a share of 0 are left out."""
        action = route.action
        name = action.text("cluster")
        if name is not None:
            return [Origin(self.config.clusters.get(name), said=action.field("cluster"))]
        shares = action.messages("weighted_clusters", "clusters")
        made = [
            Origin(self.config.clusters.get(each.text("name") or ""), each, each.field("name"))
            for each in shares
            if each.number("weight") != 0
        ]
        # Which cluster it is, is said by a header or by a plugin.
        return made or [Origin(None, said=action.field("cluster_header") or action.field("cluster_specifier_plugin"))]


def content_types(protocol: str | None) -> tuple[str, ...]:
    """Those of a stream; of events where nobody says what it is."""
    known = protocols().get(protocol or "sse")
    return known.content_types if known else ()


class Place:
    """A route behind a door, on its way to a cluster.

    :param door: None where the listener is not at hand.
    """

    def __init__(self, reader: Reader, route: Route, door: Door | None, origin: Origin, protocol: str | None) -> None:
        """``protocol`` is what the route carries, None where nobody says."""
        self.reader = reader
        self.route = route
        self.door = door
        self.origin = origin
        self.protocol = protocol
        self.version = reader.version

    @property
    def action(self) -> Message:
        """The settings of the route's action."""
        return self.route.action

    @cached_property
    def detour(self) -> Detour | None:
        """The way that some of the requests take instead, if a filter sends them on by itself."""
        if self.protocol == "websocket" or not any(found.detours for _, found in self.effects):
            return None
        known = protocols().get(self.protocol or "")
        methods = known.methods if known is not None else _DETOURED
        return Detour(self) if any(each in methods and _takes(self.route, each) for each in _DETOURED) else None

    @property
    def hcm(self) -> Message:
        """The connection manager."""
        return self.door.hcm if self.door is not None else EMPTY

    @cached_property
    def levels(self) -> tuple[tuple[str, Message], ...]:
        """From the outermost to the innermost, each with its name; the route's own is empty."""
        found = [
            ("route configuration", self.route.host.table.message),
            ("virtual host", self.route.host.message),
            ("", self.route.message),
        ]
        return (*found, *([("", self.origin.share)] if self.origin.share is not None else []))

    # ---- filters ----

    @cached_property
    def effects(self) -> list[tuple[Filter, Effects]]:
        """What the filters do that requests of this protocol pass."""
        return self.reader.effects(self.filters(upgraded=self.protocol == "websocket"), self.levels, self.protocol)

    @cached_property
    def handshake_effects(self) -> list[tuple[Filter, Effects]]:
        """The same for WebSocket handshakes."""
        return self.reader.effects(self.filters(upgraded=True), self.levels, "websocket")

    def filters(self, *, upgraded: bool) -> list[Message]:
        """The chain, that of upgrades if it has one of its own."""
        entry = self.upgrade_entry(self.hcm) if upgraded else None
        own = entry.messages("filters") if entry is not None else []
        return own or self.hcm.messages("http_filters")

    def upgrade_entry(self, where: Message) -> Message | None:
        """What is said of WebSockets among the upgrades."""
        return next(
            (
                each
                for each in where.messages("upgrade_configs")
                if (each.text("upgrade_type") or "").lower() == "websocket"
            ),
            None,
        )

    def of_filter(self, each: Filter, found: Effects, name: str) -> Why:
        """Evidence for an effect of a filter."""
        said = found.why.get(name)
        if each.said is not None and (said is None or _inside(said.span, each.said.span)):
            return Why(said or each.said, block=each.level)
        return Why(said or each.place.field("name") or Field(None, each.place.node), block=HCM)

    def effect(self, name: str, otherwise: str, *, handshake: bool = False) -> tuple[Between[bool], Why]:
        """Whether any filter does it."""
        low = high = False
        why: Why | None = None
        for each, found in self.handshake_effects if handshake else self.effects:
            value: Between[bool] = getattr(found, name)
            if value.high and (why is None or (value.low and not low)):
                why = self.of_filter(each, found, name)
            low, high = low or value.low, high or value.high
        if self.door is None and not low:
            return Between(low=False, high=True), why or self.elsewhere
        return Between(low, high), why or self.reader.stated(otherwise)

    @property
    def elsewhere(self) -> Why:
        """Evidence for what a listener decides that is not at hand."""
        return Why(None, "the listener that leads here is not at hand")

    @property
    def no_cluster(self) -> Why:
        """Evidence for what a cluster decides that is not at hand."""
        return (
            Why(self.origin.said, "the cluster is not at hand") if self.origin.said is None else Why(self.origin.said)
        )

    # ---- values ----

    def named(self, *names: str) -> Iterator[tuple[str, Message, Field]]:
        """The levels that have a field, the innermost first."""
        for level, message in reversed(self.levels):
            for name in names:
                found = message.field(name)
                if found is not None:
                    yield level, message, found

    def cluster_seconds(self, default: Default, *path: str) -> tuple[Between[float], Why]:
        """A duration of the cluster."""
        cluster = self.origin.message
        if cluster is None:
            return ANY_NUMBER, self.no_cluster
        value, said = cluster.seconds(*path), cluster.field(*path)
        return (
            (exactly(default.value), self.reader.silence(default))
            if value is None
            else (exactly(value), Why(said, block="cluster"))
        )


_DETOURED = ("GET", "HEAD")
"""Methods of the requests that a cache sends on by itself."""


def _takes(route: Route, method: str) -> bool:
    matchers = route.match.messages("headers")
    return all(header_matches(each, method) for each in matchers if each.text("name") == ":method")


class Detour(Place):
    """The way of requests that a cache sends to the cluster by itself: GET and HEAD without ``Authorization`` and without conditions.

    What the router would do for their route is not done: rewriting, headers, retries, its timeout, hashing; nor do they pass the filters behind
    the cache. Timers of the connection manager run on, those that the route sets for it as well (measured on 1.40; ``cache.proto`` tells it of
    ``cache_v2``, whose requests go by ``AsyncClient``).
    """

    def __init__(self, place: Place) -> None:
        """From where they leave the way of the others."""
        super().__init__(place.reader, place.route, place.door, place.origin, place.protocol)
        at, (self.cache, found) = next((at, pair) for at, pair in enumerate(place.effects) if pair[1].detours)
        behind = [(each, passed_by(each, done)) for each, done in place.effects[at + 1 :]]
        self.why = place.of_filter(self.cache, found, "detours")
        self.passed = [each for each, _ in behind]
        """The filters that these requests do not come through."""
        self.effects = [*place.effects[: at + 1], *behind]
        self.detour = None
        self._action = self.route.action.only("idle_timeout", "max_stream_duration")

    @property
    def action(self) -> Message:
        """Of the route's action, what the connection manager goes by."""
        return self._action

    def named(self, *_: str) -> Iterator[tuple[str, Message, Field]]:
        """No level counts."""
        return iter(())


def _inside(one: Span, other: Span) -> bool:
    start, end = (one.line, one.column), (one.end_line, one.end_column)
    return (other.line, other.column) <= start and end <= (other.end_line, other.end_column)


def has(place: Place, behavior: str) -> bool:
    """Whether the version does so."""
    return defaults.has(place.version, behavior)
