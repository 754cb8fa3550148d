"""Which locations stream: what comments, specs and options declare, what directives say by themselves, what paths and upstreams tell.

Certain is only what somebody wrote for that location. ``Upgrade`` headers of a server come down to every location of it, its pictures too, so
there they count where the path agrees, or where there is nothing else that they could be meant for.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from proxycfg.applications import Application
from proxycfg.errors import Problem
from proxycfg.finding import Confidence
from proxycfg.request import Request
from proxycfg.streams import (
    MARK,
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
from proxycfg.targets.nginx import facts
from proxycfg.targets.nginx.clients import Sockets
from proxycfg.targets.nginx.place import seconds
from proxycfg.targets.nginx.request import Arrival, follow
from proxycfg.targets.nginx.scope import Level
from proxycfg.targets.nginx.servers import Http, Location, Server, search
from proxycfg.targets.nginx.shapes import Shape
from proxycfg.targets.nginx.syntax import Directive, Text
from proxycfg.targets.nginx.variables import HANDSHAKE, PLAIN, Variables, names_in

_PATIENT = 300.0
"""Seconds: who lets an origin be silent for so long on a path with a name such as /events may well mean a stream."""
_AMBIGUOUS = frozenset(("events", "stream", "hub"))
"""Last segments that are common for other things, too: calendars, WebSockets, a hub of anything."""


class Signs:
    """The streams of one http block."""

    def __init__(self, http: Http, variables: Variables | None = None, declared: Sequence[Declared] = ()) -> None:
        """``declared`` comes from a spec or from options; what comments declare is found here.

        :param variables: those of the block, where somebody has them already.
        """
        self.http = http
        self.variables = variables or Variables(http)
        self.problems: list[Problem] = []
        """Comments that mean to declare something and cannot be read."""
        self.unmatched: list[Declared] = []
        """Declarations that no location which hands requests to an origin answers to."""
        # Where requests end does not hang on the version.
        self._sockets = Sockets(http, facts.NEWEST_STABLE)
        self._comments = self._read_comments()
        self._declared = self._place(declared)
        self._applications: dict[int, dict[int, list[Stream]]] = {}
        self._known: dict[int, tuple[Stream, ...]] = {}
        self._said: dict[Shape, _Said] = {}
        self._behind: dict[str, _Origins] = {}
        self._told: dict[tuple[str, int | None], _Origins] = {}
        self._proxying: dict[int, int] = {}
        self._upgrading: dict[int, list[Location]] = {}
        self._marked: dict[int, bool] = {}

    def of(self, location: Location) -> Stream | None:
        """What flows through a location, or the chief of several; None where nothing tells."""
        return next(iter(self.all_of(location)), None)

    def all_of(self, location: Location) -> tuple[Stream, ...]:
        """Everything that is known to flow through a location, one for each protocol, the surest first.

        Ordinary HTTP is among them only where that is declared.
        """
        found = self._known.get(id(location))
        if found is None:
            found = self._known[id(location)] = self._find(location)
        return found

    # ---- what is declared ----

    def _read_comments(self) -> dict[int, Stream]:
        found: dict[int, Stream] = {}
        for tree in self.http.config.files.values():
            text = tree.text
            if MARK not in text.text:
                continue
            blocks = _Blocks(text, [each for each in tree.walk() if each.name == "location" and each.block is not None])
            for comment in tree.comments():
                try:
                    said = read_comment(comment.value)
                except ValueError as error:
                    message, _, instead = str(error).partition(": ")
                    self.problems.append(text.problem(comment.start, comment.end, message, instead))
                    continue
                if said is None:
                    continue
                place = blocks.declared_by(comment.start, comment.end)
                if place is None:
                    self.problems.append(
                        text.problem(
                            comment.start,
                            comment.end,
                            "this declares nothing: it stands neither inside a location nor on the line above one",
                            "move it into the location that streams",
                        )
                    )
                    continue
                found[id(place)] = said.stream(text.span(comment.start, comment.end))
        return found

    def _place(self, declared: Sequence[Declared]) -> dict[int, Stream]:
        """The locations that declarations mean: those written so, and those that requests for them end in."""
        found: dict[int, Stream] = {}
        for each in declared:
            places = {id(place): place for server in self.http.servers for place in self._meant(each, server)}
            for key in places:
                found.setdefault(key, each.stream)
            if not places:
                self.unmatched.append(each)
        return found

    def _meant(self, declared: Declared, server: Server) -> Iterator[Location]:
        if declared.hosts and not any(_covers(host, name) for host in declared.hosts for name in server.names):
            return
        written = [each for each in server.locations.all() if each.name == declared.path and each.handler is not None]
        yield from written
        if declared.kind == "any" and written:
            return
        for path in declared.examples:
            ended = self._ends(server, path)
            if ended is not None:
                yield ended

    def _ends(self, server: Server, path: str) -> Location | None:
        """The location from which an origin gets a request for that path, jumps to named ones included."""
        host = next((name for name in server.names if name and name[0] not in "~_*."), "any.invalid")
        listen = server.listens[0]
        socket = self._sockets.sockets[listen.socket]
        request = Request("https" if socket.ssl else "http", host, listen.port or 80, path)
        arrival = Arrival(server, listen, socket)
        location = follow(self.http.config, self.http, request, self._sockets, arrival=arrival).location
        return location if location is not None and location.handler is not None else None

    # ---- one location ----

    def _find(self, location: Location) -> tuple[Stream, ...]:
        # The command line knows better, and a spec knows more.
        declared = self._declared.get(id(location)) or self._comments.get(id(location.directive))
        if declared is not None:
            return (declared,)
        said = self._said_by(location)
        if not said.proxies:
            return ()
        return chief_first((*self._explicit(location, said), *self._inferred(location, said)))

    def _said_by(self, location: Location) -> _Said:
        """What is in force for a location, as far as it makes a stream: the same for all of a shape."""
        shape = self.http.shapes.of(location.level)
        found = self._said.get(shape)
        if found is None:
            level = shape.level
            found = self._said[shape] = _Said(
                proxies="internal" not in level.own and self._proxies(level),
                upgrades=self._upgrade_line(level) is not None,
                unbuffered=_unbuffered_by(level) is not None,
                typed=any(True for _ in _typed(level)),
                patient=(_seconds_in_force(level, "read_timeout") or 0) >= _PATIENT,
            )
        return found

    def _proxies(self, level: Level) -> bool:
        """Whether requests of a location are handed on, if only under a condition."""
        if level.last_handler() is not None:
            return True
        return any(
            each.name.endswith("_pass")
            for block in (*level.own.get("if", ()), *level.own.get("limit_except", ()))
            for each in self.http.config.block(block)
        )

    def _explicit(self, location: Location, said: _Said) -> Iterator[Stream]:
        paths = _paths(location)
        if paths.assets:
            return
        handler = location.handler
        if handler is not None and handler.name == "grpc_pass":
            yield Stream(
                protocol="grpc", confidence=Confidence.EXPLICIT, why="grpc_pass hands it on", span=handler.span
            )
            return
        told = {each.protocol: each for _, each in paths.told}
        if said.upgrades:
            yield from self._upgraded(location, told)
        if said.unbuffered:
            yield from _unbuffered(location, told)
        if said.typed:
            yield from _typed(location.level)

    def _upgraded(self, location: Location, told: dict[str, Told]) -> Iterator[Stream]:
        line = self._upgrade_line(location.level)
        if line is None:
            return
        own = _is_own(location, line)
        telling = "websocket" in told
        if not own and not telling and not self._lonely(location):
            return
        if told and not telling and not self._is_socket_by_headers(location):
            # A boilerplate of headers, on a path that is known to carry something else.
            return
        yield Stream(
            protocol="websocket",
            confidence=Confidence.EXPLICIT,
            why=f"`{line.source}` lets it upgrade",
            span=line.span,
            mixed=not told,
            copied=self._is_half(location),
        )

    def _is_half(self, location: Location) -> bool:
        """Whether only half of a handshake's headers is set: ``Upgrade`` alone, or beside a Connection that is kept alive in a handshake, too.

        Who sets ``Upgrade`` alone and a long timeout means it, and forgot the other.
        """
        lines = location.level.in_force.get("proxy_set_header", ())
        set_to = {line.args[0].lower(): line.args[1] for line in lines if len(line.args) > 1}
        if "upgrade" not in set_to or ("connection" not in set_to and self._said_by(location).patient):
            return False
        values = self.variables.values(set_to.get("connection", "keep-alive"), HANDSHAKE, location)
        return values is not None and {value.lower() for value in values} == {"keep-alive"}

    def _is_socket_by_headers(self, location: Location) -> bool:
        """Whether a path such as /events, which may be anything, has Upgrade headers of its own that not every location has."""
        said = self._said_by(location)
        line = self._upgrade_line(location.level) if said.upgrades else None
        if line is None or not _is_own(location, line) or not all(map(_is_ambiguous, _paths(location).spread)):
            return False
        if said.unbuffered:
            return False
        count = self._count(location.server)
        return count == 1 or len(self._with_headers(location.server)) < count

    def _with_headers(self, server: Server) -> list[Location]:
        """The locations of a server that hand Upgrade headers on."""
        found = self._upgrading.get(id(server))
        if found is None:
            found = [each for each in self._handing_on(server) if self._said_by(each).upgrades]
            self._upgrading[id(server)] = found
        return found

    def _upgrade_line(self, level: Level) -> Directive | None:
        """What lets a handshake pass, or means to."""
        force = level.in_force
        lines: list[Directive] = []
        for name in ("proxy_set_header", "uwsgi_param", "scgi_param"):
            lines += force.get(name, [])
        for name in ("upgrade", "connection"):
            for line in lines:
                if not line.text.asked(line.start):
                    # A controller lets all upgrade, whatever they are.
                    continue
                if len(line.args) > 1 and line.args[0].lower().removeprefix("http_") == name:
                    said = line.args[1].lower()
                    if said in {"websocket", "upgrade"} or self._reaches(said, "http_upgrade"):
                        return line
        for line in level.own.get("if", ()):
            if any("$http_upgrade" in word for word in line.args) and not self._refuses(level, line):
                return line
        return None

    def _refuses(self, level: Level, condition: Directive) -> bool:
        """Whether what meets a condition is answered with an error, and not sent elsewhere by that error's page."""
        block = self.http.config.block(condition)
        codes = [line.args[0] for line in block if line.name == "return" and line.args]
        pages = {code for line in level.in_force.get("error_page", ()) for code in line.args[:-1]}
        return any(re.fullmatch("[45]..", code) and code not in pages for code in codes)

    def _reaches(self, text: str, name: str) -> bool:
        return any(name in self.variables.reach(inner) for inner in names_in(text))

    def _lonely(self, location: Location) -> bool:
        """Whether inherited headers can hardly be meant for another location: everything goes here."""
        if location.kind == "named" or location.name == "/":
            return True
        return self._count(location.server) == 1

    def _count(self, server: Server) -> int:
        """How many locations of a server hand requests on."""
        count = self._proxying.get(id(server))
        if count is None:
            count = self._proxying[id(server)] = sum(1 for _ in self._handing_on(server))
        return count

    def _handing_on(self, server: Server) -> Iterator[Location]:
        return (each for each in server.locations.all() if self._proxies(each.level))

    def _inferred(self, location: Location, said: _Said) -> Iterator[Stream]:
        handler = location.handler
        paths = _paths(location)
        if handler is None or handler.name == "grpc_pass" or paths.assets:
            return
        for path, told in paths.told:
            if told.protocol != "websocket" and self._is_socket_by_headers(location):
                continue
            # PHP behind /events is a calendar as often as not; by other names it is a stream whoever makes it.
            if handler.name == "proxy_pass" or said.patient or not _is_ambiguous(path):
                yield told.stream
        yield from self._of_applications(location.server).get(id(location), ())
        if handler.name == "proxy_pass":
            for named in self._origins(location).told:
                if named.protocol != "websocket" or not self._marks_sockets(location.server):
                    yield named.stream

    def _marks_sockets(self, server: Server) -> bool:
        """Whether somebody said which requests to an origin with such a name upgrade: its other ones do not, by the name alone."""
        known = self._marked.get(id(server))
        if known is None:
            known = self._marked[id(server)] = any(
                told.protocol == "websocket"
                for location in self._with_headers(server)
                for told in self._origins(location).told
            )
        return known

    # ---- applications, known by their upstream ----

    def _of_applications(self, server: Server) -> dict[int, list[Stream]]:
        """For each location of a server the streams of the applications behind it that come through there."""
        known = self._applications.get(id(server))
        if known is None:
            known = self._applications[id(server)] = {}
            behind: dict[Application, list[Location]] = {}
            for location in server.locations.all():
                for application in self._origins(location).applications:
                    behind.setdefault(application, []).append(location)
            for application, places in behind.items():
                self._add(server, application, places, known)
        return known

    def _add(
        self, server: Server, application: Application, places: list[Location], known: dict[int, list[Stream]]
    ) -> None:
        """Follow the application's paths from the root; or from below the one prefix that all of it is at, if none of them ends there."""
        stem = ""
        ends = [self._ends(server, path) for path, _ in application.streams]
        if len(places) == 1 and places[0].kind in {"prefix", "no-regex"} and not any(end is places[0] for end in ends):
            stem = places[0].name.rstrip("/")
        for path, protocol in application.streams:
            ended = self._ends(server, stem + path)
            if ended is not None and any(ended is place for place in places) and _keeps_paths(ended):
                mixed = ended.name in {"/", stem, f"{stem}/"} or ended.kind == "named"
                stream = stream_of(application, path, protocol, mixed=mixed)
                if stream not in known.setdefault(id(ended), []):
                    known[id(ended)].append(stream)

    def _origins(self, location: Location) -> _Origins:
        """What a location's requests can go to: its upstream group, and the servers in it."""
        handler = location.level.last_handler()
        if handler is None or handler.name not in {"proxy_pass", "grpc_pass"} or not handler.args:
            return _NOWHERE
        text = handler.args[0]
        found = self._behind.get(text)
        if found is None:
            if "$" in text:
                values = self.variables.values(text, PLAIN, location)
                # `http://ollama:11434$request_uri` is as good.
                texts = sorted(values) if values else [text.partition("$")[0]]
                several = [self._told_by(*_host_and_port(each)) for each in texts]
                applications = dict.fromkeys(each for origins in several for each in origins.applications)
                return _Origins(tuple(applications), tuple(told for origins in several for told in origins.told))
            found = self._behind[text] = self._told_by(*_host_and_port(text))
        return found

    def _told_by(self, name: str, port: int | None) -> _Origins:
        """What a name tells, and the servers of its group: all locations of a site pass to the same."""
        if not name:
            return _NOWHERE
        found = self._told.get((name, port))
        if found is None:
            group = self.http.upstreams.get(name)
            servers = group.lines("server") if group is not None else ()
            places = [(name, port), *(_host_and_port(line.args[0]) for line in servers if line.args)]
            applications = dict.fromkeys(application_at(*place) for place in places)
            told = (told_by_name(each) for each, _ in places)
            found = _Origins(tuple(filter(None, applications)), tuple(filter(None, told)))
            self._told[name, port] = found
        return found


