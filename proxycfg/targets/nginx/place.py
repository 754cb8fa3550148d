"""One location as a request finds it, and what reading many of them has in common.

A :class:`Reader` holds what is worked out once for an http block and a version; a :class:`Place` is one location, with the settings in force
there, the module that carries its requests, and who its clients are. What all that comes to is in :mod:`proxycfg.targets.nginx.properties`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache, cached_property, lru_cache, wraps
from typing import Any, NamedTuple

from proxycfg.behavior import ANYTHING, EITHER, FOREVER, NO, YES, Between, exactly
from proxycfg.protocols import protocols
from proxycfg.reading import Evidence
from proxycfg.source import Span
from proxycfg.targets.nginx import defaults, facts
from proxycfg.targets.nginx.access_log import AccessLogs
from proxycfg.targets.nginx.clients import Clients, Sockets
from proxycfg.targets.nginx.scope import HANDLERS, Level
from proxycfg.targets.nginx.servers import Http, Location, choose_location
from proxycfg.targets.nginx.syntax import Directive, number
from proxycfg.targets.nginx.understood import not_understood
from proxycfg.targets.nginx.upstreams import Group, Upstreams, keeps_connections
from proxycfg.targets.nginx.variables import PLAIN, Values, Variables, World

Found = tuple[Between[Any], Evidence]
"""A property's value, and what decides it."""

# ---- numbers as nginx writes them ----

_TIME = re.compile(r"([0-9]{1,18})(ms|[smhdwMy])?")
_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 7 * 86400.0,
    "M": 30 * 86400.0,
    "y": 365 * 86400.0,
}
_SIZES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


@lru_cache(4096)
def seconds(text: str) -> float | None:
    """A duration such as ``60``, ``1500ms`` or ``1h 30m``; None if it is none."""
    words = text.replace(" ", "")
    parts = [(match[1], match[2] or "") for match in _TIME.finditer(words)]
    if not parts or "".join(digits + unit for digits, unit in parts) != words:
        return None
    millis = sum(round(int(digits) * _UNITS[unit] * 1000) for digits, unit in parts)
    return millis / 1000


@lru_cache(4096)
def size(text: str) -> int | None:
    """A size such as ``512``, ``8k`` or ``1g``; None if it is none."""
    match = re.fullmatch(r"([0-9]{1,18})([kKmMgG]?)", text)
    return int(match[1]) * _SIZES[match[2].lower()] if match else None


ANY_NUMBER = Between(0.0, FOREVER)
ANY_TEXT = Between("", ANYTHING)


_SWITCHES = {"on": YES, "off": NO}
"""Anything else is nothing that nginx would start with."""


@lru_cache(4096)
def _duration(text: str) -> Between[float]:
    value = seconds(text)
    return ANY_NUMBER if value is None else exactly(value)


# ---- what is worked out once for a whole configuration ----


_OWN_FILES = 32
"""Files that a worker may have open for itself: logs, sockets to other workers, what the kernel's events come through."""


class Workers(NamedTuple):
    """How many streams the workers hold together, at least and at most, and how many workers there are."""

    streams: Between[float]
    processes: Between[float]
    decided_by: Directive | Evidence
    """Evidence where nothing is said."""


