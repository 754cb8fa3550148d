"""What an nginx configuration needs around it to run, byte for byte, and a request for each of its routes."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from proxycfg import pcre
from proxycfg.errors import Problem
from proxycfg.reading import ReadRoute
from proxycfg.record import replace
from proxycfg.request import Asked, Request
from proxycfg.stage import Around, Entry, Given, Stage, StagedRoute, Supplied, Supply
from proxycfg.targets.nginx import facts
from proxycfg.targets.nginx.clients import Sockets
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.directives import known
from proxycfg.targets.nginx.explain import explain_config
from proxycfg.targets.nginx.request import Journey, follow
from proxycfg.targets.nginx.servers import Http, Listen, Location, Server, read_http
from proxycfg.targets.nginx.syntax import Directive
from proxycfg.targets.nginx.upstreams import is_address

HOME = "/etc/nginx"
_PREFIXES = (HOME, "/usr/share/nginx")
"""What relative paths of logs and stores start from: nginx's own images, and Debian's."""
_ALWAYS_WRITABLE = ("/tmp", "/run", "/var/log/nginx", "/var/cache/nginx", "/var/lib/nginx")  # noqa: S108 - the proxy's own
_MASK = re.compile(r"[*?\[]")

_FILES = {
    "ssl_certificate": "certificate", "ssl_certificate_key": "key", "ssl_client_certificate": "certificate", "ssl_trusted_certificate": "certificate",
    "ssl_dhparam": "dhparam", "ssl_session_ticket_key": "ticket key", "auth_basic_user_file": "htpasswd",
    **{f"{module}_ssl_{name}": kind for module in ("proxy", "grpc", "uwsgi") for name, kind in
       (("certificate", "certificate"), ("certificate_key", "key"), ("trusted_certificate", "certificate"))},
}  # fmt: skip
"""Directives that name a file which a stand-in can replace, and its kind."""
_WRITTEN = {
    "access_log", "error_log", "pid", "lock_file", "proxy_cache_path", "fastcgi_cache_path", "uwsgi_cache_path", "scgi_cache_path", "proxy_temp_path",
    "client_body_temp_path", "fastcgi_temp_path", "uwsgi_temp_path", "scgi_temp_path",
}  # fmt: skip
_FOLDERS = frozenset(name for name in _WRITTEN if name.endswith("_path"))
_PASSES = frozenset({"proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass"})
_UPSTREAM = re.compile(
    r"^(?:(?P<scheme>[a-z]+)://)?(?:(?P<unix>unix:[^:$]+)|(?P<host>\[[^\]]+\]|[^/:$\[]+)(?::(?P<port>\d{1,5}))?)(?=[/:$]|$)",
    re.IGNORECASE,
)
_FAIL_TIMEOUT = 11.0
"""A second more than nginx's default."""
_PORT = re.compile(r":(\d{2,5})\b")
_USUAL = {"https": 443, "grpcs": 443}


def stage(config: Config, version: str, texts: Sequence[tuple[str, bytes]], given: Given, supply: Supply) -> Stage:
    """Plan the stage of a whole configuration.

    :param texts: its files by the path where the proxy will look for them, the main file first.
    """
    return _Planner(config, version, dict(texts), given, supply).plan()


