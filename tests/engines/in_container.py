"""Engines in containers: one long-lived container per version, in which each test starts its own proxy processes.

A container per proxy would take a second to come and go; a process in a container that is already there takes a tenth.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.engines.catalogue import FAKETIME, Engine
from tests.engines.docker_cli import docker, last_line
from tests.engines.names import Names
from tests.engines.running import LOGS, Process, Runner

SESSION_LABEL = "proxycfg.session"
"""Whose container it is: the process id of the test session and the namespace in which that number means something."""

_RUN = "/tmp/proxycfg"
_WRITABLE = ("/tmp", "/run", "/var/log/nginx", "/var/cache/nginx", "/var/lib/nginx")
_LIVES_AT_MOST = 3 * 3600
_START = 'mkdir -p "$0" && cd "$0" && echo $$ >"$1" && { [ -z "$2" ] || exec >>"$2" 2>&1; } && shift 2 && exec "$@"'
# On a busy machine the order to end can overtake the order to start: it waits for the process id, or it would be lost.
_SIGNAL = 'until [ -s "$0" ]; do sleep 0.02; done; pid=$(cat "$0") && kill -s "$1" -- "$2$pid"'
_CHILDREN = """\
pid=$(cat "$0")
for child in $(cat "/proc/$pid/task/$pid/children"); do
  echo "$child $(tr '\\0' ' ' <"/proc/$child/cmdline")"
done
"""


def project_name() -> str:
    """The compose project of this process."""
    return f"proxycfg-{os.getpid()}"


def container_name(project: str, engine: Engine) -> str:
    """The name of the container of that engine in that compose project."""
    return f"{project}-{engine.id}"


def compose_file(project: str, engines: Iterable[Engine], scratch: Path, mounts: Iterable[Path]) -> str:
    """The compose file for one test session. JSON, which every YAML reader reads.

    Host networking keeps all traffic on the loopback interface that the tests listen on, too. The hosts file stands in
    for ``extra_hosts``, which would be fixed once the container runs. The lifetime is an upper bound for what a killed
    session leaves behind.
    """
    services = {}
    for engine in engines:
        # A file that is to be mounted must exist before the container does.
        own = runner_scratch(scratch, engine)
        names = Names(own)
        (own / LOGS).mkdir(exist_ok=True)
        services[engine.id] = {
            "image": engine.image,
            "container_name": container_name(project, engine),
            "pull_policy": "never",
            "network_mode": "host",
            "entrypoint": ["sleep"],
            "command": [str(_LIVES_AT_MOST)],
            "user": "0:0",
            "working_dir": "/",
            "read_only": True,
            "tmpfs": list(_WRITABLE),
            "volumes": [
                *(_mount(path, path) for path in mounts),
                _mount(own / LOGS, own / LOGS, writable=True),
                _mount(names.hosts_file, Path("/etc/hosts")),
                _mount(names.resolver_file, Path("/etc/resolv.conf")),
            ],
            "stop_grace_period": "0s",
            "labels": {SESSION_LABEL: f"{os.getpid()} {_pid_namespace()}"},
        }
    return json.dumps({"services": services}, indent=2)


def runner_scratch(scratch: Path, engine: Engine) -> Path:
    """Where the runner of that engine keeps its files: part of the compose file, so known before the runner is."""
    return scratch / engine.id


@contextlib.contextmanager
def leash(containers: Iterable[str]) -> Iterator[None]:
    """Remove the containers when this block ends, or this process, however it ends.

    pytest takes them down by itself after Ctrl-C, but not when it is terminated or killed. The kernel closes the pipe
    in every case, and the one at its other end then does what is left to do.
    """
    script = 'cat >/dev/null; exec docker rm --force --volumes "$@"'
    with subprocess.Popen(
        ["sh", "-c", script, "sh", *containers],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ):
        yield


def sweep() -> None:
    """Remove the containers of sessions that are gone, leash and all: a crash of the machine leaves them."""
    listed = docker(
        "ps", "--all", f"--filter=label={SESSION_LABEL}", f'--format={{{{.ID}}}} {{{{.Label "{SESSION_LABEL}"}}}}'
    )
    rows = (line.split() for line in listed.stdout.splitlines())
    orphans = [
        container
        for container, pid, namespace in rows
        if namespace == _pid_namespace() and not Path("/proc", pid).exists()
    ]
    if orphans:
        docker("rm", "--force", "--volumes", *orphans)


class ContainerRunner(Runner):
    """Starts proxies in the container of their engine, which must be up."""

    def __init__(self, engine: Engine, scratch: Path, container: str, mounts: Sequence[Path]) -> None:
        """``mounts`` are the directories the container sees, each under its own path."""
        super().__init__(engine, scratch)
        self._container = container
        self._mounts = tuple(mounts)

    def wrap(self, command: Sequence[str], run_dir: str, pid_file: str, log: Path | None = None) -> list[str]:
        """A shell notes its process id and becomes the command.

        The log is written from inside: through the Docker client it would come some milliseconds late, and a test that
        looks for a line would sometimes look too early.
        """
        return ["docker", "exec", self._container, "sh", "-c", _START, run_dir, pid_file, str(log or ""), *command]

    def signal(self, process: Process, name: str) -> None:
        """Ending the client would not end what it started, so the signal is sent from inside."""
        group = "-" if name == "KILL" else ""
        self._exec("sh", "-c", _SIGNAL, f"{process.run_dir}/{process.pid_file}", name, group)

    def children(self, process: Process) -> dict[str, str]:
        """From /proc: the image has no ps."""
        listed = self._exec("sh", "-c", _CHILDREN, f"{process.run_dir}/{process.pid_file}")
        rows = (line.partition(" ") for line in listed.stdout.splitlines())
        return {pid: title for pid, _, title in rows}

    def read(self, process: Process, path: str, missing: str | None) -> str:  # noqa: ARG002
        """With ``cat``: what is in a tmpfs cannot be copied out in another way."""
        read = self._exec("cat", path)
        if read.returncode == 0:
            return read.stdout
        if missing is None:
            raise FileNotFoundError(f"{self._container}:{path}: {last_line(read)}")
        return missing

    def run_dir(self, name: str) -> str:
        """In the container's /tmp."""
        return f"{_RUN}/{name}"

    def faketime(self) -> str | None:
        """Where every image of ours has it."""
        return FAKETIME if self.engine.time_lapse else None

    def check_path(self, config: Path) -> None:
        """The container sees the mounted directories only."""
        if not any(config.is_relative_to(mount) for mount in self._mounts):
            seen = " or ".join(map(str, self._mounts))
            raise ValueError(
                f"{config} is not visible in the container: write configs below {seen} (pytest's tmp_path is)"
            )

    def _exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        return docker("exec", self._container, *command, timeout=20)


def _mount(source: Path, target: Path, *, writable: bool = False) -> dict[str, object]:
    return {"type": "bind", "source": str(source), "target": str(target), "read_only": not writable}


def _pid_namespace() -> str:
    with contextlib.suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return "unknown"
