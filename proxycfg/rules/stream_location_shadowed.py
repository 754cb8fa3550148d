"""A regular expression takes the requests of a tuned location.

**What it sees.** A location for a stream that is a plain prefix, and a regular expression, at its level or further out, that matches the very path,
or the path with a slash.

**Why it hurts.** In nginx a regular expression wins over every prefix that has no `^~`, however long. The tuned block is never used: requests get
the buffering, the timeouts and the headers of the other.

**Instead.**

```nginx
location ^~ /socket.io/ { … }
```

**When it is fine.** If the other location is set up for the same stream.

**Measured.** nginx's choice of a location is reproduced, and compared with real nginx on random configs. Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#location>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("location", category=Category.LOCATION_SHADOWED, severity=Severity.ERROR)
def stream_location_shadowed(tree: NginxTree) -> Iterator[Complaint]:
    """Locations of streams that others win over."""
    for view in tree.views:
        place = view.location
        if place.kind not in {"prefix", "no-regex"} or place.name == "/":
            continue
        for path in dict.fromkeys((place.name, f"{place.name.rstrip('/')}/")):
            winner = view.winner(path)
            if winner is None or winner is place or winner.kind not in {"regex", "regex-i"} or view.holds(winner):
                continue
            alike = [case for case in tree.by_location.get(id(winner), ()) if case.protocol == view.case.protocol]
            if any(case.shortfalls.keys() <= view.case.shortfalls.keys() for case in alike):
                # Set up for the same stream as well as this one.
                continue
            yield Complaint(
                severity=Severity.ERROR if path == place.name else Severity.WARNING,
                message=f"requests for {path} never reach {view.case.title}: `{winner.directive.source}` wins",
                why="A regular expression wins over a prefix. Write `location ^~` for the stream.",
                span=winner.directive.span,
                case=view.case,
                fix=view.caret(),
            )
            break
