"""Every rule, one file each, found by looking into this folder: ``rules/idle_timeout_too_short.py`` holds ``idle-timeout-too-short``.

``index.py`` says of each what must be known before it is asked, so that a run imports those alone that have something to look at: sixty
modules took a third of the time of linting one file. ``make docs`` writes it, and a test compares; a rule that it lacks is imported.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from proxycfg.finding import Category, Severity
from proxycfg.rule import Rule
from proxycfg.rules.index import INDEX


@cache
def rules() -> dict[str, Rule]:
    """Name → rule, sorted by name; what it does, and its page, are loaded when they are asked for."""
    return {name: _lazy(name, INDEX[name]) if name in INDEX else load(name) for name in present()}


@cache
def load(name: str) -> Rule:
    """A rule as its file has it."""
    identifier = name.replace("-", "_")
    found: Rule = getattr(importlib.import_module(f"{__name__}.{identifier}"), identifier)
    return found


def present() -> list[str]:
    """The names of the rules that are there, sorted."""
    # What several rules share begins with an underscore, as in protocols/. `pkgutil` would import `inspect`, which is dear.
    names = (path.stem for path in Path(__file__).parent.iterdir() if path.suffix == ".py")
    return sorted(name.replace("_", "-") for name in names if not name.startswith("_") and name != "index")


Row = tuple[str, str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...] | None, tuple[str, ...]]
"""Kind, category, severity, targets, properties, protocols, directives."""


def row_of(rule: Rule) -> Row:
    """What the index says of a rule."""
    kind = "check" if rule.check else "inspect" if rule.inspect else "review"
    protocols = None if rule.protocols is None else tuple(sorted(rule.protocols))
    return (
        kind, rule.category.value, rule.severity.value, rule.targets, rule.properties, protocols, tuple(sorted(rule.directives)),
    )  # fmt: skip


def _lazy(name: str, row: Row) -> Rule:
    kind, category, severity, targets, properties, protocols, directives = row

    def asked(about: Any) -> Any:
        return getattr(load(name), kind)(about)

    does: dict[str, Callable[[Any], Any]] = {kind: asked}
    return Rule(
        name=name,
        category=Category(category),
        severity=Severity(severity),
        read_page=lambda: load(name).page,
        targets=targets,
        properties=properties,
        protocols=None if protocols is None else frozenset(protocols),
        directives=frozenset(directives),
        **does,
    )
