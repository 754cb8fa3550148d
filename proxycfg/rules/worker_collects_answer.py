"""A Worker reads the whole of a stream before it answers.

**What it sees.** In the source of a Worker that speaks of `text/event-stream`: `await response.text()` (`json()`, `arrayBuffer()`, `blob()`,
`formData()`) of what `fetch` gave, put into a new `Response`; not where the source also passes on the body of such an answer, so that it tells
those that stream from others.

**Why it hurts.** Nothing leaves the Worker before the origin has ended, and an endless stream fills its 128 MB.

**Instead.** `return fetch(request)`, or `new Response(response.body, response)`.

**When it is fine.** If that branch never carries the stream.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/workers/runtime-apis/streams/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.targets.cloudflare.worker_files import collected

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("worker", category=Category.RESPONSE_BUFFERING, severity=Severity.WARNING, targets=("cloudflare",))
def worker_collects_answer(tree: CloudflareTree) -> Iterator[Complaint]:
    """Answers that are read and given on."""
    for worker in tree.config.workers:
        if worker.source is None or not worker.streams:
            continue
        for how, span in collected(worker.source):
            yield Complaint(
                message=f"an answer of the origin is collected: {how}",
                why="Nothing leaves before the origin ends. Write `new Response(response.body, response)`, or return what `fetch` gives.",
                span=span,
            )
