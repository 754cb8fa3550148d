"""The behavior that the Envoy config is meant to give each route.

Envoy leaves little to choose: what a property is follows from the spec and from what Envoy is. What of a need is out of its reach
becomes a finding in :mod:`proxycfg.targets.envoy.lacks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxycfg.behavior import FOREVER, Behavior, Between, exactly
from proxycfg.headers import names
from proxycfg.need import need_of
from proxycfg.record import replace
from proxycfg.target import choose_aim
from proxycfg.targets.envoy import facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxycfg.spec import Route, Spec, Upstream


def version_of(spec: Spec) -> str:
    """The Envoy version that the config is for: the spec's, or the newest known."""
    envoy = spec.targets.envoy
    return (envoy.version if envoy else None) or ".".join(map(str, facts.NEWEST))


def max_streams(upstream: Upstream, spec: Spec) -> int:
    """Concurrent streams that the upstream's circuit breakers let through."""
    held = facts.requests(spec.streams)
    if upstream.max_connections is None:
        return held
    each = facts.STREAMS_PER_CONNECTION if upstream.http_version == "2" else 1
    return min(held, upstream.max_connections * len(upstream.servers) * each)


def _streams_of_one(upstream: Upstream, spec: Spec) -> int:
    """Those that are let through if all clients belong to the same server: with affinity none goes to another that is free."""
    return max_streams(replace(upstream, servers=upstream.servers[:1]) if upstream.affinity else upstream, spec)


def counts_bodies(route: Route, version: str) -> bool:
    """Whether the body of a request can be limited.

    The filter that does it writes the path with its query to Envoy's log when it refuses one, which a token must not get into.
    """
    return facts.has(version, "body_size_limit") and not (route.auth and route.auth.by == "query")


def body_limits(spec: Spec, version: str) -> Mapping[str, float]:
    """Route name → the largest body let through."""
    wanted = {route.name: route.body_limit if counts_bodies(route, version) else FOREVER for route in spec.routes}
    if len(set(wanted.values()) - {FOREVER}) <= facts.BODY_LIMITS:
        return wanted
    return {name: limit if limit == FOREVER else _power_of_two(limit) for name, limit in wanted.items()}


def _power_of_two(value: float) -> float:
    return float(1 << (int(value) - 1).bit_length())


def aim_of(route: Route, spec: Spec, version: str, body_limit: float) -> tuple[Behavior, dict[str, Between[Any]]]:
    """The aim of one route, and what of its need Envoy cannot give."""
    name = route.protocol.name
    clients = frozenset(spec.listen.http)
    fixed: dict[str, Any] = {
        # Every piece goes on as it arrives: there is no buffer to switch off, and no compressor in this config.
        "response_buffering": False,
        "stalls_on": frozenset(),
        "request_buffering": False,
        "compression": False,
        "caching": route.cache > 0,
        "upstream_http_version": route.upstream.http_version,
        "upgrade": name == "websocket" and "1.1" in clients,
        "upstream_connection_header": "",
        "connect_timeout": facts.CONNECT_TIMEOUT,
        # One timer for both sides: any byte from either starts it again.
        "upstream_idle_timeout": route.idle_timeout,
        "client_idle_timeout": route.idle_timeout,
        "send_timeout": route.idle_timeout,
        "total_timeout": route.max_duration,
        "request_body_limit": body_limit,
        # The triggers in use fire while no origin can have seen the request.
        "retries": False,
        "retries_non_idempotent": False,
        "error_interception": False,
        "honors_x_accel_buffering": False,
        "forwards_x_accel_buffering": not _removes(route.rewrites.response, "x-accel-buffering"),
        "client_http_versions": clients,
        "grpc": route.upstream.http_version == "2" and bool(clients & {"2", "3"}),
        "session_affinity": route.upstream.affinity.by if route.upstream.affinity else "none",
        "query_logged": False,
        "abort_propagates": True,
        "max_streams": max_streams(route.upstream, spec),
    }
    if names(route.rewrites.request, "accept-encoding"):
        # The spec's own word, whatever it is, is not the client's.
        fixed["accept_encoding_forwarded"] = False
    can = {name: exactly(value) for name, value in fixed.items()}
    wish = {"accept_encoding_forwarded": name in ("http", "grpc", "websocket"), **fixed}
    aim, missed = choose_aim(need_of(route), can, wish)
    streams = Between(_streams_of_one(route.upstream, spec), max_streams(route.upstream, spec))
    return replace(aim, send_timeout=_send_timeout(route, clients, version), max_streams=streams), missed


def _removes(rewrites: Mapping[str, str | None], name: str) -> bool:
    """Whether the spec takes a header away."""
    return any(header.lower() == name and value is None for header, value in rewrites.items())


def _send_timeout(route: Route, clients: frozenset[str], version: str) -> Between[float]:
    """How long a client may refuse to read: over HTTP/1.1 the connection's own timer decides, else the stream's idle timer."""
    idle = route.idle_timeout
    if not facts.has(version, "high_watermark_timeout") or "1.1" not in clients:
        return exactly(idle)
    return Between(min(facts.SEND_TIMEOUT, idle), idle if clients - {"1.1"} else min(facts.SEND_TIMEOUT, idle))
