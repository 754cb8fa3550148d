"""A generated nginx config as others read it: crossplane's tree, nginx's choice of a location, and what the directives come to.

Written without a look at the generator, so that the two can disagree.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import crossplane

FOREVER = float("inf")
SITE_IN = "events {{}}\nhttp {{\n{}\n}}\n"
"""A main file around a site file."""


@dataclass(frozen=True)
class Node:
    """A directive: its name, its arguments as nginx has them, its line, and what is inside."""

    name: str
    args: tuple[str, ...]
    line: int
    block: tuple[Node, ...] | None = None

    def all(self, name: str) -> list[Node]:
        """The directives of that name in this block."""
        return [node for node in self.block or () if node.name == name]

    def walk(self) -> Iterator[Node]:
        """This directive and everything inside it."""
        yield self
        for node in self.block or ():
            yield from node.walk()

    @property
    def shape(self) -> Any:
        """Names, nesting and numbers of arguments: all that a value must not change.

        The lines of a map are keys and values; four words among them are more than that.
        """
        inside = None if self.block is None else [node.shape for node in self.block]
        if self.name in {"map", "geo"} and inside:
            special = {"default", "include", "hostnames", "volatile"}
            inside = [(name if name in special else "key", *rest) for name, *rest in inside]
        return (self.name, len(self.args), inside)


def read(text: str) -> Node:
    """The whole file as one block.

    :raises crossplane.errors.NgxParserBaseException: if crossplane cannot read it.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        found = crossplane.parse(file.name, single=True, check_ctx=False, check_args=False, catch_errors=False)
    return Node("", (), 0, _nodes(found["config"][0]["parsed"]))


def _nodes(parsed: Sequence[dict[str, Any]]) -> tuple[Node, ...]:
    return tuple(
        Node(
            item["directive"],
            # crossplane takes the quotes away and no backslash but those before quotes.
            tuple(re.sub(r"""\\([\\"'])""", r"\1", arg) for arg in item["args"]),
            item["line"],
            _nodes(item["block"]) if "block" in item else None,
        )
        for item in parsed
    )


@dataclass
class Config:
    """A generated file, for a version of nginx."""

    text: str
    version: tuple[int, ...]
    root: Node = field(init=False)
    full: bool = field(init=False)

    def __post_init__(self) -> None:
        """Read it."""
        root = read(self.text)
        self.full = bool(root.all("http"))
        self.root = root if self.full else read(SITE_IN.format(self.text))

    @cached_property
    def http(self) -> Node:
        """The http block."""
        return self.root.all("http")[0]

    @cached_property
    def servers(self) -> list[Node]:
        """The servers."""
        return self.http.all("server")

    def server(self, host: str) -> Node:
        """The server that answers for a host, by nginx's rules."""

        def names(server: Node) -> list[str]:
            return [name for line in server.all("server_name") for name in line.args]

        for server in self.servers:
            if host in names(server):
                return server
        wild = [
            (len(name), server)
            for server in self.servers
            for name in names(server)
            if name.startswith("*.") and host.endswith(name[1:])
        ]
        if wild:
            return max(wild, key=lambda pair: pair[0])[1]
        for server in self.servers:
            if any(name.startswith("~") and re.search(name[1:], host) for name in names(server)):
                return server
        default = [s for s in self.servers if any("default_server" in line.args for line in s.all("listen"))]
        return (default or self.servers)[0]

    def location(self, host: str, path: str) -> Node | None:
        """The location that a decoded path ends in: exact, then regular expressions in order, then the longest prefix."""
        found: Node | None = None
        locations = self.server(host).all("location")
        for location in locations:
            if location.args == ("=", path):
                return location
        for location in locations:
            if location.args[0] == "~" and re.search(location.args[1].replace(r"\z", r"\Z"), path):
                return location
        for location in locations:
            (*modifier, name) = location.args
            longer = found is None or len(name) > len(found.args[-1])
            if not modifier and name.startswith("/") and path.startswith(name) and longer:
                found = location
        return found

    def effective(self, server: Node, location: Node, name: str) -> list[tuple[str, ...]]:
        """The arguments of a directive as the location has it: its own lines, or else those of the blocks around it."""
        for block in (location, server, self.http):
            if lines := block.all(name):
                return [line.args for line in lines]
        return []

    def map(self, variable: str) -> Node:
        """The map or geo that makes a variable."""
        return next(node for node in self.http.block or () if node.name in ("map", "geo") and node.args[-1] == variable)

    # ---- what it comes to ----

    def behavior(self, host: str, path: str) -> dict[str, Any]:
        """The properties of contract section 4 that the directives decide, as numbers and words."""
        server, location = self.server(host), self.location(host, path)
        assert location is not None
        return _Reading(self, server, location).behavior()


