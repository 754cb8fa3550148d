"""An error of nginx reaches gRPC clients as a page.

**What it sees.** A route with `grpc_pass` for which no `error_page` takes 502 or 504.

**Why it hurts.** When the origin is down nginx answers with HTML and an HTTP status. Clients make INTERNAL or UNKNOWN of it, "received HTTP status
502 with content-type text/html", where UNAVAILABLE would have them retry.

**Instead.**

```nginx
error_page 502 503 504 = @unavailable;
location @unavailable {
    default_type application/grpc;
    add_header grpc-status 14 always;
    add_header grpc-message "unavailable" always;
    return 200 "";
}
```

**When it is fine.** If the clients map HTTP statuses, as the large libraries do for 502, 503 and 504.

**Measured.** Generated configs answer with a gRPC status, stock ones with a page: `tests/containers/`. Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("grpc_pass", category=Category.ERROR_PAGE_INJECTION, severity=Severity.INFO)
def grpc_html_errors(tree: NginxTree) -> Iterator[Complaint]:
    """Locations without an answer of their own for a dead origin."""
    for view in tree.views:
        if view.case.protocol != "grpc" or view.module != "grpc" or view.handler is None:
            continue
        covered = {word for line in view.lines("error_page") for word in line.args[:-1]}
        if not covered & {"502", "504"}:
            yield Complaint(
                message=f"clients of {view.case.title} get a page of HTML when the origin is down: no error_page for 502 and 504",
                why="They expect a grpc-status. `proxycfg rules grpc-html-errors` has a location that gives one.",
                span=view.handler.span,
                case=view.case,
            )
