"""A settled spec: every route with its defaults applied, ready for need and aim. No default is decided after this."""

from __future__ import annotations

import ipaddress
import math
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from proxycfg.behavior import FOREVER
from proxycfg.headers import HSTS
from proxycfg.record import field, record
from proxycfg.streams import Comment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxycfg.protocol import Protocol
    from proxycfg.source import Span
    from proxycfg.specmodel import Affinity, Auth, Listen, Rewrites, Server, Targets, UpstreamTls

MatchKind = Literal["exact", "regex", "prefix"]

DEFAULT_ATTEMPTS = 1
"""No retry unless asked for: an origin that failed may have begun on the request, and proxies cannot always tell."""

POLL_RATE = 50.0
"""Polls a second of one client address where the route sets no limits: room for an office behind one address, not for a loop."""

DEFAULT_KEEPALIVE = 64
"""Idle connections kept to an upstream, per worker: enough for bursts of short requests; a stream in use is not counted."""


@record(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A group of equal origin servers. ``max_connections`` is None for no limit."""

    name: str
    servers: tuple[Server, ...]
    scheme: Literal["http", "https", "grpc", "grpcs", "unix"]
    http_version: Literal["1.1", "2"]
    tls: UpstreamTls
    affinity: Affinity | None
    max_connections: int | None
    keepalive: int
    span: Span

    @property
    def secure(self) -> bool:
        """Whether the servers are reached over TLS."""
        return self.scheme in ("https", "grpcs")

    @property
    def speaks_grpc(self) -> bool:
        """Whether the URL says that this is a gRPC server, which understands neither gRPC-Web nor HTTP/1.1."""
        return self.scheme in ("grpc", "grpcs")

    @property
    def named(self) -> bool:
        """Whether a server has a name, which must be looked up and may stand for several addresses."""
        return any(server.host and not is_address(server.host) for server in self.servers)

    @property
    def sni(self) -> str:
        """The name asked for and checked in the TLS handshake."""
        return self.tls.sni or next((server.host for server in self.servers if server.host), "")


def is_address(host: str) -> bool:
    """Whether a host is an IP address, which needs no looking up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@record(frozen=True, kw_only=True)
class Terms:
    """What of a route its need hangs on, so that a need can be asked for without a spec around it.

    Durations are seconds, ``inf`` for no limit; ``body_limit`` is bytes, ``inf`` for none; ``attempts`` counts the first try;
    ``streams`` is what the hop must hold; ``cache`` is 0 for none.
    """

    protocol: Protocol
    idle_timeout: float
    max_duration: float
    upload_stream: bool
    body_limit: float
    auth: Auth | None
    attempts: int
    cache: float
    streams: int

    @property
    def affinity(self) -> Affinity | None:
        """What ties a client to one of the servers."""
        return None


def ordinary(protocol: Protocol) -> Terms:
    """The terms of a route that states nothing but its protocol, in a spec for one stream."""
    return Terms(
        protocol=protocol,
        idle_timeout=protocol.idle_timeout,
        max_duration=FOREVER,
        upload_stream=protocol.uploads,
        body_limit=default_body_limit(protocol, stream=protocol.uploads),
        auth=None,
        attempts=DEFAULT_ATTEMPTS,
        cache=default_cache(protocol),
        streams=1,
    )


def default_body_limit(protocol: Protocol, *, stream: bool) -> float:
    """Bytes of a request where the route does not say; a body that streams has no end to measure."""
    return FOREVER if stream or protocol.body_limit is None else protocol.body_limit


def default_cache(protocol: Protocol) -> float:
    """For how many seconds an answer is shared where the route does not say."""
    return 1.0 if protocol.name == "poll" else 0.0


@record(frozen=True, kw_only=True)
class Route(Terms):
    """One place that a client can reach, with every value decided; ``strip`` is the prefix to remove."""

    name: str
    kind: MatchKind
    path: str
    hosts: tuple[str, ...]
    upstream: Upstream
    methods: tuple[str, ...]
    heartbeat: float | None
    strip: str | None
    rewrites: Rewrites
    cors: tuple[str, ...]
    per_client: int | None
    rate: float | None
    burst: int
    index: int
    span_of: Callable[..., Span] = field(repr=False, compare=False)

    @property
    def affinity(self) -> Affinity | None:
        """That of its upstream."""
        return self.upstream.affinity

    @property
    def span(self) -> Span:
        """The place of the route in the YAML."""
        return self.span_of()

    @property
    def match_span(self) -> Span:
        """The place of the path, or of what stands in for it."""
        return self.span_of({"prefix": "path"}.get(self.kind, self.kind))

    @property
    def browser_cors(self) -> bool:
        """Whether CORS headers say who may call the route; they do not cover WebSocket."""
        return bool(self.cors) and self.protocol.name != "websocket"

    @property
    def allowed_methods(self) -> tuple[str, ...]:
        """The methods let through, or none where all are: HEAD comes with GET, and OPTIONS with CORS."""
        if not self.methods:
            return ()
        implied = [*(["HEAD"] if "GET" in self.methods else []), *(["OPTIONS"] if self.browser_cors else [])]
        return tuple(dict.fromkeys([*self.methods, *implied]))

    @property
    def preflight_methods(self) -> tuple[str, ...]:
        """What a browser that asks first is told: what passes, or what clients of the protocol send where all does."""
        return self.allowed_methods or tuple(dict.fromkeys([*self.protocol.methods, "OPTIONS"]))

    @cached_property
    def title(self) -> str:
        """How messages name the route."""
        mark = {"exact": "exact ", "regex": "regex ", "prefix": ""}[self.kind]
        return f"{mark}{self.path}"

    @property
    def declaration(self) -> Comment:
        """What a comment in a config says of the route, so that a reader knows what it needs."""
        usual = self.idle_timeout == self.protocol.silence(self.heartbeat)
        return Comment(self.protocol.name, self.heartbeat, None if usual else self.idle_timeout)


@record(frozen=True, slots=True)
class ChainHop:
    """One hop of a chain.

    :param name: of its folder in what is generated, and by which the hop before knows it where nobody says where it is.
    :param at: where the hop before it reaches it.
    :param said: whether somebody says where it is.
    """

    target: str
    name: str
    at: Server
    said: bool


_Lists: TypeAlias = tuple[tuple[tuple[str, ...], ...], ...]
"""For each pattern that covers a host, from the most specific, the routes' lists of hosts that name the pattern."""


@record(frozen=True, kw_only=True)
class Spec:
    """A whole spec. ``digest`` is the SHA-256 of the file, in hex; ``source`` the file's name without folders."""

    hosts: tuple[str, ...]
    listen: Listen
    streams: int
    trusted_proxies: tuple[str, ...]
    targets: Targets
    hops: tuple[ChainHop, ...]
    upstreams: Mapping[str, Upstream]
    routes: tuple[Route, ...]
    source: str
    digest: str
    span_of: Callable[..., Span] = field(repr=False, compare=False)

    @property
    def chain(self) -> tuple[str, ...]:
        """The targets of the hops, outermost first; none where each target stands alone."""
        return tuple(hop.target for hop in self.hops)

    @property
    def secure(self) -> bool:
        """Whether the listener speaks TLS."""
        return self.listen.tls is not None

    @cached_property
    def hsts(self) -> str:
        """What ``Strict-Transport-Security`` is to say where the origin says nothing; empty for no such promise.

        Browsers keep it for the whole host: who has a route remove the header does not want it.
        """
        removed = (name for route in self.routes for name, value in route.rewrites.response.items() if value is None)
        tls = self.listen.tls
        if tls is None or not tls.hsts or any(name.lower() == HSTS.lower() for name in removed):
            return ""
        return f"max-age={math.ceil(tls.hsts)}"

    @cached_property
    def used_upstreams(self) -> tuple[Upstream, ...]:
        """Those that some route uses: the others are left out, for a proxy would look their names up for nothing."""
        used = {route.upstream.name for route in self.routes}
        return tuple(upstream for name, upstream in self.upstreams.items() if name in used)

    def routes_for(self, host: str) -> tuple[Route, ...]:
        """The routes that answer for ``host``, in the order in which they are tried.

        Exact paths first, then regular expressions in the order of the file, then prefixes from the longest to the shortest.
        A route for a wildcard, or for any host, also answers for the hosts that it covers; where two match alike, the more
        specific host wins.
        """
        return self._choose(self._lists_for(host))

    @cached_property
    def servers(self) -> tuple[tuple[tuple[str, ...], tuple[Route, ...]], ...]:
        """Hosts grouped by the routes that they share: one virtual server each, in the order of the file."""
        groups: dict[tuple[int, ...], tuple[list[str], tuple[Route, ...]]] = {}
        chosen: dict[_Lists, tuple[Route, ...]] = {}
        for host in dict.fromkeys([*self.hosts, *(host for hosts in self._routes_by_hosts for host in hosts)]):
            # Most specs have one list of hosts for all routes: what it gets is decided once instead of once a host.
            lists = self._lists_for(host)
            if lists not in chosen:
                chosen[lists] = self._choose(lists)
            if routes := chosen[lists]:
                groups.setdefault(tuple(route.index for route in routes), ([], routes))[0].append(host)
        return tuple((tuple(hosts), routes) for hosts, routes in groups.values())

    @cached_property
    def _routes_by_hosts(self) -> dict[tuple[str, ...], list[Route]]:
        """The routes, by their whole list of hosts."""
        found: dict[tuple[str, ...], list[Route]] = {}
        for route in self.routes:
            found.setdefault(route.hosts, []).append(route)
        return found

    @cached_property
    def _lists_naming(self) -> dict[str, list[tuple[str, ...]]]:
        """The lists of hosts in which a host stands: with them, ten thousand hosts need not look at every route each."""
        found: dict[str, list[tuple[str, ...]]] = {}
        for hosts in self._routes_by_hosts:
            for host in hosts:
                found.setdefault(host, []).append(hosts)
        return found

    def _lists_for(self, host: str) -> _Lists:
        return tuple(tuple(self._lists_naming[pattern]) for pattern in coverers(host) if pattern in self._lists_naming)

    def _choose(self, lists: _Lists) -> tuple[Route, ...]:
        """Of the routes that match alike, the one of the more specific pattern, then the first in the file."""
        chosen: dict[tuple[str, str], Route] = {}
        for of_one_pattern in lists:
            routes = [route for hosts in of_one_pattern for route in self._routes_by_hosts[hosts]]
            for route in sorted(routes, key=lambda route: route.index):
                chosen.setdefault((route.kind, route.path.rstrip("/") if route.kind == "prefix" else route.path), route)
        return tuple(sorted(chosen.values(), key=precedence))


def coverers(host: str) -> tuple[str, ...]:
    """The patterns that answer for ``host``, which may be a pattern itself, from the most specific: itself, ``*.…``, ``*``."""
    labels = host.split(".")
    wider = (f"*.{'.'.join(labels[count:])}" for count in range(1, len(labels)))
    return tuple(dict.fromkeys([host, *wider, "*"]))


def precedence(route: Route) -> tuple[int, int, int]:
    """The order in which routes are tried, the same on every target."""
    rank = {"exact": 0, "regex": 1, "prefix": 2}[route.kind]
    return rank, -len(route.path.rstrip("/")) if route.kind == "prefix" else 0, route.index
