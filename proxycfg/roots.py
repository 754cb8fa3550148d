"""Which configs a command line means: files as they are given, the main files and fragments of a folder, standard input.

An nginx configuration is a tree of files: a main one, and what it includes. A folder is searched for main files first; what none of them
includes is read by itself, as a fragment, if it looks like nginx's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from proxycfg.confdir import OnDisk, read_text
from proxycfg.source import Source
from proxycfg.targets.nginx.config import Config, load, load_texts, split_dump
from proxycfg.targets.nginx.directives import entries, opens_line

_SKIPPED = frozenset({"node_modules", "__pycache__", "vendor", "venv"})
"""Folders that hold other people's files; hidden ones are skipped, too."""
_NAMED = re.compile(
    r"(?i)(?:.*\.(?:conf|nginx|vhost|nginxconf)(?:\.(?:template|tmpl|example|sample|dist|in))?|nginx.*\.template|nginx\.conf.*)"
)
_SITES = frozenset({"sites-available", "sites-enabled", "conf.d", "vhosts", "vhosts.d", "http.d"})
"""Folders whose files are included by a main file one level up, whatever they are called."""
_OTHERS = frozenset(
    {
        ".yaml",
        ".yml",
        ".json",
        ".toml",
        ".ini",
        ".md",
        ".py",
        ".js",
        ".ts",
        ".sh",
        ".html",
        ".css",
        ".xml",
        ".txt",
        ".j2",
        ".log",
        ".pem",
        ".key",
        ".crt",
    }
)
"""Endings of files that are something else, even in such folders."""


@dataclass(slots=True)
class Found:
    """What a command line led to.

    :param configs: each read on its own, in the order of the command line, then of names.
    :param skipped: files that were given or looked promising and are not linted, each with the reason.
    """

    configs: list[Config] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def find(paths: Iterable[str], *, stdin: str, root: Path | None = None, allow_outside: bool = False) -> Found:
    """Read all that ``paths`` mean.

    :param stdin: the text of standard input, for ``-``.
    :param root: files outside of it are not opened; default the folder of each main file, or the folder that was given.
    :raises OSError: if a path that was given cannot be read.
    """
    found = Found()
    seen: set[str] = set()
    for given in paths:
        if given == "-":
            found.configs.append(_read(Source("<stdin>", stdin), root or Path(), allow_outside))
        elif os.path.isdir(given):
            _search(given, root, found, seen, allow_outside=allow_outside)
        elif os.path.splitext(given)[1].lower() in _OTHERS:
            found.skipped.append(f"{given}: skipped, as it is no nginx config by its name")
        else:
            _add(given, root or Path(_home(given)), found, seen, allow_outside=allow_outside)
    return found


def _search(folder: str, root: Path | None, found: Found, seen: set[str], *, allow_outside: bool) -> None:
    # Main files first, so that what they include is read where it belongs.
    candidates = sorted(_candidates(folder), key=lambda path: (not _is_main_name(path), path))
    for path in candidates:
        if os.path.realpath(path) in seen:
            continue
        try:
            source = Source(path, read_text(Path(path)))
        except OSError as error:
            found.skipped.append(f"{path}: skipped, as it cannot be read: {error.strerror}")
            continue
        why = _why_not(source.text)
        if why:
            found.skipped.append(f"{path}: skipped, as {why}")
            continue
        home = Path(_home(path))
        # A main file of a project may include from folders beside its own.
        _add(path, root or (home if home.is_absolute() else Path(folder)), found, seen, allow_outside=allow_outside)


def _candidates(folder: str) -> Iterator[str]:
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        in_sites = os.path.basename(at) in _SITES
        for name in sorted(names):
            ending = os.path.splitext(name)[1].lower()
            if ending in _OTHERS or name.startswith("."):
                continue
            if _NAMED.fullmatch(name) or (in_sites and not ending):
                yield os.path.join(at, name)


def _is_main_name(path: str) -> bool:
    return (
        bool(re.match(r"nginx.*\.conf", os.path.basename(path)))
        and os.path.basename(os.path.dirname(path)) not in _SITES
    )


_FIRST = re.compile(r"^[ \t]*([a-z_][a-z0-9_]*)(?=[ \t\n{;])[^\n]*", re.MULTILINE)
_OTHER_LANGUAGE = re.compile(r"\{\{|\{%|<%|<\?php")


def _why_not(text: str) -> str:
    """Why a file of a folder is taken to be no nginx config; empty if it is one."""
    if _OTHER_LANGUAGE.search(text):
        return "it is a template of another language: lint what it renders to"
    heads = [match[1] for match in _FIRST.finditer(text)][:20]
    if not heads:
        return (
            ""
            if not text.strip() or text.lstrip().startswith("#")
            else "no line of it begins with a directive of nginx"
        )
    known = sum(bool(entries(head)) for head in heads)
    return "" if known * 2 > len(heads) else "its lines do not begin with directives of nginx"


def _home(path: str) -> str:
    """The folder that relative includes start from: that of the main file, one up from a folder of sites."""
    folder = os.path.dirname(path)
    name = os.path.basename(folder) or os.path.basename(os.path.dirname(os.path.abspath(path)))
    return (
        (os.path.dirname(folder) if os.path.basename(folder) else os.path.join(folder, ".."))
        if name in _SITES
        else folder
    )


def _add(path: str, root: Path, found: Found, seen: set[str], *, allow_outside: bool) -> None:
    config = _read(Source(path, read_text(Path(path))), root, allow_outside)
    seen.update(os.path.realpath(name) for name in config.files)
    found.configs.append(config)


def _read(main: Source, root: Path, allow_outside: bool) -> Config:  # noqa: FBT001 - handed on
    texts = split_dump(main)
    if texts:
        return load_texts(texts, is_directive=opens_line)
    prefix = "" if main.name == "<stdin>" else _home(main.name)
    return load(main, OnDisk(root, allow_outside), is_directive=opens_line, prefix=prefix)
