"""The spec that ``proxycfg init`` writes."""

from __future__ import annotations

from proxycfg.template import folder


def starter() -> str:
    """A commented ``routes.yaml`` that generates as it stands."""
    return (folder() / "routes.yaml").read_text(encoding="utf-8")
