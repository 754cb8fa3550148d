"""Aims → the text of an Envoy bootstrap. Everything is decided here, as plain values; the templates print them."""

from __future__ import annotations

import ipaddress
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from proxycfg import reasons
from proxycfg.behavior import FOREVER
from proxycfg.headers import EXPOSED
from proxycfg.record import record
from proxycfg.spec import is_address
from proxycfg.target import Output
from proxycfg.targets.envoy import facts, quote
from proxycfg.targets.envoy.aim import aim_of, body_limits, max_streams, version_of
from proxycfg.targets.envoy.lacks import of_route, of_spec, origin_name
from proxycfg.template import environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jinja2 import Environment

    from proxycfg.behavior import Behavior
    from proxycfg.finding import Finding
    from proxycfg.spec import Route, Spec, Upstream
    from proxycfg.specmodel import Server


@record(frozen=True, slots=True)
class Network:
    """A CIDR as Envoy spells it."""

    address: str
    length: int


@record(frozen=True, slots=True, kw_only=True)
class Chain:
    """One filter chain, and the peers it is for: none means everybody else. The first one holds what all of them share."""

    name: str
    trusted: tuple[Network, ...]
    first: bool


@record(frozen=True, slots=True, kw_only=True)
class Listener:
    """One port of one transport."""

    name: str
    quic: bool
    codec: str
    alpn: tuple[str, ...]
    chains: tuple[Chain, ...]


@record(frozen=True, slots=True)
class Match:
    """How a path is matched: ``exact``, ``regex``, ``segments`` or ``all``."""

    kind: str
    value: str


@record(frozen=True, slots=True)
class Header:
    """A header to set; the value is a substitution format."""

    name: str
    value: str


@record(frozen=True, slots=True)
class HashOn:
    """What tells clients apart: ``cookie``, ``header``, ``argument``, ``path`` or ``ip``."""

    by: str
    name: str


@record(frozen=True, slots=True, kw_only=True)
class CorsPolicy:
    """Which web origins may call a route, and how."""

    origins: tuple[str, ...]
    methods: str
    headers: str
    expose: str
    credentials: bool


@record(frozen=True, slots=True)
class Rate:
    """A token bucket: requests that pass at once, and how it fills."""

    burst: int
    tokens: int
    interval: float


@record(frozen=True, slots=True)
class BodyLimit:
    """One filter that counts request bodies: its settings cannot differ by route, so there is one for each limit."""

    bytes: int

    @property
    def name(self) -> str:
        """What routes switch it on by."""
        return f"body_size_limit_{self.bytes}"


@record(frozen=True, slots=True, kw_only=True)
class PollCache:
    """How answers are shared: for so many seconds, with requests that have neither this header nor this argument (lower case).

    ``plain``: the origin never sees Accept-Encoding.
    """

    seconds: float
    header: str
    argument: str
    plain: bool


@record(frozen=True, slots=True, kw_only=True)
class RouteEntry:
    """One route of the spec, with every value that its template prints. Empty, 0 and None leave the line out."""

    name: str
    declaration: str
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
    cache: PollCache | None
    connect_bridge: bool
    grpc_web: bool

    @property
    def has_filters(self) -> bool:
        """Whether any filter is set up for this route alone."""
        return bool(self.cors or self.rate or self.body_limit or self.cache or self.connect_bridge or self.grpc_web)


@record(frozen=True, slots=True)
class VirtualHost:
    """Domains that share their routes."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[RouteEntry, ...]


@record(frozen=True, slots=True)
class OriginTls:
    """How an origin's certificate is checked: not at all where ``ca`` is empty."""

    sni: str
    name: str
    san_type: str
    ca: str


