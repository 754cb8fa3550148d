"""Where a request ends: through server rewrites, the location search, location rewrites, ``try_files`` and ``error_page``, as nginx goes.

The order of things is that of nginx's phases (``ngx_http_core_module.c``, ``ngx_http_rewrite_module.c``), and held against running nginx by
``tests/targets/routing.py``. Only the configuration is known, so files do not exist here (``try_files`` goes to its last argument), origins
answer without error, clients are admitted unless everybody is refused, and a condition on something that the request does not say is taken as
false; each such step is told in the journey's ``assumed``.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from proxycfg import pcre
from proxycfg.record import field, record
from proxycfg.request import Request
from proxycfg.targets.nginx.clients import Socket, Sockets
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.scope import Found, Level, level_of
from proxycfg.targets.nginx.servers import (
    Choice,
    Http,
    Listen,
    Location,
    Server,
    by_name,
    choose_location,
)
from proxycfg.targets.nginx.syntax import Directive, number

MAX_JUMPS = 10
"""Internal redirects of one request; nginx answers 500 beyond it."""


_PORTS = {"http": 80, "https": 443}


@record(frozen=True, slots=True)
class Step:
    """One thing that happened on the way, with the directive that did it."""

    what: str
    directive: Directive | None


@record(slots=True)
class Journey:
    """The way of one request: the server, the location where it ends, what it answers if no origin does, and each step."""

    server: Server | None = None
    listen: Listen | None = None
    location: Location | None = None
    level: Level | None = None
    """The settings in force at the end: the location's, or those of an ``if`` or ``limit_except`` block inside it."""
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
    """nginx answers itself; ``final`` where no ``error_page`` is looked for."""

    def __init__(self, answer: str, code: int, *, final: bool = False) -> None:
        self.answer, self.code, self.final = answer, code, final


class Malformed(ValueError):
    """A path that nginx answers with 400, whatever the configuration."""


def normalise(path: str, *, merge_slashes: bool = True) -> str:
    """The path as locations see it: decoded, without dot segments, double slashes merged.

    :raises Malformed: if nginx refuses it.
    """
    raw = path.split("?", 1)[0].split("#", 1)[0]
    if re.search("%(?![0-9A-Fa-f]{2})|%00", raw):
        raise Malformed("400 (the path has a % that escapes nothing)")
    decoded = unquote(raw, errors="surrogateescape")
    if merge_slashes:
        decoded = re.sub("/{2,}", "/", decoded)
    out: list[str] = []
    for part in decoded.split("/")[1:]:
        if part == "..":
            if not out:
                raise Malformed("400 (the path leads out of the root)")
            out.pop()
        elif part != ".":
            out.append(part)
    tail = "/" if decoded.endswith(("/.", "/..")) and out and out[-1] else ""
    return "/" + "/".join(out) + tail


class Arrival(NamedTuple):
    """The server that a request comes to, and the ``listen`` through which it comes."""

    server: Server
    listen: Listen
    socket: Socket


def arrivals(sockets: Sockets, host: str, *, port: int | None = None, address: str = "") -> list[Arrival]:
    """Where requests for a host arrive, by socket: those where its name is known first, then those where the default server takes it.

    :param port: only sockets of this port.
    :param address: where the connection arrives, if that is known; an exact address wins over every address.
    """
    found = [(key, socket) for key, socket in sockets.sockets.items() if port is None or key[1] == port]
    # A client of HTTP/3 has come over TCP before, where the answer is the same.
    found = [pair for pair in found if not pair[0][2]] or found
    if address:
        every = "[::]" if address.startswith("[") else "*"
        found = [pair for pair in found if pair[0][0] == address] or [pair for pair in found if pair[0][0] == every]
    found.sort(key=lambda pair: _SOCKET_ORDER.get(pair[0][0], 2))
    known: list[Arrival] = []
    others: list[Arrival] = []
    for _, socket in found:
        named = by_name([server for server, _ in socket.servers], host)
        server = named or socket.default
        listen = next(listen for each, listen in socket.servers if each is server)
        (known if named else others).append(Arrival(server, listen, socket))
    return known + others


