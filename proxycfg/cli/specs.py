"""Reading a spec from where the command line says."""

from __future__ import annotations

import codecs
import errno
import re
import sys
from typing import TYPE_CHECKING

from proxycfg.errors import InvalidInput, Problem
from proxycfg.source import Source, Span

if TYPE_CHECKING:
    from proxycfg.spec import Spec


def load_spec(path: str) -> Spec:
    """The spec in a file, or of standard input for ``-``.

    :raises InvalidInput: with every problem found.
    """
    from proxycfg import specfile  # noqa: PLC0415

    return specfile.load(_read_source(path, specfile.MAX_BYTES))


def _read_source(path: str, limit: int) -> Source:
    """A text file or standard input; every way in which that can fail is bad usage with a place."""
    name = "<stdin>" if path == "-" else path
    start = Span(name, 1, 1, 1, 1)
    try:
        if path == "-":
            if sys.stdin is None:
                raise OSError(errno.EBADF, "standard input is closed")  # noqa: TRY301 - one place words them all
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with open(path, "rb") as stream:
                data = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(
            [Problem(start, f"cannot read: {said}", "give the path of a spec; `proxycfg init` writes one")]
        ) from None
    if len(data) > limit:
        raise InvalidInput([Problem(start, f"larger than {limit // 2**20} MiB", "split the spec")])
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return Source(name, data.decode())
    except UnicodeDecodeError as error:
        before = re.split("\r\n|\r|\n", data[: error.start].decode())
        where = Span(name, len(before), len(before[-1]) + 1, len(before), len(before[-1]) + 2)
        said = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise InvalidInput([Problem(where, said, "save the file as UTF-8", before[-1])]) from None
