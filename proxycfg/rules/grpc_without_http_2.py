"""A listener without HTTP/2 meets gRPC clients.

**What it sees.** A route with `grpc_pass` in a server none of whose listeners speaks HTTP/2, or not all of them: since nginx 1.25.1 `http2 on;`
belongs to a server, and a clear-text client is met by the default server of its socket first. On Envoy: `codec_type: HTTP1`, or
TLS that offers no `h2`.

**Why it hurts.** gRPC is HTTP/2 from end to end. The client sends its preface, gets an HTTP/1.1 error or a closed connection, and reports
UNAVAILABLE.

**Instead.**

```nginx
http2 on;                 # nginx 1.25.1 and newer
listen 443 ssl http2;     # before
```

On Envoy `codec_type: AUTO`, and `alpn_protocols: [h2, http/1.1]`.

**When it is fine.** If only gRPC-Web or Connect clients come through it, which the linter is told by `# proxycfg: protocol=grpc-web`.

**Measured.** A listener without HTTP/2 closed the connection of every gRPC client (1.22, 1.26, 1.30): `tests/containers/`. Its configs show it in
`tests/containers/test_rule_fixtures.py`, those of Envoy in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_v2_module.html#http2>, `src/http/v2/ngx_http_v2.c`
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule(
    "grpc", category=Category.GRPC_TRANSPORT, severity=Severity.ERROR, protocols=("grpc",), targets=("nginx", "envoy")
)
def grpc_without_http_2(case: Case) -> Iterator[Complaint]:
    """A listener that gRPC clients cannot talk to."""
    short = case.shortfalls["grpc"]
    if case.value("upstream_http_version").low != "2" or (not short.sure and short.evidence.span is None):
        return
    yield Complaint(
        severity=Severity.ERROR if short.sure else Severity.WARNING,
        message=f"{case.title} {short.will} not be reached by HTTP/2: {short.evidence.text}",
        why=short.because("gRPC clients speak nothing else, and report UNAVAILABLE."),
        wishes=("grpc",),
        span=short.span,
    )
