"""The behavior that the Envoy config is meant to give each route, and what of its need Envoy cannot give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from proxycfg.behavior import FOREVER, Behavior, Between, exactly, value_to_json
from proxycfg.finding import Category, Finding, Severity
from proxycfg.need import Need, need_of
from proxycfg.target import choose_aim
from proxycfg.targets.envoy import facts

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.spec import Route, Spec, Upstream


def version_of(spec: Spec) -> str:
    """The Envoy version that the config is for: the spec's, or the newest known."""
    envoy = spec.targets.envoy
    return (envoy.version if envoy else None) or facts.NEWEST


def max_streams(upstream: Upstream, spec: Spec) -> int:
    """Concurrent streams that the upstream's circuit breakers let through."""
    held = facts.requests(spec.streams)
    if upstream.max_connections is None:
        return held
    each = facts.STREAMS_PER_CONNECTION if upstream.http_version == "2" else 1
    return min(held, upstream.max_connections * len(upstream.servers) * each)


def send_timeout(route: Route, version: str) -> float:
    """How long a client may refuse to read: the connection's own timer, or else the stream's idle timer."""
    return min(facts.SEND_TIMEOUT, route.idle_timeout) if facts.has(version, "high_watermark_timeout") else route.idle_timeout


def body_limit(route: Route, version: str) -> float:
    """The largest body that is let through."""
    return route.body_limit if facts.has(version, "body_size_limit") else FOREVER


def aim_of(route: Route, spec: Spec, version: str) -> tuple[Behavior, list[Finding]]:
    """The aim of one route, and what of its need Envoy cannot give.

    Envoy leaves little to choose: what a property is follows from the spec and from what Envoy is, so `can` is nearly all of it.
    """
    name = route.protocol.name
    clients = frozenset(spec.listen.http)
    two = route.upstream.http_version == "2"
    fixed: dict[str, Any] = {
        # Envoy passes every piece on as it arrives; there is no buffer to switch off, and no compressor in this config.
        "response_buffering": False,
        "stalls_on": frozenset(),
        "request_buffering": False,
        "compression": False,
        "caching": False,
        "upstream_http_version": route.upstream.http_version,
        "upgrade": name == "websocket" and "1.1" in clients,
        "upstream_connection_header": "",
        "connect_timeout": facts.CONNECT_TIMEOUT,
        # One timer for both sides: any sound from either starts it again.
        "upstream_idle_timeout": route.idle_timeout,
        "client_idle_timeout": route.idle_timeout,
        "send_timeout": send_timeout(route, version),
        "total_timeout": route.max_duration,
        "request_body_limit": body_limit(route, version),
        # The only triggers in use fire while no origin can have started on the request.
        "retries": False,
        "retries_non_idempotent": False,
        "error_interception": False,
        "honors_x_accel_buffering": False,
        "forwards_x_accel_buffering": True,
        "client_http_versions": clients,
        "grpc": two and bool(clients & {"2", "3"}),
        "session_affinity": route.upstream.affinity.by if route.upstream.affinity else "none",
        "query_logged": False,
        "abort_propagates": True,
        "max_streams": max_streams(route.upstream, spec),
    }
    wish = {**fixed, "accept_encoding_forwarded": name in ("http", "grpc", "websocket")}
    aim, missed = choose_aim(need_of(route), {name: exactly(value) for name, value in fixed.items()}, wish)
    return aim, []


def findings_of(spec: Spec, version: str) -> Iterator[Finding]:
    """What concerns no single route."""
    return iter(())
