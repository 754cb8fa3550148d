"""Fixtures that start real proxies.

pytest-docker brings up one container per engine version when the first test needs an image, and takes them down at the
end of the session, after Ctrl-C too. Tests start as many proxies in them as they like.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from proxycfg.origin import Origin
from tests.clients.tls import Authority, make_authority
from tests.containers.stage import Stages
from tests.engines import Engine, EngineAbsent, Proxies, StartProxy, available, in_container, required


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """An absent engine is a skip with its reason, or a failure where engines are required: here for fixtures."""
    with _absence_as_outcome():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """The same for the tests themselves."""
    with _absence_as_outcome():
        return (yield)


@contextlib.contextmanager
def _absence_as_outcome() -> Iterator[None]:
    try:
        yield
    except EngineAbsent as absent:
        if required():
            pytest.fail(f"PROXYCFG_REQUIRE_ENGINES is set, but {absent}", pytrace=False)
        pytest.skip(str(absent))


@pytest.fixture(scope="session")
def engine_scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs and name files of the engines; pytest keeps it for a while, so one can look after a failure."""
    return tmp_path_factory.mktemp("engines", numbered=False)


@pytest.fixture(scope="session")
def engine_mounts(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> list[Path]:
    """What engines can read: all temporary directories of this session, and the repository."""
    return [tmp_path_factory.getbasetemp().resolve(), pytestconfig.rootpath.resolve()]


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    """Sessions, and the workers of one session, keep out of each other's way."""
    return in_container.project_name()


@pytest.fixture(scope="session")
def engines_in_containers() -> list[Engine]:
    """The engines that come from an image, each of which gets a container; `check` starts its own for the lab."""
    return [engine for engine in available().values() if engine.image and engine.name != "python"]


@pytest.fixture(scope="session")
def docker_compose_file(
    docker_compose_project_name: str,
    engines_in_containers: list[Engine],
    engine_scratch: Path,
    engine_mounts: list[Path],
) -> str:
    """Written anew for every session: it names this session's directories."""
    path = engine_scratch / "compose.json"
    path.write_text(
        in_container.compose_file(docker_compose_project_name, engines_in_containers, engine_scratch, engine_mounts)
    )
    return str(path)


@pytest.fixture(scope="session")
def container_leash(docker_compose_project_name: str, engines_in_containers: list[Engine]) -> Iterator[None]:
    """Outlasts `docker compose down`, and catches what that cannot: half a start, a killed session, an old crash."""
    in_container.sweep()
    names = [in_container.container_name(docker_compose_project_name, engine) for engine in engines_in_containers]
    with in_container.leash(names):
        yield


@pytest.fixture(scope="session")
def docker_setup(container_leash: None) -> list[str]:
    """No `--wait`: there is no health check to wait for, and it would look for one every half second."""
    return ["up --detach"]


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    """At once: what runs in the containers has been stopped, or does not deserve it."""
    return ["down --volumes --timeout 0"]


@pytest.fixture(scope="session")
def proxies(
    request: pytest.FixtureRequest, docker_compose_project_name: str, engine_scratch: Path, engine_mounts: list[Path]
) -> Iterator[Proxies]:
    """Start, validate, ask for the version; for module fixtures, ``with proxies.scope() as start_proxy:``."""
    session = Proxies(
        engine_scratch,
        project=docker_compose_project_name,
        mounts=engine_mounts,
        # Only now, since most runs of a single test need no container at all.
        containers_up=lambda: request.getfixturevalue("docker_services"),
    )
    yield session
    session.close()


@pytest.fixture
def start_proxy(proxies: Proxies) -> Iterator[StartProxy]:
    """Start proxies; they stop when the test ends."""
    with proxies.scope() as start:
        yield start


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser; absent it is a skip, or a failure where engines are required."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if required():
            pytest.fail(
                "PROXYCFG_REQUIRE_ENGINES is set, but there is no chromium: apt-get install chromium", pytrace=False
            )
        pytest.skip("no chromium on this machine")
    return found


# ---- what stands around the proxies of one module ----


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate for the proxies, and the CA that the clients trust."""
    return make_authority(tmp_path_factory.mktemp("tls"), "*.example.com")


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    """One origin behind all stages, on two addresses of the loopback network; strict about gRPC."""
    with Origin.start(host="0.0.0.0") as running:
        yield running


@pytest.fixture(scope="module")
def web() -> Iterator[Origin]:
    """One that speaks gRPC-Web by itself, behind proxies that do not translate."""
    with Origin.start(grpc_web=True) as running:
        yield running


@pytest.fixture(scope="module")
def readable_folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes new folders that the engines can read."""
    count = itertools.count()

    def folder() -> Path:
        made = tmp_path_factory.mktemp(f"stage{next(count)}")
        made.chmod(0o755)
        return made

    return folder


@pytest.fixture(scope="module")
def stages(
    proxies: Proxies, origin: Origin, web: Origin, authority: Authority, readable_folders: Callable[[], Path]
) -> Iterator[Stages]:
    """The stages of the module; all proxies stop at its end."""
    with proxies.scope() as start:
        yield Stages(start, origin, web, authority, readable_folders)
