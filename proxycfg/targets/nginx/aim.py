"""The behavior that the nginx config is meant to give each route: nginx's best point within the route's need.

What of a need is out of nginx's reach becomes a finding in :mod:`proxycfg.targets.nginx.lacks`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from proxycfg.behavior import EITHER, FOREVER, NO, Behavior, Between, exactly
from proxycfg.headers import names
from proxycfg.need import need_of
from proxycfg.record import replace
from proxycfg.target import choose_aim
from proxycfg.targets.nginx import facts

if TYPE_CHECKING:
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


def idle_connections(spec: Spec) -> int:
    """Origin connections that a worker may hold open without a request: each once carried one."""
    processes, _ = workers(spec)
    share = math.ceil(spec.streams / (processes or 1))
    return min(share, sum(upstream.keepalive for upstream in spec.used_upstreams))


def workers(spec: Spec) -> tuple[int | None, int]:
    """Worker processes (None: one a core) and connection slots for streams in each.

    Up to 50,000 streams every worker alone could hold them all, so that neither the number of cores nor an uneven share matters.
    """
    processes = math.ceil(spec.streams / facts.STREAMS_PER_WORKER)
    share = spec.streams / processes
    slots = math.ceil(share * facts.SLOTS_PER_STREAM * facts.HEADROOM)
    return (None if processes == 1 else processes), slots


def slots(spec: Spec) -> int:
    """Connection slots of a worker: for its streams, for idle origin connections, and for the rest."""
    _, for_streams = workers(spec)
    return for_streams + idle_connections(spec) + facts.SPARE_SLOTS


def listen_on(spec: Spec) -> tuple[str, ...]:
    """The arguments of ``listen``. Two sockets for both families: on one, IPv4 clients would have addresses such as ``::ffff:192.0.2.7``."""
    address, port = spec.listen.address, spec.listen.port
    if address in ("0.0.0.0", "::"):  # noqa: S104 - what the spec says
        return (str(port), f"[::]:{port}") if ":" in address else (str(port),)
    return (f"[{address}]:{port}" if ":" in address else f"{address}:{port}",)


def max_streams(route: Route, spec: Spec, listens: frozenset[str], slots: int) -> Between[float]:
    """Concurrent streams of the route that the config can hold; with a worker for each core, that is at least what one holds."""
    processes, _ = workers(spec)
    held = (processes or 1) * facts.streams_held(slots, len(listen_on(spec)) * (2 if "3" in listens else 1))
    most = route.upstream.max_connections * len(route.upstream.servers) if route.upstream.max_connections else FOREVER
    return Between(min(held, most), most if processes is None else min(held, most))


def retries(route: Route) -> bool:
    """Whether a second server is tried: with one server there is none."""
    return route.attempts > 1 and len(route.upstream.servers) > 1


def reaches_clients(route: Route, header: str) -> bool:
    """Whether clients see that response header: the origin's, or the one that the spec sets in its place."""
    return all(value for name, value in route.rewrites.response.items() if name.lower() == header.lower())


def aim_of(route: Route, spec: Spec, version: str, slots: int) -> tuple[Behavior, dict[str, Between[Any]]]:
    """The aim of one route, and what of its need nginx cannot give; ``slots`` are those of a worker."""
    module = module_of(route, version)
    name = route.protocol.name
    buffered = name in ("http", "poll") and module == "proxy"
    listens = offered(spec, version)
    streams = max_streams(route, spec, listens, slots)
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
        "retries": retries(route),
        "retries_non_idempotent": False,
        "error_interception": False,
        "honors_x_accel_buffering": buffered,
        "forwards_x_accel_buffering": reaches_clients(route, "X-Accel-Buffering"),
        "accept_encoding_forwarded": name in ("http", "grpc", "websocket")
        and not names(route.rewrites.request, "Accept-Encoding"),
        "client_http_versions": listens,
        "grpc": module == "grpc" and "2" in listens,
        "session_affinity": route.upstream.affinity.by if route.upstream.affinity else "none",
        "query_logged": False,
        "abort_propagates": not route.cache or module != "proxy",
        "max_streams": streams.low,
    }
    timer = Between(0.0, facts.LONGEST_TIMER)
    can: dict[str, Between[Any]] = {
        "upstream_idle_timeout": timer,
        "client_idle_timeout": timer,
        "total_timeout": exactly(FOREVER),
        "client_http_versions": exactly(listens),
        "max_streams": exactly(streams.low),
    }
    if module == "grpc":
        can |= {"response_buffering": NO, "request_buffering": NO, "caching": NO, "honors_x_accel_buffering": NO}
    if "2" not in listens:
        can["grpc"] = NO
    if "1.1" not in listens:
        can["upgrade"] = NO
    aim, missed = choose_aim(need_of(route), can, wish)
    # Whether nginx reads an answer to its end for the cache hangs on what the answer says about keeping it.
    aborts = EITHER if aim.caching.high else aim.abort_propagates
    return replace(aim, max_streams=streams, abort_propagates=aborts), missed
