"""A Worker's runtime is one in which streams do not push back.

**What it sees.** A `compatibility_date` before 2024-12-16, or none, of a Worker whose source makes a `TransformStream`.

**Why it hurts.** Before that date a `TransformStream` takes whatever is written without waiting for its reader: a slow client fills the Worker's
memory.

**Instead.** A later `compatibility_date`, after a look at what else it changes; or the flag `fixup-transform-stream-backpressure`.

**When it is fine.** If the flag is set.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/workers/configuration/compatibility-flags/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

_SINCE = "2024-12-16"
_FLAG = "fixup-transform-stream-backpressure"

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("worker", category=Category.OPERATIONS, severity=Severity.WARNING, targets=("cloudflare",))
def worker_date_too_old(tree: CloudflareTree) -> Iterator[Complaint]:
    """The date, where the source depends on it."""
    for worker in tree.config.workers:
        said = worker.settings.get("compatibility_date")
        date = said.text() if said is not None else None
        flags = worker.settings.get("compatibility_flags")
        if worker.source is None or "TransformStream" not in worker.source.text or said is None or date is None:
            continue
        if date < _SINCE and not any(each.text() == _FLAG for each in (flags.items if flags is not None else ())):
            yield Complaint(
                message=f"a slow client fills the Worker's memory: compatibility_date {date}",
                why=f"Before {_SINCE} a TransformStream does not push back. Raise the date, or set the flag `{_FLAG}`.",
                span=said.span,
                fix=tree.fixer.write(said, _SINCE, safe=False),
            )
