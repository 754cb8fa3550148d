"""The header X-Accel-Buffering stands where nginx does not look for it.

**What it sees.** `add_header X-Accel-Buffering` or `proxy_set_header X-Accel-Buffering` for a stream that this nginx buffers; or a value other than
`yes` and `no`.

**Why it hurts.** nginx obeys the header in an answer of the origin, nowhere else. Added to its own answer it reaches the client, sent to the origin
it is ignored there: the stream stays buffered while its author believes otherwise. Of values only `yes` and `no` are known; `off` and `0` do
nothing.

**Instead.**

```nginx
proxy_buffering off;
```

**When it is fine.** Added to the answer of an nginx that does not buffer, it tells the next nginx in front.

**Measured.** Neither form changed anything on the nginx that had it, and `off` and `0` were ignored (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering>, `src/http/ngx_http_upstream.c`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("add_header", "proxy_set_header", category=Category.RESPONSE_BUFFERING, severity=Severity.WARNING)
def x_accel_buffering_in_vain(tree: NginxTree) -> Iterator[Complaint]:
    """The header on the wrong side, or with a word that nginx does not know."""
    for view in tree.views:
        for name in ("add_header", "proxy_set_header"):
            for line in view.lines(name):
                if len(line.args) < _NAME_AND_VALUE or line.args[0].lower() != "x-accel-buffering":
                    continue
                value = line.args[1].lower()
                if value not in {"yes", "no"} and "$" not in value:
                    message, why = (
                        f"`{line.source}`: nginx knows only `yes` and `no`",
                        "Any other word is ignored, in silence.",
                    )
                elif view.case.value("response_buffering").low:
                    message = f"`{line.source}` does not stop this nginx from buffering {view.case.title}"
                    why = "It obeys the header in an answer of the origin alone. Write `proxy_buffering off;`."
                else:
                    continue
                yield Complaint(message=message, why=why, span=line.span, case=view.case)


_NAME_AND_VALUE = 2
