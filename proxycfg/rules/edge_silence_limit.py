"""A pause of the origin ends the stream at Cloudflare.

**What it sees.** A route whose origin may be silent for 100 seconds or longer: a heartbeat that is slower, or a longest silence that is stated as
such; where `proxy_read_timeout` or `read_timeout` is set on Enterprise, or nothing says the plan, the value of that. A long-poll whose answers
may take so long.

**Why it hurts.** After 100 to 125 seconds without a byte from the origin Cloudflare answers 524, with a page of HTML, or resets a stream that has
begun. Only Enterprise can raise it.

**Instead.** Let the origin send something every 15 to 30 seconds, and a first byte (`: ok`) at once; or put the heartbeat Worker of `proxycfg
generate` (`worker: true`) in front.

**When it is fine.** If the origin never falls silent; say how often it speaks: `# proxycfg: protocol=sse heartbeat=15s`.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/error-524/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.units import show_duration

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom(category=Category.IDLE_TIMEOUT, severity=Severity.ERROR, targets=("cloudflare",))
def edge_silence_limit(tree: CloudflareTree) -> Iterator[Complaint]:
    """What is silent for longer than the edge waits."""
    for case in tree.cases:
        allowed = case.stream.idle_timeout
        quiet = case.heartbeat if allowed is None else allowed
        limit = case.value("upstream_idle_timeout")
        if quiet is None or quiet < limit.low:
            continue
        evidence = case.route.reading.evidence["upstream_idle_timeout"]
        sure = quiet >= limit.high
        yield Complaint(
            severity=Severity.ERROR if sure else Severity.WARNING,
            message=f"a silence of {show_duration(quiet)} {'cuts' if sure else 'may cut'} {case.title}: {evidence.text}",
            why="Before the first byte that is a 524 and a page of HTML, later a reset. Let the origin send something every 15s to 30s.",
            span=case.stream.span or evidence.span or case.route.span,
            case=case,
        )
