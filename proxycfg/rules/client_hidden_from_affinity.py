"""A hop chooses the origin by an address that is the same for all clients.

**What it sees.** In a stack, a hop with several servers that goes by the client's address (`ip_hash`, `hash $remote_addr`, Envoy's `source_ip`),
behind another hop, without taking the client's address from that one's forwarded headers.

**Why it hurts.** Every client has the outer hop's address: all of them land on one server while the others idle, and if there are several outer
hops, a reconnect through another one lands elsewhere, where nobody knows the session.

**Instead.** Take the address from the hop before, and from no one else:

```nginx
set_real_ip_from 10.0.0.4;
real_ip_header X-Forwarded-For;
```

or go by a cookie or a header, which pass every hop.

**When it is fine.** If the hop before passes connections on as they are (TCP, with its clients' addresses).

**Measured.** Clients from ten addresses through an nginx to one with `hash $remote_addr`, which all got one server:
`tests/containers/test_chains.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_realip_module.html>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.behavior import exactly
from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.company import ChainTree


@idiom(category=Category.SESSION_AFFINITY, severity=Severity.WARNING, targets=("chain",))
def client_hidden_from_affinity(tree: ChainTree) -> Iterator[Complaint]:
    """Addresses that are the outer hop's."""
    for stream in tree.streams:
        for outer, inner in stream.pairs():
            seam = inner.reached.seam
            if stream.whole.next_of(outer.at) != inner.at or not seam.chooses.high or seam.sees_client.high:
                continue
            if inner.value("session_affinity") != exactly("ip"):
                continue
            yield Complaint(
                message=f"{inner.name} chooses the server for {stream.path} by the client's address, which is {outer.name}'s for all of them: "
                f"{inner.said('session_affinity')}",
                why=(
                    f"Everybody lands on one server. Take the client's address from {outer.name}'s X-Forwarded-For, and from nobody else's "
                    "(`set_real_ip_from` and `real_ip_header` in nginx), or go by a cookie."
                ),
                span=inner.span_of("session_affinity"),
                related=(Related(outer.reached.span, f"{outer.name} stands before it"),),
                case=stream.case,
            )
