"""Timeouts of streams get healthy hosts ejected.

**What it sees.** The cluster of a stream of Envoy with `outlier_detection` that counts gateway failures or 5xx, without
`split_external_local_origin_errors`, where a timer of the route ends streams: see `stream-ended-by-timeout` and `idle-timeout-too-short`.

**Why it hurts.** A timer that fires before an answer has begun counts as a gateway failure of its host. A handful of quiet clients, and healthy
hosts are ejected: the rest take all the load, with the same timers.

**Instead.**

```yaml
outlier_detection:
  split_external_local_origin_errors: true
```

And a `timeout: 0s` for the stream.

**When it is fine.** If answers always begin at once.

**Measured.** Not shown on Envoy: the first ejection comes at an interval of ten seconds; the fact sheet of the API says so.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/upstream/outlier>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.units import show_duration

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.OPERATIONS, severity=Severity.WARNING, targets=("envoy",))
def timeouts_eject_hosts(tree: EnvoyTree) -> Iterator[Complaint]:
    """Timers that are taken for failures."""
    for case in tree.cases:
        if case.protocol not in {"long-poll", "sse", "ndjson"} or case.stream.mixed:
            continue
        lasts = case.value("total_timeout")
        if lasts.high > _SOON:
            continue
        for place in tree.places(case):
            cluster = place.origin.message
            said = cluster.field("outlier_detection") if cluster is not None else None
            if (
                cluster is None
                or said is None
                or cluster.flag("outlier_detection", "split_external_local_origin_errors")
            ):
                continue
            if cluster.number("outlier_detection", "enforcing_consecutive_5xx") == 0:
                continue
            yield Complaint(
                message=f"hosts are ejected when {case.title} takes longer than {show_duration(lasts.high)} to begin: outlier_detection counts it",
                why="Timeouts count as failures of the host. Write `split_external_local_origin_errors: true`, and a longer timeout.",
                span=(said.key or said.value).span,
                case=case,
            )


_SOON = 60.0
"""Seconds: who waits longer will hardly see them fire."""