def _keeps_paths(location: Location) -> bool:
    """Whether what is below the location is below the application's root, or its own base: no page of it stands for all that is asked."""
    handler = location.handler
    path = handler.args[0].partition("://")[2].partition("/")[2] if handler is not None and handler.args else ""
    return not path or "$" in path or path.strip("/") == location.name.strip("/")


class _Blocks:
    """The locations of one file, found by place: a generated file has thousands of them, with a comment each."""

    def __init__(self, text: Text, locations: Sequence[Directive]) -> None:
        """``locations`` come in the order of the file."""
        self.text = text
        self.locations = locations
        self.starts = [each.start for each in locations]
        self.by_line: dict[int, Directive] = {}
        self.around: list[int | None] = []
        """For each location the place of the innermost one around it."""
        open_ones: list[int] = []
        for place, location in enumerate(locations):
            self.by_line.setdefault(text.position(location.start)[0], location)
            while open_ones and locations[open_ones[-1]].end <= location.start:
                open_ones.pop()
            self.around.append(open_ones[-1] if open_ones else None)
            open_ones.append(place)

    def declared_by(self, start: int, end: int) -> Directive | None:
        """The location that a comment speaks of: the one that begins on the next line, else the innermost around it."""
        line, column = self.text.position(start)
        if not self.text.line(line)[: column - 1].strip():
            below = line + 1
            # Other comments may stand between.
            while self.text.has_line(below) and self.text.line(below).lstrip().startswith("#"):
                below += 1
            if below in self.by_line:
                return self.by_line[below]
        place: int | None = bisect_left(self.starts, start) - 1
        while place is not None and place >= 0 and self.locations[place].end < end:
            place = self.around[place]
        return self.locations[place] if place is not None and place >= 0 else None


