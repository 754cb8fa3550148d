"""``proxycfg merge``."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

from proxycfg.cli.options import Argument
from proxycfg.cli.shared import Shared
from proxycfg.commands import Exit
from proxycfg.errors import InvalidInput, Problem
from proxycfg.source import Span
from proxycfg.sourcefile import read_source

EXAMPLE = "proxycfg merge part-1.json part-2.json --output whole.json"
FORMATS = ("json",)
_BYTES = 2**28


def command(
    shared: Shared,  # noqa: ARG001 - every command has it
    files: Annotated[list[str], Argument(metavar="FILE...", help="What lint wrote, all JSON or all SARIF.")],
) -> int:
    """Merge.

    The result is of the kind that the files are. Its exit code says whether merging succeeded, not whether there are findings.
    """
    parts = [_read(name) for name in files]
    kinds = {"runs" in part for part in parts}
    if len(kinds) > 1:
        raise _wrong(files[0], "JSON and SARIF cannot be joined")
    from proxycfg.reports import lint_json, lint_sarif  # noqa: PLC0415

    try:
        whole = (lint_sarif if kinds == {True} else lint_json).merge(parts)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError):
        raise _wrong(files[0], "these are not all results of proxycfg lint") from None
    sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return Exit.OK


def _read(name: str) -> dict[str, Any]:
    source = read_source(name, _BYTES, instead="give a file that lint wrote")
    try:
        body = json.loads(source.text)
    except (ValueError, RecursionError):
        raise _wrong(name, "this is no JSON") from None
    if not isinstance(body, dict):
        raise _wrong(name, "this is no result of proxycfg lint")
    return body


def _wrong(name: str, what: str) -> InvalidInput:
    instead = "give files that `proxycfg lint --format json` (or sarif) wrote"
    return InvalidInput([Problem(Span.whole(name), what, instead)])
