"""Random nginx configs as people write them, from a seed: every directive that decides a property, on every level that may hold it.

Ports, addresses and files are those of a made-up machine (:mod:`tests.differential.nginx.instrument` maps them to real ones): clients come to
8080, 8081, 8443 and 9443 of 127.0.0.1, and origins are at port 9000 of 127.0.0.2 and on.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.differential.nginx.tree import Config, Node, b, d

CLEAR, SECURE = (8080, 8081), (8443, 9443)
ORIGIN = 9000
TIMES = ("10s", "25s", "60s", "120s", "300s", "1h")
"""Far enough apart that a measured time tells which one it was."""
SIZES = ("1k", "8k", "64k", "512k", "1m", "10m", "100m", "0")

_PATHS = ("/", "/api", "/api/", "/api/v1/", "/events", "/events/", "/chat", "/v1/chat/completions", "/ws", "/ws/", "/socket", "/stream/",
          "/app", "/admin/", "/Assets/", "/poll", "/rpc", "/a", "/api/events", "/test.Streams/")  # fmt: skip
_REGEXES = (
    r"^/api/(v\d+)/stream$",
    r"\.(js|css)$",
    "^/ws",
    "/events",
    r"^/chat/([^/]+)/?$",
    r"\.json$",
    "^/(app|admin)/",
    "[A-Z]",
    "/$",
)
_HOSTS = ("example.com", "www.example.com", "api.example.com", "*.example.com", ".example.org", "chat.*", r"~^(?<sub>\w+)\.test$", "~^www\\d+\\.",
          "_", "stream.example.net", '""')  # fmt: skip
_STATUSES = ("500", "502", "503", "504", "404", "403", "429")


class Generator:
    """One config out of one seed, for one version."""

    def __init__(self, seed: int, version: str) -> None:
        """The version decides what directives there are."""
        self.random = random.Random(f"{version}/{seed}")
        self.new = tuple(map(int, version.split("."))) >= (1, 26)
        self.newest = tuple(map(int, version.split("."))) >= (1, 30)
        self.config = Config([])
        self.upstreams: list[str] = []
        self.agents = ""
        self.named: list[str] = []
        self.inside = False
        self.maps: set[str] = set()
        self.formats = ["combined"]
        self.zones: list[str] = []
        self.caches = False
        self.two = self.newest and self.chance(0.2)
        """Whether origins are spoken to in HTTP/2. A pool of connections that locations share would mix the versions, and break both."""
        self.snippets: dict[str, list[Node]] = {}

    def chance(self, probability: float) -> bool:
        """Whether something is to be, so often."""
        return self.random.random() < probability

    def pick(self, *choices: str) -> str:
        """One of them."""
        return self.random.choice(choices)

    # ---- the whole ----

    def make(self) -> Config:
        """The config."""
        http: list[Node] = []
        events = (
            [d("worker_connections", self.pick("24", "32", "48", "768", "1024", "4096"))] if self.chance(0.6) else []
        )
        self.config.top = [b("events", block=events), b("http", block=http)]
        workers = self.random.random()
        if workers < 0.3:
            self.config.top.insert(0, d("worker_processes", "auto"))
        elif workers < 0.6:
            self.config.top.insert(0, d("worker_processes", self.pick("1", "1", "2", "4")))
        self._shared(http)
        http += self.sprinkle("http", 0.12)
        self._snippets()
        servers = [self._server() for _ in range(self.random.choice((1, 1, 2, 2, 3, 4)))]
        if self.chance(0.4):
            http.append(
                Node(
                    "include",
                    ("conf.d/site.conf" if self.chance(0.5) else "conf.d/*.conf",),
                    servers,
                    "conf.d/site.conf",
                )
            )
        else:
            http += servers
        return self.config

    def _shared(self, http: list[Node]) -> None:
        if self.chance(0.75):
            http.append(b("map", "$http_upgrade", "$connection_upgrade",
                          block=[d("default", "upgrade"), d("''", self.pick("close", "close", "''"))]))  # fmt: skip
            self.maps.add("connection_upgrade")
        if self.chance(0.3):
            http.append(d("log_format", "main", """'$remote_addr - [$time_local] "$request" $status'"""))
            self.formats.append("main")
        if self.chance(0.3):
            http.append(d("log_format", "masked", """'$remote_addr "$request_method $uri" $status'"""))
            self.formats.append("masked")
        if self.chance(0.15):
            http.append(
                b(
                    "map",
                    "$request_uri",
                    "$logged_uri",
                    block=[d(r'"~^(?<path>[^?]*)\?"', "$path"), d("default", "$request_uri")],
                )
            )
            http.append(d("log_format", "mapped", """'$remote_addr $logged_uri'"""))
            self.formats.append("mapped")
        if self.chance(0.35):
            http.append(d("proxy_cache_path", "cache", "levels=1:2", "keys_zone=store:1m", "inactive=60m"))
            self.caches = True
        if self.chance(0.25):
            key = self.pick("$server_name", "$server_name", "$binary_remote_addr")
            http.append(d("limit_conn_zone", key, "zone=streams:1m"))
            self.zones.append("streams")
        for name in self.random.sample(("backend", "app_servers", "chat", "pool"), self.random.choice((1, 2, 2, 3))):
            http.append(self._upstream(name))
            self.upstreams.append(name)
        if self.chance(0.6):
            http.append(self._upstream("agents"))
            self.agents = "agents"

    def _upstream(self, name: str) -> Node:
        block: list[Node] = []
        count = self.random.choice((1, 1, 2, 2, 3))
        if self.chance(0.3):
            block.append(d("zone", name, "64k"))
        if self.chance(0.45):
            block.append(self.random.choice((
                d("ip_hash"), d("least_conn"), d("hash", "$cookie_sid"), d("hash", "$cookie_sid", "consistent"), d("hash", "$http_x_session"),
                d("hash", "$request_uri", "consistent"), d("hash", "$remote_addr"), d("hash", "$arg_room"), d("random"), d("hash", "$binary_remote_addr$arg_room"),
            )))  # fmt: skip
        if block and block[-1].name == "random":
            block.pop() if count == 1 else None
        for last in self.random.sample(range(2, 10), count):
            extra = [f"max_conns={self.pick('3', '6')}"] if self.chance(0.1) else []
            extra += [f"weight={self.pick('1', '2')}"] if self.chance(0.1) else []
            block.append(d("server", f"127.0.0.{last}:{ORIGIN}", *extra))
        if count > 1 and self.chance(0.08) and not any(node.name in {"ip_hash", "hash", "random"} for node in block):
            block[-1].args += (self.pick("backup", "down"),)
        if self.chance(0.4):
            local = ("local",) if self.two or (self.newest and self.chance(0.2)) else ()
            block.append(d("keepalive", self.pick("2", "16", "32", "64"), *local))
        elif self.newest and self.chance(0.15):
            block.append(d("keepalive", "0"))
        return b("upstream", name, block=block)

    def _snippets(self) -> None:
        if self.chance(0.35):
            self.snippets["snippets/proxy.conf"] = [
                *self._headers(),
                *([d("proxy_http_version", "1.1")] if self.chance(0.6) else []),
            ]
        if self.chance(0.25):
            self.snippets["snippets/stream.conf"] = [d("proxy_buffering", "off"), d("proxy_read_timeout", self.pick(*TIMES)),
                                                     *([d("gzip", "off")] if self.chance(0.5) else [])]  # fmt: skip

    # ---- servers ----

    def _server(self) -> Node:
        block: list[Node] = []
        ports = [self._listen(port, secure=False) for port in self.random.sample(CLEAR, self.random.choice((1, 1, 2)))]
        if self.chance(0.5):
            secure = self.random.sample(SECURE, self.random.choice((1, 1, 2)))
            ports += [self._listen(port, secure=True) for port in secure]
            if self.chance(0.25):
                ports = [each for each in ports if "ssl" in each.args]
        block += ports
        names = self.random.sample(_HOSTS, self.random.choice((1, 1, 1, 2, 3)))
        if self.chance(0.85):
            block.append(d("server_name", *names))
        if any("ssl" in port.args for port in ports):
            block += [
                d("ssl_certificate", "/etc/nginx/tls/cert.pem"),
                d("ssl_certificate_key", "/etc/nginx/tls/key.pem"),
            ]
        if self.new and self.chance(0.45):
            block.append(d("http2", self.pick("on", "on", "on", "off")))
        self.named = self.random.sample(("@app", "@fallback", "@stream"), self.random.choice((0, 0, 1, 1, 2)))
        self.sides: list[str] = []
        block += self.sprinkle("server", 0.13)
        if self.chance(0.08):
            block.append(d("rewrite", "^/old/(.*)$", "/api/$1", self.pick("last", "break", "permanent")))
        if self.chance(0.06):
            block.append(
                b(
                    "if",
                    "($http_x_beta)",
                    block=[d("rewrite", "^", "/app", "last")] if self.chance(0.5) else [d("return", "403")],
                )
            )
        if self.chance(0.02):
            block.append(d("return", "301", "https://$host$request_uri"))
        block += self._locations("", 0)
        block += [b("location", name, block=self._proxied("", named=True)) for name in self.named]
        self.inside = False
        block += [self._side(name) for name in dict.fromkeys(self.sides)]
        if any("/50x.html" in node.args for node in b("server", block=block).walk()) and self.chance(0.6):
            block.append(
                b(
                    "location",
                    "=",
                    "/50x.html",
                    block=[d("return", "200", "sorry")] if self.chance(0.6) else [d("root", "/usr/share/nginx/html")],
                )
            )
        return b("server", block=block)

    def _listen(self, port: int, *, secure: bool) -> Node:
        address = f"127.0.0.1:{port}" if self.chance(0.15) else str(port)
        words = ["ssl"] if secure else []
        if self.chance(0.35 if secure and not self.new else 0.08):
            words.append("http2")
        default = self.config.protocols.setdefault(-port, "")
        if not default and self.chance(0.25):
            self.config.protocols[-port] = "taken"
            words.append("default_server")
        return d("listen", address, *words)

    def _side(self, path: str) -> Node:
        block = [
            d("internal"),
            d("proxy_pass", f"http://127.0.0.9:{ORIGIN}{self.pick('', '/check')}"),
            d("proxy_set_header", "X-Side", "1"),
        ]
        if self.chance(0.6):
            block += [d("proxy_pass_request_body", "off"), d("proxy_set_header", "Content-Length", '""')]
        return b("location", "=", path, block=block)

    # ---- locations ----

    def _locations(self, prefix: str, depth: int) -> list[Node]:
        made: list[Node] = []
        taken: set[tuple[bool, str]] = set()
        count = self.random.choice((2, 3, 3, 4, 5, 6)) if depth == 0 else self.random.choice((1, 1, 2))
        for _ in range(count):
            kind = self.random.choices(("", "^~", "=", "~", "~*"), (60, 10, 12, 14, 4))[0]
            if kind.startswith("~"):
                text = self.pick(*_REGEXES)
                block = self._body("", depth, regex=True)
            else:
                text = self.pick(*[path for path in _PATHS if path.startswith(prefix)] or [prefix + "x"])
                text = prefix if not text.startswith(prefix) else text
                if prefix and text == prefix:
                    text = (
                        prefix + self.pick("x", "/deep", "live/")
                        if not prefix.endswith("/")
                        else prefix + self.pick("x", "live/", "v2")
                    )
                if (kind == "=", text) in taken:
                    continue
                taken.add((kind == "=", text))
                block = self._body(text if kind != "=" else "", depth, exact=kind == "=")
            made.append(b("location", *([kind] if kind else []), text if text.isascii() else f'"{text}"', block=block))
            self._declare(made[-1], text)
        return made

    def _declare(self, location: Node, text: str) -> None:
        if any(node.name == "grpc_pass" for node in location.block or ()):
            protocol = "grpc"
        elif "ws" in text or "socket" in text:
            protocol = "websocket"
        elif self.chance(0.08):
            protocol = self.pick("", "", "http")
        else:
            protocol = self.pick("sse", "sse", "sse", "ndjson")
        self.config.protocols[id(location)] = protocol

    def _body(self, prefix: str, depth: int, *, regex: bool = False, exact: bool = False) -> list[Node]:
        what = self.random.random()
        if what < 0.05:
            return [d("return", self.pick("204", "404", "301 /api/", "200 ok"))]
        if what < 0.12 and self.named:
            # Not where a store puts its files: what was stored before would answer.
            return [
                *self.sprinkle("location", 0.05),
                d("root", "/srv/www"),
                d("try_files", self.pick("$uri", "$uri $uri/"), self.pick(*self.named)),
            ]
        if what < 0.15:
            return [d("root", "/srv/www"), d("try_files", "$uri", self.pick("/app", "=404", "/index.html"))]
        if what < 0.19:
            return [
                d(
                    "rewrite",
                    "^(.*)$",
                    self.pick("/app$1", "/api/v1/", "/events?x=1", "/chat"),
                    self.pick("last", "last", "redirect"),
                )
            ]
        block = self._proxied(prefix, regex=regex)
        if not exact and depth < 2 and self.chance(0.14):
            block += self._locations(prefix, depth + 1) if prefix else self._nested_regex(depth)
        return block

    def _nested_regex(self, depth: int) -> list[Node]:
        made = b("location", "~", self.pick(*_REGEXES), block=self._body("", depth + 1, regex=True))
        self._declare(made, made.args[1])
        return [made]

    def _proxied(self, prefix: str, *, regex: bool = False, named: bool = False) -> list[Node]:
        block: list[Node] = []
        bare = regex or named
        self.inside = not named
        if self.agents and self.chance(0.2):
            target = f"grpc://{self.agents}"
            block.append(d("grpc_pass", target))
            block += self.sprinkle("grpc", 0.2)
        else:
            host = self.pick(*self.upstreams, *self.upstreams, f"127.0.0.{self.random.randrange(2, 10)}:{ORIGIN}")
            uri = "" if bare or self.chance(0.75) else self.pick("/", "/base", "/base/")
            block.append(d("proxy_pass", f"http://{host}{uri}"))
            if self.chance(0.06) and host in self.upstreams:
                block = [d("set", "$target", host), d("proxy_pass", "http://$target")]
        own = self.sprinkle("location", 0.14)
        for file, nodes in self.snippets.items():
            names = {node.name for node in nodes}
            if self.chance(0.3) and not names & {node.name for node in own}:
                own.append(Node("include", (file,), nodes, file))
        block += own
        if (
            prefix.rstrip("/").endswith(("ws", "socket"))
            and not any(n.name in {"proxy_set_header", "include", "grpc_pass"} for n in block)
            and self.chance(0.8)
        ):
            block += [d("proxy_set_header", "Upgrade", "$http_upgrade"),
                      d("proxy_set_header", "Connection", self.pick('"upgrade"', *(["$connection_upgrade"] * ("connection_upgrade" in self.maps))))]  # fmt: skip
            if not any(node.name == "proxy_http_version" for node in block):
                block.append(d("proxy_http_version", "1.1"))
        if self.chance(0.05):
            block.insert(0, b("if", *self.random.choice((("($request_method", "=", "DELETE)"), ("($http_x_mode)",), ("($http_upgrade", "=", "websocket)"))),
                              block=self._if_body()))  # fmt: skip
        if self.chance(0.05):
            block.append(b("limit_except", "GET", "POST", block=[d("deny", "all")]))
        if self.chance(0.05) and not named:
            self.sides.append("/auth")
            block.append(d("auth_request", "/auth"))
        if self.chance(0.05) and not named:
            self.sides.append("/mirror")
            block.append(d("mirror", "/mirror"))
            if self.chance(0.4):
                block.append(d("mirror_request_body", "off"))
        if self.chance(0.05) and not bare:
            block.append(d("rewrite", f"^{prefix.rstrip('/')}/(.*)$" if prefix else "^/(.*)$", "/$1", "break"))
        if self.chance(0.02):
            block.append(d("internal"))
        return block

    def _if_body(self) -> list[Node]:
        return self.random.choice((
            [d("return", "405")], [d("proxy_pass", f"http://{self.pick(*self.upstreams)}")], [d("access_log", "off")], [d("set", "$mode", "1")],
            [d("add_header", "X-Mode", "1")], [d("rewrite", "^", "/app", "last")],
        ))  # fmt: skip

    # ---- directives ----

    def sprinkle(self, level: str, density: float) -> list[Node]:
        """Some of what can stand on a level."""
        makers: list[Callable[[], list[Node]]] = [
            self._times, self._body_size, self._gzip, self._log, self._error_page, self._added, self._sub, self._rate, self._limit_conn, self._small,
        ]  # fmt: skip
        if level == "grpc":
            makers = [self._grpc]
        else:
            makers += [
                self._buffering, self._request_buffering, self._version, self._headers, self._proxy_times, self._next, self._intercept, self._accel,
                self._cache, self._abort, self._passing,
            ]  # fmt: skip
        return [node for make in makers if self.chance(density) for node in make()]

    def _times(self) -> list[Node]:
        names = self.random.sample(("send_timeout", "client_body_timeout"), self.random.choice((1, 1, 2)))
        return [d(name, self.pick(*TIMES)) for name in names]

    def _proxy_times(self) -> list[Node]:
        names = self.random.sample(
            ("proxy_read_timeout", "proxy_read_timeout", "proxy_connect_timeout", "proxy_send_timeout"),
            self.random.choice((1, 2, 2)),
        )
        return [d(name, self.pick(*TIMES)) for name in dict.fromkeys(names)]

    def _grpc(self) -> list[Node]:
        names = self.random.sample(
            ("grpc_read_timeout", "grpc_connect_timeout", "grpc_send_timeout"), self.random.choice((1, 2))
        )
        made = [d(name, self.pick(*TIMES)) for name in names]
        if self.chance(0.3):
            made.append(d("grpc_next_upstream", self.pick("off", "error timeout", "error http_503 non_idempotent")))
        if self.chance(0.3):
            made.append(d("grpc_set_header", "X-Real-IP", "$remote_addr"))
        return made

    def _buffering(self) -> list[Node]:
        return [d("proxy_buffering", self.pick("off", "off", "on"))]

    def _request_buffering(self) -> list[Node]:
        return [d("proxy_request_buffering", self.pick("off", "off", "on"))]

    def _version(self) -> list[Node]:
        return [d("proxy_http_version", self.pick("1.1", "1.1", "1.1", "1.1", "1.0", *(["2", "2", "2"] * self.two)))]

    def _headers(self) -> list[Node]:
        made = [d("proxy_set_header", "Host", "$host")] if self.chance(0.6) else []
        made += [d("proxy_set_header", "X-Forwarded-For", "$proxy_add_x_forwarded_for")] if self.chance(0.4) else []
        upgrade = ["$connection_upgrade"] * 2 * ("connection_upgrade" in self.maps)
        what = self.random.random()
        if what < 0.35:
            made.append(d("proxy_set_header", "Upgrade", "$http_upgrade"))
            made.append(d("proxy_set_header", "Connection", self.pick('"upgrade"', "upgrade", *upgrade)))
        elif what < 0.6:
            made.append(d("proxy_set_header", "Connection", self.pick('""', "''", "close", "keep-alive", *upgrade)))
        elif what < 0.64:
            made.append(d("proxy_set_header", "Upgrade", "$http_upgrade"))
        if self.chance(0.2):
            made.append(
                d("proxy_set_header", "Accept-Encoding", self.pick('""', "''", "$http_accept_encoding", "gzip"))
            )
        if self.chance(0.15):
            made.append(d("proxy_set_header", "TE", self.pick("$http_te", "trailers")))
        return made or [d("proxy_set_header", "X-Real-IP", "$remote_addr")]

    def _next(self) -> list[Node]:
        made = [d("proxy_next_upstream", self.pick("off", "error", "error timeout", "error timeout http_502 http_503", "http_500", "error timeout non_idempotent",
                                                   "error non_idempotent", "timeout", "invalid_header http_404", "error timeout http_429 non_idempotent"))]  # fmt: skip
        if self.chance(0.3):
            made.append(d("proxy_next_upstream_tries", self.pick("1", "2", "3")))
        return made

    def _intercept(self) -> list[Node]:
        return [d("proxy_intercept_errors", self.pick("on", "on", "off"))]

    def _error_page(self) -> list[Node]:
        made: list[Node] = []
        for _ in range(self.random.choice((1, 1, 2))):
            codes = self.random.sample(_STATUSES, self.random.choice((1, 2, 4)))
            # A named location that is its own error page would send requests again, whatever it says of retries.
            target = self.pick("/50x.html", "/50x.html", *(self.named if self.inside else ()))
            answer = [self.pick("=200", "=")] if self.chance(0.2) else []
            made.append(d("error_page", *codes, *answer, target))
        return made

    def _accel(self) -> list[Node]:
        return [self.random.choice((
            d("proxy_ignore_headers", "X-Accel-Buffering"), d("proxy_ignore_headers", "X-Accel-Buffering", "Cache-Control"),
            d("proxy_ignore_headers", "Cache-Control", "Expires"), d("proxy_pass_header", "X-Accel-Buffering"), d("proxy_hide_header", "X-Powered-By"),
            d("proxy_ignore_headers", "Set-Cookie"),
        ))]  # fmt: skip

    def _gzip(self) -> list[Node]:
        made = [d("gzip", self.pick("on", "on", "on", "off"))]
        if self.chance(0.5):
            made.append(d("gzip_types", self.pick("text/css application/json", "text/event-stream application/json", "*", "text/plain application/x-ndjson",
                                                  "application/javascript text/xml")))  # fmt: skip
        if self.chance(0.2):
            made.append(d("gzip_min_length", self.pick("256", "1000")))
        if self.chance(0.15):
            made.append(d("gzip_proxied", "any"))
        if self.chance(0.1):
            made.append(d("gzip_disable", '"msie6"'))
        if self.chance(0.1):
            made.append(d("gzip_http_version", "1.0"))
        return made

    def _log(self) -> list[Node]:
        made = [
            self.random.choice(
                (
                    d("access_log", "off"),
                    d("access_log", "logs/a.log", self.pick(*self.formats)),
                    d("access_log", "logs/b.log"),
                )
            )
        ]
        if self.chance(0.15) and made[0].args != ("off",):
            made.append(d("access_log", "logs/c.log", self.pick(*self.formats)))
        return made

    def _added(self) -> list[Node]:
        made = [
            d(
                "add_header",
                *self.random.choice(
                    (("X-Accel-Buffering", "no"), ("X-Frame-Options", "DENY"), ("X-Served-By", "$hostname", "always"))
                ),
            )
        ]
        if self.newest and self.chance(0.15):
            made.append(d("add_header_inherit", self.pick("merge", "on")))
        return made

    def _sub(self) -> list[Node]:
        made = [d("sub_filter", self.pick("'http://internal/'", "'data: x'", "'\\n\\n'" if False else "foo"), "'/'")]
        if self.chance(0.4):
            made.append(d("sub_filter_types", self.pick("*", "text/event-stream", "text/css")))
        return made

    def _rate(self) -> list[Node]:
        return [d("limit_rate", self.pick("100k", "1m", "0"))]

    def _limit_conn(self) -> list[Node]:
        return [d("limit_conn", zone, self.pick("3", "5", "200")) for zone in self.zones]

    def _cache(self) -> list[Node]:
        if not self.caches or self.chance(0.2):
            return [d("proxy_store", self.pick("off", "off", "on"))] if self.chance(0.3) else []
        made = [d("proxy_cache", self.pick("store", "store", "off"))]
        if self.chance(0.6):
            made.append(d("proxy_cache_valid", self.pick("200 10m", "any 1m", "5m")))
        if self.chance(0.15):
            made.append(d("proxy_no_cache", self.pick("1", '""')))
        return made

    def _abort(self) -> list[Node]:
        return [d("proxy_ignore_client_abort", self.pick("on", "on", "off"))]

    def _passing(self) -> list[Node]:
        return self.random.choice((
            [d("proxy_pass_request_headers", "on")], [d("proxy_hide_header", "Server")], [d("proxy_redirect", "off")],
            [d("proxy_pass_request_headers", "off")], [d("proxy_socket_keepalive", "on")], [d("proxy_max_temp_file_size", "0")],
            [d("proxy_pass_trailers", "on")] if self.newest else [d("proxy_buffer_size", "8k")], [d("proxy_buffer_size", "16k"), d("proxy_buffers", "8", "16k")],
        ))  # fmt: skip

    def _small(self) -> list[Node]:
        return self.random.choice((
            [d("tcp_nodelay", "on")], [d("chunked_transfer_encoding", "off")], [d("keepalive_timeout", self.pick("65", "10s", "0"))],
            [d("tcp_nopush", "on"), d("sendfile", "on")], [d("absolute_redirect", "off")],
            [d("etag", "off")], [d("client_body_buffer_size", "128k")], [d("lingering_close", "off")], [d("reset_timedout_connection", "on")],
        ))  # fmt: skip

    def _body_size(self) -> list[Node]:
        return [d("client_max_body_size", self.pick(*SIZES))]


def make(seed: int, version: str) -> Config:
    """The config of that seed for that version."""
    return Generator(seed, version).make()
