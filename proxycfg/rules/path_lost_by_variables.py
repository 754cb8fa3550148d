"""Path and query do not reach the origin.

**What it sees.** A stream with a `proxy_pass` that has variables, and behind the host a path without any.

**Why it hurts.** With a variable nginx takes the whole as it is: every request of the location goes to that one path, without its query, in which
browsers put tokens of sockets and event streams.

**Instead.**

```nginx
proxy_pass http://$backend$request_uri;
```

**When it is fine.** If the location takes one path, without a query.

**Measured.** `/events/news` and its query arrived as `/stream` (1.22, 1.26, 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("proxy_pass", category=Category.PROTOCOL_MISMATCH, severity=Severity.WARNING)
def path_lost_by_variables(tree: NginxTree) -> Iterator[Complaint]:
    """Constant paths behind variable hosts."""
    for view in tree.views:
        target = view.target
        if target is None or view.handler is None or view.module != "proxy":
            continue
        uri = target["uri"] or ""
        if uri and "$" in view.handler.args[0] and "$" not in uri:
            yield Complaint(
                severity=Severity.INFO if view.case.stream.mixed else Severity.WARNING,
                message=f"every request of {view.case.title} goes to {uri}, without its own path and query: {view.handler.source}",
                why="With a variable nginx puts nothing behind the path. Write $request_uri in its place, or $is_args$args behind it.",
                span=view.handler.arg_span(0),
                case=view.case,
            )
