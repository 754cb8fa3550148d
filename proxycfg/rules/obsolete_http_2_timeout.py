"""A timeout that nginx no longer reads.

**What it sees.** A config with a stream in it, and `http2_idle_timeout`, `http2_recv_timeout` or `http2_max_requests`, which nginx ignores since
1.19.7.

**Why it hurts.** What was meant to keep HTTP/2 connections open is without effect: the defaults are in force, 75 s and 1000 requests.

**Instead.**

```nginx
keepalive_timeout 10m;        # for http2_idle_timeout
client_header_timeout 30s;    # for http2_recv_timeout
keepalive_requests 10000;     # for http2_max_requests
```

**When it is fine.** On nginx before 1.19.7.

**Measured.** nginx warns at its start, and goes on. Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/CHANGES> (1.19.7)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_INSTEAD = {
    "http2_idle_timeout": "keepalive_timeout",
    "http2_recv_timeout": "client_header_timeout",
    "http2_max_requests": "keepalive_requests",
}


@idiom(
    "http2_recv_timeout",
    "http2_idle_timeout",
    "http2_max_requests",
    category=Category.KEEPALIVE,
    severity=Severity.WARNING,
)
def obsolete_http_2_timeout(tree: NginxTree) -> Iterator[Complaint]:
    """Directives that are only accepted."""
    for line in tree.walk(*_INSTEAD) if tree.cases else ():
        yield Complaint(
            message=f"`{line.source}` has no effect since nginx 1.19.7",
            why=f"Write {_INSTEAD[line.name]} in its place.",
            span=line.span,
            case=tree.surest,
        )
