"""Nobody waits so long for a connection.

**What it sees.** A route that streams, and a connect timeout of more than 75 s, often because all timeouts of a recipe were set alike.

**Why it hurts.** It is about reaching the origin, not about the stream: systems give up after about 75 s anyway, and until then a client waits for
a server that is gone.

**Instead.**

```nginx
proxy_connect_timeout 5s;
```

**When it is fine.** For origins that start on demand and take so long.

**Measured.** Clients of an origin that takes no connection waited for more than a minute; with 5 s they had a 504 in time (1.22, 1.26, 1.30). Its
configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_connect_timeout>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.rules._modules import settings

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_MOST = 75.0
"""Seconds: what nginx's documentation calls the usual limit."""


@idiom(*settings("connect_timeout"), category=Category.CONNECT_TIMEOUT, severity=Severity.INFO)
def connect_timeout_too_long(tree: NginxTree) -> Iterator[Complaint]:
    """Patience with servers that are gone."""
    for view in tree.views:
        name = f"{view.module}_connect_timeout"
        line = view.line(name)
        waits = view.seconds(name)
        if line is not None and waits is not None and waits > _MOST:
            yield Complaint(
                message=f"`{line.source}` makes clients of {view.case.title} wait for a server that is gone",
                why="It does not keep streams open; systems give up after about 75 s anyway. Write 5s.",
                span=line.span,
                case=view.case,
                fix=view.set(name, "5s"),
            )
