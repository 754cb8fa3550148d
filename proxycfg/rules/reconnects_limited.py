"""After a restart most clients are turned away.

**What it sees.** A route that streams, and a `limit_req` without `burst`.

**Why it hurts.** A deployment ends all streams at once, and all clients come back within seconds, many from one address. Without a burst every
second request within the interval is answered with 503.

**Instead.**

```nginx
limit_req zone=clients burst=50 nodelay;
```

**When it is fine.** If the key tells users apart, and each has one stream.

**Measured.** Of thirty requests at once most were answered with 503 (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_limit_req_module.html#limit_req>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("limit_req", category=Category.CONNECTION_LIMITS, severity=Severity.WARNING)
def reconnects_limited(tree: NginxTree) -> Iterator[Complaint]:
    """Rates without room for a crowd."""
    for view in tree.views:
        for line in view.lines("limit_req"):
            if (
                line.args
                and not any(word.startswith("burst=") for word in line.args)
                and not view.on("limit_req_dry_run")
            ):
                yield Complaint(
                    message=f"clients of {view.case.title} that reconnect together are answered with 503: {line.source}",
                    why="After a deployment they all do. Write `burst=50 nodelay` behind the zone.",
                    span=line.span,
                    case=view.case,
                    fix=view.append(line, "burst=50 nodelay"),
                )
