"""``proxycfg init``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

from proxycfg.cli.options import Option
from proxycfg.cli.shared import Shared
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage

EXAMPLE = "proxycfg init && proxycfg generate routes.yaml"
FORMATS = ("text", "json")


def command(
    shared: Shared,
    output: Annotated[
        str, Option("--output", "-o", metavar="FILE", help="File to write; - for standard output.")
    ] = "routes.yaml",
    force: Annotated[bool, Option("--force", help="Overwrite the file if it exists.")] = False,
    from_config: Annotated[
        str,
        Option(
            "--from",
            metavar="CONFIG",
            help="Make the spec of an existing config. Not built yet: says what to do instead.",
        ),
    ] = "",
) -> int:
    """Write the starter."""
    from proxycfg import outdir  # noqa: PLC0415
    from proxycfg.starter import starter  # noqa: PLC0415

    if from_config:
        raise BadUsage(
            f"--from {from_config}: proxycfg cannot make a spec of a config yet; nothing was written.\n"
            f"Run `proxycfg explain {shlex.quote(from_config)}` to see its routes (nginx alone, so far), then `proxycfg init` for a "
            "commented routes.yaml, and write those routes into it."
        )
    if output == "-":
        if shared.format == "json":
            raise BadUsage("--format json reports what was written: leave it out with --output -")
        sys.stdout.write(starter())
        return Exit.OK
    path = Path(output)
    if path.exists() and not force:
        raise BadUsage(f"{path}: exists already; nothing was written. Use --force to replace it, or --output OTHER.")
    existing = outdir.read_existing(path.parent, [path.name]) if shared.format == "json" else {}
    outdir.write(path.parent, {path.name: starter()})
    if shared.format == "json":
        from proxycfg.reports.json_v1 import file_to_json  # noqa: PLC0415

        shared.print_json({"files": [file_to_json(str(path), existing[path.name], starter())]})
    elif not shared.quiet:
        sys.stdout.write(f"{path}\n")
    return Exit.OK
