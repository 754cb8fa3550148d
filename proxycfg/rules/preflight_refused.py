"""Browsers may not ask whether they may.

**What it sees.** A gRPC-Web or Connect route with a `limit_except` that does not name OPTIONS.

**Why it hurts.** Calls from another origin begin with a preflight, an OPTIONS request without credentials. Refused, no call is ever sent; the
browser reports an error of CORS.

**Instead.**

```nginx
limit_except POST OPTIONS { deny all; }
```

**When it is fine.** If pages and API have one origin.

**Measured.** `OPTIONS` was answered with 403 (1.22, 1.26, 1.30); what browsers make of that is the fetch standard's. Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://fetch.spec.whatwg.org/#cors-preflight-fetch>, <https://nginx.org/en/docs/http/ngx_http_core_module.html#limit_except>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("limit_except", category=Category.PROTOCOL_MISMATCH, severity=Severity.WARNING)
def preflight_refused(tree: NginxTree) -> Iterator[Complaint]:
    """Limits on methods that leave OPTIONS out."""
    for view in tree.views:
        for line in view.own("limit_except") if view.case.protocol in {"grpc-web", "connect"} else ():
            if "OPTIONS" not in [word.upper() for word in line.args]:
                yield Complaint(
                    message=f"browsers of another origin cannot call {view.case.title}: `{line.source}` refuses their preflight",
                    why="It is an OPTIONS request. Name OPTIONS there, too.",
                    span=line.span,
                    case=view.case,
                )
