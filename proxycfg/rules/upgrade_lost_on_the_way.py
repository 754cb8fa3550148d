"""One hop lets a WebSocket through, and another does not.

**What it sees.** In a stack, a WebSocket route whose handshake one hop passes on, and another takes apart: its `Upgrade` and `Connection` headers
are not sent to the next hop, HTTP/1.0 or HTTP/2 is spoken there, or upgrades are not allowed.

**Why it hurts.** The application answers 400 or 426 to a plain request, or 200 with a page; the socket never opens, though it does past the hop
that is named.

**Instead.** Every hop on the way has to pass the handshake on:

```nginx
proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade;
```

**When it is fine.** Never, if clients come this way.

**Measured.** An nginx without these lines in front of one that has them: `tests/containers/test_chains.py`.

**Sources.** <https://nginx.org/en/docs/http/websocket.html>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.behavior import Answer
from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.company import ChainTree


@idiom(category=Category.UPGRADE_HEADERS, severity=Severity.ERROR, targets=("chain",))
def upgrade_lost_on_the_way(tree: ChainTree) -> Iterator[Complaint]:
    """Handshakes that get past one hop alone."""
    for stream in tree.streams:
        for culprit, other in stream.undone("upgrade"):
            certain = stream.short("upgrade") is Answer.NO
            yield Complaint(
                message=(
                    f"{culprit.name} {'does' if certain else 'may'} not pass the WebSocket handshake of {stream.path} on, "
                    f"for which {other.name} is set up: {culprit.said('upgrade')}"
                ),
                why=f"The socket opens past {culprit.name} and nowhere else. {culprit.remedy('upgrade')}".rstrip(),
                severity=Severity.ERROR if certain else Severity.WARNING,
                span=culprit.span_of("upgrade"),
                related=(other.tells("upgrade"),),
                case=stream.case,
            )
