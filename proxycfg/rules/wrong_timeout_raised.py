"""The timeout that was raised does not matter for silence.

**What it sees.** A route that streams, whose own block raises `proxy_send_timeout`, `send_timeout` or `keepalive_timeout` beyond five minutes, and
leaves the read timeout as it is.

**Why it hurts.** `proxy_send_timeout` and `send_timeout` run only while the other side takes nothing, `keepalive_timeout` only between requests.
None of them ends a silent stream; the read timeout does, after 60 s.

**Instead.**

```nginx
proxy_read_timeout 1h;
```

**When it is fine.** If a slow reader was meant.

**Measured.** With each of them at 1 s, silent streams and sockets lived on; with `proxy_read_timeout 2s` they were cut (1.22, 1.26, 1.30). Its
configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_send_timeout>,
<https://nginx.org/en/docs/http/ngx_http_core_module.html#send_timeout>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_LONG = 300.0


@idiom(
    "proxy_send_timeout",
    "grpc_send_timeout",
    "send_timeout",
    "keepalive_timeout",
    category=Category.SEND_TIMEOUT,
    severity=Severity.WARNING,
)
def wrong_timeout_raised(tree: NginxTree) -> Iterator[Complaint]:
    """Patience in the wrong place."""
    for view in tree.views:
        reading = view.seconds(f"{view.module}_read_timeout")
        if (
            reading is None
            or reading >= _LONG
            or view.lines(f"{view.module}_read_timeout")
            or not view.case.stream.silent
        ):
            continue
        for name in (f"{view.module}_send_timeout", "send_timeout", "keepalive_timeout"):
            raised = view.seconds(name)
            if view.own(name) and raised is not None and raised >= _LONG:
                line = view.own(name)[0]
                yield Complaint(
                    message=f"`{line.source}` does not keep {view.case.title} open: it does not count silence",
                    why=f"What cuts a silent stream is the read timeout, here {reading:g} s. Write `{view.module}_read_timeout 1h;`.",
                    span=line.span,
                    case=view.case,
                    fix=view.set(f"{view.module}_read_timeout", "1h"),
                )
