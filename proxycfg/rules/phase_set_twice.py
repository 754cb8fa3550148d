"""Two rulesets overwrite each other.

**What it sees.** Two `cloudflare_ruleset` with the same zone and phase.

**Why it hurts.** Terraform takes a phase for its own: what is applied last stays, the other one's rules vanish, and come back with the next run.

**Instead.** One resource for each zone and phase, with all rules in its list.

**When it is fine.** If only one of them is ever there, by a `count` that this program cannot know.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/terraform/additional-configurations/waf-custom-rules/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("cloudflare_ruleset", category=Category.OPERATIONS, severity=Severity.ERROR, targets=("cloudflare",))
def phase_set_twice(tree: CloudflareTree) -> Iterator[Complaint]:
    """Phases of which a zone has more than one."""
    for zone in tree.zones:
        first: dict[str, Span] = {}
        for each in zone.of_type("cloudflare_ruleset"):
            phase = each.body.text("phase")
            if phase is None or not each.certain or each.body.text("kind") not in {None, "zone"}:
                continue
            if phase in first:
                yield Complaint(
                    message=f"the zone's {phase} is set a second time",
                    why="The one that is applied last stays, and the rules of the other vanish. Put all of them into one resource.",
                    span=each.span,
                    related=(Related(first[phase], "here for the first time"),),
                )
            first.setdefault(phase, each.span)
