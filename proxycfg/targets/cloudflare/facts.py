"""What is known about Cloudflare's edge, from its documentation, its Terraform provider and its SDK.

None of it can be measured from outside an account, so where pages differ, the worse value counts. Pages are named below
https://developers.cloudflare.com/.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxycfg.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "~> 5.22"
"""The Terraform provider that the attributes are spelled for; their names and types are checked against 5.22's published schema."""

MB = 1_000_000
"""Bytes of what Cloudflare's pages call MB; they do not say which."""

# ---- timers, in seconds ----

SILENCE = 100.0
"""Of silence from the origin that every plan below Enterprise is sure to allow: the documentation has said 100, 120 and 125 in turn
(support/troubleshooting/http-status-codes/cloudflare-5xx-errors/error-524)."""

SILENCE_AT_MOST = 125.0
"""After which such a plan has surely ended the exchange: the largest of those numbers."""

SILENCE_ENTERPRISE = 6000.0
"""Up to which Enterprise may raise it (`proxy_read_timeout`)."""

SPARE_SECOND = 1
"""More than is wanted: the real cut can come a second early, says the same page."""

CONNECT = (15.0, 19.0)
"""To shake hands with an origin, by older and newer revisions of fundamentals/reference/connection-limits."""

CLIENT_IDLE = 400.0
"""After which a client's idle connection is closed (the same page)."""

# ---- sizes and counts ----

LONGEST_EXPRESSION = 4096
"""Characters of a rule's expression (ruleset-engine/rules-language/expressions)."""

GRPC_PORT = 443
"""Where an origin has to speak gRPC (network/grpc-connections)."""

ORIGIN_STREAMS = 100
"""Streams on one HTTP/2 connection to an origin: the default below Enterprise, where 1, no multiplexing, is the default."""

UPLOADS: tuple[int, ...] = (*range(100, 501, 25), *range(1000, 5001, 500))
"""MB that the zone setting `max_upload` takes (Enterprise)."""

RATE_PERIODS = (10, 60)
"""Seconds over which requests are counted: the shortest, and one for rates below one a second where the plan has it."""

RATE_BLOCK = 10
"""Seconds for which a client beyond its rate is refused: the only value that every plan has, and the shortest."""


RECONNECTING = 10
"""Clients behind one address that come back together after a restart at the edge, which ends every WebSocket and stream at once
(network/websockets): an office, or a carrier's gateway."""


@record(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a plan holds (the plan table of the documentation, and waf/rate-limiting-rules).

    :param name: as the spec has it.
    :param rules: of each kind that is not counted apart: configuration, cache, cache response, compression, origin, header transform.
    :param custom: WAF custom rules.
    :param rates: rate limiting rules.
    :param period: the longest time over which one of them counts, in seconds.
    :param upload: bytes of the largest request that is let through by default.
    :param regexes: whether expressions have ``matches``.
    :param rate_by_host: whether a rate limiting rule can ask for the host.
    """

    name: str
    rules: int
    custom: int
    rates: int
    period: int
    upload: int
    regexes: bool
    rate_by_host: bool

    @property
    def enterprise(self) -> bool:
        """Whether timers and upload limits can be raised, and origins be chosen by rule."""
        return self.name == "enterprise"

    def most(self, phase: str) -> int:
        """How many rules of a phase a zone of this plan can have."""
        return {"http_request_firewall_custom": self.custom, "http_ratelimit": self.rates}.get(phase, self.rules)


PLANS: Mapping[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan(name="free", rules=10, custom=5, rates=1, period=10, upload=100 * MB, regexes=False, rate_by_host=False),
        Plan(name="pro", rules=25, custom=20, rates=2, period=60, upload=100 * MB, regexes=False, rate_by_host=True),
        Plan(
            name="business", rules=50, custom=100, rates=5, period=600, upload=200 * MB, regexes=True, rate_by_host=True
        ),
        Plan(
            name="enterprise",
            rules=300,
            custom=1000,
            rates=100,
            period=65_535,
            upload=500 * MB,
            regexes=True,
            rate_by_host=True,
        ),
    )
}

CACHED_EXTENSIONS: frozenset[str] = frozenset(
    re.findall(
        r"\w+",
        """7z avi avif apk bin bmp bz2 class css csv doc docx dmg ejs eot eps exe flac gif gz ico iso jar jpg jpeg js mid midi mkv mp3 mp4 ogg
        otf pdf pict pls png ppt pptx ps rar svg svgz swf tar tif tiff ttf webm webp woff woff2 xls xlsx zip zst""",
    )
)
"""What a path ends in whose answers may be stored without any rule (cache/concepts/default-cache-behavior)."""

# ---- headers ----

OWN_PREFIXES = ("cf-", "x-cf-")
"""Of headers that no rule may set or remove (rules/transform)."""

FIXED_REQUEST_HEADERS = (
    "accept-encoding", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "true-client-ip", "host",
)  # fmt: skip
"""Request headers that a transform rule may not set (rules/transform/request-header-modification): those that say who the client is, and
those that browsers keep to themselves. `Host` is an origin rule's, on Enterprise."""

FIXED_RESPONSE_HEADERS = ("server", "eh-cache-tag", "eh-cdn-cache-control")
"""Response headers that a transform rule may not change (rules/transform/response-header-modification)."""
