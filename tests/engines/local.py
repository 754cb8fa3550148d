"""Engines that are programs of this machine, in surroundings like those of a container."""

from __future__ import annotations

import contextlib
import functools
import os
import signal as signals
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.engines.presence import EngineAbsent, local_faketime
from tests.engines.running import Process, Runner

_WRITABLE = ("/var/log/nginx", "/var/cache/nginx", "/var/lib/nginx", "/run")
_UNSHARE = ("unshare", "--mount", "--propagation", "private")
_USER = ("--user", "--map-root-user")
_MOUNT = """\
mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf || exit 125
shift 2
while [ "$1" != -- ]; do mount -t tmpfs tmpfs "$1" || exit 125; shift; done
shift
"""
_START = 'mkdir -p "$1" && cd "$1" && echo $$ >"$2" && shift 2 && exec "$@"'


class LocalRunner(Runner):
    """Starts proxies as children of the test process.

    Each has mounts of its own, in which the names are the caller's and nginx's directories are empty and writable: the
    nginx that may be running on this machine keeps its pid file and its logs. Root may do that, and elsewhere most
    ordinary users in a user namespace. Where neither is allowed, proxies run in the bare surroundings, and a test whose
    names do not resolve by themselves is told so.
    """

    def wrap(self, command: Sequence[str], run_dir: str, pid_file: str, log: Path | None = None) -> list[str]:  # noqa: ARG002
        """Mount, go back to the user we were, note the process id, become the command."""
        start = ["sh", "-c", _START, "sh", run_dir, pid_file, *command]
        if not _private_mounts():
            return start
        hide = [path for path in _WRITABLE if os.path.isdir(path) and not self.scratch.is_relative_to(path)]  # noqa: PTH112
        mounts = [str(self.names.hosts_file), str(self.names.resolver_file), *hide, "--"]
        become = 'exec "$@"'
        if os.geteuid() != 0:
            become = f'exec unshare --user --map-user={os.geteuid()} --map-group={os.getegid()} -- "$@"'
        return [*_private_mounts(), "--", "sh", "-c", _MOUNT + become, "sh", *mounts, *start]

    def signal(self, process: Process, name: str) -> None:
        """Every step of :meth:`wrap` replaces the one before, so the child is the proxy."""
        number = signals.Signals[f"SIG{name}"]
        with contextlib.suppress(ProcessLookupError):
            if name == "KILL":
                os.killpg(process.popen.pid, number)
            else:
                process.popen.send_signal(number)

    def children(self, process: Process) -> dict[str, str]:
        """From /proc."""
        pid = process.popen.pid
        found = {}
        with contextlib.suppress(OSError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                with contextlib.suppress(OSError):
                    found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
        return found

    def read(self, process: Process, path: str, missing: str | None) -> str:
        """Through the process's own view of the file system."""
        try:
            return Path(f"/proc/{process.popen.pid}/root{path}").read_text(errors="replace")
        except OSError:
            if missing is None:
                raise
            return missing

    def run_dir(self, name: str) -> str:
        """Below our own scratch directory."""
        return str(self.scratch / "run" / name)

    def faketime(self) -> str | None:
        """Where the package puts it."""
        return local_faketime()

    def check_surroundings(self, hosts: Mapping[str, str]) -> None:
        """Without mounts of our own there is only the machine's resolver, and nginx's directories are root's."""
        if _private_mounts():
            return
        if self.engine.name == "nginx" and os.geteuid() != 0:
            raise EngineAbsent(f"{self.engine} needs root here, because this user may not make mounts")
        for name, address in hosts.items():
            try:
                resolves = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None, socket.AF_INET)}
            except OSError:
                resolves = set()
            if resolves != {address}:
                raise EngineAbsent(
                    f"{self.engine}: the name {name} cannot be pointed at {address}, because this user may not make mounts: "
                    "run as root, or with Docker"
                )


@functools.cache
def _private_mounts() -> tuple[str, ...]:
    """The command that gives a process mounts of its own, or nothing where that is not allowed."""
    for command in (_UNSHARE,) if os.geteuid() == 0 else ((*_UNSHARE, *_USER),):
        try:
            probe = subprocess.run(
                [*command, "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True, check=False
            )
        except OSError:
            continue
        if probe.returncode == 0:
            return command
    return ()
