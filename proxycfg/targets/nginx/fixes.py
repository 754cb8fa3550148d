"""Changes to the text of an nginx configuration that give a route what it wants of a property.

A fix goes where a person would put it: a setting that the location has is rewritten in place, wherever it is included from; one that it lacks
follows its ``proxy_pass``, on a line of its own with that line's indent. It is safe where nobody but that route is affected: not where the
location holds others that inherit from it, nor where its text is included in several places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count
from typing import NamedTuple

from proxycfg.behavior import FOREVER
from proxycfg.finding import Fix
from proxycfg.rule import Case
from proxycfg.source import Edit, Span
from proxycfg.targets.nginx.place import BUFFERED_MODULES
from proxycfg.targets.nginx.read import Proxied
from proxycfg.targets.nginx.servers import Http
from proxycfg.targets.nginx.syntax import Directive, Text
from proxycfg.targets.nginx.variables import HANDSHAKE, Variables


class Setting(NamedTuple):
    """A plain directive, as it should be."""

    name: str
    value: str


class Fixer:
    """Fixes for the streams of one configuration."""

    def __init__(self) -> None:
        """What several fixes need is worked out once."""
        self._tokens: dict[int, Token] = {}

    def fix(self, case: Case, wishes: tuple[str, ...]) -> Fix | None:
        """A change after which the properties of ``wishes`` are as the stream's need has them; None if there is none for one of them."""
        proxied: Proxied = case.subject
        handler = proxied.location.handler
        if handler is None:
            return None
        module = handler.name.removesuffix("_pass")
        settings: dict[str, Setting] = {}
        edits: list[Edit] = []
        titles: list[str] = []
        beside = ""
        for wish in wishes:
            if wish in _HANDSHAKE:
                token = self._token(proxied.http)
                make, title = _HANDSHAKE[wish]
                made = make(proxied, handler, token)
                if not made:
                    return None
                edits += made
                titles.append(title)
                if token.made is not None and any(token.value in edit.text for edit in edits):
                    edits.append(token.made)
                    beside = ", and the map that Connection needs"
                continue
            setting = _SETTINGS[wish](case, module) if wish in _SETTINGS else None
            if setting is None:
                return None
            settings[setting.name] = setting
        for setting in settings.values():
            edits.append(_set(proxied, handler, setting))
            titles.append(f"`{setting.name} {setting.value};`")
        safe = not _shared(proxied) and not _inherited_below(proxied)
        return Fix(f"write {', '.join(titles)} in this location{beside}", safe, tuple(edits)) if edits else None

    def _token(self, http: Http) -> Token:
        if id(http) not in self._tokens:
            self._tokens[id(http)] = Token(http)
        return self._tokens[id(http)]


def settings_in(proxied: Proxied, settings: Sequence[tuple[str, str]]) -> Fix | None:
    """Plain directives written into the location, or rewritten there."""
    handler = proxied.location.handler
    if handler is None:
        return None
    edits = tuple(_set(proxied, handler, Setting(name, value)) for name, value in settings)
    titles = ", ".join(f"`{name} {value};`" for name, value in settings)
    return Fix(f"write {titles} in this location", not _shared(proxied) and not _inherited_below(proxied), edits)


def lines_in(proxied: Proxied, lines: Sequence[Directive]) -> Fix | None:
    """Items of a list repeated in the location: safe where it has a list of its own, which replaces those around it already."""
    handler = proxied.location.handler
    if handler is None or not lines:
        return None
    edit = _insert(handler, proxied.location.directive, [line.source for line in lines])
    title = f"repeat {', '.join(f'`{line.source};`' for line in lines)} in this location"
    listed = all(proxied.location.level.own.get(line.name) for line in lines)
    return Fix(title, listed and not _shared(proxied) and not _inherited_below(proxied), edits=(edit,))


# ---- in words ----

_HINTS = {
    "request_buffering": "Write `proxy_request_buffering off;`.",
    "caching": "Write `proxy_cache off;` where it streams.",
    "error_interception": "Write `proxy_intercept_errors off;` where it streams.",
    "stalls_on": "Keep the filter out of the location that streams.",
    "client_http_versions": (
        "Before nginx 1.25.1 such a listener speaks HTTP/2 alone. Leave `http2` out of this listen, or give HTTP/1.1 a port of its own."
    ),
    "grpc": "Write `http2 on;` in the server (before nginx 1.25.1, `http2` on `listen`).",
    "upstream_http_version": "Write `proxy_http_version 1.1;` in this location.",
    "query_logged": "Give the route a log_format with $uri, or `access_log off;`.",
}


def hint(case: Case, name: str) -> str:
    """What to write for a property, as a sentence; empty where the rule says it."""
    if name == "request_body_limit":
        setting = _body_limit(case, "")
        return f"Write `{setting.name} {setting.value};`."
    return _HINTS.get(name, "")


