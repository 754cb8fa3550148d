"""Settings stay in a location that sends its requests elsewhere.

**What it sees.** A location without a `proxy_pass` that sets what streams need (buffering, timeouts, `Upgrade`), and hands its requests to a named
location by `try_files`, where they are not set.

**Why it hurts.** A named location inherits from the server, not from where a request comes from. What was tuned is not in force where the origin is
asked.

**Instead.** The settings in the named location, or in the server.

**When it is fine.** If the named location is set up otherwise on purpose.

**Measured.** nginx's inheritance is reproduced, and compared with real nginx on random configs. Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#try_files>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_TUNES = ("proxy_buffering", "proxy_read_timeout", "proxy_request_buffering", "proxy_http_version")


@idiom("try_files", category=Category.LOCATION_SHADOWED, severity=Severity.WARNING)
def settings_left_behind(tree: NginxTree) -> Iterator[Complaint]:
    """Tuned locations that jump to untuned ones."""
    for http in tree.https:
        for server in http.servers:
            for place in server.locations.all():
                tries = place.level.own.get("try_files", ())
                if place.handler is not None or not tries or not tries[0].args[-1].startswith("@"):
                    continue
                named = server.locations.named.get(tries[0].args[-1])
                left = [
                    line
                    for name in _TUNES
                    for line in place.level.own.get(name, ())
                    if named is not None and name not in named.level.own
                ]
                if named is not None and named.handler is not None and left:
                    yield Complaint(
                        message=f"`{left[0].source}` is not in force where requests of {place.name} end, in {named.name}",
                        why="A named location inherits from the server alone. Move the settings there.",
                        span=left[0].span,
                        related=(Related(named.directive.span, "requests end here"),),
                    )
