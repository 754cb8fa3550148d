"""A hop cuts the stream at a silence that another hop was set up to bear.

**What it sees.** In a stack, a stream that may be silent for so long, a hop that bears it, and another that ends it sooner: an nginx further out
with its stock 60 s, a network, a load balancer, Cloudflare's 100 s.

**Why it hurts.** The first timer to run out decides. An hour on the inner hop is worth the minute of the outer one: the client sees a cut in the
middle of a stream, and the log of the hop that was looked after says nothing.

**Instead.** Raise the timer of the hop that is named, or have the origin send a heartbeat well below it, such as a comment line of an event stream:

```nginx
proxy_read_timeout 1h;
```

**When it is fine.** Where the stream is never silent for so long: say how often something comes, `heartbeat: 15s` in the stack.

**Measured.** An nginx with 60 s in front of one with an hour, in lock-step on a faster clock: `tests/containers/test_chains.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.behavior import Answer
from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.units import show_duration

if TYPE_CHECKING:
    from proxycfg.company import ChainTree


@idiom(category=Category.IDLE_TIMEOUT, severity=Severity.ERROR, targets=("chain",))
def timer_undone_by_another_hop(tree: ChainTree) -> Iterator[Complaint]:
    """Timers of silence, and of a whole exchange, that end what another hop bears."""
    for stream in tree.streams:
        for name in ("upstream_idle_timeout", "client_idle_timeout", "total_timeout"):
            for culprit, other in stream.undone(name):
                limit, wanted = culprit.value(name), stream.wanted(name).low
                hurts = stream.case.need.wants[name].why
                certain = stream.short(name) is Answer.NO
                when = (
                    show_duration(limit.low)
                    if limit.exact
                    else f"{show_duration(limit.low)} to {show_duration(limit.high)}"
                )
                most = f"after {when}" if certain else f"perhaps after {show_duration(limit.low)}"
                heartbeat = f"have the origin send something every {show_duration(max(1.0, limit.low // 3))}"
                remedy = culprit.remedy(name)
                yield Complaint(
                    message=(
                        f"{culprit.name} cuts {stream.path} {most}, which {other.name} bears for {show_duration(other.value(name).low)}: "
                        f"{culprit.said(name)}"
                    ),
                    why=(
                        f"{hurts[:1].upper()}{hurts[1:]}; {show_duration(wanted)} are asked for, and the first timer to run out decides. "
                        f"{remedy or f'This hop has no config here: {heartbeat}.'}"
                    ),
                    severity=Severity.ERROR if certain else Severity.WARNING,
                    span=culprit.span_of(name),
                    related=(other.tells(name),),
                    case=stream.case,
                )
