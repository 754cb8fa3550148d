"""TLS to the origin does not say whom it asks for.

**What it sees.** A stream that goes by `https://` or `grpcs://` to a public name, and `proxy_ssl_server_name off`, which is the default.

**Why it hurts.** A front end that serves many names, as every CDN and every API of a language model does, chooses its certificate by the name in
the handshake. Without it the handshake fails, 502, or another site answers.

**Instead.**

```nginx
proxy_ssl_server_name on;
```

**When it is fine.** If one name alone is served there.

**Measured.** An origin that goes by the name in TLS could not be reached: 502 (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ssl_server_name>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("proxy_pass", "grpc_pass", category=Category.PROTOCOL_MISMATCH, severity=Severity.WARNING)
def upstream_name_not_sent(tree: NginxTree) -> Iterator[Complaint]:
    """Handshakes without a name."""
    for view in tree.views:
        target = view.target
        if target is None or view.handler is None or target["scheme"] not in {"https", "grpcs"} or not view.is_public:
            continue
        name = f"{view.module}_ssl_server_name"
        if not view.on(name):
            yield Complaint(
                message=f"{target['host']} does not hear its name in the handshake for {view.case.title}: {view.handler.source}",
                why=f"It may answer with another certificate, or not at all. Write `{name} on;`.",
                span=view.handler.span,
                case=view.case,
                fix=view.set(name, "on"),
            )
