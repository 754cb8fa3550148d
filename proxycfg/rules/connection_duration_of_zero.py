"""A longest life of zero ends every connection at once.

**What it sees.** `max_connection_duration` of `0s`, or of less than a millisecond, in the `common_http_protocol_options` of one of Envoy's connection
managers.

**Why it hurts.** Of most of Envoy's timers zero means never. This one runs out as soon as the connection is there, and one on which no request has
come yet is closed without an answer. A request that is sent in the same instant may be lucky; behind TLS, where a handshake comes first, none is.

**Instead.** Leave it out, which means no limit, or write when connections are to be renewed, streams apart:

```yaml
common_http_protocol_options:
  max_connection_duration: 3600s
```

**When it is fine.** Never.

**Measured.** Of 30 requests that were sent 20 ms after their connection was there, none was answered on Envoy 1.40, with `codec_type` AUTO and HTTP1,
and with `http1_safe_max_connection_duration`; of 30 sent at once 3 to 22 were, and none over TLS. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/core/v3/protocol.proto>, `conn_manager_impl.cc`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.KEEPALIVE, severity=Severity.ERROR, targets=("envoy",))
def connection_duration_of_zero(tree: EnvoyTree) -> Iterator[Complaint]:
    """Every such connection manager, whether something streams there or not."""
    for door, _ in tree.world.doors:
        said = door.closes_at_once
        if said is not None:
            yield Complaint(
                message=f"`{said.text}` does not lift the limit: connections are closed as soon as they are there",
                why="A request that is not sent in the same instant gets no answer. Leave it out, which means no limit, or write 3600s.",
                span=said.span,
            )
