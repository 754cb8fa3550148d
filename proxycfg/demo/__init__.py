"""``proxycfg demo``: tokens that stream through a generated config, beside a stock one that keeps or cuts them.

An origin says one answer to two readers, one behind each config, at the same time and on the same engine. What is shown is what
the readers saw; ``story`` says what a stock config is known to do, ``judge`` whether it did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from proxycfg.demo.engines import Wanted

__all__ = ["Options", "Wanted", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What ``proxycfg demo`` can be told.

    :param plain: lines of text instead of the live view, which needs a terminal anyway.
    :param as_json: print the measurement as JSON, and nothing else.
    :param quiet: no word on the way: the figures and what they mean.
    :param color: colours in the live view; None where the environment decides.
    :param save_svg: write a picture of the final view there.
    :param seconds: let the answer last so long; None for as long as its story needs.
    """

    wanted: Wanted = field(default_factory=Wanted)
    plain: bool = False
    as_json: bool = False
    quiet: bool = False
    color: bool | None = None
    save_svg: Path | None = None
    seconds: float | None = None


def run(options: Options) -> int:
    """Show it, and return the exit status: 0 if the generated config streamed and the stock one did not, else 1.

    :raises BadUsage: if the options contradict each other.
    :raises CannotRun: if there is no engine, or the extra ``demo`` is not installed.
    """
    from proxycfg.demo.stage import perform  # noqa: PLC0415 - needs the extra `demo`, and says so

    return perform(options)
