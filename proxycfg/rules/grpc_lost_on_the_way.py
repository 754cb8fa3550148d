"""One hop speaks gRPC, and another breaks it.

**What it sees.** In a stack, a gRPC route that one hop passes on with its trailers, and another does not: HTTP/1.1 to the next hop, no HTTP/2 for
clients, trailers that are dropped.

**Why it hurts.** Calls need HTTP/2 from end to end. A single hop of HTTP/1.1 turns every status into `UNKNOWN` or `UNAVAILABLE`, or ends the
connection.

**Instead.** On every hop on the way

```nginx
http2 on;
grpc_pass grpc://next-hop;
```

**When it is fine.** If clients speak gRPC-Web or Connect, which get through HTTP/1.1: say so as the protocol.

**Measured.** An nginx with `proxy_pass` in front of one with `grpc_pass`, through which calls end as `UNAVAILABLE`:
`tests/containers/test_chains.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_grpc_module.html>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.behavior import Answer
from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.company import ChainTree


@idiom(category=Category.GRPC_TRANSPORT, severity=Severity.ERROR, targets=("chain",))
def grpc_lost_on_the_way(tree: ChainTree) -> Iterator[Complaint]:
    """Calls that get past one hop alone."""
    for stream in tree.streams:
        for culprit, other in stream.undone("grpc"):
            certain = stream.short("grpc") is Answer.NO
            yield Complaint(
                message=(
                    f"{culprit.name} {'does' if certain else 'may'} not pass gRPC of {stream.path} on, for which {other.name} is set up: "
                    f"{culprit.said('grpc')}"
                ),
                why=(
                    "Calls need HTTP/2 and trailers from end to end: `http2 on;` and `grpc_pass` in nginx, `http2_protocol_options` for the "
                    "cluster in Envoy."
                ),
                severity=Severity.ERROR if certain else Severity.WARNING,
                span=culprit.span_of("grpc"),
                related=(other.tells("grpc"),),
                case=stream.case,
            )
