"""What variables can hold: ``map``, ``geo``, ``split_clients`` and ``set`` folded, as far as the configuration alone tells.

A question is asked in a *world*: what is known of the request, a WebSocket handshake or a plain GET, say. The answer is the set of values that
are possible, or None where it may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from proxycfg import pcre
from proxycfg.targets.nginx.servers import Http, Location, Server
from proxycfg.targets.nginx.syntax import Directive

Values = frozenset[str] | None
"""The values that are possible; None for any."""

MAX_DEPTH = 8
"""Variables out of variables out of variables; a loop is an error in nginx."""
MAX_VALUES = 64
"""More than so many values are as good as any."""
MAX_STEPS = 5000
"""Of one question: maps of maps can multiply beyond all measure."""

VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")

World = Mapping[str, str]
"""Variables whose value is known."""

PLAIN: World = {"http_upgrade": "", "request_method": "GET", "http_te": ""}
"""An ordinary request; what it says as ``Connection`` is the client's affair."""
HANDSHAKE: World = {
    "http_upgrade": "websocket", "http_connection": "Upgrade", "request_method": "GET", "http_sec_websocket_version": "13",
    "http_sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip
"""A WebSocket handshake, as browsers make it."""
CALL: World = {
    "http_te": "trailers",
    "http_content_type": "application/grpc",
    "request_method": "POST",
    "http_upgrade": "",
}
"""A gRPC call."""
_WORLDS = (PLAIN, HANDSHAKE, CALL)
"""The worlds for which answers are kept."""


def names_in(text: str) -> list[str]:
    """The variables that a text refers to."""
    return [match[1] or match[2] for match in VARIABLE.finditer(text)] if "$" in text else []


class Entry(NamedTuple):
    """One line of a ``map``."""

    key: str
    value: str


class Map(NamedTuple):
    """A ``map`` or ``split_clients`` or ``geo`` as lookups: exact keys in lower case, host masks, patterns in order, and the default.

    ``source`` is None where the key is nothing that a configuration tells (an address, a hash).
    """

    directive: Directive
    source: str | None
    exact: dict[str, str]
    masks: list[Entry]
    patterns: list[Entry]
    default: str

    def values(self) -> Iterator[str]:
        """Everything that it can yield, captures not yet in place."""
        yield self.default
        yield from self.exact.values()
        for entry in (*self.masks, *self.patterns):
            yield entry.value

    def find(self, key: str) -> tuple[str, dict[str, str]] | None:
        """The value for a key and what its pattern captured; None if a pattern cannot be read here."""
        found = self.exact.get(key.lower())
        if found is not None:
            return found, {}
        # The longest mask with the star in front, then the longest with the star behind.
        for front in (True, False):
            fitting = [
                entry
                for entry in self.masks
                if entry.key.startswith(("*", ".")) is front and _mask_fits(entry.key, key.lower())
            ]
            if fitting:
                return max(fitting, key=lambda entry: len(entry.key)).value, {}
        for entry in self.patterns:
            ignore_case = entry.key.startswith("~*")
            try:
                match = pcre.find(entry.key[2 if ignore_case else 1 :], key, ignore_case=ignore_case)
            except pcre.Undecided:
                return None
            if match:
                return entry.value, {**match.numbered, **match.named}
        return self.default, {}


def _mask_fits(mask: str, host: str) -> bool:
    if mask.startswith("."):
        return host == mask[1:] or host.endswith(mask)
    if mask.startswith("*."):
        return host.endswith(mask[1:]) and len(host) > len(mask) - 1
    return mask.endswith(".*") and host.startswith(mask[:-1]) and len(host) > len(mask) - 1


class Variables:
    """The variables of one http block."""

    def __init__(self, http: Http) -> None:
        """Maps are read when they are first asked for."""
        self.http = http
        self._directives: dict[str, Directive] = {}
        for kind in ("map", "geo", "split_clients"):
            for directive in http.level.own.get(kind, []):
                if directive.args and directive.block is not None:
                    self._directives[directive.args[-1].removeprefix("$")] = directive
        self._maps: dict[str, Map] = {}
        self._reach: dict[str, frozenset[str]] = {}
        self._folded: dict[tuple[str, int], Values] = {}
        self._sets: dict[int, dict[str, _Settings]] = {}
        self._set_names: frozenset[str] | None = None
        self._steps = 0
        self.asked_of_place = False
        """Set where an answer hangs on the very location, rather than on what is in force there."""

    def map(self, name: str) -> Map | None:
        """The map that makes a variable, if one does."""
        if name not in self._maps:
            if name not in self._directives:
                return None
            self._maps[name] = self._read_map(self._directives[name])
        return self._maps[name]

    def _read_map(self, directive: Directive) -> Map:
        made = Map(directive, directive.args[0] if directive.name == "map" else None, {}, [], [], "")
        default, hostnames = "", False
        for line in self.http.config.block(directive):
            if not line.args:
                hostnames = hostnames or line.name == "hostnames"
            elif line.name == "default" or (directive.name == "split_clients" and line.name == "*"):
                default = line.args[0]
            elif directive.name != "map":
                # Of `geo` some lines are settings: `proxy`, `delete` and the like.
                if not line.name.isalpha() and not line.name.startswith("proxy_"):
                    made.exact[line.name] = line.args[0]
            elif line.name.startswith("~"):
                made.patterns.append(Entry(line.name, line.args[0]))
            elif hostnames and (line.name.startswith(("*.", ".")) or line.name.endswith(".*")):
                made.masks.append(Entry(line.name.lower(), line.args[0]))
            else:
                made.exact[line.name.removeprefix("\\").lower()] = line.args[0]
        return made._replace(default=default)

    def reach(self, name: str) -> frozenset[str]:
        """The variable and all that it is made from, through maps."""
        if name not in self._reach:
            found = {name}
            todo = [name]
            while todo:
                made = self.map(todo.pop())
                if made is not None:
                    new = {inner for text in (*made.values(), made.source or "") for inner in names_in(text)} - found
                    found |= new
                    todo += new
            self._reach[name] = frozenset(found)
        return self._reach[name]

    @property
    def set_names(self) -> frozenset[str]:
        """Every variable that some ``set`` of a server or location gives a value."""
        if self._set_names is None:
            self._set_names = frozenset(name for server in self.http.servers for name in self._sets_of(server))
        return self._set_names

    def _sets_of(self, server: Server) -> dict[str, _Settings]:
        """Variable → where and to what it is set."""
        made = self._sets.get(id(server))
        if made is None:
            made = self._sets[id(server)] = {}
            for location in (None, *server.locations.all()):
                level = server.level if location is None else location.level
                for directive in level.children:
                    if directive.name not in {"set", "if"}:
                        continue
                    inside = self.http.config.block(directive) if directive.name == "if" else [directive]
                    for each in inside:
                        if each.name == "set" and len(each.args) == 2:  # noqa: PLR2004 - `set $variable value`
                            settings = made.setdefault(each.args[0].removeprefix("$"), _Settings())
                            settings.add(location, each.args[1], conditional=directive.name == "if")
        return made

    def values(self, text: str, world: World, place: Location | None = None) -> Values:
        """What a text can come to; ``place`` says whose ``set`` directives have run."""
        if "$" not in text:
            return frozenset({text})
        names = names_in(text)
        if not names:
            return frozenset({text})
        self._steps = MAX_STEPS
        if place is not None and any(not self.set_names.isdisjoint(self.reach(name)) for name in names):
            self.asked_of_place = True
            return self._fold(text, world, place, 0)
        if world not in _WORLDS:
            return self._fold(text, world, place, 0)
        key = text, _WORLDS.index(world)
        if key not in self._folded:
            self._folded[key] = self._fold(text, world, None, 0)
        return self._folded[key]

    def _fold(self, text: str, world: World, place: Location | None, depth: int) -> Values:
        """The product of the values of all variables in the text."""
        results = [""]
        at = 0
        for match in VARIABLE.finditer(text):
            values = self._variable(match[1] or match[2], world, place, depth + 1)
            if values is None:
                return None
            literal = text[at : match.start()]
            results = [result + literal + value for result in results for value in sorted(values)]
            if len(results) > MAX_VALUES:
                return None
            at = match.end()
        return frozenset(result + text[at:] for result in results)

    def _variable(self, name: str, world: World, place: Location | None, depth: int) -> Values:
        if name in world:
            return frozenset({world[name]})
        self._steps -= 1
        if depth > MAX_DEPTH or self._steps < 0:
            return None
        made = self.map(name)
        if made is not None:
            return self._mapped(made, world, place, depth)
        if place is not None and name in self.set_names:
            return self._set(name, world, place, depth)
        return None

    def _mapped(self, made: Map, world: World, place: Location | None, depth: int) -> Values:
        keys = self._fold(made.source, world, place, depth) if made.source is not None else None
        found: list[tuple[str, Mapping[str, str]]] = []
        if keys is None:
            found = [(value, {}) for value in dict.fromkeys(made.values())]
        else:
            for key in keys:
                entry = made.find(key)
                if entry is None:
                    return None
                found.append(entry)
        values: set[str] = set()
        for text, captured in found:
            one = self._fold(text, {**world, **captured} if captured else world, place, depth)
            if one is None:
                return None
            values |= one
            if len(values) > MAX_VALUES:
                return None
        return frozenset(values)

    def _set(self, name: str, world: World, place: Location, depth: int) -> Values:
        texts = self.settings(name, place)
        if texts is None:
            return None
        values: set[str] = set()
        for text in texts:
            one = self._fold(text, world, place, depth)
            if one is None:
                return None
            values |= one
        return frozenset(values)

    def settings(self, name: str, place: Location) -> list[str] | None:
        """The texts that ``set`` may have given a variable when a request has come to a location; None for too many.

        The server's run first, then the location's own; those of other locations where an internal redirect came from one of them.
        """
        found = self._sets_of(place.server).get(name)
        if found is None:
            return [""]
        own = found.own.get(id(place), [])
        texts, since = [*found.server, *found.elsewhere], 0
        if len(texts) > MAX_VALUES:
            texts = []
        for number, (text, conditional) in enumerate(own, 1):
            if not conditional:
                texts, since = [text], number
        if not texts:
            return None
        return list(dict.fromkeys([*texts, *(text for text, _ in own[since:])]))


class _Settings:
    """What ``set`` directives of one server give one variable."""

    __slots__ = ("elsewhere", "own", "server")

    def __init__(self) -> None:
        """Without any, a variable is empty."""
        self.server: list[str] = [""]
        self.elsewhere: dict[str, None] = {}
        self.own: dict[int, list[tuple[str, bool]]] = {}

    def add(self, location: Location | None, text: str, *, conditional: bool) -> None:
        """One more, in the order of the file; without a location it is the server's."""
        if location is None:
            if not conditional:
                self.server.clear()
            if len(self.server) <= MAX_VALUES:
                self.server.append(text)
            return
        self.own.setdefault(id(location), []).append((text, conditional))
        # One more than would do says that there are too many.
        if len(self.elsewhere) <= MAX_VALUES:
            self.elsewhere[text] = None
