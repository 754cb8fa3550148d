"""What the differential test has to know of a proxy, beside its lab."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
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
    :param opened: a lab for a version, with its files in a folder; raises EngineAbsent.
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
    opened: Callable[[str, Path], AbstractAsyncContextManager[Lab[ConfigT, Any]]]
    shown: Callable[[ConfigT], tuple[str, dict[str, str]]]
    parsed: Callable[[str, dict[str, str]], ConfigT]
    prune: Callable[[ConfigT, Shows], Awaitable[bool]]
