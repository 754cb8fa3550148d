"""Every stream is opened twice.

**What it sees.** A route that streams, and a `mirror` in force.

**Why it hurts.** The mirror opens the stream, too, and nobody reads it: it holds a connection to an origin for as long as it likes, and the next
request of an HTTP/1.1 client waits for its end. A handshake arrives at both.

**Instead.**

```nginx
mirror off;
```

**When it is fine.** If the mirror answers at once whatever it is asked.

**Measured.** The mirror got handshakes as well, and request bodies were collected for it (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_mirror_module.html#mirror>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("mirror", category=Category.OPERATIONS, severity=Severity.WARNING)
def stream_mirrored(tree: NginxTree) -> Iterator[Complaint]:
    """Copies of what does not end."""
    for view in tree.views:
        line = view.line("mirror")
        if line is not None and line.args[0] != "off":
            yield Complaint(
                message=f"each stream of {view.case.title} is opened a second time: {line.source}",
                why="The copy holds a connection, and requests behind it wait. Write `mirror off;` where it streams.",
                span=line.span,
                case=view.case,
                fix=view.set("mirror", "off"),
            )
