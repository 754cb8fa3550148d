"""A limit on bodies ends long uploads.

**What it sees.** A gRPC or Connect route with a `client_max_body_size`, which is 1 MiB unless somebody sets it; as a note, a route of an LLM API,
whose requests carry whole conversations, and pictures in base64. Of a route in a spec that states `upload.max_bytes`, any lower limit. On Envoy a
`body_size_limit` or `buffer` filter.

**Why it hurts.** The limit counts everything that a client sends in one call: a client stream or a bidirectional call that is alive for days dies
when all its messages together pass it, with 413 or RST_STREAM. A larger request is refused with 413 and an HTML page.

**Instead.**

```nginx
client_max_body_size 0;
```

**When it is fine.** If calls are unary and small.

**Measured.** A streamed body was cut when its total passed the limit: 413, or a truncated answer if that had begun (1.22, 1.26, 1.30). Its configs
show it in `tests/containers/test_rule_fixtures.py`, those of Envoy in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Confidence, Severity
from proxycfg.rule import Case, Complaint, route_rule
from proxycfg.units import show_size

_RPC = frozenset({"grpc", "connect", "grpc-web"})
_PROMPTED = frozenset({"sse", "ndjson"})
"""What answers to requests with whole conversations in them."""
_LONG = 300.0
"""Seconds: who sets such a read timeout has streams."""
_CHOSEN = 64 * 2**20
"""Bytes: a limit that somebody chose for large uploads."""


@route_rule(
    "request_body_limit",
    category=Category.BODY_SIZE,
    severity=Severity.WARNING,
    targets=("nginx", "envoy"),
)
def body_limit_too_low(case: Case) -> Iterator[Complaint]:
    """A total for what may go on for days."""
    short = case.shortfalls["request_body_limit"]
    if not short.sure and not short.value.low and not short.value.exact:
        # A filter that nobody can look into: nothing says that there is a limit.
        return

    def message(how: str) -> str:
        return f"{case.title} takes {show_size(short.value.low)} of a request, {how}: {short.evidence.text}"

    if "request_body_limit" in case.asked:
        yield Complaint(
            message=message("no more"),
            why=short.because(f"It is to take {show_size(short.wanted.low)}: {case.stream.why}."),
            span=short.span,
            wishes=("request_body_limit",),
        )
        return
    if case.protocol not in _RPC | _PROMPTED:
        return
    rpc = case.protocol in _RPC
    prompts = case.route.path.rstrip("/$").endswith(
        ("completions", "/messages", "/responses", "/api/chat", "/api/generate")
    )
    if not rpc and not prompts and case.stream.confidence is not Confidence.DECLARED:
        return
    if not rpc and not prompts and short.evidence.kind == "default":
        return
    if short.evidence.kind != "default" and short.value.low >= _CHOSEN:
        return
    # Of a service about which nobody said anything, calls may all be small.
    lasting = case.value("upstream_idle_timeout").low >= _LONG or case.stream.confidence is Confidence.DECLARED
    yield Complaint(
        severity=Severity.WARNING if rpc and short.sure and lasting else Severity.INFO,
        message=message("in all" if rpc else "no more"),
        why=short.because(
            "A client stream is one request body, cut when all its messages together pass the limit."
            if rpc
            else "Conversations with pictures are larger, and are refused with 413."
        ),
        span=short.span,
        wishes=("request_body_limit",),
    )
