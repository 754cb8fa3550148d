"""What is known about nginx itself: since when it can do what, and the numbers that the hardened config uses, with reasons.

Learned from nginx's documentation and change log, and measured on 1.22.1, 1.26.3 and 1.30.6 (see tests/containers/).
"""

from __future__ import annotations

from dataclasses import dataclass

NEWEST_STABLE = "1.30"

SINCE = {
    # https://nginx.org/en/CHANGES
    "http2_directive": (1, 25, 1),
    "cleartext_http1_and_2": (1, 25, 1),
    "http3": (1, 25, 0),
    "http2_upstream": (1, 29, 4),
}
"""Feature → the first version that has it."""

OLDEST = (1, 18)
"""Below this, directives that the config relies on are missing or behave otherwise."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value of the hardened config: what it is, and why it is not nginx's default."""

    value: str
    reason: str


CONNECT_TIMEOUT = 5.0
"""Seconds to reach an origin. nginx waits 60; a client that waits that long has gone, and a peer that is up answers in
milliseconds."""

SEND_TIMEOUT = 60.0
"""Seconds that a client may refuse to read before it is dropped; nginx's default, stated so that nothing above changes it."""

CLIENT_BODY_TIMEOUT = 60.0
"""Seconds between two pieces of an ordinary request body."""

SLOTS_PER_STREAM = 2
"""Connection slots of a proxied stream: one for the client, one for the origin (measured: four HTTP/1.1 streams need ten slots,
with the listener and the channel to the master)."""

HEADROOM = 1.3
"""Over the slots that are needed: workers share unevenly, and idle origin connections are counted, too."""

STREAMS_PER_WORKER = 50_000
"""Beyond this a worker's slots take more than about 50 MB, so the number of workers is fixed and each takes its share."""

SHUTDOWN_TIMEOUT = 3600.0
"""Seconds that an old worker lives after a reload. Without a limit each reload leaves one behind for as long as the longest
stream; a short one cuts every stream at each reload."""

SESSIONS_PER_MEGABYTE = 4000
"""TLS sessions in a megabyte of shared cache, by nginx's documentation."""

STATES_PER_MEGABYTE = 8000
"""Client addresses in a megabyte of a limit zone, on 64-bit machines (128 bytes each), by nginx's documentation."""

MAX_DURATION_SECONDS = 24 * 3600 * 24
"""nginx keeps timers in milliseconds as a 32-bit number on some platforms: 24 days."""


def parse(version: str) -> tuple[int, ...]:
    """``1.26`` as (1, 26, 999): a line without a patch level means its newest."""
    parts = tuple(int(part) for part in version.split("."))
    return parts if len(parts) > 2 else (*parts, 999)  # noqa: PLR2004


def has(version: str, feature: str) -> bool:
    """Whether that version of nginx has the feature."""
    return parse(version) >= SINCE[feature]
