"""Two hops send a request again that has failed.

**What it sees.** In a stack, two hops that both try another server, or the same one again, when an exchange fails.

**Why it hurts.** Attempts multiply: two tries of an outer hop, each tried twice by the inner one, ask the origins four times. An origin that is
slow or overloaded gets several times the load at the worst moment, and a prompt may be paid for as often.

**Instead.** Let the hop next to the origins do it, which knows them, and switch it off further out:

```nginx
proxy_next_upstream off;
```

**When it is fine.** If the outer hop retries only what never reached the inner one (`error` alone, and no `http_502`).

**Measured.** Two nginx with two servers each, and an origin that drops every request, which then saw four: `tests/containers/test_chains.py`.

**Sources.** <https://sre.google/sre-book/addressing-cascading-failures/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.company import ChainTree


@idiom(category=Category.RETRIES, severity=Severity.WARNING, targets=("chain",))
def retried_by_two_hops(tree: ChainTree) -> Iterator[Complaint]:
    """Hops that both surely try again."""
    for stream in tree.streams:
        for outer, inner in stream.pairs():
            if not (outer.value("retries").low and inner.value("retries").low):
                continue
            yield Complaint(
                message=f"{outer.name} and {inner.name} both send a failed request of {stream.path} again: {outer.said('retries')}",
                why=(
                    f"Attempts multiply, and fall on origins that are in trouble already. Leave them to {inner.name}, which is nearer to the "
                    f"origins, and switch them off at {outer.name}: `proxy_next_upstream off;` in nginx, no `retry_policy` in Envoy."
                ),
                span=outer.span_of("retries"),
                related=(inner.tells("retries"),),
                case=stream.case,
            )