def _covers(host: str, name: str) -> bool:
    """Whether a host of a spec, or a pattern of hosts, means a server's name."""
    if host in {"*", name} or name in {"", "_"}:
        return True
    if name.startswith("~"):
        return search(name[1:], host, ignore_case=True)
    if name.endswith(".*"):
        return host.startswith(name[:-1])
    if host.startswith("*."):
        return name.endswith(host[1:])
    return name.startswith((".", "*.")) and f".{host}".endswith(name.lstrip("*"))


class _Said(NamedTuple):
    """What directives say by themselves.

    :param proxies: whether requests are handed on, and not only those that nginx makes itself.
    :param upgrades: whether a handshake passes, or is meant to.
    :param patient: whether an origin may be silent for long.
    """

    proxies: bool
    upgrades: bool
    unbuffered: bool
    typed: bool
    patient: bool


class _Origins(NamedTuple):
    """What the names and addresses that requests go to tell."""

    applications: tuple[Application, ...]
    told: tuple[Told, ...]


_NOWHERE = _Origins((), ())


class _Paths(NamedTuple):
    """The paths of a location, ``*`` for what its pattern leaves open, none for a named one; those that tell; whether all are of files."""

    spread: tuple[str, ...]
    told: tuple[tuple[str, Told], ...]
    assets: bool


