"""Every rule, one file each, found by looking into this folder: ``rules/idle_timeout_too_short.py`` holds ``idle-timeout-too-short``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from proxycfg.rule import Rule


@cache
def rules() -> dict[str, Rule]:
    """Name → rule, sorted by name."""
    # What several rules share begins with an underscore, as in protocols/.
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    found: list[Rule] = [getattr(importlib.import_module(f"{__name__}.{name}"), name) for name in names]
    return {rule.name: rule for rule in sorted(found, key=lambda rule: rule.name)}
