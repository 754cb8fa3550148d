"""Old workers stay for as long as their streams.

**What it sees.** A whole config with a stream in it and ten thousand or more `worker_connections`, and no `worker_shutdown_timeout`.

**Why it hurts.** At a reload old workers wait for their last request. With streams that is hours, and after some reloads the memory is full of old
workers, which also still use the old configuration.

**Instead.**

```nginx
worker_shutdown_timeout 5m;
```

**When it is fine.** If reloads are rare.

**Measured.** Old workers lived as long as their streams; with the setting they ended in time: `tests/containers/`. Its configs show it in
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


_MANY = 10000
"""Connections: who sets this much expects streams to be many."""


@idiom("worker_connections", category=Category.OPERATIONS, severity=Severity.INFO)
def shutdown_timeout_missing(tree: NginxTree) -> Iterator[Complaint]:
    """Whole configs without an end for old workers."""
    if tree.surest is None or any(True for _ in tree.walk("worker_shutdown_timeout")):
        return
    for line in tree.walk("worker_connections"):
        if line.args and line.args[0].isdigit() and int(line.args[0]) >= _MANY:
            yield Complaint(
                message=f"after a reload old workers stay until their last stream ends, beside new ones of as many connections: {line.source}",
                why="Some reloads fill the memory. Write `worker_shutdown_timeout 5m;` at the top.",
                span=line.span,
                case=tree.surest,
            )