class _Planner:
    def __init__(self, config: Config, version: str, files: dict[str, bytes], given: Given, supply: Supply) -> None:
        self.config, self.version = config, version
        self.main = next(iter(files))
        self.given, self.supply = given, supply
        self.around = Around(files, _ALWAYS_WRITABLE)
        self.lacks: list[Problem] = []
        self.modules: set[str] = set()

    def plan(self) -> Stage:
        https = read_http(self.config)
        http = https[0] if https else None
        for directive in (each for tree in self.config.files.values() for each in tree.walk()):
            self._included(directive)
            self._file(directive)
            self._written(directive)
            self._upstream(directive, http)
            self._module(directive)
        listens = [listen for server in (http.servers if http else ()) for listen in server.listens if listen.port]
        taken = {(listen.address, listen.port) for listen in listens}
        top = {directive.name for directive in self.config.top}
        quiet = () if "daemon" in top else ("-g", "daemon off;")
        return Stage(
            target="nginx",
            version=self.version,
            texts={name: tree.text.text for name, tree in self.config.files.items()},
            files=self.around.files,
            supplied=tuple(self.around.supplied),
            writable=tuple(self.around.writable),
            ports=tuple(sorted(self.around.ports)),
            own=tuple(dict.fromkeys(_own(listens))),
            loopback=tuple(self.around.called(lambda host, port: bool({(host, port), ("*", port)} & taken))),
            sockets=tuple(self.around.sockets),
            names=tuple(self.around.names),
            listens=tuple(sorted({listen.port for listen in listens if not listen.quic})),
            two=tuple(_two(listens, self.version)),
            secure=self.around.secure,
            sides=any(
                directive.name == "auth_request" for tree in self.config.files.values() for directive in tree.walk()
            ),
            rest=_FAIL_TIMEOUT
            if http and any(len(level.lines("server")) > 1 for level in http.upstreams.values())
            else 0.0,
            command=("nginx", "-c", self.main, *quiet),
            routes=tuple(_routes(self.config, http, self.version)) if http else (),
            lacks=tuple(self.lacks),
        )

    # ---- files ----

    def _included(self, directive: Directive) -> None:
        """A file that is included and not there would end nginx; one of a mask would not."""
        if directive.name != "include" or len(directive.args) != 1 or _MASK.search(directive.args[0]):
            return
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.main), directive.args[0]))
        if path not in self.around.files:
            self._lay(path, b"", Supplied("empty include file", directive.args[0], directive.span), directive)

    def _file(self, directive: Directive) -> None:
        kind = _FILES.get(directive.name)
        if kind is None or not directive.args or directive.args[0] in {"off", '""', ""} or "$" in directive.args[0]:
            return
        name = directive.args[0]
        if name.startswith(("data:", "engine:", "store:")):
            return
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.main), name))
        if path in self.around.files:
            return
        content = self.given(path)
        # Whom nginx trusts behind it has no certificate here; and nobody knows the passwords of others.
        if content is None or kind == "htpasswd" or directive.name.endswith("_ssl_trusted_certificate"):
            self._lay(path, self.supply(kind), Supplied(kind, name, directive.span), directive)
        else:
            self.around.files[path] = content

    def _lay(self, path: str, content: bytes, what: Supplied, directive: Directive) -> None:
        if not self.around.lay(path, content, what):
            said = f"{path} cannot be supplied: nothing can be laid over the folder that it is in"
            self.lacks.append(self._problem(directive, said, "put it into a folder of its own"))

    def _written(self, directive: Directive) -> None:
        if directive.name not in _WRITTEN or not directive.args:
            return
        path = directive.args[0].partition("$")[0]
        if path in {"", "off", "stderr"} or path.startswith(("syslog:", "memory:", "/dev/", "|")):
            return
        for prefix in _PREFIXES:
            whole = posixpath.join(prefix, path)
            folder = posixpath.normpath(whole if directive.name in _FOLDERS else posixpath.dirname(whole))
            if not self.around.written(folder):
                said = f"{whole} would be written to {folder}, where nothing may be written"
                self.lacks.append(
                    self._problem(directive, said, "let it be written to a folder of its own, such as /var/log/nginx")
                )

    # ---- origins ----

    def _upstream(self, directive: Directive, http: Http | None) -> None:
        if (directive.name in _PASSES and directive.args) or (
            directive.name == "server" and directive.block is None and directive.args
        ):
            text = directive.args[0]
        else:
            # A port that a variable may hold stands somewhere.
            if directive.name in {"set", "map", "default"} or (directive.args and "://" in directive.args[-1]):
                self.around.ports |= {
                    int(port) for word in directive.args for port in _PORT.findall(word) if int(port) < 1 << 16
                }
            return
        # A scheme that is a variable may be either.
        self.around.secure |= text.startswith(("https:", "grpcs:", "$"))
        match = _UPSTREAM.match(text)
        if match is None:
            self.around.ports |= {int(port) for port in _PORT.findall(text) if int(port) < 1 << 16}
            return
        if match["unix"]:
            self.around.socket(match["unix"].removeprefix("unix:"), directive.span)
            return
        host = match["host"].lower()
        if http is not None and host in {name.lower() for name in http.upstreams} and directive.name != "server":
            return
        self.around.origin(host, int(match["port"] or _USUAL.get((match["scheme"] or "").lower(), 80)), directive.span)

    # ---- what no image of nginx's own has ----

    def _module(self, directive: Directive) -> None:
        found = known(directive.name)
        if found is not None and (found.third_party or found.commercial):
            module = "NGINX Plus" if found.commercial else found.third_party
            # Told once, at the first of its directives; nginx's own image has njs.
            if module in {*self.modules, "njs"}:
                return
            self.modules.add(module)
            said = f"{directive.name} is a directive of {module}, which nginx's own image does not have"
            self.lacks.append(
                self._problem(
                    directive, said, f"run it in an image that has it: --image {_IMAGES.get(module, 'IMAGE')}"
                )
            )

    def _problem(self, directive: Directive, message: str, instead: str) -> Problem:
        word = directive.words[0]
        return directive.text.problem(word.start, word.end, message, instead)


