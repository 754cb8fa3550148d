"""A client may not open many streams.

**What it sees.** A route that streams, and a `limit_conn` of at most ten for each client.

**Why it hurts.** Every tab holds a stream, every stream of HTTP/2 counts as a connection, and behind one address are a whole office or a mobile
network. Beyond the limit nginx answers 503, on which an EventSource gives up for good.

**Instead.** A zone of its own for the streams, with room: `limit_conn streams 100;`.

**When it is fine.** If the key tells users apart, and each needs few streams.

**Measured.** Streams beyond the limit were answered with 503 (1.22, 1.26, 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_limit_conn_module.html#limit_conn>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_FEW = 10


@idiom("limit_conn", category=Category.CONNECTION_LIMITS, severity=Severity.WARNING)
def connection_limit_low(tree: NginxTree) -> Iterator[Complaint]:
    """Limits that tabs can reach."""
    for view in tree.views:
        if view.on("limit_conn_dry_run"):
            continue
        for line in view.lines("limit_conn"):
            zone, most, *_ = [*line.args, "", ""]
            if most.isdigit() and int(most) <= _FEW and view.is_per_client("limit_conn_zone", zone):
                yield Complaint(
                    message=f"a client, or an office behind one address, may open {most} streams of {view.case.title}: {line.source}",
                    why="Every tab holds one, and more are answered with 503. Give streams a zone of their own, with room.",
                    span=line.span,
                    case=view.case,
                )
