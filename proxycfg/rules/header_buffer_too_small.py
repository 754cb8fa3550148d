"""The origin's header may not fit.

**What it sees.** A route that streams, and a `proxy_buffer_size` of less than 4 KiB.

**Why it hurts.** The whole header of an answer must fit in that one buffer. A cookie and a few security headers pass 1 or 2 KiB: 502, "upstream
sent too big header".

**Instead.**

```nginx
proxy_buffer_size 8k;
```

**When it is fine.** If the origin is known to send next to nothing.

**Measured.** An answer with 3 kB of headers became a 502 (1.22, 1.26, 1.30); nginx logs the reason. Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffer_size>, `src/http/ngx_http_upstream.c`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.rules._modules import settings

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_LEAST = 4096
"""Bytes: nginx's own default on machines with small pages."""


@idiom(*settings("buffer_size"), category=Category.HARDENING, severity=Severity.WARNING)
def header_buffer_too_small(tree: NginxTree) -> Iterator[Complaint]:
    """Buffers below the default."""
    for view in tree.views:
        name = f"{view.module}_buffer_size"
        size = view.bytes(name)
        line = view.line(name)
        # nginx does not start where the three do not fit together; then a person has to choose all of them.
        bound = view.line(f"{view.module}_buffers") or view.line(f"{view.module}_busy_buffers_size")
        if line is not None and size is not None and size < _LEAST:
            yield Complaint(
                message=f"`{line.source}` must hold the whole header of an answer to {view.case.title}",
                why='A cookie more, and nginx answers 502, "upstream sent too big header". Write 8k.',
                span=line.span,
                case=view.case,
                fix=None if bound else view.set(name, "8k"),
            )
