"""Aims → the text of an nginx config. Everything is decided here, as plain values; the templates print them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Finding, Severity
from proxycfg.protocols import protocols
from proxycfg.target import Output
from proxycfg.targets.nginx import facts, quote
from proxycfg.targets.nginx.aim import aim_of, module_of, version_of, workers
from proxycfg.template import Quoted, environment

if TYPE_CHECKING:
    from jinja2 import Environment

    from proxycfg.behavior import Behavior
    from proxycfg.spec import Route, Spec, Upstream

STANDARD_EXPOSED = "grpc-status, grpc-message, grpc-status-details-bin"
"""Response headers that a browser client of gRPC-Web or Connect must be able to read."""


@dataclass(frozen=True, slots=True)
class Map:
    """One ``map`` or ``geo``: a variable out of a key. ``default`` and the values may hold variables already quoted."""

    kind: str
    key: str
    variable: str
    default: Quoted
    lines: tuple[tuple[Quoted, Quoted], ...]
    why: str


@dataclass(frozen=True, slots=True)
class Zone:
    """One shared zone of a per-client limit."""

    name: str
    megabytes: int
    rate: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header to set: name, value ready to print."""

    name: str
    value: Quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamBlock:
    """One ``upstream``."""

    name: str
    balance: Quoted | None
    servers: tuple[str, ...]
    max_conns: int
    count_failures: bool
    keepalive: int
    zone_kilobytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """One ``location``, with every value that its template prints."""

    route: Route
    aim: Behavior
    module: str
    match: Quoted
    note: str
    pass_to: str
    read_timeout: Quoted
    client_body_timeout: Quoted
    body_limit: Quoted
    denied_methods: Quoted | None
    strip: Quoted | None
    request_headers: tuple[Header, ...]
    hidden_headers: tuple[str, ...]
    response_headers: tuple[Header, ...]
    origin_check: Quoted | None
    preflight: bool
    tls: UpstreamTls | None
    quiet_errors: bool
    retry_on: str
    cache_seconds: int
    cache_bypass: str
    burst: int
    buffer_size: str


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """How the origin's certificate is checked."""

    name: str
    verify: bool
    ca: str


@dataclass(frozen=True, slots=True)
class Server:
    """One ``server``; ``catch_all`` says that unknown paths need an answer of their own."""

    names: tuple[str, ...]
    is_default: bool
    locations: tuple[Location, ...]
    catch_all: bool


@cache
def _environment() -> Environment:
    return environment(
        "nginx",
        {"word": quote.word, "bare": _bare, "ours": Quoted, "comment": _comment},
    )


def _comment(text: str) -> Quoted:
    """Text behind a ``#``: one line, whatever it holds."""
    return Quoted("".join(c if c.isprintable() else " " for c in text))


def _bare(text: str) -> Quoted:
    """Text of ours, or of an alphabet that the spec's models limit to letters, digits and ``_.-:*[]``, printed without quotes."""
    if not all(c.isalnum() or c in "_.-:*[]/ ,|@+" for c in text):
        return quote.word(text)
    return Quoted(text)


def write(spec: Spec) -> Output:
    """The whole config: ``nginx.conf``, or ``site.conf`` where the spec asks for a file to include."""
    nginx = spec.targets.nginx
    layout = nginx.layout if nginx else "full"
    version = version_of(spec)
    aims: dict[str, Behavior] = {}
    findings: list[Finding] = list(_about_the_whole(spec, version, layout))
    for route in spec.routes:
        aims[route.name], missed = aim_of(route, spec, version)
        findings += missed
    text = _environment().get_template("nginx.conf.j2" if layout == "full" else "site.conf.j2").render(
        _context(spec, version, layout, aims)
    )
    return Output({"nginx.conf" if layout == "full" else "site.conf": text}, tuple(findings), aims)


def _about_the_whole(spec: Spec, version: str, layout: str) -> Iterable[Finding]:
    """What concerns no single route."""
    if facts.parse(version) < facts.OLDEST:
        yield _finding(
            "nginx-version-too-old", Category.OPERATIONS, Severity.ERROR, spec.span_of("targets", "nginx", "version"),
            f"nginx {version} lacks directives that this config needs", "use 1.18 or newer",
        )  # fmt: skip
    if "3" in spec.listen.http and not facts.has(version, "http3"):
        yield _finding(
            "http3-not-offered", Category.OPERATIONS, Severity.WARNING, spec.span_of("listen", "http"),
            f"nginx {version} has no HTTP/3: clients use HTTP/2", "use nginx 1.25 or newer, or remove 3",
        )  # fmt: skip
    if layout == "site":
        processes, slots = workers(spec)
        yield _finding(
            "site-layout-leaves-limits", Category.OPERATIONS, Severity.INFO, spec.span_of("targets", "nginx", "layout"),
            f"a site file cannot set what {spec.streams} streams need in the main nginx.conf",
            f"put there: {f'worker_processes {processes}; ' if processes else ''}worker_rlimit_nofile {2 * slots}; "
            f"worker_shutdown_timeout {_shutdown(spec)}; and in events: worker_connections {slots};",
        )  # fmt: skip


