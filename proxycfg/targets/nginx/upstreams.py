"""Where requests go: the groups of servers that a ``*_pass`` names, and what they decide."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from proxycfg.behavior import ANYTHING, FOREVER, Between, exactly
from proxycfg.targets.nginx import facts
from proxycfg.targets.nginx.scope import Level
from proxycfg.targets.nginx.servers import Http, Location
from proxycfg.targets.nginx.syntax import Directive, number
from proxycfg.targets.nginx.variables import PLAIN, Variables, names_in

_ADDRESS = re.compile(r"^(?:[a-z]+://)?(?P<host>unix:[^:]*|\[[^\]]*\]|[^/:]*)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)

_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII)
"""What nearly every address is: the rest is left to :mod:`ipaddress`, which takes its time."""

METHODS = ("hash", "ip_hash", "sticky", "least_conn", "least_time", "random")
"""How a group chooses a server; where several are written the last one counts, but ``sticky`` goes with any."""

_CLIENT = frozenset(
    ("remote_addr", "binary_remote_addr", "realip_remote_addr", "proxy_protocol_addr", "http_x_forwarded_for", "http_x_real_ip",
     "proxy_add_x_forwarded_for", "remote_user", "http_authorization", "http_cookie", "ssl_client_fingerprint", "ssl_client_s_dn",
     "ssl_client_serial", "ssl_session_id", "connection", "request_id", "remote_port")
)  # fmt: skip
"""Variables that tell one client, or one request, from another."""
_CLIENT_PREFIXES = ("cookie_", "arg_")
_ADDRESSES = frozenset({"remote_addr", "binary_remote_addr", "realip_remote_addr", "proxy_protocol_addr"})


class Group(NamedTuple):
    """One group of servers, or the single one that an address in a ``*_pass`` is.

    :param directive: the ``upstream``; None for an address.
    :param servers: how many there are; a host name may stand for several addresses, each a server of its own.
    :param down: whether others stand beside them that are ``down``.
    :param affinity: what a client's server hangs on, with the directive that says so.
    :param most: connections to all of them, per worker if there is no ``shared`` zone.
    :param pooled: idle connections that are kept: a number, or None for what the version does by itself.
    :param local: whether each location has those connections for itself.
    """

    directive: Directive | None
    servers: Between[float]
    down: bool
    affinity: Between[str]
    chosen_by: Directive | None
    most: float
    limited_by: Directive | None
    shared: bool
    pooled: int | None
    local: bool


def is_address(host: str) -> bool:
    """Whether a host is an address, or a socket in the file system, and no name."""
    if host.startswith("unix:") or _IPV4.fullmatch(host):
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _count(host: str) -> Between[float]:
    return exactly(1.0) if is_address(host) else Between(1.0, FOREVER)


def _lone(host: str) -> Group:
    return Group(
        directive=None,
        servers=_count(host),
        down=False,
        affinity=exactly("none"),
        chosen_by=None,
        most=FOREVER,
        limited_by=None,
        shared=True,
        pooled=0,
        local=True,
    )


class Upstreams:
    """The groups of one http block, each worked out once."""

    def __init__(self, http: Http, variables: Variables) -> None:
        """Nothing is read before it is asked for."""
        self.http = http
        self.variables = variables
        self._by_name = {name.lower(): level for name, level in http.upstreams.items()}
        self._groups: dict[str, Group] = {}

    def named(self, text: str) -> Group:
        """The group for ``http://name/uri``, ``name``, ``unix:…`` or an address."""
        match = _ADDRESS.match(text)
        host = (match["host"] if match else text).lower()
        key = host if host in self._by_name else text
        group = self._groups.get(key)
        if group is None:
            level = self._by_name.get(host)
            group = self._groups[key] = self._of(level) if level is not None else _lone(host)
        return group

    def meant(self, text: str, location: Location) -> tuple[Group, ...]:
        """Every group that the argument of a ``*_pass`` can mean; none where a variable may hold anything."""
        if "$" not in text:
            return (self.named(text),)
        values = self.variables.values(text, PLAIN, location)
        if values is not None:
            return tuple(self.named(value) for value in sorted(values))
        # What comes behind the name, as in `http://backend$request_uri`, is not known, but the name is.
        head, _, _ = text.partition("$")
        host = head.partition("://")[2] if "://" in head else head
        known = "/" in host or (host and self._begins_a_path(names_in(text)[0]))
        return (self.named(head),) if known else ()

    def _begins_a_path(self, name: str) -> bool:
        """Whether a variable behind a host holds the rest of a URL, so that the host's name ends before it."""
        made = self.variables.map(name)
        if made is None:
            return name in {"request_uri", "uri", "document_uri", "is_args"}
        # Out of a pattern, nobody appends to a name.
        return all(value == "" or value.startswith(("/", "?", "$")) for value in made.values())

    def _of(self, level: Level) -> Group:
        servers = [line for line in level.lines("server") if line.args and "down" not in line.args]
        low = sum(1.0 for _ in servers)
        several = any(not is_address(_host(line.args[0])) or {"resolve"} & set(line.args) for line in servers)
        limits = [_parameter(line, "max_conns") for line in servers]
        limited = bool(limits) and all(limits)
        affinity, chosen_by = self._affinity(level)
        keepalive = level.lines("keepalive")
        return Group(
            directive=level.directive,
            servers=Between(low, FOREVER if several else low),
            down=len(servers) < len(level.lines("server")),
            affinity=affinity,
            chosen_by=chosen_by,
            most=float(sum(limits)) if limited else FOREVER,
            limited_by=next((line for line in servers if _parameter(line, "max_conns")), None) if limited else None,
            shared=bool(level.lines("zone")),
            pooled=_number(keepalive[0]) if keepalive else None,
            local=not keepalive or "local" in keepalive[0].args,
        )

    def _affinity(self, level: Level) -> tuple[Between[str], Directive | None]:
        if sticky := level.lines("sticky"):
            line = sticky[-1]
            kind = line.args[0] if line.args else "cookie"
            said = self.kind_of(" ".join(line.args[1:])) if kind == "route" else "cookie"
            return exactly(said), line
        last = next((child for child in reversed(level.children) if child.name in METHODS), None)
        if last is None:
            # Lua chooses as it likes.
            lua = next((child for child in level.children if child.name.startswith("balancer_by_lua")), None)
            return (Between("", ANYTHING), lua) if lua else (exactly("none"), None)
        if last.name == "ip_hash":
            return exactly("ip"), last
        if last.name == "hash" and last.args:
            return exactly(self.kind_of(last.args[0])), last
        return exactly("none"), last

    def kind_of(self, key: str) -> str:
        """What a hash key is made of: ``ip``, ``cookie``, ``header``, or anything else of the request.

        A map counts as what it looks at: one of a cookie that makes up a value for newcomers is still a matter of the cookie.
        """
        kinds = {self._kind(name) for name in names_in(key)}
        return kinds.pop() if len(kinds) == 1 else "hash"

    def _kind(self, name: str, depth: int = 0) -> str:
        made = self.variables.map(name)
        if made is not None and made.source and depth < 5:  # noqa: PLR2004 - maps of maps
            kinds = {self._kind(inner, depth + 1) for inner in names_in(made.source)}
            return kinds.pop() if len(kinds) == 1 else "hash"
        if made is not None:
            return "ip" if made.directive.name == "geo" else "hash"
        if name in _ADDRESSES:
            return "ip"
        if name.startswith("cookie_") or name == "http_cookie":
            return "cookie"
        return "header" if name.startswith("http_") else "hash"

    def is_per_client(self, key: str) -> bool:
        """Whether a limit's key tells clients apart, so that the limit is each one's own."""
        reached = {inner for name in names_in(key) for inner in self.variables.reach(name)}
        return any(name in _CLIENT or name.startswith(_CLIENT_PREFIXES) for name in reached)


def keeps_connections(group: Group, version: str) -> bool:
    """Whether idle connections to the group are kept and used again, if the requests allow it."""
    if group.directive is None:
        return False
    if group.pooled is None:
        return facts.has(version, "keepalive_by_default")
    return group.pooled > 0


def takes_again(group: Group) -> Between[bool]:
    """Whether a request that a kept connection has lost finds a server: another one, or the same if the group has no other.

    A server that is ``down`` counts as another one here, and takes nothing: measured on 1.22, 1.26 and 1.30.
    """
    return Between(not group.down or group.servers.low > 1, not group.down or group.servers.high > 1)


def _host(address: str) -> str:
    match = _ADDRESS.match(address)
    return match["host"] if match else address


def _parameter(line: Directive, name: str) -> int:
    value = next((word.partition("=")[2] for word in line.args if word.startswith(f"{name}=")), "")
    return number(value) or 0


def _number(line: Directive) -> int:
    return (number(line.args[0]) if line.args else None) or 0
