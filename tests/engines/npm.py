"""Cloudflare's runtime ``workerd``, which ships its binary in an npm package: an engine without a registry of images."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.engines.docker_cli import last_line
from tests.engines.images import cache_dir

WORKERD = "1.20261117.1"
"""The release that is tested. Its middle number is the newest compatibility date that it knows."""

WORKERD_ID = "workerd-1.20261117"
"""The engine's id: the version without the number of the build."""

_WITHIN = 240
"""Seconds for 160 MB; here it takes four."""


def prepare(say: Callable[[str], None]) -> str:
    """Install the package below the cache, unless it is there; returns the reason if it cannot be had, else nothing."""
    if binary():
        say(f"{WORKERD_ID}: {binary()} is here")
        return ""
    npm = shutil.which("npm")
    if not npm:
        return "npm is not on this machine: install Node.js"
    command = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(_folder()),
        f"workerd@{WORKERD}",
    ]
    _folder().mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_WITHIN)
    except subprocess.TimeoutExpired:
        return f"npm did not answer within {_WITHIN} s"
    if done.returncode or not binary():
        return f"npm could not install it: {last_line(done)}"
    say(f"{WORKERD_ID}: installed below {_folder()}")
    return ""


def binary() -> Path | None:
    """The program, if it has been installed."""
    # One package a kind of machine; npm chooses.
    found = sorted(_folder().glob("node_modules/@cloudflare/workerd-*/bin/workerd"))
    return found[0] if found and os.access(found[0], os.X_OK) else None


def _folder() -> Path:
    return cache_dir() / f"workerd-{WORKERD}"
