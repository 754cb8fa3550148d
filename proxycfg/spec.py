"""A settled spec: every route with its defaults applied, ready for need and aim. No default is decided after this."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxycfg.protocol import Protocol
    from proxycfg.source import Span
    from proxycfg.specmodel import Affinity, Auth, Listen, Rewrites, Server, Targets, UpstreamTls

MatchKind = Literal["exact", "regex", "prefix"]

DEFAULT_KEEPALIVE = 64
"""Idle connections kept to an upstream, per worker: enough for bursts of short requests; a stream in use is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    def sni(self) -> str:
        """The name asked for and checked in the TLS handshake."""
        return self.tls.sni or next((server.host for server in self.servers), "")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One place that a client can reach, with every value decided.

    Durations are seconds, ``inf`` for no limit; ``body_limit`` is bytes, ``inf`` for none; ``attempts`` counts the first try;
    ``streams`` is what the hop must hold; ``cache`` is 0 for none; ``strip`` is the prefix to remove.
    """

    name: str
    kind: MatchKind
    path: str
    hosts: tuple[str, ...]
    protocol: Protocol
    upstream: Upstream
    methods: tuple[str, ...]
    heartbeat: float | None
    idle_timeout: float
    max_duration: float
    upload_stream: bool
    body_limit: float
    strip: str | None
    rewrites: Rewrites
    auth: Auth | None
    cors: tuple[str, ...]
    per_client: int | None
    rate: float | None
    burst: int
    attempts: int
    cache: float
    streams: int
    index: int
    span_of: Callable[..., Span] = field(repr=False, compare=False)

    @property
    def span(self) -> Span:
        """The place of the route in the YAML."""
        return self.span_of()

    @cached_property
    def title(self) -> str:
        """How messages name the route."""
        mark = {"exact": "exact ", "regex": "regex ", "prefix": ""}[self.kind]
        return f"{mark}{self.path}"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A whole spec. ``digest`` is the SHA-256 of the file, in hex; ``source`` the file's name without folders."""

    hosts: tuple[str, ...]
    listen: Listen
    streams: int
    trusted_proxies: tuple[str, ...]
    targets: Targets
    chain: tuple[str, ...]
    upstreams: Mapping[str, Upstream]
    routes: tuple[Route, ...]
    source: str
    digest: str
    span_of: Callable[..., Span] = field(repr=False, compare=False)

    @property
    def secure(self) -> bool:
        """Whether the listener speaks TLS."""
        return self.listen.tls is not None

    def routes_for(self, host: str) -> tuple[Route, ...]:
        """The routes that answer for ``host``, in the order in which they are tried.

        Exact paths first, then regular expressions in the order of the file, then prefixes from the longest to the shortest.
        A route for a wildcard, or for any host, also answers for the hosts that it covers; where two match alike, the more
        specific host wins.
        """
        chosen: dict[tuple[str, str], tuple[int, Route]] = {}
        for route in self.routes:
            specific = max((specificity(own) for own in route.hosts if covers(own, host)), default=-1)
            key = (route.kind, route.path.rstrip("/") if route.kind == "prefix" else route.path)
            if specific >= 0 and (key not in chosen or specific > chosen[key][0]):
                chosen[key] = (specific, route)
        return tuple(sorted((route for _, route in chosen.values()), key=precedence))

    @cached_property
    def servers(self) -> tuple[tuple[tuple[str, ...], tuple[Route, ...]], ...]:
        """Hosts grouped by the routes that they share: one virtual server each, in the order of the file."""
        groups: dict[tuple[int, ...], tuple[list[str], tuple[Route, ...]]] = {}
        names = dict.fromkeys([*self.hosts, *(host for route in self.routes for host in route.hosts)])
        # Most specs have one set of hosts for all routes: decide it once instead of once a host.
        for host in names:
            routes = self.routes_for(host)
            if routes:
                groups.setdefault(tuple(route.index for route in routes), ([], routes))[0].append(host)
        return tuple((tuple(hosts), routes) for hosts, routes in groups.values())


def covers(pattern: str, host: str) -> bool:
    """Whether a route's host ``pattern`` answers for ``host``, which may be a pattern itself."""
    if pattern in ("*", host):
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:]) and host != pattern[1:]


def specificity(pattern: str) -> int:
    """Larger for more specific host patterns: any < wildcard by length < exact."""
    if pattern == "*":
        return 0
    return len(pattern) if pattern.startswith("*.") else 1000 + len(pattern)


def precedence(route: Route) -> tuple[int, int, int]:
    """The order in which routes are tried, the same on every target."""
    rank = {"exact": 0, "regex": 1, "prefix": 2}[route.kind]
    return rank, -len(route.path.rstrip("/")) if route.kind == "prefix" else 0, route.index
