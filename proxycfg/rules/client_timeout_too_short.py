"""A client that says nothing for a while is cut off.

**What it sees.** A gRPC or Connect route, and a `client_body_timeout` below five minutes, which is 60 s unless somebody sets it.

**Why it hurts.** nginx waits so long between two pieces of a request body. A client stream, or the client's half of a bidirectional call, is one
request body: when it is quiet for a minute the call ends with RST_STREAM PROTOCOL_ERROR, without a line in the error log, however long
`grpc_read_timeout` is.

**Instead.**

```nginx
grpc_read_timeout 1h;
client_body_timeout 1h;
```

**When it is fine.** For services that have only unary calls and server streams, whose clients have said everything at once.

**Measured.** A quiet bidirectional call was cut after 60.0 s on 1.22 and 1.30, one with traffic lived on. `docs/nginx-pitfalls.md` has the scenario.
Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#client_body_timeout>, `src/http/v2/ngx_http_v2.c`,
<https://github.com/kubernetes/ingress-nginx/issues/12434>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Confidence, Severity
from proxycfg.rule import Case, Complaint, route_rule
from proxycfg.units import show_duration

_ENOUGH = 300.0
"""Seconds: who sets this much has thought about silence."""


@route_rule(
    "client_idle_timeout", category=Category.IDLE_TIMEOUT, severity=Severity.WARNING, protocols=("grpc", "connect")
)
def client_timeout_too_short(case: Case) -> Iterator[Complaint]:
    """A timer on request bodies that a quiet client meets."""
    short = case.shortfalls["client_idle_timeout"]
    if short.value.low >= _ENOUGH:
        return
    raised = case.value("upstream_idle_timeout").low >= _ENOUGH
    yield Complaint(
        severity=Severity.WARNING if raised or case.stream.confidence is Confidence.DECLARED else Severity.INFO,
        message=f"a client of {case.title} that is silent for {show_duration(short.value.low)} is cut off: {short.evidence.text}",
        why=(
            "The read timeout is long, but a request body has a timer of its own. "
            if raised
            else "Client streams and bidirectional calls are request bodies. "
        )
        + "Write `client_body_timeout 1h;`.",
        span=short.span,
        wishes=("client_idle_timeout",),
    )
