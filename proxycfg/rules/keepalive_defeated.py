"""Pooled connections are never used again.

**What it sees.** An `upstream` with a `keepalive` of its own, and requests to it that end their connection: `Connection: close`, by default before
nginx 1.29.7 or by a map whose value for ordinary requests is `close`, or HTTP/1.0.

**Why it hurts.** Every poll, every prompt opens a connection, with TLS a handshake, although somebody set up a pool. Under load the ports run out.

**Instead.**

```nginx
proxy_http_version 1.1;
proxy_set_header Connection "";
```

with WebSockets in the same location a map of `$http_upgrade` whose value for `''` is `''`.

**When it is fine.** If only WebSockets go there.

**Measured.** Four requests took four connections with `close`, one without it (1.22, 1.26); a map with `close` defeats the pool on 1.30, too. Its
configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.reading import ReadRoute
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("keepalive", category=Category.KEEPALIVE, severity=Severity.WARNING)
def keepalive_defeated(tree: NginxTree) -> Iterator[Complaint]:
    """Pools that requests cannot come back to."""
    for view in tree.views:
        case = view.case
        if case.protocol == "websocket" and not case.stream.mixed:
            continue
        name, only_older = _defeats(case.route), False
        route = case.route
        if not name and case.older is not None:
            route, only_older = case.older, True
            name = _defeats(route)
        if not name:
            continue
        why = route.reading.evidence[name]
        wishes = ("upstream_connection_header",) if _says_close(case.route) or _says_close(route) else ()
        if route.reading.behavior.upstream_http_version.low == "1.0":
            wishes = (*wishes, "upstream_http_version")
        when = "on nginx older than 1.29.7, " if only_older else ""
        for group in view.groups:
            if group.pooled and group.directive is not None:
                yield Complaint(
                    message=f"{when}requests of {case.route.path} never use the kept connections of {group.directive.args[0]} again: {why.text}",
                    why="Each opens a new one. Write `proxy_http_version 1.1;` and `proxy_set_header Connection \"\";`, or a map with '' for ''.",
                    span=why.span or case.route.span,
                    related=(Related(group.directive.span, "keeps connections"),),
                    wishes=wishes if view.module == "proxy" else (),
                    case=case,
                )


def _defeats(route: ReadRoute) -> str:
    """The property by which connections end with each request; empty if they are kept."""
    if _says_close(route):
        return "upstream_connection_header"
    return "upstream_http_version" if route.reading.behavior.upstream_http_version.high == "1.0" else ""


def _says_close(route: ReadRoute) -> bool:
    return route.reading.behavior.upstream_connection_header.low.lower() == "close"
