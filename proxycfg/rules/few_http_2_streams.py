"""Streams queue up on their connection.

**What it sees.** A server with a stream in it, and an `http2_max_concurrent_streams` below 32.

**Why it hurts.** A browser opens one HTTP/2 connection for all its tabs, a gRPC client one for all its calls. Beyond the limit requests wait for a
stream to end, without an error, for as long as it lives.

**Instead.**

```nginx
http2_max_concurrent_streams 128;
```

**When it is fine.** If clients open few streams each.

**Measured.** With a limit of 2 the third and the fourth stream waited until one had ended (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_v2_module.html#http2_max_concurrent_streams>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_FEW = 32


@idiom(
    "http2_max_concurrent_streams",
    "http3_max_concurrent_streams",
    category=Category.CONNECTION_LIMITS,
    severity=Severity.WARNING,
)
def few_http_2_streams(tree: NginxTree) -> Iterator[Complaint]:
    """Limits that long-lived streams use up."""
    for view in tree.views:
        for name in ("http2_max_concurrent_streams", "http3_max_concurrent_streams"):
            for line in view.server.level.in_force.get(name, ()):
                if line.args and line.args[0].isdigit() and int(line.args[0]) < _FEW:
                    yield Complaint(
                        message=f"request {int(line.args[0]) + 1} on a connection waits until a stream ends: {line.source}",
                        why=f"{view.case.title} holds its streams for long, and clients put all on one connection. Write 128.",
                        span=line.span,
                        case=view.case,
                    )
