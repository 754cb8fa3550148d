"""Which configs a command line means: files as they are given, the main files and fragments of a folder, standard input.

An nginx configuration is a tree of files: a main one, and what it includes. A folder is searched for main files first; what none of them
includes is read by itself, as a fragment, if it looks like nginx's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from proxycfg.confdir import OnDisk, read_text
from proxycfg.source import Source
from proxycfg.targets.nginx.config import Config, load, load_texts, split_dump
from proxycfg.targets.nginx.directives import entries, is_directive, opens_line

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


class _Overlaid:
    """A lookup in which some files already have the text that they are about to get."""

    def __init__(self, lookup: OnDisk, texts: Mapping[str, str]) -> None:
        self.lookup = lookup
        self.texts = texts

    def read(self, path: str) -> str:
        """The text of a file; whether it may be read at all is asked as ever."""
        text = self.lookup.read(path)
        return self.texts.get(path, text)

    def glob(self, pattern: str) -> list[str]:
        """The files that a mask matches."""
        return self.lookup.glob(pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How to read what a command line means.

    :param stdin: the text of standard input, for ``-``.
    :param root: files outside of it are not opened; default the folder of each main file, or the folder that was given.
    :param texts: files that are taken to have another text than the disk says, by the name under which they are found.
    """

    stdin: str = ""
    root: Path | None = None
    allow_outside: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)

    def find(self, paths: Iterable[str]) -> Found:
        """Read all that ``paths`` mean.

        :raises OSError: if a path that was given cannot be read.
        """
        found = Found()
        seen: set[str] = set()
        for given in paths:
            if given == "-":
                text = self.texts.get("<stdin>", self.stdin)
                found.configs.append(self._read(Source("<stdin>", text), self.root or Path()))
            elif os.path.isdir(given):
                self._search(given, found, seen)
            elif os.path.splitext(given)[1].lower() in _OTHERS:
                found.skipped.append(f"{given}: skipped, as it is no nginx config by its name")
            else:
                self._add(given, self.root or Path(_home(given)), found, seen)
        return found

    def _search(self, folder: str, found: Found, seen: set[str]) -> None:
        # Main files first, so that what they include is read where it belongs.
        for path in sorted(_candidates(folder), key=lambda path: (not _is_main_name(path), path)):
            if os.path.realpath(path) in seen:
                continue
            try:
                why = _why_not(self._text(path))
            except OSError as error:
                why = f"it cannot be read: {error.strerror}"
            if why:
                found.skipped.append(f"{path}: skipped, as {why}")
                continue
            # A main file of a project may include from folders beside its own.
            self._add(path, self.root or Path(folder), found, seen)

    def _add(self, path: str, root: Path, found: Found, seen: set[str]) -> None:
        config = self._read(Source(path, self._text(path)), root)
        if config.top and not config.problems and not any(is_directive(line.name) for line in config.top):
            # Well formed, and of another program: what cannot be parsed is told, as it may be an nginx config that is broken.
            found.skipped.append(f"{path}: skipped, as none of its lines begins with a directive of nginx")
            return
        seen.update(os.path.realpath(name) for name in config.files)
        found.configs.append(config)

    def _read(self, main: Source, root: Path) -> Config:
        texts = split_dump(main)
        if texts:
            return load_texts(texts, is_directive=opens_line)
        prefix = "" if main.name == "<stdin>" else _home(main.name)
        lookup = _Overlaid(OnDisk(root, self.allow_outside), self.texts)
        return load(main, lookup, is_directive=opens_line, prefix=prefix)

    def _text(self, path: str) -> str:
        text = self.texts.get(os.path.normpath(path))
        return read_text(Path(path)) if text is None else text


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