_SOCKET_ORDER = {"*": 0, "[::]": 1}


def follow(
    config: Config, http: Http, request: Request, sockets: Sockets, *, arrival: Arrival | None = None
) -> Journey:
    """Follow a request to where it ends.

    :param arrival: where it comes in, if not by its host and port.
    """
    return _Follower(config, http, request, sockets).go(arrival)


class _Follower:
    def __init__(self, config: Config, http: Http, request: Request, sockets: Sockets) -> None:
        self.config = config
        self.http = http
        self.request = request
        self.sockets = sockets
        self.journey = Journey()
        self.scheme = request.scheme
        self.method = request.method
        self.headers = dict(request.headers)
        self.uri = ""
        self.args = request.target.partition("?")[2]
        self.captures: dict[str, str] = {}
        self.variables: dict[str, str | None] = {}
        self.maps = {d.args[1].lstrip("$"): d for d in http.level.own.get("map", []) if len(d.args) > 1}
        self.jumps = MAX_JUMPS + 1
        self.internal = False
        self.error_page_taken = False
        self.handler: Found | None = None
        """What hands the request on, of the location or a block in it: nginx keeps it even where a later block has none."""

    # ---- from the socket to the server ----

    def go(self, arrival: Arrival | None) -> Journey:
        journey = self.journey
        arrival = arrival or self.arrive()
        if arrival is None:
            return journey
        journey.server, journey.listen = arrival.server, arrival.listen
        for name in arrival.server.names:
            if name.startswith("~") and (
                match := self.matched(f"server_name {name}", name[1:], self.request.host.lower(), ignore_case=True)
            ):
                self.capture(match)
        try:
            merge = arrival.server.level.first("merge_slashes")
            self.uri = normalise(
                self.request.target, merge_slashes=merge is None or merge.directive.args[:1] != ("off",)
            )
        except Malformed as error:
            journey.answer = str(error)
            return journey
        journey.level = arrival.server.level
        if arrival.socket.ssl and self.scheme == "http":
            self.process(arrival.server, _Answered("400 (plain HTTP on a port that speaks TLS)", 497))
        elif self.scheme == "https" and not arrival.socket.ssl:
            journey.answer = f"nothing: port {arrival.listen.port} speaks no TLS"
        else:
            self.process(arrival.server)
        return journey

    def arrive(self) -> Arrival | None:
        request, journey = self.request, self.journey
        here = arrivals(self.sockets, request.host, port=request.port, address=request.address)
        if here:
            found = here[0]
            if not request.address and found.listen.address not in {"*", "[::]"}:
                journey.assumed.append(f"clients are taken to connect to {found.listen.address}:{found.listen.port}")
            return found
        ports = sorted({key[1] for key in self.sockets.sockets if key[1]})
        if request.port != _PORTS[request.scheme]:
            listening = f"; this config has {', '.join(map(str, ports))}" if ports else ""
            journey.answer = f"nothing listens on port {request.port}{listening}"
            return None
        # Port maps and balancers in front hide the port that clients use: the name still tells.
        every = arrivals(self.sockets, request.host, address=request.address) or arrivals(self.sockets, request.host)
        every.sort(key=lambda each: each.socket.ssl != (request.scheme == "https"))
        if not every:
            journey.answer = "nothing listens at all"
            return None
        found = every[0]
        where = f"port {found.listen.port}" if found.listen.port else found.listen.address
        if request.scheme == "https" and not found.socket.ssl:
            self.scheme = "http"
            self.headers.setdefault("x-forwarded-proto", "https")
            behind = f"a proxy in front is taken to end TLS and to ask {where}"
        else:
            self.scheme = "https" if found.socket.ssl else "http"
            behind = f"clients are taken to reach {where}"
        journey.assumed.append(f"nothing listens on port {request.port}: {behind}")
        return found

    # ---- the phases ----

    def process(self, server: Server, refused: _Answered | None = None) -> None:
        """The phases of one request, anew after each internal redirect."""
        journey = self.journey
        name, server_rewrites = "", True
        while self.jumps:
            try:
                journey.answer = self.once(server, name, refused, server_rewrites=server_rewrites)
                return  # noqa: TRY300 - a jump goes round again
            except _Jump as jump:
                self.jumps -= 1
                refused = None
                name, server_rewrites = jump.name, jump.server_rewrites
                journey.level = server.level if server_rewrites else journey.level
                self.internal = True
                if jump.uri:
                    self.uri, _, self.args = jump.uri.partition("?")
        journey.answer = f"500 (more than {MAX_JUMPS} internal redirects)"

    def once(self, server: Server, name: str, refused: _Answered | None, *, server_rewrites: bool) -> str:
        """The phases up to an answer of nginx's own, or to an origin, which is no text."""
        try:
            if refused:
                raise refused
            if server_rewrites:
                self.rewrites(server.level)
            self.locate(server, name)
        except _Answered as answered:
            self.error_page(self.journey.level or server.level, answered)
            return answered.answer
        return ""

    def locate(self, server: Server, name: str) -> None:
        journey = self.journey
        if name:
            location = server.locations.named.get(name)
            if location is None:
                raise _Answered(f"500 (there is no location {name})", 500)
            choice = Choice(location)
        else:
            choice = choose_location(server, self.uri)
            for other, reason in choice.undecided:
                self.assume(f"`{other.directive.source}` may match {self.uri} or not ({reason}): taken not to match")
        location = choice.location
        if location is None:
            journey.location, journey.level = None, server.level
            raise self.file(" (no location matches)")
        journey.location, journey.level = location, location.level
        self.handler = location.level.handler()
        journey.steps.append(Step(f"location {' '.join(location.directive.args)}", location.directive))
        internal = location.level.first("internal")
        if internal and not self.internal:
            journey.steps.append(Step("internal: only internal redirects come here", internal.directive))
            raise _Answered("404 (the location is internal)", 404)
        if choice.redirect:
            raise _Answered(f"301 to {location.name} (the same path with a slash)", 301)
        limited = self.limited(location)
        if limited is not None:
            # The location's own rewrite directives do not run then.
            journey.level = level_of(self.config, "limit_except", limited, location.level)
            journey.steps.append(Step(f"limit_except {' '.join(limited.args)} takes {self.method}", limited))
        else:
            journey.level = self.rewrites(location.level)
        self.access(server, journey.level)
        self.content(journey.level)

    def limited(self, location: Location) -> Directive | None:
        """The ``limit_except`` that the method falls under."""
        for block in location.level.own.get("limit_except", []):
            named = {method.upper() for method in block.args}
            if self.method not in named and not (self.method == "HEAD" and "GET" in named):
                return block
        return None

    def access(self, server: Server, level: Level) -> None:
        """Who is refused whoever asks; and who is asked first."""
        journey = self.journey
        asked, _ = level.all("auth_request")
        credentials = any(
            (found := level.first(name)) and found.directive.args[:1] != ("off",)
            for name in ("auth_basic", "auth_request", "auth_jwt")
        )
        satisfy = level.first("satisfy")
        either = satisfy is not None and satisfy.directive.args == ("any",) and credentials
        above: Level | None = level
        while above is not None and not {"allow", "deny"} & above.own.keys():
            above = above.above
        if above is not None and not either:
            first = next(child for child in above.children if child.name in {"allow", "deny"})
            if first.name == "deny" and first.args == ("all",):
                journey.steps.append(Step("deny all", first))
                raise _Answered("403 (everybody is refused)", 403)
            if first.args != ("all",):
                journey.assumed.append(f"`{first.source}` and its kind admit the client")
        if asked and asked[0].args and asked[0].args[0] != "off":
            self.aside(server, "asks first", asked[0])
        copies, _ = level.all("mirror")
        for copy in copies:
            if copy.args and copy.args[0] != "off":
                self.aside(server, "sends a copy", copy)

    def aside(self, server: Server, what: str, directive: Directive) -> None:
        """A subrequest: told, but the request goes on where it is."""
        uri = self.expand(directive.args[0])
        place = choose_location(server, uri.partition("?")[0]).location if uri else None
        where = f"location {' '.join(place.directive.args)}" if place else "no location"
        self.journey.steps.append(Step(f"{directive.name} {what}: {directive.args[0]} ({where})", directive))

    def content(self, level: Level) -> None:
        # Neither an `if` block nor `limit_except` has the try_files of its location.
        tries = level.own.get("try_files")
        if tries and tries[0].args:
            last = tries[0].args[-1]
            if last == self.uri:
                # What is gone on to by its name is there to be found, such as the page of an application.
                raise _Answered(f"the file {last} (500 if it is not there)", 200, final=True)
            self.journey.steps.append(Step(f"try_files goes on to {last}", tries[0]))
            self.assume("no file exists but what try_files ends with, so it goes there")
            if last.startswith("="):
                code = last[1:]
                raise _Answered(code, number(code) or 404)
            if last.startswith("@"):
                raise _Jump(name=last)
            raise _Jump(uri=self.expand(last) or "/", server_rewrites=True)
        if level.handler() is None and self.handler is not None:
            # It runs with the settings of a block that does not say where to.
            raise _Answered(f"500 (`{self.handler.directive.source}` is of a block that a later `if` replaces)", 500)
        if level.handler() is None:
            for name in _CONTENT:
                if found := level.own.get(name):
                    self.journey.steps.append(Step(found[0].source, found[0]))
                    raise _Answered(f"what {name} makes", 200, final=True)
            if level.first("root") or any(name in level.own for name in ("alias", "index")):
                raise self.file()
            raise self.file(" (no *_pass here: it does not come down from the outside)")

    def file(self, why: str = "") -> _Answered:
        """What is answered where no origin is: files do not exist here, and are only read."""
        if self.method not in {"GET", "HEAD", "POST"}:
            return _Answered(f"405{why}", 405)
        return _Answered(f"a file, or 404{why}", 404)

    def error_page(self, level: Level, answered: _Answered) -> None:
        recursive = level.first("recursive_error_pages")
        again = recursive is not None and recursive.directive.args[:1] == ("on",)
        if answered.final or self.error_page_taken:
            return
        pages, _ = level.all("error_page")
        if not pages:
            return
        self.error_page_taken = not again
        for page in pages:
            *words, target = page.args or ("",)
            if str(answered.code) not in words:
                continue
            self.journey.steps.append(Step(f"error_page sends {answered.code} to {target}", page))
            if target.startswith("@"):
                raise _Jump(name=target)
            if target.startswith("/"):
                if self.method != "HEAD":
                    self.method = "GET"
                raise _Jump(uri=self.expand(target) or target, server_rewrites=True)
            given = next((word[1:] for word in words if word.startswith("=")), "")
            answered.answer = f"{given if given in _REDIRECTS else 302} {self.expand(target) or target}"
            return

    def assume(self, sentence: str) -> None:
        if sentence not in self.journey.assumed:
            self.journey.assumed.append(sentence)

    # ---- the rewrite module ----

    def rewrites(self, level: Level) -> Level:
        """Run a level's rewrite directives; the level whose settings are in force afterwards."""
        if level.directive is None or not _REWRITES & level.own.keys():
            return level
        active = level
        rewritten = False
        for child in level.children:
            directives = [child]
            if child.name == "if" and child.block is not None:
                truth = self.condition(child)
                if truth is None:
                    self.assume(f"`{child.source}` hangs on something that the request does not say: taken as false")
                if not truth:
                    continue
                inner = level_of(self.config, "if", child, level)
                self.journey.steps.append(Step(child.source, child))
                if level.kind != "server":
                    active = self.journey.level = inner
                    self.handler = inner.handler() or self.handler
                directives = inner.children
            done = ""
            for directive in directives:
                done = self.one(directive)
                if done in {"break", "last", "stay"}:
                    break
                rewritten = rewritten or done == "rewritten"
            rewritten = done == "last" or (rewritten and done != "stay")
            if done in {"break", "last", "stay"}:
                break
        if rewritten and level.kind != "server":
            raise _Jump
        return active

    def one(self, directive: Directive) -> str:
        """One rewrite directive: whether it ends them (``break``, ``last``, ``stay``), or has ``rewritten`` the path."""
        args = directive.args
        if directive.name == "return" and args:
            self.journey.steps.append(Step(directive.source, directive))
            first, *rest = args
            code = number(first)
            if code is not None:
                texts = bool(rest) and code >= _BAD
                said = [self.expand(text) or text for text in rest[:1]]
                raise _Answered(" ".join([first, *said]), code, final=code < _SPECIAL or texts)
            raise _Answered(f"302 {self.expand(first) or first}", 302)
        if directive.name == "set" and len(args) == 2:  # noqa: PLR2004 - `set $variable value`
            self.variables[args[0].lstrip("$")] = self.expand(args[1])
        elif directive.name == "break":
            return "break"
        elif directive.name == "rewrite" and len(args) > 1:
            return self.rewrite(directive)
        return ""

    def rewrite(self, directive: Directive) -> str:
        match = self.matched(directive.source, directive.args[0], self.uri)
        if not match:
            return ""
        self.capture(match)
        replacement, *flags = directive.args[1:]
        target = self.expand(replacement)
        flag = flags[0] if flags else ""
        self.journey.steps.append(Step(directive.source, directive))
        if flag in {"redirect", "permanent"} or re.match(r"https?://|\$scheme", replacement):
            code = 301 if flag == "permanent" else 302
            raise _Answered(f"{code} {target or replacement}", code)
        if target is None:
            self.assume(f"`{directive.source}` has a variable that the request does not say: taken as it stands")
            target = replacement
        self.internal = True
        path, mark, args = target.partition("?")
        if mark:
            # Arguments of its own come before those of the request; a mark at the end drops the latter.
            self.args = (
                args[:-1] if args.endswith("?") else args if not args or not self.args else f"{args}&{self.args}"
            )
        self.uri = path
        return {"last": "last", "break": "stay"}.get(flag, "rewritten")

    def matched(self, source: str, pattern: str, text: str, *, ignore_case: bool = False) -> pcre.Match | None:
        """A match, if there is one; where nobody knows, that is told of the directive."""
        try:
            return pcre.find(pattern, text, ignore_case=ignore_case)
        except pcre.Undecided as reason:
            self.assume(f"`{source}` may match {text} or not ({reason}): taken not to match")
            return None

    def capture(self, match: pcre.Match) -> None:
        self.captures = dict(match.numbered)
        self.variables.update(match.named)

    def condition(self, directive: Directive) -> bool | None:
        """Whether an ``if`` holds; None where the request does not say."""
        words = list(directive.args)
        words[0:1] = [words[0].removeprefix("(")] if words and words[0] != "(" else []
        if words and words[-1].endswith(")"):
            words[-1:] = [words[-1][:-1]] if words[-1] != ")" else []
        if not words:
            return None
        if words[0] in {"-f", "!-f", "-d", "!-d", "-e", "!-e", "-x", "!-x"}:
            self.assume("no file exists, so conditions on files are answered that way")
            return words[0].startswith("!")
        left = self.expand(words[0])
        if len(words) == 1:
            return None if left is None else left not in {"", "0"}
        if left is None:
            return None
        operator, right = words[1], words[2] if len(words) > 2 else ""  # noqa: PLR2004 - left, operator, right
        if operator in {"=", "!="}:
            expected = self.expand(right)
            return None if expected is None else (left == expected) == (operator == "=")
        try:
            match = pcre.find(right, left, ignore_case="*" in operator)
        except pcre.Undecided:
            return None
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
        for match in _VARIABLE.finditer(text):
            value = self.variable(match[1] or match[2], depth)
            if value is None:
                return None
            out += [text[at : match.start()], value]
            at = match.end()
        return "".join([*out, text[at:]])

    def variable(self, name: str, depth: int) -> str | None:
        request = self.request
        if name.isdigit():
            return self.captures.get(name, "")
        if name in self.variables:
            return self.variables[name]
        listen, server = self.journey.listen, self.journey.server
        known = {
            "uri": self.uri, "document_uri": self.uri, "request_uri": request.target, "args": self.args, "query_string": self.args,
            "is_args": "?" if self.args else "", "host": request.host.lower().rstrip("."), "scheme": self.scheme,
            "request_method": self.method, "server_port": str(listen.port if listen else request.port),
            "server_name": server.names[0] if server else "", "https": "on" if self.scheme == "https" else "",
        }  # fmt: skip
        if name in known:
            return known[name]
        if name == "http_host":
            return self.headers.get("host", request.host)
        if name.startswith("http_"):
            # A header that the caller did not name is not sent.
            return self.headers.get(name.removeprefix("http_").replace("_", "-"), "")
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
        masks: list[Directive] = []
        hostnames = False
        for line in self.config.block(directive):
            if not line.args:
                hostnames = hostnames or line.name == "hostnames"
                continue
            if line.name == "default":
                default = self.expand(line.args[0], depth)
            elif line.name.startswith("~"):
                regexes.append(line)
            elif line.name.lower().removeprefix("\\") == key.lower():
                return self.expand(line.args[0], depth)
            elif "*" in line.name or line.name.startswith("."):
                masks.append(line)
        if hostnames and (mask := _longest_mask(masks, key.lower().rstrip("."))):
            return self.expand(mask.args[0], depth)
        for line in regexes:
            ignore_case = line.name.startswith("~*")
            try:
                match = pcre.find(line.name[2 if ignore_case else 1 :], key, ignore_case=ignore_case)
            except pcre.Undecided:
                return None
            if match:
                self.capture(match)
                return self.expand(line.args[0], depth)
        return default


