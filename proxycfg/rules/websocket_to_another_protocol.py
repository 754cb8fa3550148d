"""A WebSocket goes to a server that has none.

**What it sees.** A route that serves WebSockets, and a `fastcgi_pass`, `memcached_pass` or `grpc_pass`.

**Why it hurts.** Those modules never answer 101: the handshake gets whatever the script says, and the browser an error.

**Instead.** A `proxy_pass` to the server that speaks WebSocket.

**When it is fine.** Never.

**Measured.** No handshake passed (1.22, 1.26, 1.30): the modules have no code for it (`src/http/modules/`). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/websocket.html>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule("upgrade", category=Category.PROTOCOL_MISMATCH, severity=Severity.ERROR, protocols=("websocket",))
def websocket_to_another_protocol(case: Case) -> Iterator[Complaint]:
    """A handshake that nobody can accept."""
    handler = case.subject.location.handler
    if handler is None or handler.name in {"proxy_pass", "uwsgi_pass", "scgi_pass"}:
        return
    yield Complaint(
        message=f"handshakes of {case.route.path} go to `{handler.source}`, which has no WebSocket",
        why="That module never answers 101. Hand the path to the server that speaks WebSocket, by proxy_pass.",
        span=handler.span,
    )
