"""``proxycfg init``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from proxycfg.cli.configs import (
    AllowOutside,
    NginxVersion,
    Root,
    nginx_version,
    of_skipped,
    standard_input,
    tell_read,
)
from proxycfg.cli.options import Option
from proxycfg.cli.shared import Shared
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage, InvalidInput
from proxycfg.units import counted

if TYPE_CHECKING:
    from proxycfg.adopt import Adopted
    from proxycfg.errors import Problem
    from proxycfg.roots import Search

EXAMPLE = "proxycfg init --from /etc/nginx && proxycfg generate routes.yaml"
FORMATS = ("text", "json")


def command(
    shared: Shared,
    output: Annotated[
        str, Option("--output", "-o", metavar="FILE", help="File to write; - for standard output.")
    ] = "routes.yaml",
    force: Annotated[bool, Option("--force", help="Overwrite the file if it exists.")] = False,
    from_config: Annotated[
        list[str] | None,
        Option(
            "--from",
            metavar="CONFIG",
            help="Make the spec of an existing config: an nginx.conf, its folder, site files, the output of `nginx -T`; repeatable.",
        ),
    ] = None,
    version: NginxVersion = "",
    root: Root = None,
    allow_outside: AllowOutside = False,
) -> int:
    """Write the starter, or the spec of an existing config.

    With --from, what a spec cannot say is listed on standard error and at the top of
    the file; a route that would lose its login or its path stands there as a comment.
    """
    from proxycfg import outdir  # noqa: PLC0415

    path = Path(output)
    if output == "-" and shared.format == "json":
        raise BadUsage("--format json reports what was written: leave it out with --output -")
    if output != "-" and path.exists() and not force:
        raise BadUsage(f"{path}: exists already; nothing was written. Use --force to replace it, or --output OTHER.")
    adopted = None
    if from_config:
        from proxycfg.roots import Search  # noqa: PLC0415

        search = Search(stdin=standard_input(from_config), target="nginx", root=root, allow_outside=allow_outside)
        adopted = _adopted(shared, search, from_config, version)
    text = adopted.text if adopted else _starter()
    if output == "-":
        sys.stdout.write(text)
    else:
        existing = outdir.read_existing(path.parent, [path.name]) if shared.format == "json" else {}
        outdir.write(path.parent, {path.name: text})
        if shared.format == "json":
            from proxycfg.reports.json_v1 import file_to_json  # noqa: PLC0415

            files = [file_to_json(str(path), existing[path.name], text)]
            shared.print_json({"files": files, **(_to_json(adopted) if adopted else {})})
        elif not shared.quiet:
            sys.stdout.write(f"{path}\n")
    if adopted and shared.format != "json":
        _tell(shared, adopted)
    return Exit.OK


def _starter() -> str:
    from proxycfg.starter import starter  # noqa: PLC0415

    return starter()


def _adopted(shared: Shared, search: Search, paths: Sequence[str], version: str) -> Adopted:
    """The spec of the one config that the paths mean.

    :raises BadUsage: if they mean several.
    """
    from proxycfg.adopt import adopt  # noqa: PLC0415
    from proxycfg.targets.nginx.draft import draft_of  # noqa: PLC0415

    found = search.find(paths)
    for problem in found.skipped:
        shared.note(of_skipped(problem))
    configs = found.configs or found.loose
    if len(configs) > 1:
        names = ", ".join(next(iter(each.files), "") for each in configs)
        raise BadUsage(f"--from: these are {len(configs)} configs, and a spec is made of one: give one of {names}")
    config = configs[0]
    said = nginx_version(version, "", found.sources)
    tell_read(shared, found.sources, configs, said)
    draft = draft_of(config, said.number, stated=said.known)
    if config.problems:
        raise InvalidInput(config.problems)
    for problem in config.missing:
        shared.say(str(problem))
    assumed = [said.assumed, *config.assumed]
    return adopt(draft, _heading(list(config.files), f"nginx {said.number}", assumed, config.missing))


def _heading(files: Sequence[str], engine: str, assumed: Sequence[str], missing: Sequence[Problem]) -> list[str]:
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return [
        f"Made from {', '.join(files[:_NAMED])}{more} ({engine}) by `proxycfg init --from`.",
        "Read it, then run `proxycfg generate routes.yaml`; `proxycfg explain` shows what either config does to each route.",
        *(f"Assumed: {each}" for each in assumed if each),
        *(f"Not read, so nothing of it is here: {each.span}: {each.message}" for each in missing),
    ]


_NAMED = 5
"""Files that are named; the rest is counted."""


def _tell(shared: Shared, adopted: Adopted) -> None:
    for each in adopted.lost:
        shared.note(str(each))
    comments = f"; {counted(len(adopted.withheld), 'route')} written as comments" if adopted.withheld else ""
    lost = f"; {counted(len(adopted.lost), 'thing')} not carried over" if adopted.lost else ""
    shared.note(f"{counted(len(adopted.routes), 'route')} carried over{comments}{lost}")


def _to_json(adopted: Adopted) -> dict[str, object]:
    return {
        "routes": [each.to_json() for each in adopted.routes],
        "withheld": [each.to_json() for each in adopted.withheld],
        "not_carried_over": [each.to_json() for each in adopted.lost],
    }