def _finding(rule: str, category: Category, severity: Severity, span: object, message: str, why: str) -> Finding:
    return Finding(rule=rule, category=category, severity=severity, message=message, why=why, span=span, target="nginx")  # type: ignore[arg-type]


def _shutdown(spec: Spec) -> Quoted:
    longest = max((route.max_duration for route in spec.routes if route.max_duration != math.inf), default=0.0)
    return quote.seconds(min(max(facts.SHUTDOWN_TIMEOUT, longest), 24 * 3600))


def _context(spec: Spec, version: str, layout: str, aims: Mapping[str, Behavior]) -> Mapping[str, object]:
    processes, slots = workers(spec)
    servers = _servers(spec, version, layout, aims)
    used = {location.module for server in servers for location in server.locations}
    return {
        "full": layout == "full",
        "processes": processes,
        "slots": slots,
        "files": 2 * slots,
        "shutdown": _shutdown(spec),
        "streams": spec.streams,
        "port": spec.listen.port,
        "tls": spec.listen.tls,
        "http2": "2" in spec.listen.http and (spec.secure or any("2" in aim.client_http_versions.low for aim in aims.values())),
        "http2_directive": facts.has(version, "http2_directive"),
        "http3": "3" in spec.listen.http and facts.has(version, "http3"),
        "idle": quote.seconds(max(route.idle_timeout for route in spec.routes)),
        "session_megabytes": min(512, max(1, math.ceil(spec.streams / facts.SESSIONS_PER_MEGABYTE))),
        "trusted": spec.trusted_proxies,
        "maps": _maps(spec),
        "rate_zones": tuple(
            Zone(route.name, _state_megabytes(spec), _rate(route.rate)) for route in spec.routes if route.rate is not None
        ),
        "stream_zones": tuple(Zone(route.name, _state_megabytes(spec), "") for route in spec.routes if route.per_client),
        "upstreams": tuple(_upstream(upstream, spec) for upstream in _used_upstreams(spec)),
        "caching": any(location.cache_seconds for server in servers for location in server.locations),
        "servers": servers,
        "grpc": "grpc" in used,
        "connect_timeout": quote.seconds(facts.CONNECT_TIMEOUT),
        "send_timeout": quote.seconds(facts.SEND_TIMEOUT),
    }


def _state_megabytes(spec: Spec) -> int:
    return min(256, max(1, math.ceil(spec.streams / facts.STATES_PER_MEGABYTE)))


def _rate(rate: float | None) -> str:
    """nginx counts whole requests a second or a minute."""
    value = rate or 0
    return f"{int(value)}r/s" if value.is_integer() else f"{math.ceil(value * 60)}r/m"


# ---- maps: variables out of requests ----


def _maps(spec: Spec) -> tuple[Map, ...]:
    made = [
        Map(
            "map", "$http_host", "$proxycfg_port", Quoted('""'), ((Quoted(r'"~^(?:\[[^]]*\]|[^:]*)(?<proxycfg_suffix>:[0-9]+)$"'), Quoted("$proxycfg_suffix")),),
            "The port that the client asked for. $host has none, and $http_host is whatever the client likes.",
        ),
        Map(
            "map", "$request_uri", "$proxycfg_path", Quoted("$request_uri"),
            ((Quoted(r'"~^(?<proxycfg_bare>[^?]*)\?"'), Quoted("$proxycfg_bare")),),
            "The path without the query: a token in a query must not reach a log.",
        ),
    ]  # fmt: skip
    if any(route.protocol.name == "websocket" for route in spec.routes):
        made += [
            Map(
                "map", "$http_upgrade", "$proxycfg_upgrade", Quoted('""'), ((Quoted("websocket"), Quoted("websocket")),),
                "Only WebSocket is let through: `Upgrade: h2c` would open a tunnel past every rule below.",
            ),
            Map(
                "map", "$http_upgrade", "$proxycfg_connection", Quoted('""'), ((Quoted("websocket"), Quoted("upgrade")),),
                "Empty, not `close`, for ordinary requests: `close` would end connection reuse towards the origin.",
            ),
        ]  # fmt: skip
    made += _forwarding(spec)
    made += _affinity(spec)
    if any(_browser_cors(route) for route in spec.routes):
        made.append(
            Map(
                "map", '"$request_method:$http_origin:$http_access_control_request_method"', "$proxycfg_preflight", Quoted("0"),
                ((Quoted('"~^OPTIONS:.+:[A-Z]+$"'), Quoted("1")),), "A browser asks first; the answer needs no origin server.",
            )
        )  # fmt: skip
    for route in spec.routes:
        made += _cors_maps(route)
    values = [value for route in spec.routes for value in _set_values(route)]
    if any(quote.needs_dollar(value) for value in values):
        made.insert(0, Map("geo", "", quote.DOLLAR, Quoted('"$"'), (), "A literal dollar sign, for which nginx has no escape."))
    return tuple(made)


