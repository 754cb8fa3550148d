"""A stream is asked for in slices.

**What it sees.** A route that streams, a `slice` size, and `Range $slice_range` among the headers to the origin.

**Why it hurts.** nginx asks for the first bytes alone. An origin that obeys cannot say how long a live stream is, and nginx refuses an answer without
that; one that can cuts the stream off where the slice ends.

**Instead.**

```nginx
slice 0;
```

**When it is fine.** For files, and where the origin ignores ranges, as most do for a stream: then the setting does nothing.

**Measured.** An origin that ignores the range answers 200, and its stream flows. A 206 without a length in all was refused: the client got nothing
(1.22, 1.26, 1.30). Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_slice_module.html#slice>, `src/http/modules/ngx_http_slice_filter_module.c`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("slice", category=Category.CACHING, severity=Severity.INFO)
def slice_on_stream(tree: NginxTree) -> Iterator[Complaint]:
    """Ranges of what has no length."""
    for view in tree.views:
        line = view.line("slice")
        if line is None or line.args[0].strip("kKmM") == "0" or view.header("range") is None:
            continue
        yield Complaint(
            message=f"{view.case.title} is asked for in slices: {line.source}",
            why="A live stream has no ranges: an origin that heeds them breaks it. Write `slice 0;`, or a location of its own for it.",
            span=line.span,
            case=view.case,
            fix=view.set("slice", "0"),
        )
