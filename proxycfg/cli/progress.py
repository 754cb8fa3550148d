"""How far a long run has come, for somebody who waits at a terminal: one line on standard error, gone before anything else is said."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Self, TextIO

PATIENCE = 1.0
"""Seconds that nobody minds waiting; shorter runs say nothing."""
_PACE = 0.1
"""Seconds from one look of the line to the next."""
_WIDTH = 30
"""Columns of the bar."""


class Progress:
    """A :data:`~proxycfg.watch.Watch` that shows what it is told."""

    def __init__(self, stream: TextIO, *, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is shown but to a terminal; ``clock`` gives seconds."""
        self._stream = stream
        self._on = not quiet and stream.isatty() and os.environ.get("TERM") != "dumb"
        self._clock = clock
        self._next = clock() + PATIENCE
        self._what = ""
        self._done = 0
        self._shown = False

    def __call__(self, what: str, of: int) -> None:
        """One more of ``what`` is done, of so many; 0 if nobody knows."""
        if not self._on:
            return
        if what != self._what:
            self._what, self._done = what, 0
        self._done += 1
        now = self._clock()
        if now >= self._next:
            self._next = now + _PACE
            self._shown = True
            self._stream.write(f"\r\x1b[K{self._line(of)}")
            self._stream.flush()

    def _line(self, of: int) -> str:
        if not of:
            return f"{self._what}: {self._done:,}"
        filled = _WIDTH * self._done // of
        return f"{self._what}: [{'#' * filled}{'-' * (_WIDTH - filled)}] {self._done:,} of {of:,}"

    def __enter__(self) -> Self:
        """Nothing is shown yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever ended it, the line goes."""
        self.clear()

    def clear(self) -> None:
        """Take the line away, before anything else is written."""
        if self._shown:
            self._shown = False
            self._stream.write("\r\x1b[K")
            self._stream.flush()
