"""Envoy compresses a stream.

**What it sees.** A `compressor` filter that is on for a route and takes the content type of its stream: named in `content_type`, met by a
`content_type_matcher` such as `prefix: text/`, or among those that it takes where nothing is said (JSON, gRPC-Web, plain text).

**Why it hurts.** gzip and brotli are flushed at every piece, so events come in time, but each stream keeps a window of its own in memory, and what is
secret in one message can be guessed from the lengths of others. zstd is not flushed before the end: that is `stream-filtered`.

**Instead.**

```yaml
typed_per_filter_config:
  envoy.filters.http.compressor:
    "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig
    disabled: true
```

**When it is fine.** If the memory does not matter, and nothing in the stream is secret.

**Measured.** Envoy 1.40 sent such events with `content-encoding: gzip`, and without once the filter was off. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/compressor_filter>,
`source/extensions/filters/http/compressor/compressor_filter.cc`
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule("compression", category=Category.COMPRESSION, severity=Severity.INFO, targets=("envoy",))
def compressor_on_stream(case: Case) -> Iterator[Complaint]:
    """A compressor that takes the stream's type."""
    short = case.shortfalls["compression"]
    if not short.sure:
        return
    yield Complaint(
        message=f"{case.title} is compressed: {short.evidence.text}",
        why=short.because("Each stream keeps a window in memory, and its lengths tell of its secrets."),
        span=short.span,
        wishes=("compression",),
    )
