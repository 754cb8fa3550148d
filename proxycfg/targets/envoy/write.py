"""Aims → the text of an Envoy bootstrap. Everything is decided here, as plain values; the templates print them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxycfg.behavior import FOREVER
from proxycfg.target import Output
from proxycfg.targets.envoy import facts, quote
from proxycfg.targets.envoy.aim import aim_of, findings_of, max_streams, version_of
from proxycfg.template import environment
from proxycfg.units import show_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

    from proxycfg.behavior import Behavior
    from proxycfg.finding import Finding
    from proxycfg.spec import Route, Spec, Upstream

SYSTEM_CAS = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian, Alpine and Envoy's own images keep the CAs that the system trusts."""

ALLOWED_HEADERS = (
    "accept", "authorization", "cache-control", "connect-protocol-version", "connect-timeout-ms", "content-type", "grpc-timeout",
    "last-event-id", "x-grpc-web", "x-requested-with", "x-user-agent",
)  # fmt: skip
"""Request headers that browser clients of streams send: EventSource and its polyfills, gRPC-Web, Connect."""

EXPOSED_HEADERS = ("grpc-status", "grpc-message", "grpc-status-details-bin")
"""Response headers that a browser client of gRPC-Web or Connect must be able to read."""

CORS_HEADERS = (
    "access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods", "access-control-allow-headers",
    "access-control-expose-headers", "access-control-max-age",
)  # fmt: skip
"""What an origin may say about CORS by itself."""

RATE_CLIENTS = 10_000
"""Client addresses whose rate one route remembers; beyond it the one seen least lately is forgotten."""


@dataclass(frozen=True, slots=True)
class Network:
    """A CIDR as Envoy spells it."""

    address: str
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One filter chain: a name, and the peers it is for; empty for everybody else. The first one holds what all share."""

    name: str
    trusted: tuple[Network, ...]
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One port of one transport."""

    name: str
    protocol: str
    codec: str
    port: int
    alpn: tuple[str, ...]
    chains: tuple[Chain, ...]

    @property
    def quic(self) -> bool:
        """Whether it speaks HTTP/3."""
        return self.protocol == "UDP"


