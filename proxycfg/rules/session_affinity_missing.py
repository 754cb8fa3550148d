"""A session's requests land on servers that do not know it.

**What it sees.** A path of Socket.IO, Engine.IO, SockJS or SignalR behind several servers that are chosen by turns; or a spec that asks for
affinity.

**Why it hurts.** Before the socket opens these speak by several HTTP requests, all of which must reach the server that has the session. By turns
every second one fails: 400 "Session ID unknown", and the client falls back, reconnects, and flaps.

**Instead.**

```nginx
upstream chat {
    ip_hash;                      # or: hash $cookie_session consistent;
    server chat-1:3000;
    server chat-2:3000;
}
```

**When it is fine.** If clients are told to use WebSocket alone.

**Measured.** The same client came to one server and then to the other (1.22, 1.26, 1.30); that libraries cannot live with it is in their
documentation. Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://socket.io/docs/v4/using-multiple-nodes/>, <https://learn.microsoft.com/aspnet/core/signalr/scale>,
<https://nginx.org/en/docs/http/ngx_http_upstream_module.html#ip_hash>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_SESSIONS = ("socket.io", "engine.io", "sockjs", "signalr", "/hub", "hub/", "/hubs")


@idiom("upstream", category=Category.SESSION_AFFINITY, severity=Severity.ERROR)
def session_affinity_missing(tree: NginxTree) -> Iterator[Complaint]:
    """Groups without affinity behind paths that need it."""
    for view in tree.views:
        asked = view.case.shortfalls.get("session_affinity")
        needs = view.case.protocol in {"websocket", "long-poll"} and any(
            each in view.case.route.path.lower() for each in _SESSIONS
        )
        if not needs and asked is None:
            continue
        for group in view.groups:
            if (
                group.directive is None
                or group.servers.low < _SEVERAL
                or (asked is None and group.affinity.high != "none")
            ):
                continue
            yield Complaint(
                severity=Severity.ERROR if asked is not None and asked.sure else Severity.WARNING,
                message=f"requests of a session of {view.case.route.path} are spread over the servers of {group.directive.args[0]}",
                why="A server that does not know the session answers 400. Write `ip_hash;` or `hash $cookie_… consistent;` in the upstream.",
                span=group.directive.span,
                case=view.case,
            )


_SEVERAL = 2
