"""One header that is set in a location drops all those that were set around it.

**What it sees.** A route that serves WebSockets, whose server (or `http` block) sets `Upgrade` and `Connection`, and a `proxy_set_header` further in.

**Why it hurts.** `proxy_set_header` is a list that is inherited as a whole or not at all: one item in a location, often a harmless
`proxy_set_header Host $host`, replaces every item of the levels above. The handshake loses its headers in that location alone, which is why it is
hard to find.

**Instead.** Repeat the list where you add to it, or keep it in a file that every location includes.

**When it is fine.** Never, for a WebSocket.

**Measured.** The handshake is that of `upgrade-headers-missing`. Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Case, Complaint, route_rule
from proxycfg.rules._handshake import dropped_headers, is_about_version

if TYPE_CHECKING:
    from proxycfg.targets.nginx.read import Proxied


@route_rule("upgrade", category=Category.HEADER_INHERITANCE, severity=Severity.ERROR, protocols=("websocket",))
def inherited_headers_dropped(case: Case) -> Iterator[Complaint]:
    """Headers of a handshake that are set further out, in vain."""
    proxied: Proxied = case.subject
    dropped = dropped_headers(proxied, "upgrade", "connection")
    if not dropped or is_about_version(case):
        return
    culprit = proxied.location.level.all("proxy_set_header")[0][0]
    short = case.shortfalls["upgrade"]
    names = " and ".join(dict.fromkeys(line.args[0] for line in dropped))
    yield Complaint(
        severity=Severity.ERROR if short.sure else Severity.WARNING,
        message=f"`{culprit.source}` drops {names}, which handshakes of {case.route.path} need",
        why="A list of proxy_set_header is inherited whole or not at all: one item here replaces all those of the levels above.",
        span=culprit.span,
        related=tuple(Related(line.span, "set here, and not inherited") for line in dropped),
        wishes=("upgrade",),
    )
