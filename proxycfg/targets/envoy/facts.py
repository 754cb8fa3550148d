"""What is known about Envoy itself: since when it can do what, and the numbers that the hardened config uses, with reasons.

Learned from Envoy's protos, documentation and release notes, and measured on 1.36.4, 1.37.0, 1.38.3, 1.39.3 and 1.40.0.
"""

from __future__ import annotations

import math

from proxycfg.headers import CORS, CREDENTIALS

NEWEST = (1, 40)
OLDEST = (1, 36)
"""The oldest version that the config was tried on. Envoy's own maintainers look after the last four."""

SINCE = {
    # https://www.envoyproxy.io/docs/envoy/latest/version_history/
    "listener_tcp_keepalive": (1, 37),
    "admin_allow_paths": (1, 37),
    "high_watermark_timeout": (1, 38),
    "jitter": (1, 39),
    "body_size_limit": (1, 40),
}
"""Feature → the first version that has it. An older Envoy refuses a file that names a field it does not know."""

ADMIN = ("127.0.0.1", 9901)
"""Where operators reach Envoy itself: this machine alone, for there is no password."""

# ---- timers, in seconds ----

CONNECT_TIMEOUT = 5.0
"""To reach an origin, TLS handshake included. A server that is up answers in milliseconds, and the client is waiting."""

SEND_TIMEOUT = 60.0
"""That a client may refuse to read while Envoy holds a full buffer for it. Without a limit it pins its stream, the buffer
and the origin's connection for as long as the idle timer allows. The timer is the connection's: a client that stalls over
HTTP/2 is dropped by the stream's idle timer (measured)."""

HEADERS_TIMEOUT = 10.0
"""For the request's headers to arrive. `request_timeout` stays unset: it counts the body too, and so ends uploads."""

STRICT_IDLE = 60.0
"""Of silence before a route is known: while headers arrive. Every route states its own."""

KEEPALIVE = 300.0
"""That a client's connection stays open with no stream on it."""

CONNECTION_AGE = 3600.0
"""After which a client's connection takes no new streams, so that clients spread over instances again. Open streams and
WebSockets stay (measured)."""

PING_CLIENTS = 30.0
"""Between HTTP/2 PINGs (HTTP/3: probes) to clients: they find those that vanished. They count as sound for no stream timer."""

PING_TIMEOUT = 10.0
"""For the answer to a PING."""

PING_ORIGINS = 330.0
"""Between HTTP/2 PINGs to origins. A gRPC server closes a quiet connection, streams and all, on PINGs less than five minutes
apart ("too many pings": measured after 5.3 s with one a second)."""

ORIGIN_KEEPALIVE = 4.0
"""That an idle connection to an HTTP/1.1 origin is kept. uvicorn and Node hang up after five, and a request written into a
connection that is just being closed is lost, and answered with 503."""

TCP_KEEPALIVE = (60, 15, 4)
"""Silence, then between probes, then how many probes: a peer that vanished is found after two minutes."""

# ---- memory, in bytes ----

CONNECTION_BUFFER = 32_768
"""For one connection and direction, by Envoy's advice for the edge (its default is 1 MiB). A client that stops reading holds the
origin back after this much; pieces larger than it still stream (measured: V16d)."""

STREAM_WINDOW, CONNECTION_WINDOW = 65_536, 1_048_576
"""HTTP/2 and HTTP/3 windows, by Envoy's advice for the edge (its defaults are 16 and 24 MiB): what one stream, and one
connection, can make Envoy hold."""

MAX_HEADERS_KB = 60
"""Kilobytes of request headers: cookies and tokens are large. Envoy's default, stated."""

BODY_LIMITS = 8
"""Different limits on bodies in one config. Each is a filter that every request passes, so beyond this many they are rounded
up to powers of two."""

RATE_CLIENTS = 10_000
"""Client addresses that the rate limit of one route remembers; beyond it the one unheard of for longest is forgotten."""

REGEX_STEPS = 1_000_000
"""Steps of one compiled regular expression. Envoy's limit of 100 is from days when its engine was not linear; RE2 has a bound
of its own, in memory."""

# ---- the cache of polls: of each worker, since its threads share nothing ----

CACHE_ANSWER, CACHE_ANSWERS, CACHE_BYTES = 64 * 2**10, 1024, 8 * 2**20
"""Bytes of the largest answer kept, headers included; answers; bytes of all. Beyond them the oldest go."""

CACHE_FETCH, CACHE_STALE = 1.0, 10.0
"""Seconds for which others get an expired answer while one request fetches a new one (it may hang, or its client leave), and
how old, past its time, that answer may be."""

# ---- counts, out of scale.streams ----

CLIENT_STREAMS = 1024
"""Streams of one HTTP/2 or HTTP/3 connection. Each event stream and each gRPC call holds one, and beyond it the client waits
without a word, so Envoy's advice of 100 is too few for a gRPC channel, or for one application in many tabs."""

STREAMS_PER_CONNECTION = 100
"""Streams on one HTTP/2 connection to an origin, then another one is opened. Servers commonly allow 100 to 250."""

HEADROOM = 1.1
"""Over the streams asked for: short requests run beside them."""

IDLE_CONNECTIONS = 1024
"""Client connections beside those that carry streams: kept alive, or just being refused."""

HEAP_BASE, HEAP_PER_STREAM, HEAP_PER_ROUTE = 512 * 2**20, 128 * 2**10, 32 * 2**10
"""For Envoy itself; for one stream with full buffers on both sides (4 × 32 KiB); for one route in one listener."""


def parse(version: str) -> tuple[int, ...]:
    """``1.40`` as (1, 40)."""
    return tuple(int(part) for part in version.split("."))


def has(version: str, feature: str) -> bool:
    """Whether that version of Envoy has the feature."""
    return parse(version) >= SINCE[feature]


def requests(streams: int) -> int:
    """What circuit breakers let run at once on one upstream."""
    return math.ceil(round(streams * HEADROOM, 6))


def connections(streams: int) -> int:
    """Client connections in all: one a stream in the worst case (HTTP/1.1), and the idle ones."""
    return requests(streams) + IDLE_CONNECTIONS


def heap(streams: int, routes: int) -> int:
    """The heap at which Envoy starts to refuse work."""
    return HEAP_BASE + streams * HEAP_PER_STREAM + routes * HEAP_PER_ROUTE


# ---- headers ----

ALLOWED_HEADERS = (
    "accept", "authorization", "cache-control", "connect-protocol-version", "connect-timeout-ms", "content-type", "grpc-timeout",
    "last-event-id", "x-grpc-web", "x-requested-with", "x-user-agent",
)  # fmt: skip
"""Request headers that browser clients of streams send: EventSource and its polyfills, gRPC-Web, Connect."""

CORS_HEADERS = tuple(name.lower() for name in CORS)

OWN_REQUEST_HEADERS = (
    *(name.lower() for name in CREDENTIALS),
    "range", "if-range", "if-match", "if-unmodified-since", "transfer-encoding", "upgrade",
)  # fmt: skip
"""Request headers that keep a poll away from the shared answer: credentials as with nginx; what asks for a part or a condition
that only the origin can judge; a body."""

PASSING_HEADERS = (
    "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade",
    "content-length", "age", "alt-svc", "x-accel-expires",
)  # fmt: skip
"""Response headers that are not kept with an answer: they belong to one connection, or are written anew."""

SYSTEM_CAS = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian, Alpine and Envoy's own images keep the CAs that the system trusts."""