@dataclass(frozen=True, slots=True)
class Match:
    """How a path is matched: ``exact``, ``regex``, ``segments`` or ``all``."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header to set; the value is a substitution format."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class HashOn:
    """What tells clients apart: ``cookie``, ``header``, ``argument``, ``path`` or ``ip``."""

    by: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsPolicy:
    """Which web origins may call a route, and how."""

    origins: tuple[str, ...]
    methods: str
    headers: str
    expose: str
    credentials: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: requests that pass at once, and how it fills."""

    burst: int
    tokens: int
    interval: float


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """One filter that counts request bodies: its settings cannot differ by route, so there is one for each limit."""

    bytes: int

    @property
    def name(self) -> str:
        """What routes switch it on by."""
        return f"body_size_limit_{self.bytes}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteEntry:
    """One route of the spec, with every value that its template prints."""

    name: str
    note: str
    match: Match
    methods: str
    allow: str
    origins: tuple[str, ...]
    cluster: str
    idle: float
    max_duration: float
    rewrite: str
    host: str
    retries: int
    websocket: bool
    affinity: HashOn | None
    set_request: tuple[Header, ...]
    remove_request: tuple[str, ...]
    set_response: tuple[Header, ...]
    remove_response: tuple[str, ...]
    cors: CorsPolicy | None
    rate: Rate | None
    body_limit: BodyLimit | None
    connect_bridge: bool
    grpc_web: bool

    @property
    def has_filters(self) -> bool:
        """Whether any filter is set up for this route alone."""
        return bool(self.cors or self.rate or self.body_limit or self.connect_bridge or self.grpc_web)


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """Domains that share their routes."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[RouteEntry, ...]


@dataclass(frozen=True, slots=True)
class OriginTls:
    """How an origin's certificate is checked: nothing is where ``ca`` is empty."""

    sni: str
    name: str
    san_type: str
    ca: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One upstream."""

    name: str
    discovery: str
    servers: tuple[object, ...]
    two: bool
    reuse: bool
    hashed: bool
    requests: int
    retries: int
    max_connections: int
    outliers: bool
    tls: OriginTls | None

    @property
    def resolved(self) -> bool:
        """Whether a name has to be looked up."""
        return self.discovery != "STATIC"


@dataclass(frozen=True, slots=True)
class Filters:
    """The HTTP filters that some route uses."""

    cors: bool
    rate: bool
    body_limits: tuple[BodyLimit, ...]
    connect_bridge: bool
    grpc_web: bool


@dataclass(frozen=True, slots=True)
class Heap:
    """The heap limit, and the sum that it is, in the units of the comment."""

    bytes: int
    base: int
    per_stream: int
    per_route: int


@cache
def _environment() -> Environment:
    return environment("envoy", {"q": quote.text, "s": quote.seconds, "comment": quote.comment})


def write(spec: Spec) -> Output:
    """The whole bootstrap: ``envoy.yaml``."""
    version = version_of(spec)
    aims: dict[str, Behavior] = {}
    findings: list[Finding] = list(findings_of(spec, version))
    for route in spec.routes:
        aims[route.name], missed = aim_of(route, spec, version)
        findings += missed
    text = _environment().get_template("envoy.yaml.j2").render(_context(spec, version, aims))
    return Output({"envoy.yaml": text}, tuple(findings), aims)


def _context(spec: Spec, version: str, aims: Mapping[str, Behavior]) -> Mapping[str, object]:
    entries = {route.name: _route(route, aims[route.name]) for route in spec.routes}
    listeners = _listeners(spec)
    connections = facts.connections(spec.streams)
    return {
        "has": {feature: facts.has(version, feature) for feature in facts.SINCE},
        "streams": spec.streams,
        "connections": connections,
        "files": 2 * connections,
        "idle_connections": facts.IDLE_CONNECTIONS,
        "headroom": round((facts.HEADROOM - 1) * 100),
        "heap": Heap(
            facts.heap(spec.streams, len(spec.routes)),
            facts.HEAP_BASE // 2**20, facts.HEAP_PER_STREAM // 2**10, facts.HEAP_PER_ROUTE // 2**10,
        ),
        "listeners": listeners,
        "tls": spec.listen.tls,
        "alt_svc": f'h3=":{spec.listen.port}"; ma=86400' if len(listeners) > 1 else "",
        "websocket": any(entry.websocket for entry in entries.values()),
        "underscores": "ALLOW" if _names_underscores(spec) else "DROP_HEADER",
        "filters": Filters(
            cors=any(entry.cors for entry in entries.values()),
            rate=any(entry.rate for entry in entries.values()),
            body_limits=tuple(sorted({entry.body_limit for entry in entries.values() if entry.body_limit}, key=lambda each: each.bytes)),
            connect_bridge=any(entry.connect_bridge for entry in entries.values()),
            grpc_web=any(entry.grpc_web for entry in entries.values()),
        ),
        "hosts": tuple(
            VirtualHost(hosts[0], tuple(_domain(host) for host in hosts), tuple(entries[route.name] for route in routes))
            for hosts, routes in spec.servers
        ),
        "clusters": tuple(_cluster(upstream, spec) for upstream in _used_upstreams(spec)),
        "rate_clients": RATE_CLIENTS,
        "send_timeout": facts.SEND_TIMEOUT,
        "connect_timeout": facts.CONNECT_TIMEOUT,
        "connection_buffer": facts.CONNECTION_BUFFER,
        "stream_window": facts.STREAM_WINDOW,
        "connection_window": facts.CONNECTION_WINDOW,
        "client_streams": facts.CLIENT_STREAMS,
        "headers_timeout": facts.HEADERS_TIMEOUT,
        "max_headers_kb": facts.MAX_HEADERS_KB,
        "strict_idle": facts.STRICT_IDLE,
        "keepalive": facts.KEEPALIVE,
        "connection_age": facts.CONNECTION_AGE,
        "ping_clients": facts.PING_CLIENTS,
        "ping_timeout": facts.PING_TIMEOUT,
        "ping_origins": facts.PING_ORIGINS,
        "origin_keepalive": facts.ORIGIN_KEEPALIVE,
        "streams_per_connection": facts.STREAMS_PER_CONNECTION,
        "tcp_keepalive": facts.TCP_KEEPALIVE,
    }  # fmt: skip


# ---- listeners ----


def _listeners(spec: Spec) -> tuple[Listener, ...]:
    versions = set(spec.listen.http)
    over_tcp = versions & {"1.1", "2"}
    made: list[Listener] = []
    if over_tcp:
        codec = "AUTO" if len(over_tcp) > 1 else {"1.1": "HTTP1", "2": "HTTP2"}[over_tcp.pop()]
        alpn = {"AUTO": ("h2", "http/1.1"), "HTTP1": ("http/1.1",), "HTTP2": ("h2",)}[codec]
        made.append(Listener(name="tcp", protocol="TCP", codec=codec, port=spec.listen.port, alpn=alpn, chains=_chains(spec, "tcp")))
    if "3" in versions:
        chains = _chains(spec, "quic", first=not made)
        made.append(Listener(name="quic", protocol="UDP", codec="HTTP3", port=spec.listen.port, alpn=("h3",), chains=chains))
    return tuple(made)


def _chains(spec: Spec, transport: str, *, first: bool = True) -> tuple[Chain, ...]:
    """Everybody; and, where the spec names them, the proxies whose forwarded headers count."""
    trusted = tuple(Network(*_split(cidr)) for cidr in spec.trusted_proxies)
    public = Chain(name=f"{transport}-public", trusted=(), first=first)
    return (public, Chain(name=f"{transport}-trusted", trusted=trusted, first=False)) if trusted else (public,)


def _split(cidr: str) -> tuple[str, int]:
    network = ipaddress.ip_network(cidr)
    return str(network.network_address), network.prefixlen


def _domain(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _names_underscores(spec: Spec) -> bool:
    """Whether the spec itself counts on a client header with an underscore in its name."""
    credentials = (route.auth.name for route in spec.routes if route.auth and route.auth.by == "header")
    affinities = (u.affinity.name or "" for u in _used_upstreams(spec) if u.affinity and u.affinity.by == "header")
    return any("_" in name for name in (*credentials, *affinities))


# ---- routes ----


def _route(route: Route, aim: Behavior) -> RouteEntry:
    methods = _methods(route)
    browser = bool(route.cors) and route.protocol.name != "websocket"
    set_request, remove_request = _headers(route.rewrites.request, FIXED_REQUEST)
    set_response, remove_response = _headers(route.rewrites.response, FIXED_RESPONSE)
    if not aim.accept_encoding_forwarded.high and "accept-encoding" not in {header.name.lower() for header in set_request}:
        # The origin must not compress its own stream.
        remove_request = (*(name for name in remove_request if name.lower() != "accept-encoding"), "accept-encoding")
    if browser:
        # What the route says about origins holds, not what the application says besides.
        remove_response = (*remove_response, *(name for name in CORS_HEADERS if name not in {header.name.lower() for header in set_response}))
    limit = aim.request_body_limit.low
    return RouteEntry(
        name=route.name,
        note=_note(route),
        match=_match(route),
        methods="|".join(methods),
        allow=", ".join(methods),
        origins=() if browser or "*" in route.cors else tuple(_origin(origin) for origin in route.cors),
        cluster=route.upstream.name,
        idle=aim.upstream_idle_timeout.low,
        max_duration=0 if aim.total_timeout.low == FOREVER else aim.total_timeout.low,
        rewrite="" if route.strip is None else f"^{quote.pattern(quote.path(route.strip))}(/|$)",
        host=next((value or "" for name, value in route.rewrites.request.items() if name.lower() == "host"), ""),
        retries=route.attempts - 1,
        websocket=aim.upgrade.low,
        affinity=_hash_on(route.upstream),
        set_request=set_request,
        remove_request=remove_request,
        set_response=set_response,
        remove_response=remove_response,
        cors=_cors(route) if browser else None,
        rate=None if route.rate is None else _rate(route.rate, route.burst),
        body_limit=None if limit == FOREVER else BodyLimit(int(limit)),
        connect_bridge=route.protocol.name == "connect" and route.upstream.speaks_grpc,
        grpc_web=route.protocol.name == "grpc-web" and route.upstream.speaks_grpc,
    )


def _note(route: Route) -> str:
    beat = f", heartbeat every {show_duration(route.heartbeat)}" if route.heartbeat else ""
    return f"{route.protocol.name}: silence of up to {show_duration(route.idle_timeout)}{beat}"


def _match(route: Route) -> Match:
    if route.kind == "regex":
        return Match("regex", route.path)
    if route.kind == "exact":
        return Match("exact", quote.path(route.path))
    path = quote.path(route.path.rstrip("/"))
    return Match("segments", path) if path else Match("all", "/")


def _methods(route: Route) -> tuple[str, ...]:
    """The methods let through, where the route names any: HEAD comes with GET, and OPTIONS with CORS."""
    if not route.methods:
        return ()
    return tuple(
        dict.fromkeys([*route.methods, *(["HEAD"] if "GET" in route.methods else []), *(["OPTIONS"] if route.cors else [])])
    )


FIXED_REQUEST = frozenset(
    {"connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Request headers that no rewrite may touch: they frame the message on its way, and the host has a field of its own."""

