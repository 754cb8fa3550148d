"""Which engines can be started here and now, and why the others cannot.

Absence is a value with a reason: a test skips with it, and where engines are required it fails with it.
"""

from __future__ import annotations

import functools
import glob
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tests.engines import envoy_wheel, npm
from tests.engines.catalogue import RELEASES, TIME_LAPSE_LABEL, Engine
from tests.engines.docker_cli import docker, why_no_compose, why_no_docker

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALSO_ON_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where nginx is installed; not on the PATH of ordinary users."""


class EngineAbsent(Exception):
    """A test asked for an engine, or for something of an engine, that is not to be had here; the text says why."""


@dataclass(frozen=True, slots=True)
class _Survey:
    available: Mapping[str, Engine]
    absent: Mapping[str, str]


def available() -> dict[str, Engine]:
    """The engines that can be started, by id.

    Images are preferred. Without them, Envoy's wheel and the nginx on the PATH take part; the latter keeps its own
    version, which may be one that we have no image of. ``PROXYCFG_ENGINES=docker`` or ``=local`` restricts the choice.
    """
    return dict(_survey().available)


def why_absent() -> dict[str, str]:
    """The releases that cannot be started, by id, each with the reason."""
    return dict(_survey().absent)


def required() -> bool:
    """Whether the absence of an engine is a failure (``PROXYCFG_REQUIRE_ENGINES=1``, as in CI) and not a skip."""
    return os.environ.get("PROXYCFG_REQUIRE_ENGINES", "0") not in {"", "0"}


def need(engine: str | Engine) -> Engine:
    """The engine with that id, or the newest one of that name (``"nginx"``, ``"envoy"``).

    :raises EngineAbsent: if there is none, with the reason.
    """
    if isinstance(engine, Engine):
        return engine
    present = _survey().available
    if engine in present:
        return present[engine]
    of_that_name = [candidate for candidate in present.values() if candidate.name == engine]
    if of_that_name:
        return max(of_that_name, key=lambda candidate: [int(part) for part in candidate.version.split(".")])
    reasons = [reason for name, reason in _survey().absent.items() if name == engine or name.startswith(f"{engine}-")]
    if not reasons:
        raise ValueError(f"{engine!r} is no engine: write one of {', '.join([*_survey().absent, *present])}")
    raise EngineAbsent(f"{engine}: {reasons[-1]}")


@functools.cache
def _survey() -> _Survey:
    choice = os.environ.get("PROXYCFG_ENGINES", "")
    if choice not in {"", "docker", "local"}:
        raise ValueError(f"PROXYCFG_ENGINES={choice}: write docker or local, or leave it out for both")
    present: dict[str, Engine] = {}
    docker_reason: str | None = "PROXYCFG_ENGINES=local leaves out the images"
    if choice != "local":
        docker_reason = why_no_docker() or why_no_compose()
        present = {} if docker_reason else _images()
    local_reason = "PROXYCFG_ENGINES=docker leaves out the programs on this machine"
    if choice != "docker":
        local = _programs()
        for engine in local:
            # With images of our own there is no need for a version we make no promises about.
            if engine.id in {release.id for release in RELEASES} or not any(
                e.name == engine.name for e in present.values()
            ):
                present.setdefault(engine.id, engine)
        local_reason = (
            f"on this machine: {', '.join(map(str, local))}" if local else "no nginx and no Envoy on this machine"
        )
    absent = {}
    for release in RELEASES:
        if release.id not in present:
            image_reason = docker_reason or f"there is no image {release.tag}: run `python -m tests.engines prepare`"
            absent[release.id] = f"{image_reason}; {local_reason}"
    workerd = npm.binary()
    if workerd:
        present[npm.WORKERD_ID] = Engine("workerd", npm.WORKERD_ID.partition("-")[2], None, workerd)
    else:
        absent[npm.WORKERD_ID] = "it is not installed: run `python -m tests.engines prepare`"
    ordered = dict(sorted(present.items(), key=lambda item: (item[1].name != "nginx", item[0])))
    return _Survey(MappingProxyType(ordered), MappingProxyType(absent))


def _images() -> dict[str, Engine]:
    tags = {release.tag: release for release in RELEASES}
    # Prints what it finds and fails for the rest, so the exit status says nothing.
    found = docker("image", "inspect", "--format", "[{{json .RepoTags}}, {{json .Config.Labels}}]", *tags)
    engines: dict[str, Engine] = {}
    for line in filter(None, found.stdout.splitlines()):
        names, labels = json.loads(line)
        for name in tags.keys() & set(names):
            release = tags[name]
            lapse = (labels or {}).get(TIME_LAPSE_LABEL) == "yes"
            engines[release.id] = Engine(release.name, release.version, name, time_lapse=lapse)
    return engines


def _programs() -> list[Engine]:
    engines = []
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:{_ALSO_ON_PATH}")
    if nginx:
        said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False)
        found = re.search(r"nginx/(\d+\.\d+)", said.stderr + said.stdout)
        if found:
            engines.append(Engine("nginx", found[1], None, Path(nginx), time_lapse=local_faketime() is not None))
    envoy, version = envoy_wheel.binary(), envoy_wheel.version()
    if envoy and version:
        engines.append(Engine("envoy", ".".join(version.split(".")[:2]), None, envoy))
    return engines


def local_faketime() -> str | None:
    """The time-lapse library of this machine: Debian and Ubuntu keep it in a directory named for the processor."""
    return next(iter(sorted(glob.glob("/usr/lib/*/faketime/libfaketime.so.1"))), None)  # noqa: PTH207
