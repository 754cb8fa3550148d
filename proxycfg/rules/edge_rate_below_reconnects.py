"""Clients that connect again are counted as an attack.

**What it sees.** A rate limiting rule that takes a stream's requests and lets fewer than twenty through in its period: ten clients behind one
address that open their stream and, after a restart, open it again.

**Why it hurts.** When a server restarts all clients come back within seconds; polls come all the time. Beyond the rate they get 429, after which
an EventSource never tries again.

**Instead.** More requests over a longer period (`requests_per_period`), or an expression that leaves the stream's paths out.

**When it is fine.** If every client has an address of its own and backs off.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/waf/rate-limiting-rules/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

_ENOUGH = 20
"""Requests of one address in a period: ten clients behind it, each of which opens its stream twice."""

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("http_ratelimit", category=Category.CONNECTION_LIMITS, severity=Severity.WARNING, targets=("cloudflare",))
def edge_rate_below_reconnects(tree: CloudflareTree) -> Iterator[Complaint]:
    """Rates that are lower than reconnects."""
    for case in tree.cases:
        for rule, sure in case.subject.view.rules("http_ratelimit"):
            requests, period = (
                rule.body.number("ratelimit", "requests_per_period"),
                rule.body.number("ratelimit", "period"),
            )
            if not requests or not period or requests >= _ENOUGH or rule.action == "log":
                continue
            yield Complaint(
                severity=Severity.WARNING if sure else Severity.INFO,
                message=f"{case.title} {'takes' if sure else 'may take'} {requests:g} requests in {period:g}s of an address: its reconnects get 429",
                why="After a restart every client behind that address comes back at once, and an EventSource gives up at a 429.",
                span=rule.span,
                case=case,
            )
