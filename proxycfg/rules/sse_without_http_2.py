"""The seventh tab hangs.

**What it sees.** A server with TLS whose listeners do not speak HTTP/2, and server-sent events for browsers in it.

**Why it hurts.** Browsers open at most six HTTP/1.1 connections to a host, in all tabs together, and each EventSource holds one. The next request,
of whatever kind, waits.

**Instead.**

```nginx
http2 on;
```

**When it is fine.** If no browser opens event streams there; APIs of language models are asked by programs.

**Measured.** Without the line nothing but HTTP/1.1 is offered (1.26, 1.30); the limit of six connections is the browsers'. Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://developer.mozilla.org/en-US/docs/Web/API/EventSource>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("ssl_certificate", category=Category.CONNECTION_LIMITS, severity=Severity.INFO)
def sse_without_http_2(tree: NginxTree) -> Iterator[Complaint]:
    """Event streams that use up a browser's connections."""
    for view in tree.views:
        served = view.case.value("client_http_versions")
        secure = any(listen.ssl for listen in view.server.listens)
        prompts = view.case.route.path.rstrip("/$").endswith(("completions", "messages", "responses", "mcp"))
        if view.case.protocol == "sse" and secure and not prompts and served.high == frozenset({"1.1"}):
            yield Complaint(
                message=f"browsers have six connections for all their event streams of {view.case.title}",
                why="Without HTTP/2 the seventh tab hangs. Write `http2 on;` in the server.",
                span=view.server.directive.span,
                case=view.case,
            )
