"""What the rules about held back answers share."""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.behavior import Answer
from proxycfg.finding import Severity
from proxycfg.rule import Case, Complaint


def held_back(case: Case, what: str) -> Iterator[Complaint]:
    """The complaint that ``what`` a stream carries waits in a buffer; none where buffering is off."""
    buffered = case.shortfalls.get("response_buffering")
    if buffered is None:
        return
    # By whichever version: the older one holds back what the newest lets through in clear text.
    held = [
        route.reading.behavior.stalls_on.within(case.need.accepted.stalls_on)
        for route in (case.route, case.older)
        if route is not None
    ]
    sure = buffered.sure and Answer.NO in held
    happens = "are held back" if sure else "may be held back"
    yield Complaint(
        severity=Severity.ERROR if sure else Severity.WARNING,
        message=f"{what} of {case.route.path} {happens}: {buffered.evidence.text}",
        why="They wait until a buffer is full or the answer ends, so they arrive in lumps, late, or all at the end.",
        span=buffered.span,
        wishes=("response_buffering",),
    )
