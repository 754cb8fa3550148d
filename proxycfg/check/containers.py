"""The two containers of a run, by the command line of Docker or Podman: it knows contexts, ``DOCKER_HOST`` and remote machines.

The lab has no network but its own; the proxy lives in the lab's namespaces, as nobody, with no capability, a read-only root and bounded
memory, processes and files. Nothing of this machine is mounted: what the config needs goes through the lab's standard input into volumes that
the two share. When that input ends, for whatever reason, the lab ends, the kernel ends the proxy, and the engine removes both.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NoReturn

from proxycfg.check.parcel import BOOT, packed
from proxycfg.errors import CannotRun
from proxycfg.record import record
from proxycfg.stage import Stage

LABEL = "proxycfg.check"
"""What everything that is made here is marked with, for ``--cleanup``; its value is the number of our process."""
LAB_IMAGE = "python:3.13-slim"

_ANSWERS_WITHIN = 20.0
_PULLS_WITHIN = 300.0
_STARTS_WITHIN = 30.0
_STOPS_WITHIN = 10.0
_NOT_LOADED = b"cannot be preloaded"
"""What glibc's loader says of a library that is not for it, and goes on."""
_MEASURES_WITHIN = 60.0
_MORE_FOR_A_ROUTE = 5.0
"""Seconds for all routes together."""
_NOBODY = 65534
_FAKETIME = "/var/lib/proxycfg-clock/libfaketime.so.1"
_WRITTEN_MB = 64
"""What may be written to each folder that the proxy writes to, and to its logs, in MiB."""
_MEMORY_MB = 1024
_SAID_MOST = 2**20
"""Bytes of what the proxy prints that are kept."""

_LIMITS = (
    "--cap-drop=ALL", "--security-opt=no-new-privileges", "--log-driver=none", "--pull=never", f"--memory={_MEMORY_MB}m",
    f"--memory-swap={_MEMORY_MB}m", "--pids-limit=256", "--cpu-shares=4096", "--ulimit=core=0",
)  # fmt: skip
_SYSCTLS = (
    "--sysctl=net.ipv4.ip_unprivileged_port_start=0",
    # A client that stops reading is felt at once, and not when megabytes have gone into the kernel.
    "--sysctl=net.ipv4.tcp_wmem=4096 16384 16384",
)


class ProxyFailed(Exception):
    """The proxy does not start; the text holds its last words."""


class ProxyEnded(ProxyFailed):
    """The proxy has ended, or does not answer any more, while it was measured."""


@record(frozen=True, slots=True)
class Containers:
    """An engine for containers: its command, and what it is called."""

    command: str
    title: str

    def run(self, *arguments: str, seconds: float = _ANSWERS_WITHIN) -> subprocess.CompletedProcess[str]:
        """One command of the engine; one that takes too long counts as failed."""
        command = [self.command, *arguments]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)  # noqa: S603 - words of ours
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"no answer within {seconds:g} s")

    def need(self, image: str, say: Any) -> None:
        """Make an image available.

        :raises CannotRun: if the engine does not answer, or the image is not to be had.
        """
        if not self.run("image", "inspect", image).returncode:
            return
        said = self.run("version", "--format", "{{.Server.Version}}")
        if said.returncode:
            raise CannotRun(f"{self.title} does not answer: {_last_line(said)}\n  start it, or say --runner local")
        say(f"{self.title} pulls {image} ...")
        pulled = self.run("pull", "--quiet", image, seconds=_PULLS_WITHIN)
        if pulled.returncode:
            raise CannotRun(
                f"{self.title} cannot pull {image}: {_last_line(pulled)}\n"
                "  name another image with --image (the proxy) or --lab-image (any with Python 3.11 or newer)"
            )

    def leftovers(self) -> list[str]:
        """Containers that a run has left behind, by their ids; those of a run that goes on are none."""
        told = self.run("ps", "--all", f"--filter=label={LABEL}", "--format", f'{{{{.ID}}}} {{{{.Label "{LABEL}"}}}}')
        pairs = (line.partition(" ") for line in told.stdout.splitlines())
        return [found for found, _, number in pairs if not _runs(number)]

    def remove(self, names: Sequence[str]) -> None:
        """Remove containers, with their volumes, whatever they are doing."""
        if names:
            self.run("rm", "--force", "--volumes", *names)