_IMAGES = {
    "lua": "openresty/openresty", "headers-more": "openresty/openresty", "echo": "openresty/openresty", "set-misc": "openresty/openresty",
    "NGINX Plus": "private-registry.nginx.com/nginx-plus/base",
}  # fmt: skip
"""Images that are known to have a module."""


def _own(listens: Iterable[Listen]) -> Iterator[str]:
    for listen in listens:
        if is_address(listen.address) and not listen.address.startswith("unix:"):
            address = ipaddress.ip_address(listen.address.strip("[]"))
            if not address.is_loopback and not address.is_unspecified:
                yield f"{address}/{address.max_prefixlen}"


def _two(listens: Sequence[Listen], version: str) -> Iterator[tuple[str, int]]:
    """Cleartext sockets that speak HTTP/2 and nothing else, as before 1.25.1."""
    if facts.has(version, "http2_directive"):
        return
    for listen in listens:
        if listen.http2 and not listen.ssl:
            yield _LOOPBACK.get(listen.address, listen.address), listen.port


# ---- requests that lead to routes ----

_PLAIN = ("/proxycfg-check", "/")
_NOBODY = "nobody.invalid"
_SHAKE = {"upgrade": "websocket", "connection": "Upgrade"}
_LOOPBACK = {"*": "127.0.0.1", "[::]": "::1"}


def _routes(config: Config, http: Http, version: str) -> Iterator[StagedRoute]:
    sockets = Sockets(http, version)
    guides = [_Guide(config, http, server, sockets) for server in http.servers]
    for explained in explain_config(config, version, Asked(), None):
        route = explained.route
        if route is None:
            continue
        # A location that several servers include is one route for each of them.
        ways = [(guide, guide.at[route.span]) for guide in guides if route.span in guide.at]
        guide, location = next((way for way in ways if id(way[1]) in way[0].ways), ways[0])
        yield guide.staged(location, route, explained.because)


