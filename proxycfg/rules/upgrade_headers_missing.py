"""A WebSocket handshake loses its headers.

**What it sees.** A route that serves WebSockets, and no `Upgrade` or `Connection: upgrade` among the headers that it sends to the origin. Where an
outer block sets them and a `proxy_set_header` of the location drops that whole list, `inherited-headers-dropped` says so instead.

**Why it hurts.** Both headers concern one connection only, so nginx removes them. The origin sees an ordinary GET and answers 400 or 426; the
browser reports that the WebSocket is closed before the connection is established.

**Instead.**

```nginx
location /ws {
    proxy_pass http://app;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
}
```

Where the location serves plain requests, too, take `Connection` from a map of `$http_upgrade`.

**When it is fine.** Never, if clients of the route really open WebSockets. `Upgrade` alone, or beside `Connection keep-alive`, is copied from
guides around applications that have none, or that upgrade to something else and look at `Upgrade` only, so it is an info where neither path nor
application tells of WebSockets. A variable whose map is not at hand is taken to be right.

**Measured.** `tests/containers/`: a handshake that a stock config breaks, and a generated one passes. Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/websocket.html>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule
from proxycfg.rules._handshake import dropped_headers, is_about_headers, is_about_version, is_defined_elsewhere

if TYPE_CHECKING:
    from proxycfg.targets.nginx.read import Proxied


@route_rule("upgrade", category=Category.UPGRADE_HEADERS, severity=Severity.ERROR, protocols=("websocket",))
def upgrade_headers_missing(case: Case) -> Iterator[Complaint]:
    """A handshake that does not reach the origin, for want of headers."""
    short = case.shortfalls["upgrade"]
    proxied: Proxied = case.subject
    if not is_about_headers(case) or is_about_version(case) or dropped_headers(proxied, "upgrade", "connection"):
        return
    if not short.sure and is_defined_elsewhere(proxied):
        return
    yield Complaint(
        severity=Severity.INFO if _is_boilerplate(case) else Severity.ERROR if short.sure else Severity.WARNING,
        message=f"handshakes of {case.route.path} {short.will} not reach the origin as such: {short.evidence.text}",
        why="Upgrade and Connection end at each proxy unless they are set anew: the origin answers 400 or 426.",
        span=short.span,
        wishes=("upgrade",),
    )


def _is_boilerplate(case: Case) -> bool:
    """Whether it is a block that people copy around any application."""
    return case.stream.copied and case.stream.mixed and not case.stream.vouched
