"""Which version of a proxy a config is for, who says so, and which versions are known at all."""

from __future__ import annotations

import re

from proxycfg.record import record

NUMBER = r"(\d+\.\d+(?:\.\d+)?)"
"""A version in a text, as a group of a regular expression."""
HEAD = 4000
"""Characters of a file in which a version is looked for: what comes later is about something else."""


@record(frozen=True, slots=True)
class Version:
    """A version, and who says so, for people."""

    number: str
    said_by: str
    assumed: str = ""
    """What had to be assumed; empty where nothing had to."""
    known: bool = True
    """Whether somebody says so at all."""


class Known:
    """The versions of a proxy whose defaults are known."""

    def __init__(self, of: str, oldest: tuple[int, ...], newest: tuple[int, ...], examples: str) -> None:
        """Versions by their major and minor number; ``of`` is the proxy as people write it, ``examples`` of what one can write."""
        self.of = of
        self.oldest = oldest
        self.newest = newest
        self.examples = examples

    def stated(self, text: str, by: str) -> Version:
        """A version that somebody states, ``by`` such as an option.

        :raises ValueError: if it is none that is known, with what is.
        """
        known = f"write one from {_show(self.oldest)} to {_show(self.newest)}, such as {self.examples}"
        if not re.fullmatch(NUMBER, text):
            raise ValueError(f"{text or 'an empty text'} is not a version: {known}")
        if not self.oldest <= _line(text) <= self.newest:
            raise ValueError(f"{text} is not known: {known}")
        return Version(text, by)

    def said(self, number: str, place: str) -> Version:
        """A version that a config says; one that is not known becomes the nearest that is."""
        line = _line(number)
        if self.oldest <= line <= self.newest:
            return Version(number, place)
        near = _show(self.oldest if line < self.oldest else self.newest)
        return Version(near, place, f"{place} says {self.of} {number}, which is not known here: read as {near}")


def place_of(name: str, text: str, at: int) -> str:
    """``file:line`` of a place in a text."""
    return f"{name}:{text.count(chr(10), 0, at) + 1}"


def _line(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _show(line: tuple[int, ...]) -> str:
    return ".".join(map(str, line))
