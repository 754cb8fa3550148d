"""Each worker counts the connections of a server for itself.

**What it sees.** A stream behind an `upstream` with `max_conns` and without `zone`, and more than one worker.

**Why it hurts.** The limit holds for each worker: four workers open four times as many connections as was meant, and streams that one worker
refuses would fit on another.

**Instead.**

```nginx
upstream app {
    zone app 64k;
    server app-1:8000 max_conns=100;
}
```

**When it is fine.** With one worker.

**Measured.** Not shown here: which worker gets a connection is up to the kernel. nginx's documentation states that each counts for itself.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_upstream_module.html#max_conns>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("upstream", category=Category.CONNECTION_LIMITS, severity=Severity.INFO)
def max_conns_per_worker(tree: NginxTree) -> Iterator[Complaint]:
    """Limits that are multiplied."""
    if [line.args for line in tree.walk("worker_processes")] == [("1",)]:
        return
    for view in tree.views:
        for group in view.groups:
            if group.directive is not None and group.limited_by is not None and not group.shared:
                yield Complaint(
                    message=f"each worker counts for itself: {group.limited_by.source} in {group.directive.args[0]}",
                    why=f"More streams of {view.case.title} reach a server than it should hold. Write `zone {group.directive.args[0]} 64k;` there.",
                    span=group.limited_by.span,
                    case=view.case,
                )
