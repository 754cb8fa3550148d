"""An archived page in place of a stream.

**What it sees.** `always_online` on for a zone with routes that stream.

**Why it hurts.** Where the origin answers 520 to 527, Always Online serves an archived page: HTML with status 200, which a client of a stream
cannot tell from a stream.

**Instead.** `always_online` off; or another zone for the API.

**When it is fine.** If all streams begin with a POST.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/cache/how-to/always-online/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

_READ = frozenset(("sse", "ndjson", "long-poll", "websocket"))
"""What begins with a GET."""

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom(category=Category.ERROR_PAGE_INJECTION, severity=Severity.WARNING, targets=("cloudflare",))
def always_online_on_streams(tree: CloudflareTree) -> Iterator[Complaint]:
    """The setting, where a zone has streams that begin with GET."""
    for zone in tree.zones:
        said = zone.settings.get("always_online")
        case = next((each for each in tree.of(zone) if each.protocol in _READ), None)
        if said is not None and said.value.flag() and case is not None:
            yield Complaint(
                message=f"clients of {case.title} may get an archived page: {said.text}",
                why="It is HTML with status 200. Switch it off where something streams.",
                span=said.span,
                fix=tree.fixer.write(said.value, "off", safe=False),
                case=case,
            )
