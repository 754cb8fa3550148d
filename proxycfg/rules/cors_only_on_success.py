"""An error looks like a refusal of CORS.

**What it sees.** A route that streams, with `add_header Access-Control-Allow-Origin` and no `always`.

**Why it hurts.** Without `always` nginx leaves the header out of errors. A browser then hides that it was a 401, a 429 or a 502, and reports an
error of CORS, which sends people the wrong way.

**Instead.**

```nginx
add_header Access-Control-Allow-Origin https://app.example.com always;
```

**When it is fine.** If the application sends the header with its errors.

**Measured.** Without `always` the header was missing on a 500 (1.22, 1.26, 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("add_header", category=Category.ERROR_PAGE_INJECTION, severity=Severity.INFO)
def cors_only_on_success(tree: NginxTree) -> Iterator[Complaint]:
    """Headers of CORS that errors lack."""
    for view in tree.views:
        for line in view.lines("add_header"):
            if line.args and line.args[0].lower() == "access-control-allow-origin" and line.args[-1] != "always":
                yield Complaint(
                    message=f"browsers take an error of {view.case.title} for a refusal of CORS: {line.source}",
                    why="Without `always` errors lack the header. Write it behind the value.",
                    span=line.span,
                    case=view.case,
                    fix=view.append(line, "always"),
                )
