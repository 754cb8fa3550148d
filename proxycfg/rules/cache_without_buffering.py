"""A cache that never stores anything.

**What it sees.** A location with a cache of its own, in which buffering is off.

**Why it hurts.** nginx caches only what it buffers: every answer is a MISS, without a warning. Whoever wrote both lines wanted one of them.

**Instead.** A location for what is to be cached, and one for what streams.

**When it is fine.** If the cache is inherited and meant for other routes; `proxy_cache off;` says so.

**Measured.** Nothing was ever stored with buffering off (1.22, 1.26, 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** `src/http/ngx_http_upstream.c`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.rules._modules import BUFFERING, settings

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom(*settings("cache", of=BUFFERING), category=Category.CACHING, severity=Severity.INFO)
def cache_without_buffering(tree: NginxTree) -> Iterator[Complaint]:
    """Caches of locations that are not buffered."""
    for view in tree.views:
        for line in view.own(f"{view.module}_cache"):
            if line.args[:1] not in {("off",), ()} and not view.case.value("response_buffering").high:
                yield Complaint(
                    message=f"`{line.source}` stores nothing of {view.case.route.path}, which is not buffered",
                    why="nginx caches only what it buffers. Take one of the two out.",
                    span=line.span,
                    case=view.case,
                    fix=view.remove(line),
                )
