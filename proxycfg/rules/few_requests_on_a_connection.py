"""Connections of gRPC clients end after few calls.

**What it sees.** A gRPC route in a server with a `keepalive_requests` below 1000, the default since nginx 1.19.10.

**Why it hurts.** Each call counts. After so many nginx sends GOAWAY, and the client connects anew: latency every few seconds, and UNAVAILABLE in
clients that do not retry.

**Instead.**

```nginx
keepalive_requests 100000;
```

**When it is fine.** If clients make few calls.

**Measured.** Open streams are not cut by it (1.22, 1.26, 1.30); a connection was closed after a hundred calls (1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#keepalive_requests>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_DEFAULT = 1000


@idiom("keepalive_requests", category=Category.KEEPALIVE, severity=Severity.WARNING)
def few_requests_on_a_connection(tree: NginxTree) -> Iterator[Complaint]:
    """Limits below what nginx itself has."""
    for view in tree.views:
        lines = view.server.level.in_force.get("keepalive_requests", ())
        if (
            view.case.protocol == "grpc"
            and lines
            and lines[0].args
            and lines[0].args[0].isdigit()
            and int(lines[0].args[0]) < _DEFAULT
        ):
            yield Complaint(
                message=f"clients of {view.case.title} connect anew every {lines[0].args[0]} calls: {lines[0].source}",
                why="nginx sends GOAWAY, which some clients report as UNAVAILABLE. Write 100000.",
                span=lines[0].span,
                case=view.case,
            )
