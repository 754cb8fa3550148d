"""Ends that programs are asked for from outside: they clear up, as they do after Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_came: list[int] = []


def heed() -> None:
    """Leave, if a signal has come whose exception was lost: Python drops what is raised in a destructor or in a callback of its collector.

    For loops that wait, inside of :func:`ended_in_order`.
    """
    if _came:
        raise _leaving(_came[0])


def _leaving(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP leave by an exception for as long as the block lasts; outside of the main thread nothing changes.

    What is ignored stays ignored, as SIGINT is by what a script starts in the background.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: FrameType | None) -> None:
        _came.append(number)
        raise _leaving(number)

    heard = [
        each for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) != signal.SIG_IGN
    ]
    before = {number: signal.signal(number, leave) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _came.clear()
