"""Hostile configs, and runs that are cut off: nobody is hurt, and nothing is left behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from proxycfg.check.containers import LABEL
from tests.containers.test_check import CONFIG, all_gone, check, command, left_behind
from tests.engines import NGINX, need
from tests.engines.docker_cli import docker

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("check")]

SHADOW = Path("/etc/shadow")
QUICKLY = ("--property", "stalls_on", "--property", "query_logged", "--property", "request_body_limit")
"""What hangs on no timer is soon over."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """An ordinary one."""
    path = tmp_path / "nginx.conf"
    path.write_text(CONFIG)
    return path


AT_A_TERMINAL = ("env", "--default-signal")
"""What a script starts in the background, or behind ``nohup``, ignores signals, and so do its children."""


def started(config: Path, until: str, said: Path) -> subprocess.Popen[bytes]:
    """A check that has come so far that it says this."""
    with said.open("wb") as there:
        running = subprocess.Popen([*AT_A_TERMINAL, *command(config), "-v"], stderr=there, stdout=subprocess.DEVNULL)
    while until not in said.read_text():
        assert running.poll() is None, said.read_text()
        time.sleep(0.01)
    return running


@pytest.mark.parametrize(
    "line",
    ["include /etc/shadow;", "include /etc/passwd;", "include ../../../../etc/shadow;", "include link;"],
)
def test_files_of_this_machine_cannot_be_included(config: Path, line: str) -> None:
    """Neither by their path, nor by a link that leads out of the tree: what comes is a stand-in, or the image's own."""
    (config.parent / "link").symlink_to(SHADOW)
    config.write_text(CONFIG.replace("events {}", f"events {{}}\n{line}"))

    done = check(config, *QUICKLY)

    for secret in (word for each in SHADOW.read_text().splitlines() for word in each.split(":")[1:2] if len(word) > 3):
        assert secret not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert all_gone(done.pid)


def test_a_config_that_serves_the_whole_disk_serves_the_images(config: Path) -> None:
    """`alias /` shows nothing of this machine, and the other routes are measured."""
    config.write_text(
        CONFIG.replace("location / {", "location /disk/ { alias /; autoindex on; }\nlocation / {").replace(
            "proxy_buffering off;", "proxy_buffering off;\nproxy_store /proc/sys/kernel/core_pattern;"
        )
    )

    done = check(config, *QUICKLY)

    assert done.returncode == 1
    assert all_gone(done.pid)


def test_logs_without_end_end_with_their_folder(config: Path) -> None:
    """A debug log, and one line of 1 MB for each request: what is written has a limit, and the machine's disk is not touched."""
    much = f"'$request {'x' * 3000}' " * 100
    logs = f"log_format big {much};\naccess_log /var/log/nginx/a.log big;\nerror_log /var/log/nginx/e.log debug;"
    config.write_text(CONFIG.replace("http {", f"http {{\n{logs}"))

    done = check(config, *QUICKLY)

    assert done.returncode == 1
    assert all_gone(done.pid)


@pytest.mark.parametrize("count", ["400", "100000"])
def test_processes_without_end_are_refused(config: Path, count: str) -> None:
    """More workers than may be: told, and over soon."""
    config.write_text(f"worker_processes {count};\n{CONFIG}")

    done = check(config, *QUICKLY)

    assert done.returncode in {1, 2, 3}
    assert "Traceback" not in done.stderr
    assert all_gone(done.pid)


def test_memory_without_end_is_refused(config: Path) -> None:
    """A zone larger than what the container may use."""
    config.write_text(CONFIG.replace("http {", "http {\nlimit_conn_zone $binary_remote_addr zone=a:64g;"))

    done = check(config, *QUICKLY)

    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert all_gone(done.pid)


def test_nothing_outside_can_be_reached(config: Path) -> None:
    """Every address in the world is the lab's origin: what the config calls never leaves."""
    config.write_text(CONFIG.replace("203.0.113.9:80", "1.1.1.1:80"))

    assert check(config, *QUICKLY).returncode == 1


def volumes(pid: int) -> set[str]:
    """The volumes of a run that goes on."""
    form = "{{range .Mounts}}{{.Name}} {{end}}"
    return set(docker("inspect", "--format", form, *left_behind(pid)).stdout.split())


def no_more(names: set[str], within: float = 30.0) -> bool:
    """Whether none of these volumes is there any more."""
    end = time.monotonic() + within
    while names & set(docker("volume", "ls", "--quiet").stdout.split()):
        if time.monotonic() > end:
            return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_ends_everything(config: Path, tmp_path: Path, number: signal.Signals) -> None:
    """With the exit code of the signal, and no traceback."""
    said = tmp_path / "said"
    running = started(config, "the proxy listens", said)
    own = volumes(running.pid)
    running.send_signal(number)

    # Of its own accord, or by the signal: to a shell it is the same.
    assert running.wait(30) in {128 + number, -number}, said.read_text()
    assert "Traceback" not in said.read_text()
    assert own
    assert all_gone(running.pid)
    assert no_more(own)


def test_ctrl_c_at_any_moment_leaves_nothing(config: Path) -> None:
    """From before the first container to the last probe."""
    chance = random.Random(6)
    for _ in range(8):
        words = [*AT_A_TERMINAL, *command(config, *QUICKLY)]
        running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            # Python itself has no words for what comes before its first line.
            running.wait(chance.uniform(0.5, 6.0))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=40)
        assert b"Traceback" not in said
        assert all_gone(running.pid)


def killed(pid: int, which: str) -> bool:
    """Kill the container of a run whose name ends so."""
    told = docker("ps", "--filter", f"label={LABEL}={pid}", "--format", "{{.Names}}").stdout.split()
    return docker("kill", *(name for name in told if name.endswith(which))).returncode == 0


@pytest.mark.parametrize(("which", "code"), [("-proxy", 1), ("-lab", 3)])
def test_a_container_that_is_killed_is_told(config: Path, which: str, code: int) -> None:
    """And the other one goes, too."""
    read, write = os.pipe()
    running = subprocess.Popen([*command(config), "-v"], stderr=write, stdout=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as said:
        next(line for line in said if "the proxy listens" in line)
        assert killed(running.pid, which)
        rest = said.read()

    assert running.wait(30) == code
    assert "has ended" in rest
    assert "Traceback" not in rest
    assert all_gone(running.pid)


def test_cleanup_removes_what_is_left_of_a_run() -> None:
    """Such as after a power cut; and nothing of anybody else, nor of a run that goes on."""
    nobody = 2**22 + 1  # beyond the numbers that Linux gives to processes
    image = need(NGINX[-1]).image
    for name, label in (("left", str(nobody)), ("running", str(os.getpid()))):
        docker("create", f"--label={LABEL}={label}", f"--name=proxycfg-test-{name}", str(image), "true")
    docker("create", "--name=proxycfg-test-other", str(image), "true")
    try:
        done = subprocess.run([*command()[:4], "--cleanup"], capture_output=True, text=True, check=False, timeout=60)

        assert done.returncode == 0
        assert left_behind(nobody) == []
        assert len(left_behind(os.getpid())) == 1
        assert docker("container", "inspect", "proxycfg-test-other").returncode == 0
    finally:
        docker("rm", "--force", "proxycfg-test-left", "proxycfg-test-running", "proxycfg-test-other")
