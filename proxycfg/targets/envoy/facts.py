"""What is known about Envoy itself: since when it can do what, and the numbers that the hardened config uses, with reasons.

Learned from Envoy's protos and release notes, and measured on 1.40.0; [M] marks what tests/targets/test_envoy.py or the notes in
docs/ show on the real binary.
"""

from __future__ import annotations

import math

NEWEST = "1.40"
OLDEST = (1, 30)
"""Below this, fields that the config relies on are missing; nobody maintains those versions either."""

SINCE = {
    # https://www.envoyproxy.io/docs/envoy/latest/version_history/
    "trusted_cidrs": (1, 33),
    "dynamic_descriptors": (1, 34),
    "stream_flush_timeout": (1, 36),
    "listener_tcp_keepalive": (1, 37),
    "admin_allow_paths": (1, 37),
    "high_watermark_timeout": (1, 38),
    "jitter": (1, 39),
    "body_size_limit": (1, 40),
}
"""Feature → the first version that has it. An older Envoy refuses a file that names an unknown field."""

CONNECT_TIMEOUT = 5.0
"""Seconds to reach an origin, TLS handshake included: a peer that is up answers in milliseconds, and the client is waiting."""

SEND_TIMEOUT = 60.0
"""Seconds that a client may refuse to read while Envoy holds a full buffer for it; without a limit it pins its stream, the buffer
and the origin's connection for as long as the idle timer allows."""

CONNECTION_BUFFER = 32_768
"""Bytes held for one connection and direction, by Envoy's advice for the edge (its default is 1 MiB): a client that stops reading
holds the origin back after this much. Pieces larger than it still stream."""

STREAM_WINDOW, CONNECTION_WINDOW = 65_536, 1_048_576
"""HTTP/2 windows, by Envoy's advice for the edge (its defaults are 16 and 24 MiB): what one stream, and one connection, can make
Envoy hold."""

CLIENT_STREAMS = 1024
"""Streams of one HTTP/2 or HTTP/3 connection. Each event stream and each gRPC call holds one; beyond it the client waits in
silence, so Envoy's edge advice of 100 is too few for an application in many tabs, or for a gRPC channel."""

HEADERS_TIMEOUT = 10.0
"""Seconds for the request's headers to arrive. `request_timeout` stays unset: it counts the body too, and so ends uploads."""

STRICT_IDLE = 60.0
"""Seconds of silence before a route is known: while headers arrive. Every route states its own."""

KEEPALIVE = 300.0
"""Seconds that a client's connection stays open with no stream on it. Not a stream timer."""

CONNECTION_AGE = 3600.0
"""Seconds after which a client's connection takes no new streams, so that clients spread over instances again. Open streams and
WebSockets stay [M: V14b]."""

PING_CLIENTS = 30.0
"""Seconds between HTTP/2 PINGs (HTTP/3: keep-alive probes) to clients: finds those that vanished. They do not count as activity
for any stream timer [M: V04p]."""

PING_TIMEOUT = 10.0

PING_ORIGINS = 330.0
"""Seconds between HTTP/2 PINGs to origins. gRPC servers close a connection, streams and all, on pings that come more often than
every five minutes on a quiet one (GOAWAY "too_many_pings")."""

ORIGIN_KEEPALIVE = 4.0
"""Seconds that an idle connection to an HTTP/1.1 origin is kept. Servers such as uvicorn and Node hang up after five; a request
written into a connection that is being closed is lost, and answered with 503."""

TCP_KEEPALIVE = (60, 15, 4)
"""Seconds of silence, seconds between probes, probes: a peer that vanished is found after two minutes."""

MAX_HEADERS_KB = 60
"""Kilobytes of request headers (Envoy's default, stated): cookies and tokens are large."""


def parse(version: str) -> tuple[int, ...]:
    """``1.40`` as (1, 40)."""
    return tuple(int(part) for part in version.split("."))


def has(version: str, feature: str) -> bool:
    """Whether that version of Envoy has the feature."""
    return parse(version) >= SINCE[feature]


# ---- arithmetic of scale.streams ----

HEADROOM = 1.1
"""Over the streams asked for: short requests run beside them."""

IDLE_CONNECTIONS = 1024
"""Client connections beside those that carry streams: kept alive, or just being refused."""

STREAMS_PER_CONNECTION = 100
"""Streams on one HTTP/2 connection to an origin; then another connection is opened. Servers commonly allow 100 to 250."""

HEAP_BASE, HEAP_PER_STREAM, HEAP_PER_ROUTE = 512 * 2**20, 128 * 1024, 32 * 1024
"""Bytes of heap: for Envoy itself, for one stream with full buffers on both sides (4 × 32 KiB), and for one route and its
statistics."""


def requests(streams: int) -> int:
    """What circuit breakers let run at once on one upstream."""
    return math.ceil(streams * HEADROOM)


def connections(streams: int) -> int:
    """Client connections in all: one a stream in the worst case (HTTP/1.1), and the idle ones."""
    return requests(streams) + IDLE_CONNECTIONS


def heap(streams: int, routes: int) -> int:
    """Bytes of heap at which Envoy starts to refuse work."""
    return HEAP_BASE + streams * HEAP_PER_STREAM + routes * HEAP_PER_ROUTE
