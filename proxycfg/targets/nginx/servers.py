"""Which server and which location: listeners, names, and the tree of locations, chosen among as nginx chooses.

Checked against real nginx by the differential tests; the order of the location search is that of ``ngx_http_core_find_location``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from proxycfg import pcre
from proxycfg.record import field, record
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.scope import HANDLERS, Level, level_of
from proxycfg.targets.nginx.shapes import Shapes
from proxycfg.targets.nginx.syntax import Directive

LocationKind = Literal["exact", "prefix", "no-regex", "regex", "regex-i", "named"]

_MODIFIERS: dict[str, LocationKind] = {"=": "exact", "^~": "no-regex", "~": "regex", "~*": "regex-i"}


class Listen(NamedTuple):
    """One ``listen``: where, and what is spoken there. ``address`` is ``*`` for every IPv4 address, ``[::]`` for every IPv6 one."""

    address: str
    port: int
    ssl: bool
    http2: bool
    quic: bool
    default: bool
    directive: Directive | None

    @property
    def socket(self) -> tuple[str, int, bool]:
        """What makes two of them the same socket: address, port, and whether it is UDP."""
        return self.address, self.port, self.quic


def parse_listen(directive: Directive) -> Listen:
    """A ``listen`` as nginx reads it; what cannot be read is taken for the default, port 80 on every address."""
    words = list(directive.args)
    spec = words[0] if words else ""
    address, port = "*", 80
    if spec.startswith("unix:"):
        address, port = spec, 0
    elif re.fullmatch("[0-9]{1,5}", spec):
        port = _port(spec)
    elif match := re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", spec):
        address = "*" if match[1] in {"*", "0.0.0.0"} else _canonical(match[1])  # noqa: S104 - what nginx calls every address
        port = _port(match[2]) if match[2] else 80
    options = {word.split("=")[0] for word in words[1:]}
    return Listen(
        address,
        port,
        "ssl" in options,
        "http2" in options,
        "quic" in options,
        bool(options & {"default_server", "default"}),
        directive,
    )


def _port(digits: str) -> int:
    """A port; nginx refuses those that there are not."""
    port = int(digits)
    return port if 1 <= port <= 65_535 else 80  # noqa: PLR2004 - TCP's


def _canonical(address: str) -> str:
    try:
        if address.startswith("["):
            return f"[{ipaddress.ip_address(address[1:-1])}]"
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address.lower()


@record(slots=True, eq=False)
class Location:
    """One location (or a named one): how it matches, its level, and the locations inside it."""

    kind: LocationKind
    name: str
    directive: Directive
    level: Level
    server: Server
    parent: Location | None
    inside: Locations

    @property
    def handler(self) -> Directive | None:
        """What hands its requests to an origin, if anything does."""
        return self.level.last_handler()


class Locations:
    """The locations of one level, sorted as nginx searches them."""

    __slots__ = ("_lengths", "exact", "named", "prefixes", "regexes")

    def __init__(self) -> None:
        """None yet."""
        self.exact: dict[str, Location] = {}
        self.prefixes: dict[str, Location] = {}
        self.regexes: list[Location] = []
        self.named: dict[str, Location] = {}
        self._lengths: list[int] = []

    def longest_prefix(self, path: str) -> Location | None:
        """The longest prefix that the path begins with; looked up, as a server may have thousands of them."""
        if not self._lengths and self.prefixes:
            self._lengths = sorted({len(prefix) for prefix in self.prefixes}, reverse=True)
        for length in self._lengths:
            # A slice of a shorter path is the path itself.
            if length <= len(path) and (found := self.prefixes.get(path[:length])) is not None:
                return found
        return None

    def __iter__(self) -> Iterator[Location]:
        yield from self.exact.values()
        yield from self.prefixes.values()
        yield from self.regexes
        yield from self.named.values()

    def all(self) -> Iterator[Location]:
        """These and those inside them, each before what it holds."""
        todo = [*self][::-1]
        while todo:
            location = todo.pop()
            yield location
            if location.inside is not _NONE:
                todo += [*location.inside][::-1]


@record(slots=True, eq=False)
class Server:
    """One ``server``. ``names`` are as written, lower case; a server without ``server_name`` answers for the empty name."""

    directive: Directive
    level: Level
    listens: tuple[Listen, ...]
    names: tuple[str, ...]
    index: int
    locations: Locations = field(default_factory=Locations)


@record(slots=True)
class Http:
    """The http block: its level, servers in the order of the file, and upstreams by name."""

    level: Level
    servers: list[Server]
    upstreams: dict[str, Level]
    config: Config
    """Where it was read from: it knows what stands in blocks that include files."""
    shapes: Shapes


def read_http(config: Config) -> list[Http]:
    """The http blocks of a configuration (one, in nginx), a fragment's contents as if one stood around them."""
    main = Level("main", None, config.top if config.context == "main" else [], None)
    if config.context == "main":
        return [
            _http(config, level_of(config, "http", block, main))
            for block in main.own.get("http", [])
            if block.block is not None
        ]
    if config.context == "http":
        return [_http(config, Level("http", None, config.top, main))]
    # A fragment of a server, or of a location: a server around it that says nothing.
    http = Http(Level("http", None, [], main), [], {}, config, Shapes(config))
    level = Level("server", None, config.top, http.level)
    stand_in = config.top[0] if config.top else None
    if stand_in is None:
        return []
    http.servers.append(_server(config, stand_in, level, 0))
    if config.context == "location":
        inner = Level("location", None, config.top, Level("server", None, [], http.level))
        server = Server(stand_in, inner.above or inner, (_ANY,), ("",), 0)
        server.locations.prefixes["/"] = Location("prefix", "/", stand_in, inner, server, None, Locations())
        http.servers = [server]
    return [http]


