"""A configuration → what each of its routes does, property by property, and the directive or default that decides it.

One function a property, in the order of :mod:`proxycfg.behavior`, each with the evidence for its answer. What a location does is a matter of the
directives in force there (:attr:`~proxycfg.targets.nginx.scope.Level.in_force`), of the server's sockets, of the group that requests go to, and of
the version's defaults; nginx's sources and the measurements in ``tests/containers`` say how they play together.

What the configuration leaves open is a range: what hangs on a variable that cannot be folded, on the protocol of the route where two differ,
on an ``if`` block, on a main file that is not at hand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, wraps
from typing import Any, NamedTuple

from proxycfg.behavior import EITHER, FOREVER, NO, TRANSPORTS, YES, Behavior, Between, Transports, exactly
from proxycfg.collector import held_off
from proxycfg.finding import Confidence
from proxycfg.reading import Evidence, Reading, ReadRoute
from proxycfg.source import Span
from proxycfg.targets.nginx import facts
from proxycfg.targets.nginx.clients import Clients
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.place import (
    ANY_NUMBER,
    ANY_TEXT,
    BUFFERED_MODULES,
    CLIENTS,
    GROUPS,
    LOCATION,
    Found,
    Place,
    Reader,
    Workers,
    seconds,
    size,
)
from proxycfg.targets.nginx.scope import Level, level_of
from proxycfg.targets.nginx.servers import Http, Listen, Location, Server, read_http
from proxycfg.targets.nginx.shapes import Hanging, Shape, Shapes
from proxycfg.targets.nginx.syntax import Directive, number
from proxycfg.targets.nginx.upstreams import Group, keeps_connections, takes_again
from proxycfg.targets.nginx.variables import CALL, HANDSHAKE, PLAIN, World, names_in

PropertyReader = Callable[[Place], Found]

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
    places = [Place(reader, location, level, clients, protocol, telling=False) for level in levels]
    return Behavior(**{name: _property(name, read_property, places)[0] for name, read_property in PROPERTIES})


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
        found = value if found is None or found == value else _hull(name, (found, value))
        asked |= place.asked
    assert found is not None
    return found, asked


def _property(name: str, read_property: PropertyReader, places: Sequence[Place]) -> Found:
    """A property of a place; where there are several, the range around them, and what makes it one."""
    value, why = read_property(places[0])
    for place in places[1:]:
        other, decided_by = read_property(place)
        if other != value:
            value, why = _hull(name, (value, other)), decided_by
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
            found = self._told[name] = _property(name, _READERS[name], self._at())[1]
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
        return iter(_READERS)

    def __len__(self) -> int:
        return len(_READERS)

    def __repr__(self) -> str:
        return repr(dict(self))


def _hull(name: str, values: Iterable[Between[Any]]) -> Between[Any]:
    """The range around several: any of them may be it."""
    ranges = list(values)
    low, high = ranges[0].low, ranges[0].high
    for other in ranges[1:]:
        if isinstance(low, frozenset):
            low, high = low & other.low, high | other.high
        else:
            low, high = min(low, other.low), max(high, other.high)
    # Words have no order: either it is one, or it may be any.
    if name in {"upstream_connection_header", "session_affinity"} and low != high:
        return ANY_TEXT
    return Between(low, high)


def _any_of(one: Between[bool], other: Between[bool]) -> Between[bool]:
    """Whether one or the other, or both, are so."""
    return Between(one.low or other.low, one.high or other.high)


# ---- the properties ----


def _remembered(function: Callable[[Place], Found]) -> Callable[[Place], Found]:
    """For a property that others hang on: worked out once a place."""
    name = function.__name__

    @wraps(function)
    def once(place: Place) -> Found:
        known = place.found.get(name)
        if known is None:
            before, place.asked = place.asked, 0
            known = place.found[name] = function(place), place.asked
            place.asked |= before
        else:
            place.asked |= known[1]
        return known[0]

    return once


def response_buffering(place: Place) -> Found:
    """``proxy_buffering`` and its kind; gRPC is never buffered."""
    return place.buffered


def stalls_on(place: Place) -> Found:
    """Where small events wait: in a buffer for an origin that does not chunk, in a compressor, in the TLS layer of an HTTP/1.1 client.

    Unbuffered, each read is flushed through everything; only filters that look for text, or for whole documents, still hold some back.
    """
    served = place.clients.transports
    buffered, why = place.buffered
    surely: Transports = frozenset()
    perhaps: Transports = frozenset()
    if buffered.high:
        surely, perhaps, why = _held_when_buffered(place, why)
        if not buffered.low:
            surely = frozenset()
        if not perhaps & served.high:
            why = place.http_version[1]
    low, high, filtered_by = _held_by_filters(place)
    if filtered_by is not None:
        surely, perhaps, why = surely | low, perhaps | high, place.why(filtered_by)
    return Between(surely & served.low, perhaps & served.high), why


def _held_when_buffered(place: Place, why: Evidence) -> tuple[Transports, Transports, Evidence]:
    compressed, compressed_by = compression(place)
    if compressed.low or place.module != "proxy":
        return TRANSPORTS, TRANSPORTS, compressed_by if compressed.low else why
    version, version_by = place.http_version
    tls = frozenset({"http/1.1+tls"})
    surely, perhaps = (TRANSPORTS if version.high == "1.0" else tls), (TRANSPORTS if version.low == "1.0" else tls)
    if version.low == "1.0" and why.kind == "default":
        why = version_by
    if compressed.high:
        perhaps, why = TRANSPORTS, compressed_by
    limited_by = _throttled(place, _SLOW)
    if limited_by is not None and perhaps != TRANSPORTS:
        perhaps, why = TRANSPORTS, place.why(limited_by)
    corked_by = _corked(place)
    if corked_by is not None and perhaps != TRANSPORTS:
        perhaps, why = TRANSPORTS, place.why(corked_by)
    return surely, perhaps, why


def _corked(place: Place) -> Directive | None:
    """The ``tcp_nopush`` under which events that are stored first go out 200 ms late: from a file, by ``sendfile``, behind the kernel's cork.

    Measured on 1.22 and 1.26 with ``proxy_store``; a response that is put into a cache takes the same way (``ngx_event_pipe.c``: ``cacheable``).
    """
    store = place.line("proxy_store") if place.module == "proxy" else None
    stored = store is not None and store.args[:1] != ("off",)
    if (stored or caching(place)[0].high) and place.flag("sendfile")[0].high and place.flag("tcp_nopush")[0].high:
        return place.line("tcp_nopush")
    return None


_SLOW = 4096
"""Bytes a second: below it, events of some ten bytes each may wait for their turn."""
_HANDSHAKE = 1024
"""Bytes of an answer to a WebSocket handshake, at most; under a lower ``limit_rate`` its end is never sent."""


def _throttled(place: Place, rate: int, *names: str) -> Directive | None:
    """The limit that may keep answers below a rate."""
    for name in names or ("limit_rate", f"{place.module}_limit_rate"):
        line = place.line(name)
        if line is not None and line.args and 0 < (size(line.args[0]) or (line.args[0].startswith("$") and 1)) < rate:
            return line
    return None


def _held_by_filters(place: Place) -> tuple[Transports, Transports, Directive | None]:
    """What holds a stream back although it is not buffered, surely and perhaps."""
    perhaps: Directive | None = None
    for line, certain, types in _filters(place):
        typed = place.typed(types) if types else YES
        if typed.low and certain:
            return TRANSPORTS, TRANSPORTS, line
        if typed.high:
            perhaps = perhaps or line
    return frozenset(), TRANSPORTS if perhaps else frozenset(), perhaps


def _filters(place: Place) -> Iterator[tuple[Directive, bool, str]]:
    """The filters that are switched on: the directive, whether it surely holds what it takes, and the list of types that it takes."""
    for line in place.lines("sub_filter"):
        wanted = line.args[0] if line.args else ""
        # The end of an event is kept while it might be the beginning of what is looked for.
        if any(each in wanted for each in "\n\r$"):
            yield line, wanted.startswith("\n"), "sub_filter_types"
    for name, off, types in _WHOLE_BODY:
        whole = place.line(name)
        if whole is not None and whole.args and whole.args[0] not in off:
            yield whole, True, types
    for name in sorted(_PERHAPS_WHOLE_BODY.intersection(place.force)):
        line = place.force[name][0]
        if not line.args or line.args[0].lower() not in {"off", "unplug"}:
            yield line, False, ""


_WHOLE_BODY = (
    ("image_filter", {"off"}, ""),
    ("xslt_stylesheet", set[str](), "xslt_types"),
    ("add_before_body", {""}, "addition_types"),
)
"""Filters that hold back whole bodies: name, arguments that switch it off, the list of its types."""

_PERHAPS_WHOLE_BODY = frozenset(
    ("body_filter_by_lua", "body_filter_by_lua_block", "body_filter_by_lua_file", "js_body_filter", "modsecurity", "ModSecurityEnabled",
     "coraza", "pagespeed", "subs_filter", "replace_filter", "security_headers_body", "perl_body_filter")
)  # fmt: skip
"""Filters of third parties, and programs, that may."""


def request_buffering(place: Place) -> Found:
    """``proxy_request_buffering``; off, a body of unknown length, as a stream's is, still waits where the origin could not take its chunks."""
    early, early_by = _reads_first(place)
    if early_by is not None:
        return early, place.why(early_by)
    if place.module not in BUFFERED_MODULES:
        return NO, place.hard_wired
    on, why = place.flag(f"{place.module}_request_buffering")
    if on.low:
        return on, why
    for line in (*place.lines("proxy_set_body"), *place.lines(f"{place.module}_pass_request_body")):
        if line.name.startswith(place.module) and (line.name == "proxy_set_body" or line.args == ("off",)):
            return YES, place.why(line)
    version, version_by = place.http_version
    if place.module in {"uwsgi", "scgi"} or version.high == "1.0":
        return YES, version_by
    if version.low == "1.0" and place.module == "proxy":
        return EITHER, version_by
    for line in _firewalls(place):
        return EITHER, place.why(line)
    return on, why


