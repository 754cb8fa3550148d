"""A configuration → what each of its routes does, property by property, and the directive or default that decides it.

What a location does is a matter of the directives in force there (:attr:`~proxycfg.targets.nginx.scope.Level.in_force`), of the server's
sockets, of the group that requests go to, and of the version's defaults; :mod:`proxycfg.targets.nginx.properties` says how they play together.
Here is which locations are routes, which settings their requests can end with, and what locations that are alike have in common.

What the configuration leaves open is a range: what hangs on a variable that cannot be folded, on the protocol of the route where two differ,
on an ``if`` block, on a main file that is not at hand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from proxycfg.behavior import NO, Behavior, Between, either
from proxycfg.collector import held_off
from proxycfg.finding import Confidence
from proxycfg.reading import Evidence, Reading, ReadRoute
from proxycfg.source import Span
from proxycfg.targets.nginx.clients import Clients
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.place import CLIENTS, GROUPS, LOCATION, UNTOLD, Found, Place, Reader
from proxycfg.targets.nginx.properties import PROPERTIES, READERS, PropertyReader
from proxycfg.targets.nginx.properties.buffering import compression, honors_x_accel_buffering
from proxycfg.targets.nginx.scope import Level, level_of
from proxycfg.targets.nginx.servers import Http, Listen, Location, Server, read_http
from proxycfg.targets.nginx.shapes import Hanging, Shape, Shapes

ProtocolOf = Callable[[Location], str | None]
"""What is known of a location's protocol from elsewhere: a spec, a comment, a guess."""


def _unknown(_: Location) -> None:
    return None


@held_off()
def read(
    config: Config, version: str, *, protocol_of: ProtocolOf = _unknown, https: Sequence[Http] | None = None
) -> list[ReadRoute]:
    """The routes: every location that hands requests to an origin, and what it does, in the order of the file's servers.

    :param https: the http blocks of the configuration, if somebody has them already.
    """
    routes: list[ReadRoute] = []
    for http in read_http(config) if https is None else https:
        reader = Reader(http, version)
        routes += (
            shared_route(reader, location, protocol_of(location))
            for location in _open_locations(http)
            if _ends(http.shapes.of(location.level), http)
        )
    return routes


class Proxied(NamedTuple):
    """A location that hands requests to an origin, and the levels whose settings such a request can end with.

    ``repeated`` says that its text stands in several servers, which include it.
    """

    http: Http
    location: Location
    levels: list[Level]
    repeated: bool


def proxied_locations(https: Iterable[Http]) -> Iterator[Proxied]:
    """Every location that hands requests to an origin, in the order of the file's servers.

    A location with an unconditional ``return`` never does, nor one below a server's.
    """
    for http in https:
        times = Counter(id(each.directive) for server in http.servers for each in server.locations.all())
        for location in _open_locations(http):
            levels = [] if _returns(location.level) else _proxying(location.level, http)
            if levels:
                yield Proxied(http, location, levels, repeated=times[id(location.directive)] > 1)


def _open_locations(http: Http) -> Iterator[Location]:
    """Every location that requests get to: below a server's ``return`` only the named ones."""
    for server in http.servers:
        closed = bool(server.level.lines("return"))
        for location in server.locations.all():
            if not closed or location.kind == "named":
                yield location


def read_route(
    reader: Reader,
    location: Location,
    levels: Sequence[Level],
    *,
    listener: Listen | None = None,
    protocol: str | None = None,
) -> ReadRoute:
    """A location as a route.

    :param levels: those that its requests can end with: its own, or of blocks inside it.
    :param listener: the one that clients come through; None for all of the server's.
    """
    reading = _reading(reader, location, levels, listener=listener, protocol=protocol)
    return _route(location, reading, protocol, reader.not_understood(location, levels))


def _route(
    location: Location,
    reading: Reading,
    protocol: str | None,
    not_understood: tuple[Span, ...],
    confidence: Confidence = Confidence.INFERRED,
) -> ReadRoute:
    return ReadRoute(
        host=host_of(location.server),
        path=location.name,
        kind=location.kind,
        span=location.directive.span,
        reading=reading,
        protocol=protocol,
        confidence=confidence,
        not_understood=not_understood,
    )


def read_location(
    location: Location, http: Http, version: str, *, listener: Listen | None = None, protocol: str | None = None
) -> Reading:
    """What one location does.

    :param listener: the one that clients come through; None for all of the server's.
    :param protocol: what the route carries, where that is known: it decides content types, and which silence of a client is meant.
    """
    levels = _proxying(location.level, http) or [location.level]
    return _reading(Reader(http, version), location, levels, listener=listener, protocol=protocol)