def _set_values(route: Route) -> list[str | None]:
    return [*route.rewrites.request.values(), *route.rewrites.response.values()]


def _forwarding(spec: Spec) -> list[Map]:
    """Forwarded headers count only from trusted proxies; from anybody else they are replaced."""
    if not spec.trusted_proxies:
        return []
    networks = tuple((Quoted(network), Quoted("1")) for network in spec.trusted_proxies)
    chain = (Quoted('"~^1:(?<proxycfg_chain>.+)$"'), Quoted('"$proxycfg_chain, $realip_remote_addr"'))
    scheme = (Quoted('"~^1:(?<proxycfg_scheme>https?)$"'), Quoted("$proxycfg_scheme"))
    return [
        Map("geo", "$realip_remote_addr", "$proxycfg_trusted", Quoted("0"), networks, "Whether the peer is a proxy that we trust."),
        Map(
            "map", '"$proxycfg_trusted:$http_x_forwarded_for"', "$proxycfg_forwarded_for", Quoted("$remote_addr"), (chain,),
            "A trusted proxy's chain goes on, with its own address added; anybody else's is dropped.",
        ),
        Map(
            "map", '"$proxycfg_trusted:$http_x_forwarded_proto"', "$proxycfg_forwarded_proto", Quoted("$scheme"), (scheme,),
            "The scheme that the client used, where a trusted proxy ended TLS.",
        ),
    ]  # fmt: skip


def _affinity(spec: Spec) -> list[Map]:
    made: list[Map] = []
    for upstream in _used_upstreams(spec):
        affinity = upstream.affinity
        if affinity is None or affinity.by in ("ip", "hash"):
            continue
        name = f"$proxycfg_affinity_{_identifier(upstream.name)}"
        if affinity.by == "cookie":
            attributes = f"; Path=/; HttpOnly; SameSite=Lax{'; Secure' if spec.secure else ''}"
            made += [
                Map(
                    "map", f"$cookie_{affinity.name}", name, Quoted(f"$cookie_{affinity.name}"), ((Quoted('""'), Quoted("$request_id")),),
                    "A client without the cookie gets a random key, which becomes its cookie.",
                ),
                Map(
                    "map", f"$cookie_{affinity.name}", f"{name}_cookie", Quoted('""'),
                    ((Quoted('""'), Quoted(f'"{affinity.name}=$request_id{attributes}"')),), "",
                ),
            ]  # fmt: skip
        else:
            header = f"$http_{(affinity.name or '').lower().replace('-', '_')}"
            made.append(
                Map("map", header, name, Quoted(header), ((Quoted('""'), Quoted("$remote_addr")),),
                    "A client without the header is told apart by its address.")
            )  # fmt: skip
    return made


def _cors_maps(route: Route) -> list[Map]:
    if not route.cors:
        return []
    name = f"$proxycfg_origin_{route.name}"
    if route.protocol.name == "websocket":
        if "*" in route.cors:
            return []
        allowed = tuple((quote.word(origin), Quoted("0")) for origin in ("", *route.cors))
        return [Map("map", "$http_origin", name, Quoted("1"), allowed, "CORS does not cover WebSocket: its Origin is checked here.")]
    if "*" in route.cors:
        return [Map("map", "$http_origin", name, Quoted('"*"'), ((Quoted('""'), Quoted('""')),), "Any web origin, without credentials.")]
    allowed = tuple((quote.word(origin), Quoted("$http_origin")) for origin in route.cors)
    return [
        Map("map", "$http_origin", name, Quoted('""'), allowed, "The web origins that may call this route."),
        Map("map", name, f"$proxycfg_credentials_{route.name}", Quoted('"true"'), ((Quoted('""'), Quoted('""')),), ""),
    ]


# ---- upstreams ----


