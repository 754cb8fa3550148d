"""The authorisation service waits for a body that never comes.

**What it sees.** A route whose requests have bodies, with `auth_request`, whose location says `proxy_pass_request_body off` and does not empty
`Content-Length`.

**Why it hurts.** The service reads the length of the original request, and waits for that many bytes. The request hangs until some timer ends.

**Instead.**

```nginx
proxy_pass_request_body off;
proxy_set_header Content-Length "";
```

**When it is fine.** If the service never looks at bodies.

**Measured.** Such requests hung for more than 20 s (1.22, 1.26, 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_auth_request_module.html#auth_request>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("auth_request", category=Category.REQUEST_BUFFERING, severity=Severity.WARNING)
def body_length_in_subrequest(tree: NginxTree) -> Iterator[Complaint]:
    """Authorisation requests that announce what they do not have."""
    for view in tree.views:
        line = view.line("auth_request")
        place = (
            view.winner(line.args[0]) if line is not None and view.case.protocol not in {"websocket", "grpc"} else None
        )
        if line is None or place is None or place.handler is None or place.handler.name != "proxy_pass":
            continue
        bodies = place.level.in_force.get("proxy_pass_request_body", ())
        lengths = [
            each
            for each in place.level.in_force.get("proxy_set_header", ())
            if each.args[:1] and each.args[0].lower() == "content-length"
        ]
        if bodies and bodies[0].args == ("off",) and not lengths:
            yield Complaint(
                message=f"the authorisation of {view.case.title} announces a body that it does not send: {bodies[0].source}",
                why=f'The service waits for it. Write `proxy_set_header Content-Length "";` in {place.name}.',
                span=bodies[0].span,
                case=view.case,
            )
