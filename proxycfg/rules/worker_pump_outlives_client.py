"""A Worker goes on pumping when its client has left.

**What it sees.** In the source of a Worker that speaks of `text/event-stream`: `waitUntil(… .pipeTo(…))`, and nothing that asks `request.signal`.

**Why it hurts.** `waitUntil` keeps the exchange with the origin alive for up to 30 seconds after the client has left; the origin goes on
generating for nobody.

**Instead.** Start the pump without `waitUntil`, or pass `{ signal: request.signal }` to `pipeTo`, with the compatibility flag
`enable_request_signal`.

**When it is fine.** If the work is to go on without the client.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/workers/platform/limits/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.targets.cloudflare.worker_files import pumped

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("worker", category=Category.OPERATIONS, severity=Severity.WARNING, targets=("cloudflare",))
def worker_pump_outlives_client(tree: CloudflareTree) -> Iterator[Complaint]:
    """Pumps in waitUntil."""
    for worker in tree.config.workers:
        if worker.source is None or not worker.streams:
            continue
        for span in pumped(worker.source):
            yield Complaint(
                message="the pump of a stream goes on for 30s after the client has left: waitUntil",
                why="The origin works for nobody. Start it without waitUntil, or end it on `request.signal`.",
                span=span,
            )
