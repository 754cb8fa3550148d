"""What the lab's container runs: lay the stage as root, then be nobody.

This is process 1 of the namespace that the proxy's processes live in, too. It ends when the lab does, which ends with its standard input; the
kernel then ends the proxy. Nothing is left behind, however the other side of standard input has ended.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from proxycfg.lab import world
from proxycfg.lab.floor import run

_NOBODY = 65533
"""Neither root nor the user that the proxy runs as: it can do nothing to us."""
_MARK = ".proxycfg"
"""A volume that is not empty is not filled from the image that it is mounted over."""


def main() -> None:
    """Read what is to be set up from standard input, set it up, and be the lab."""
    setting = json.loads(sys.stdin.buffer.readline())
    os.umask(0)
    _write(setting["files"])
    for folder in setting["writable"]:
        _open_to_all(folder)
    made = world.make(setting["ports"], setting["own"], [(address, port) for address, port in setting["loopback"]])
    made.listeners.extend(_unix(setting["sockets"]))
    lab = os.fork()
    if not lab:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
        run(made, setting)
        return
    # Orphans of the proxy become ours.
    status = 0
    while True:
        pid, status = os.wait()
        if pid == lab:
            sys.exit(os.waitstatus_to_exitcode(status))


def _write(files: Iterable[Mapping[str, Any]]) -> None:
    for each in files:
        path = Path(each["path"])
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        path.write_bytes(base64.b64decode(each["base64"]))
        path.chmod(0o644)


def _open_to_all(folder: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True, mode=0o755)
    Path(folder).chmod(0o1777)
    (Path(folder) / _MARK).touch(mode=0o644)


def _unix(paths: Iterable[str]) -> Iterable[socket.socket]:
    """Listeners of an origin in the file system."""
    for path in paths:
        _open_to_all(os.path.dirname(path))
        made = socket.socket(socket.AF_UNIX)
        made.bind(path)
        Path(path).chmod(0o777)
        made.listen(128)
        yield made
