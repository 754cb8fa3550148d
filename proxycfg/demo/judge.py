"""From two timelines to a verdict: did the generated config stream, and did the stock one fail to? Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from proxycfg.demo.timeline import Ending, Timeline

if TYPE_CHECKING:
    from proxycfg.demo.story import Cause, Story

PROMPT = 0.5
"""Seconds that a token may be on its way and still count as streamed: far more than a loopback needs, far less than a reader
notices as a stall."""
CLEARLY = 4.0
"""How many times later than the generated one a stock config must be: a machine that hiccups delays both."""


class Verdict(StrEnum):
    """What became of an answer on its way."""

    FLOWS = "flows"
    LATE = "late"
    CUT = "cut"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the two timelines show.

    ``cause`` is what explains the stock config's trouble, None where it had none or another than this demo knows.
    """

    stock: Verdict
    generated: Verdict
    contrast: bool
    cause: Cause | None

    @property
    def passed(self) -> bool:
        """The generated config streams, the stock one does not, and it is known why."""
        return self.contrast and self.cause is not None


def verdict_of(timeline: Timeline) -> Verdict:
    """One lane by itself."""
    if timeline.ending is Ending.REFUSED:
        return Verdict.REFUSED
    if timeline.ending is not Ending.COMPLETE or len(timeline.tokens) < timeline.planned:
        return Verdict.CUT
    lateness = timeline.lateness
    # Without the origin's own record nothing proves that it was prompt.
    return Verdict.FLOWS if lateness is not None and lateness <= PROMPT else Verdict.LATE


def judge(story: Story, stock: Timeline, generated: Timeline) -> Outcome:
    """Both lanes, side by side."""
    theirs, ours = verdict_of(stock), verdict_of(generated)
    contrast = ours is Verdict.FLOWS and (
        theirs is Verdict.CUT or (theirs is Verdict.LATE and _clearly(stock, generated))
    )
    cause = next((cause for cause in story.causes if cause.explains(theirs, stock)), None) if contrast else None
    return Outcome(theirs, ours, contrast, cause)


def _clearly(stock: Timeline, generated: Timeline) -> bool:
    return (stock.lateness or 0.0) >= CLEARLY * (generated.lateness or 0.0)