def _paths(location: Location) -> _Paths:
    return _spread(location.kind, location.name)


@lru_cache(4096)
def _spread(kind: str, name: str) -> _Paths:
    """Sites of a fleet have many paths in common."""
    paths = () if kind == "named" else tuple(paths_of_regex(name)) if kind in {"regex", "regex-i"} else (name,)
    told = tuple((path, said) for path in paths if (said := told_by_path(path)) is not None)
    # The name of a named location is all that tells of it.
    return _Paths(paths, told, all(map(is_asset, paths or (name.removeprefix("@"),))))


def _is_ambiguous(path: str) -> bool:
    return path.strip("/*").rpartition("/")[2].lower() in _AMBIGUOUS


def _is_own(location: Location, line: Directive) -> bool:
    return any(line is each for each in location.level.own.get(line.name, ()))


def _unbuffered_by(level: Level) -> Directive | None:
    """The line by which a location asks for answers as they come."""
    own = level.own
    return next(
        (
            line
            for name in ("proxy_buffering", "fastcgi_buffering", "uwsgi_buffering", "scgi_buffering")
            for line in own.get(name, ())
            if line.args[:1] == ("off",) and line.text.asked(line.start)
        ),
        None,
    ) or next(
        (
            line
            for name in ("add_header", "proxy_set_header")
            for line in own.get(name, ())
            if [word.lower() for word in line.args[:2]] == ["x-accel-buffering", "no"]
        ),
        None,
    )


