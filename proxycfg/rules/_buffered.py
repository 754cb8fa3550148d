"""What the rules about held back answers share."""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.behavior import YES, Answer
from proxycfg.finding import Severity
from proxycfg.reading import ReadRoute
from proxycfg.rule import Case, Complaint


def held_back(case: Case, what: str) -> Iterator[Complaint]:
    """The complaint that ``what`` a stream carries waits in a buffer; none where buffering is off, or the application is known to switch it off."""
    buffered = case.shortfalls.get("response_buffering")
    if buffered is None or (case.stream.unbuffers and case.value("honors_x_accel_buffering") == YES):
        return
    holds = [_surely_held(case, route) for route in (case.route, case.older) if route is not None]
    sure = buffered.sure and all(holds)
    happens = "are held back" if sure else "may be held back"
    why = "They wait until a buffer is full or the answer ends, so they arrive in lumps, late, or all at the end."
    if buffered.sure and not holds[0] and any(holds):
        why = (
            "nginx before 1.29.7 surely holds them back, a newer one under some conditions; nothing says which runs this. "
            + why
        )
    yield Complaint(
        severity=Severity.ERROR if sure else case.open,
        message=f"{what} of {case.route.path} {happens}: {buffered.evidence.text}",
        why=buffered.because(why),
        span=buffered.span,
        wishes=("response_buffering",),
    )


def _surely_held(case: Case, route: ReadRoute) -> bool:
    """Whether a client waits for them, as that version reads the route."""
    return route.reading.behavior.stalls_on.within(case.need.accepted.stalls_on) is Answer.NO
