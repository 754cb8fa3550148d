"""An attacker can send a prompt again.

**What it sees.** A server with `ssl_early_data on`, a stream that takes POST, and no `Early-Data` header to its origin.

**Why it hurts.** What a client sends in the first flight of TLS 1.3 can be recorded and sent again by anybody on the way. A GET does no harm; a
POST is booked or generated again.

**Instead.**

```nginx
proxy_set_header Early-Data $ssl_early_data;   # and 425 from the application
```

or `ssl_early_data off;`.

**When it is fine.** If every request of the route may happen twice.

**Measured.** By hand, with `openssl s_client -early_data`, on 1.30: a request of the first flight arrived like any other, and with the line as
`Early-Data: 1`. Not shown here: the clients of the tests send none.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_early_data>, <https://www.rfc-editor.org/rfc/rfc8470>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("ssl_early_data", category=Category.HARDENING, severity=Severity.WARNING)
def early_data_replayed(tree: NginxTree) -> Iterator[Complaint]:
    """Early data that an origin does not hear of."""
    for view in tree.views:
        lines = view.server.level.in_force.get("ssl_early_data", ())
        if (
            not lines
            or lines[0].args != ("on",)
            or view.case.protocol in {"websocket", "long-poll"}
            or view.header("early-data") is not None
        ):
            continue
        yield Complaint(
            message=f"a recorded request of {view.case.title} can be sent again: {lines[0].source}",
            why="Tell the origin, by `proxy_set_header Early-Data $ssl_early_data;`, or switch it off.",
            span=lines[0].span,
            case=view.case,
        )
