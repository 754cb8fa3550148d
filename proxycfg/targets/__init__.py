"""The table of targets: name → how to get its :class:`~proxycfg.target.Target`. A new target is one folder and one line here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxycfg.target import Target

TARGETS = ("nginx", "envoy", "cloudflare")
"""In the order in which files are written and findings are listed."""

BY_DEFAULT = ("nginx", "envoy")
"""Those written for a spec that names none: what is to be said about Cloudflare hangs on a plan, and concerns nobody without a zone there."""


def target(name: str) -> Target:
    """The target of that name, imported when it is first asked for.

    :raises KeyError: if there is no such target.
    """
    if name not in TARGETS:
        raise KeyError(name)
    found: Target = importlib.import_module(f"{__name__}.{name}").TARGET
    return found
