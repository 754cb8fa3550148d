"""A WebSocket is sent to its origin by HTTP/2.

**What it sees.** A route that serves WebSockets, and `proxy_http_version 2`; on Envoy a cluster with `http2_protocol_options`.

**Why it hurts.** HTTP/2 has no `Upgrade`. nginx cannot tunnel there, and strict origins reset a request that carries headers of a connection: 502.
Envoy makes an extended CONNECT of the handshake, which few origins know.

**Instead.**

```nginx
proxy_http_version 1.1;
```

**When it is fine.** Never.

**Measured.** Handshakes towards HTTP/2 origins ended with 502 (1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`, those of
Envoy in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_http_version>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule(
    "upstream_http_version",
    category=Category.UPSTREAM_HTTP_VERSION,
    severity=Severity.ERROR,
    protocols=("websocket",),
    targets=("nginx", "envoy"),
)
def websocket_over_http_2(case: Case) -> Iterator[Complaint]:
    """Upgrade where there is none."""
    short = case.shortfalls["upstream_http_version"]
    if short.value.low != "2":
        return
    yield Complaint(
        message=f"handshakes of {case.route.path} go to the origin by HTTP/2: {short.evidence.text}",
        why=short.because("HTTP/2 has no Upgrade, and hardly any server takes what stands in for it."),
        span=short.span,
        wishes=("upstream_http_version",),
    )
