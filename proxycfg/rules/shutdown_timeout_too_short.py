"""Every reload cuts every stream.

**What it sees.** A whole config with a stream in it, and a `worker_shutdown_timeout` below 30 s.

**Why it hurts.** A reload ends all streams within that time, all at once, and all clients reconnect together; answers that were being generated are
lost.

**Instead.**

```nginx
worker_shutdown_timeout 5m;
```

**When it is fine.** If clients resume where they were, and spread their reconnects.

**Measured.** Streams were cut at the end of that time after a reload (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/ngx_core_module.html#worker_shutdown_timeout>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_SHORT = 30.0


@idiom("worker_shutdown_timeout", category=Category.OPERATIONS, severity=Severity.WARNING)
def shutdown_timeout_too_short(tree: NginxTree) -> Iterator[Complaint]:
    """Little time for streams to end."""
    for line in tree.walk("worker_shutdown_timeout") if tree.cases else ():
        lasts = tree.seconds(line)
        if lasts is not None and lasts < _SHORT:
            yield Complaint(
                message=f"every reload cuts every stream within {lasts:g} s: {line.source}",
                why="All clients then reconnect at once. Write 5m.",
                span=line.span,
                case=tree.surest,
            )
