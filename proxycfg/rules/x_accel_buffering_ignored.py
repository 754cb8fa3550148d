"""The application cannot switch buffering off.

**What it sees.** A route that streams and is buffered, and `X-Accel-Buffering` among the headers that `proxy_ignore_headers` names.

**Why it hurts.** Frameworks send `X-Accel-Buffering: no` with their event streams so that they flow through any nginx. Ignored, it is without
effect, and the stream waits in a buffer for no reason that its author can see.

**Instead.**

```nginx
proxy_buffering off;
```

or leave the header out of the list.

**When it is fine.** If the application never sends the header.

**Measured.** A stream with the header was held back to its end where it is ignored (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ignore_headers>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.rules._modules import BUFFERING, settings

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom(
    *settings("ignore_headers", of=BUFFERING),
    category=Category.RESPONSE_BUFFERING,
    severity=Severity.WARNING,
)
def x_accel_buffering_ignored(tree: NginxTree) -> Iterator[Complaint]:
    """Buffered streams whose origin has no say."""
    for view in tree.views:
        if (
            view.case.protocol not in {"sse", "ndjson", "connect", "grpc-web"}
            or not view.case.value("response_buffering").high
        ):
            continue
        for line in view.lines(f"{view.module}_ignore_headers"):
            if any(word.lower() == "x-accel-buffering" for word in line.args):
                yield Complaint(
                    message=f"`{line.source}` ignores the header by which the origin of {view.case.title} asks not to be buffered",
                    why="Frameworks send X-Accel-Buffering: no for streams. Leave it out of the list, or write `proxy_buffering off;`.",
                    span=line.span,
                    case=view.case,
                )
