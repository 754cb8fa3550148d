"""The application sees another host than the browser.

**What it sees.** A route that serves WebSockets, and no `proxy_set_header Host`, so that the origin sees the name in `proxy_pass`.

**Why it hurts.** Browsers send `Origin` with every handshake, and servers compare it with `Host` to keep strange pages out. With `Host: backend`
the two never agree: 403. Applications that are known to compare (Action Cable, Jupyter, Phoenix, Grafana) make it a warning, others a note.

**Instead.**

```nginx
proxy_set_header Host $http_host;
```

**When it is fine.** If the application does not look at Origin, or has a list of its own.

**Measured.** The name of the upstream, or address and port, arrived as Host (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header>, <https://www.rfc-editor.org/rfc/rfc6455#section-10.2>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_COMPARE = ("/cable", "/api/kernels", "/terminals", "/socket/websocket", "/live/websocket", "/api/live", "/_stcore")


@idiom("proxy_pass", category=Category.ORIGIN_CHECK, severity=Severity.WARNING)
def websocket_origin_mismatch(tree: NginxTree) -> Iterator[Complaint]:
    """Handshakes with a Host of nginx's own making."""
    for view in tree.views:
        if (
            view.case.protocol != "websocket"
            or view.module != "proxy"
            or view.handler is None
            or view.header("host") is not None
        ):
            continue
        if view.is_foreign:
            # Another site wants its own name.
            continue
        knows = any(path in view.case.route.path for path in _COMPARE)
        yield Complaint(
            severity=Severity.WARNING if knows else Severity.INFO,
            message=f"handshakes of {view.case.route.path} reach the origin with a Host that no browser sent: {view.handler.source}",
            why="Servers that compare it with Origin answer 403. Write `proxy_set_header Host $http_host;`.",
            span=view.handler.span,
            case=view.case,
        )
