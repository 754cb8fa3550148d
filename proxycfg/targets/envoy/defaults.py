"""What Envoy does where a config says nothing, by version, with where that is known from; and what it began, or ceased, to do when.

Absent is not zero: ``0s`` switches a timer off, silence means the value here.
"""

from __future__ import annotations

from typing import NamedTuple

from proxycfg.targets.envoy import facts

_PROTO = "https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3"


class Default(NamedTuple):
    """What silence means.

    :param text: in the words of a config.
    :param measured: whether a running Envoy 1.40 was seen to do so.
    """

    text: str
    value: float
    source: str
    measured: bool = False


ROUTE_TIMEOUT = Default("timeout: 15s", 15.0, f"{_PROTO}/config/route/v3/route_components.proto", measured=True)
"""From the end of the request to the end of the response, however much flows meanwhile; not for an upgraded WebSocket."""
STREAM_IDLE_TIMEOUT = Default(
    "stream_idle_timeout: 300s", 300.0,
    f"{_PROTO}/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto", measured=True,
)  # fmt: skip
QUIC_IDLE_TIMEOUT = Default("quic_options: idle_timeout: 300s", 300.0, f"{_PROTO}/config/listener/v3/quic_config.proto")
CONNECT_TIMEOUT = Default("connect_timeout: 5s", 5.0, f"{_PROTO}/config/cluster/v3/cluster.proto")
MAX_REQUESTS = Default(
    "circuit_breakers: max_requests: 1024", 1024, f"{_PROTO}/config/cluster/v3/circuit_breaker.proto", measured=True
)
MAX_CONNECTIONS = Default("circuit_breakers: max_connections: 1024", 1024, MAX_REQUESTS.source, measured=True)
CONNECTION_BUFFER = Default(
    "per_connection_buffer_limit_bytes: 1048576",
    1_048_576,
    f"{_PROTO}/config/listener/v3/listener.proto",
    measured=True,
)
MESSAGE_TIMEOUT = Default(
    "message_timeout: 0.2s", 0.2, f"{_PROTO}/extensions/filters/http/ext_proc/v3/ext_proc.proto", measured=True
)
ACCESS_LOG = Default(
    "log_format: the default one, with the path and its query", 1, "https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/observability/access_log/usage",
    measured=True,
)  # fmt: skip

STREAMS_SINCE_1_36, STREAMS_BEFORE = 1024, 2_147_483_647
"""``max_concurrent_streams`` of an HTTP/2 connection, by version: release notes of 1.36."""

WINDOW_SINCE_1_36, WINDOW_BEFORE = 16 * 2**20, 256 * 2**20
"""``initial_stream_window_size``, likewise."""

COMPRESSED = frozenset(
    ("text/html", "text/plain", "text/css", "text/xml", "text/javascript", "text/x-javascript", "text/ecmascript", "text/js", "text/jscript",
     "text/x-js", "application/javascript", "application/x-javascript", "application/ecmascript", "application/json", "application/x-json",
     "application/xml", "application/xhtml+xml", "image/svg+xml", "application/grpc-web", "application/grpc-web+proto")
)  # fmt: skip
"""What the compressor takes where ``content_type`` is silent: ``compressor_filter.cc``; measured for events, NDJSON and JSON."""

SINCE = {
    # Before, peers with a private address could set timeouts and retries by header.
    "nobody_is_internal": (1, 33),
    "handshakes_time_out": (1, 36),
    "fewer_streams": (1, 36),
    "cluster_retry_policy": (1, 37),
}
"""Behavior → the first version that has it: release notes of each, at <https://www.envoyproxy.io/docs/envoy/v1.40.0/version_history>."""


def has(version: str, behavior: str) -> bool:
    """Whether that version of Envoy does so."""
    return facts.parse(version)[:2] >= SINCE[behavior]


def stream_window(version: str) -> int:
    """Bytes of ``initial_stream_window_size``, where nothing is said."""
    return WINDOW_SINCE_1_36 if has(version, "fewer_streams") else WINDOW_BEFORE


def upstream_streams(version: str) -> int:
    """Streams on one HTTP/2 connection to an origin, where nothing is said."""
    return STREAMS_SINCE_1_36 if has(version, "fewer_streams") else STREAMS_BEFORE
