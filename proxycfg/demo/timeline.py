"""What a reader saw of one answer, and what can be measured from it: pure, so that a recorded timeline can be judged again."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise


class Ending(StrEnum):
    """How an answer ended for its reader."""

    RUNNING = "running"
    COMPLETE = "complete"
    """With the last word of the protocol, ``[DONE]``."""
    CUT = "cut"
    """The connection ended first."""
    REFUSED = "refused"
    """Another status than 200, or no answer at all."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer, and when it was read."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One answer as its reader met it; every time is in seconds after the reader's request."""

    planned: int
    """How many tokens the whole answer has."""
    tokens: tuple[Token, ...] = ()
    ending: Ending = Ending.RUNNING
    ended: float | None = None
    said: str = ""
    """The status or the error, where the answer was refused."""
    sent: tuple[float, ...] = ()
    """When the origin wrote each token."""
    left: float | None = None
    """When the proxy hung up on the origin, where it did so before the end."""
    spoken: str = field(default="")
    """The version of HTTP in which the proxy asked the origin."""

    @property
    def first(self) -> float | None:
        """The time to the first token."""
        return self.tokens[0].at if self.tokens else None

    @property
    def last(self) -> float | None:
        """When the last token was read."""
        return self.tokens[-1].at if self.tokens else None

    @property
    def longest_gap(self) -> float | None:
        """The longest time without anything new to read, the wait for the first token included."""
        if not self.tokens:
            return None
        times = [0.0, *(token.at for token in self.tokens)]
        return max(later - earlier for earlier, later in pairwise(times))

    @property
    def lateness(self) -> float | None:
        """How long the most delayed token was on its way from the origin to the reader."""
        delays = [token.at - sent for token, sent in zip(self.tokens, self.sent, strict=False)]
        return max(delays, default=None)

    @property
    def text(self) -> str:
        """What the reader has read."""
        return "".join(token.text for token in self.tokens)
