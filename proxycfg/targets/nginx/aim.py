"""The behavior that the nginx config is meant to give each route: nginx's best point within the route's need.

What lies out of nginx's reach is a finding with the place in the spec, never silence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from proxycfg.behavior import FOREVER, NO, Behavior, Between, exactly
from proxycfg.finding import Category, Finding, Severity
from proxycfg.need import need_of
from proxycfg.target import choose_aim
from proxycfg.targets.nginx import facts
from proxycfg.units import show_duration

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.spec import Route, Spec


def version_of(spec: Spec) -> str:
    """The nginx version that the config is for: the spec's, or the newest stable one."""
    nginx = spec.targets.nginx
    return (nginx.version if nginx else None) or facts.NEWEST_STABLE


def module_of(route: Route, version: str) -> str:
    """``grpc`` or ``proxy``: which of nginx's modules carries the route.

    ``grpc_pass`` speaks HTTP/2 to the origin whatever the content, in every version and never buffered; ``proxy_pass`` can do so
    only from 1.29.4 on, but it can cache.
    """
    if route.upstream.http_version == "1.1":
        return "proxy"
    cacheable = not route.protocol.streams and facts.has(version, "http2_upstream")
    return "proxy" if cacheable else "grpc"


def offered(spec: Spec, version: str) -> frozenset[str]:
    """The HTTP versions that the listener really serves.

    Before 1.25.1 a cleartext port speaks HTTP/1.1 or HTTP/2, not both: HTTP/2 is chosen only if every route is gRPC.
    """
    versions = set(spec.listen.http)
    if not spec.secure and not facts.has(version, "cleartext_http1_and_2") and {"1.1", "2"} <= versions:
        versions -= {"1.1"} if all(route.protocol.name == "grpc" for route in spec.routes) else {"2"}
    if not facts.has(version, "http3"):
        versions -= {"3"}
    # HTTP/1.1 cannot be switched off on a TLS port, nor from 1.25.1 on on a cleartext one.
    if spec.secure or facts.has(version, "cleartext_http1_and_2"):
        versions |= {"1.1"}
    return frozenset(versions)


def workers(spec: Spec) -> tuple[int | None, int]:
    """Worker processes (None: one a core) and connection slots in each, for the spec's streams.

    Up to 50,000 streams every worker alone could hold them all, so that neither the number of cores nor an uneven share matters.
    """
    processes = math.ceil(spec.streams / facts.STREAMS_PER_WORKER)
    share = spec.streams / processes
    slots = math.ceil(share * facts.SLOTS_PER_STREAM * facts.HEADROOM) + 512
    return (None if processes == 1 else processes), slots


def max_streams(route: Route, spec: Spec) -> float:
    """Concurrent streams of the route that the config can hold."""
    processes, slots = workers(spec)
    held = (processes or 1) * slots // facts.SLOTS_PER_STREAM
    limit = route.upstream.max_connections
    return min(held, limit * len(route.upstream.servers) if limit else held)


def aim_of(route: Route, spec: Spec, version: str) -> tuple[Behavior, list[Finding]]:
    """The aim of one route, and what of its need nginx cannot give."""
    module = module_of(route, version)
    name = route.protocol.name
    buffered = name in ("http", "poll") and module == "proxy"
    listens = offered(spec, version)
    wish: dict[str, Any] = {
        "response_buffering": buffered,
        # Buffered answers of known length or in chunks wait in the TLS layer for HTTP/1.1 clients only.
        "stalls_on": frozenset({"http/1.1+tls"}) if buffered and spec.secure else frozenset(),
        "request_buffering": not route.upload_stream and module == "proxy",
        "compression": False,
        "caching": bool(route.cache) and module == "proxy",
        "upstream_http_version": route.upstream.http_version,
        "upgrade": name == "websocket",
        "upstream_connection_header": "",
        "connect_timeout": facts.CONNECT_TIMEOUT,
        "upstream_idle_timeout": route.idle_timeout,
        "client_idle_timeout": route.idle_timeout if route.upload_stream else facts.CLIENT_BODY_TIMEOUT,
        "send_timeout": facts.SEND_TIMEOUT,
        "total_timeout": FOREVER,
        "request_body_limit": route.body_limit,
        "retries": route.attempts > 1 and len(route.upstream.servers) > 1,
        "retries_non_idempotent": False,
        "error_interception": False,
        "honors_x_accel_buffering": buffered,
        "forwards_x_accel_buffering": True,
        "accept_encoding_forwarded": name in ("http", "grpc", "websocket"),
        "client_http_versions": listens,
        "grpc": name == "grpc" and "2" in listens,
        "session_affinity": route.upstream.affinity.by if route.upstream.affinity else "none",
        "query_logged": False,
        "abort_propagates": not route.cache or module != "proxy",
        "max_streams": max_streams(route, spec),
    }
    can: dict[str, Between[Any]] = {
        "total_timeout": exactly(FOREVER),
        "client_http_versions": exactly(listens),
        "max_streams": exactly(wish["max_streams"]),
    }
    if module == "grpc":
        can |= {"response_buffering": NO, "request_buffering": NO, "caching": NO, "honors_x_accel_buffering": NO}
    if "2" not in listens:
        can["grpc"] = NO
    aim, missed = choose_aim(need_of(route), can, wish)
    findings = [*_missed(route, spec, version, missed), *_untranslated(route)]
    return aim, findings


