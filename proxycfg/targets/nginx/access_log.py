"""Whether a location's access log keeps the query string: a made-up request is sent through its formats and maps."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxycfg.behavior import EITHER, NO, YES, Between
from proxycfg.targets.nginx.servers import Http, Location
from proxycfg.targets.nginx.syntax import Directive
from proxycfg.targets.nginx.variables import MAX_DEPTH, MAX_STEPS, VARIABLE, Variables

_TOKEN, _OTHER = "QUERYPROBEONE", "QUERYPROBETWO"
_NAMES = ("token", "access_token", "api_key", "key", "auth")
"""Names that people mask."""
_QUERY = "&".join([*(f"{name}={_TOKEN}" for name in _NAMES), f"room={_OTHER}"])

COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
"""nginx's own format, for logs that name none."""

_NOT_OURS = ("set_by_lua", "js_set", "js_var", "perl_set")
"""Directives that make variables by a program."""

_META = re.compile(r"[\\^$.|?*+()\[\]{}]")


class AccessLogs:
    """The log formats of one http block."""

    def __init__(self, http: Http, variables: Variables) -> None:
        """Formats are judged when they are first asked for."""
        self.variables = variables
        self._formats: dict[str, str] = {"combined": COMBINED}
        for directive in http.level.own.get("log_format", []):
            words = [word for word in directive.args[1:] if not word.startswith("escape=")]
            if directive.args:
                self._formats.setdefault(directive.args[0], "".join(words))
        self._plain: dict[str, Between[bool]] = {}
        self._programmed: frozenset[str] | None = None
        self._steps = 0
        self.http = http

    def keeps(self, logs: list[Directive], location: Location) -> tuple[Between[bool], Directive | None]:
        """Whether one of the logs keeps the query, and the one that decides; ``logs`` is what is in force, empty for silence."""
        if not logs:
            return YES, None
        # Of one level `off` takes all.
        off = next((log for log in logs if log.args == ("off",)), None)
        if off is not None:
            return NO, off
        kept, decided_by = NO, logs[0]
        for log in logs:
            one = self._keeps(log, location)
            if (one.low, one.high) > (kept.low, kept.high):
                decided_by = log
            kept = kept.both(one)
        return kept, decided_by

    def _keeps(self, log: Directive, location: Location) -> Between[bool]:
        condition = next((word[3:] for word in log.args if word.startswith("if=")), None)
        name = log.args[1] if len(log.args) > 1 and "=" not in log.args[1] else "combined"
        kept = self.format(name, location)
        if condition is None or kept == NO:
            return kept
        values = self.variables.values(condition, self._world(location), location)
        if values is not None and values <= {"", "0"}:
            return NO
        return kept if values is not None and not values & {"", "0"} else Between(low=False, high=kept.high)

    def format(self, name: str, location: Location) -> Between[bool]:
        """Whether lines of that format hold the query."""
        text = self._formats.get(name)
        if text is None:
            # nginx would not start.
            return EITHER
        found = self._plain.get(name)
        if found is None:
            self._steps = MAX_STEPS
            names = {match[1] or match[2] for match in VARIABLE.finditer(text)}
            # Without variables of the config's own the answer is the same for every location.
            if any(self.variables.map(each) or each in self.variables.set_names for each in names):
                return self._text(text, self._world(location), location, 0)
            found = self._plain[name] = self._text(text, _WORLD, None, 0)
        return found

    def _world(self, location: Location) -> dict[str, str]:
        """The made-up request for a location: its own path, as far as that is plain."""
        self.variables.asked_of_place = True
        name = location.name
        if location.kind in {"regex", "regex-i"}:
            name = _META.split(name.removeprefix("^"), maxsplit=1)[0]
        return _requested(name if name.startswith("/") else "/")

    def _text(self, text: str, world: Mapping[str, str], location: Location | None, depth: int) -> Between[bool]:
        kept = _in_text(text)
        for match in VARIABLE.finditer(text):
            kept = kept.both(self._variable(match[1] or match[2], world, location, depth + 1))
        return kept

    def _variable(self, name: str, world: Mapping[str, str], location: Location | None, depth: int) -> Between[bool]:
        if name in world:
            return _in_text(world[name])
        if name.startswith("arg_"):
            # A part of it.
            return EITHER
        self._steps -= 1
        if depth > MAX_DEPTH or self._steps < 0:
            return EITHER
        made = self.variables.map(name)
        if made is not None:
            keys = self.variables.values(made.source, world, location) if made.source is not None else None
            if keys is None:
                return self._any([(value, world) for value in made.values()], location, depth)
            entries = [made.find(key) for key in keys]
            if None in entries:
                return EITHER
            return self._any([(entry[0], {**world, **entry[1]}) for entry in entries if entry], location, depth)
        if location is not None and name in self.variables.set_names:
            texts = self.variables.settings(name, location)
            return EITHER if texts is None else self._any([(text, world) for text in texts], location, depth)
        return EITHER if name in self._made_by_programs() else NO

    def _any(self, texts: list[tuple[str, Mapping[str, str]]], location: Location | None, depth: int) -> Between[bool]:
        results = [self._text(text, world, location, depth) for text, world in texts]
        kept = results[0] if results else NO
        for one in results[1:]:
            kept = kept.hull(one)
        return kept

    def _made_by_programs(self) -> frozenset[str]:
        if self._programmed is None:
            levels = [self.http.level, *(server.level for server in self.http.servers)]
            levels += [location.level for server in self.http.servers for location in server.locations.all()]
            self._programmed = frozenset(
                child.args[0].removeprefix("$")
                for level in levels
                for child in level.children
                if child.name.startswith(_NOT_OURS) and child.args
            )
        return self._programmed


def _in_text(text: str) -> Between[bool]:
    return Between(low=_TOKEN in text and _OTHER in text, high=_TOKEN in text or _OTHER in text)


def _requested(path: str) -> dict[str, str]:
    target = f"{path}?{_QUERY}"
    return {
        "request": f"GET {target} HTTP/1.1", "request_uri": target, "args": _QUERY, "query_string": _QUERY, "is_args": "?",
        "uri": path, "document_uri": path, "request_method": "GET",
    }  # fmt: skip


_WORLD = _requested("/")