def _used_upstreams(spec: Spec) -> tuple[Upstream, ...]:
    """An upstream that no route uses is left out: nginx would resolve its names for nothing, and fail to start on them."""
    used = {route.upstream.name for route in spec.routes}
    return tuple(upstream for name, upstream in spec.upstreams.items() if name in used)


def _identifier(name: str) -> str:
    """An upstream's name as part of a variable's: two names that differ only in punctuation stay apart."""
    return "".join(c if c.isalnum() else f"_{ord(c):x}_" for c in name)


def _upstream(upstream: Upstream, spec: Spec) -> UpstreamBlock:
    affinity = upstream.affinity
    balance: Quoted | None = None
    if affinity is None:
        balance = Quoted("least_conn") if len(upstream.servers) > 1 else None
    elif affinity.by == "ip":
        balance = Quoted("hash $remote_addr consistent")
    elif affinity.by == "hash":
        balance = Quoted(f"hash $arg_{affinity.name} consistent" if affinity.name else "hash $uri consistent")
    else:
        balance = Quoted(f"hash $proxycfg_affinity_{_identifier(upstream.name)} consistent")
    polled = any(route.protocol.name == "long-poll" for route in spec.routes if route.upstream is upstream)
    return UpstreamBlock(
        name=upstream.name,
        balance=balance,
        servers=tuple(server.address for server in upstream.servers),
        max_conns=upstream.max_connections or 0,
        count_failures=not polled,
        keepalive=upstream.keepalive,
        zone_kilobytes=max(64, 4 * len(upstream.servers)),
    )


# ---- servers and locations ----


def _servers(spec: Spec, version: str, layout: str, aims: Mapping[str, Behavior]) -> tuple[Server, ...]:
    made: list[Server] = []
    for hosts, routes in spec.servers:
        names = tuple("_" if host == "*" else host for host in hosts)
        locations = tuple(_location(route, spec, version, aims[route.name]) for route in routes)
        rooted = any(route.kind == "prefix" and route.path == "/" for route in routes)
        made.append(Server(names, "*" in hosts and layout == "full", locations, not rooted))
    if layout == "full" and not any(server.is_default for server in made):
        # Without one, nginx gives requests for unknown hosts to the first server.
        made.append(Server((), True, (), True))
    return tuple(made)


def _location(route: Route, spec: Spec, version: str, aim: Behavior) -> Location:
    module = module_of(route, version)
    upstream = route.upstream
    tls = None
    if upstream.secure:
        tls = UpstreamTls(upstream.sni, upstream.tls.verify, upstream.tls.ca or "/etc/ssl/certs/ca-certificates.crt")
    by_query = route.auth is not None and route.auth.by == "query"
    scheme = ("grpcs" if upstream.secure else "grpc") if module == "grpc" else ("https" if upstream.secure else "http")
    return Location(
        route=route,
        aim=aim,
        module=module,
        match=_match(route),
        note=_note(route),
        pass_to=f"{scheme}://{upstream.name}",
        read_timeout=_timer(aim.upstream_idle_timeout.low),
        client_body_timeout=_timer(aim.client_idle_timeout.low),
        body_limit=quote.size(aim.request_body_limit.low),
        denied_methods=_denied_methods(route),
        strip=None if route.strip is None else quote.word(f"^{quote.pattern(route.strip)}(?:/(.*))?$"),
        request_headers=_request_headers(route, spec, aim),
        hidden_headers=_hidden_headers(route),
        response_headers=_response_headers(route, spec, version),
        origin_check=_origin_check(route),
        preflight=_browser_cors(route),
        tls=tls,
        quiet_errors=by_query,
        retry_on="error timeout" if aim.retries.high else "off",
        cache_seconds=math.ceil(route.cache) if aim.caching.high else 0,
        cache_bypass=_cache_bypass(route),
        burst=route.burst,
        buffer_size="16k" if aim.response_buffering.high else "8k",
    )


def _timer(value: float) -> Quoted:
    return quote.seconds(min(value, facts.MAX_DURATION_SECONDS))


def _match(route: Route) -> Quoted:
    """The argument of ``location``. A segment prefix is one regular expression: a plain prefix would also match ``/apix``, and one
    with a slash at the end answers ``/api`` with a redirect, which WebSocket clients do not follow and POSTs do not survive."""
    if route.kind == "exact":
        return Quoted(f"= {quote.word(route.path)}")
    if route.kind == "regex":
        return Quoted(f"~ {quote.word(f'^(?:{route.path})$')}")
    path = route.path.rstrip("/")
    return Quoted(f"~ {quote.word(f'^{quote.pattern(path)}(?:/|$)')}") if path else Quoted("/")