def _runs(number: str) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(int(number), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    return True


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else f"exit status {done.returncode}"


def found(runner: str) -> Containers:
    """The engine that is asked for, or the first that there is.

    :raises CannotRun: if there is none.
    """
    for name, title in (("docker", "Docker"), ("podman", "Podman")):
        if runner in {"auto", name} and shutil.which(name):
            return Containers(name, title)
    wanted = "neither docker nor podman is" if runner == "auto" else f"{runner} is not"
    raise CannotRun(
        f"proxycfg check runs the real proxy in a container, and {wanted} on the PATH: apt-get install docker.io, or podman"
    )


class Run:
    """A stage that stands: the lab, and the proxy as soon as it is started."""

    def __init__(self, engine: Containers, image: str, lab: str, stage: Stage, *, lapse: float = 1.0) -> None:
        """Nothing is started yet.

        :param lapse: how much faster the proxy's clock should run; :attr:`lapse` is how much it does.
        """
        library = faketime() if lapse > 1 and stage.target == "nginx" else None
        self.lapse = lapse if library else 1.0
        self._library = library or b""
        self.engine, self.image, self.lab, self.stage = engine, image, lab, stage
        self.name = f"proxycfg-check-{uuid.uuid4().hex[:10]}"
        self.said = b""
        self._up = False
        self._lab: subprocess.Popen[bytes] | None = None
        self._proxy: subprocess.Popen[bytes] | None = None
        self._lines: SimpleQueue[Mapping[str, Any]] = SimpleQueue()
        self._complaints = b""

    # ---- from here ----

    def start(self, certificate: str, tell: Callable[[str], object] = id) -> None:
        """Lay the stage, start the proxy, and return when it listens.

        :raises CannotRun: if the engine cannot do what is needed.
        :raises ProxyFailed: if the proxy does not start.
        """
        volumes = [f"--volume={folder}" for folder in _volumes(self.stage)]
        written = [f"--mount={_written(folder)}" for folder in self.stage.writable]
        command = [
            self.engine.command, "run", "--rm", "--interactive", f"--name={self.name}-lab", f"--label={LABEL}={os.getpid()}",
            "--network=none", *_LIMITS,
            *(f"--cap-add={name}" for name in ("NET_ADMIN", "SYS_ADMIN", "NET_BIND_SERVICE", "SETUID", "SETGID")),
            *_SYSCTLS, *volumes, *written, "--entrypoint=python3", self.lab, "-I", "-c", BOOT,
        ]  # fmt: skip
        self._lab = self._spawn(command, stdin=subprocess.PIPE)
        threading.Thread(target=self._hear, args=(self._lab,), daemon=True).start()
        threading.Thread(target=self._keep_complaints, args=(self._lab,), daemon=True).start()
        self._tell_raw(packed())
        self._tell(_setting(self.stage, certificate, self._library))
        self.next("ready", _STARTS_WITHIN)
        command = [
            self.engine.command, "run", "--rm", f"--name={self.name}-proxy", f"--label={LABEL}={os.getpid()}", f"--network=container:{self.name}-lab",
            f"--pid=container:{self.name}-lab", f"--volumes-from={self.name}-lab", "--read-only", *_LIMITS, f"--user={_NOBODY}:{_NOBODY}",
            *self._hurried(), f"--entrypoint={self.stage.command[0]}", self.image, *self.stage.command[1:],
        ]  # fmt: skip
        self._proxy = self._spawn(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        threading.Thread(target=self._listen, args=(self._proxy,), daemon=True).start()
        self._tell({"do": "listening", "ports": list(self.stage.listens), "within": _STARTS_WITHIN})
        told = self.next("listening", _STARTS_WITHIN + 5)
        tell("the proxy listens")
        self._up = not told.get("missing")
        if _NOT_LOADED in self.said:
            self.lapse = 1.0
        if told.get("missing"):
            ports = ", ".join(map(str, told["missing"]))
            raise ProxyFailed(f"the proxy does not listen on port {ports}{self._last_words()}")

    def _hurried(self) -> tuple[str, ...]:
        if not self._library:
            return ()
        return (f"--env=LD_PRELOAD={_FAKETIME}", f"--env=FAKETIME=+0 x{self.lapse:g}")

    def measure(self, routes: Sequence[Mapping[str, Any]], work: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """What the lab tells of each probe, until it is done.

        :param work: which probes, and how: see ``lab.floor``.
        """
        self._tell({"do": "measure", "routes": list(routes), "lapse": self.lapse, **work})
        end = time.monotonic() + _MEASURES_WITHIN + len(routes) * _MORE_FOR_A_ROUTE
        while not (told := self.next(None, max(0.0, end - time.monotonic()))).get("done"):
            yield told
        if not told["alive"]:
            assert self._proxy is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._proxy.wait(_STOPS_WITHIN)
            self._has_ended()

    def close(self) -> None:
        """End both, however far they have come."""
        for process in (self._lab, self._proxy):
            if process is not None and process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        end = time.monotonic() + _STOPS_WITHIN
        for process in (self._proxy, self._lab):
            if process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.1, end - time.monotonic()))
        names = [
            f"{self.name}-{which}"
            for which, process in (("proxy", self._proxy), ("lab", self._lab))
            if process is not None and process.poll() is None
        ]
        self.engine.remove(names)
        for process in (self._proxy, self._lab):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def next(self, what: str | None, within: float) -> Mapping[str, Any]:
        """The next thing that the lab tells, which is to be of that kind.

        :raises ProxyFailed: if the proxy has ended first.
        :raises CannotRun: if the lab has.
        """
        end = time.monotonic() + within
        while True:
            try:
                told = self._lines.get(timeout=0.1)
            except Empty:
                if what != "hello" and self._proxy is not None and self._proxy.poll() is not None:
                    self._has_ended()
                if self._lab is not None and self._lab.poll() is not None:
                    raise CannotRun(f"the lab has ended: {self._why_no_lab()}") from None
                if time.monotonic() > end:
                    raise ProxyEnded(
                        f"measuring takes longer than it may: the proxy keeps its processors busy{self._last_words()}"
                    ) from None
                continue
            if "failed" in told:
                raise RuntimeError(f"the lab failed:\n{told['failed']}")
            if what is None or what in told:
                return told

    def _has_ended(self) -> NoReturn:
        """Say that the proxy has; unless it is the lab that has, and has taken it along."""
        assert self._proxy is not None
        self._tell({"do": "hello"})
        self.next("hello", _STOPS_WITHIN)
        kind = ProxyEnded if self._up else ProxyFailed
        raise kind(f"the proxy has ended, with status {self._proxy.returncode}{self._last_words()}")

    # ---- plumbing ----

    @staticmethod
    def _spawn(command: Sequence[str], *, stdin: int, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C is for us, and both end by their input.
        return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True)  # noqa: S603 - words of ours

    def _tell(self, what: Mapping[str, Any]) -> None:
        self._tell_raw(json.dumps(what).encode() + b"\n")

    def _tell_raw(self, data: bytes) -> None:
        assert self._lab is not None
        assert self._lab.stdin is not None
        # Where it has ended, the next thing that it should tell says so.
        with contextlib.suppress(OSError):
            self._lab.stdin.write(data)
            self._lab.stdin.flush()

    def _hear(self, lab: subprocess.Popen[bytes]) -> None:
        assert lab.stdout is not None
        for line in lab.stdout:
            with contextlib.suppress(ValueError):
                self._lines.put(json.loads(line))

    def _keep_complaints(self, lab: subprocess.Popen[bytes]) -> None:
        assert lab.stderr is not None
        for line in lab.stderr:
            self._complaints = (self._complaints + line)[-_SAID_MOST:]

    def _listen(self, proxy: subprocess.Popen[bytes]) -> None:
        assert proxy.stdout is not None
        while data := proxy.stdout.read1(65536):  # type: ignore[attr-defined]
            if len(self.said) < _SAID_MOST:
                self.said += data

    def _last_words(self) -> str:
        lines = [line.strip() for line in self.said.decode(errors="replace").splitlines() if line.strip()]
        return "".join(f"\n  {line[:300]}" for line in lines[-6:]) or ", without a word"

    def _why_no_lab(self) -> str:
        lines = self._complaints.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"


def faketime() -> bytes | None:
    """The library that hurries a program's clock, from this machine; None if it has none."""
    path = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
    return path.read_bytes() if path else None


def _volumes(stage: Stage) -> list[str]:
    """The fewest folders that hold all files."""
    folders = {os.path.dirname(path) for path in (*stage.files, _FAKETIME)}  # noqa: PTH120 - paths of another machine
    folders -= set(stage.writable)
    return sorted(
        each for each in folders if not any(each.startswith(f"{other}/") for other in folders | set(stage.writable))
    )


def _written(folder: str) -> str:
    options = f'"volume-opt=o=size={_WRITTEN_MB}m,mode=1777"'
    return (
        f"type=volume,destination={folder},volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs,{options}"
    )


def _setting(stage: Stage, certificate: str, library: bytes) -> dict[str, Any]:
    files = {**stage.files, **({_FAKETIME: library} if library else {})}
    return {
        "files": [{"path": path, "base64": base64.b64encode(data).decode()} for path, data in files.items()],
        "writable": list(stage.writable),
        "ports": list(stage.ports),
        "own": list(stage.own),
        "loopback": [list(each) for each in stage.loopback],
        "sockets": list(stage.sockets),
        "names": list(stage.names),
        "certificate": certificate,
        "shares": stage.target == "envoy",
        "sides": stage.sides,
    }
