"""Streams are dealt out by turns, however many a server has.

**What it sees.** A stream that goes to several servers by turns, which is the default.

**Why it hurts.** A stream stays where it is. After one server restarts the others hold its streams, and it gets no more than its turn: uneven for
hours.

**Instead.**

```nginx
upstream app {
    zone app 64k;
    least_conn;
    server app-1:8000;
    server app-2:8000;
}
```

**When it is fine.** For short streams.

**Measured.** When the streams of one server had ended, new ones went to both all the same; with `least_conn` to the one without any (1.22, 1.26,
1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_upstream_module.html#least_conn>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_SEVERAL = 2


@idiom("upstream", category=Category.OPERATIONS, severity=Severity.INFO)
def streams_spread_by_turns(tree: NginxTree) -> Iterator[Complaint]:
    """Groups without a method."""
    for view in tree.views:
        for group in view.groups:
            if (
                group.directive is not None
                and group.servers.low >= _SEVERAL
                and group.chosen_by is None
                and not view.has_method(group)
            ):
                yield Complaint(
                    message=f"streams of {view.case.title} are dealt out to {group.directive.args[0]} by turns",
                    why="They stay where they are, so that a server which was away stays idle. Write `least_conn;`.",
                    span=group.directive.span,
                    case=view.case,
                )
