"""One added header drops those that browsers need.

**What it sees.** A route that streams, an `add_header` in its location, and around it others for CORS or `Cache-Control` that the location does not
repeat.

**Why it hurts.** `add_header` is inherited as a whole or not at all. In this location alone a browser of another origin is refused the stream, or
an intermediary may store it.

**Instead.** Repeat the list, or, since nginx 1.29.3, `add_header_inherit merge;`.

**When it is fine.** If the application sends them itself.

**Measured.** Headers of the server were gone as soon as the location had one of its own; with `merge` both arrived (1.22, 1.26, 1.30). Its configs
show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_HEEDLESS = frozenset({"ndjson", "websocket"})
"""Downloads are cached as they please; of a handshake browsers heed neither CORS nor Cache-Control."""


@idiom("add_header", category=Category.HEADER_INHERITANCE, severity=Severity.WARNING)
def added_headers_dropped(tree: NginxTree) -> Iterator[Complaint]:
    """Headers that are added further out, in vain."""
    for view in tree.views:
        inherit = view.line("add_header_inherit")
        if (inherit is not None and inherit.args[0] != "on") or view.is_foreign or view.case.protocol in _HEEDLESS:
            continue
        dropped = [
            line
            for line in view.dropped("add_header")
            if line.args[0].lower().startswith(("access-control-", "cache-control"))
        ]
        if dropped:
            first = view.lines("add_header")[0]
            yield Complaint(
                message=f"`{first.source}` drops {', '.join(dict.fromkeys(line.args[0] for line in dropped))} for {view.case.title}",
                why="A list of add_header is inherited whole or not at all: repeat them here.",
                span=first.span,
                related=tuple(Related(line.span, "added here, and not inherited") for line in dropped),
                case=view.case,
                fix=view.add(dropped),
            )
