"""Messages of a streamed answer wait in a response buffer.

**What it sees.** A route that carries a stream in the body of an answer (NDJSON and other chunked downloads, gRPC-Web, Connect), and response
buffering that is on for it; on Envoy a filter that collects answers; at Cloudflare `response_buffering`.

**Why it hurts.** As with server-sent events (`sse-response-buffered`): messages smaller than a buffer wait for the next ones, the last for the
end of the answer.

**Instead.** `proxy_buffering off;` in that location. On Envoy: the filter switched off in the route, or told to pass pieces on.

**When it is fine.** If every answer has `X-Accel-Buffering: no`, or if the route's answers are in fact whole files.

**Measured.** `tests/containers/`: the stock config of each protocol, which falls short, beside the generated one. Its configs show it in
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
    protocols=("ndjson", "grpc-web", "connect"),
    targets=("nginx", "envoy", "cloudflare"),
)
def chunked_response_buffered(case: Case) -> Iterator[Complaint]:
    """Buffering that is on."""
    yield from held_back(case, "messages")
