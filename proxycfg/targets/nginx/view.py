"""One stream's location as the linter's idioms look at it: what is in force there, where its requests go, and changes to it.

Rules know no target; what they need of nginx they ask of a :class:`View`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import TYPE_CHECKING

from proxycfg.finding import Fix
from proxycfg.source import Edit
from proxycfg.targets.nginx.defaults import default
from proxycfg.targets.nginx.fixes import lines_in, settings_in
from proxycfg.targets.nginx.place import seconds, size
from proxycfg.targets.nginx.servers import Location, Server, choose_location
from proxycfg.targets.nginx.syntax import Directive
from proxycfg.targets.nginx.upstreams import METHODS, Group, is_address
from proxycfg.targets.nginx.variables import HANDSHAKE, PLAIN, names_in

if TYPE_CHECKING:
    from proxycfg.rule import Case
    from proxycfg.targets.nginx.place import Reader
    from proxycfg.targets.nginx.read import Proxied


class View:
    """A case, seen by idioms of nginx."""

    def __init__(self, case: Case, reader: Reader, *, whole: bool) -> None:
        """``whole`` says that nothing stands around the config that was read: what is not there is nowhere."""
        self.case = case
        self.proxied: Proxied = case.subject
        self.location: Location = self.proxied.location
        self.server: Server = self.location.server
        self.reader = reader
        self.variables = reader.variables
        self.upstreams = reader.upstreams
        self.version = reader.version
        self.whole = whole

    # ---- what is in force ----

    @cached_property
    def handler(self) -> Directive | None:
        """The ``*_pass``; None where only an ``if`` has one."""
        return self.location.handler

    @cached_property
    def module(self) -> str:
        """The module at work: ``proxy``, ``grpc``, ``fastcgi``."""
        return self.handler.name.removesuffix("_pass") if self.handler else "proxy"

    def lines(self, name: str) -> Sequence[Directive]:
        """The directives of that name in force."""
        return self.location.level.in_force.get(name, ())

    def line(self, name: str) -> Directive | None:
        """The plain directive in force, if it has an argument."""
        found = self.lines(name)
        return found[0] if found and found[0].args else None

    def own(self, name: str) -> Sequence[Directive]:
        """Those that are written in the location itself."""
        return self.location.level.own.get(name, ())

    @property
    def names(self) -> AbstractSet[str]:
        """The names of the directives that are written in the location itself."""
        return self.location.level.own.keys()

    def is_own(self, line: Directive) -> bool:
        """Whether it is written in the location itself."""
        return any(line is each for each in self.own(line.name))

    def on(self, name: str) -> bool:
        """Whether a switch is on, by a directive or by default."""
        line = self.line(name)
        words = line.args if line is not None else default(name, self.version) or ()
        return words[:1] == ("on",)

    def seconds(self, name: str) -> float | None:
        """The duration in force, by a directive or by default; None if it hangs on something else."""
        line = self.line(name)
        words = line.args if line is not None else default(name, self.version) or ()
        return seconds(words[0]) if words else None

    def bytes(self, name: str) -> int | None:
        """The size in force, where a directive sets it; None if it hangs on something else."""
        line = self.line(name)
        return size(line.args[0]) if line is not None else None

    @property
    def inside(self) -> bool:
        """Whether other locations inherit from this one."""
        return any(True for _ in self.location.inside.all())

    def header(self, name: str, *, handshake: bool = False) -> tuple[frozenset[str] | None, Directive] | None:
        """What the origin sees as a request header, if it is set: the values that are possible, None for any."""
        for line in reversed(self.lines(f"{self.module}_set_header")):
            if len(line.args) > 1 and line.args[0].lower() == name:
                world = HANDSHAKE if handshake else PLAIN
                return self.variables.values(line.args[1], world, self.location), line
        return None

    def speaks_of(self, text: str, *names: str) -> bool:
        """Whether a text is made of one of these variables, through maps."""
        return any(not self.variables.reach(inner).isdisjoint(names) for inner in names_in(text))

    def dropped(self, name: str) -> list[Directive]:
        """Items of outer lists that a list further in replaces without having them."""
        levels = [level for level in self.location.level.levels() if name in level.own]
        here = {line.args[0].lower() for line in levels[0].own[name] if line.args} if levels else set()
        return [
            line for level in levels[1:2] for line in level.own[name] if line.args and line.args[0].lower() not in here
        ]

    # ---- where requests go ----

    @cached_property
    def target(self) -> re.Match[str] | None:
        """Scheme, host, port and path of the ``*_pass``."""
        return _TARGET.match(self.handler.args[0]) if self.handler is not None and self.handler.args else None

    @property
    def is_foreign(self) -> bool:
        """Whether requests go to another site: by TLS, or to a name of the public kind."""
        target = self.target
        return self.is_public or (
            target is not None
            and target["host"] not in self.proxied.http.upstreams
            and target["scheme"] in {"https", "grpcs"}
        )

    @property
    def is_public(self) -> bool:
        """Whether the ``*_pass`` names a host of the public kind."""
        target = self.target
        if target is None or target["host"] in self.proxied.http.upstreams:
            return False
        labels = target["host"].lower().split(".")
        return len(labels) > 1 and labels[-1].isalpha() and labels[-1] not in _PRIVATE

    def is_per_client(self, kind: str, zone: str) -> bool:
        """Whether a zone of limits has a key that tells clients apart."""
        for line in self.proxied.http.level.own.get(kind, ()):
            if any(word.startswith(f"zone={zone}:") for word in line.args):
                return self.upstreams.is_per_client(line.args[0])
        return False

    def reads(self, *names: str) -> bool:
        """Whether the location decides by one of these variables: in a condition, a variable, a header, or a request of authorisation."""
        deciding = ("if", "set", "auth_request", "auth_request_set", "proxy_pass", "rewrite")
        lines = [*(line for name in deciding for line in self.own(name)), *self.lines("proxy_set_header")]
        return any(self.speaks_of(word, *names) for line in lines for word in line.args)

    def reads_arguments(self, *names: str) -> bool:
        """The same of one of these arguments of the query."""
        return self.reads(*(f"arg_{name}" for name in names))

    @property
    def looked_up(self) -> list[str]:
        """Names that variables of the ``*_pass`` come to, and that are looked up at each request; none if that is not known."""
        text = self.handler.args[0] if self.handler is not None and self.handler.args else ""
        if "$" not in text.partition("://")[2].partition("/")[0]:
            return []
        values = self.variables.values(text, PLAIN, self.location) or ()
        hosts = [match["host"] for match in map(_TARGET.match, sorted(values)) if match is not None]
        return [host for host in hosts if not is_address(host) and host not in self.proxied.http.upstreams]

    def has_method(self, group: Group) -> bool:
        """Whether a group says how it chooses a server."""
        level = self.proxied.http.upstreams.get(group.directive.args[0]) if group.directive is not None else None
        return level is not None and any(method in level.own for method in METHODS)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups of servers behind it; none where that is not known."""
        return self.reader.groups(self.location, self.handler)

    def winner(self, path: str) -> Location | None:
        """The location that a request for that path ends in."""
        return choose_location(self.server, path).location

    def redirects(self, path: str) -> bool:
        """Whether a request for that path is sent to the same with a slash."""
        return choose_location(self.server, path).redirect

    def holds(self, other: Location) -> bool:
        """Whether another location stands inside this one."""
        return any(other is each for each in self.location.inside.all())

    # ---- changes ----

    def set(self, name: str, value: str) -> Fix | None:
        """A plain directive of the location, written or rewritten."""
        return settings_in(self.proxied, ((name, value),))

    def add(self, lines: Sequence[Directive]) -> Fix | None:
        """These lines, repeated in the location."""
        return lines_in(self.proxied, lines)

    def append(self, line: Directive, words: str) -> Fix | None:
        """More words at the end of a directive; None if it is not the location's own."""
        if not self.is_own(line):
            return None
        at = line.words[-1].end
        return Fix(f"write `{line.source} {words};`", safe=False, edits=(Edit(line.text.span(at, at), f" {words}"),))

    def caret(self) -> Fix | None:
        """``^~`` before the location's prefix; it keeps regular expressions out for all that is below, so it is not safe."""
        if self.location.kind != "prefix":
            return None
        word = self.location.directive.words[1]
        edit = Edit(self.location.directive.text.span(word.start, word.start), "^~ ")
        return Fix(f"write `location ^~ {self.location.name}`", safe=False, edits=(edit,))

    def remove(self, line: Directive) -> Fix | None:
        """The directive taken out, with its line if that holds nothing else; None if it is not the location's own."""
        if not self.is_own(line):
            return None
        return Fix(f"remove `{line.source}`", safe=False, edits=(removal(line),))


def removal(line: Directive) -> Edit:
    """The edit that takes a directive out, and the line with it where nothing else stands there."""
    text = line.text.text
    start = text.rfind("\n", 0, line.start) + 1
    end = text.find("\n", line.end)
    end = len(text) if end < 0 else end + 1
    if text[start : line.start].strip() or text[line.end : end].strip():
        start, end = line.start, line.end
    return Edit(line.text.span(start, end), "")


_PRIVATE = frozenset(
    {"local", "internal", "lan", "home", "localdomain", "test", "invalid", "svc", "docker", "arpa", "localhost"}
)
_TARGET = re.compile(
    r"^(?P<scheme>[a-z]+)://(?P<host>\[[^\]]*\]|[^/:\s]*)(?::(?P<port>[^/]+))?(?P<uri>/.*)?$", re.IGNORECASE
)
