"""What is known about nginx itself: since when it can do what, and the numbers that the hardened config uses, with reasons.

Learned from nginx's documentation and change log, and measured on 1.22.1, 1.26.3 and 1.30.6 (tests/targets/test_nginx.py).
"""

from __future__ import annotations

NEWEST_STABLE = "1.30"

SINCE = {
    # https://nginx.org/en/CHANGES
    "ticket_keys_rotated": (1, 23, 2),
    "http2_directive": (1, 25, 1),
    "cleartext_http1_and_2": (1, 25, 1),
    "http3": (1, 25, 0),
    "steady_memory": (1, 26, 1),
    "names_followed": (1, 27, 3),
    "request_port_variables": (1, 29, 3),
    "http2_upstream": (1, 29, 4),
    "keepalive_by_default": (1, 29, 7),
    "upgrade_kept_from_http2": (1, 31, 3),
}
"""Feature → the first version that has it."""

OLDEST = (1, 18)
"""Below this, directives that the config relies on are missing or behave otherwise."""

NEWEST = (1, 31)
"""The newest line whose defaults are known."""

# ---- timers, in seconds ----

CONNECT_TIMEOUT = 5.0
"""To reach an origin. nginx waits 60; a client that waits that long has gone, and a peer that is up answers in milliseconds."""

SEND_TIMEOUT = 60.0
"""That a client may refuse to read before it is dropped; nginx's default, stated so that nothing above changes it."""

CLIENT_BODY_TIMEOUT = 60.0
"""Between two pieces of an ordinary request body."""

CLIENT_KEEPALIVE = 75.0
"""That a client's connection stays open with no request on it; nginx's default."""

ORIGIN_KEEPALIVE = {"1.1": 4.0, "2": 55.0}
"""That an idle connection to an origin is kept, by the HTTP version spoken on it. uvicorn and Node hang up after five
seconds, and a request that goes out on a connection just being closed gets a 502, since nothing is sent twice. gRPC servers
do not hang up."""

SHUTDOWN_TIMEOUT = 3600.0
"""That an old worker lives after a reload. Without a limit each reload leaves one behind for as long as the longest stream;
a short one cuts every stream at each reload."""

CACHE_LOCK = 0.2
"""That a poll waits for another one that fetches the same answer. nginx's five seconds are spent in full, half a second at
a time, where the origin forbids storing: twenty polls at once for a `no-store` answer took 5.2 s (measured)."""

CACHE_INACTIVE = 10.0
"""That an answer is kept which nobody asks for. An expired one is handed out while a new one is fetched, so it must not be
old."""

LONGEST_TIMER = 24 * 24 * 3600.0
"""nginx hands its next timer to epoll_wait in milliseconds as a 32-bit number, which has room for 24 days."""

# ---- memory and sizes, in bytes ----

LONGEST_WORD = 4095
"""Of one argument in a config, quotes included: nginx reads files through a buffer of 4096 (measured)."""

LONGEST_NAME = 46
"""Of a name in a hash with nginx's default buckets of 64 bytes: variables, header names, keys of a map (measured)."""

BODY_BUFFER = 128 * 2**10
"""Up to this size a request body that is collected stays in memory (nginx: 16k), which holds most prompts."""

# ---- counts ----

SLOTS_PER_STREAM = 2
"""Connection slots of a proxied stream: one for the client, one for the origin (measured: four HTTP/1.1 streams need ten slots,
with the listener and the channel to the master)."""

HEADROOM = 1.3
"""Over the slots that are needed: workers share unevenly, and short requests run beside the streams."""

SPARE_SLOTS = 512
"""Of each worker, for short requests, listeners and the channel to the master: nginx's default for everything."""

STREAMS_PER_WORKER = 50_000
"""Beyond this a worker's slots take more than about 50 MB, so the number of workers is fixed and each takes its share."""

SESSIONS_PER_MEGABYTE = 4000
"""TLS sessions in a megabyte of shared cache, by nginx's documentation."""

STATES_PER_MEGABYTE = 8000
"""Client addresses in a megabyte of a limit zone, on 64-bit machines (128 bytes each), by nginx's documentation."""

MOST_PER_CLIENT = 65_535
"""The highest number that limit_conn takes."""

PATTERNS = 200
"""Prefix routes of one server that may be regular expressions. nginx tries them one after another (measured: 0.2 ms of a core
for the last of 1000, 6 ms for the last of 10,000, where they no longer fit the processor's cache); beyond this many every
prefix stands twice, in a form that nginx finds in a tree, at a third more memory (docs/decisions/0003)."""

HASHED, HEADERS = 100, 20
"""Host names or variables, and headers of a route, that nginx's default hash tables hold without a warning (measured)."""


def parse(version: str) -> tuple[int, ...]:
    """``1.26`` as (1, 26, 999): a line without a patch level means its newest."""
    parts = tuple(int(part) for part in version.split("."))
    return parts if len(parts) > 2 else (*parts, 999)  # noqa: PLR2004


def has(version: str, feature: str) -> bool:
    """Whether that version of nginx has the feature."""
    return parse(version) >= SINCE[feature]


def streams_held(slots: int, listeners: int) -> int:
    """Streams that a worker with so many connection slots can hold, by HTTP/1.1: each listener takes one, and the channel to the master."""
    return max(0, slots - listeners - 1) // SLOTS_PER_STREAM
