"""A reconnect lands on any server although a hash policy is there.

**What it sees.** A route of Envoy that streams, with a `hash_policy`, whose cluster does not balance by hash: `lb_policy` other than `RING_HASH` or
`MAGLEV`, or none.

**Why it hurts.** The policy does nothing: no cookie is issued, and a reconnect lands on any server. What the session knew is gone.

**Instead.**

```yaml
lb_policy: RING_HASH
```

**When it is fine.** Never: leave the policy out if no affinity is meant.

**Measured.** A cookie of a hash policy was issued with `RING_HASH` on Envoy 1.40, and none without. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/route/v3/route_components.proto>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.behavior import exactly
from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.SESSION_AFFINITY, severity=Severity.WARNING, targets=("envoy",))
def hash_policy_ignored(tree: EnvoyTree) -> Iterator[Complaint]:
    """Affinity that is asked for, and not there."""
    for case in tree.cases:
        if case.value("session_affinity") != exactly("none"):
            continue
        said = case.subject.action.field("hash_policy")
        if said is None:
            continue
        why = case.route.reading.evidence["session_affinity"]
        yield Complaint(
            message=f"the hash_policy of {case.title} does nothing: {why.text}",
            why="Only `RING_HASH` and `MAGLEV` look at it: there is no cookie, reconnects go anywhere. Write `lb_policy: RING_HASH` in the cluster.",
            span=(said.key or said.value).span,
            case=case,
        )
