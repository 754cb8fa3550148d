"""Root file systems from Debian packages: how an image is made where no image can be pulled."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PUBLIC_MIRROR = "http://deb.debian.org/debian"
"""Debian's own address, for machines on which no Debian mirror is configured (Ubuntu)."""

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SCRIPTS = Path("/usr/share/debootstrap/scripts")
_SUITES = frozenset(
    ("bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"),
)

# dpkg syncs every file it unpacks, in case the power fails: half of the time of a build that is thrown away after a failure
# anyhow. The documentation is never read.
_DPKG = """\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
"""


class BuildFailed(Exception):
    """No image could be made; the text says why and what to install, in one paragraph."""


@dataclass(frozen=True, slots=True)
class Source:
    """One line of ``sources.list``, or one stanza of a ``.sources`` file."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]


def mirror(apt: Path = Path("/etc/apt")) -> str:
    """The Debian mirror this machine is configured to use, or Debian's own address.

    Suite and component tell a mirror of Debian from the many other archives that are laid out like one.
    """
    for source in _sources(apt):
        if "main" in source.components and _SUITES.intersection(source.suites):
            for uri in source.uris:
                if uri.startswith(("http://", "https://", "file:")):
                    return uri.rstrip("/")
    return PUBLIC_MIRROR


def why_no_debootstrap() -> str | None:
    """The reason why :func:`build` cannot work on this machine, or ``None``."""
    if os.geteuid() != 0:
        return (
            "building an image from Debian packages needs root, because debootstrap does: run "
            "`sudo python -m tests.engines prepare` once, or give Docker access to a registry"
        )
    if shutil.which("debootstrap") is None:
        return (
            "building an image from Debian packages needs the program debootstrap: run "
            "`apt-get install debootstrap debian-archive-keyring`, or give Docker access to a registry"
        )
    if not _KEYRING.exists():
        return (
            f"debootstrap cannot check Debian's signatures, because {_KEYRING} is missing: run "
            "`apt-get install debian-archive-keyring`"
        )
    return None


def build(suite: str, packages: Sequence[str], target: Path) -> None:
    """Install a minimal Debian of ``suite``, and ``packages``, in ``target``.

    :raises BuildFailed: with the last words of debootstrap.
    """
    config = target / "etc/dpkg/dpkg.cfg.d"
    config.mkdir(parents=True)
    (config / "proxycfg").write_text(_DPKG)
    # An older debootstrap has no script for a newer suite; the one for unstable serves every suite after it.
    script = suite if (_SCRIPTS / suite).exists() else "sid"
    command = ["debootstrap", "--variant=minbase", f"--keyring={_KEYRING}", "--force-check-gpg"]
    if packages:
        command.append(f"--include={','.join(packages)}")
    command += [suite, str(target), mirror(), script]
    result = _in_private_mounts(command)
    if result.returncode:
        last = " / ".join(result.stdout.strip().splitlines()[-3:]) or f"exit status {result.returncode}"
        raise BuildFailed(f"debootstrap could not install {', '.join(packages) or 'a base'} of Debian {suite}: {last}")


def in_tree(target: Path, *command: str) -> None:
    """Run a command inside a finished root file system.

    :raises BuildFailed: with what the command said.
    """
    result = _run(["chroot", str(target), *command])
    if result.returncode:
        raise BuildFailed(f"`{shlex.join(command)}` failed in the new root file system: {result.stdout.strip()}")


def pack(target: Path, archive: Path) -> None:
    """Write ``target`` as a compressed tar, which appears under its name only when it is complete.

    :raises BuildFailed: with what tar said.
    """
    part = archive.with_name(archive.name + ".part")
    exclude = ("proc/*", "sys/*", "dev/*", "var/cache/apt/*", "var/lib/apt/lists/*", "var/log/*")
    docs = ("usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*")
    options = [f"--exclude=./{pattern}" for pattern in (*exclude, *docs)]
    result = _run(["tar", "--numeric-owner", "--use-compress-program=gzip -1", "-cf", str(part), *options,
                   "-C", str(target), "."])  # fmt: skip
    if result.returncode:
        part.unlink(missing_ok=True)
        raise BuildFailed(f"tar could not write {archive}: {result.stdout.strip()}")
    part.replace(archive)


def scratch(parent: Path) -> tempfile.TemporaryDirectory[str]:
    """A directory for one build. Below the cache and not in ``/tmp``, which is often mounted without device files."""
    return tempfile.TemporaryDirectory(prefix="build-", dir=parent)


def _in_private_mounts(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run debootstrap where its mounts of /proc and /sys vanish with it.

    After an interrupt they would otherwise stay, below a directory that we are about to delete.
    """
    unshare = ["unshare", "--mount", "--propagation", "private"]
    private = _run([*unshare, "true"]).returncode == 0
    return _run([*unshare, "--", *command] if private else command, environment=_proxies())


def _proxies() -> dict[str, str]:
    """The HTTP proxies apt is told to use: debootstrap downloads with wget, which reads them from the environment."""
    asked = _run(["apt-config", "shell", "http_proxy", "Acquire::http::Proxy", "https_proxy", "Acquire::https::Proxy"])
    if asked.returncode:
        return {}
    pairs = (word.partition("=") for word in shlex.split(asked.stdout))
    return {name: value for name, _, value in pairs if value and value != "DIRECT" and name not in os.environ}


def _run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(environment or {})},
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, str(error), "")


def _sources(apt: Path) -> Iterator[Source]:
    for file in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))):
        if file.is_file():
            yield from filter(None, map(_one_line, file.read_text(errors="replace").splitlines()))
    for file in sorted((apt / "sources.list.d").glob("*.sources")):
        for stanza in file.read_text(errors="replace").split("\n\n"):
            source = _stanza(stanza)
            if source:
                yield source


def _one_line(line: str) -> Source | None:
    """``deb [options] uri suite component …``."""
    words = line.partition("#")[0].split()
    if not words or words[0] != "deb":
        return None
    del words[0]
    if words and words[0].startswith("["):
        while words and not words.pop(0).endswith("]"):
            pass
    return Source(tuple(words[:1]), tuple(words[1:2]), tuple(words[2:]))


def _stanza(text: str) -> Source | None:
    """Fields of the form ``Name: values``, continued on indented lines."""
    fields: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields.setdefault(name, []).extend(line.split())
            continue
        name, _, value = line.partition(":")
        name = name.lower()
        fields[name] = value.split()
    if "deb" not in fields.get("types", ()) or fields.get("enabled", ["yes"])[:1] == ["no"]:
        return None
    return Source(tuple(fields.get("uris", ())), tuple(fields.get("suites", ())), tuple(fields.get("components", ())))
