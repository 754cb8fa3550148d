"""What a spec asks that nginx cannot give, or gives otherwise than one would think: each a finding at its place in the YAML."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from proxycfg import remarks
from proxycfg.behavior import Between
from proxycfg.errors import Problem
from proxycfg.spec import is_address
from proxycfg.targets.nginx import facts, quote
from proxycfg.targets.nginx.aim import module_of, offered, retries
from proxycfg.units import short, show_duration

if TYPE_CHECKING:
    from proxycfg.finding import Finding
    from proxycfg.source import Span
    from proxycfg.spec import Route, Spec, Upstream

NGINX = "nginx"

# ---- what cannot be written at all ----


def unwritable(spec: Spec, version: str) -> Iterator[Problem]:
    """Values that nginx would stop at when it reads the config: no finding can make up for them."""
    if tls := spec.listen.tls:
        yield from _too_long(tls.certificate, quote.file, lambda: spec.span_of("listen", "tls", "certificate"))
        yield from _too_long(tls.key, quote.file, lambda: spec.span_of("listen", "tls", "key"))
    for upstream in spec.used_upstreams:
        where = ("upstreams", upstream.name, "tls", "ca")
        yield from _too_long(upstream.tls.ca or "", quote.file, lambda where=where: spec.span_of(*where))  # type: ignore[misc]
    for route in spec.routes:
        yield from _unwritable_route(route, version)


def _unwritable_route(route: Route, version: str) -> Iterator[Problem]:
    if route.kind != "regex" and f"{route.path}/".startswith("/.proxycfg/"):
        yield Problem(route.match_span, "the config answers errors from below /.proxycfg", "use another path")
    # In patterns, where a path's signs are escaped once more, and other characters stand around it.
    as_written = quote.word if route.kind == "regex" else lambda path: quote.word(quote.pattern(path))
    yield from _too_long(route.path, as_written, lambda: route.match_span, around=100)
    for side, headers in (("request", route.rewrites.request), ("response", route.rewrites.response)):
        for name, value in headers.items():
            where = ("headers", side, name)
            yield from _too_long(value or "", quote.literal, lambda where=where: route.span_of(*where))  # type: ignore[misc]
            if len(name) > facts.LONGEST_NAME and module_of(route, version) == "grpc":
                yield Problem(
                    route.span_of(*where),
                    f"{short(name)} has {len(name)} characters; nginx's gRPC module takes {facts.LONGEST_NAME}",
                    "shorten the name, or speak HTTP/1.1 to this upstream",
                )


def _too_long(text: str, quoted: Callable[[str], str], where: Callable[[], Span], around: int = 0) -> Iterator[Problem]:
    # Nearly every value is far too short for a closer look.
    if len(text) < _SURELY_FITS:
        return
    length, most = len(quoted(text).encode()), facts.LONGEST_WORD - around
    if length > most:
        yield Problem(where(), f"nginx reads words of up to {most} bytes, this one takes {length}", "shorten it")


_SURELY_FITS = 200
"""Characters that fit into one of nginx's words even if each is a dollar sign, which takes 18 bytes."""


# ---- the whole ----


