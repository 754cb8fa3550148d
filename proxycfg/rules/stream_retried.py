"""A request that takes long is sent to every server in turn.

**What it sees.** A long poll whose read timeout may come before its answer, behind several servers with `timeout` among the conditions of a retry
(the default has it); or any stream with retries by status (`http_502` and the like).

**Why it hurts.** When the first server has not answered in time, the request starts again on the next: the client waits twice as long, every server
works on the same poll, and each failure counts towards marking a healthy server as down. Retries by status multiply the load of an origin that is
in trouble.

**Instead.**

```nginx
proxy_next_upstream error;
```

**When it is fine.** If the read timeout is longer than any answer takes.

**Measured.** A slow GET arrived at both servers, and its client waited twice the timeout; then both were marked down (1.22, 1.26, 1.30). Its configs
show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_next_upstream>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule

_STATUS = ("http_500", "http_502", "http_503", "http_504", "http_429")


@route_rule(
    "retries", category=Category.RETRIES, severity=Severity.INFO, protocols=("long-poll", "sse", "ndjson", "connect")
)
def stream_retried(case: Case) -> Iterator[Complaint]:
    """Retries that a slow answer sets off."""
    short = case.shortfalls["retries"]
    by_status = [word for word in short.evidence.text.split() if word in _STATUS]
    slow = (
        case.protocol == "long-poll"
        and "timeout" in short.evidence.text.split()
        and "upstream_idle_timeout" in case.shortfalls
        and short.sure
    )
    if not by_status and not slow:
        return
    when = f"by {by_status[0]}" if by_status else "when it takes long"
    yield Complaint(
        message=f"{case.title} {'is' if short.sure else 'may be'} sent to other servers {when}: {short.evidence.text}",
        why="Each try starts it anew, and counts as a failure of its server. Write `proxy_next_upstream error;` and wait long enough.",
        span=short.span,
    )
