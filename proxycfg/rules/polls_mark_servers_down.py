"""Slow answers mark healthy servers as down.

**What it sees.** A long-poll route behind several servers, whose read timeout is below the longest wait, with `max_fails` as it is.

**Why it hurts.** A poll that is still waiting when the timer ends counts as a failure of its server. One failure suffices: for ten seconds no
request goes there, and when all servers are marked every client gets an instant 502.

**Instead.**

```nginx
server app-1:8000 max_fails=0;
proxy_read_timeout 2m;
```

**When it is fine.** If answers always come before the read timeout.

**Measured.** After one poll that timed out on both servers another request got an instant 502; a single server is never marked (1.22, 1.26, 1.30).
Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_upstream_module.html#max_fails>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree
    from proxycfg.targets.nginx.syntax import Directive


@idiom("upstream", category=Category.RETRIES, severity=Severity.WARNING)
def polls_mark_servers_down(tree: NginxTree) -> Iterator[Complaint]:
    """Groups whose servers a poll can disable."""
    for view in tree.views:
        if view.case.protocol != "long-poll" or "upstream_idle_timeout" not in view.case.shortfalls:
            continue
        for group in view.groups:
            if group.directive is not None and group.servers.low > 1 and not _forgiving(group.directive):
                yield Complaint(
                    message=f"polls of {view.case.route.path} beyond the read timeout mark servers of {group.directive.args[0]} as down",
                    why="For ten seconds nothing goes there, and with all marked every client gets 502. Write max_fails=0, and wait longer.",
                    span=group.directive.span,
                    case=view.case,
                )


def _forgiving(upstream: Directive) -> bool:
    servers = [line for line in upstream.block or () if line.name == "server"]
    return all("max_fails=0" in line.args for line in servers)
