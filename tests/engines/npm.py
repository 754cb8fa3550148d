"""What npm brings: Cloudflare's runtime ``workerd``, an engine whose binary is in the package, and ``wrangler``, which deploys to it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.engines.docker_cli import last_line
from tests.engines.images import cache_dir

WORKERD = "1.20261117.1"
"""The release that is tested, the one that this wrangler brings as well. Its middle number is the newest compatibility date it knows."""

WORKERD_ID = "workerd-1.20261117"
"""The engine's id: the version without the number of the build."""

WRANGLER = "4.164.0"
_TYPES = ("typescript@5.9.3", "@cloudflare/workers-types@5.20261117.1")
"""For the types in the Worker's comments."""
_NODE = "22.23.3"
"""For wrangler, where the machine's own is not newer: it takes 22.12 and up."""

_WITHIN = 240
"""Seconds for 410 MB; here it takes twenty."""


def prepare(say: Callable[[str], None]) -> str:
    """Install the packages below the cache, unless they are there; returns the reason if they cannot be had, else nothing."""
    if binary() and wrangler() and compiler():
        say(f"{WORKERD_ID} and wrangler {WRANGLER}: {_folder()} is here")
        return ""
    npm = shutil.which("npm")
    if not npm:
        return "npm is not on this machine: install Node.js"
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    # Without one npm would install into whatever project lies above.
    (folder / "package.json").write_text("{}")
    packages = [
        f"workerd@{WORKERD}",
        f"wrangler@{WRANGLER}",
        *_TYPES,
        *(() if _own_node() else (f"{_node_package()}@{_NODE}",)),
    ]
    try:
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages],
            cwd=folder, capture_output=True, text=True, check=False, timeout=_WITHIN,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"npm did not answer within {_WITHIN} s"
    if done.returncode or not (binary() and wrangler() and compiler()):
        return f"npm could not install {' '.join(packages)}: {last_line(done)}"
    say(f"{WORKERD_ID} and wrangler {WRANGLER}: installed below {folder}")
    return ""


def binary() -> Path | None:
    """The runtime, if it has been installed."""
    # One package a kind of machine; npm chooses.
    found = sorted(_folder().glob("node_modules/@cloudflare/workerd-*/bin/workerd"))
    return found[0] if found and os.access(found[0], os.X_OK) else None


def wrangler() -> tuple[str, ...] | None:
    """The command that runs wrangler, if it has been installed."""
    script = _folder() / "node_modules/wrangler/bin/wrangler.js"
    node = _own_node() or next(iter(_folder().glob(f"node_modules/{_node_package()}/bin/node")), None)
    return (str(node), str(script)) if node and script.exists() else None


def compiler() -> tuple[str, ...] | None:
    """The command that runs TypeScript's compiler with the types of the runtime, if it has been installed."""
    modules = _folder() / "node_modules"
    node, types = shutil.which("node"), modules / "@cloudflare" / "workers-types"
    found = node and types.exists() and (modules / "typescript").exists()
    return (str(node), str(modules / "typescript/bin/tsc"), "--types", str(types)) if found else None


def _own_node() -> Path | None:
    """The machine's Node.js, if it is surely new enough for wrangler."""
    node = shutil.which("node")
    if not node:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    return Path(node) if found and int(found[1]) > int(_NODE.partition(".")[0]) else None


def _node_package() -> str:
    return f"node-linux-{'arm64' if platform.machine() == 'aarch64' else 'x64'}"


def _folder() -> Path:
    return cache_dir() / f"workerd-{WORKERD}-wrangler-{WRANGLER}"