_ANY = Listen("*", 80, ssl=False, http2=False, quic=False, default=False, directive=None)


def _http(config: Config, level: Level) -> Http:
    servers = [
        _server(config, block, level_of(config, "server", block, level), index)
        for index, block in enumerate(each for each in level.own.get("server", []) if each.block is not None)
    ]
    upstreams = {
        block.args[0]: level_of(config, "upstream", block, level)
        for block in level.own.get("upstream", [])
        if block.args and block.block is not None
    }
    return Http(level, servers, upstreams, config, Shapes(config))


def _server(config: Config, directive: Directive, level: Level, index: int) -> Server:
    listens = tuple(parse_listen(each) for each in level.lines("listen") if each.args) or (_ANY,)
    names = tuple(
        name.lower() if not name.startswith("~") else name for each in level.lines("server_name") for name in each.args
    )
    server = Server(directive, level, listens, names or ("",), index)
    server.locations = _locations(config, level, server, None)
    return server


_NONE = Locations()
"""Of the many locations without any inside."""


def _locations(config: Config, level: Level, server: Server, parent: Location | None) -> Locations:
    blocks = [child for child in level.children if child.name == "location" and child.block is not None and child.args]
    if not blocks:
        return _NONE
    made = Locations()
    for directive in blocks:
        kind, name = location_match(directive)
        inner = level_of(config, "location", directive, server.level if kind == "named" else level)
        location = Location(kind, name, directive, inner, server, parent, _NONE)
        location.inside = _locations(config, inner, server, location)
        if kind == "exact":
            made.exact.setdefault(name, location)
        elif kind in {"prefix", "no-regex"}:
            made.prefixes.setdefault(name, location)
        elif kind == "named":
            made.named.setdefault(name, location)
        else:
            made.regexes.append(location)
    return made


def location_match(directive: Directive) -> tuple[LocationKind, str]:
    r"""The kind of match and its argument; nginx takes the modifier glued to the argument as well (``=/x``, ``~\.php$``)."""
    word, *rest = directive.args
    if rest:
        return _MODIFIERS.get(word, "prefix"), rest[0]
    for modifier in ("^~", "~*", "=", "~"):
        if word.startswith(modifier):
            return _MODIFIERS[modifier], word[len(modifier) :]
    return ("named", word) if word.startswith("@") else ("prefix", word)


