"""A worker may open fewer files than connections.

**What it sees.** A whole config with a stream in it, and a `worker_rlimit_nofile` below `worker_connections`.

**Why it hurts.** Every connection is an open file. At the lower of the two numbers a worker stops accepting: "too many open files".

**Instead.**

```nginx
worker_rlimit_nofile 65536;
events { worker_connections 32768; }
```

**When it is fine.** Never.

**Measured.** nginx itself warns of it at its start. Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/ngx_core_module.html#worker_rlimit_nofile>, `src/event/ngx_event.c`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("worker_rlimit_nofile", category=Category.OPERATIONS, severity=Severity.WARNING)
def open_files_low(tree: NginxTree) -> Iterator[Complaint]:
    """Two limits that contradict each other."""
    connections = [
        int(line.args[0]) for line in tree.walk("worker_connections") if line.args and line.args[0].isdigit()
    ]
    for line in tree.walk("worker_rlimit_nofile") if tree.cases and connections else ():
        if line.args and line.args[0].isdigit() and int(line.args[0]) < connections[0]:
            yield Complaint(
                message=f"a worker may open {line.args[0]} files, and is to hold {connections[0]} connections: {line.source}",
                why="Each is a file: beyond that it accepts nobody. Write twice the number of connections.",
                span=line.span,
                case=tree.surest,
            )