def _reading(
    reader: Reader,
    location: Location,
    levels: Sequence[Level],
    *,
    listener: Listen | None = None,
    protocol: str | None = None,
) -> Reading:
    """The reading of a location, over all the levels that its requests can end with."""
    clients = reader.sockets.of(location.server, listener)
    return Reading(
        _behavior(reader, location, levels, clients, protocol),
        _Told(reader, location, clients, protocol, levels),
    )


def _behavior(
    reader: Reader, location: Location, levels: Sequence[Level], clients: Clients, protocol: str | None
) -> Behavior:
    return _shown([Place(reader, location, level, clients, protocol, telling=False) for level in levels])


def _shown(places: Sequence[Place]) -> Behavior:
    return Behavior(**{name: _property(name, read_property, places)[0] for name, read_property in PROPERTIES})


def behavior_under(
    reader: Reader,
    location: Location,
    level: Level,
    clients: Clients,
    protocol: str | None,
    *,
    released: bool,
    plain: bool,
) -> Behavior:
    """What a location does to an answer that says ``X-Accel-Buffering: no`` (``released``), or that it is not to compress (``plain``)."""
    place = Place(reader, location, level, clients, protocol, telling=False)
    if released and honors_x_accel_buffering(place)[0].low:
        place.release()
    if plain:
        place.found[compression.__name__] = (NO, UNTOLD), 0
    return _shown([place])


# ---- many routes, most of them alike ----


def shared_route(
    reader: Reader, location: Location, protocol: str | None, confidence: Confidence = Confidence.INFERRED
) -> ReadRoute:
    """A location that hands requests on, as a route: its behavior is that of the first one like it, evidence and places are its own."""
    behavior, understood = shared_behavior(reader, location, protocol)
    unknown = () if understood else reader.not_understood(location, _proxying(location.level, reader.http))
    told = _Told(reader, location, reader.sockets.of(location.server), protocol)
    return _route(location, Reading(behavior, told), protocol, unknown, confidence)


def shared_behavior(reader: Reader, location: Location, protocol: str | None) -> tuple[Behavior, bool]:
    """What a location does that hands requests on, and whether all is understood that matters there; of those alike, of the first."""
    shapes = reader.http.shapes
    shape = shapes.of(location.level)
    clients = reader.sockets.of(location.server)
    handler = location.level.last_handler()
    alike, group = reader.alike(clients), reader.meaning(handler) if handler else None
    key = shape, reader.version, protocol, alike, group
    found = shapes.behaviors.get(key)
    if found is None:
        places = _stand_ins(reader, location, shape, clients, protocol)
        found = _in_common(shapes, shape, places, alike, group), all(reader.understands(place) for place in places)
        if not any(each.asked & LOCATION for each in shapes.properties[shape, reader.version, protocol][1]):
            shapes.behaviors[key] = found
    return found


def _ends(shape: Shape, http: Http) -> list[Level]:
    if shape.ends is None:
        shape.ends = [] if _returns(shape.level) else _proxying(shape.level, http)
    return shape.ends


def _stand_ins(reader: Reader, location: Location, shape: Shape, clients: Clients, protocol: str | None) -> list[Place]:
    """The places of a location, with its shape's settings instead of its own, which come to the same."""
    of_shape, own = shape.level.last_handler(), location.level.last_handler()
    places: list[Place] = []
    for level in _ends(shape, reader.http):
        place = Place(reader, location, level, clients, protocol, telling=False)
        if place.handler is of_shape and own is not None:
            place.handler = own
        places.append(place)
    return places


def _in_common(shapes: Shapes, shape: Shape, places: Sequence[Place], clients: int, group: Hashable) -> Behavior:
    """The behavior of a location of that shape: each property is worked out once for all of which it cannot tell one from another.

    A property asks the same of every location of a shape until an answer differs, so that what it has asked for is all that it hangs on.

    :param clients: the number of its server's clients.
    :param group: what counts of the group that its requests go to.
    """
    of = shape, places[0].version, places[0].protocol
    known = shapes.properties.get(of)
    if known is None:
        known = shapes.properties[of] = {}, []
        for name, read_property in PROPERTIES:
            value, asked = _value(name, read_property, places)
            if asked:
                known[1].append(Hanging(name, read_property, asked))
            else:
                known[0][name] = value
    fixed, hanging = known
    values = {each.name: _hanging_value(shapes.values, each, places, clients, group) for each in hanging}
    return Behavior(**fixed, **values)


