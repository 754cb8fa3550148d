"""Ordinary requests ask for an upgrade, too.

**What it sees.** A location through which WebSockets and ordinary requests go, with a constant `Connection "upgrade"`.

**Why it hurts.** Each request tells the origin that it wants to switch protocols, without saying to which. Most servers shrug; some answer 400 or
426, and it hides from logs which requests are sockets.

**Instead.**

```nginx
map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
proxy_set_header Connection $connection_upgrade;
```

**When it is fine.** In a location of its own for the socket.

**Measured.** Ordinary requests and event streams passed, with the header, and pooled connections were used again (1.22, 1.26, 1.30). Its configs show
it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/websocket.html>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("proxy_set_header", category=Category.CONNECTION_HEADER, severity=Severity.INFO)
def connection_header_hard_coded(tree: NginxTree) -> Iterator[Complaint]:
    """A constant where a map belongs."""
    for view in tree.views:
        if view.case.protocol != "websocket" or not view.case.stream.mixed:
            continue
        for line in view.lines("proxy_set_header"):
            if [word.lower() for word in line.args] == ["connection", "upgrade"]:
                yield Complaint(
                    message=f"ordinary requests of {view.case.route.path} ask for an upgrade, too: {line.source}",
                    why="Some servers answer 400 or 426. Take the value from a map of $http_upgrade whose value for '' is ''.",
                    span=line.span,
                    wishes=("upstream_connection_header",) if view.is_own(line) else (),
                    case=view.case,
                )
