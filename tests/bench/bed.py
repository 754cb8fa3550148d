"""What streams are measured on: an origin in a process of its own, and generated nginx and Envoy in front of it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import PYTHON, MeasurementFailed
from tests.clients.tls import Authority, make_authority
from tests.containers.stage import generated
from tests.engines import Engine, EngineAbsent, Proxies, StartProxy, free_port, in_container, need, required
from tests.engines.docker_cli import docker, last_line

ROOT = Path(__file__).parent.parent.parent
ENGINES = ("nginx", "envoy")
SPEC = """\
listen:
  port: {port}
{tls}
targets: {{nginx: {{version: "{version}"}}, envoy: {{}}}}
scale: {{streams: 1000}}
upstreams: {{origin: "http://127.0.0.1:{origin}"}}
routes:
  - {{path: /events, protocol: sse, upstream: origin}}
  - {{path: /, protocol: http, upstream: origin}}
"""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the origin: its ports, and a path that stands in the command lines of its processes and nowhere else."""

    name: str
    port: int
    tls_port: int
    mark: str

    def cpu(self) -> float:
        """Processor seconds that the processes of this way have taken so far; 0 where they cannot be seen."""
        return sum(_cpu(pid) for pid in _processes(self.mark))


@dataclass(frozen=True, slots=True)
class Bed:
    """The ways, direct first, and why others are missing."""

    ways: tuple[Way, ...]
    absent: tuple[str, ...]
    ca: Path


@contextlib.contextmanager
def bed(folder: Path) -> Iterator[Bed]:
    """Start the origin and the engines that are there; all end with the block."""
    authority = make_authority(folder)
    engines: dict[str, Engine] = {}
    absent: list[str] = []
    for name in ENGINES:
        try:
            engines[name] = need(name)
        except EngineAbsent as reason:
            if required():
                raise MeasurementFailed(f"PROXYCFG_REQUIRE_ENGINES is set, but {reason}") from None
            absent.append(str(reason))
    with contextlib.ExitStack() as stack:
        port, tls_port = stack.enter_context(origin(authority))
        start = stack.enter_context(proxies(folder, list(engines.values())))
        ways = [Way("direct", port, tls_port, str(authority.cert))]
        ways += [_proxied(engine, folder, port, authority, start) for engine in engines.values()]
        yield Bed(tuple(ways), tuple(absent), authority.ca)


@contextlib.contextmanager
def origin(authority: Authority) -> Iterator[tuple[int, int]]:
    """An origin in a process of its own; its ports, in clear text and with TLS."""
    command = [PYTHON, "-m", "proxycfg.origin", "--port", "0", "--tls-port", "0"]
    command += ["--cert", str(authority.cert), "--key", str(authority.key)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            ports = [int(port) for port in re.findall(r":(\d+)\b", said)]
            if len(ports) != 2:
                raise MeasurementFailed(f"the origin did not start: {said}")
            yield ports[0], ports[1]
        finally:
            process.terminate()


@contextlib.contextmanager
def proxies(folder: Path, engines: list[Engine]) -> Iterator[StartProxy]:
    """Like the fixtures of tests/containers, without pytest: containers come up once and go when the block ends."""
    scratch = folder / "engines"
    project = in_container.project_name()
    images = [engine for engine in engines if engine.image]
    compose = scratch / "compose.json"

    def containers_up() -> None:
        done = docker("compose", "--file", str(compose), "--project-name", project, "up", "--detach", timeout=120)
        if done.returncode:
            raise MeasurementFailed(f"docker compose: {last_line(done)}")

    scratch.mkdir(parents=True, exist_ok=True)
    compose.write_text(in_container.compose_file(project, images, scratch, [folder.resolve()]))
    own = Proxies(scratch, project=project, mounts=[folder.resolve()], containers_up=containers_up)
    names = [in_container.container_name(project, engine) for engine in images]
    with in_container.leash(names) if names else contextlib.nullcontext(), own.scope() as start:
        try:
            yield start
        finally:
            own.close()


def _proxied(engine: Engine, folder: Path, origin: int, authority: Authority, start: StartProxy) -> Way:
    """Two proxies of one engine: one for clear text, one for TLS."""
    own = folder / engine.id
    ports = []
    for secure in (False, True):
        port = free_port()
        tls = f"  tls: {{certificate: {authority.cert}, key: {authority.key}}}" if secure else ""
        version = engine.version if engine.name == "nginx" else "1.30"
        text = generated(engine.id, SPEC.format(port=port, tls=tls, version=version, origin=origin))
        # Several Envoys run side by side here, in one network.
        text = re.sub(r"(port_value: )9901\b", rf"\g<1>{free_port()}", text)
        config = own / ("tls" if secure else "plain")
        config.mkdir(parents=True)
        (config / ("envoy.yaml" if engine.name == "envoy" else "nginx.conf")).write_text(text)
        start(engine, config, name=config.name, ready_port=port)
        ports.append(port)
    return Way(engine.id.replace("-", " "), ports[0], ports[1], f"{own}/plain/")


def _processes(mark: str) -> set[int]:
    """Programs whose command line holds the mark, and their children: nginx's workers show no command line of their own."""
    found, parents = set(), {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name, fields = _stat(int(path.name))
            parents[int(path.name)] = int(fields[1])
            if (
                name.startswith(("nginx", "envoy", "python", "workerd"))
                and mark.encode() in (path / "cmdline").read_bytes()
            ):
                found.add(int(path.name))
    return found | {pid for pid, parent in parents.items() if parent in found}


def _cpu(pid: int) -> float:
    with contextlib.suppress(OSError):
        _, fields = _stat(pid)
        return (int(fields[11]) + int(fields[12])) / TICKS
    return 0.0


def _stat(pid: int) -> tuple[str, list[str]]:
    """A process's short name, and what follows it in its status line: state, parent and so on."""
    name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    return name, rest.split()
