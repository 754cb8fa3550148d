"""``proxycfg demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from proxycfg.cli.options import Option
from proxycfg.cli.shared import Shared

EXAMPLE = "proxycfg demo --engine envoy --runner local"
FORMATS = ("text", "json")


def command(
    shared: Shared,
    engine: Annotated[str, Option("--engine", metavar="ENGINE", help="nginx, envoy or auto.")] = "auto",
    runner: Annotated[
        str, Option("--runner", metavar="RUNNER", help="docker, local (programs of this machine) or auto.")
    ] = "auto",
    image: Annotated[str, Option("--image", metavar="IMAGE", help="The Docker image to run.")] = "",
    plain: Annotated[bool, Option("--plain", help="Lines of text instead of the live view.")] = False,
    as_json: Annotated[bool, Option("--json", help="The same as --format json.")] = False,
    save_svg: Annotated[
        Path | None, Option("--save-svg", metavar="FILE", help="Write a picture of the final view.")
    ] = None,
) -> int:
    """Show it."""
    from proxycfg.demo import Options, Wanted, run  # noqa: PLC0415

    wanted = Wanted.read(engine, runner, image)
    return run(
        Options(
            wanted=wanted,
            plain=plain,
            as_json=as_json or shared.format == "json",
            quiet=shared.quiet,
            color=shared.color,
            save_svg=save_svg,
        )
    )
