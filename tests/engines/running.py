"""A running proxy, and the runner that starts it: what is the same in a container and on this machine.

Both give a proxy the same surroundings:

* names: the caller's ``hosts`` and nothing else. ``/etc/hosts`` is a file of ours and the resolver is a loopback address
  where nobody answers, so a forgotten name fails at once and no question leaves the machine;
* writable for nginx: ``/var/log/nginx``, ``/var/cache/nginx``, ``/var/lib/nginx`` (its temporary files), ``/run``, and
  the proxy's own directory, which is nginx's prefix (``-p``). In a container ``/tmp`` too, and all else is read-only;
* paths: the same inside as outside, so a config may name a certificate where the test wrote it.

Proxies of one version share one container: give each its own files where a config names absolute ones
(``access_log /var/log/nginx/a.log``) and two run at once.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.engines import launch
from tests.engines.catalogue import Engine
from tests.engines.names import Names
from tests.engines.presence import EngineAbsent

LOGS = "logs"
"""The name of the directory in the runner's scratch where proxies write what they say."""

_POLL = 0.02
_STOPS_WITHIN = 5.0
_NO_HOSTS: Mapping[str, str] = {}


class ProxyFailed(Exception):
    """The proxy did not start, did not reload or did not listen; the text holds its own log."""


class Verdict(NamedTuple):
    """What an engine's own checker thinks of a config."""

    rc: int
    output: str


@dataclass(frozen=True, slots=True)
class Process:
    """One program that a runner has started, and the name of the file that holds its process id."""

    popen: subprocess.Popen[bytes]
    run_dir: str
    pid_file: str


@dataclass(slots=True, eq=False)
class RunningProxy:
    """A proxy that has answered on its port."""

    engine: Engine
    name: str
    config: Path
    hosts: Mapping[str, str]
    ready_port: int
    runner: Runner = field(repr=False)
    log_file: Path
    processes: list[Process] = field(default_factory=list, repr=False)
    """One; after hot restarts of Envoy several, of which the last one serves."""

    def stop(self, *, graceful: bool = False) -> None:
        """End the proxy and wait for its end; ``graceful`` lets open requests finish (nginx: QUIT), up to five seconds."""
        self.runner.end(self, "QUIT" if graceful and self.engine.name == "nginx" else self.runner.stops_on)

    def reload(self, *, drain: int = 2) -> None:
        """Take up the config as it is now, without closing the port, and return when the new one serves.

        nginx: what ``nginx -s reload`` does; old workers finish their requests. Envoy has no reload: a hot restart, in
        which the old process drains for ``drain`` seconds and then goes.
        """
        verdict = self.validate(self.config)
        if verdict.rc:
            raise ProxyFailed(f"{self.name} keeps its old config, because the new one is bad:\n{verdict.output}")
        if self.engine.name == "nginx":
            self.runner.reload_nginx(self)
        else:
            self.runner.restart_envoy(self, drain)

    def logs(self) -> str:
        """All that the proxy wrote to stdout and stderr; with nginx, also to ``/var/log/nginx/error.log``."""
        written = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        if self.engine.name == "nginx" and self.processes:
            written += self.read("/var/log/nginx/error.log", missing="")
        return written

    def read(self, path: str, *, missing: str | None = None) -> str:
        """A file as the proxy sees it, such as its access log; ``missing`` is the answer where there is no such file."""
        return self.runner.read(self.processes[-1], path, missing)

    def validate(self, path: Path) -> Verdict:
        """Let this engine check another config: ``nginx -t``, ``envoy --mode validate``."""
        return self.runner.validate(path, hosts=self.hosts)

    @property
    def is_running(self) -> bool:
        """Whether the proxy's newest process is alive."""
        return bool(self.processes) and self.processes[-1].popen.poll() is None


