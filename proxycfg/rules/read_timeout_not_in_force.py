"""A longer timeout that no request gets.

**What it sees.** `read_timeout` in a cache rule of a route that is not eligible for the cache: `cache = false` there, or nothing that makes it
so; and values outside of 1 to 6000.

**Why it hurts.** The timeout of a cache rule holds only for what is eligible for the cache, so the route is still cut after 100 to 125 seconds.

**Instead.** The zone setting `proxy_read_timeout`; or `cache = true` with `edge_ttl = { mode = "bypass_by_default" }` beside it, and `no-store`
from the origin.

**When it is fine.** If the zone's `proxy_read_timeout` is as long.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/error-524/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.targets.cloudflare.facts import SILENCE_ENTERPRISE

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("http_request_cache_settings", category=Category.IDLE_TIMEOUT, severity=Severity.ERROR, targets=("cloudflare",))
def read_timeout_not_in_force(tree: CloudflareTree) -> Iterator[Complaint]:
    """Each rule with such a timeout, for the place that it names."""
    for case in tree.cases:
        view = case.subject.view
        for choice in view.parameter("http_request_cache_settings", "set_cache_settings", "read_timeout"):
            seconds = choice.value.number() if choice.value is not None else None
            if seconds is None or choice.evidence.span is None:
                break
            zone = view.setting("proxy_read_timeout")
            elsewhere = zone.value.number() if zone is not None and zone.value is not None else None
            if not 1 <= seconds <= SILENCE_ENTERPRISE:
                said = "is outside of 1 to 6000"
            elif not case.value("caching").high and (elsewhere is None or elsewhere < seconds):
                said = f"does nothing for {case.title}, which is not eligible for the cache"
            else:
                break
            yield Complaint(
                message=f"{choice.evidence.text} {said}",
                why="It holds for what may be cached alone. Set the zone's `proxy_read_timeout`, or send something every 15s to 30s.",
                span=choice.evidence.span,
                case=case,
            )
            break