class Reader:
    """One http block and one version, and what reading its locations takes that is the same for many of them."""

    def __init__(self, http: Http, version: str) -> None:
        """Little happens here; the rest when it is first needed."""
        self.http = http
        self.variables = Variables(http)
        self.upstreams = Upstreams(http, self.variables)
        self.logs = AccessLogs(http, self.variables)
        self._own_evidence: dict[int, Evidence] = {}
        self._inherited_evidence: dict[int, Evidence] = {}
        self._not_understood: dict[int, tuple[Span, ...]] = {}
        self._groups: dict[str, tuple[Group, ...]] = {}
        self._zones: dict[str, Directive] | None = None
        self._read_for(version)

    def _read_for(self, version: str) -> None:
        """What hangs on the version."""
        self.version = version
        self.sockets = Sockets(self.http, version)
        self._alike_by_id: dict[int, int] = {}
        self._meanings: dict[str, Hashable] = {}
        self._spoken: dict[int, str] = {}
        self._fed: frozenset[int] | None = None
        self._defaults: dict[str, Evidence] = {}
        self._silences: dict[str, tuple[str, Evidence]] = {}
        self._workers: Workers | None = None

    def of_version(self, version: str) -> Reader:
        """A reader of the same block for another version, which shares with this one what does not hang on it."""
        made = Reader.__new__(Reader)
        made.__dict__.update(self.__dict__)
        made._read_for(version)  # noqa: SLF001 - of its own kind
        return made

    def evidence(self, directive: Directive, *, own: bool) -> Evidence:
        """A directive as evidence: its text, its place, and whether it stands in the route's own block."""
        known = self._own_evidence if own else self._inherited_evidence
        found = known.get(id(directive))
        if found is None:
            span, said = directive.span, directive.text.said(directive.start) or _text_of(directive)
            if span.stands:
                block = "" if own else self._blocks.get(id(directive), "")
                found = Evidence("config" if own else "inherited", said, span, block)
            else:
                found = Evidence("default", f"{said} (set by {span.file})")
            known[id(directive)] = found
        return found

    @cached_property
    def _blocks(self) -> dict[int, str]:
        """The kind of block that each directive outside of locations stands in."""
        main = self.http.level.above
        events = [] if main is None else [line for block in main.own.get("events", []) for line in block.block or ()]
        levels = [main, self.http.level, *(server.level for server in self.http.servers), *self.http.upstreams.values()]
        found = {id(child): level.kind for level in levels if level is not None for child in level.children}
        return found | {id(line): "events" for line in events}

    def silence(self, name: str) -> tuple[str, Evidence]:
        """The version's default for a directive that is not there, and that as evidence."""
        found = self._silences.get(name)
        if found is None:
            text = " ".join(defaults.default(name, self.version) or ())
            why = self.default(f"{name} {text}") if text else self.stated(f"{name}: nginx {self.version} has none")
            found = self._silences[name] = text, why
        return found

    def default(self, text: str) -> Evidence:
        """Silence as evidence: what the version does by itself."""
        found = self._defaults.get(text)
        if found is None:
            found = self._defaults[text] = Evidence("default", f"{text} (default of {self.version})")
        return found

    def stated(self, text: str) -> Evidence:
        """Silence as evidence, where there is nothing to set."""
        found = self._defaults.get(text)
        if found is None:
            found = self._defaults[text] = Evidence("default", text)
        return found

    def not_understood(self, location: Location, levels: Sequence[Level]) -> tuple[Span, ...]:
        """What stands in or above a location that matters and is not modelled, from the outside in."""
        found = [self._level_not_understood(location.level)]
        found += [self._level_not_understood(level) for level in levels if level is not location.level]
        for level in levels:
            handler = level.handler()
            for group in self.groups(location, handler.directive if handler else None):
                if group.directive is not None:
                    found.append(
                        self._level_not_understood(self.http.upstreams[group.directive.args[0]], upstream=True)
                    )
        return tuple(dict.fromkeys(span for spans in found for span in spans)) if any(found) else ()

    def _level_not_understood(self, level: Level, *, upstream: bool = False) -> tuple[Span, ...]:
        found = self._not_understood.get(id(level))
        if found is None:
            above = self._level_not_understood(level.above) if level.above is not None and not upstream else ()
            context = "upstream" if upstream else level.kind
            own = tuple(child.span for child in level.children if not_understood(child, context))
            found = above + own if own else above
            if context not in {"if", "limit_except"}:
                # Those are made anew each time, so that another may have the same id.
                self._not_understood[id(level)] = found
        return found

    # ---- what many locations have in common ----

    def alike(self, clients: Clients) -> int:
        """The same number for clients that differ in the directive that decides about them alone."""
        found = self._alike_by_id.get(id(clients))
        if found is None:
            found = self._alike_by_id[id(clients)] = self.http.shapes.number(clients)
        return found

    def meaning(self, handler: Directive) -> Hashable:
        """The same for every ``*_pass`` of one name that leads to groups which differ in their names and places alone."""
        text = handler.args[0] if handler.args else ""
        if "$" in text:
            return text
        found = self._meanings.get(text)
        if found is None:
            group = self.upstreams.named(text)
            scheme = text.partition("://")[0] if "://" in text else ""
            alike = group._replace(servers=_one_or_more(group.servers), pooled=group.pooled and 1)
            parts = (*alike, scheme, self._understands_group(group), self.is_fed(group))
            found = self._meanings[text] = self.http.shapes.number(parts)
        return found

    def understands(self, place: Place) -> bool:
        """Whether everything is modelled that stands in and above a place, or in the groups that its requests go to."""
        return not self._level_not_understood(place.level) and all(map(self._understands_group, place.groups))

    def _understands_group(self, group: Group) -> bool:
        return group.directive is None or not self._level_not_understood(
            self.http.upstreams[group.directive.args[0]], upstream=True
        )

    # ---- where requests go ----

    def groups(self, location: Location, handler: Directive | None) -> tuple[Group, ...]:
        """The groups of servers that a location's requests can go to; none where that is not known."""
        if handler is None or not handler.args:
            return ()
        text = handler.args[0]
        if "$" in text:
            return self.upstreams.meant(text, location)
        groups = self._groups.get(text)
        if groups is None:
            groups = self._groups[text] = self.upstreams.meant(text, location)
        return groups

    # ---- kept connections, which locations share ----

    def is_fed(self, group: Group) -> bool:
        """Whether requests of any location may leave a connection in the pool of a group that keeps some for all of them."""
        if not keeps_connections(group, self.version) or group.local:
            return False
        if self._fed is None:
            self._fed = frozenset(id(directive) for directive in self._feeding())
        return id(None) in self._fed or id(group.directive) in self._fed

    def _feeding(self) -> Iterator[Directive | None]:
        """The groups to which connections are made that may stay; None for one that hangs on a variable."""
        for server in self.http.servers:
            for location in server.locations.all():
                handlers = [
                    child
                    for child in location.level.children
                    if child.name in HANDLERS and self._stays(location, child)
                ]
                for child in location.level.children:
                    if child.name in {"if", "limit_except"} and child.block:
                        # They may speak otherwise than the location, and few hand requests on.
                        handlers += [inner for inner in self.http.config.block(child) if inner.name in HANDLERS]
                for handler in handlers:
                    groups = self.groups(location, handler)
                    yield from (
                        [group.directive for group in groups if group.directive is not None] if groups else [None]
                    )

    def _stays(self, location: Location, handler: Directive) -> bool:
        """Whether a connection may stay open: HTTP/1.0 closes it behind each answer."""
        return handler.name != "proxy_pass" or self._speaks(location.level) != "1.0"

    def _speaks(self, level: Level) -> str:
        found = self._spoken.get(id(level))
        if found is None:
            own = level.lines("proxy_http_version")
            if own and own[0].args:
                found = own[0].args[0]
            else:
                found = self._speaks(level.above) if level.above is not None else self.silence("proxy_http_version")[0]
            self._spoken[id(level)] = found
        return found

    # ---- what the main context says ----

    @property
    def workers(self) -> Workers:
        """Streams that all workers together have slots for: a client and an origin connection each, beside the listeners."""
        if self._workers is None:
            self._workers = self._read_workers()
        return self._workers

    def _read_workers(self) -> Workers:
        main = self.http.level.above
        if main is None or self.http.config.context != "main":
            return Workers(
                ANY_NUMBER,
                Between(1.0, FOREVER),
                self.stated("worker_connections of the main file, which is not at hand"),
            )
        events = [line for block in main.own.get("events", []) for line in self.http.config.block(block)]
        connections = next((line for line in events if line.name == "worker_connections" and line.args), None)
        decided_by: Directive | Evidence
        text, decided_by = (connections.args[0], connections) if connections else self.silence("worker_connections")
        processes = self._processes(main)
        least = most = number(text)
        if least is None or most is None:
            return Workers(ANY_NUMBER, processes, decided_by)
        files = main.own.get("worker_rlimit_nofile", [])
        allowed = number(files[0].args[0]) if files and files[0].args else None
        if allowed is not None and allowed < most:
            most, decided_by = allowed, files[0]
            least = most - _OWN_FILES
        listeners = self.sockets.count + self._other_sockets(main)
        low, high = facts.streams_held(least, listeners), facts.streams_held(most, listeners)
        return Workers(Between(low * processes.low, high * processes.high if high else 0.0), processes, decided_by)

    def _processes(self, main: Level) -> Between[float]:
        stated = main.own.get("worker_processes", [])
        text = stated[0].args[0] if stated and stated[0].args else "1"
        # As many as there are cores, which only the machine knows.
        return exactly(float(count)) if (count := number(text)) else Between(1.0, FOREVER)

    def _other_sockets(self, main: Level) -> int:
        found: set[tuple[str, ...]] = set()
        todo = [*main.own.get("stream", []), *main.own.get("mail", [])]
        while todo:
            block = todo.pop()
            for line in self.http.config.block(block):
                if line.name == "listen" and line.args:
                    found.add((line.args[0], *(word for word in line.args[1:] if word == "udp")))
                elif line.name == "server" and line.block is not None:
                    todo.append(line)
        return len(found)

    def zone(self, name: str) -> Directive | None:
        """The ``limit_conn_zone`` of that name."""
        if self._zones is None:
            self._zones = {}
            for line in self.http.level.own.get("limit_conn_zone", []):
                zone = next((word[5:].partition(":")[0] for word in line.args if word.startswith("zone=")), "")
                self._zones[zone] = line
        return self._zones.get(name)


