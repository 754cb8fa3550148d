"""A peer that vanished holds its stream for half a day.

**What it sees.** A route that streams, a read timeout of twelve hours or more, no TCP keepalive towards the origin, and no heartbeat that is known.

**Why it hurts.** A machine that loses its power, or a firewall that forgets a connection, sends no goodbye. Without keepalive nginx finds out when
the read timeout ends: until then the stream takes two connections of a worker, and its client waits.

**Instead.**

```nginx
proxy_socket_keepalive on;
listen 443 ssl so_keepalive=60s:10s:6;
```

**When it is fine.** If the application sends something regularly; say so: `# proxycfg: protocol=websocket heartbeat=30s`.

**Measured.** Kernel keepalive does not extend the read timeout (1.22, 1.26, 1.30). Not shown here: on a loopback interface no peer vanishes without a
word.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_socket_keepalive>,
<https://nginx.org/en/docs/http/ngx_http_core_module.html#listen>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.units import show_duration

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_LONG = 12 * 3600.0


@idiom("proxy_read_timeout", "grpc_read_timeout", category=Category.HALF_CLOSE, severity=Severity.INFO)
def half_open_connections(tree: NginxTree) -> Iterator[Complaint]:
    """Long patience, and nothing that notices a dead peer."""
    for view in tree.views:
        name = f"{view.module}_read_timeout"
        line, waits = view.line(name), view.seconds(name)
        if line is None or waits is None or waits < _LONG or view.case.heartbeat is not None:
            continue
        if view.module in {"proxy", "grpc"} and not view.on(f"{view.module}_socket_keepalive"):
            yield Complaint(
                message=f"an origin of {view.case.title} that vanishes holds its streams for {show_duration(waits)}: {line.source}",
                why=f"Write `{view.module}_socket_keepalive on;`, and so_keepalive on the listen for clients that vanish.",
                span=line.span,
                case=view.case,
                fix=view.set(f"{view.module}_socket_keepalive", "on"),
            )
