"""A hop holds events back that another hop lets flow.

**What it sees.** In a stack, a stream whose small events one hop passes on at once, and another collects: by its buffers with HTTP/1.0 behind them,
by a compressor, or since it reads answers before it lets them pass.

**Why it hurts.** Everything arrives at once, or kilobytes at a time, whatever the other hops do; and a test that asks the inner hop shows a stream
that flows.

**Instead.** Switch buffering off on the hop that is named, for this path:

```nginx
proxy_buffering off;
```

For one that nobody here configures, such as a company's proxy, begin the answer with padding (2 to 4 KB of comment lines), or use WebSocket over
TLS, which it cannot look into.

**When it is fine.** For downloads that nobody watches grow.

**Measured.** An nginx 1.26 with its defaults in front of one with `proxy_buffering off`: `tests/containers/test_chains.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.behavior import Answer
from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.company import ChainTree


@idiom(category=Category.RESPONSE_BUFFERING, severity=Severity.ERROR, targets=("chain",))
def held_back_by_another_hop(tree: ChainTree) -> Iterator[Complaint]:
    """Hops that stall what another one passes on."""
    for stream in tree.streams:
        for culprit, other in stream.undone("stalls_on"):
            certain = stream.short("stalls_on") is Answer.NO
            remedy = culprit.remedy("response_buffering") or culprit.remedy("stalls_on")
            yield Complaint(
                message=(
                    f"{culprit.name} {'holds' if certain else 'may hold'} small events of {stream.path} back, which {other.name} passes on: "
                    f"{culprit.said('stalls_on')}"
                ),
                why=f"Clients get them late, in lumps or at the end, whatever the other hops do. {remedy or _OPAQUE}",
                severity=Severity.ERROR if certain else Severity.WARNING,
                span=culprit.span_of("stalls_on"),
                related=(other.tells("response_buffering"),),
                case=stream.case,
            )


_OPAQUE = "This hop has no config here: begin the answer with 4 KB of padding, or use WebSocket over TLS."