def of_spec(spec: Spec, version: str, layout: str) -> Iterator[Finding]:
    """What concerns no single route."""
    if facts.parse(version) < facts.OLDEST:
        yield remarks.NGINX_VERSION_TOO_OLD.on(
            NGINX, spec.span_of("targets", "nginx", "version"),
            f"nginx {version} lacks directives that this config needs", "use 1.18 or newer",
        )  # fmt: skip
    elif facts.parse(version)[:2] > facts.NEWEST:
        newest = ".".join(map(str, facts.NEWEST))
        yield remarks.NGINX_VERSION_UNKNOWN.on(
            NGINX, spec.span_of("targets", "nginx", "version"),
            f"nginx {version} is newer than {newest}, the newest whose defaults are known: the config is written as for that one",
            f"run `nginx -t` with it, or write one up to {newest}",
        )  # fmt: skip
    if told := _http_versions(spec, version):
        yield told
    if not facts.has(version, "steady_memory") and any(module_of(route, version) == "grpc" for route in spec.routes):
        yield remarks.LONG_STREAMS_GROW_MEMORY.on(
            NGINX, spec.span_of("targets", "nginx", "version"),
            f"nginx {version} keeps some memory for every message of a stream over HTTP/2 to its origin until the stream ends",
            "use nginx 1.26.1 or newer where such streams last for hours",
        )  # fmt: skip
    if layout == "site" and "3" in offered(spec, version):
        yield remarks.HTTP3_PORT_NOT_SHARED.on(
            NGINX, spec.span_of("targets", "nginx", "layout"),
            f"the site file makes port {spec.listen.port} a QUIC port with reuseport, which only one site of an nginx may do",
            "remove reuseport here if another site has it for the same port",
        )  # fmt: skip
    if finding := _names(spec, version):
        yield finding
    for upstream in spec.used_upstreams:
        yield from _of_upstream(upstream, spec)


def follows_names(spec: Spec, version: str) -> bool:
    """Whether nginx looks the names of origins up again when their time is over."""
    nginx = spec.targets.nginx
    return nginx is not None and bool(nginx.resolver) and facts.has(version, "names_followed")


def _names(spec: Spec, version: str) -> Finding | None:
    named = [upstream for upstream in spec.used_upstreams if upstream.named]
    if not named or follows_names(spec, version):
        return None
    others = f" and {len(named) - 1} more" if named[1:] else ""
    known = spec.targets.nginx is not None and spec.targets.nginx.resolver
    follow = (
        "use nginx 1.27.3 or newer"
        if known
        else "give nginx 1.27.3 or newer a DNS server, such as targets: {nginx: {resolver: [127.0.0.11]}}"
    )
    return remarks.ORIGIN_NAMES_RESOLVED_ONCE.on(
        NGINX, spec.span_of("targets", "nginx", "resolver") if known else named[0].span,
        f"nginx {version} looks the servers of upstream `{named[0].name}`{others} up when it starts, and not again: one that comes back with "
        "another address gets no request",
        f"{follow}; else reload nginx when addresses change, name what keeps its address, or write IP addresses",
    )  # fmt: skip


def _http_versions(spec: Spec, version: str) -> Finding | None:
    """Where clients get other versions than the spec states; the default asks for what the version has."""
    if "http" not in spec.listen.model_fields_set:
        return None
    asked, given = set(spec.listen.http), offered(spec, version)
    dropped, added = asked - given, given - asked
    if not dropped and not added:
        return None
    lines = [
        *(
            f"has no HTTP/{each}" + (" at all" if each == "3" else " beside the other on a cleartext port")
            for each in sorted(dropped)
        ),
        *(f"cannot switch HTTP/{each} off here" for each in sorted(added)),
    ]
    remedy = f"write `http: [{', '.join(repr(each) for each in sorted(given)).replace(chr(39), chr(34))}]`"
    if dropped:
        newer = "1.25.0" if dropped == {"3"} else "1.25.1"
        remedy += f", or use nginx {newer} or newer" + ("" if spec.secure else ", or add tls")
    return remarks.HTTP_VERSIONS_NOT_KEPT.on(
        NGINX, spec.span_of("listen", "http"),
        f"nginx {version} {', and '.join(lines)}: clients get HTTP/{' and '.join(sorted(given))}", remedy,
    )  # fmt: skip


def _of_upstream(upstream: Upstream, spec: Spec) -> Iterator[Finding]:
    name = upstream.name
    if not upstream.secure or not upstream.tls.verify or upstream.tls.sni:
        return
    hosts = list(dict.fromkeys(server.host for server in upstream.servers if server.host))
    where = spec.span_of("upstreams", name)
    if not hosts or is_address(hosts[0]):
        yield remarks.ORIGIN_NAME_UNKNOWN.on(
            NGINX, where,
            f"nginx checks certificates for names, never for addresses, and upstream `{name}` has none: every request gets a 502",
            "write the name in the origin's certificate as tls.sni",
        )  # fmt: skip
    elif len(hosts) > 1:
        yield remarks.ORIGIN_NAMES_DIFFER.on(
            NGINX, where,
            f"nginx asks every server of upstream `{name}` for one name, {hosts[0]}: all need it in their certificates",
            "write the name that all of them have as tls.sni, or give each its own upstream",
        )  # fmt: skip


