"""Where a request ends: through server rewrites, the location search, location rewrites, ``try_files`` and ``error_page``, as nginx goes.

Only the configuration is known, so files do not exist here (``try_files`` goes to its last argument), origins answer without error, and a
condition on something that the request does not say is taken as false; each such step is told in the journey's ``assumed``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.scope import Level, level_of
from proxycfg.targets.nginx.servers import (
    Choice,
    Http,
    Listen,
    Location,
    Server,
    choose_location,
    choose_server,
    compile_pattern,
)
from proxycfg.targets.nginx.syntax import Directive

MAX_JUMPS = 10
"""Internal redirects of one request; nginx answers 500 beyond it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks: scheme, host, port, the target as sent, and the headers that are known to be there (lower-case names)."""

    scheme: str
    host: str
    port: int
    target: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)


def request_of(url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Request:
    """The request that a client makes of a URL (``http``, ``https``, ``ws`` or ``wss``).

    :raises ValueError: if it is no such URL.
    """
    parts = urlsplit(url)
    schemes = {
        "http": ("http", 80),
        "ws": ("http", 80),
        "grpc": ("http", 80),
        "https": ("https", 443),
        "wss": ("https", 443),
        "grpcs": ("https", 443),
    }
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"{url!r} is not a URL such as https://chat.example.com/v1/chat/completions")
    scheme, port = schemes[parts.scheme]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Request(scheme, parts.hostname, parts.port or port, target, method, headers or {})


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened on the way, with the directive that did it."""

    what: str
    directive: Directive | None


@dataclass(slots=True)
class Journey:
    """The way of one request: the server, the location where it ends, what it answers if no origin does, and each step."""

    server: Server | None = None
    location: Location | None = None
    level: Level | None = None
    """The settings in force at the end: the location's, or those of an ``if`` block inside it."""
    answer: str = ""
    """What nginx answers itself, such as ``301``; empty where an origin answers."""
    steps: list[Step] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    @property
    def proxied(self) -> bool:
        """Whether an origin gets the request."""
        return not self.answer and self.level is not None and self.level.handler() is not None


class _Jump(Exception):
    """The request goes on somewhere else."""

    def __init__(self, uri: str = "", name: str = "", *, server_rewrites: bool = False) -> None:
        self.uri, self.name, self.server_rewrites = uri, name, server_rewrites


class _Answered(Exception):
    def __init__(self, answer: str, code: int) -> None:
        self.answer, self.code = answer, code


def normalise(path: str) -> str:
    """The path as locations see it: decoded, without dot segments, double slashes merged."""
    decoded = unquote(path.split("?", 1)[0].split("#", 1)[0], errors="replace")
    out: list[str] = []
    for part in re.sub("/{2,}", "/", decoded).split("/")[1:]:
        if part == "..":
            if out:
                out.pop()
        elif part != ".":
            out.append(part)
    tail = "/" if decoded.endswith(("/.", "/..")) and out and out[-1] else ""
    return "/" + "/".join(out) + tail


def follow(config: Config, http: Http, request: Request) -> Journey:
    """Follow a request to where it ends."""
    return _Follower(config, http, request).go()


