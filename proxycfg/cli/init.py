"""``proxycfg init``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from proxycfg.cli.shared import Shared
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage

EXAMPLE = "proxycfg init && proxycfg generate routes.yaml"
FORMATS = ("text", "json")


def command(
    ctx: typer.Context,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="File to write; - for standard output.")
    ] = "routes.yaml",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> int:
    """Write the starter."""
    from proxycfg import outdir  # noqa: PLC0415
    from proxycfg.starter import starter  # noqa: PLC0415

    shared: Shared = ctx.obj
    if output == "-":
        sys.stdout.write(starter())
        return Exit.OK
    path = Path(output)
    if path.exists() and not force:
        raise BadUsage(f"{path}: exists already; nothing was written. Use --force to replace it, or --output OTHER.")
    outdir.write(path.parent, {path.name: starter()})
    if shared.format == "json":
        shared.print_json({"files": [{"path": str(path), "changed": True}]})
    elif not shared.quiet:
        sys.stdout.write(f"{path}\n")
    return Exit.OK