def site_layout(spec: Spec, needs: str) -> Finding:
    """What a file for conf.d cannot set: ``needs`` holds the directives."""
    return remarks.SITE_LAYOUT_LEAVES_LIMITS.on(
            NGINX, spec.span_of("targets", "nginx", "layout"),
        f"a site file cannot set what {spec.streams} streams need in the main nginx.conf", f"put there: {needs}",
    )  # fmt: skip


# ---- one route ----


def of_route(route: Route, spec: Spec, version: str, missed: Mapping[str, Between[Any]]) -> Iterator[Finding]:
    """What of a route's need, and of its settings, is out of reach."""
    yield from _of_listener(route, spec, version, missed)
    yield from _of_need(route, spec, version, missed)
    yield from _of_limits(route)
    yield from _of_headers(route)
    if route.protocol.streams and retries(route):
        yield remarks.RETRY_MAY_START_A_STREAM_TWICE.about(
            route, NGINX, route.span_of("retry"),
            f"nginx tries another server also where the first one got a GET of {route.title} and hung up without an answer; "
            "a POST that was sent is not sent again",
            "leave retry off where a stream must not start twice",
        )  # fmt: skip
    name = route.protocol.name
    if name in ("grpc-web", "connect") and route.upstream.speaks_grpc:
        said, remark = {
            "grpc-web": ("gRPC-Web", remarks.GRPC_WEB_NOT_TRANSLATED),
            "connect": ("Connect", remarks.CONNECT_NOT_TRANSLATED),
        }[name]
        yield remark.about(
            route, NGINX, route.span_of("protocol"),
            f"nginx cannot translate {said} into gRPC, and upstream `{route.upstream.name}` is a plain gRPC server: "
            f"every call to {route.title} fails",
            f"use Envoy for this route, or a server that speaks {said} itself (write its URL as "
            f"http://{route.upstream.servers[0].address}, with `http: 2` if it has no HTTP/1.1)",
        )  # fmt: skip


def _of_listener(route: Route, spec: Spec, version: str, missed: Mapping[str, Between[Any]]) -> Iterator[Finding]:
    if "grpc" in missed or (route.protocol.name == "grpc" and "client_http_versions" in missed):
        if "2" in spec.listen.http:
            message = (
                f"nginx {version} serves either HTTP/1.1 or HTTP/2 on a cleartext port, and other routes need HTTP/1.1"
            )
            remedy = (
                "add listen.tls, use nginx 1.25.1 or newer, or put the gRPC routes into a spec with a port of its own"
            )
        else:
            message, remedy = "the listener offers no HTTP/2", 'add "2" to listen.http'
        yield remarks.GRPC_WITHOUT_HTTP2.about(
            route, NGINX, route.span_of("protocol"),
            f"{message}: no gRPC client can connect to {route.title}", remedy,
        )  # fmt: skip
    elif "client_http_versions" in missed:
        yield remarks.WEBSOCKET_WITHOUT_HTTP1.about(
            route, NGINX, route.span_of("protocol"),
            f"the listener offers no HTTP/1.1, without which no client can open the socket {route.title}",
            'add "1.1" to listen.http',
        )  # fmt: skip