class _Guide:
    """Finds requests that end in the locations of one server, by following candidates to where they end."""

    def __init__(self, config: Config, http: Http, server: Server, sockets: Sockets) -> None:
        self.config, self.http, self.server, self.sockets = config, http, server, sockets
        self.at = {location.directive.span: location for location in server.locations.all()}
        self.host = self._host()
        self.ways = self._ways()

    def staged(self, location: Location, route: ReadRoute, because: str) -> StagedRoute:
        """A route with its requests."""
        main = self.ways.get(id(location))
        if main is None:
            why = "no request was found that ends here: another location, or nginx itself, answers all that were tried"
            return StagedRoute(route=route, because=because, entries=(), why_not=why)
        path, listen = main
        entries: list[Entry] = []
        complete = True
        first = self._entry(path, listen)
        straight = self._is_straight(self._follow(first))
        for each in (listen, *(other for other in self.server.listens if other is not listen)):
            if each.quic or not each.port:
                continue
            entry = self._entry(path, each)
            if self._ends(entry, location):
                entries.append(entry)
            else:
                complete = False
        return StagedRoute(
            route=route,
            because=because,
            entries=tuple(entries),
            straight=straight,
            posts=self._ends(replace(first, method="POST"), location),
            shakes=self._ends(replace(first, headers=tuple(_SHAKE.items())), location),
            complete=complete,
        )

    def _ways(self) -> dict[int, tuple[str, Listen]]:
        """The first path, and the listener, by which each location is reached."""
        found: dict[int, tuple[str, Listen]] = {}
        listens = [each for each in self.server.listens if each.port and not each.quic]
        # A plain port often only redirects.
        for path in dict.fromkeys(self._paths()):
            for listen in listens:
                journey = self._follow(self._entry(path, listen))
                if journey.server is self.server and journey.proxied and journey.location is not None:
                    found.setdefault(id(journey.location), (path, listen))
        return found

    def _paths(self) -> Iterator[str]:
        for location in self.server.locations.all():
            if location.kind in {"exact", "prefix", "no-regex"}:
                yield location.name
                if location.kind != "exact":
                    yield location.name + ("proxycfg-check" if location.name.endswith("/") else "/proxycfg-check")
            elif location.kind != "named":
                try:
                    text = pcre.example(location.name, ignore_case=location.kind == "regex-i")
                except pcre.Undecided:
                    continue
                yield text if text.startswith("/") else f"/proxycfg-check{text}"
                above = (
                    location.parent.name if location.parent and location.parent.kind in {"prefix", "no-regex"} else ""
                )
                if above:
                    yield above + text.lstrip("/")
        yield from _PLAIN

    def _entry(self, path: str, listen: Listen) -> Entry:
        address = _LOOPBACK.get(listen.address, listen.address.strip("[]"))
        return Entry(
            address=address,
            port=listen.port,
            secure=self.sockets.sockets[listen.socket].ssl,
            host=self.host,
            path=path.replace(" ", "%20"),
        )

    def _follow(self, entry: Entry) -> Journey:
        request = Request(
            "https" if entry.secure else "http",
            entry.host,
            entry.port,
            entry.path,
            entry.method,
            dict(entry.headers),
            address=entry.address,
        )
        return follow(self.config, self.http, request, self.sockets)

    def _ends(self, entry: Entry, location: Location) -> bool:
        journey = self._follow(entry)
        return journey.proxied and journey.location is location

    @staticmethod
    def _is_straight(journey: Journey) -> bool:
        return sum(step.what.startswith(("location ", "error_page ")) for step in journey.steps) == 1

    def _host(self) -> str:
        """A host that this server answers for."""
        for name in (*self.server.names, _NOBODY):
            if name.startswith("~"):
                try:
                    candidate = pcre.example(name[1:], ignore_case=True)
                except pcre.Undecided:
                    continue
            else:
                candidate = name.replace("*.", "www.", 1).removesuffix(".*").lstrip(".") or _NOBODY
            if not re.fullmatch(r"[A-Za-z0-9_.-]+", candidate):
                continue
            for listen in self.server.listens:
                request = Request(
                    "http", candidate, listen.port, "/", address=_LOOPBACK.get(listen.address, listen.address)
                )
                if follow(self.config, self.http, request, self.sockets).server is self.server:
                    return candidate
        return _NOBODY