class _Follower:
    def __init__(self, config: Config, http: Http, request: Request) -> None:
        self.config = config
        self.http = http
        self.request = request
        self.journey = Journey()
        self.uri = normalise(request.target)
        self.args = request.target.partition("?")[2]
        self.captures: dict[str, str] = {}
        self.variables: dict[str, str | None] = {}
        self.maps = {d.args[1].lstrip("$"): d for d in http.level.own.get("map", []) if len(d.args) > 1}
        self.error_pages_left = 1

    def go(self) -> Journey:
        request, journey = self.request, self.journey
        secure = request.scheme == "https"
        server = choose_server(self.http, request.host, request.port, secure=secure) or choose_server(
            self.http, request.host, request.port
        )
        if server is None and not self.listens_anywhere(request.port):
            # Port maps and balancers in front hide the port that clients use: the name still tells.
            server = self.by_name_alone(secure=secure)
        if server is None:
            journey.answer = "nothing listens there"
            return journey
        journey.server = server
        name, run_server_rewrites = "", True
        for _ in range(MAX_JUMPS + 1):
            try:
                if run_server_rewrites:
                    self.rewrites(server.level)
                self.locate(server, name)
            except _Jump as jump:
                name, run_server_rewrites = jump.name, jump.server_rewrites
                if jump.uri:
                    self.uri, _, args = jump.uri.partition("?")
                    self.args = args or self.args
                continue
            except _Answered as answered:
                journey.answer = answered.answer
            return journey
        journey.answer = "500 (more than 10 internal redirects)"
        return journey

    def listens_anywhere(self, port: int) -> bool:
        return any(listen.port == port for server in self.http.servers for listen in server.listens)

    def by_name_alone(self, *, secure: bool) -> Server | None:
        def fits(listen: Listen) -> bool:
            return listen.ssl == secure

        ports = dict.fromkeys(
            listen.port
            for wanted in (True, False)
            for server in self.http.servers
            for listen in server.listens
            if fits(listen) == wanted
        )
        for port in ports:
            server = choose_server(self.http, self.request.host, port)
            if server:
                self.journey.assumed.append(
                    f"nothing listens on port {self.request.port}: clients are taken to reach port {port}"
                )
                return server
        return None

    def locate(self, server: Server, name: str) -> None:
        journey = self.journey
        if name:
            location = server.locations.named.get(name)
            if location is None:
                raise _Answered(f"500 (there is no location {name})", 500)
            choice = Choice(location)
        else:
            choice = choose_location(server, self.uri)
        location = choice.location
        if location is None:
            journey.location, journey.level = None, server.level
            raise _Answered("a file, or 404 (no location matches)", 404)
        journey.location, journey.level = location, location.level
        journey.steps.append(Step(f"location {' '.join(location.directive.args)}", location.directive))
        if choice.redirect:
            raise _Answered("301 to the same path with a slash", 301)
        try:
            journey.level = self.rewrites(location.level)
            self.content(location)
        except _Answered as answered:
            self.error_page(journey.level, answered)
            raise

    def content(self, location: Location) -> None:
        level = self.journey.level or location.level
        tries = location.level.own.get("try_files")
        if tries and tries[0].args:
            last = tries[0].args[-1]
            self.journey.steps.append(Step(f"try_files goes on to {last}", tries[0]))
            self.journey.assumed.append("no file exists, so try_files goes to its last argument")
            if last.startswith("="):
                raise _Answered(last[1:], int(last[1:]) if last[1:].isdigit() else 404)
            if last.startswith("@"):
                raise _Jump(name=last)
            raise _Jump(uri=self.expand(last) or "/", server_rewrites=True)
        if level.handler() is None:
            if any(name in location.level.own for name in ("root", "alias", "index")) or level.first("root"):
                raise _Answered("a file, or 404", 404)
            raise _Answered("a file, or 404 (no *_pass here: it does not come down from the outside)", 404)

    def error_page(self, level: Level, answered: _Answered) -> None:
        if not self.error_pages_left:
            return
        pages, _ = level.all("error_page")
        for page in pages:
            codes = [word for word in page.args[:-1] if not word.startswith("=")]
            if str(answered.code) not in codes:
                continue
            self.error_pages_left -= 1
            target = page.args[-1]
            self.journey.steps.append(Step(f"error_page sends {answered.code} to {target}", page))
            if target.startswith("@"):
                raise _Jump(name=target)
            if target.startswith("/"):
                raise _Jump(uri=self.expand(target) or target, server_rewrites=True)
            return

    # ---- the rewrite module ----

    def rewrites(self, level: Level) -> Level:
        """Run a level's rewrite directives; the level whose settings are in force afterwards."""
        active = level
        if level.directive is None:
            return level
        children = self.config.block(level.directive)
        if not any(child.name in {"return", "rewrite", "set", "if", "break"} for child in children):
            return active
        before = self.uri
        rewritten = False
        for child in children:
            if child.name == "if" and child.block is not None:
                truth = self.condition(child)
                if truth is None:
                    self.journey.assumed.append(
                        f"`{child.source}` hangs on something that the request does not say: taken as false"
                    )
                if truth:
                    inner = level_of(self.config, "if", child, level)
                    self.journey.steps.append(Step(child.source, child))
                    if level.kind != "server":
                        active = inner
                    if self.run(inner, self.config.block(child)) == "break":
                        break
            elif (ended := self.one(child)) == "break":
                break
            elif ended == "rewritten":
                rewritten = True
        if level.kind == "location" and rewritten and self.uri != before:
            raise _Jump(uri=f"{self.uri}?{self.args}" if self.args else self.uri)
        return active

    def run(self, level: Level, children: list[Directive]) -> str:
        del level
        for child in children:
            if self.one(child) == "break":
                return "break"
        return ""

    def one(self, directive: Directive) -> str:
        """One rewrite directive: ``break``, ``rewritten`` or nothing."""
        args = directive.args
        if directive.name == "return" and args:
            self.journey.steps.append(Step(directive.source, directive))
            if args[0].isdigit():
                code = int(args[0])
                raise _Answered(" ".join(args[:2]), code)
            raise _Answered(f"302 {args[0]}", 302)
        if directive.name == "set" and len(args) == 2:  # noqa: PLR2004 - `set $variable value`
            self.variables[args[0].lstrip("$")] = self.expand(args[1])
        elif directive.name == "break":
            return "break"
        elif directive.name == "rewrite" and len(args) > 1:
            return self.rewrite(directive)
        return ""

    def rewrite(self, directive: Directive) -> str:
        pattern = compile_pattern(directive.args[0], ignore_case=False)
        match = pattern.search(self.uri) if pattern else None
        if not match:
            return ""
        self.capture(match)
        replacement, *flags = directive.args[1:]
        target = self.expand(replacement)
        flag = flags[0] if flags else ""
        self.journey.steps.append(Step(directive.source, directive))
        if target is None or flag in {"redirect", "permanent"} or re.match(r"https?://|\$scheme", replacement):
            code = 301 if flag == "permanent" else 302
            raise _Answered(f"{code} {target or replacement}", code)
        path, _, args = target.partition("?")
        self.uri = path
        self.args = args if target.endswith("?") or args else self.args
        if flag == "last":
            raise _Jump(uri=f"{self.uri}?{self.args}" if self.args else self.uri)
        return "break" if flag == "break" else "rewritten"

    def capture(self, match: re.Match[str]) -> None:
        self.captures = {str(index): value or "" for index, value in enumerate(match.groups(), 1)}
        for name, value in match.groupdict().items():
            self.variables[name] = value or ""

    def condition(self, directive: Directive) -> bool | None:
        """Whether an ``if`` holds; None where the request does not say."""
        text = " ".join(directive.args).strip()
        words = text.removeprefix("(").removesuffix(")").split()
        if not words:
            return None
        if words[0] in {"-f", "!-f", "-d", "!-d", "-e", "!-e", "-x", "!-x"}:
            # No file exists here.
            return words[0].startswith("!")
        left = self.expand(words[0])
        if len(words) == 1:
            return None if left is None else left not in {"", "0"}
        if len(words) < 3 or left is None:  # noqa: PLR2004 - left, operator, right
            return None
        operator, right = words[1], " ".join(words[2:])
        if operator in {"=", "!="}:
            expected = self.expand(right)
            return None if expected is None else (left == expected) == (operator == "=")
        pattern = compile_pattern(right, ignore_case="*" in operator)
        if pattern is None:
            return None
        match = pattern.search(left)
        if match and not operator.startswith("!"):
            self.capture(match)
        return bool(match) != operator.startswith("!")

    # ---- variables ----

    def expand(self, text: str, depth: int = 0) -> str | None:
        """A text with its variables in place; None where one of them is not known."""
        if "$" not in text:
            return text
        out: list[str] = []
        at = 0
        for match in re.finditer(r"\$(?:\{(\w+)\}|(\w+))", text):
            value = self.variable(match[1] or match[2], depth)
            if value is None:
                return None
            out += [text[at : match.start()], value]
            at = match.end()
        return "".join([*out, text[at:]])

    def variable(self, name: str, depth: int) -> str | None:
        request = self.request
        if name in self.captures:
            return self.captures[name]
        if name in self.variables:
            return self.variables[name]
        known = {
            "uri": self.uri, "document_uri": self.uri, "request_uri": request.target, "args": self.args, "query_string": self.args,
            "is_args": "?" if self.args else "", "host": request.host, "scheme": request.scheme, "request_method": request.method,
            "server_port": str(request.port), "https": "on" if request.scheme == "https" else "",
        }  # fmt: skip
        if name in known:
            return known[name]
        if name == "http_host":
            return request.headers.get("host", request.host)
        if name.startswith("http_"):
            # A header that the caller did not name is not sent.
            return request.headers.get(name.removeprefix("http_").replace("_", "-"), "")
        if name.startswith("arg_"):
            wanted = name.removeprefix("arg_").lower()
            return next(
                (v for k, _, v in (pair.partition("=") for pair in self.args.split("&")) if k.lower() == wanted), ""
            )
        if name in self.maps and depth < 5:  # noqa: PLR2004 - maps of maps; a loop is an error in nginx
            return self.mapped(self.maps[name], depth + 1)
        return None

    def mapped(self, directive: Directive, depth: int) -> str | None:
        key = self.expand(directive.args[0], depth)
        if key is None:
            return None
        default: str | None = ""
        regexes: list[Directive] = []
        for line in self.config.block(directive):
            if (line.name in {"hostnames", "volatile"} and not line.args) or not line.args:
                continue
            if line.name == "default":
                default = self.expand(line.args[0], depth)
            elif line.name.startswith("~"):
                regexes.append(line)
            elif line.name.lower().removeprefix("\\") == key.lower():
                return self.expand(line.args[0], depth)
        for line in regexes:
            ignore_case = line.name.startswith("~*")
            pattern = compile_pattern(line.name[2 if ignore_case else 1 :], ignore_case=ignore_case)
            if pattern is None:
                return None
            if match := pattern.search(key):
                self.capture(match)
                return self.expand(line.args[0], depth)
        return default