# ---- which setting gives which property ----


def _of_module(ending: str, value: str) -> Callable[[Case, str], Setting | None]:
    def setting(_: Case, module: str) -> Setting | None:
        return Setting(f"{module}_{ending}", value) if module in BUFFERED_MODULES else None

    return setting


def _read_timeout(case: Case, module: str) -> Setting:
    return Setting(f"{module}_read_timeout", _seconds(case.need.accepted.upstream_idle_timeout.low))


def _client_timeout(case: Case, module: str) -> Setting:
    wanted = _seconds(case.need.accepted.client_idle_timeout.low)
    # Behind an upgrade there is one timer for both sides.
    return Setting(f"{module}_read_timeout" if case.protocol == "websocket" else "client_body_timeout", wanted)


def _body_limit(case: Case, _module: str) -> Setting:
    low = case.need.accepted.request_body_limit.low
    return Setting("client_max_body_size", "0" if low == FOREVER else f"{-(-int(low) // 2**20)}m")


def _compression(case: Case, _module: str) -> Setting | None:
    short = case.shortfalls["compression"]
    return Setting("gzip", "off") if "gzip" in short.evidence.text else None


def _http_version(_case: Case, module: str) -> Setting | None:
    return Setting("proxy_http_version", "1.1") if module == "proxy" else None


_SETTINGS: dict[str, Callable[[Case, str], Setting | None]] = {
    "response_buffering": _of_module("buffering", "off"),
    "stalls_on": _of_module("buffering", "off"),
    "request_buffering": _of_module("request_buffering", "off"),
    "compression": _compression,
    "caching": _of_module("cache", "off"),
    "upstream_http_version": _http_version,
    "upstream_idle_timeout": _read_timeout,
    "client_idle_timeout": _client_timeout,
    "request_body_limit": _body_limit,
    "error_interception": lambda _, module: Setting(f"{module}_intercept_errors", "off"),
    "retries_non_idempotent": lambda _, module: Setting(f"{module}_next_upstream", "error timeout"),
    "abort_propagates": _of_module("ignore_client_abort", "off"),
}


def _seconds(seconds: float) -> str:
    """A duration as nginx writes it; never is a day longer than anybody waits."""
    return "365d" if seconds == FOREVER else f"{seconds:g}s"


# ---- the handshake of a WebSocket ----


def _handshake(proxied: Proxied, handler: Directive, token: Token) -> list[Edit]:
    """Upgrade and Connection set, with the headers repeated that a list of the location's own would otherwise drop."""
    level = proxied.location.level
    own = level.own.get("proxy_set_header", [])
    wanted = {"upgrade": "$http_upgrade", "connection": token.value}
    edits: list[Edit] = []
    lines: list[str] = []
    if not own:
        lines += [
            line.source
            for line in level.in_force.get("proxy_set_header", [])
            if line.args and line.args[0].lower() not in wanted
        ]
    for name, value in wanted.items():
        line = next((each for each in own if each.args and each.args[0].lower() == name), None)
        if line is None:
            lines.append(f"proxy_set_header {name.title()} {value}")
        elif len(line.args) > 1 and not (
            line.args[1] == value or (name == "connection" and token.upgrades(line.args[1]))
        ):
            edits.append(Edit(line.arg_span(1), value))
    if lines:
        edits.append(_insert(own[-1] if own else handler, proxied.location.directive, lines))
    return edits


def _of_plain_requests(proxied: Proxied, handler: Directive, token: Token) -> list[Edit]:
    """The ``Connection`` of plain requests made empty, with the headers repeated that a list of the location's own would otherwise drop.

    A constant ``upgrade`` becomes the map's value. Nothing where a variable or another block says it: that is for a person to judge.
    """
    level = proxied.location.level
    own, inherited = (found.get("proxy_set_header", []) for found in (level.own, level.in_force))
    line = next((each for each in inherited if each.args and each.args[0].lower() == "connection"), None)
    if line is None:
        lines = [*(() if own else (each.source for each in inherited)), 'proxy_set_header Connection ""']
        return [_insert(own[-1] if own else handler, proxied.location.directive, lines)]
    said = line.args[1].lower() if len(line.args) > 1 else ""
    value = {"close": '""', "upgrade": token.value}.get(said, "")
    return [Edit(line.arg_span(1), value)] if line in own and value not in {"", '"upgrade"'} else []


_HANDSHAKE = {
    "upgrade": (_handshake, "the headers of the handshake"),
    "upstream_connection_header": (_of_plain_requests, "`proxy_set_header Connection …;`"),
}