def _unbuffered(location: Location, told: dict[str, Told]) -> Iterator[Stream]:
    own = location.level.own
    line = _unbuffered_by(location.level)
    if line is None:
        return
    protocol, mixed = "ndjson", True
    for each in told:
        protocol, mixed = each, False
    if protocol == "websocket":
        return
    events = line.name in {"add_header", "proxy_set_header"} or any(
        each.args[:1] == ("off",) for each in own.get("chunked_transfer_encoding", ())
    )
    if events and protocol == "ndjson":
        protocol = "sse"
    yield Stream(
        protocol=protocol,
        confidence=Confidence.EXPLICIT,
        why=f"`{line.source}` asks for answers as they come",
        span=line.span,
        silent=protocol != "ndjson",
        mixed=mixed,
    )


def _typed(level: Level) -> Iterator[Stream]:
    """What the types say that a location names."""
    own = level.own
    for name, at in (("default_type", 0), ("add_header", 1), ("proxy_set_header", 1), ("if", -1)):
        for line in own.get(name, ()):
            text = " ".join(line.args) if at < 0 else line.args[at] if len(line.args) > at else ""
            protocol = _of_type(text)
            if protocol:
                yield Stream(
                    protocol=protocol,
                    confidence=Confidence.EXPLICIT,
                    why=f"`{line.source}` names the type of a stream",
                    span=line.span,
                )


def _of_type(text: str) -> str:
    lower = text.lower().replace("\\", "")
    if "text/event-stream" in lower:
        return "sse"
    return "ndjson" if "ndjson" in lower or "application/jsonl" in lower else ""


def _seconds_in_force(level: Level, suffix: str) -> float | None:
    handler = level.last_handler()
    if handler is None:
        return None
    lines = level.in_force.get(f"{handler.name.removesuffix('_pass')}_{suffix}")
    return seconds(lines[0].args[0]) if lines and lines[0].args else None


_AUTHORITY = re.compile(r"^(?:[a-z]+://)?(?P<host>\[[^\]]*\]|[^/:\s]*)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)


def _host_and_port(text: str) -> tuple[str, int | None]:
    if "unix:" in text:
        return text.partition("unix:")[2].rpartition("/")[2].partition(".sock")[0], None
    match = _AUTHORITY.match(text)
    if match is None:
        return "", None
    return match["host"], int(match["port"]) if match["port"] else None
