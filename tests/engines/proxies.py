"""What tests hold in their hands: start any engine, wherever it comes from, and have everything end with the session."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.engines.catalogue import Engine
from tests.engines.in_container import ContainerRunner, container_name, runner_scratch
from tests.engines.local import LocalRunner
from tests.engines.presence import need
from tests.engines.running import Runner, RunningProxy, Verdict


class StartProxy(Protocol):
    """The type of the fixture ``start_proxy``: :meth:`Proxies.start`, for a limited time."""

    def __call__(
        self,
        engine: Engine | str,
        config_dir: Path,
        *,
        name: str = "proxy",
        hosts: Mapping[str, str] | None = None,
        time_lapse: int | None = None,
        ready_port: int,
        deadline: float = 15.0,
    ) -> RunningProxy:
        """Start a proxy, and return it once it accepts connections."""
        ...


class Proxies:
    """The runners of one test session, each made when its engine is first asked for."""

    def __init__(
        self, scratch: Path, *, project: str, mounts: Sequence[Path], containers_up: Callable[[], object]
    ) -> None:
        """``containers_up`` starts the compose project; called once, and only when a test needs an engine from an image."""
        self._scratch = scratch
        self._project = project
        self._mounts = mounts
        self._containers_up = containers_up
        self._runners: dict[str, Runner] = {}
        self._up = False

    def start(
        self,
        engine: Engine | str,
        config_dir: Path,
        *,
        name: str = "proxy",
        hosts: Mapping[str, str] | None = None,
        time_lapse: int | None = None,
        ready_port: int,
        deadline: float = 15.0,
    ) -> RunningProxy:
        """Start a proxy, and return it once it accepts connections on 127.0.0.1.

        :param engine: an id (``"nginx-1.26"``), a name for the newest version (``"nginx"``), or what ``need`` gave.
        :param config_dir: the directory with ``nginx.conf``, ``envoy.yaml`` or ``envoy.json``; or the file itself. The
            engine sees it under the same path, read-only.
        :param name: names the proxy in errors and log files.
        :param hosts: host names and the loopback addresses they have for the proxy.
        :param time_lapse: nginx only: its clock runs so many times faster.
        :param ready_port: the port that shows that the proxy is up.
        :raises EngineAbsent: if the engine, or time-lapse for it, is not to be had here.
        :raises ProxyFailed: if the proxy ends, or does not listen within ``deadline`` seconds; with its own log.
        """
        return self.runner(engine).start(
            config_dir, name=name, hosts=hosts or {}, time_lapse=time_lapse, ready_port=ready_port, deadline=deadline
        )

    def validate(self, engine: Engine | str, path: Path, *, hosts: Mapping[str, str] | None = None) -> Verdict:
        """Let the engine check a config with ``nginx -t`` or ``envoy --mode validate``."""
        return self.runner(engine).validate(path, hosts=hosts or {})

    def version(self, engine: Engine | str) -> str:
        """What the engine itself says its version is."""
        return self.runner(engine).version()

    @contextlib.contextmanager
    def scope(self) -> Iterator[StartProxy]:
        """Yield :meth:`start`; what was started with it stops when the block ends."""
        started: list[RunningProxy] = []

        def start(
            engine: Engine | str,
            config_dir: Path,
            *,
            name: str = "proxy",
            hosts: Mapping[str, str] | None = None,
            time_lapse: int | None = None,
            ready_port: int,
            deadline: float = 15.0,
        ) -> RunningProxy:
            proxy = self.start(
                engine,
                config_dir,
                name=name,
                hosts=hosts,
                time_lapse=time_lapse,
                ready_port=ready_port,
                deadline=deadline,
            )
            started.append(proxy)
            return proxy

        try:
            yield start
        finally:
            with contextlib.ExitStack() as stack:
                # One that will not stop must not keep the others running.
                for proxy in started:
                    stack.callback(proxy.stop)

    def runner(self, engine: Engine | str) -> Runner:
        """The runner of that engine."""
        found = need(engine)
        if found.id not in self._runners:
            scratch = runner_scratch(self._scratch, found)
            if found.image:
                container = container_name(self._project, found)
                runner: Runner = ContainerRunner(found, scratch, container, self._mounts)
                # After the runner, which writes the files that the container mounts.
                self._start_containers()
            else:
                runner = LocalRunner(found, scratch)
            self._runners[found.id] = runner
        return self._runners[found.id]

    def close(self) -> None:
        """Stop all proxies."""
        for runner in self._runners.values():
            runner.close()

    def _start_containers(self) -> None:
        if not self._up:
            self._containers_up()
            self._up = True
