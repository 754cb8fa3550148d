"""Every protocol that the tool knows, one file each, found by looking into this folder."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from proxycfg.protocol import Protocol


@cache
def protocols() -> dict[str, Protocol]:
    """Name → protocol, sorted by name."""
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    found: list[Protocol] = [module.PROTOCOL for module in modules if hasattr(module, "PROTOCOL")]
    return {protocol.name: protocol for protocol in sorted(found, key=lambda protocol: protocol.name)}
