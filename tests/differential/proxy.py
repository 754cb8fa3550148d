"""What the differential test has to know of a proxy, beside its lab."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tests.differential.lab import Lab

ConfigT = TypeVar("ConfigT")
Shows = Callable[[], Awaitable[bool]]
"""Whether a config still shows a disagreement."""


@dataclass(frozen=True)
class Proxy(Generic[ConfigT]):
    """A proxy under test.

    :param title: its name as people write it.
    :param at_once: configs that run side by side: they wait more than they work.
    :param page: what a run has shown is written there.
    :param remarks: what is to be said about how a property is measured, by property.
    :param kept: the folder of disagreements that are kept, each with a config in ``file``.
    :param make: the config of a seed for a version.
    :param shown: a config as text, and the protocol that each route is declared to carry, by place; ``parsed`` turns it back.
    :param prune: takes away what is not needed to show a disagreement; whether anything was.
    """

    name: str
    title: str
    versions: tuple[str, ...]
    at_once: int
    page: Path
    remarks: Mapping[str, str]
    kept: Path
    file: str
    lab: type[Lab[ConfigT, Any]]
    make: Callable[[int, str], ConfigT]
    shown: Callable[[ConfigT], tuple[str, dict[str, str]]]
    parsed: Callable[[str, dict[str, str]], ConfigT]
    prune: Callable[[ConfigT, Shows], Awaitable[bool]]


async def thinned(items: list[Any], shows: Shows) -> bool:
    """Take away what is not needed to show it, the largest pieces first; whether anything was."""
    before = len(items)
    size = (len(items) + 1) // 2
    while size:
        for at in range(len(items) - size, -size, -size):
            low = max(0, at)
            taken = items[low : at + size]
            del items[low : at + size]
            if not await shows():
                items[low:low] = taken
        size //= 2
    return len(items) < before
