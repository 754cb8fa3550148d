"""Aims → the text of an nginx config. Everything is decided here, as plain values; the templates print them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

from proxycfg import reasons
from proxycfg.errors import InvalidInput
from proxycfg.finding import Finding
from proxycfg.headers import CORS, HSTS, names
from proxycfg.record import record
from proxycfg.spec import is_address
from proxycfg.target import Output
from proxycfg.targets.nginx import facts, lacks, quote
from proxycfg.targets.nginx.aim import (
    aim_of,
    listen_on,
    module_of,
    offered,
    retries,
    version_of,
    workers,
)
from proxycfg.targets.nginx.aim import slots as slots_of
from proxycfg.targets.nginx.maps import Map, affinity_key, asked_host, maps_of, request_id
from proxycfg.targets.nginx.names import Names, credential, names_of
from proxycfg.template import Quoted, environment

if TYPE_CHECKING:
    from jinja2 import Environment

    from proxycfg.behavior import Behavior
    from proxycfg.spec import Route, Spec, Upstream
    from proxycfg.specmodel import Server as OriginServer


@record(frozen=True, slots=True)
class Header:
    """A header to set: name, value ready to print."""

    name: str
    value: Quoted


@record(frozen=True, slots=True, kw_only=True)
class UpstreamBlock:
    """One ``upstream``. ``keepalive`` is None where nginx keeps no connections by itself and none is wanted."""

    name: str
    balance: Quoted | None
    servers: tuple[Quoted, ...]
    max_conns: int
    count_failures: bool
    keepalive: int | None
    keepalive_timeout: Quoted
    zone_kilobytes: int
    resolver: Quoted | None


@record(frozen=True, slots=True)
class UpstreamTls:
    """How the origin's certificate is checked."""

    name: str
    verify: bool
    ca: Quoted


@record(frozen=True, slots=True)
class Errors:
    """Where nginx's own answers come from, and the headers they bear."""

    location: str
    headers: tuple[Header, ...] = ()


@record(frozen=True, slots=True, kw_only=True)
class Location:
    """One route, with every value that its template prints. ``matches`` are the arguments of its ``location`` blocks."""

    route: Route
    aim: Behavior
    module: str
    matches: tuple[Quoted, ...]
    title: str
    declaration: Quoted
    """What ``proxycfg lint`` and ``explain`` read, instead of guessing."""
    pass_to: Quoted
    read_timeout: Quoted
    client_body_timeout: Quoted
    body_limit: Quoted
    denied_methods: Quoted | None
    allowed: Quoted
    strip: Quoted | None
    request_headers: tuple[Header, ...]
    hidden_headers: tuple[str, ...]
    hides_upgrade: bool
    response_headers: tuple[Header, ...]
    preflight_methods: Quoted | None
    passes_x_accel: bool
    origin_check: Quoted | None
    errors: Errors | None
    tls: UpstreamTls | None
    quiet_errors: bool
    retry_on: Quoted
    cache_seconds: int
    private: Quoted
    rate_zone: Quoted | None
    burst: int
    per_client: int
    buffer_size: Quoted


@record(frozen=True, slots=True, kw_only=True)
class Server:
    """One ``server``. ``first`` says that it sets what belongs to the port, ``catch_all`` that unknown paths need an answer."""

    names: tuple[Quoted, ...]
    is_default: bool
    first: bool
    locations: tuple[Location, ...]
    errors: tuple[Errors, ...]
    catch_all: bool
    modules: frozenset[str]
    grpc: bool


@record(frozen=True, slots=True)
class Hashes:
    """Sizes of nginx's hash tables, where its defaults are too small: directive → value."""

    http: Mapping[str, int]
    server: Mapping[str, int]


@cache
def _environment() -> Environment:
    filters: Mapping[str, Callable[..., Quoted]] = {
        "word": quote.word,
        "file": quote.file,
        "ours": Quoted,
        "comment": _comment,
        "indent": _indent,
    }
    return environment("nginx", filters)


def _indent(text: str, width: int) -> Quoted:
    """A whole block, every line of it moved to the right.

    Jinja's own filter makes a quoted object of every line: half of the time of 10,000 routes.
    """
    return Quoted(re.sub(r"(?m)^(?=[^\n])", " " * width, str(text)))


