"""Engines in Docker: found through its command line, run with as few rights as a proxy needs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from proxycfg.demo.engines import Absent, Engine, EngineName, Say
from proxycfg.demo.process import Running, running

OFFICIAL: dict[EngineName, str] = {"nginx": "nginx:1.30", "envoy": "envoyproxy/envoy:v1.40.0"}
"""The images that users run; ``PROXYCFG_NGINX_IMAGE`` and ``PROXYCFG_ENVOY_IMAGE`` name others."""

_ANSWERS_WITHIN = 10.0
_PULLS_WITHIN = 60.0
_NOBODY = 65534
_WRITABLE = ("/tmp", "/run", "/var/log/nginx", "/var/cache/nginx", "/var/lib/nginx")  # noqa: S108 - in the container
_VERSION = re.compile(r"(?:nginx/|/)(\d+\.\d+\.\d+)[/\s]")


def official(name: EngineName, say: Say) -> Engine:
    """The engine in its official image, or in the one that the environment names.

    :raises Absent: if Docker does not answer, or the image is not to be had.
    """
    return from_image(os.environ.get(f"PROXYCFG_{name.upper()}_IMAGE") or OFFICIAL[name], name, say)


def from_image(image: str, wanted: str, say: Say) -> Engine:
    """The engine in an image; with ``wanted`` "auto" the image is asked what it holds.

    :raises Absent: if Docker does not answer, or the image is not to be had, or holds something else.
    """
    _need_docker()
    if _docker("image", "inspect", image).returncode:
        say(f"Docker pulls {image} ...")
        pulled = _docker("pull", "--quiet", image, seconds=_PULLS_WITHIN)
        if pulled.returncode:
            raise Absent(f"Docker cannot pull {image}: {_last_line(pulled)}")
    names: Sequence[EngineName] = ("nginx", "envoy") if wanted == "auto" else (wanted,)  # type: ignore[assignment]
    said = ""
    for name in names:
        flag = "-v" if name == "nginx" else "--version"
        asked = _docker("run", "--rm", "--network=none", *_RIGHTS, f"--entrypoint={name}", image, flag)
        if asked.returncode == 0 and (found := _VERSION.search(asked.stdout + asked.stderr + "\n")):
            return InDocker(name, found[1], image)
        said = _last_line(asked)
    raise Absent(f"the image {image} holds no {' and no '.join(names)}: {said}")


_RIGHTS = (
    "--pull=never",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    f"--user={_NOBODY}:{_NOBODY}",
    # The owner says it: runc before 1.2 gives the mount the mode of the folder below it, whatever mode is asked for.
    *(f"--tmpfs={path}:mode=1777,uid={_NOBODY},gid={_NOBODY}" for path in _WRITABLE),
)


class InDocker(Engine):
    """An engine in a container: the host's network, since everything it talks to is on loopback, and nothing else of the host."""

    def __init__(self, name: EngineName, version: str, image: str) -> None:
        """Know the image."""
        self.name, self.version, self.image = name, version, image
        self.place = f"Docker image {image}"

    @contextlib.contextmanager
    def run(self, label: str, config: Path, port: int, folder: Path) -> Iterator[Running]:
        """In a container of its own, which is removed in any case."""
        container = f"{folder.name}-{label}"
        command = [
            "docker", "run", "--rm", f"--name={container}", "--network=host", *_RIGHTS,
            # Under the same path inside and outside, so that the files say where they are.
            "--mount", f"type=bind,source={folder},target={folder},readonly",
            f"--entrypoint={self.name}", self.image, *arguments(self.name, config),
        ]  # fmt: skip
        log = folder / "run" / f"{label}.log"
        log.parent.mkdir(exist_ok=True)
        try:
            with running(f"{self} ({label})", command, port, log) as started:
                yield started
        finally:
            # Usually gone by now; the client may have been ended before its container.
            _docker("rm", "--force", container)


def arguments(name: EngineName, config: Path) -> list[str]:
    """The arguments with which an engine stays in the foreground and writes to standard error."""
    if name == "nginx":
        return ["-c", str(config), "-e", "stderr", "-g", "daemon off;"]
    # Laid over the file: the port that it gives to Envoy's own interface may be taken by another Envoy of this machine.
    admin = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}"
    return [
        "-c",
        str(config),
        "--config-yaml",
        admin,
        "--concurrency",
        "1",
        "--log-level",
        "warning",
        "--disable-hot-restart",
    ]


def _need_docker() -> None:
    if shutil.which("docker") is None:
        raise Absent("there is no `docker` on the PATH")
    answer = _docker("version", "--format", "{{.Server.Version}}")
    if answer.returncode or not answer.stdout.strip():
        raise Absent(f"Docker does not answer: {_last_line(answer)}")


def _docker(*arguments: str, seconds: float = _ANSWERS_WITHIN) -> subprocess.CompletedProcess[str]:
    command = ["docker", *arguments]
    try:
        return subprocess.run(  # noqa: S603 - a list of words; the image's name is the user's own
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {seconds:g} s")
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def _last_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else f"exit status {result.returncode}"
