"""A handshake without the slash is redirected.

**What it sees.** A location for WebSockets that is a prefix with a slash at its end, and none for the path without it.

**Why it hurts.** nginx answers such a request with 301 to the path with a slash. WebSocket clients do not follow redirects; behind another proxy
that has TLS it even leads to `http://`.

**Instead.**

```nginx
location /ws { … }
```

**When it is fine.** If every client has the slash, as the libraries of Socket.IO do.

**Measured.** Asked for `/ws`, `location /ws/` answered 301 and the WebSocket failed (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#location>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_WITH_SLASH = ("socket.io", "engine.io", "sockjs", "signalr")


@idiom("location", category=Category.LOCATION_SHADOWED, severity=Severity.INFO)
def slash_redirect(tree: NginxTree) -> Iterator[Complaint]:
    """Prefixes that answer their own stem with 301."""
    for view in tree.views:
        place = view.location
        if (
            view.case.protocol != "websocket"
            or place.kind not in {"prefix", "no-regex"}
            or place.name == "/"
            or not place.name.endswith("/")
        ):
            continue
        if (
            any(each in place.name for each in _WITH_SLASH)
            or view.case.stream.mixed
            or not view.redirects(place.name[:-1])
        ):
            continue
        yield Complaint(
            message=f"a handshake for {place.name[:-1]} is answered with 301, which WebSocket clients do not follow",
            why=f"Write `location {place.name[:-1]}`, or see to it that every client has the slash.",
            span=place.directive.span,
            case=view.case,
        )