def _comment(text: str) -> Quoted:
    """Text behind a ``#``: one line, whatever it holds."""
    return Quoted("".join(c if c.isprintable() else " " for c in text))


def write(spec: Spec) -> Output:
    """The whole config: ``nginx.conf``, or ``site.conf`` where the spec asks for a file to include.

    :raises InvalidInput: if a value cannot stand in a file that nginx reads.
    """
    nginx = spec.targets.nginx
    layout = nginx.layout if nginx else "full"
    version = version_of(spec)
    if problems := list(lacks.unwritable(spec, version)):
        raise InvalidInput(problems)
    aims: dict[str, Behavior] = {}
    findings: list[Finding] = list(lacks.of_spec(spec, version, layout))
    slots = slots_of(spec)
    for route in spec.routes:
        aims[route.name], missed = aim_of(route, spec, version, slots)
        findings += lacks.of_route(route, spec, version, missed)
    context = _Writing(spec, version, aims, alone=layout == "full").context()
    name = "nginx.conf" if layout == "full" else "site.conf"
    if layout == "site":
        findings.append(lacks.site_layout(spec, _main_settings(context)))
    return Output({name: _environment().get_template(f"{name}.j2").render(context)}, tuple(findings), aims)


def _main_settings(context: Mapping[str, object]) -> str:
    """What the main nginx.conf must say around a site file."""
    hashes = context["hashes"]
    assert isinstance(hashes, Hashes)
    lines = [
        f"worker_processes {context['processes']};" if context["processes"] else "",
        f"worker_rlimit_nofile {context['files']};",
        f"worker_shutdown_timeout {context['shutdown']};",
        f"in events: worker_connections {context['slots']};",
        "in http: " + " ".join(f"{name} {value};" for name, value in hashes.http.items()) if hashes.http else "",
    ]
    return " ".join(filter(None, lines))


