"""A stream may be opened by a replay.

**What it sees.** `0rtt` on for a zone with routes that begin with a GET.

**Why it hurts.** What stands in early data can be sent again by whoever recorded it, or by the edge: a stream begins twice, with all that opening
it does.

**Instead.** `0rtt` off, or an origin that answers 425 to requests with `Early-Data: 1`.

**When it is fine.** If opening a stream changes nothing.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/speed/optimization/protocol/0-rtt-connection-resumption/>
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


@idiom(category=Category.HARDENING, severity=Severity.INFO, targets=("cloudflare",))
def stream_opened_twice(tree: CloudflareTree) -> Iterator[Complaint]:
    """The setting, where a zone has streams."""
    for zone in tree.zones:
        said = zone.settings.get("0rtt")
        case = next((each for each in tree.of(zone) if each.protocol in _READ), None)
        if said is not None and said.value.flag() and case is not None:
            yield Complaint(
                message=f"{case.title} may be opened twice: {said.text}",
                why="Early data can be replayed. Switch it off, or answer 425 to requests with `Early-Data: 1`.",
                span=said.span,
                fix=tree.fixer.write(said.value, "off", safe=False),
                case=case,
            )
