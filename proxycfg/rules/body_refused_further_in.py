"""A request that one hop takes is refused by the next one.

**What it sees.** In a stack, a limit on request bodies that is lower further in, and lower than what the route is to take.

**Why it hurts.** The outer hop takes the whole prompt, perhaps stores it, and then the inner one refuses it: 413 after minutes of upload, or a
reset in the middle. Raising the limit at the edge, where the error is seen, does not help.

**Instead.** The same limit on all hops, or the lowest where clients come:

```nginx
client_max_body_size 16m;
```

**When it is fine.** If larger requests are never sent.

**Measured.** A prompt of 2 MiB through an nginx with 16m to one with its stock 1m: `tests/containers/test_chains.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.behavior import Answer
from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.units import show_size

if TYPE_CHECKING:
    from proxycfg.company import ChainTree


@idiom(category=Category.BODY_SIZE, severity=Severity.WARNING, targets=("chain",))
def body_refused_further_in(tree: ChainTree) -> Iterator[Complaint]:
    """Limits that are lower behind one that suffices."""
    name = "request_body_limit"
    for stream in tree.streams:
        for culprit, other in stream.undone(name):
            if culprit.at < other.at or stream.short(name) is not Answer.NO:
                continue
            yield Complaint(
                message=(
                    f"{culprit.name} refuses requests of {stream.path} beyond {show_size(culprit.value(name).high)}, of which {other.name} takes "
                    f"more: {culprit.said(name)}"
                ),
                why=f"They are uploaded, and refused then. {culprit.remedy(name)}".rstrip(),
                span=culprit.span_of(name),
                related=(other.tells(name),),
                case=stream.case,
            )
