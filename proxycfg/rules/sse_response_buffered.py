"""Server-sent events wait in a response buffer.

**What it sees.** A route that carries server-sent events, and response buffering that is on for it, by a directive or by default; on Envoy, which
has none, a filter that collects answers: `ext_proc` with `BUFFERED` bodies, a Lua script that asks for `body()`, `file_system_buffer`; at
Cloudflare `response_buffering`.

**Why it hurts.** nginx hands a buffered answer on when a buffer (4 or 8 KiB) is full, or when it ends, and an event stream neither fills one soon
nor ends. With an origin that speaks HTTP/1.0, FastCGI, uwsgi or SCGI, or with a compressor, every client waits; with a chunked HTTP/1.1 origin
those do that use HTTP/1.1 over TLS, which is how CDNs fetch. There it is an error; where today's transports, or a version that may run this, let
events through, it is a warning: the response header still waits for the first event, and the next change of transport, compression or version
stalls the stream. Behind a filter of Envoy nothing arrives before the end, and an answer larger than its buffer
becomes a 500; what the processor behind may change is worth knowing.

**Instead.**

```nginx
location /events {
    proxy_pass http://app;
    proxy_buffering off;
}
```

On Envoy: `FULL_DUPLEX_STREAMED` bodies, `bodyChunks()`, or the filter switched off in the route.

**When it is fine.** If every answer of the route has `X-Accel-Buffering: no`, which the linter knows of a Mercure hub and cannot see otherwise;
write `# proxycfg: ignore[sse-response-buffered] the app sends X-Accel-Buffering` if you rely on that.

**Measured.** `tests/containers/`: a stock config that holds an SSE stream back, beside a generated one that does not. Its configs show it in
`tests/containers/test_rule_fixtures.py`, those of Envoy in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule
from proxycfg.rules._buffered import held_back


@route_rule(
    "response_buffering",
    category=Category.RESPONSE_BUFFERING,
    severity=Severity.ERROR,
    protocols=("sse",),
    targets=("nginx", "envoy", "cloudflare"),
)
def sse_response_buffered(case: Case) -> Iterator[Complaint]:
    """Buffering that is on."""
    yield from held_back(case, "events")