def _firewalls(place: Place) -> Iterator[Directive]:
    """Third parties' filters that read whole requests if they are told to."""
    for name in ("modsecurity", "ModSecurityEnabled", "coraza"):
        line = place.line(name)
        if line is not None and line.args != ("off",):
            yield line


def _reads_first(place: Place) -> tuple[Between[bool], Directive | None]:
    """Whether the body is read before a location's handler asks for it: for a mirror, or because the server says so."""
    mirrored = place.line("mirror")
    if mirrored is not None and mirrored.args != ("off",):
        copied, _ = place.flag("mirror_request_body")
        if copied.high:
            return copied, mirrored
    return _reads_early(place)


def _reads_early(place: Place) -> tuple[Between[bool], Directive | None]:
    """Whether the body is read before a location is even chosen: any text but "" and "0" says so, by nginx's source even ``off``."""
    read_early, decided_by = NO, None
    for line in place.lines("client_body_early_read"):
        for word in line.args:
            values = place.values(word)
            one = (
                EITHER if values is None or word == "off" else Between(not values & {"", "0"}, bool(values - {"", "0"}))
            )
            if one.high:
                read_early, decided_by = _any_of(read_early, one), line
    return read_early, decided_by


@_remembered
def compression(place: Place) -> Found:
    """``gzip`` where its types take in the stream's; a compressor of third parties likewise."""
    on, why = place.flag("gzip")
    if on.high:
        typed = place.typed("gzip_types")
        types = place.line("gzip_types")
        why = place.why(types) if types else place.reader.silence("gzip_types")[1]
        if typed.high:
            kept_out = _no_browser(place)
            if kept_out.high:
                why = place.why(place.lines("gzip_disable")[0])
            compressed = Between(on.low and typed.low and not kept_out.high, not kept_out.low)
            if compressed.high:
                return compressed, why
    for name in ("brotli", "zstd"):
        line = place.line(name)
        if line is not None and line.args and line.args[0].lower() == "on":
            typed = place.typed(f"{name}_types")
            if typed.high:
                return typed, place.why(line)
    return NO, why


