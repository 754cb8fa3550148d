"""A POST may reach two servers.

**What it sees.** A route that streams, `non_idempotent` among the conditions of `proxy_next_upstream`, and a second server, or a kept connection,
to try.

**Why it hurts.** A prompt that takes longer than the read timeout, or whose server drops the connection, is sent once more to the next server:
generated twice, billed twice, booked twice.

**Instead.**

```nginx
proxy_next_upstream error timeout;
```

**When it is fine.** If every POST of the route carries a key that makes the application do it only once.

**Measured.** With `non_idempotent` a slow POST, and a dropped one, arrived at two servers on 1.22, 1.26 and 1.30; by default at one. Its configs show
it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_next_upstream>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule("retries_non_idempotent", category=Category.RETRIES, severity=Severity.ERROR)
def post_sent_twice(case: Case) -> Iterator[Complaint]:
    """Retries that do not spare what has effects."""
    short = case.shortfalls["retries_non_idempotent"]
    yield Complaint(
        severity=Severity.ERROR if short.sure else Severity.WARNING,
        message=f"a POST of {case.title} {short.will} be sent to a second server: {short.evidence.text}",
        why="What it asks for is done, and paid for, twice. Leave `non_idempotent` out.",
        span=short.span,
        wishes=("retries_non_idempotent",),
    )
