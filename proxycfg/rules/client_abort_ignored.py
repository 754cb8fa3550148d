"""The origin does not learn that its client has left.

**What it sees.** A route that streams, with `proxy_ignore_client_abort on`, or a `proxy_store` that wants the whole answer.

**Why it hurts.** A closed tab, an aborted generation: nginx keeps the connection to the origin, which goes on working, and is billed for tokens,
for nobody. Of a silent stream it learns nothing until the read timeout.

**Instead.**

```nginx
proxy_ignore_client_abort off;
```

**When it is fine.** If a request must be finished whatever its client does.

**Measured.** By default the origin learns of it within 50 ms; with the setting not within three seconds of silence (1.22, 1.26, 1.30). Its configs
show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ignore_client_abort>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule("abort_propagates", category=Category.OPERATIONS, severity=Severity.WARNING)
def client_abort_ignored(case: Case) -> Iterator[Complaint]:
    """Origins that go on for nobody."""
    short = case.shortfalls["abort_propagates"]
    if "_cache" in short.evidence.text:
        # What a cache does to streams, another rule says.
        return
    yield Complaint(
        severity=Severity.WARNING if short.sure else Severity.INFO,
        message=f"the origin behind {case.title} {'does' if short.sure else 'may'} not learn that a client left: {short.evidence.text}",
        why="It goes on generating for nobody. Remove the setting where it streams.",
        span=short.span,
        wishes=("abort_propagates",) if "ignore_client_abort" in short.evidence.text else (),
    )
