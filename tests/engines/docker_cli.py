"""Docker through its command line: the one interface that is the same on every machine that has Docker at all."""

from __future__ import annotations

import functools
import shutil
import subprocess

_ANSWER_WITHIN = 10
"""Seconds for questions the daemon answers from memory; a daemon that needs longer is as good as none."""


def docker(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run ``docker`` with ``arguments``; a call that takes too long counts as failed, with the reason on stderr."""
    command = ["docker", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {timeout:g} s")
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    """The last thing a failed command said: with Docker, that is the reason."""
    lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else f"exit status {result.returncode}"


@functools.cache
def why_no_docker() -> str | None:
    """The reason why no container can be started, or ``None`` when the daemon answers."""
    if shutil.which("docker") is None:
        return "there is no `docker` on the PATH"
    answer = docker("version", "--format", "{{.Server.Version}}", timeout=_ANSWER_WITHIN)
    if answer.returncode or not answer.stdout.strip():
        return f"the Docker daemon does not answer ({last_line(answer)})"
    return None


@functools.cache
def why_no_compose() -> str | None:
    """The reason why ``docker compose`` (version 2 or later, which pytest-docker calls) cannot be used, or ``None``."""
    answer = docker("compose", "version", "--short", timeout=_ANSWER_WITHIN)
    major = answer.stdout.strip().removeprefix("v").partition(".")[0]
    if answer.returncode or not major.isdigit():
        return "Docker answers, but it has no `docker compose` (.ci/prepare-engines installs it)"
    if int(major) < 2:
        return f"`docker compose` is version {answer.stdout.strip()}, and 2 is needed (.ci/prepare-engines installs it)"
    return None
