"""Configs under review, from disk: they come from strangers, so nothing outside the given folder is opened unless it is allowed.

The folder is that of the main file, or the one that was given. Symbolic links count by where they lead.
"""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path

from proxycfg.errors import Unreadable
from proxycfg.record import field, record

MAX_BYTES = 64 * 2**20
"""A larger file is not a config that anybody wrote."""
MAX_TOTAL_BYTES = 512 * 2**20
"""All files of one configuration together."""

HOME = "/etc/nginx"
"""Where a distribution keeps nginx's configuration: includes name it even in a repository that keeps it elsewhere."""

STANDARD = frozenset({
    "mime.types", "fastcgi_params", "fastcgi.conf", "uwsgi_params", "scgi_params", "proxy_params", "koi-utf", "koi-win", "win-utf",
    "snippets/fastcgi-php.conf", "snippets/snakeoil.conf",
})  # fmt: skip
"""Files that nginx's packages bring along; none of them decides how a stream is treated."""


class Links:
    """Where paths lead; folders are followed once, of a thousand files in one each takes a single look."""

    def __init__(self) -> None:
        """None is known yet."""
        self._folders: dict[str, str] = {}

    def real(self, path: str) -> str:
        """The path without symbolic links."""
        folder, name = os.path.split(path)
        if name in {"", ".", ".."}:
            return os.path.realpath(path)
        found = self._folders.get(folder)
        if found is None:
            found = self._folders[folder] = os.path.realpath(folder)
        path = os.path.join(found, name)
        return os.path.realpath(path) if os.path.islink(path) else path


@record(slots=True)
class OnDisk:
    """A lookup (see ``targets.nginx.config``) over the files below ``root``."""

    root: Path
    allow_outside: bool = False
    assumed: list[str] = field(default_factory=list)
    _total: int = 0
    _links: Links = field(default_factory=Links, repr=False)

    def read(self, path: str) -> str:
        """The text of a file below the root; bytes that are not UTF-8 come as Latin-1, one character a byte."""
        _check_name(path)
        try:
            text = read_text(self._place(path))
        except (OSError, Unreadable) as error:
            if os.path.basename(path) in STANDARD or "/modules-enabled/" in path:
                self._assume(f"{path} is not read: taken to be the one that nginx's packages bring along")
                return ""
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(error.strerror or "unreadable") from None
        self._total += len(text)
        if self._total > MAX_TOTAL_BYTES:
            raise Unreadable(f"the files together are larger than {MAX_TOTAL_BYTES // 2**20} MiB")
        return text

    def glob(self, pattern: str) -> list[str]:
        """The files that a mask matches, in byte order; those that may not be opened are found, and refused when they are read."""
        _check_name(pattern)
        try:
            placed = os.fspath(self._place(pattern, must_exist=False))
        except OSError as error:
            raise Unreadable(error.strerror or "unreadable") from None
        return sorted(glob.glob(placed), key=os.fsencode)

    def _place(self, path: str, *, must_exist: bool = True) -> Path:
        place = Path(path)
        if self._elsewhere(path) and not self._inside(place):
            moved = self.root / path.removeprefix(HOME + "/")
            if not must_exist or moved.exists() or path.removeprefix(HOME + "/") in STANDARD:
                self._assume(f"{HOME} is taken to be {self.root}")
                place = moved
        if not self.allow_outside and not self._inside(place):
            raise Unreadable(f"it is outside of {self.root}")
        return place

    def _elsewhere(self, path: str) -> bool:
        """Whether a path is one of a distribution's while the configuration stands somewhere else."""
        return path.startswith(HOME + "/") and not self.allow_outside and self._links.real(os.fspath(self.root)) != HOME

    def _inside(self, place: Path) -> bool:
        # The folder is resolved, not the mask's last part, which may hold wildcards.
        real, root = self._links.real(os.fspath(place)), self._links.real(os.fspath(self.root))
        return real == root or real.startswith(root.rstrip("/") + "/")

    def _assume(self, sentence: str) -> None:
        if sentence not in self.assumed:
            self.assumed.append(sentence)


def _check_name(path: str) -> None:
    if "\0" in path:
        raise Unreadable("no file's name holds a NUL character")


def read_text(path: Path) -> str:
    """A file's text, whatever its encoding; a byte order mark stays, so that it can be told.

    :raises OSError: if it cannot be read, is no plain file, or is too large.
    """
    # O_NONBLOCK, or a named pipe would wait for a writer for ever. What is asked and read is then one and the same file.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "not a plain file")
        data = file.read(MAX_BYTES + 1)
    # Counted, not asked for: a file may grow.
    if len(data) > MAX_BYTES:
        raise OSError(0, f"larger than {MAX_BYTES // 2**20} MiB")
    return decode(data)


def decode(data: bytes) -> str:
    """Text of bytes: UTF-8, or Latin-1 where it is not."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
