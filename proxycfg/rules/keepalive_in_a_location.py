"""A location cannot keep an HTTP/2 connection.

**What it sees.** A location that streams, with a `keepalive_timeout`, `keepalive_requests` or `keepalive_time` of its own, in a server that speaks
HTTP/2.

**Why it hurts.** A connection of HTTP/2 carries requests of many locations, so nginx reads these settings of the server alone: in the location they
do nothing for such clients.

**Instead.** The same line in the server.

**When it is fine.** For HTTP/1.1 clients.

**Measured.** Without effect on HTTP/2 connections (1.22 and newer). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** `src/http/v2/ngx_http_v2.c`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("keepalive_timeout", "keepalive_requests", "keepalive_time", category=Category.KEEPALIVE, severity=Severity.INFO)
def keepalive_in_a_location(tree: NginxTree) -> Iterator[Complaint]:
    """Settings of connections, in a block for requests."""
    for view in tree.views:
        for name in ("keepalive_timeout", "keepalive_requests", "keepalive_time"):
            for line in view.own(name):
                if "2" in view.case.value("client_http_versions").low:
                    yield Complaint(
                        message=f"`{line.source}` does nothing for HTTP/2 clients of {view.case.title}",
                        why="nginx reads it of the server alone: move it there.",
                        span=line.span,
                        case=view.case,
                    )
