"""The zone refuses every WebSocket.

**What it sees.** `websockets` off as a setting of the zone, and a route that carries WebSockets.

**Why it hurts.** Handshakes are refused at the edge, on every host of the zone.

**Instead.** `value = "on"`, which is the default.

**When it is fine.** If no WebSocket is meant to get through; then nothing should be declared as one.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/network/websockets/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom(category=Category.UPGRADE_HEADERS, severity=Severity.ERROR, targets=("cloudflare",))
def websockets_switched_off(tree: CloudflareTree) -> Iterator[Complaint]:
    """The setting, where some route needs it."""
    for zone in tree.zones:
        said = zone.settings.get("websockets")
        case = next((each for each in tree.of(zone) if each.protocol == "websocket"), None)
        if said is not None and said.value.flag() is False and case is not None:
            yield Complaint(
                message=f"handshakes of {case.route.path} are refused: {said.text}",
                why='It is a setting of the whole zone. Write `value = "on"`.',
                span=said.span,
                fix=tree.fixer.write(said.value, "on", safe=False),
                case=case,
            )
