"""A rate limit meets a stream.

**What it sees.** A route that streams, and a `limit_rate` or `proxy_limit_rate` in force.

**Why it hurts.** Where the stream is buffered, its headers and events trickle: below some kilobytes a second they arrive seconds late, and a
handshake may not arrive at all. Where it is not buffered the limit has no effect whatever, which may surprise who relies on it.

**Instead.**

```nginx
limit_rate 0;
```

**When it is fine.** If the limit is far above what the stream sends.

**Measured.** Unbuffered streams ran at full speed under `limit_rate 100`; buffered ones came up to 4.4 s late under `proxy_limit_rate 100` (1.22,
1.26, 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#limit_rate>,
<https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_limit_rate>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("limit_rate", "proxy_limit_rate", category=Category.RESPONSE_BUFFERING, severity=Severity.WARNING)
def stream_rate_limited(tree: NginxTree) -> Iterator[Complaint]:
    """Limits that are in force where something streams."""
    for view in tree.views:
        if view.case.protocol == "grpc":
            continue
        for name in ("limit_rate", f"{view.module}_limit_rate"):
            line = view.line(name)
            if line is None or line.args[0].strip("kKmMgG") == "0" or "$" in line.args[0]:
                continue
            buffered = view.case.value("response_buffering").low and view.case.protocol != "websocket"
            yield Complaint(
                severity=Severity.WARNING if buffered else Severity.INFO,
                message=f"`{line.source}` {'delays' if buffered else 'does nothing to'} {view.case.title}",
                why="Its events trickle. Write `limit_rate 0;` where it streams."
                if buffered
                else "What is not buffered is not limited.",
                span=line.span,
                case=view.case,
                fix=view.set(name, "0") if buffered else None,
            )
