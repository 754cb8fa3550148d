"""A worker holds few streams.

**What it sees.** A whole config with a stream in it, and `worker_connections` of 1024 or less.

**Why it hurts.** A stream takes two connections of a worker, one to its client and one to the origin, for as long as it lives: 1024 hold some 500
streams. Beyond that clients are dropped.

**Instead.**

```nginx
worker_rlimit_nofile 65536;
events { worker_connections 16384; }
```

**When it is fine.** With few clients.

**Measured.** Streams beyond half the number were dropped (1.22, 1.26, 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/ngx_core_module.html#worker_connections>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Confidence, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_FEW = 1024


@idiom("worker_connections", category=Category.CONNECTION_LIMITS, severity=Severity.INFO)
def worker_connections_low(tree: NginxTree) -> Iterator[Complaint]:
    """Workers that a few hundred streams fill."""
    sure = tree.surest
    if sure is None or sure.stream.confidence is Confidence.INFERRED or tree.config.context != "main":
        return
    for line in tree.walk("worker_connections"):
        if line.args and line.args[0].isdigit() and int(line.args[0]) <= _FEW:
            yield Complaint(
                message=f"a worker holds {int(line.args[0]) // 2} streams: {line.source}",
                why="Each takes two connections for as long as it lives. Write 16384, with worker_rlimit_nofile above it.",
                span=line.span,
                case=sure,
            )