class Runner(ABC):
    """Starts proxies of one engine."""

    def __init__(self, engine: Engine, scratch: Path) -> None:
        """``scratch`` is the runner's own directory, for logs and for the files of name resolution."""
        self.engine = engine
        self.scratch = scratch
        self.names = Names(scratch)
        self.logs = scratch / LOGS
        self.logs.mkdir(exist_ok=True)
        # To TERM workerd says goodbye to open streams first, which may never end.
        self.stops_on = "INT" if engine.name == "workerd" else "TERM"
        self._running: list[RunningProxy] = []
        self._serial = itertools.count(1)

    # --- what differs -----------------------------------------------------------------------------------------------

    @abstractmethod
    def wrap(self, command: Sequence[str], run_dir: str, pid_file: str, log: Path | None = None) -> list[str]:
        """The command for :mod:`subprocess` that runs ``command`` in place, its process id written in the pid file.

        ``log`` is where the caller sends its output, for runners whose child is not the program itself.
        """

    @abstractmethod
    def signal(self, process: Process, name: str) -> None:
        """Send a signal; ``KILL`` goes to the whole group, since workers outlive a killed master."""

    @abstractmethod
    def children(self, process: Process) -> dict[str, str]:
        """The workers: process ids, and what each calls itself."""

    @abstractmethod
    def read(self, process: Process, path: str, missing: str | None) -> str:
        """A file as the process sees it."""

    @abstractmethod
    def run_dir(self, name: str) -> str:
        """A writable directory for the proxy of that name, as the proxy will see it; made when the proxy starts."""

    @abstractmethod
    def faketime(self) -> str | None:
        """The path of the time-lapse library, as the proxy would see it."""

    def check_path(self, config: Path) -> None:  # noqa: B027  # a runner may have nothing to refuse
        """Refuse a config that the proxy would not see."""

    def check_surroundings(self, hosts: Mapping[str, str]) -> None:  # noqa: B027  # the same
        """Refuse to run where the proxy would not resolve ``hosts`` as asked, or could not run at all."""

    # --- what is the same -------------------------------------------------------------------------------------------

    def start(
        self,
        config_dir: Path,
        *,
        name: str,
        hosts: Mapping[str, str] = _NO_HOSTS,
        time_lapse: int | None = None,
        ready_port: int,
        deadline: float = 15.0,
    ) -> RunningProxy:
        """Start a proxy and return once it listens on ``ready_port`` of 127.0.0.1; see :meth:`.Proxies.start`."""
        config = launch.config_file(self.engine, config_dir.resolve())
        self.check_path(config)
        self.check_surroundings(hosts)
        faketime = self.faketime() if time_lapse else None
        if time_lapse and self.engine.name == "nginx" and not faketime:
            raise EngineAbsent(f"{self.engine}: time-lapse needs libfaketime (Debian package of that name)")
        if _listens(ready_port):
            raise ProxyFailed(f"{name} cannot start: something already listens on port {ready_port}")
        self._forget_the_dead()
        self.names.add(hosts, in_use=[proxy.hosts for proxy in self._running])
        serial = next(self._serial)
        run_dir = self.run_dir(f"{name}.{serial}")
        command = launch.start(self.engine, config, run_dir, faketime=faketime, factor=time_lapse)
        log = self.logs / f"{name}.{serial}.log"
        proxy = RunningProxy(self.engine, name, config, dict(hosts), ready_port, self, log)
        proxy.processes.append(self._spawn(command, run_dir, "pid.0", log))
        self._running.append(proxy)
        try:
            self._await_port(proxy, deadline)
        except BaseException:
            self.end(proxy, self.stops_on)
            raise
        return proxy

    def validate(self, path: Path, *, hosts: Mapping[str, str] = _NO_HOSTS) -> Verdict:
        """Let the engine check the config ``path`` (a file, or a directory that holds it)."""
        config = launch.config_file(self.engine, path.resolve())
        self.check_path(config)
        self.check_surroundings(hosts)
        self._forget_the_dead()
        self.names.add(hosts, in_use=[proxy.hosts for proxy in self._running])
        run_dir = self.run_dir(f"validate.{next(self._serial)}")
        return self._run(launch.validate(self.engine, config, run_dir), run_dir)

    def version(self) -> str:
        """What the engine says about its version."""
        return self._run(launch.version(self.engine), self.run_dir("version")).output.strip()

    def end(self, proxy: RunningProxy, signal: str) -> None:
        """Stop all processes of a proxy, the stubborn ones by force.

        Force comes last, because only a master that ends by itself waits until its workers have let go of the port.
        """
        for process in reversed(proxy.processes):
            self._end_process(process, signal)
        with contextlib.suppress(ValueError):
            self._running.remove(proxy)

    def close(self) -> None:
        """Stop everything that still runs."""
        for proxy in list(self._running):
            self.end(proxy, self.stops_on)

    def reload_nginx(self, proxy: RunningProxy) -> None:
        """HUP, then wait until new workers have taken over.

        The old ones go on accepting for about a tenth of a second after the new ones have begun.
        """
        process = proxy.processes[-1]
        before = self.children(process)
        self.signal(process, "HUP")

        def taken_over() -> bool:
            now = self.children(process)
            leaving = all("shutting down" in now.get(pid, "shutting down") for pid in before)
            return leaving and bool(now.keys() - before.keys())

        self._wait(taken_over, 10.0, proxy, "has not finished its reload")

    def restart_envoy(self, proxy: RunningProxy, drain: int) -> None:
        """A second process takes the sockets over from the first one; wait until it says that it serves."""
        processes = proxy.processes
        first = processes[0]
        epoch = len(processes)
        base_id = self.read(processes[-1], f"{first.run_dir}/base-id", None).strip()
        command = launch.restart_envoy(self.engine, proxy.config, base_id, epoch, drain)
        log = proxy.log_file
        seen = log.stat().st_size
        processes.append(self._spawn(command, first.run_dir, f"pid.{epoch}", log))
        self._wait(lambda: b"starting workers" in log.read_bytes()[seen:], 15.0, proxy, "did not take over")

    def _spawn(self, command: Sequence[str], run_dir: str, pid_file: str, log: Path) -> Process:
        # A session of its own keeps Ctrl-C from it: the end of the test session stops proxies in an orderly way.
        with log.open("ab") as output:
            popen = subprocess.Popen(
                self.wrap(command, run_dir, pid_file, log),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Process(popen, run_dir, pid_file)

    def _run(self, command: Sequence[str], run_dir: str) -> Verdict:
        done = subprocess.run(
            self.wrap(command, run_dir, "pid"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=60,
        )
        return Verdict(done.returncode, done.stdout)

    def _end_process(self, process: Process, signal: str) -> None:
        for name in (signal, "KILL"):
            if process.popen.poll() is not None:
                return
            # An engine that does not listen even to this must not hide why it was to be ended.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.signal(process, name)
                process.popen.wait(_STOPS_WITHIN)
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.wait()

    def _await_port(self, proxy: RunningProxy, deadline: float) -> None:
        self._wait(lambda: _listens(proxy.ready_port), deadline, proxy, f"does not listen on port {proxy.ready_port}")

    def _wait(self, condition: Callable[[], bool], seconds: float, proxy: RunningProxy, complaint: str) -> None:
        end = time.monotonic() + seconds
        while not condition():
            rc = proxy.processes[-1].popen.poll()
            if rc is not None:
                raise ProxyFailed(f"{proxy.name} ({self.engine}) ended with status {rc}. Its log:\n{proxy.logs()}")
            if time.monotonic() > end:
                raise ProxyFailed(
                    f"{proxy.name} ({self.engine}) {complaint} after {seconds:g} s. Its log:\n{proxy.logs()}"
                )
            time.sleep(_POLL)

    def _forget_the_dead(self) -> None:
        self._running = [proxy for proxy in self._running if proxy.is_running]


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