def _note(route: Route) -> str:
    from proxycfg.units import show_duration  # noqa: PLC0415

    beat = f", heartbeat every {show_duration(route.heartbeat)}" if route.heartbeat else ""
    return f"{route.protocol.name}: silence of up to {show_duration(route.idle_timeout)}{beat}"


def _denied_methods(route: Route) -> Quoted | None:
    if not route.methods:
        return None
    allowed = dict.fromkeys(route.methods)
    if "GET" in allowed:
        allowed["HEAD"] = None
    if route.cors:
        allowed["OPTIONS"] = None
    return Quoted(f'"^(?:{"|".join(allowed)})$"')


def _origin_check(route: Route) -> Quoted | None:
    checked = route.protocol.name == "websocket" and route.cors and "*" not in route.cors
    return Quoted(f"$proxycfg_origin_{route.name}") if checked else None


def _request_headers(route: Route, spec: Spec, aim: Behavior) -> tuple[Header, ...]:
    """The whole list, in every location: one header set in a location drops all those of the server above it."""
    forwarded = "$proxycfg_forwarded_for" if spec.trusted_proxies else "$remote_addr"
    scheme = "$proxycfg_forwarded_proto" if spec.trusted_proxies else "$scheme"
    values: dict[str, Quoted] = {
        "Host": Quoted("$host$proxycfg_port"),
        "X-Real-IP": Quoted("$remote_addr"),
        "X-Forwarded-For": Quoted(forwarded),
        "X-Forwarded-Proto": Quoted(scheme),
        "X-Forwarded-Host": Quoted("$host$proxycfg_port"),
        "Forwarded": Quoted('""'),
        "X-Request-ID": Quoted("$request_id"),
    }
    if aim.upgrade.low:
        values |= {"Upgrade": Quoted("$proxycfg_upgrade"), "Connection": Quoted("$proxycfg_connection")}
    elif module_of(route, version_of(spec)) == "proxy":
        values["Connection"] = Quoted('""')
    if not aim.accept_encoding_forwarded.high:
        values["Accept-Encoding"] = Quoted('""')
    for name, value in route.rewrites.request.items():
        known = next((known for known in values if known.lower() == name.lower()), name)
        values[known] = Quoted('""') if value is None else quote.literal(value)
    return tuple(Header(name, value) for name, value in values.items())


_CORS_HEADERS = (
    "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
)  # fmt: skip


def _browser_cors(route: Route) -> bool:
    return bool(route.cors) and route.protocol.name != "websocket"


def _hidden_headers(route: Route) -> tuple[str, ...]:
    """Response headers of the origin that are replaced or removed."""
    names = list(route.rewrites.response)
    if _browser_cors(route):
        names += [name for name in _CORS_HEADERS if name.lower() not in {own.lower() for own in names}]
    return tuple(names)


def _response_headers(route: Route, spec: Spec, version: str) -> tuple[Header, ...]:
    made: list[Header] = []
    if _browser_cors(route):
        origin = Quoted(f"$proxycfg_origin_{route.name}")
        methods = ", ".join(dict.fromkeys([*(route.methods or protocols()["http"].methods), "OPTIONS"]))
        made.append(Header("Access-Control-Allow-Origin", origin))
        if "*" not in route.cors:
            made += [Header("Access-Control-Allow-Credentials", Quoted(f"$proxycfg_credentials_{route.name}")), Header("Vary", Quoted("Origin"))]
        made += [
            Header("Access-Control-Expose-Headers", Quoted(f'"{STANDARD_EXPOSED}"')),
            Header("Access-Control-Allow-Methods", Quoted(f'"{methods}"')),
            Header("Access-Control-Allow-Headers", Quoted("$http_access_control_request_headers")),
            Header("Access-Control-Max-Age", Quoted("600")),
        ]
    made += [Header(name, quote.literal(value)) for name, value in route.rewrites.response.items() if value is not None]
    affinity = route.upstream.affinity
    if affinity and affinity.by == "cookie":
        made.append(Header("Set-Cookie", Quoted(f"$proxycfg_affinity_{_identifier(route.upstream.name)}_cookie")))
    if "3" in spec.listen.http and facts.has(version, "http3"):
        made.append(Header("Alt-Svc", Quoted(f"""'h3=":{spec.listen.port}"; ma=86400'""")))
    return tuple(made)


def _cache_bypass(route: Route) -> str:
    """Requests with credentials are never answered from, or stored in, the shared cache."""
    variables = ["$http_authorization", "$http_cookie"]
    if route.auth and route.auth.by == "header" and route.auth.name.lower() != "authorization":
        variables.append(f"$http_{route.auth.name.lower().replace('-', '_')}")
    return " ".join(variables)
