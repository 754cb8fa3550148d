"""Two hops are set up to compress the same stream.

**What it sees.** In a stack, two hops that compress the stream's content type, where the outer one passes `Accept-Encoding` on.

**Why it hurts.** The inner one does it, for it is asked, and the outer one leaves what is compressed alone. Whoever switches compression off at the
edge, where it is looked for first, changes nothing: events go on waiting in the compressor further in.

**Instead.** Compress at one place, and for streams at none. Keep the inner hop from being asked:

```nginx
proxy_set_header Accept-Encoding "";
gzip off;
```

**When it is fine.** For answers that are complete, such as JSON: the work is done once all the same.

**Measured.** Two nginx with `gzip` for event streams: what the outer one gets is compressed already: `tests/containers/test_chains.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_gzip_module.html>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.company import ChainTree


@idiom(category=Category.COMPRESSION, severity=Severity.WARNING, targets=("chain",))
def compressed_by_two_hops(tree: ChainTree) -> Iterator[Complaint]:
    """Compressors behind one another, of which the inner one works."""
    for stream in tree.streams:
        for outer, inner in stream.pairs():
            both = outer.value("compression").low and inner.value("compression").low
            if not both or not stream.whole.hops[inner.at].compression.low:
                continue
            yield Complaint(
                message=(
                    f"{inner.name} and {outer.name} both compress {stream.path}, and {inner.name} is the one that does: "
                    f"{inner.said('compression')}"
                ),
                why=(
                    f"{outer.name} passes Accept-Encoding on, and leaves alone what is compressed already: to switch it off there changes nothing. "
                    f"{inner.remedy('compression') or 'Switch it off further in.'}"
                ),
                span=inner.span_of("compression"),
                related=(outer.tells("compression"),),
                case=stream.case,
            )
