"""Native gRPC goes through `proxy_pass`.

**What it sees.** A route that is declared to be gRPC, and a `proxy_pass`: over HTTP/1.x, or over HTTP/2 (nginx 1.29.4 and newer) without all that
trailers take.

**Why it hurts.** The status of a call is in its trailers. HTTP/1.x towards the origin drops them, or the origin refuses it: every call ends with
"missing status" or INTERNAL.

**Instead.**

```nginx
grpc_pass grpc://agents:50051;
```

**When it is fine.** Never, for native gRPC; gRPC-Web and Connect go through `proxy_pass` well.

**Measured.** gRPC through HTTP/1.1 never got a status: `tests/containers/`. Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_grpc_module.html>, <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule("grpc", category=Category.GRPC_TRANSPORT, severity=Severity.ERROR, protocols=("grpc",))
def grpc_through_proxy_pass(case: Case) -> Iterator[Complaint]:
    """Calls whose trailers get lost."""
    short = case.shortfalls["grpc"]
    handler = case.subject.location.handler
    if handler is None or handler.name != "proxy_pass":
        return
    yield Complaint(
        severity=Severity.ERROR if short.sure else Severity.WARNING,
        message=f"calls of {case.title} {short.will} end without a status: {short.evidence.text}",
        why="It is in trailers, which get lost on the way. Write `grpc_pass grpc://…;` in place of proxy_pass.",
        span=handler.span,
    )