FIXED_RESPONSE = FIXED_REQUEST


def _headers(rewrites: Mapping[str, str | None], fixed: frozenset[str]) -> tuple[tuple[Header, ...], tuple[str, ...]]:
    mine = {name: value for name, value in rewrites.items() if name.lower() not in fixed}
    to_set = tuple(Header(name, quote.literal(value)) for name, value in mine.items() if value is not None)
    return to_set, tuple(name for name, value in mine.items() if value is None)


def _hash_on(upstream: Upstream) -> HashOn | None:
    affinity = upstream.affinity
    if affinity is None:
        return None
    if affinity.by == "hash":
        return HashOn("argument", affinity.name) if affinity.name else HashOn("path", "")
    return HashOn(affinity.by, affinity.name or "")


def _cors(route: Route) -> CorsPolicy:
    mine = [route.auth.name.lower()] if route.auth and route.auth.by == "header" else []
    return CorsPolicy(
        origins=tuple(_origin(origin) for origin in route.cors),
        methods=", ".join(_methods(route) or dict.fromkeys([*route.protocol.methods, "OPTIONS"])),
        headers=", ".join(sorted({*ALLOWED_HEADERS, *mine})),
        expose=", ".join(EXPOSED_HEADERS),
        credentials="*" not in route.cors,
    )


