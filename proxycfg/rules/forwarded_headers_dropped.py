"""One header in a location drops who the client is.

**What it sees.** A route that streams, a `proxy_set_header` in its location, and around it others for `Host`, `X-Forwarded-For`,
`X-Forwarded-Proto` or `X-Real-IP` that the location does not repeat.

**Why it hurts.** `proxy_set_header` is inherited as a whole or not at all. In this location alone the application sees the wrong host and scheme,
so that checks of Origin fail, and nginx's own address for every client, so that its limits and logs are wrong.

**Instead.** Repeat the list where you add to it, or keep it in a file that every location includes.

**When it is fine.** If the application behind this location needs none of them.

**Measured.** All inherited headers were gone as soon as the location had one of its own (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_TELL_WHO = ("host", "x-forwarded-for", "x-forwarded-proto", "x-real-ip")


@idiom("proxy_set_header", "grpc_set_header", category=Category.FORWARDED_HEADERS, severity=Severity.WARNING)
def forwarded_headers_dropped(tree: NginxTree) -> Iterator[Complaint]:
    """Headers about the client that are set further out, in vain."""
    for view in tree.views:
        name = f"{view.module}_set_header"
        if (
            view.is_foreign
            or view.case.protocol == "ndjson"
            or (view.handler is not None and "$" in view.handler.args[0])
        ):
            # Another site, or a download from one, wants other names.
            continue
        dropped = [line for line in view.dropped(name) if line.args[0].lower() in _TELL_WHO]
        if dropped:
            names = ", ".join(dict.fromkeys(line.args[0] for line in dropped))
            yield Complaint(
                message=f"`{view.lines(name)[0].source}` drops {names} for {view.case.title}",
                why=f"A list of {name} is inherited whole or not at all: repeat them here.",
                span=view.lines(name)[0].span,
                related=tuple(Related(line.span, "set here, and not inherited") for line in dropped),
                case=view.case,
                fix=view.add(dropped),
            )
