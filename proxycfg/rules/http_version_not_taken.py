"""A hop speaks a version of HTTP that the next one does not take.

**What it sees.** In a stack, HTTP/1.0 towards an Envoy, which takes it only with `accept_http_10` and answers 426; HTTP/2 towards a listener for
HTTP/1.1; HTTP/1.1 towards one that speaks HTTP/2 alone.

**Why it hurts.** Nothing gets through: 426, 400 or 502 for every request. nginx before 1.29.7 speaks HTTP/1.0 unless it is told otherwise, so this
is what a first Envoy behind an nginx shows.

**Instead.**

```nginx
proxy_http_version 1.1;
proxy_set_header Connection "";
```

**When it is fine.** Never.

**Measured.** nginx 1.26 in front of Envoy 1.40, which answered 426: `tests/containers/test_chains.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/protocol.proto#config-core-v3-http1protocoloptions>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.company import ChainTree


@idiom(category=Category.UPSTREAM_HTTP_VERSION, severity=Severity.ERROR, targets=("chain",))
def http_version_not_taken(tree: ChainTree) -> Iterator[Complaint]:
    """Neighbours that do not understand each other."""
    for stream in tree.streams:
        for outer, inner in stream.pairs():
            missed = stream.whole.unmet.get(outer.at)
            if missed is None or stream.whole.next_of(outer.at) != inner.at:
                continue
            spoken = outer.value("upstream_http_version")
            version = spoken.low if spoken.exact else f"{spoken.low} to {spoken.high}"
            yield Complaint(
                message=(
                    f"{outer.name} speaks HTTP/{version} to {inner.name}, which {'does' if missed.low else 'may'} not take it: "
                    f"{outer.said('upstream_http_version')}"
                ),
                why=f"No request of {stream.path} gets through. {outer.remedy('upstream_http_version')}".rstrip(),
                severity=Severity.ERROR if missed.low else Severity.WARNING,
                span=outer.span_of("upstream_http_version"),
                related=(inner.tells("client_http_versions"),),
                case=stream.case,
            )