class _Writing:
    """One run: the spec, and what is worked out of it once."""

    def __init__(self, spec: Spec, version: str, aims: Mapping[str, Behavior], *, alone: bool) -> None:
        """``alone`` says that no other site shares the http context."""
        self.spec = spec
        self.version = version
        self.aims = aims
        self.alone = alone
        self.names: Names = names_of(spec, alone=alone)
        self.upstreams = spec.used_upstreams
        self.listens = offered(spec, version)
        self.polled = {route.upstream.name for route in spec.routes if route.protocol.name == "long-poll"}
        # A route may stand in several servers.
        self.locations: dict[tuple[str, Form], Location] = {}
        nginx = spec.targets.nginx
        servers = nginx.resolver if nginx and lacks.follows_names(spec, version) else None
        self.resolver = Quoted(" ".join(f"[{each}]" if ":" in each else each for each in servers)) if servers else None

    def context(self) -> Mapping[str, object]:
        """What the templates print."""
        spec, version = self.spec, self.version
        processes, _ = workers(spec)
        slots = slots_of(spec)
        servers = self.servers()
        maps = maps_of(spec, version, self.names, self.upstreams, alone=self.alone)
        rates = dict.fromkeys(route.rate for route in spec.routes if route.rate)
        longest = max((route.max_duration for route in spec.routes if route.max_duration != math.inf), default=0.0)
        return {
            "full": self.alone,
            "processes": processes,
            "slots": slots,
            "files": 2 * slots,
            "shutdown": quote.seconds(min(max(facts.SHUTDOWN_TIMEOUT, longest), 24 * 3600)),
            "streams": spec.streams,
            "listen_on": tuple(map(Quoted, listen_on(spec))),
            "tls": spec.listen.tls,
            "http2": "2" in self.listens,
            "http2_directive": facts.has(version, "http2_directive"),
            "http3": "3" in self.listens,
            "keepalive_timeout": quote.seconds(
                max(route.idle_timeout for route in spec.routes) if "3" in self.listens else facts.CLIENT_KEEPALIVE
            ),
            "session_megabytes": _megabytes(spec.streams, facts.SESSIONS_PER_MEGABYTE, most=512),
            "session_tickets": Quoted("on" if facts.has(version, "ticket_keys_rotated") else "off"),
            "hsts": _HSTS if spec.hsts else None,
            "trusted": spec.trusted_proxies,
            "maps": maps,
            "hashes": self.hashes(servers, maps),
            "rates": {_rate_zone(rate): _rate(rate) for rate in rates},
            "counts_streams": any(route.per_client for route in spec.routes),
            "zone_megabytes": _megabytes(spec.streams, facts.STATES_PER_MEGABYTE, most=256),
            "resolver": self.resolver,
            "upstreams": tuple(self.upstream(upstream) for upstream in self.upstreams),
            "caching": any(location.cache_seconds for server in servers for location in server.locations),
            "inactive": quote.seconds(max(facts.CACHE_INACTIVE, *(math.ceil(route.cache) for route in spec.routes))),
            "cache_lock": quote.seconds(facts.CACHE_LOCK),
            "servers": servers,
            "error_codes": Quoted(_ERROR_CODES),
            "allows": any(route.methods for route in spec.routes),
            "request_id": request_id(spec),
            "unknown_host": Quoted(reasons.UNKNOWN_HOST),
            "connect_timeout": quote.seconds(facts.CONNECT_TIMEOUT),
            "send_timeout": quote.seconds(facts.SEND_TIMEOUT),
            "body_buffer": quote.size(facts.BODY_BUFFER),
        }

    def hashes(self, servers: Sequence[Server], maps: Sequence[Map]) -> Hashes:
        """Larger tables where names are long or many; nginx refuses the one, and is slower with the other."""
        hosts = [str(name).strip('"') for server in servers for name in server.names]
        headers = [name for route in self.spec.routes for name in (*route.rewrites.request, *route.rewrites.response)]
        keys = [str(key) for made in maps if made.kind == "map" for key, _ in made.lines if not key.startswith('"~')]
        http = {
            **_hash("server_names_hash", hosts, len(hosts)),
            **(_hash("map_hash", keys) if self.alone else {}),
            "variables_hash_max_size": max(2048, 1 << (4 * len(maps)).bit_length()),
            # nginx warns as soon as three names of one length fall into a bucket of 64 bytes (measured: from 25 maps on).
            "variables_hash_bucket_size": 128,
        }
        most = max(
            (len(route.rewrites.request) + len(route.rewrites.response) for route in self.spec.routes), default=0
        )
        return Hashes(
            http=http,
            server={
                **_hash("proxy_headers_hash", headers),
                **({"proxy_headers_hash_max_size": 4096} if most > facts.HEADERS else {}),
            },
        )

    # ---- upstreams ----

    def upstream(self, upstream: Upstream) -> UpstreamBlock:
        """One group of servers."""
        followed = any(map(self.follows, upstream.servers))
        key = affinity_key(upstream, self.names)
        balance = Quoted(f"hash {key} consistent") if key else None
        if key is None and len(upstream.servers) > 1:
            balance = Quoted("least_conn")
        return UpstreamBlock(
            name=self.names.upstreams[upstream.name],
            balance=balance,
            servers=tuple(
                Quoted(f"{quote.word(server.address)} resolve") if self.follows(server) else quote.word(server.address)
                for server in upstream.servers
            ),
            max_conns=upstream.max_connections or 0,
            count_failures=upstream.name not in self.polled,
            keepalive=upstream.keepalive
            if upstream.keepalive or facts.has(self.version, "keepalive_by_default")
            else None,
            keepalive_timeout=quote.seconds(facts.ORIGIN_KEEPALIVE[upstream.http_version]),
            # One name may come to stand for many addresses.
            zone_kilobytes=max(64, (64 if followed else 4) * len(upstream.servers)),
            # Beside other sites, whose http context may have another.
            resolver=self.resolver if followed and not self.alone else None,
        )

    def follows(self, server: OriginServer) -> bool:
        """Whether the name of an origin's server is looked up again and again."""
        return self.resolver is not None and bool(server.host) and not is_address(server.host)

    # ---- servers and locations ----

    def servers(self) -> tuple[Server, ...]:
        """One for each set of hosts that share their routes; and one for hosts that the spec does not name."""
        made: list[Server] = []
        for hosts, routes in self.spec.servers:
            forms = _forms(routes)
            locations = tuple(self.location(route, form) for route, form in zip(routes, forms, strict=True))
            errors = {"": _ERRORS} | {
                location.errors.location: location.errors for location in locations if location.errors
            }
            made.append(
                Server(
                    names=tuple(self.server_name(host) for host in hosts),
                    is_default="*" in hosts and self.alone,
                    first=not made,
                    locations=locations,
                    errors=tuple(errors.values()),
                    catch_all=not any(route.kind == "prefix" and route.path == "/" for route in routes),
                    modules=frozenset(location.module for location in locations),
                    grpc=any(route.protocol.name == "grpc" for route in routes),
                )
            )
        if self.alone and not any(server.is_default for server in made):
            # Without one, nginx gives requests for unknown hosts to the first server.
            made.append(
                Server(
                    names=(),
                    is_default=True,
                    first=False,
                    locations=(),
                    errors=(_ERRORS,),
                    catch_all=True,
                    modules=frozenset(),
                    grpc=False,
                )
            )
        return tuple(made)

    def server_name(self, host: str) -> Quoted:
        """A host as ``server_name`` has it."""
        if host == "*":
            # In a whole config the default server is meant; among other sites, whatever none of them names.
            return Quoted("_" if self.alone else "~^")
        return Quoted(f"[{host}]") if ":" in host else quote.word(host)

    def location(self, route: Route, form: Form) -> Location:
        """One route; the same object for every server that has it in that form."""
        if (route.name, form) not in self.locations:
            self.locations[route.name, form] = self.settle(route, form)
        return self.locations[route.name, form]

    def settle(self, route: Route, form: Form) -> Location:
        """One route."""
        aim = self.aims[route.name]
        module = module_of(route, self.version)
        upstream = route.upstream
        tls = None
        if upstream.secure:
            ca = quote.file(upstream.tls.ca or "/etc/ssl/certs/ca-certificates.crt")
            tls = UpstreamTls(upstream.sni, upstream.tls.verify, ca)
        allowed = route.allowed_methods
        preflight = route.browser_cors
        return Location(
            route=route,
            aim=aim,
            module=module,
            matches=_matches(route, form),
            title=route.title,
            declaration=Quoted(str(route.declaration)),
            pass_to=self.pass_to(route, module),
            read_timeout=quote.seconds(aim.upstream_idle_timeout.low),
            client_body_timeout=quote.seconds(aim.client_idle_timeout.low),
            body_limit=quote.size(aim.request_body_limit.low),
            denied_methods=Quoted(f'"^(?:{"|".join(allowed)})$"') if allowed else None,
            allowed=Quoted(f'"{", ".join(allowed)}"'),
            # Of the others, what is behind `proxy_pass` says the path.
            strip=None
            if route.strip is None or module == "proxy"
            else quote.word(f"(?s)^{quote.pattern(route.strip)}/?(.*)"),
            request_headers=self.request_headers(route, aim, module),
            hidden_headers=self.hidden_headers(route),
            hides_upgrade=self.hides_upgrade(route, module),
            response_headers=self.response_headers(route),
            preflight_methods=Quoted(f'"{", ".join(route.preflight_methods)}"') if preflight else None,
            passes_x_accel=not names(route.rewrites.response, "X-Accel-Buffering"),
            origin_check=self.origin_check(route),
            errors=self.errors(route) if preflight and route.protocol.name != "grpc" else None,
            tls=tls,
            quiet_errors=route.auth is not None and route.auth.by == "query",
            retry_on=_retry_on(route),
            cache_seconds=math.ceil(route.cache) if aim.caching.high else 0,
            private=Quoted(f"$proxycfg_private_{self.names.credentials[credential(route)]}")
            if route.cache
            else Quoted(""),
            rate_zone=_rate_zone(route.rate) if route.rate else None,
            burst=route.burst,
            per_client=min(route.per_client or 0, facts.MOST_PER_CLIENT),
            buffer_size=Quoted("16k" if aim.response_buffering.high else "8k"),
        )

    def pass_to(self, route: Route, module: str) -> Quoted:
        """The address of the upstream; behind it, where a prefix goes, the rest of the path as the client wrote it."""
        scheme = {"grpc": "grpc", "proxy": "http"}[module] + ("s" if route.upstream.secure else "")
        rest = f"$proxycfg_rest_{self.names.stripped[route.strip]}" if route.strip and module == "proxy" else ""
        return Quoted(f"{scheme}://{self.names.upstreams[route.upstream.name]}{rest}")

    def origin_check(self, route: Route) -> Quoted | None:
        """The variable that says that a WebSocket handshake comes from a page that may not make it."""
        checked = route.protocol.name == "websocket" and route.cors and "*" not in route.cors
        return Quoted(f"$proxycfg_foreign_{self.names.origins[route.cors]}") if checked else None

    def errors(self, route: Route) -> Errors:
        """Browsers show a page nothing of an answer without CORS headers, not even that it was a 429."""
        return Errors(f"{_ERRORS.location}/{self.names.origins[route.cors]}", self.origin_headers(route))

    # ---- headers ----

    def request_headers(self, route: Route, aim: Behavior, module: str) -> tuple[Header, ...]:
        """The whole list, in every location: one header set in a location drops all those of the server above it."""
        told = bool(self.spec.trusted_proxies)
        host = asked_host(self.version)
        values: dict[str, Quoted] = {
            "Host": host,
            "X-Real-IP": Quoted("$remote_addr"),
            "X-Forwarded-For": Quoted("$proxycfg_forwarded_for" if told else "$remote_addr"),
            "X-Forwarded-Proto": Quoted("$proxycfg_forwarded_proto" if told else "$scheme"),
            "X-Forwarded-Host": Quoted("$proxycfg_forwarded_host") if told else host,
            "X-Forwarded-Port": Quoted("$proxycfg_forwarded_port" if told else '""'),
            "Forwarded": Quoted('""'),
            "X-Request-ID": request_id(self.spec),
        }
        if aim.upgrade.low:
            values |= {"Upgrade": Quoted("$proxycfg_upgrade"), "Connection": Quoted("$proxycfg_connection")}
        elif module == "proxy":
            values["Connection"] = Quoted('""')
        if not aim.accept_encoding_forwarded.high:
            values["Accept-Encoding"] = Quoted('""')
        canonical = {name.lower(): name for name in values}
        for name, value in route.rewrites.request.items():
            if lacks.header_kept("request", name, value):
                values[canonical.get(name.lower(), name)] = Quoted('""') if value is None else quote.literal(value)
        return tuple(Header(name, value) for name, value in values.items())

    def hidden_headers(self, route: Route) -> tuple[str, ...]:
        """Response headers of the origin that are replaced or removed."""
        hidden = [name for name, value in route.rewrites.response.items() if lacks.header_kept("response", name, value)]
        if route.browser_cors:
            hidden += [name for name in CORS if not names(hidden, name)]
        return tuple(hidden)

    def hides_upgrade(self, route: Route, module: str) -> bool:
        """Whether an origin's Upgrade header must be kept from HTTP/2 clients, who may not get one."""
        leaks = module == "proxy" and not facts.has(self.version, "upgrade_kept_from_http2")
        return leaks and route.protocol.name != "websocket" and bool(self.listens & {"2", "3"})

    def origin_headers(self, route: Route) -> tuple[Header, ...]:
        """What lets a page of an allowed origin read an answer."""
        if "*" in route.cors:
            return (Header("Access-Control-Allow-Origin", Quoted('"*"')),)
        name = self.names.origins[route.cors]
        return (
            Header("Access-Control-Allow-Origin", Quoted(f"$proxycfg_origin_{name}")),
            Header("Access-Control-Allow-Credentials", Quoted(f"$proxycfg_credentials_{name}")),
            Header("Vary", Quoted("Origin")),
        )

    def response_headers(self, route: Route) -> tuple[Header, ...]:
        """What is added to an origin's answer; where the spec sets one of these itself, that is the one."""
        made: list[Header] = []
        if route.browser_cors:
            made += [
                *self.origin_headers(route),
                Header("Access-Control-Expose-Headers", Quoted("$proxycfg_exposed")),
                # These are empty, and so left out, but in the answer to a preflight.
                Header("Access-Control-Allow-Methods", Quoted("$proxycfg_asked_methods")),
                Header("Access-Control-Allow-Headers", Quoted("$proxycfg_asked_headers")),
                Header("Access-Control-Max-Age", Quoted("$proxycfg_asked_age")),
            ]
        if "3" in self.listens:
            made.append(Header("Alt-Svc", Quoted(f"""'h3=":{self.spec.listen.port}"; ma=86400'""")))
        made = [header for header in made if header.name == "Vary" or not names(route.rewrites.response, header.name)]
        for name, value in route.rewrites.response.items():
            if value and lacks.header_kept("response", name, value):
                made.append(Header(name, quote.literal(value)))
        affinity = route.upstream.affinity
        if affinity and affinity.by == "cookie":
            made.append(Header("Set-Cookie", Quoted(f"$proxycfg_cookie_{self.names.keys[route.upstream.name]}")))
        if self.spec.hsts and made and not names(route.rewrites.response, HSTS):
            # The server's is not inherited by who has headers of its own.
            made.append(_HSTS)
        return tuple(made)