class _Reading:
    def __init__(self, config: Config, server: Node, location: Node) -> None:
        self.config = config
        self.server = server
        self.location = location
        self.passed = (location.all("proxy_pass") + location.all("grpc_pass"))[0]
        self.module = self.passed.name.removesuffix("_pass")

    def one(self, name: str, default: str = "") -> str:
        """The first argument of a plain directive."""
        found = self.config.effective(self.server, self.location, name)
        return found[0][0] if found else default

    def own(self, name: str, default: str = "") -> str:
        """The same for a directive of the module that passes the request on."""
        return self.one(f"{self.module}_{name}", default)

    def lines(self, name: str) -> list[tuple[str, ...]]:
        """All lines of a list of the module."""
        return self.config.effective(self.server, self.location, f"{self.module}_{name}")

    def adds(self, header: str) -> bool:
        """Whether a response header is added."""
        added = self.config.effective(self.server, self.location, "add_header")
        return any(args[0].lower() == header.lower() and args[1] for args in added)

    @property
    def is_proxy(self) -> bool:
        return self.module == "proxy"

    def behavior(self) -> dict[str, Any]:
        old_default = "1.0" if self.config.version < (1, 29, 7) else "1.1"
        headers = {args[0].lower(): args[1] for args in self.lines("set_header")}
        buffered = self.is_proxy and self.one("proxy_buffering", "on") == "on"
        ignored = {name for args in self.lines("ignore_headers") for name in args}
        retry = self.own("next_upstream", "error timeout")
        servers = self.upstream.all("server")
        listens = self.client_http_versions()
        body = seconds(self.one("client_body_timeout", "60s"))
        compressed = self.one("gzip", "off") == "on"
        made = {
            "response_buffering": buffered,
            "stalls_on": {"http/1.1+tls"} if buffered and self.secure else set(),
            "request_buffering": self.is_proxy and self.one("proxy_request_buffering", "on") == "on",
            "compression": compressed,
            "caching": buffered and self.one("proxy_cache", "off") != "off",
            "upstream_http_version": self.one("proxy_http_version", old_default) if self.is_proxy else "2",
            "upgrade": self.value(headers.get("upgrade", ""), "websocket") == "websocket",
            "upstream_connection_header": self.value(
                headers.get("connection", "" if not self.is_proxy else "close"), ""
            ),
            "connect_timeout": seconds(self.own("connect_timeout", "60s")),
            "upstream_idle_timeout": seconds(self.own("read_timeout", "60s")),
            "client_idle_timeout": body,
            "send_timeout": seconds(self.one("send_timeout", "60s")),
            "total_timeout": FOREVER,
            "request_body_limit": size(self.one("client_max_body_size", "1m")) or FOREVER,
            "retries": retry != "off" and self.own("next_upstream_tries", "0") != "1" and len(servers) > 1,
            "retries_non_idempotent": any("non_idempotent" in args for args in self.lines("next_upstream")),
            "error_interception": self.own("intercept_errors", "off") == "on",
            "honors_x_accel_buffering": self.is_proxy and "X-Accel-Buffering" not in ignored,
            "forwards_x_accel_buffering": ("X-Accel-Buffering",) in self.lines("pass_header")
            or self.adds("X-Accel-Buffering"),
            "accept_encoding_forwarded": "accept-encoding" not in headers,
            "client_http_versions": listens,
            "grpc": self.module == "grpc" and "2" in listens,
            "session_affinity": self.affinity(),
            "query_logged": self.query_logged(),
        }
        made["abort_propagates"] = not made["caching"] and self.own("ignore_client_abort", "off") == "off"
        return made

    @property
    def secure(self) -> bool:
        return any("ssl" in line.args for line in self.server.all("listen"))

    @cached_property
    def upstream(self) -> Node:
        name = re.fullmatch(r"(?:https?|grpcs?)://([^$/]+)(\$\w+)?", self.passed.args[0])
        assert name, self.passed
        return next(node for node in self.config.http.all("upstream") if node.args == (name[1],))

    def value(self, text: str, upgrade: str) -> str:
        """A header's value where the client sends that Upgrade header (or none)."""
        if not text.startswith("$proxycfg_"):
            return text
        made = self.config.map(text)
        assert made.args[0] == "$http_upgrade"
        table = {line.name: line.args[0] for line in made.block or ()}
        return table.get(upgrade, table["default"])

    def client_http_versions(self) -> set[str]:
        new = self.config.version >= (1, 25, 1)
        tcp = [line.args for line in self.server.all("listen") if "quic" not in line.args]
        spoken = {"3"} if self.one("http3", "off") == "on" else set()
        if new:
            return spoken | {"1.1"} | ({"2"} if self.one("http2", "off") == "on" else set())
        two = any("http2" in args for args in tcp)
        # A cleartext port of that age speaks one of them.
        return spoken | ({"2"} if two else {"1.1"}) | ({"1.1"} if self.secure else set())

    def affinity(self) -> str:
        lines = self.upstream.all("hash")
        if not lines:
            assert not self.upstream.all("ip_hash")
            return "none"
        assert lines[0].args[1] == "consistent"
        key = lines[0].args[0]
        if key.startswith("$proxycfg_"):
            key = self.config.map(key).args[0]
        kinds = {"$remote_addr": "ip", "$cookie_": "cookie", "$http_": "header", "$arg_": "hash", "$uri": "hash"}
        return next(kind for start, kind in kinds.items() if key.startswith(start))

    def query_logged(self) -> bool:
        (log,) = self.config.effective(self.server, self.location, "access_log")
        form = next(node for node in self.config.http.all("log_format") if node.args[0] == log[1])
        used = set(re.findall(r"\$(\w+)", "".join(form.args[1:])))
        telling = {"request", "request_uri", "args", "query_string", "http_referer", "is_args"}
        return bool(used & telling) or any(name.startswith("arg_") for name in used)


def seconds(text: str) -> float:
    """A time as nginx reads it."""
    found = re.fullmatch(r"(\d+)(ms|s|m|h|d)?", text)
    assert found, text
    return int(found[1]) * {"ms": 0.001, "s": 1, None: 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def size(text: str) -> int:
    """A size as nginx reads it."""
    found = re.fullmatch(r"(\d+)([kKmMgG])?", text)
    assert found, text
    return int(found[1]) * {None: 1, "k": 2**10, "m": 2**20, "g": 2**30}[found[2] and found[2].lower()]
