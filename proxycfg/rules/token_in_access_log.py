"""Credentials stand in the access log.

**What it sees.** A stream whose credential comes in the query, by a spec, or because its location or a map reads `$arg_token` or the like, and a
log format with the query: `combined`, the default, has it. On Envoy the route matches an argument of such a name, and the format of its connection
manager, the default one above all, has the path with the query.

**Why it hurts.** An EventSource and a WebSocket of a browser cannot set headers, so tokens go into the query, and every log line, and all who read
it, have them.

**Instead.**

```nginx
log_format streams '$remote_addr [$time_local] "$request_method $uri" $status $body_bytes_sent';
access_log /var/log/nginx/streams.log streams;
```

On Envoy: `%PATH(NQ:ORIG_OR_PATH)%` in place of `%REQ(:PATH)%`.

**When it is fine.** If a token works once, and at once.

**Measured.** Generated configs keep the query of such routes out of every log: `tests/containers/`. Its configs show it in
`tests/containers/test_rule_fixtures.py`. Not shown on Envoy: its default format is documented, and says `%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree
    from proxycfg.targets.nginx.scene import NginxTree


_TOKENS = (
    "token",
    "access_token",
    "auth",
    "auth_token",
    "jwt",
    "api_key",
    "apikey",
    "key",
    "ticket",
    "session",
    "sid",
    "authorization",
)


@idiom(category=Category.TOKEN_IN_LOGS, severity=Severity.WARNING, targets=("nginx", "envoy"))
def token_in_access_log(tree: NginxTree | EnvoyTree) -> Iterator[Complaint]:
    """Queries with credentials, and logs that keep them."""
    for view in tree.views:
        asked = view.case.shortfalls.get("query_logged")
        if asked is None and not (view.case.value("query_logged").low and view.reads_arguments(*_TOKENS)):
            continue
        why = view.case.route.reading.evidence["query_logged"]
        yield Complaint(
            message=f"the credential in the query of {view.case.title} is logged: {why.text}",
            why=f"All who read logs have it. {view.case.hint(view.case, 'query_logged')}",
            span=why.span or view.case.route.span,
            case=view.case,
        )