def _origin(origin: str) -> str:
    """An origin as browsers send it: lower case, without the scheme's own port."""
    if origin == "*":
        return origin
    parts = urlsplit(origin)
    host = _domain(parts.hostname or "")
    own = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, own) else "")


def _rate(rate: float, burst: int) -> Rate:
    """``burst`` requests and one more pass at once, as with nginx's limit_req; then as many a second as the rate says."""
    fraction = Fraction(rate).limit_denominator(3600)
    if not fraction:
        return Rate(burst + 1, 1, 1 / rate)
    return Rate(burst + 1, fraction.numerator, float(fraction.denominator))


# ---- clusters ----


def _used_upstreams(spec: Spec) -> tuple[Upstream, ...]:
    used = {route.upstream.name for route in spec.routes}
    return tuple(upstream for name, upstream in spec.upstreams.items() if name in used)


def _cluster(upstream: Upstream, spec: Spec) -> Cluster:
    named = any(server.host and not _is_ip(server.host) for server in upstream.servers)
    requests = max_streams(upstream, spec)
    return Cluster(
        name=upstream.name,
        discovery="STRICT_DNS" if named else "STATIC",
        servers=upstream.servers,
        two=upstream.http_version == "2",
        reuse=upstream.keepalive > 0,
        hashed=upstream.affinity is not None,
        requests=requests,
        retries=max(16, requests // 10),
        max_connections=upstream.max_connections or 0,
        outliers=len(upstream.servers) > 1,
        tls=_origin_tls(upstream) if upstream.secure else None,
    )


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _origin_tls(upstream: Upstream) -> OriginTls:
    name = upstream.sni or next((server.host for server in upstream.servers if server.host), "")
    ca = (upstream.tls.ca or SYSTEM_CAS) if upstream.tls.verify else ""
    # An address is no server name; it is still checked against those that the certificate holds.
    return OriginTls("" if _is_ip(name) else name, name, "IP_ADDRESS" if _is_ip(name) else "DNS", ca)
