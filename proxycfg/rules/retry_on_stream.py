"""A request of a stream is sent twice.

**What it sees.** A route of Envoy that streams, under a `retry_policy` whose `retry_on` an origin can meet which has seen the request: `5xx`,
`gateway-error`, `reset`, status codes, for gRPC also `unavailable` and the like. A policy of the virtual host holds for all its routes, one of the
cluster more than any. WebSockets are left out: a handshake has no effects.

**Why it hurts.** Envoy makes no difference between GET and POST: a prompt whose origin fails or hangs up before its answer begins is generated
twice, billed twice. Of a body that streams Envoy keeps a copy, up to the buffer's limit, for the second try.

**Instead.**

```yaml
route:
  cluster: app
  retry_policy: {retry_on: "connect-failure,refused-stream"}
```

**When it is fine.** If the route is only ever asked by GET, or the application does each request once, by a key.

**Measured.** A POST that was answered with 503 arrived twice on Envoy 1.40, and once with the other conditions. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/router_filter#x-envoy-retry-on>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Confidence, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule("retries_non_idempotent", category=Category.RETRIES, severity=Severity.WARNING, targets=("envoy",))
def retry_on_stream(case: Case) -> Iterator[Complaint]:
    """Retries of what an origin may have begun."""
    short = case.shortfalls["retries_non_idempotent"]
    if case.protocol == "websocket" or short.evidence.span is None:
        return
    chosen = short.evidence.kind == "config"
    told = case.stream.confidence is Confidence.DECLARED or (case.protocol == "sse" and not chosen)
    yield Complaint(
        severity=Severity.WARNING if short.sure and told and not case.stream.mixed else Severity.INFO,
        message=f"a POST of {case.title} {short.will} be sent a second time: {short.evidence.text}",
        why=short.because("Envoy retries any method: what it asks for is done, and paid for, twice."),
        span=short.span,
        wishes=("retries_non_idempotent",),
    )
