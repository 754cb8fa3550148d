"""The authorisation request asks for an upgrade.

**What it sees.** A route that serves WebSockets, with `auth_request`, whose location inherits the `Upgrade` and `Connection` headers of the server.

**Why it hurts.** The authorisation service gets a handshake. It answers 400, and every socket is refused; or 101, and nginx ends the request:
"connection upgrade in subrequest".

**Instead.**

```nginx
proxy_set_header Upgrade "";
proxy_set_header Connection "";
```

in the location of the authorisation request.

**When it is fine.** If the service ignores both headers.

**Measured.** Where the service that is asked takes handshakes as well, those of clients failed (1.22, 1.26, 1.30); nginx's source has the message.
Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** `src/http/ngx_http_upstream.c`, <https://nginx.org/en/docs/http/ngx_http_auth_request_module.html#auth_request>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("auth_request", category=Category.UPGRADE_HEADERS, severity=Severity.WARNING)
def upgrade_in_subrequest(tree: NginxTree) -> Iterator[Complaint]:
    """Locations of authorisation that pass a handshake on."""
    for view in tree.views:
        line = view.line("auth_request")
        place = view.winner(line.args[0]) if line is not None and view.case.protocol == "websocket" else None
        if line is None or place is None:
            continue
        for header in place.level.in_force.get("proxy_set_header", ()):
            if (
                len(header.args) > 1
                and header.args[0].lower() == "upgrade"
                and view.speaks_of(header.args[1], "http_upgrade")
            ):
                yield Complaint(
                    message=f"the authorisation of {view.case.title} is asked by a handshake: {header.source}",
                    why=f'The service answers 400 or 101, and the socket is refused. Write `proxy_set_header Upgrade "";` in {place.name}.',
                    span=place.directive.span,
                    related=(Related(header.span, "comes down from here"),),
                    case=view.case,
                )
