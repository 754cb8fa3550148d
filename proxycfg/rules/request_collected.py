"""The origin sees nothing of an upload until it ends.

**What it sees.** A route whose request bodies stream, by its protocol or by a spec, and buffering of requests: `proxy_request_buffering on` (the
default), HTTP/1.0 towards the origin, which cannot take a body of unknown length piece by piece, a `mirror` that wants a copy, `proxy_set_body`. On
Envoy a filter that collects bodies: `buffer`, `ext_proc` with `BUFFERED` requests, `ext_authz` with `with_request_body`, even with
`allow_partial_message`, a script that asks for `body()`. At Cloudflare `request_body_buffering = "full"`.

**Why it hurts.** nginx does not even contact the origin before the client has sent everything. A client stream arrives in one lump, and a
bidirectional call, whose client waits for an answer first, never starts.

**Instead.**

```nginx
proxy_http_version 1.1;
proxy_request_buffering off;
```

On Envoy the filter is switched off in the route: `typed_per_filter_config`, with `disabled: true`.

**When it is fine.** For a service of Connect or gRPC that has only unary calls and server streams: a warning, where nobody declares the stream.

**Measured.** Pieces of an upload arrived as sent with both lines, and all at the end without either, or with a mirror (1.22, 1.26; HTTP/1.1 is the
default on 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`, those of Envoy in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_request_buffering>,
<https://nginx.org/en/docs/http/ngx_http_mirror_module.html#mirror_request_body>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Confidence, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule(
    "request_buffering",
    category=Category.REQUEST_BUFFERING,
    severity=Severity.ERROR,
    protocols=("sse", "ndjson", "connect", "grpc"),
    targets=("nginx", "envoy", "cloudflare"),
)
def request_collected(case: Case) -> Iterator[Complaint]:
    """Request bodies that wait for their end."""
    short = case.shortfalls["request_buffering"]
    severity = short.severity
    if case.protocol == "connect":
        severity = Severity.INFO if case.stream.confidence is Confidence.INFERRED else Severity.WARNING
    elif case.protocol == "grpc" and short.sure and case.stream.confidence is not Confidence.DECLARED:
        # Calls that send one message do not notice.
        severity = Severity.WARNING
    yield Complaint(
        severity=severity,
        message=f"what clients of {case.title} send {short.will} be collected first: {short.evidence.text}",
        why=short.because("Client streams arrive in one lump at their end, and bidirectional calls never start."),
        span=short.span,
        wishes=("upstream_http_version", "request_buffering")
        if case.value("upstream_http_version").low == "1.0"
        else ("request_buffering",),
    )
