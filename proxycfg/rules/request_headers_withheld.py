"""The origin does not see what the client says.

**What it sees.** A route that streams, and `proxy_pass_request_headers off`.

**Why it hurts.** Authorization, cookies, `Last-Event-ID` for resuming, and the key of a handshake are lost.

**Instead.**

```nginx
proxy_pass_request_headers on;
```

**When it is fine.** If every header that is needed is set anew.

**Measured.** No header of the client arrived, `Last-Event-ID` among them (1.22, 1.26, 1.30); a handshake without its key is refused. Its configs show
it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass_request_headers>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("proxy_pass_request_headers", category=Category.FORWARDED_HEADERS, severity=Severity.WARNING)
def request_headers_withheld(tree: NginxTree) -> Iterator[Complaint]:
    """Streams whose clients are mute."""
    for view in tree.views:
        line = view.line(f"{view.module}_pass_request_headers")
        if line is not None and line.args[0] == "off" and view.case.protocol != "websocket":
            yield Complaint(
                message=f"the origin of {view.case.title} sees none of the client's headers: {line.source}",
                why="Authorization, cookies and Last-Event-ID are lost. Remove the line where it streams.",
                span=line.span,
                case=view.case,
                fix=view.set(line.name, "on"),
            )