_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
)


def _no_browser(place: Place) -> Between[bool]:
    """Whether ``gzip_disable`` keeps today's browsers out."""
    patterns = [
        word for line in place.lines("gzip_disable") for word in line.args if word not in {"msie6", "degradation"}
    ]
    if not patterns:
        return NO
    out = [
        any(re.search(pattern, browser, re.IGNORECASE) for pattern in map(_or_all, patterns)) for browser in _BROWSERS
    ]
    return Between(all(out), any(out))


def _or_all(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error:
        return ""
    return pattern


@_remembered
def caching(place: Place) -> Found:
    """``proxy_cache`` or ``proxy_store``; an unbuffered answer is never stored in a cache."""
    line = _store_line(place)
    if line is None:
        off = place.line(f"{place.module}_cache") or place.line(f"{place.module}_store")
        if off is not None:
            return NO, place.why(off)
        return NO, place.reader.silence(f"{place.module}_cache")[
            1
        ] if place.module in BUFFERED_MODULES else place.hard_wired
    buffered, buffered_by = place.buffered
    if not buffered.high:
        return NO, buffered_by
    if line.name.endswith("_store"):
        return buffered, place.why(line)
    stored = _zone(place, line)
    kept, kept_by = _kept(place)
    if not kept.high or not stored.high:
        return NO, place.why(kept_by or line)
    return Between(stored.low and buffered.low and kept.low, high=True), place.why(line)


def _kept(place: Place) -> tuple[Between[bool], Directive | None]:
    """Whether an answer may go into the cache: a constant ``no_cache`` forbids it, and something must say for how long to keep it."""
    for line in place.lines(f"{place.module}_no_cache"):
        if any("$" not in word and word not in {"", "0"} for word in line.args):
            return NO, line
    ignoring = place.lines(f"{place.module}_ignore_headers")
    ignored = {word.lower() for line in ignoring for word in line.args}
    if place.lines(f"{place.module}_cache_valid") or "cache-control" not in ignored:
        return YES, None
    # Few origins say it otherwise than by Cache-Control.
    return (NO if {"expires", "x-accel-expires"} <= ignored else EITHER), ignoring[0]


def _store_line(place: Place) -> Directive | None:
    """The ``*_cache`` or ``*_store`` that is switched on; of both, the one of the inner level, which switches the other off."""
    if place.module not in BUFFERED_MODULES:
        return None
    for level in place.level.levels():
        for name in (f"{place.module}_cache", f"{place.module}_store"):
            found = level.own.get(name)
            if found and found[0].args and found[0] is place.line(name) and found[0].args[0] != "off":
                return found[0]
    return None


def _zone(place: Place, line: Directive) -> Between[bool]:
    """Whether a ``*_cache`` names a zone: a variable may also say ``off``."""
    values = place.values(line.args[0])
    if values is None:
        return EITHER
    off = values & {"", "off"}
    return Between(low=not off, high=bool(values - off))


def upstream_http_version(place: Place) -> Found:
    """``proxy_http_version``; ``grpc_pass`` speaks HTTP/2. FastCGI, uwsgi and SCGI are no HTTP: what they can do lies between 1.0 and 1.1."""
    return place.http_version


@_remembered
def upgrade(place: Place) -> Found:
    """A WebSocket handshake passes if both its headers are set, in HTTP/1.1, and nothing that it needs is dropped."""
    if place.module not in {"proxy", "uwsgi", "scgi"}:
        return NO, place.hard_wired
    passed, why = _handshake_passes(place)
    if passed.high:
        clients = place.clients.versions
        if "1.1" not in clients.high:
            return NO, _listening(place)
        if "1.1" not in clients.low:
            return Between(low=False, high=True), _listening(place)
    return passed, why


def _handshake_passes(place: Place) -> Found:
    passed, why = YES, place.hard_wired
    if place.module == "proxy":
        version, why = place.http_version
        if version.high in {"1.0", "2"} and version.exact:
            return NO, why
        passed = YES if version.exact else EITHER
    for name, token in (("connection", "upgrade"), ("upgrade", "websocket")):
        has, by = _carries(place, name, token)
        if not has.high:
            return NO, by
        if not has.low or passed.low:
            why = by
        passed = Between(passed.low and has.low, high=True)
    for dropped in (*_needed_headers(place), *_hidden_headers(place), *_other_method(place)):
        return NO, dropped
    limited_by = _throttled(place, _HANDSHAKE, "limit_rate")
    if limited_by is not None:
        return EITHER, place.why(limited_by)
    return passed, why


def _carries(place: Place, name: str, token: str) -> Found:
    """Whether a handshake reaches the origin with that token in a header."""
    found = place.header(name, HANDSHAKE)
    if found is None:
        if place.module == "proxy":
            return NO, place.default(
                f"proxy_set_header {name.title()} {_default_connection(place) if name == 'connection' else ''}".rstrip()
            )
        return _passes_headers(place)
    values, line = found
    if values is None:
        return EITHER, place.why(line)
    has = [[word.strip().lower() for word in value.split(",")] for value in values]
    # A second Upgrade, even of the same, is one that servers may refuse.
    sure = all(words == [token] if name == "upgrade" else token in words for words in has)
    return Between(sure, any(token in words for words in has)), place.why(line)


def _passes_headers(place: Place) -> Found:
    """Whether the client's own headers reach the origin."""
    return place.flag(f"{place.module}_pass_request_headers")


def _needed_headers(place: Place) -> Iterable[Evidence]:
    """What takes the key or the version from a handshake."""
    passes, why = _passes_headers(place)
    for name in ("sec-websocket-key", "sec-websocket-version"):
        found = place.header(name, HANDSHAKE)
        if found is None and not passes.low:
            yield why
        elif found is not None and found[0] == frozenset({""}):
            yield place.why(found[1])


def _hidden_headers(place: Place) -> Iterable[Evidence]:
    """What takes the answer's Upgrade or Accept header away, without which a client does not take it for a 101."""
    passed = _names(place, f"{place.module}_pass_header")
    for line in place.lines(f"{place.module}_hide_header"):
        if line.args and line.args[0].lower() in {"upgrade", "sec-websocket-accept"} - passed:
            yield place.why(line)


def _other_method(place: Place) -> Iterable[Evidence]:
    line = place.line(f"{place.module}_method")
    if line is not None and line.args and "$" not in line.args[0] and line.args[0].upper() != "GET":
        yield place.why(line)


def _names(place: Place, directive: str) -> set[str]:
    return {line.args[0].lower() for line in place.lines(directive) if line.args}


def _default_connection(place: Place) -> str:
    """What the proxy module sends as ``Connection`` if nothing is set: ``close`` before 1.29.7, in HTTP/1.x."""
    version, _ = place.http_version
    return "" if facts.has(place.version, "keepalive_by_default") or version.low == "2" else "close"


@_remembered
def upstream_connection_header(place: Place) -> Found:
    """What is set as ``Connection``, for a request without ``Upgrade``; maps are folded."""
    found = place.header("connection", PLAIN)
    if found is not None:
        values, line = found
        if values is None or len(values) > 1:
            return ANY_TEXT, place.why(line)
        return exactly(next(iter(values))), place.why(line)
    if place.module in {"proxy", "grpc"}:
        text = _default_connection(place) if place.module == "proxy" else ""
        return exactly(text), place.default(f"{place.module}_set_header Connection {text or _EMPTY}")
    passes, why = _passes_headers(place) if place.module in BUFFERED_MODULES else (NO, place.hard_wired)
    return (ANY_TEXT if passes.high else exactly("")), why


_EMPTY = '""'


def connect_timeout(place: Place) -> Found:
    """``proxy_connect_timeout`` and its kind; 0 is at once, not never."""
    return place.seconds(f"{place.module}_connect_timeout")


def upstream_idle_timeout(place: Place) -> Found:
    """``proxy_read_timeout`` and its kind.

    Over QUIC a stream also ends with its connection, whose silence ``keepalive_timeout`` limits unless the client keeps it awake.
    """
    value, why = place.seconds(f"{place.module}_read_timeout")
    if place.clients.quic:
        # HTTP/3 reads the server's, whatever the location says.
        line = next(iter(place.server_level.in_force.get("keepalive_timeout", ())), None)
        text, said = (
            (line.args[0], place.around(line)) if line and line.args else place.reader.silence("keepalive_timeout")
        )
        idle = seconds(text.split()[0])
        if idle is not None and idle < value.high:
            return Between(min(idle, value.low), value.high), said
    return value, why


def client_idle_timeout(place: Place) -> Found:
    """``client_body_timeout``, for bodies; a WebSocket's silence is a matter of the read timeout, which traffic of either side restarts.

    Where a handshake would pass and nobody says what the route carries, it can be either.
    """
    body = place.seconds("client_body_timeout")
    if place.protocol not in {None, "websocket"}:
        return body
    upgraded, _ = upgrade(place)
    if not upgraded.high:
        return body
    socket = place.seconds(f"{place.module}_read_timeout")
    if place.protocol == "websocket" and upgraded.low:
        return socket
    value = _hull("", (body[0], socket[0]))
    return value, (body[1] if body[0] == value else socket[1])


def send_timeout(place: Place) -> Found:
    """``send_timeout``: it runs only while the client takes nothing."""
    return place.seconds("send_timeout")


def total_timeout(place: Place) -> Found:
    """Nginx has none."""
    return exactly(FOREVER), place.reader.stated("nginx has no limit on a whole exchange")


def request_body_limit(place: Place) -> Found:
    """``client_max_body_size``; 0 is no limit. That of the location that ``auth_request`` asks counts as well: it is held against the same length."""
    text, why = place.plain("client_max_body_size")
    value = _limit_of(text)
    asked = place.asks_first
    if asked is None:
        return value, why
    lines = asked.in_force.get("client_max_body_size")
    other = _limit_of(lines[0].args[0] if lines and lines[0].args else place.reader.silence("client_max_body_size")[0])
    if value.low <= other.low:
        return value, why
    return other, place.around(lines[0] if lines else place.lines("auth_request")[0])


def _limit_of(text: str) -> Between[float]:
    value = size(text)
    return ANY_NUMBER if value is None else exactly(float(value) if value else FOREVER)


@_remembered
def retries(place: Place) -> Found:
    """``proxy_next_upstream`` where there is another server to try, or a kept connection that may turn out broken."""
    wanted, why = _tried_on(place)
    if not wanted:
        return NO, why
    groups = place.groups
    if not groups:
        return EITHER, why
    tries, tries_by = place.plain(f"{place.module}_next_upstream_tries")
    if tries != "1" and all(group.servers.low > 1 for group in groups):
        return YES, why
    upstream = next((group.directive for group in groups if group.directive), None)
    why = tries_by if tries == "1" else place.around(upstream, own=True) if upstream else place.hard_wired
    # On a kept connection that the origin closes, a request goes out once more, tries or not.
    if "error" in wanted and all(_breaks(place, group).low for group in groups):
        return YES, why
    # A name may have several addresses.
    several = tries != "1" and any(group.servers.high > 1 for group in groups)
    return (
        EITHER if several or ("error" in wanted and any(_breaks(place, group).high for group in groups)) else NO
    ), why


def _breaks(place: Place, group: Group) -> Between[bool]:
    """Whether a request can go out twice because a kept connection breaks: of this location or, where the pool is shared, of any."""
    if not keeps_connections(group, place.version):
        return NO
    again = takes_again(group)
    return Between(again.low and _surely_reuses(place), again.high and (_reuses(place) or place.reader.is_fed(group)))


def _tried_on(place: Place) -> tuple[frozenset[str], Evidence]:
    """The conditions for another try, none where it is switched off."""
    name = f"{place.module}_next_upstream"
    line = place.line(name)
    if line is not None:
        return _conditions(line.args), place.why(line)
    text, why = place.reader.silence(name)
    return _conditions(tuple(text.split())), why


@lru_cache(1024)
def _conditions(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset() if "off" in words or words == ("non_idempotent",) else frozenset(words)


def _reuses(place: Place) -> bool:
    """Whether requests let the origin keep the connection; over HTTP/2 a ``Connection`` header says nothing of it (measured on 1.30)."""
    version, _ = place.http_version
    connection, _ = upstream_connection_header(place)
    return version.high == "2" or (version.high != "1.0" and "close" not in connection.low.lower())


def _surely_reuses(place: Place) -> bool:
    version, _ = place.http_version
    connection, _ = upstream_connection_header(place)
    return version.low == "2" or (version.low != "1.0" and connection.exact and "close" not in connection.low.lower())


def retries_non_idempotent(place: Place) -> Found:
    """A POST that was sent is sent again only with ``non_idempotent``."""
    again, why = retries(place)
    if not again.high:
        return NO, why
    wanted, why = _tried_on(place)
    if "non_idempotent" not in wanted:
        return NO, why
    collects = place.module in BUFFERED_MODULES and place.flag(f"{place.module}_request_buffering")[0].low
    if not collects and place.clients.versions.high & {"2", "3"}:
        # Over HTTP/2 and 3 a body that is passed on as it comes cannot be sent again, and over HTTP/1.1 a large one: the others go out again.
        return Between(False, again.high), why
    return again, why


def error_interception(place: Place) -> Found:
    """``proxy_intercept_errors`` with an ``error_page`` for any error code."""
    if place.module in {"memcached", "tunnel"}:
        return NO, place.hard_wired
    on, why = place.flag(f"{place.module}_intercept_errors")
    if not on.high:
        return on, why
    pages = place.lines("error_page")
    if any((number(word) or 0) >= _FIRST_ERROR for page in pages for word in page.args[:-1]):
        return on, why
    return NO, place.why(pages[0]) if pages else place.default("error_page: none")


_FIRST_ERROR = 400


def honors_x_accel_buffering(place: Place) -> Found:
    """Unless ``proxy_ignore_headers`` names it; gRPC never looks at it."""
    if place.module not in BUFFERED_MODULES:
        return NO, place.hard_wired
    for line in place.lines(f"{place.module}_ignore_headers"):
        if any(word.lower() == "x-accel-buffering" for word in line.args):
            return NO, place.why(line)
    lines = place.lines(f"{place.module}_ignore_headers")
    return YES, place.why(lines[0]) if lines else place.default(f"{place.module}_ignore_headers: none")


def forwards_x_accel_buffering(place: Place) -> Found:
    """With ``proxy_pass_header``, which wins over ``proxy_hide_header``; or where one is added, which the next hop obeys as well."""
    for line in place.lines(f"{place.module}_pass_header"):
        if line.args and line.args[0].lower() == "x-accel-buffering":
            return YES, place.why(line)
    for line in place.added_headers:
        if line.args and line.args[0].lower() == "x-accel-buffering":
            values = place.values(line.args[1] if len(line.args) > 1 else "")
            if values is None or values - {""}:
                return (EITHER if values is None or "" in values else YES), place.why(line)
    return NO, place.default(f"{place.module}_pass_header: X-Accel-Buffering is hidden")


def accept_encoding_forwarded(place: Place) -> Found:
    """The client's, unless another is set."""
    found = place.headers.get("accept-encoding")
    if found:
        text, line = found[-1]
        names = names_in(text)
        if "http_accept_encoding" in names:
            return YES, place.why(line)
        if any("http_accept_encoding" in place.reader.variables.reach(name) for name in names):
            return EITHER, place.why(line)
        values = place.values(text)
        return (EITHER if values is None else NO), place.why(line)
    if place.module not in {*BUFFERED_MODULES, "grpc"}:
        return NO, place.hard_wired
    if place.module == "grpc":
        return YES, place.default("grpc_set_header: Accept-Encoding passes")
    passes, why = _passes_headers(place)
    return passes, place.default(f"{place.module}_set_header: Accept-Encoding passes") if why.kind == "default" else why


def client_http_versions(place: Place) -> Found:
    """What the server's listeners speak."""
    return place.clients.versions, _listening(place)


def _listening(place: Place) -> Evidence:
    clients = place.clients
    if clients.decided_by is not None:
        return place.around(clients.decided_by)
    if not clients.versions.exact:
        return place.reader.stated("listen of the server around this fragment, which is not at hand")
    return place.default("listen 80")


def grpc(place: Place) -> Found:
    """HTTP/2 on both sides and trailers: ``grpc_pass``, or ``proxy_pass`` over HTTP/2 that asks for trailers and passes them."""
    clients = place.clients.versions
    speaks = Between("2" in clients.low, "2" in clients.high)
    if place.module == "grpc":
        return (YES, place.hard_wired) if speaks.low else (speaks, _listening(place))
    if place.module != "proxy":
        return NO, place.hard_wired
    version, why = place.http_version
    if version.high != "2":
        return NO, why
    trailers, trailers_by = place.flag("proxy_pass_trailers")
    if not trailers.high:
        return NO, trailers_by
    found = place.header("te", CALL)
    if found is None:
        return NO, place.default('proxy_set_header TE ""')
    values, line = found
    if values is not None and "trailers" not in values:
        return NO, place.why(line)
    sure = version.low == "2" and trailers.low and values == frozenset({"trailers"})
    passes = Between(sure and speaks.low, speaks.high)
    return passes, why if passes.exact and passes.low else _listening(place)


def session_affinity(place: Place) -> Found:
    """The group's ``hash``, ``ip_hash`` or ``sticky``."""
    groups = place.groups
    if not groups:
        return ANY_TEXT, place.hard_wired
    value = _hull("session_affinity", [group.affinity for group in groups])
    decided_by = next((group.chosen_by for group in groups if group.chosen_by), None)
    if decided_by is not None:
        return value, place.around(decided_by, own=True)
    return value, place.default("upstream: round robin")


def query_logged(place: Place) -> Found:
    """Whether a log in force has a format that holds the query."""
    kept, decided_by = place.logged
    return kept, place.why(decided_by) if decided_by else place.default("access_log logs/access.log combined")


def abort_propagates(place: Place) -> Found:
    """Unless ``proxy_ignore_client_abort`` says otherwise; for a store, and for a cache while the answer may still go into it, nginx reads on.

    So with a cache it hangs on the answer, even unbuffered, where nothing is stored in the end: measured on 1.22 and 1.30, a silent stream
    without ``Cache-Control`` runs on, one with ``no-cache`` ends at once.
    """
    if place.module not in BUFFERED_MODULES:
        return YES, place.hard_wired
    ignored, why = place.flag(f"{place.module}_ignore_client_abort")
    if ignored.low:
        return NO, why
    line = _store_line(place)
    if line is not None and line.name.endswith("_store"):
        return NO, place.why(line)
    if line is not None and _zone(place, line).high:
        return EITHER, place.why(line)
    return Between(not ignored.high, high=True), why


def max_streams(place: Place) -> Found:
    """The smallest of the workers' slots, of ``limit_conn`` with a key that all clients share, and of ``max_conns``."""
    workers = place.reader.workers
    low, high, said = workers.streams.low, workers.streams.high, workers.decided_by
    why = place.around(said) if isinstance(said, Directive) else said
    for cap, decided_by in (*_limits(place), *_connections(place, workers)):
        if cap.low < low or cap.high < high:
            why = decided_by
        low, high = min(low, cap.low), min(high, cap.high)
    return Between(low, high), why


def _limits(place: Place) -> Iterable[tuple[Between[float], Evidence]]:
    if place.flag("limit_conn_dry_run")[0].low:
        return
    for line in place.lines("limit_conn"):
        zone = place.reader.zone(line.args[0]) if line.args else None
        most = number(line.args[1]) if len(line.args) > 1 else None
        if most is None or zone is None or not zone.args:
            continue
        key = zone.args[0]
        if place.reader.upstreams.is_per_client(key):
            continue
        world = {**_SERVER, "server_name": place.server_name} if "server_name" in key else _SERVER
        values = place.values(key, world)
        if values == frozenset({""}):
            # Requests with an empty key are not counted.
            continue
        shared = values is not None and len(values) == 1
        yield Between(float(most), float(most) if shared else FOREVER), place.why(line)


_SERVER: World = {
    "server_port": "80",
    "server_addr": "it",
    "hostname": "it",
    "nginx_version": "it",
    "pid": "it",
}
"""What is the same for all requests of a server."""


def _connections(place: Place, workers: Workers) -> Iterable[tuple[Between[float], Evidence]]:
    limited_by = next((group.limited_by for group in place.groups if group.limited_by), None)
    if limited_by is not None:
        caps = [_cap(group, workers) for group in place.groups]
        yield Between(min(cap.low for cap in caps), max(cap.high for cap in caps)), place.around(limited_by, own=True)


def _cap(group: Group, workers: Workers) -> Between[float]:
    if group.shared or group.most == FOREVER:
        return exactly(group.most)
    # Each worker counts for itself.
    return Between(group.most, group.most * workers.processes.high)


PROPERTIES: tuple[tuple[str, PropertyReader], ...] = tuple(
    (function.__name__, function)
    for function in (
        response_buffering, stalls_on, request_buffering, compression, caching, upstream_http_version, upgrade, upstream_connection_header,
        connect_timeout, upstream_idle_timeout, client_idle_timeout, send_timeout, total_timeout, request_body_limit, retries,
        retries_non_idempotent, error_interception, honors_x_accel_buffering, forwards_x_accel_buffering, accept_encoding_forwarded,
        client_http_versions, grpc, session_affinity, query_logged, abort_propagates, max_streams,
    )
)  # fmt: skip
"""Every property's reader, in the order of :class:`~proxycfg.behavior.Behavior`."""
_READERS: Mapping[str, PropertyReader] = dict(PROPERTIES)
