"""Small messages wait for an acknowledgement.

**What it sees.** A route that streams, and `tcp_nodelay off`.

**Why it hurts.** The kernel then holds a small message back until the one before is acknowledged, which clients delay by up to 40 ms: every token
or frame may be late by as much.

**Instead.**

```nginx
tcp_nodelay on;
```

**When it is fine.** Never, for a stream.

**Measured.** Not shown here: on loopback acknowledgements are immediate, and the setting was without effect; the delay is that of the network (RFC
896, RFC 1122).

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#tcp_nodelay>, <https://www.rfc-editor.org/rfc/rfc896>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("tcp_nodelay", category=Category.RESPONSE_BUFFERING, severity=Severity.WARNING)
def nagle_on_stream(tree: NginxTree) -> Iterator[Complaint]:
    """Nagle's algorithm where messages are small."""
    for view in tree.views:
        line = view.line("tcp_nodelay")
        if line is not None and line.args[0] == "off":
            yield Complaint(
                message=f"small messages of {view.case.title} wait for the client's acknowledgement of the one before: {line.source}",
                why="That is up to 40 ms each. Leave the line out, or write `tcp_nodelay on;` where it streams.",
                span=line.span,
                case=view.case,
                fix=view.set("tcp_nodelay", "on"),
            )
