"""Calls of gRPC go to their origin by HTTP/1.1.

**What it sees.** A gRPC route of Envoy whose cluster speaks HTTP/1.1, which is what a cluster without `HttpProtocolOptions` does, or may end up with
it: `auto_config`, `use_downstream_protocol_config`.

**Why it hurts.** A gRPC server understands HTTP/2 alone: every call ends with status 14 and `protocol error`.

**Instead.**

```yaml
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config:
      http2_protocol_options: {}
```

**When it is fine.** If a bridge translates, or the origin speaks Connect; then say `# proxycfg: protocol=connect`.

**Measured.** An origin of gRPC behind a plain cluster of Envoy 1.40 was sent `POST … HTTP/1.1`, and HTTP/2's preface with the options.
Its configs show it in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/extensions/upstreams/http/v3/http_protocol_options.proto>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule("grpc", category=Category.GRPC_TRANSPORT, severity=Severity.ERROR, protocols=("grpc",), targets=("envoy",))
def grpc_to_http_1_origin(case: Case) -> Iterator[Complaint]:
    """A cluster that a gRPC server does not understand."""
    short = case.shortfalls["grpc"]
    version = case.shortfalls.get("upstream_http_version")
    if version is None:
        return
    yield Complaint(
        severity=Severity.ERROR if version.sure else Severity.INFO,
        message=f"calls of {case.title} {version.will} go to the origin by HTTP/1.1: {version.evidence.text}",
        why=short.because("A gRPC server understands HTTP/2 alone: calls end with status 14, protocol error."),
        span=version.span,
        wishes=("upstream_http_version",),
    )
