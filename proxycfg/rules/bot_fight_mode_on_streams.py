"""Bot Fight Mode takes programs for attackers.

**What it sees.** `fight_mode = true` in `cloudflare_bot_management`, in a zone with routes that stream.

**Why it hurts.** It challenges whatever does not look like a browser: SDKs, servers, gRPC clients. No rule can make an exception.

**Instead.** `fight_mode = false`; from Pro on Super Bot Fight Mode, which a `skip` rule with `phases = ["http_request_sbfm"]` can be told to
leave alone.

**When it is fine.** If only browsers come.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/bots/get-started/bot-fight-mode/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom(
    "cloudflare_bot_management", category=Category.PROTOCOL_MISMATCH, severity=Severity.WARNING, targets=("cloudflare",)
)
def bot_fight_mode_on_streams(tree: CloudflareTree) -> Iterator[Complaint]:
    """The switch, where a zone has streams."""
    for zone in tree.zones:
        cases = tree.of(zone)
        for each in zone.of_type("cloudflare_bot_management"):
            said = each.body.get("fight_mode")
            if said is not None and said.flag() and cases:
                yield Complaint(
                    message=f"clients of {cases[0].title} that are no browsers are challenged: fight_mode = true",
                    why="No rule can make an exception. Switch it off; from Pro on use Super Bot Fight Mode, and skip it for streams.",
                    span=said.span,
                    case=cases[0],
                )
