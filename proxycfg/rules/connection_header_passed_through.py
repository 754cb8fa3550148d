"""Clients decide about connections that are not theirs.

**What it sees.** A route that streams, and `proxy_set_header Connection $http_connection`.

**Why it hurts.** The header is about one hop. Passed on, a client that says `close` makes nginx open a connection to the origin for each of its
requests, and one that lists other headers there has some origins drop them.

**Instead.**

```nginx
map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
proxy_set_header Connection $connection_upgrade;
```

**When it is fine.** For origins that nobody else shares.

**Measured.** The client's own value arrived at the origin; WebSockets work (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://www.rfc-editor.org/rfc/rfc9110#name-connection>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("proxy_set_header", category=Category.HARDENING, severity=Severity.INFO)
def connection_header_passed_through(tree: NginxTree) -> Iterator[Complaint]:
    """The client's Connection, sent on."""
    for view in tree.views:
        for line in view.lines("proxy_set_header"):
            if [word.lower() for word in line.args] == ["connection", "$http_connection"]:
                yield Complaint(
                    message=f"clients of {view.case.title} decide about nginx's connections to the origin: {line.source}",
                    why="The header is about one hop. Take the value from a map of $http_upgrade whose value for '' is ''.",
                    span=line.span,
                    case=view.case,
                )
