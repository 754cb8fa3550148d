"""Colours of a terminal, where they are wanted."""

from __future__ import annotations

import re

from proxycfg.errors import printable
from proxycfg.record import record

_CODES = {"bold": "1", "dim": "2", "red": "31;1", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


@record(frozen=True, slots=True)
class Style:
    """Paints text, or leaves it as it is."""

    on: bool

    def paint(self, text: str, how: str) -> str:
        """The text in a colour: ``bold``, ``dim``, ``red``, ``green``, ``yellow``, ``blue``, ``cyan`` or nothing."""
        code = _CODES.get(how)
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and code and text else text

    def paint_in(self, line: str, part: str, how: str) -> str:
        """The line with its first occurrence of a part in a colour."""
        return line.replace(part, self.paint(part, how), 1) if part else line


_OURS = re.compile(rf"(\x1b\[(?:{'|'.join(sorted({'0', *_CODES.values()}))})m)")


def harmless(line: str) -> str:
    """A line of a report without anything that a terminal would obey, but for the colours above: names and words come from strangers."""
    if line.isprintable():
        return line
    return "".join(piece if at % 2 else printable(piece) for at, piece in enumerate(_OURS.split(line)))
