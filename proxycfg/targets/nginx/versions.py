"""Which version of nginx a config is for: as somebody says, as the config itself says, or the newest stable one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from proxycfg.record import record
from proxycfg.source import Source
from proxycfg.targets.nginx import facts

_NUMBER = r"(\d+\.\d+(?:\.\d+)?)"
_SAID = re.compile(
    rf"""^(?:
        [ \t]*\#[ \t]*nginx(?:[ \t]+version)?[ \t:/]+v?{_NUMBER}\b[ \t.]*(?:\(.*\))?\r?$    # a comment: nginx 1.22
        | \#[ ]Made[ ]by[ ]proxycfg[ ].*[ ]for[ ]nginx[ ]{_NUMBER}\.[ ]                     # our own heading
        | .*nginx[ ]version:[ ]\S+/{_NUMBER}                                                # nginx -v, nginx -V
    )""",
    re.MULTILINE | re.VERBOSE,
)
_HEAD = 4000
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


def check(text: str) -> str:
    """A version that the tables know, from 1.18 to 1.31.

    :raises ValueError: with what is known.
    """
    known = f"write one from {_show(facts.OLDEST)} to {_show(facts.NEWEST)}, such as 1.26 or 1.26.2"
    if not re.fullmatch(_NUMBER, text):
        raise ValueError(f"{text or 'an empty text'} is not a version: {known}")
    if not facts.OLDEST <= _line(text) <= facts.NEWEST:
        raise ValueError(f"{text} is not known: {known}")
    return text


def printed_by_nginx(text: str) -> str:
    """The version in the output of ``nginx -v`` or ``nginx -V``; empty if there is none."""
    found = re.search(rf"nginx version: \S+/{_NUMBER}", text)
    return found[1] if found else ""


def find(sources: Iterable[Source]) -> Version:
    """The version that the first of the texts says; one that is not known becomes the nearest that is."""
    for source in sources:
        found = _SAID.search(source.text[:_HEAD])
        if found is None:
            continue
        number = next(group for group in found.groups() if group)
        place = f"{source.name}:{source.text.count(chr(10), 0, found.start()) + 1}"
        line = _line(number)
        if facts.OLDEST <= line <= facts.NEWEST:
            return Version(number, place)
        near = _show(facts.OLDEST if line < facts.OLDEST else facts.NEWEST)
        return Version(near, place, f"{place} says nginx {number}, which is not known here: read as {near}")
    return Version(facts.NEWEST_STABLE, "the newest stable one; --nginx-version states another", known=False)


def _line(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _show(line: tuple[int, ...]) -> str:
    return ".".join(map(str, line))