_HSTS = Header(HSTS, Quoted("$proxycfg_hsts"))
_ERRORS = Errors("/.proxycfg/error")
_ERROR_CODES = "400 403 404 405 413 414 416 421 429 500 501 502 503 504 505"
"""What nginx may answer by itself; one line in a location replaces all those of the server, so it must hold them all."""


def _megabytes(streams: int, each: int, most: int) -> int:
    return min(most, max(1, math.ceil(streams / each)))


def _hash(table: str, names: Iterable[str], count: int = 0) -> dict[str, int]:
    """The sizes of a hash table, where the default has no room for its longest name, or for so many of them."""
    longest = max((len(name.encode()) for name in names), default=0)
    # In a default bucket there is room for one long name only.
    bucket = 256 if count > facts.HASHED else 0
    if longest > facts.LONGEST_NAME:
        bucket = max(bucket, 1 << (longest + 32).bit_length())
    return {
        **({f"{table}_max_size": 1 << (4 * count).bit_length()} if count > facts.HASHED else {}),
        **({f"{table}_bucket_size": bucket} if bucket else {}),
    }


def _rate(rate: float) -> Quoted:
    count, unit = lacks.requests(rate)
    return Quoted(f"{count}r/{unit}")


def _rate_zone(rate: float) -> Quoted:
    count, unit = lacks.requests(rate)
    return Quoted(f"proxycfg_{count}_per_{'second' if unit == 's' else 'minute'}")