class Token:
    """What stands for ``Connection: upgrade`` in one http block: a variable that only handshakes set to it, as plain requests go the same way.

    It comes from a map that is there, by whatever name, else from one that :attr:`made` writes. Where the http block is not at hand, such as beside
    a site's file alone, nobody can tell which maps there are, and the word itself has to do.
    """

    def __init__(self, http: Http) -> None:
        """Looks for the map, once for all fixes of the block."""
        self._variables = Variables(http)
        self.made: Edit | None = None
        for line in http.level.own.get("map", []):
            if len(line.args) > 1 and line.args[0] == "$http_upgrade" and self.upgrades(line.args[1]):
                self.value = line.args[1]
                return
        block = http.level.directive
        if block is None:
            self.value = '"upgrade"'
            return
        texts = [tree.text.text for tree in http.config.files.values()]
        numbered = (f"$connection_upgrade{f'_{number}' if number > 1 else ''}" for number in count(1))
        self.value = next(name for name in numbered if not any(name[1:] in text for text in texts))
        self.made = _new_map(block, self.value)

    def upgrades(self, text: str) -> bool:
        """Whether that is surely ``upgrade`` in a handshake."""
        values = self._variables.values(text, HANDSHAKE)
        return values is not None and {value.lower() for value in values} == {"upgrade"}


def _new_map(http: Directive, variable: str) -> Edit:
    """A map before the first server, upstream, or include of several files, and before what is said of it; else at the top of the block."""
    text = http.text
    first = next(
        (
            child
            for child in http.block or ()
            if child.name in {"server", "upstream"} or (child.name == "include" and "*" in "".join(child.args))
        ),
        None,
    )
    if first is None:
        return _at_the_top(http, [f"map $http_upgrade {variable} {{ default upgrade; '' ''; }}"], end="")
    number, column = text.position(first.start)
    lead = text.line(number)[: column - 1]
    if lead.strip():
        return Edit(text.span(first.start, first.start), f"map $http_upgrade {variable} {{ default upgrade; '' ''; }} ")
    while number > 1 and text.line(number - 1).lstrip().startswith("#"):
        number -= 1
    inner = lead + ("\t" if lead.startswith("\t") else "    ")
    lines = (f"{lead}map $http_upgrade {variable} {{", f"{inner}default upgrade;", f"{inner}'' '';", f"{lead}}}", "")
    at = Span(text.name, number, 1, number, 1)
    return Edit(at, "".join(f"{line}{_ending(text)}" for line in lines))


# ---- where a setting goes ----


def _set(proxied: Proxied, handler: Directive, setting: Setting) -> Edit:
    own = proxied.location.level.own.get(setting.name)
    if own:
        words = own[0].words[1:]
        if words:
            return Edit(own[0].text.span(words[0].start, words[-1].end), setting.value)
        return Edit(own[0].text.span(own[0].end - 1, own[0].end - 1), f" {setting.value}")
    return _insert(handler, proxied.location.directive, [f"{setting.name} {setting.value}"])


def _insert(after: Directive, block: Directive, lines: list[str]) -> Edit:
    """Lines behind a directive of the block, or at its beginning if the directive comes from another file."""
    text = after.text
    if text is not block.text:
        return _at_the_top(block, lines)
    start, column = text.position(after.start)
    line = text.line(start)
    lead = line[: column - 1]
    end = text.text.find("\n", after.end)
    rest = text.text[after.end : end if end >= 0 else len(text.text)]
    if lead.strip() or not re.fullmatch(r"\s*(#.*)?", rest):
        # Several directives on one line: so is this one.
        return Edit(text.span(after.end, after.end), "".join(f" {each};" for each in lines))
    ending = _ending(text)
    at = after.end + len(rest.rstrip("\r"))
    return Edit(text.span(at, at), "".join(f"{ending}{lead}{each};" for each in lines))


def _at_the_top(block: Directive, lines: list[str], end: str = ";") -> Edit:
    text = block.text
    line, column = text.position(block.start)
    lead = re.match(r"\s*", text.line(line)[: column - 1])
    indent = (lead[0] if lead else "") + "    "
    return Edit(text.span(block.body, block.body), "".join(f"{_ending(text)}{indent}{each}{end}" for each in lines))


@lru_cache(64)
def _ending(text: Text) -> str:
    """What ends its lines; a file of thousands of sites is looked through once."""
    return "\r\n" if "\r\n" in text.text else "\n"


# ---- who else is affected ----


def _shared(proxied: Proxied) -> bool:
    """Whether the location's text stands in several servers, or its settings in a file that others include, too."""
    location = proxied.location
    return proxied.repeated or any(child.text is not location.directive.text for child in location.level.children)


def _inherited_below(proxied: Proxied) -> bool:
    return bool(list(proxied.location.inside.all())) or len(proxied.levels) > 1
