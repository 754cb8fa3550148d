"""A fixed sample of the tries, and the harness itself: what it would find, it finds."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from tests.fuzz import __main__ as fuzz
from tests.fuzz.__main__ import gathered, tried

if TYPE_CHECKING:
    import pytest


def test_a_sample_is_answered() -> None:
    """The first tries of one seed; ``python -m tests.fuzz`` makes more."""
    assert tried(gathered(None), "1", 400) == []


def _broken(seed: str, _texts: list[str]) -> None:
    number = int(seed.rpartition("/")[2])
    if number == 1:
        raise ValueError("as it happens")
    if number == 3:
        kept = [bytes(100 << 20) for _ in range(100)]
        assert kept
    if number == 5:
        while True:
            signal.pause()
    if number == 7:
        # As a crash of the interpreter would.
        os._exit(9)


def test_a_crash_a_hang_and_a_glutton_are_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the tries behind them are still made."""
    monkeypatch.setattr(fuzz, "judge", _broken)
    monkeypatch.setattr(fuzz, "PATIENCE", 1)

    wrong = tried([], "x", 9)

    assert [line.partition(" (")[0] for line in wrong] == [
        "1: ValueError: as it happens",
        "3: MemoryError: ",
        "5: TimeoutError: not done in 1 s",
        "7: the process died with 9",
    ]
