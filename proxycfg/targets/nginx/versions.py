"""Which version of nginx a config is for: as somebody says, as the config itself says, or the newest stable one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from proxycfg.source import Source
from proxycfg.targets.nginx import facts
from proxycfg.version import HEAD, NUMBER, Known, Version, place_of

KNOWN = Known("nginx", facts.OLDEST, facts.NEWEST, "1.26 or 1.26.2")
_SAID = re.compile(
    rf"""^(?:
        [ \t]*\#[ \t]*nginx(?:[ \t]+version)?[ \t:/]+v?{NUMBER}\b[ \t.]*(?:\(.*\))?\r?$     # a comment: nginx 1.22
        | \#[ ]Made[ ]by[ ]proxycfg[ ].*[ ]for[ ]nginx[ ]{NUMBER}\.[ ]                      # our own heading
        | .*nginx[ ]version:[ ]\S+/{NUMBER}                                                 # nginx -v, nginx -V
    )""",
    re.MULTILINE | re.VERBOSE,
)


def printed_by_nginx(text: str) -> str:
    """The version in the output of ``nginx -v`` or ``nginx -V``; empty if there is none."""
    found = re.search(rf"nginx version: \S+/{NUMBER}", text)
    return found[1] if found else ""


def find(sources: Iterable[Source]) -> Version:
    """The version that the first of the texts says; one that is not known becomes the nearest that is."""
    for source in sources:
        found = _SAID.search(source.text[:HEAD])
        if found is not None:
            number = next(group for group in found.groups() if group)
            return KNOWN.said(number, place_of(source.name, source.text, found.start()))
    return Version(facts.NEWEST_STABLE, "the newest stable one; --nginx-version states another", known=False)