# ---- choosing a server ----


def default_server(candidates: list[tuple[Server, Listen]]) -> Server:
    """The one that says so, or the first in the file."""
    return next((server for server, listen in candidates if listen.default), candidates[0][0])


def by_name(servers: list[Server], host: str) -> Server | None:  # noqa: C901 - nginx's four kinds of name, in its order
    """Exact name, longest ``*.suffix``, longest ``prefix.*``, first matching regular expression: nginx's order."""
    host = host.lower().rstrip(".")
    best: tuple[int, Server] | None = None
    for server in servers:
        for name in server.names:
            if name == host or (name.startswith(".") and name[1:] == host):
                return server
    for server in servers:
        for name in server.names:
            suffix = name[1:] if name.startswith("*.") else name if name.startswith(".") else None
            if suffix and host.endswith(suffix) and len(host) > len(suffix) and (best is None or len(suffix) > best[0]):
                best = (len(suffix), server)
    if best:
        return best[1]
    for server in servers:
        for name in server.names:
            if name.endswith(".*") and host.startswith(name[:-1]) and (best is None or len(name) > best[0]):
                best = (len(name), server)
    if best:
        return best[1]
    for server in servers:
        for name in server.names:
            if name.startswith("~") and search(name[1:], host, ignore_case=True):
                return server
    return None


# ---- choosing a location ----


class Choice(NamedTuple):
    """Where the search ended.

    ``location`` is None where only the server's own settings hold; ``redirect`` says that nginx answers with a redirect to the same
    path with a slash.

    :param undecided: the locations that would have won if their regular expressions match, which nobody knows; and why not.
    """

    location: Location | None
    redirect: bool = False
    undecided: tuple[tuple[Location, str], ...] = ()


def choose_location(server: Server, path: str) -> Choice:
    """The location for a decoded, normalised path."""
    undecided: list[tuple[Location, str]] = []
    _, found, redirect = _find(server.locations, path, undecided)
    return Choice(found, redirect, tuple(undecided))


def _find(level: Locations, path: str, undecided: list[tuple[Location, str]]) -> tuple[bool, Location | None, bool]:
    """Search one level: (final, location, redirect). Final: no regular expression of an outer level is tried any more."""
    if (exact := level.exact.get(path)) is not None:
        return True, exact, False
    chosen = level.longest_prefix(path)
    if path not in level.prefixes:
        # A prefix that is the very path takes it.
        for slashed in (level.exact.get(f"{path}/"), level.prefixes.get(f"{path}/")):
            if slashed is not None and path not in level.prefixes and _redirects(slashed):
                return True, slashed, True
    result = chosen
    if chosen is not None:
        final, inner, redirect = _find(chosen.inside, path, undecided)
        if final:
            return True, inner, redirect
        result = inner or chosen
    if chosen is None or chosen.kind != "no-regex":
        for location in level.regexes:
            try:
                matched = pcre.find(location.name, path, ignore_case=location.kind == "regex-i")
            except pcre.Undecided as reason:
                undecided.append((location, str(reason)))
                continue
            if matched:
                # Inside of one, no path is redirected for its slash.
                _, inner, _ = _find(location.inside, path, undecided)
                return True, inner or location, False
    return False, result, False


def _redirects(location: Location) -> bool:
    """A location whose name ends in a slash, with an origin behind it, answers the path without the slash by a redirect."""
    return any(name in location.level.own for name in HANDLERS)


def search(pattern: str, text: str, *, ignore_case: bool) -> bool:
    """Whether a regular expression matches somewhere in the text; False where that is not decided."""
    try:
        return pcre.find(pattern, text, ignore_case=ignore_case) is not None
    except pcre.Undecided:
        return False
