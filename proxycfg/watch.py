"""Who is told how far a long run has come: nobody, as far as the verbs know."""

from __future__ import annotations

from collections.abc import Callable

Watch = Callable[[str, int], None]
"""One more is done of what is named, in words for people; and how many there are of it, 0 if nobody knows yet."""


def unwatched(_what: str, _of: int) -> None:
    """Nobody looks."""
