"""A clear-text listener speaks HTTP/2 alone.

**What it sees.** A route behind `listen … http2` without `ssl`, on nginx before 1.25.1; or behind `codec_type: HTTP2` on Envoy.

**Why it hurts.** There such a listener understands nothing but HTTP/2 with prior knowledge. Browsers, WebSocket clients and load balancers that
speak HTTP/1.1 get binary garbage and a closed connection.

**Instead.** A listener of its own for HTTP/1.1, or nginx 1.25.1, which looks at what the client says first. On Envoy
`codec_type: AUTO` does.

**When it is fine.** On nginx 1.25.1 and newer; say which it is with `--nginx-version`.

**Measured.** An HTTP/1.1 request was closed without an answer on 1.22, and served on 1.26 and 1.30. Its configs show it in
`tests/containers/test_rule_fixtures.py`, those of Envoy in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://nginx.org/en/CHANGES> (1.25.1)
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule(
    "client_http_versions",
    category=Category.PROTOCOL_MISMATCH,
    severity=Severity.ERROR,
    protocols=("websocket", "sse", "ndjson", "long-poll"),
    targets=("nginx", "envoy"),
)
def http_1_1_not_served(case: Case) -> Iterator[Complaint]:
    """A listener that ordinary clients cannot talk to."""
    short = case.shortfalls["client_http_versions"]
    if "1.1" in short.value.high or "2" not in short.value.high:
        return
    yield Complaint(
        severity=Severity.ERROR if short.sure else Severity.WARNING,
        message=f"clients of {case.title} that speak HTTP/1.1 are turned away: {short.evidence.text}",
        why=short.because("Browsers and libraries shake hands by HTTP/1.1."),
        wishes=("client_http_versions",),
        span=short.span,
    )