def _missed(route: Route, spec: Spec, version: str, missed: dict[str, Between[Any]]) -> Iterator[Finding]:
    if "total_timeout" in missed:
        yield _finding(
            route, "max-duration-not-enforced", Category.TOTAL_TIMEOUT, Severity.WARNING, route.span_of("max_duration"),
            f"nginx has no limit on the length of an exchange, so {route.title} is not ended after "
            f"{show_duration(route.max_duration)}",
            "end the stream in the application, or put Envoy (max_stream_duration) in front",
        )  # fmt: skip
    if "caching" in missed:
        yield _finding(
            route, "cache-not-kept", Category.CACHING, Severity.WARNING, route.span_of("cache"),
            f"nginx {version} cannot cache what it reads over HTTP/2, so every poll of {route.title} reaches the origin",
            'give the upstream `http: "1.1"`, or use nginx 1.29.4 or newer',
        )  # fmt: skip
    if "grpc" in missed or (route.protocol.name == "grpc" and "client_http_versions" in missed):
        if "2" in spec.listen.http:
            message = f"nginx {version} serves either HTTP/1.1 or HTTP/2 on a cleartext port, and other routes need HTTP/1.1"
            remedy = "add listen.tls, use nginx 1.25.1 or newer, or put the gRPC routes into a spec with a port of its own"
        else:
            message = "the listener offers no HTTP/2"
            remedy = 'add "2" to listen.http'
        yield _finding(
            route, "grpc-without-http2", Category.GRPC_TRANSPORT, Severity.ERROR, route.span_of("protocol"),
            f"{message}: no gRPC client can connect to {route.title}", remedy,
        )  # fmt: skip
    elif "client_http_versions" in missed:
        yield _finding(
            route, "websocket-without-http1", Category.UPGRADE_HEADERS, Severity.ERROR, route.span_of("protocol"),
            f"the listener offers no HTTP/1.1, without which no client can open the socket {route.title}", 'add "1.1" to listen.http',
        )  # fmt: skip
    if "max_streams" in missed:
        limit = route.upstream.max_connections or 0
        yield _finding(
            route, "upstream-connections-below-scale", Category.CONNECTION_LIMITS, Severity.WARNING,
            spec.span_of("upstreams", route.upstream.name, "max_connections"),
            f"max_connections {limit} × {len(route.upstream.servers)} server(s) holds fewer streams than scale.streams "
            f"({spec.streams}): nginx answers the rest with 502 at once",
            "raise max_connections, add servers, or lower scale.streams",
        )  # fmt: skip


def _untranslated(route: Route) -> Iterator[Finding]:
    """gRPC-Web and Connect towards a plain gRPC server need a translator, which nginx is not."""
    name = route.protocol.name
    if name in ("grpc-web", "connect") and route.upstream.speaks_grpc:
        rule = "grpc-web-not-translated" if name == "grpc-web" else "connect-not-translated"
        said = {"grpc-web": "gRPC-Web", "connect": "Connect"}[name]
        yield _finding(
            route, rule, Category.PROTOCOL_MISMATCH, Severity.ERROR, route.span_of("protocol"),
            f"nginx cannot translate {said} into gRPC, and upstream `{route.upstream.name}` is a plain gRPC server: "
            f"every call to {route.title} fails",
            f"use Envoy for this route, or a server that speaks {said} itself (write its URL as "
            f"http://{route.upstream.servers[0].address}, with `http: 2` if it has no HTTP/1.1)",
        )  # fmt: skip


def _finding(route: Route, rule: str, category: Category, severity: Severity, span: Span, message: str, why: str) -> Finding:
    return Finding(
        rule=rule, category=category, severity=severity, message=message, why=why, span=span, target="nginx",
        protocol=route.protocol.name, route_host=None if route.hosts[0] == "*" else route.hosts[0], route_path=route.path,
    )  # fmt: skip
