"""Which probes go with which kind of proxy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxycfg.lab.probe import Kit, Probe
from proxycfg.probes.answers import answers, answers_held, buffering, caching, plain, stalls, versions
from proxycfg.probes.calls import grpc, shaken, upgrade
from proxycfg.probes.failures import failures, refusals, silent_origin
from proxycfg.probes.limits import affinity, attempts, streams, streams_at_once, unreachable
from proxycfg.probes.silence import abort, client_silence, origin_silence, stopped_reading, talking
from proxycfg.probes.timers import sockets, timers, uploads
from proxycfg.probes.uploads import body_limit, body_limit_sent, upload

NGINX = Kit(
    quick=(plain, buffering, stalls, upload, grpc, abort, body_limit, versions),
    slow=(upgrade, origin_silence, client_silence, stopped_reading),
    single=(talking,),
    # Another's request may take the kept connection that is to break, be stored in the way, or count as a server's load.
    alone=(failures, caching, affinity),
    unreachable=unreachable,
    streams=streams,
    measured_by={
        "response_buffering": ("buffering",),
        "stalls_on": ("stalls",),
        "request_buffering": ("upload",),
        "compression": ("plain",),
        "caching": ("caching",),
        "upstream_http_version": ("plain",),
        "upgrade": ("upgrade",),
        "upstream_connection_header": ("plain",),
        "connect_timeout": ("unreachable",),
        "upstream_idle_timeout": ("origin_silence",),
        "client_idle_timeout": ("client_silence", "upgrade"),
        "send_timeout": ("stopped_reading",),
        "total_timeout": ("talking",),
        "request_body_limit": ("body_limit",),
        "retries": ("failures",),
        "retries_non_idempotent": ("failures",),
        "error_interception": ("failures",),
        "honors_x_accel_buffering": ("buffering",),
        "forwards_x_accel_buffering": ("plain",),
        "accept_encoding_forwarded": ("plain",),
        "client_http_versions": ("versions",),
        "grpc": ("grpc",),
        "session_affinity": ("affinity",),
        "query_logged": ("plain",),
        "abort_propagates": ("abort",),
        "max_streams": ("streams",),
    },
)
ENVOY = Kit(
    quick=(answers, answers_held, stalls, upload, refusals, caching, grpc, abort, body_limit_sent, versions),
    slow=(shaken, timers, uploads, sockets),
    single=(affinity,),
    unreachable=attempts,
    streams=streams_at_once,
    measured_by={
        "response_buffering": ("answers_held",),
        "stalls_on": ("stalls",),
        "request_buffering": ("upload",),
        "compression": ("answers",),
        "caching": ("caching",),
        "upstream_http_version": ("answers",),
        "upgrade": ("shaken",),
        "upstream_connection_header": ("answers",),
        "connect_timeout": ("attempts",),
        "upstream_idle_timeout": ("timers", "sockets"),
        "client_idle_timeout": ("uploads", "sockets"),
        "send_timeout": ("timers",),
        "total_timeout": ("timers", "sockets"),
        "request_body_limit": ("body_limit_sent",),
        "retries": ("refusals",),
        "retries_non_idempotent": ("refusals",),
        "error_interception": ("refusals",),
        "forwards_x_accel_buffering": ("answers",),
        "accept_encoding_forwarded": ("answers",),
        "client_http_versions": ("versions",),
        "grpc": ("grpc",),
        "session_affinity": ("affinity",),
        "query_logged": ("answers",),
        "abort_propagates": ("abort",),
        "max_streams": ("streams_at_once",),
    },
)
EVERY: Mapping[str, Probe] = MappingProxyType({**NGINX.every(), **ENVOY.every(), silent_origin.name: silent_origin})
"""Name → probe."""
