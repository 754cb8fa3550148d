"""Files are looked for where the origin should answer.

**What it sees.** A stream's location with both a `proxy_pass` and a `try_files` that ends in a status.

**Why it hurts.** nginx looks for the files first. There is none for a stream, so the request ends with that status, and the origin never hears of
it.

**Instead.** A location for the files, and one with the `proxy_pass`: `try_files $uri @app;`.

**When it is fine.** Never.

**Measured.** nginx's order of phases is reproduced, and compared with real nginx on random configs. Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#try_files>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("try_files", category=Category.LOCATION_SHADOWED, severity=Severity.ERROR)
def try_files_before_pass(tree: NginxTree) -> Iterator[Complaint]:
    """Locations that answer before they ask."""
    for view in tree.views:
        for line in view.own("try_files"):
            if line.args and line.args[-1].startswith("=") and view.handler is not None:
                yield Complaint(
                    message=f"requests of {view.case.title} end with {line.args[-1][1:]}: `{line.source}` comes before {view.handler.name}",
                    why="Files are looked for first, and there is none. Remove the line, or let it end in a named location with the pass.",
                    span=line.span,
                    case=view.case,
                    fix=view.remove(line),
                )
