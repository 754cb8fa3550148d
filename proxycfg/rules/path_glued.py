"""The path that the origin sees is glued together.

**What it sees.** A stream's prefix location that ends in a slash, and a `proxy_pass` whose path does not; or the other way round.

**Why it hurts.** nginx puts what follows the prefix behind the path: `/events/7` becomes `/stream7`, `/ws/chat` becomes `//chat`. The origin
answers 404, and a handshake fails.

**Instead.**

```nginx
location /events/ { proxy_pass http://app/stream/; }
```

**When it is fine.** If clients ask for the prefix alone.

**Measured.** `/events/news` arrived as `/streamnews` (1.22, 1.26, 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("proxy_pass", category=Category.PROTOCOL_MISMATCH, severity=Severity.INFO)
def path_glued(tree: NginxTree) -> Iterator[Complaint]:
    """Paths of different shapes."""
    for view in tree.views:
        target = view.target
        place = view.location
        if target is None or view.handler is None or place.kind not in {"prefix", "no-regex"} or view.own("rewrite"):
            continue
        uri = target["uri"] or ""
        if not uri or "$" in view.handler.args[0] or uri.endswith("/") == place.name.endswith("/"):
            continue
        stem = f"{place.name}x" if place.name.endswith("/") else f"{place.name}/x"
        yield Complaint(
            message=f"a request for {stem} of {view.case.title} reaches the origin as {uri}{stem.removeprefix(place.name)}",
            why="End both in a slash, or neither.",
            span=view.handler.arg_span(0),
            case=view.case,
        )
