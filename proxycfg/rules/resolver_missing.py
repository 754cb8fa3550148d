"""Nobody resolves the name of the origin.

**What it sees.** A stream whose `proxy_pass` has a variable that comes to a host name, no `upstream` of that name, and no `resolver` in force, in a
whole config.

**Why it hurts.** Names in variables are looked up at each request, by the `resolver`. Without one nginx starts, and answers every request with 502:
"no resolver defined".

**Instead.**

```nginx
resolver 127.0.0.11 valid=10s;   # Docker's
```

**When it is fine.** Never.

**Measured.** Passed `nginx -t`, 502 at run time (1.22, 1.26, 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#resolver>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("proxy_pass", "grpc_pass", category=Category.OPERATIONS, severity=Severity.ERROR)
def resolver_missing(tree: NginxTree) -> Iterator[Complaint]:
    """Variable names in configs without a resolver."""
    for view in tree.views:
        if not view.whole or view.handler is None or view.line("resolver") is not None:
            continue
        names = view.looked_up
        if names:
            yield Complaint(
                message=f"nothing resolves {names[0]} for {view.case.title}: {view.handler.source}",
                why="A name in a variable is looked up at each request, and there is no resolver: 502. Write `resolver …;`.",
                span=view.handler.span,
                case=view.case,
            )
