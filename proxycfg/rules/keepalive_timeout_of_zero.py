"""Every HTTP/2 connection ends after one stream.

**What it sees.** A server that speaks HTTP/2, with `keepalive_timeout 0`, and a stream in it.

**Why it hurts.** For HTTP/2 it means that a connection without open requests is closed at once: every call, every reconnect, opens a connection and
a TLS handshake anew.

**Instead.**

```nginx
keepalive_timeout 75s;
```

**When it is fine.** For HTTP/1.1 clients that open no second request.

**Measured.** Open streams are not affected (1.22, 1.26, 1.30); the connection of a client was closed after each answer (1.26, 1.30). Its configs show
it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#keepalive_timeout>, `src/http/v2/ngx_http_v2.c`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("keepalive_timeout", category=Category.KEEPALIVE, severity=Severity.WARNING)
def keepalive_timeout_of_zero(tree: NginxTree) -> Iterator[Complaint]:
    """Servers that keep no HTTP/2 connection."""
    for view in tree.views:
        lines = view.server.level.in_force.get("keepalive_timeout", ())
        if lines and lines[0].args[:1] in {("0",), ("0s",)} and "2" in view.case.value("client_http_versions").low:
            yield Complaint(
                message=f"HTTP/2 clients of {view.case.title} open a connection for every request: {lines[0].source}",
                why="It closes a connection as soon as no request is open on it. Write 75s.",
                span=lines[0].span,
                case=view.case,
            )