@record(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One upstream. ``requests`` is what runs at once; ``per_host`` is 0 for no limit on connections to one server."""

    name: str
    discovery: str
    servers: tuple[Server, ...]
    two: bool
    reuse: bool
    balance: str
    requests: int
    connections: int
    retries: int
    per_host: int
    outliers: bool
    tls: OriginTls | None


@record(frozen=True, slots=True)
class Filters:
    """The HTTP filters that some route uses."""

    cors: bool
    rate: bool
    body_limits: tuple[BodyLimit, ...]
    cache: bool
    connect_bridge: bool
    grpc_web: bool


@cache
def _environment() -> Environment:
    return environment("envoy", {"q": quote.text, "s": quote.seconds, "comment": quote.comment})


def write(spec: Spec) -> Output:
    """The whole bootstrap: ``envoy.yaml``."""
    version = version_of(spec)
    limits = body_limits(spec, version)
    aims: dict[str, Behavior] = {}
    findings: list[Finding] = list(of_spec(spec, version, limits))
    for route in spec.routes:
        aims[route.name], missed = aim_of(route, spec, version, limits[route.name])
        findings += of_route(route, version, missed)
    text = _environment().get_template("envoy.yaml.j2").render(_context(spec, version, aims))
    return Output({"envoy.yaml": text}, tuple(findings), aims)


def _context(spec: Spec, version: str, aims: Mapping[str, Behavior]) -> Mapping[str, object]:
    entries = {route.name: _route(route, aims[route.name]) for route in spec.routes}
    listeners = _listeners(spec)
    connections = facts.connections(spec.streams)
    held = sum(len(listener.chains) for listener in listeners) * len(spec.routes)
    return {
        "has": {feature: facts.has(version, feature) for feature in facts.SINCE},
        "facts": facts,
        "admin_address": facts.ADMIN[0],
        "admin_port": facts.ADMIN[1],
        "address": spec.listen.address,
        "port": spec.listen.port,
        "http2": "2" in spec.listen.http,
        "tls": spec.listen.tls,
        "streams": spec.streams,
        "connections": connections,
        "files": 2 * connections,
        "headroom": round((facts.HEADROOM - 1) * 100),
        "heap_bytes": facts.heap(spec.streams, held),
        "listeners": listeners,
        "hsts": spec.hsts,
        "alt_svc": f'h3=":{spec.listen.port}"; ma=86400' if len(listeners) > 1 else "",
        "regexes": any(entry.rewrite or entry.match.kind == "regex" for entry in entries.values()),
        "websocket": any(entry.websocket for entry in entries.values()),
        "underscores": _names_underscores(spec),
        "filters": _filters(entries.values()),
        "hosts": tuple(
            VirtualHost(
                hosts[0], tuple(_domain(host) for host in hosts), tuple(entries[route.name] for route in routes)
            )
            for hosts, routes in spec.servers
        ),
        "any_host": any("*" in hosts for hosts, _ in spec.servers),
        "reasons": {name: getattr(reasons, name) for name in reasons.__all__},
        "clusters": tuple(_cluster(upstream, spec) for upstream in spec.used_upstreams),
    }


# ---- listeners ----


def _listeners(spec: Spec) -> tuple[Listener, ...]:
    over_tcp = {"1.1", "2"} & set(spec.listen.http)
    made: list[Listener] = []
    if over_tcp:
        codec = "AUTO" if len(over_tcp) > 1 else {"1.1": "HTTP1", "2": "HTTP2"}[over_tcp.pop()]
        alpn = {"AUTO": ("h2", "http/1.1"), "HTTP1": ("http/1.1",), "HTTP2": ("h2",)}[codec]
        made.append(Listener(name="tcp", quic=False, codec=codec, alpn=alpn, chains=_chains(spec, "tcp", first=True)))
    if "3" in spec.listen.http:
        chains = _chains(spec, "quic", first=not made)
        made.append(Listener(name="quic", quic=True, codec="HTTP3", alpn=("h3",), chains=chains))
    return tuple(made)


def _chains(spec: Spec, transport: str, *, first: bool) -> tuple[Chain, ...]:
    """Everybody; and, where the spec names them, the proxies whose forwarded headers count."""
    networks = [ipaddress.ip_network(cidr) for cidr in spec.trusted_proxies]
    trusted = tuple(Network(str(network.network_address), network.prefixlen) for network in networks)
    public = Chain(name=f"{transport}-public", trusted=(), first=first)
    return (public, Chain(name=f"{transport}-trusted", trusted=trusted, first=False)) if trusted else (public,)


def _domain(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _names_underscores(spec: Spec) -> bool:
    """Whether the spec itself counts on a client header with an underscore in its name."""
    credentials = (route.auth.name for route in spec.routes if route.auth and route.auth.by == "header")
    affinities = (u.affinity.name or "" for u in spec.used_upstreams if u.affinity and u.affinity.by == "header")
    return any("_" in name for name in (*credentials, *affinities))


def _filters(entries: Iterable[RouteEntry]) -> Filters:
    entries = tuple(entries)
    limits = {entry.body_limit for entry in entries if entry.body_limit}
    return Filters(
        cors=any(entry.cors for entry in entries),
        rate=any(entry.rate for entry in entries),
        body_limits=tuple(sorted(limits, key=lambda limit: limit.bytes)),
        cache=any(entry.cache for entry in entries),
        connect_bridge=any(entry.connect_bridge for entry in entries),
        grpc_web=any(entry.grpc_web for entry in entries),
    )


# ---- routes ----


def _route(route: Route, aim: Behavior) -> RouteEntry:
    methods = route.allowed_methods
    set_request, remove_request = _headers(route.rewrites.request)
    set_response, remove_response = _headers(route.rewrites.response)
    if not aim.accept_encoding_forwarded.high:
        # The origin must not compress its own stream.
        remove_request = _also(remove_request, ("accept-encoding",), set_request)
    if route.browser_cors:
        remove_response = _also(remove_response, facts.CORS_HEADERS, set_response)
    limit = aim.request_body_limit.low
    return RouteEntry(
        name=route.name,
        declaration=str(route.declaration),
        match=_match(route),
        methods="|".join(methods),
        allow=", ".join(methods),
        origins=() if route.browser_cors or "*" in route.cors else route.cors,
        cluster=route.upstream.name,
        idle=aim.upstream_idle_timeout.low,
        max_duration=0 if aim.total_timeout.low == FOREVER else aim.total_timeout.low,
        rewrite="" if route.strip is None else f"^{_encoded_pattern(route.strip)}(/|$)",
        host=next((value or "" for name, value in route.rewrites.request.items() if name.lower() == "host"), ""),
        retries=route.attempts - 1,
        websocket=aim.upgrade.low,
        affinity=_hash_on(route.upstream),
        set_request=set_request,
        remove_request=remove_request,
        set_response=set_response,
        remove_response=remove_response,
        cors=_cors(route) if route.browser_cors else None,
        rate=None if route.rate is None else _rate(route.rate, route.burst),
        body_limit=None if limit == FOREVER else BodyLimit(int(limit)),
        cache=_cache(route, remove_request) if aim.caching.high else None,
        connect_bridge=route.protocol.name == "connect" and route.upstream.speaks_grpc,
        grpc_web=route.protocol.name == "grpc-web" and route.upstream.speaks_grpc,
    )


def _match(route: Route) -> Match:
    """The path as it travels. Where that holds percent-encoded characters, hex digits of either case are the same character."""
    if route.kind == "regex":
        return Match("regex", route.path)
    path = quote.path(route.path if route.kind == "exact" else route.path.rstrip("/"))
    if "%" in path:
        return Match("regex", _encoded_pattern(path, done=True) + ("" if route.kind == "exact" else "(/.*)?"))
    if route.kind == "exact":
        return Match("exact", path)
    return Match("segments", path) if path else Match("all", "/")


def _encoded_pattern(path: str, *, done: bool = False) -> str:
    return quote.either_case(quote.pattern(path if done else quote.path(path)))


def _headers(rewrites: Mapping[str, str | None]) -> tuple[tuple[Header, ...], tuple[str, ...]]:
    """What to set and what to remove, without the host, which has a field of its own, and what Envoy keeps to itself."""
    mine = {
        name: value
        for name, value in rewrites.items()
        if not name.lower().startswith("x-envoy-") and name.lower() != "host"
    }
    to_set = tuple(Header(name, quote.literal(value)) for name, value in mine.items() if value is not None)
    return to_set, tuple(name for name, value in mine.items() if value is None)


def _also(removed: tuple[str, ...], names: tuple[str, ...], kept: tuple[Header, ...]) -> tuple[str, ...]:
    """The headers to remove and some more, save those that the spec itself speaks of."""
    known = {name.lower() for name in removed} | {header.name.lower() for header in kept}
    return (*removed, *(name for name in names if name not in known))


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
        origins=route.cors,
        methods=", ".join(route.preflight_methods),
        headers=", ".join(sorted({*facts.ALLOWED_HEADERS, *mine})),
        expose=", ".join(EXPOSED),
        credentials="*" not in route.cors,
    )


def _cache(route: Route, removed: tuple[str, ...]) -> PollCache:
    def credential(by: str) -> str:
        return route.auth.name.lower() if route.auth and route.auth.by == by else ""

    return PollCache(
        seconds=route.cache,
        header=credential("header"),
        argument=credential("query"),
        plain="accept-encoding" in {name.lower() for name in removed},
    )


def _rate(rate: float, burst: int) -> Rate:
    """``burst`` requests and one more pass at once, as with nginx's limit_req; then as many a second as the rate says."""
    fraction = Fraction(rate).limit_denominator(3600)
    if not fraction:
        return Rate(burst + 1, 1, 1 / rate)
    return Rate(burst + 1, fraction.numerator, float(fraction.denominator))


# ---- clusters ----


def _cluster(upstream: Upstream, spec: Spec) -> Cluster:
    requests = max_streams(upstream, spec)
    balance = "hash" if upstream.affinity else "all" if upstream.max_connections else "two"
    return Cluster(
        name=upstream.name,
        discovery="STRICT_DNS" if upstream.named else "STATIC",
        servers=tuple(server for server in upstream.servers if not (upstream.named and server.socket)),
        two=upstream.http_version == "2",
        reuse=upstream.keepalive > 0,
        balance=balance,
        requests=requests,
        connections=2 * requests,
        retries=max(16, requests // 10),
        per_host=upstream.max_connections or 0 if upstream.affinity else 0,
        outliers=len(upstream.servers) > 1,
        tls=_origin_tls(upstream) if upstream.secure else None,
    )


def _origin_tls(upstream: Upstream) -> OriginTls:
    name = origin_name(upstream)
    ca = (upstream.tls.ca or facts.SYSTEM_CAS) if upstream.tls.verify else ""
    # An address is no name to ask for; it is still checked against those that the certificate holds.
    return OriginTls("" if is_address(name) else name, name, "IP_ADDRESS" if is_address(name) else "DNS", ca)