_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([1-9]|[A-Za-z_]\w*))")
"""A group of a pattern has one digit: ``$12`` is ``$1`` and a 2."""
_REDIRECTS = frozenset({"301", "302", "303", "307", "308"})
_SPECIAL, _BAD = 300, 400
"""From the one on, what ``return`` answers is looked up among the error pages; from the other on, only if it brings no text."""
_REWRITES = frozenset({"return", "rewrite", "set", "if", "break"})
_CONTENT = (
    "empty_gif", "stub_status", "flv", "mp4", "js_content", "perl", "content_by_lua_block", "content_by_lua_file", "content_by_lua", "api",
    "echo",
)  # fmt: skip
"""What answers in nginx itself, beside files."""


def _longest_mask(lines: list[Directive], host: str) -> Directive | None:
    """The longest mask at the beginning of a name, or else at its end, that the host fits."""
    leading = [
        line
        for line in lines
        if (line.name.startswith("*.") and host.endswith(line.name[1:].lower()))
        or (line.name.startswith(".") and (host == line.name[1:].lower() or host.endswith(line.name.lower())))
    ]
    trailing = [line for line in lines if line.name.endswith(".*") and host.startswith(line.name[:-1].lower())]
    return max(leading or trailing, key=lambda line: len(line.name), default=None)