def _one_or_more(count: Between[float]) -> Between[float]:
    """As far as it counts how many servers a group has."""
    return Between(min(count.low, 2.0), min(count.high, 2.0))


def _text_of(directive: Directive) -> str:
    """As it stands, on one line, without the comments in between."""
    text = directive.source
    return (
        text if "\n" not in text else " ".join(directive.text.text[word.start : word.end] for word in directive.words)
    )


UNTOLD = Evidence("default", "")
"""In place of evidence where only values are wanted."""

# ---- one location ----

CLIENTS, GROUPS, LOCATION = 1, 2, 4
"""What a property can ask for beyond the settings in force; the first two are compared, what hangs on the very location never is the same."""


class Place:
    """One location as a request may find it: the settings in force, the module that carries it, and who its clients are."""

    __slots__ = (
        "_buffered", "_clients", "_groups", "_headers", "_http_version", "_location", "asked", "force", "found", "handler", "level", "module",
        "protocol", "reader", "telling", "version",
    )  # fmt: skip

    def __init__(
        self,
        reader: Reader,
        location: Location,
        level: Level,
        clients: Clients,
        protocol: str | None,
        *,
        telling: bool,
    ) -> None:
        """``level`` is the location's own, or that of a block inside it that replaces it; without ``telling`` no evidence is put together."""
        self.reader = reader
        self.version = reader.version
        self._location = location
        self.level = level
        self.force = level.in_force
        self._clients = clients
        self.protocol = protocol
        self.telling = telling
        found = level.handler()
        self.handler = found.directive if found else None
        self.module = self.handler.name.removesuffix("_pass") if self.handler else "proxy"
        self.found: dict[str, tuple[Found, int]] = {}
        self.asked = 0
        self._headers: dict[str, list[tuple[str, Directive]]] | None = None
        self._buffered: Found | None = None
        self._http_version: Found | None = None
        self._groups: tuple[tuple[Group, ...], int] | None = None

    # ---- what hangs on more than the settings in force; it leaves its mark in ``asked``, so that all else is shared by those alike ----

    @property
    def clients(self) -> Clients:
        """Those of the server."""
        self.asked |= CLIENTS
        return self._clients

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups of servers that requests can go to; none where that is not known."""
        if self._groups is None:
            before, self.asked = self.asked, GROUPS
            self._listen()
            groups = self.reader.groups(self._location, self.handler)
            self._mark()
            self._groups = groups, self.asked
            self.asked |= before
        self.asked |= self._groups[1]
        return self._groups[0]

    def values(self, text: str, world: World = PLAIN) -> Values:
        """What a text can come to here."""
        if "$" not in text:
            return frozenset({text})
        self._listen()
        found = self.reader.variables.values(text, world, self._location)
        self._mark()
        return found

    @property
    def logged(self) -> tuple[Between[bool], Directive | None]:
        """Whether an access log keeps the query, and the directive that decides."""
        self._listen()
        found = self.reader.logs.keeps(list(self.lines("access_log")), self._location)
        self._mark()
        return found

    @property
    def server_name(self) -> str:
        """``$server_name``: the server's first, which is empty where it has none."""
        self.asked |= LOCATION
        return self._location.server.names[0]

    @property
    def asks_first(self) -> Level | None:
        """The settings of the location that ``auth_request`` asks; None where it asks nobody, or that is not known."""
        asking = self.line("auth_request")
        if asking is None or not asking.args or asking.args == ("off",) or "$" in asking.args[0]:
            return None
        self.asked |= LOCATION
        found = choose_location(self._location.server, asking.args[0]).location
        return found.level if found else None

    def _listen(self) -> None:
        # Others ask these variables, too.
        self.reader.variables.asked_of_place = False

    def _mark(self) -> None:
        if self.reader.variables.asked_of_place:
            self.asked |= LOCATION

    @property
    def server_level(self) -> Level:
        """The server's settings, whatever the location says."""
        return next(level for level in self.level.levels() if level.kind == "server")

    def line(self, name: str) -> Directive | None:
        """The plain directive in force."""
        found = self.force.get(name)
        return found[0] if found else None

    def lines(self, name: str) -> Sequence[Directive]:
        """The list in force."""
        return self.force.get(name, ())

    def why(self, directive: Directive) -> Evidence:
        """A directive as evidence."""
        if not self.telling:
            return UNTOLD
        own = self.level.own.get(directive.name)
        if own is None and self.level is not self._location.level:
            own = self._location.level.own.get(directive.name)
        return self.reader.evidence(directive, own=own is not None and any(directive is each for each in own))

    def around(self, directive: Directive, *, own: bool = False) -> Evidence:
        """A directive outside of the location as evidence."""
        return self.reader.evidence(directive, own=own) if self.telling else UNTOLD

    def default(self, text: str) -> Evidence:
        """What the version does by itself as evidence."""
        return self.reader.default(text) if self.telling else UNTOLD

    def plain(self, name: str) -> tuple[str, Evidence]:
        """The first argument of a plain directive, or the version's default."""
        found = self.force.get(name)
        if found is None:
            return self.reader.silence(name)
        line = found[0]
        return (line.args[0] if line.args else "", self.why(line) if self.telling else UNTOLD)

    def flag(self, name: str) -> Found:
        """A plain ``on`` or ``off``."""
        text, why = self.plain(name)
        # What a version does not have is off.
        return _SWITCHES.get(text.lower(), EITHER if text else NO), why

    def seconds(self, name: str) -> Found:
        """A plain duration."""
        found = self.force.get(name)
        if found is None:
            text, why = self.reader.silence(name)
        else:
            args = found[0].args
            text, why = args[0] if len(args) == 1 else "", self.why(found[0])
        return _duration(text), why

    # ---- what the module sends to the origin ----

    @property
    def headers(self) -> dict[str, list[tuple[str, Directive]]]:
        """The request headers that are set, by name in lower case; one may be set several times."""
        if self._headers is None:
            made: dict[str, list[tuple[str, Directive]]] = {}
            self._headers = made
            if self.module in _SETS_HEADERS:
                for line in self.lines(f"{self.module}_set_header"):
                    if len(line.args) > 1:
                        made.setdefault(line.args[0].lower(), []).append((line.args[1], line))
            else:
                for line in self.lines(f"{self.module}_param"):
                    if len(line.args) > 1 and line.args[0].startswith("HTTP_"):
                        made.setdefault(line.args[0][5:].lower().replace("_", "-"), []).append((line.args[1], line))
        return self._headers

    def header(self, name: str, world: World) -> tuple[Values, Directive] | None:
        """What the origin sees as that header, where the configuration sets it; an empty value is none."""
        found = self.headers.get(name)
        if not found:
            return None
        if len(found) == 1:
            text, line = found[0]
            return self.values(text, world), line
        values: Values = frozenset({""})
        for text, _ in found:
            one = self.values(text, world)
            if one is None or values is None:
                values = None
                continue
            # Set twice, it is sent twice, which means the same as a list.
            values = frozenset(", ".join(filter(None, (before, value))) for before in values for value in one)
        return values, found[-1][1]

    @property
    def added_headers(self) -> Sequence[Directive]:
        """The ``add_header`` lines in force, with those of outer levels where ``add_header_inherit`` says so."""
        mode = self.plain("add_header_inherit")[0]
        if mode not in {"merge", "off"}:
            return self.lines("add_header")
        if mode == "off":
            return self.level.own.get("add_header", ())
        return [line for level in self.level.levels() for line in level.own.get("add_header", ())]

    @property
    def buffered(self) -> Found:
        """Whether answers are collected."""
        if self._buffered is None:
            self._buffered = (
                self.flag(f"{self.module}_buffering") if self.module in BUFFERED_MODULES else (NO, self.hard_wired)
            )
        return self._buffered

    def release(self) -> None:
        """Take the answer for one that says ``X-Accel-Buffering: no``, and that this is obeyed."""
        self._buffered = NO, UNTOLD

    @property
    def http_version(self) -> Found:
        """What is spoken to the origin."""
        if self._http_version is None:
            if self.module == "proxy":
                text, why = self.plain("proxy_http_version")
                self._http_version = (_VERSIONS.get(text) or Between("1.0", "2")), why
            else:
                self._http_version = (exactly("2") if self.module == "grpc" else Between("1.0", "1.1")), self.hard_wired
        return self._http_version

    @property
    def hard_wired(self) -> Evidence:
        """The ``*_pass`` as evidence: its module does so whatever is set."""
        return self.why(self.handler) if self.handler else self.reader.stated("no *_pass")

    @property
    def content_types(self) -> tuple[str, ...]:
        """Of the stream: event streams, unless something else is known."""
        return _content_types(self.protocol or ("grpc" if self.module == "grpc" else "sse"))

    def typed(self, directive: str) -> Between[bool]:
        """Whether a filter with that list of types takes the stream's; ``text/html`` is always in the list."""
        wanted = {word.lower() for line in self.lines(directive) for word in line.args}
        if "*" in wanted:
            return YES
        types = self.content_types
        if not types:
            # Ordinary answers may be of any type.
            return EITHER
        found = [each in wanted for each in types]
        return Between(all(found), any(found))


_VERSIONS = {version: exactly(version) for version in ("1.0", "1.1", "2")}
_SETS_HEADERS = frozenset({"proxy", "grpc"})
BUFFERED_MODULES = frozenset({"proxy", "fastcgi", "uwsgi", "scgi"})
"""Those that can collect what they read from an origin; the others never do."""


def remembered(function: Callable[[Place], Found]) -> Callable[[Place], Found]:
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


@cache
def _content_types(protocol: str) -> tuple[str, ...]:
    known = protocols().get(protocol)
    return known.content_types if known else ()
