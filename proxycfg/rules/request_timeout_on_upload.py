"""A client stream ends with 408.

**What it sees.** A connection manager of Envoy with a `request_timeout`, in front of a route whose requests stream: gRPC and Connect, or what a
spec says of uploads.

**Why it hurts.** The timer runs until the last byte of a request has been passed on, or the answer has begun. A client stream that lasts longer,
and a bidirectional call whose server waits before its first headers, end with 408.

**Instead.** Leave `request_timeout` out, and bound headers alone: `request_headers_timeout: 10s`.

**When it is fine.** If every call begins its answer sooner, or is unary.

**Measured.** A POST that goes on was answered 408 on Envoy 1.40. Its configs show it in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/faq/configuration/timeouts>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Confidence, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.units import show_duration

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.TOTAL_TIMEOUT, severity=Severity.WARNING, targets=("envoy",))
def request_timeout_on_upload(tree: EnvoyTree) -> Iterator[Complaint]:
    """A timer on whole requests."""
    for case in tree.cases:
        uploads = not case.need.accepted.request_buffering.high
        if not uploads:
            continue
        for place in tree.places(case):
            seconds, said = place.hcm.seconds("request_timeout"), place.hcm.field("request_timeout")
            if seconds and said is not None:
                yield Complaint(
                    severity=Severity.WARNING if case.stream.confidence is Confidence.DECLARED else Severity.INFO,
                    message=f"a request of {case.title} that lasts longer than {show_duration(seconds)} ends with 408: {said.text}",
                    why="It counts until the last byte of the request, unless the answer has begun. Write `request_headers_timeout` in its place.",
                    span=said.span,
                    case=case,
                )