def _of_need(route: Route, spec: Spec, version: str, missed: Mapping[str, Between[Any]]) -> Iterator[Finding]:
    if "total_timeout" in missed:
        yield remarks.MAX_DURATION_NOT_ENFORCED.about(
            route, NGINX, route.span_of("max_duration"),
            f"nginx has no limit on the length of an exchange, so {route.title} is not ended after "
            f"{show_duration(route.max_duration)}",
            "end the stream in the application, or put Envoy (max_stream_duration) in front",
        )  # fmt: skip
    if {"upstream_idle_timeout", "client_idle_timeout"} & set(missed):
        yield remarks.IDLE_TIMEOUT_CUT.about(
            route, NGINX, _first(route, "idle_timeout", "heartbeat"),
            f"nginx's timers hold {show_duration(facts.LONGEST_TIMER)}: {route.title} is cut after that silence, "
            f"not after {show_duration(route.idle_timeout)}",
            "send a heartbeat",
        )  # fmt: skip
    if "caching" in missed:
        yield remarks.CACHE_NOT_KEPT.about(
            route, NGINX, route.span_of("cache"),
            f"nginx {version} cannot cache what it reads over HTTP/2, so every poll of {route.title} reaches the origin",
            'give the upstream `http: "1.1"`, or use nginx 1.29.4 or newer',
        )  # fmt: skip
    elif route.cache != math.ceil(route.cache):
        yield remarks.CACHE_ROUNDED.about(
            route, NGINX, route.span_of("cache"),
            f"nginx caches for whole seconds: {show_duration(math.ceil(route.cache))} for {route.title}, "
            f"not {show_duration(route.cache)}", "write whole seconds",
        )  # fmt: skip
    if "max_streams" in missed:
        limit = route.upstream.max_connections or 0
        yield remarks.UPSTREAM_CONNECTIONS_BELOW_SCALE.about(
            route, NGINX, spec.span_of("upstreams", route.upstream.name, "max_connections"),
            f"max_connections {limit} × {len(route.upstream.servers)} server(s) holds fewer streams than scale.streams "
            f"({spec.streams}): nginx answers the rest with 502 at once",
            "raise max_connections, add servers, or lower scale.streams",
        )  # fmt: skip


def requests(rate: float) -> tuple[int, str]:
    """A rate as nginx counts it: whole requests a second, or a minute."""
    return (int(rate), "s") if rate.is_integer() else (math.ceil(round(rate * 60, 6)), "m")


def _of_limits(route: Route) -> Iterator[Finding]:
    if route.per_client and route.per_client > facts.MOST_PER_CLIENT:
        yield remarks.STREAMS_PER_CLIENT_CUT.about(
            route, NGINX, route.span_of("limits", "per_client"),
            f"nginx counts up to {facts.MOST_PER_CLIENT} streams of one client, so that is the limit of {route.title}",
            f"write at most {facts.MOST_PER_CLIENT}, or leave per_client out",
        )  # fmt: skip
    if route.rate:
        count, unit = requests(route.rate)
        if count / {"s": 1, "m": 60}[unit] > 1.05 * route.rate:
            yield remarks.RATE_ROUNDED.about(
            route, NGINX, route.span_of("limits", "rate"),
                f"nginx counts whole requests a minute: {route.title} takes {count}/m, not {route.rate * 60:g}/m",
                f"write {count}/m",
            )  # fmt: skip


def header_kept(side: str, name: str, value: str | None) -> bool:
    """Whether nginx does with a header what the spec says."""
    if side == "request":
        return name.lower() != "host" or bool(value)
    return name.lower() not in ("server", "date")


def _of_headers(route: Route) -> Iterator[Finding]:
    for side in ("request", "response"):
        headers: Mapping[str, str | None] = getattr(route.rewrites, side)
        for name, value in headers.items():
            where = route.span_of("headers", side, name)
            if not header_kept(side, name, value):
                yield remarks.HEADER_OWNED_BY_THE_PROXY.about(
                    route, NGINX, where,
                    f"the {side} header {name} of {route.title} stays as it is: "
                    + ("a request cannot be without one" if side == "request" else "nginx writes its own, whatever it is told"),
                    "write the host name to send, or remove the line" if side == "request" else "remove the line",
                )  # fmt: skip


def _first(route: Route, *fields: str) -> Span:
    """The place of the first of the fields that the spec states."""
    return next((span for field in fields if (span := route.span_of(field)) != route.span), route.span)
