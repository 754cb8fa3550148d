"""A circuit breaker holds fewer streams than the route is to carry.

**What it sees.** A route of Envoy that streams, and what its cluster lets through: `max_requests` and, towards an origin of HTTP/1.1,
`max_connections`, or a limit on the connections of clients. Less than a spec asks for, or fewer than a hundred, is a warning; the 1024 that count
where nobody says anything are worth knowing, once for each cluster.

**Why it hurts.** Each stream holds a request, and over HTTP/1.1 a connection, for as long as it lives. Clients beyond `max_requests` get 503; beyond
`max_connections` they wait in a queue without any answer.

**Instead.**

```yaml
circuit_breakers:
  thresholds:
  - max_connections: 20000
    max_pending_requests: 1024
    max_requests: 20000
```

**When it is fine.** If so few streams are expected; state `streams` in the spec of the route.

**Measured.** Of three streams behind limits of two, Envoy 1.40 let two through. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/upstream/circuit_breaking>,
<https://github.com/envoyproxy/envoy/issues/20020>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Confidence, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree

_DEFAULT = 1024
"""Envoy's own limit; control planes may set none."""
_FEW = 100
"""Streams: two tabs of fifty people."""


@idiom(category=Category.CONNECTION_LIMITS, severity=Severity.WARNING, targets=("envoy",))
def circuit_breaker_low(tree: EnvoyTree) -> Iterator[Complaint]:
    """Limits that streams fill."""
    for case in tree.cases:
        short = case.shortfalls.get("max_streams") if "max_streams" in case.asked else None
        # Where clients belong to servers, chance decides how many find room: then it is enough that all servers have it together.
        asked = short is not None and short.sure
        value, why = case.value("max_streams"), case.route.reading.evidence["max_streams"]
        few = value.exact and value.low < _FEW
        default = (
            why.span is None and value.exact and value.low <= _DEFAULT and not case.partial and not case.stream.mixed
        )
        told = case.stream.confidence is Confidence.DECLARED or (
            # Calls are short unless somebody says otherwise.
            case.stream.confidence is Confidence.EXPLICIT and case.protocol not in {"grpc", "grpc-web", "connect"}
        )
        if not (few or asked or (default and told)):
            continue
        cluster = next((place.origin.message for place in tree.places(case) if place.origin.message), None)
        name = cluster.field("name") if cluster is not None else None
        yield Complaint(
            severity=Severity.WARNING if few or asked else Severity.INFO,
            message=f"{case.title} holds {value.low:.0f} streams at once: {why.text}",
            why=" ".join((
                "Each keeps a request, and over HTTP/1.1 a connection, while it lives: clients beyond that are refused, or wait without an answer.",
                case.hint(case, "max_streams"),
            )),
            span=why.span or (name.span if name is not None else case.route.span),
            case=case,
        )  # fmt: skip
