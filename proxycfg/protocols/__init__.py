"""Every protocol that the tool knows, one file each, found by looking into this folder."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from proxycfg.protocol import Protocol


@cache
def protocols() -> dict[str, Protocol]:
    """Name → protocol, sorted by name."""
    # `pkgutil` would import `inspect`, which is dear.
    names = (path.stem for path in Path(__file__).parent.iterdir() if path.suffix == ".py" and path.stem[0] != "_")
    found: list[Protocol] = [importlib.import_module(f"{__name__}.{name}").PROTOCOL for name in names]
    return {protocol.name: protocol for protocol in sorted(found, key=lambda protocol: protocol.name)}
