"""Streams of clients that have vanished never end.

**What it sees.** A route of Envoy whose streams no timer ends, neither an idle one nor a longest life, where nothing looks after the client: no
`connection_keepalive` of HTTP/2, no `tcp_keepalive`, no `per_connection_buffer_high_watermark_timeout`.

**Why it hurts.** A client that vanishes without a word, a phone out of reach, is never noticed while the origin is silent. Its stream keeps memory,
a place among the circuit breaker's, and a connection to the origin.

**Instead.**

```yaml
route:
  idle_timeout: 3600s
```

Or `tcp_keepalive` on the listener (Envoy 1.37 and newer), and `connection_keepalive` for HTTP/2.

**When it is fine.** If the application ends streams whose clients do not answer; then say how often it speaks: `heartbeat=15s`.

**Measured.** Not shown on Envoy: a client that vanishes without a FIN needs a network that drops packets.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/faq/configuration/timeouts>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.behavior import FOREVER
from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.targets.envoy.tree import EMPTY

if TYPE_CHECKING:
    from proxycfg.targets.envoy.place import Place
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.IDLE_TIMEOUT, severity=Severity.WARNING, targets=("envoy",))
def dead_clients_kept(tree: EnvoyTree) -> Iterator[Complaint]:
    """Streams that nothing ends."""
    for case in tree.cases:
        value = case.route.reading.behavior
        timers = value.upstream_idle_timeout, value.total_timeout
        if case.heartbeat is not None or case.partial or any(timer.low != FOREVER for timer in timers):
            continue
        places = tree.places(case)
        if any(_watched(place) for place in places):
            continue
        evidence = case.route.reading.evidence["upstream_idle_timeout"]
        if evidence.kind == "default":
            # A control plane switched them off for all, such as Istio: it is not this route's to say.
            continue
        yield Complaint(
            severity=Severity.INFO if case.stream.mixed else None,
            message=f"nothing ends {case.title} when its client has vanished: {evidence.text}",
            why="Such streams add up, each with its place at the origin. Write `idle_timeout: 3600s`, or keepalives on the listener.",
            span=evidence.span or case.route.span,
            case=case,
        )


def _watched(place: Place) -> bool:
    listener = place.door.listener if place.door is not None else EMPTY
    return (
        place.hcm.has("http2_protocol_options", "connection_keepalive", "interval")
        or listener.has("tcp_keepalive")
        or listener.has("per_connection_buffer_high_watermark_timeout")
    )
