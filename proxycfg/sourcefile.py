"""A text file, or standard input, as a source."""

from __future__ import annotations

import codecs
import errno
import re
import sys

from proxycfg.errors import InvalidInput, Problem
from proxycfg.source import Source, Span

STDIN = "-"
"""How a command line names standard input."""


def read_source(path: str, limit: int, *, instead: str, if_larger: str = "") -> Source:
    """The UTF-8 text of the file, with no byte order mark; ``-`` is standard input, which is called ``<stdin>``.

    :param limit: bytes; a larger file is refused after so many.
    :param instead: what to do where it cannot be read at all, and ``if_larger`` where it is larger than that.
    :raises InvalidInput: in every way in which that can fail.
    """
    name = "<stdin>" if path == STDIN else path or "''"
    whole = Span.whole(name)
    try:
        if path == STDIN:
            if sys.stdin is None:
                raise OSError(errno.EBADF, "standard input is closed")  # noqa: TRY301 - one place words them all
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with open(path, "rb") as stream:
                data = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput([Problem(whole, f"cannot read: {said}", instead)]) from None
    if len(data) > limit:
        raise InvalidInput([Problem(whole, f"larger than {limit // 2**20} MiB", if_larger)])
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return Source(name, data.decode())
    except UnicodeDecodeError as error:
        before = re.split("\r\n|\r|\n", data[: error.start].decode())
        where = Span(name, len(before), len(before[-1]) + 1, len(before), len(before[-1]) + 2)
        said = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise InvalidInput([Problem(where, said, "save the file as UTF-8", before[-1])]) from None
