"""Python's garbage collector, held off while something large is built that lives until the end, and kept from it then."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_off() -> Iterator[None]:
    """No collection inside; as a decorator, none while the function runs.

    A spec and its configs are kept whole, so the collector finds nothing in them: walking them again and again as they grew took
    half the time of 10,000 routes (exponent 1.2 instead of 1). Peak memory is the same without it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():
                # What was built counts as old from now on: otherwise the next allocation would walk all of it once.
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def let_go() -> None:
    """Leave all that there is to the end of the process: the last thing before it.

    Python would walk the trees of a large configuration once more and take them apart, which was a fifth of the time that linting takes.
    """
    gc.freeze()