Form = Literal["pattern", "pair", "below"]
"""How a prefix is matched: by a regular expression; by its exact path and what is below it; by what is below it alone."""


def _forms(routes: tuple[Route, ...]) -> list[Form]:
    """The form of each of a server's routes, in their order; what is no prefix has but one.

    The exact half of a pair would come before every regular expression, so a spec that has some of its own stays a list of patterns.
    """
    prefixes = sum(1 for route in routes if route.kind == "prefix")
    if prefixes <= facts.PATTERNS or any(route.kind == "regex" for route in routes):
        return ["pattern"] * len(routes)
    exact = {route.path for route in routes if route.kind == "exact"}
    return ["below" if route.kind == "prefix" and route.path.rstrip("/") in exact else "pair" for route in routes]


def _matches(route: Route, form: Form) -> tuple[Quoted, ...]:
    """The arguments of ``location``.

    A segment prefix is one regular expression: a plain prefix would also match ``/apix``, and one with a slash at the end
    answers ``/api`` with a redirect, which WebSocket clients do not follow and POSTs do not survive.
    """
    if route.kind == "exact":
        return (Quoted(f"= {quote.word(route.path)}"),)
    path = route.path.rstrip("/")
    if route.kind == "prefix" and not path:
        return (Quoted("/"),)
    if route.kind == "prefix" and form != "pattern":
        below = quote.word(f"{path}/")
        return (below,) if form == "below" else (Quoted(f"= {quote.word(path)}"), below)
    # \z and not $, which also matches before a line feed, and %0A is one.
    whole = (
        rf"^(?:{quote.without_names(route.path)})\z" if route.kind == "regex" else rf"^{quote.pattern(path)}(?:/|\z)"
    )
    return (Quoted(f"~ {quote.word(whole)}"),)


def _retry_on(route: Route) -> Quoted:
    """``timeout`` is for short requests only: a stream that is slow to begin would begin on one server after the other."""
    if not retries(route):
        return Quoted("off")
    return Quoted("error") if route.protocol.streams else Quoted("error timeout")
