"""Clear text is sent to a port for TLS.

**What it sees.** A stream that goes to `grpc://…:443` or `http://…:443`.

**Why it hurts.** The server waits for a TLS handshake, gets something else and closes: 502 for every request.

**Instead.**

```nginx
grpc_pass grpcs://agents.example.com:443;
```

**When it is fine.** If clear text is spoken on that port, against custom.

**Measured.** A call to a port that speaks TLS ended without a gRPC status, and had one with `grpcs://` (1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_grpc_module.html#grpc_pass>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("grpc_pass", "proxy_pass", category=Category.PROTOCOL_MISMATCH, severity=Severity.WARNING)
def grpc_without_tls(tree: NginxTree) -> Iterator[Complaint]:
    """Schemes that do not fit their port."""
    for view in tree.views:
        target = view.target
        if (
            view.handler is not None
            and target is not None
            and target["port"] == "443"
            and target["scheme"] in {"grpc", "http"}
        ):
            yield Complaint(
                message=f"{view.case.title} speaks clear text to a port for TLS: {view.handler.source}",
                why=f"The server closes the connection, and clients get 502. Write {target['scheme']}s://.",
                span=view.handler.arg_span(0),
                case=view.case,
            )
