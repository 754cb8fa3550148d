"""An external processor that is late ends the stream.

**What it sees.** An `ext_proc` filter that is on for a route that streams, sees its bodies piece by piece (`STREAMED`), and whose `message_timeout`
is below a second: it is 200 ms where nothing is said.

**Why it hurts.** Each piece waits for the processor's answer. One that comes later than that ends the stream, in the middle of it.

**Instead.**

```yaml
message_timeout: 5s
```

Or `FULL_DUPLEX_STREAMED`, which has no such timer, or `observability_mode: true`, which waits for nothing.

**When it is fine.** If the processor is known to answer in time, always.

**Measured.** Not shown on Envoy: it takes a processor that speaks gRPC; the fact sheet of the API says so, and it was seen on Envoy 1.40.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/extensions/filters/http/ext_proc/v3/ext_proc.proto>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.targets.envoy.defaults import MESSAGE_TIMEOUT

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.OPERATIONS, severity=Severity.WARNING, targets=("envoy",))
def processor_answers_late(tree: EnvoyTree) -> Iterator[Complaint]:
    """A short timer on every piece."""
    for case in tree.cases:
        for place in tree.places(case):
            for each, _ in place.effects:
                if each.kind != "ext_proc" or each.config.flag("observability_mode"):
                    continue
                own = each.override.message("overrides", "processing_mode") if each.override else None
                mode = own or each.config.message("processing_mode")
                streamed = mode is not None and any(
                    (mode.text(name) or "").upper() in {"STREAMED", "1"}
                    for name in ("request_body_mode", "response_body_mode")
                )
                waits = each.config.seconds("message_timeout")
                if not streamed or (waits is not None and waits >= 1):
                    continue
                lasts = MESSAGE_TIMEOUT.text if waits is None else f"message_timeout: {waits:g}s"
                said = each.config.field("message_timeout") or each.place.field("name")
                yield Complaint(
                    message=f"{case.title} is cut when {each.name} answers late: {lasts}",
                    why="Every piece waits for the processor. Write `message_timeout: 5s`, or `FULL_DUPLEX_STREAMED` bodies, which have none.",
                    span=said.span if said is not None else each.place.span,
                    case=case,
                )
