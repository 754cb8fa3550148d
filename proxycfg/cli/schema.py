"""``proxycfg schema``."""

from __future__ import annotations

import json
import sys

from proxycfg.cli.shared import Shared
from proxycfg.commands import Exit

EXAMPLE = "proxycfg schema > routes.schema.json"
FORMATS = ("json",)


def command(shared: Shared) -> int:  # noqa: ARG001 - nothing to choose
    """Print the JSON Schema of the spec."""
    from proxycfg.schema import schema  # noqa: PLC0415

    sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
    return Exit.OK
