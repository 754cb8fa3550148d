"""Which version of Envoy a config is for: as somebody says, as a dump or a comment says, or the newest one."""

from __future__ import annotations

import re

from proxycfg.targets.envoy import facts
from proxycfg.targets.envoy.bootstrap import Config
from proxycfg.version import HEAD, NUMBER, Known, Version, place_of

KNOWN = Known("Envoy", (1, 24), facts.NEWEST, "1.40 or 1.36.2")
"""The oldest whose defaults are in :mod:`~proxycfg.targets.envoy.defaults`; configs are generated for fewer."""
_SAID = re.compile(
    rf"^(?:[ \t]*#[ \t]*[Ee]nvoy(?:[ \t]+version)?[ \t:/]+v?{NUMBER}\b[ \t.]*\r?$|# Made by proxycfg .* for Envoy {NUMBER}\. )",
    re.MULTILINE,
)


def find(config: Config) -> Version:
    """The version that a dump or a comment says, the nearest that is known; or the newest."""
    for name, trees in config.files.items():
        if config.version:
            return KNOWN.said(config.version, name)
        text = trees.source.text
        found = _SAID.search(text[:HEAD])
        if found is not None:
            return KNOWN.said(next(each for each in found.groups() if each), place_of(name, text, found.start()))
    newest = ".".join(map(str, facts.NEWEST))
    return Version(newest, "the newest known; --envoy-version states another", known=False)
