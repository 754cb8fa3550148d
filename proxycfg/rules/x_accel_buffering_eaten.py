"""An inner hop keeps `X-Accel-Buffering` to itself, and the outer one buffers.

**What it sees.** In a stack, a hop that buffers and would obey `X-Accel-Buffering: no`, and behind it one that takes the header out of the answer,
as nginx does by default (`proxy_hide_header`'s built-in list), so that the outer hop never sees it.

**Why it hurts.** The application sends the header, and with one nginx in front of it the stream flows. A second nginx further out gets the answer
without it, and collects small events until its buffer is full or the stream ends. Each config is right by itself.

**Instead.** On the inner hop

```nginx
proxy_pass_header X-Accel-Buffering;
```

or `proxy_buffering off;` on the outer one, which asks nobody.

**When it is fine.** Where the origin never sends the header, and a stream is not held back: with HTTP/1.1 towards the next hop and no compression an
nginx that buffers passes each piece of a chunked answer on.

**Measured.** An nginx in front of an nginx, an origin that sends the header: `tests/containers/test_chains.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass_header>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.behavior import YES
from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.company import ChainTree


@idiom(category=Category.RESPONSE_BUFFERING, severity=Severity.WARNING, targets=("chain",))
def x_accel_buffering_eaten(tree: ChainTree) -> Iterator[Complaint]:
    """Buffers that the origin could switch off if its word got through."""
    for stream in tree.streams:
        if stream.case.need.accepted.response_buffering.high:
            continue
        for outer, inner in stream.pairs():
            obeys = outer.value("honors_x_accel_buffering").low
            buffers = obeys and stream.whole.hops[outer.at].response_buffering.low
            if not buffers or inner.value("forwards_x_accel_buffering") == YES:
                continue
            yield Complaint(
                message=(
                    f"{inner.name} keeps X-Accel-Buffering from {outer.name}, which buffers {stream.path}: "
                    f"{inner.said('forwards_x_accel_buffering')}"
                ),
                why=(
                    f"An origin that says `X-Accel-Buffering: no` switches the buffers of {inner.name} off, and {outer.name} never hears of it. "
                    "Write `proxy_pass_header X-Accel-Buffering;` there, or switch buffering off further out."
                ),
                severity=Severity.ERROR if stream.value("stalls_on").low else None,
                span=inner.span_of("forwards_x_accel_buffering"),
                related=(
                    Related(
                        outer.span_of("response_buffering"), f"{outer.name} buffers: {outer.said('response_buffering')}"
                    ),
                ),
                case=stream.case,
            )