def _hanging_value(
    values: dict[Hashable, Between[Any]], of: Hanging, places: Sequence[Place], clients: int, group: Hashable
) -> Between[Any]:
    value = values.get(_on_what(of, clients, group))
    if value is None:
        value, asked = _value(of.name, of.read, places)
        # What it had asked for so far did not tell all: nothing is found by that any more.
        of.asked |= asked
        if not of.asked & LOCATION:
            values[_on_what(of, clients, group)] = value
    return value


def _on_what(of: Hanging, clients: int, group: Hashable) -> Hashable:
    return of, of.asked, clients if of.asked & CLIENTS else None, group if of.asked & GROUPS else None


def _value(name: str, read_property: PropertyReader, places: Sequence[Place]) -> tuple[Between[Any], int]:
    """A property over all places, and what beyond their settings it has asked for."""
    found: Between[Any] | None = None
    asked = 0
    for place in places:
        place.asked = 0
        value, _ = read_property(place)
        found = value if found is None or found == value else either(name, found, value)
        asked |= place.asked
    assert found is not None
    return found, asked


def _property(name: str, read_property: PropertyReader, places: Sequence[Place]) -> Found:
    """A property of a place; where there are several, the range around them, and what makes it one."""
    value, why = read_property(places[0])
    for place in places[1:]:
        other, decided_by = read_property(place)
        if other != value:
            value, why = either(name, value, other), decided_by
    return value, why


_ANY_HOST = re.compile(r"~\*?\^?(?:\(?\.[*+]\)?)?\$?")


def host_of(server: Server) -> str | None:
    """The name that a server is known by: its first one, None where it answers for any host."""
    name = next((name for name in server.names if name not in {"", "_"}), "")
    return None if not name or (name[0] == "~" and _ANY_HOST.fullmatch(name)) else name


def _returns(level: Level) -> bool:
    """Whether every request is answered right there, whatever else the block says."""
    return "return" in level.own


_REWRITES = frozenset({"set", "return", "rewrite", "break", "if", "rewrite_log", "uninitialized_variable_warn"})
_ACCESS = frozenset({"allow", "deny", "auth_basic", "auth_basic_user_file", "satisfy", "auth_request", "auth_delay"})


def _proxying(level: Level, http: Http) -> list[Level]:
    """The levels whose settings a proxied request can end with: the location's own, and those of blocks inside it that change any.

    A true ``if`` replaces the location's settings by its own copy, ``limit_except`` does so for the methods that it does not name.
    """
    levels = [level] if level.handler() else []
    if "if" not in level.own and "limit_except" not in level.own:
        return levels
    for child in level.children:
        if child.name not in {"if", "limit_except"} or child.block is None:
            continue
        inner = level_of(http.config, child.name, child, level)
        harmless = _REWRITES if child.name == "if" else _ACCESS
        ends = _returns(inner) or any(
            line.args[2:] and line.args[2] != "break" for line in inner.own.get("rewrite", [])
        )
        if not ends and not inner.own.keys() <= harmless and inner.handler():
            levels.append(inner)
    return levels


class _Told(Mapping[str, Evidence]):
    """Evidence that is put together when somebody asks for it: of thousands of routes, few are ever explained."""

    __slots__ = ("_clients", "_levels", "_location", "_places", "_protocol", "_reader", "_told")

    def __init__(
        self,
        reader: Reader,
        location: Location,
        clients: Clients,
        protocol: str | None,
        levels: Sequence[Level] | None = None,
    ) -> None:
        """``levels`` are those that its requests can end with, if somebody has them already."""
        self._reader = reader
        self._location = location
        self._clients = clients
        self._protocol = protocol
        self._levels = levels
        # Made when somebody asks: most of thousands are never asked.
        self._places: list[Place] | None = None
        self._told: dict[str, Evidence] | None = None

    def __getitem__(self, name: str) -> Evidence:
        if self._told is None:
            self._told = {}
        found = self._told.get(name)
        if found is None:
            found = self._told[name] = _property(name, READERS[name], self._at())[1]
        return found

    def _at(self) -> list[Place]:
        if self._places is None:
            location, levels = self._location, self._levels
            if levels is None:
                levels = _proxying(location.level, self._reader.http)
            self._places = [
                Place(self._reader, location, level, self._clients, self._protocol, telling=True) for level in levels
            ]
        return self._places

    def __iter__(self) -> Iterator[str]:
        return iter(READERS)

    def __len__(self) -> int:
        return len(READERS)

    def __repr__(self) -> str:
        return repr(dict(self))
