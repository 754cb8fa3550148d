"""Every WebSocket holds large buffers.

**What it sees.** A route that serves WebSockets, and a `proxy_buffer_size` of 64 KiB or more.

**Why it hurts.** A tunnel keeps two such buffers for as long as it lives: 128k are 2.5 GB for ten thousand sockets that are idle.

**Instead.**

```nginx
proxy_buffer_size 8k;
```

in the location of the sockets; the large one where large headers come from.

**When it is fine.** With few sockets.

**Measured.** Not shown here: nothing fails before memory is used up, and how much that is follows from the source.

**Sources.** `src/http/ngx_http_upstream.c`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.units import show_size

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_LARGE = 64 * 1024


@idiom("proxy_buffer_size", category=Category.CONNECTION_LIMITS, severity=Severity.INFO)
def websocket_buffers_large(tree: NginxTree) -> Iterator[Complaint]:
    """Large buffers in force where sockets live long."""
    for view in tree.views:
        line = view.line("proxy_buffer_size")
        size = view.bytes("proxy_buffer_size")
        if (
            view.case.protocol == "websocket"
            and view.module == "proxy"
            and line is not None
            and size is not None
            and size >= _LARGE
        ):
            yield Complaint(
                message=f"every WebSocket of {view.case.route.path} holds two buffers of {show_size(size)}: {line.source}",
                why="They are held for as long as it lives. A socket does with 8k; large headers belong to other locations.",
                span=line.span,
                case=view.case,
            )
