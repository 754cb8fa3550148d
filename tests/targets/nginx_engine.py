"""The real nginx as judge: one container checks many configs, and a running one answers requests."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engines import NGINX, EngineAbsent, need, required
from tests.engines.in_container import leash

VERSIONS = tuple(name.removeprefix("nginx-") for name in NGINX)
"""What can be run; the generator knows older ones, too."""

_WRITABLE = ("/var/log/nginx", "/var/cache", "/var/lib/nginx", "/run", "/tmp")
_CHECK = 'for file in "$0"/*.conf; do echo "== ${file##*/}"; nginx -q -t -e stderr -c "$file" 2>&1; done'


def image(version: str) -> str:
    """The image of that version; its absence is a skip, or a failure where engines are required."""
    try:
        engine = need(f"nginx-{version}")
    except EngineAbsent as absent:
        if required():
            pytest.fail(f"PROXYCFG_REQUIRE_ENGINES is set, but {absent}", pytrace=False)
        pytest.skip(str(absent))
    if not engine.image:
        pytest.skip(f"{engine} is no image: many configs are checked in one container")
    return engine.image


def check(version: str, configs: Mapping[str, str], folder: Path, *mounts: Path) -> dict[str, str]:
    """What ``nginx -t`` says of each config, by name; an empty text is a plain yes. One container for all of them."""
    folder.mkdir()
    for name, text in configs.items():
        (folder / f"{name}.conf").write_text(text, encoding="utf-8")
    command = _run("none", folder, *mounts)
    done = subprocess.run(
        [*command, image(version), "sh", "-c", _CHECK, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode in (0, 1), done.stderr
    said = {}
    for part in done.stdout.split("== ")[1:]:
        name, _, text = part.partition("\n")
        said[name.removesuffix(".conf")] = text.strip()
    return said


def _run(network: str, *mounts: Path, user: int = 0) -> list[str]:
    command = ["docker", "run", "--rm", f"--network={network}", "--read-only", f"--user={user}:{user}"]
    for path in _WRITABLE:
        command += ["--tmpfs", f"{path}:uid={user}"]
    for mount in mounts:
        command += ["--volume", f"{mount}:{mount}:ro"]
    return command


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    version: str
    port: int
    container: str
    config: Path

    def read(self, path: str) -> str:
        """A file as it sees it."""
        return self.exec("cat", path)

    def exec(self, *command: str) -> str:
        """What a command in the container prints."""
        done = subprocess.run(["docker", "exec", self.container, *command], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def ask(self, request: str | bytes, timeout: float = 5.0) -> bytes:
        """All that comes back for some bytes, until the connection ends or is silent for too long."""
        data = request if isinstance(request, bytes) else request.encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.sendall(data)
            parts = []
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while part := connection.recv(65536):
                    parts.append(part)
            return b"".join(parts)


@contextlib.contextmanager
def running(
    version: str, text: str, folder: Path, port: int, *mounts: Path, user: int = 0, at: str = "127.0.0.1"
) -> Iterator[Nginx]:
    """An nginx on host networking, for as long as the block lasts. A site file gets a main file around it by the caller."""
    folder.mkdir(exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(text, encoding="utf-8")
    name = f"proxycfg-nginx-{uuid.uuid4().hex[:12]}"
    command = [*_run("host", folder, *mounts, user=user), "--name", name, image(version)]
    program = ["nginx", "-e", "stderr", "-g", "daemon off;", "-c", str(config)]
    with (
        # A session that is killed runs no `finally`.
        leash([name]),
        subprocess.Popen([*command, *program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
    ):
        try:
            _await(at, port, process)
            yield Nginx(version, port, name, config)
        finally:
            subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
            process.wait(10)


def _await(at: str, port: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection((at, port), 1).close()
            return
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise AssertionError(f"nginx does not listen on {port}: {process.stdout.read() if process.stdout else ''}")
        time.sleep(0.02)
