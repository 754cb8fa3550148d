"""Signals that end a run in order."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from proxycfg.signals import ended_in_order, heed


@pytest.mark.parametrize(
    ("number", "leaves"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)],
)
def test_a_signal_leaves_the_block(number: signal.Signals, leaves: type[BaseException]) -> None:
    """By the exception that its exit code comes from; and signals do what they did before."""
    before = signal.getsignal(number)
    with pytest.raises(leaves), ended_in_order():
        os.kill(os.getpid(), number)

    assert signal.getsignal(number) is before
    heed()


def test_a_signal_whose_exception_is_lost_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python drops what is raised while an object goes."""
    lost: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    class Dying:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            sum(range(1000))

    with ended_in_order():
        Dying()
        assert lost
        with pytest.raises(SystemExit) as left:
            heed()

    assert left.value.code == 128 + signal.SIGTERM
