"""``proxycfg explain``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from proxycfg.cli.configs import (
    AllowOutside,
    NginxBinary,
    NginxVersion,
    Root,
    headers_of,
    nginx_version,
    of_skipped,
    standard_input,
    tell_read,
)
from proxycfg.cli.options import Argument, Option
from proxycfg.cli.shared import Shared, one_of
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxycfg.errors import Problem
    from proxycfg.explain import Explanation

EXAMPLE = "proxycfg explain /etc/nginx --url https://chat.example.com/v1/chat --protocol sse"
FORMATS = ("text", "json")
NOTHING: dict[str, object] = {"routes": []}


def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    shared: Shared,
    config: Annotated[
        list[str],
        Argument(
            metavar="CONFIG...",
            help="An nginx.conf, its folder, site files, the output of `nginx -T`; - is standard input.",
        ),
    ],
    url: Annotated[
        list[str] | None, Option("--url", metavar="URL", help="Only the route that this URL ends in; repeatable.")
    ] = None,
    host: Annotated[
        str,
        Option("--host", metavar="H", help="Only the routes of this host; with --path the host asked."),
    ] = "",
    path: Annotated[
        list[str] | None,
        Option("--path", metavar="P", help="Only the route that this path ends in; repeatable."),
    ] = None,
    method: Annotated[
        str,
        Option(
            "--method",
            metavar="M",
            help="The method of the requests. Default: the protocol's, or GET.",
        ),
    ] = "",
    header: Annotated[
        list[str] | None,
        Option("--header", "-H", metavar="'N: V'", help="A header that the requests have; repeatable."),
    ] = None,
    protocol: Annotated[
        str,
        Option("--protocol", metavar="X", help="Hold each route against the need of this protocol."),
    ] = "",
    full: Annotated[bool, Option("--full", help="Every property of every route, not one line each.")] = False,
    version: NginxVersion = "",
    binary: NginxBinary = "",
    root: Root = None,
    allow_outside: AllowOutside = False,
) -> int:
    """Explain.

    Without --url or --path it lists every route with what it does to a stream. Exit status: 0, or 2 where
    a file cannot be read, is no config, or is one that nginx would refuse.
    """
    if protocol:
        from proxycfg.protocol import meant  # noqa: PLC0415
        from proxycfg.protocols import protocols  # noqa: PLC0415

        one_of("--protocol", protocol, tuple(protocols()), meant(protocol))
    for each in path or ():
        if not each.startswith("/"):
            raise BadUsage(f"--path {each}: must start with /")

    from proxycfg.explain import explain  # noqa: PLC0415
    from proxycfg.request import Asked  # noqa: PLC0415
    from proxycfg.roots import Search  # noqa: PLC0415
    from proxycfg.targets.nginx.explain import explain_config  # noqa: PLC0415

    asked = Asked(url or (), path or (), host.lower(), method.upper(), headers_of(header or ()))
    found = Search(stdin=standard_input(config), root=root, allow_outside=allow_outside).find(config)
    for problem in found.skipped:
        shared.note(of_skipped(problem))
    # No request ends in what no main file includes.
    configs = found.configs if found.configs and (asked.urls or asked.paths) else [*found.configs, *found.loose]
    said = nginx_version(version, binary, found.sources)
    tell_read(shared, found.sources, configs, said)
    try:
        explained = [explain_config(each, said.number, asked, protocol or None) for each in configs]
    except ValueError as error:
        raise BadUsage(f"--url: {error}") from None
    # A request ends in one of several configurations: the first in which an origin gets it.
    routes = (
        [next((each for each in ways if each.route), ways[0]) for ways in zip(*explained, strict=True)]
        if asked.urls or asked.paths
        else [route for of_one in explained for route in of_one]
    )
    explanation = explain(
        "nginx",
        said.number,
        routes,
        protocol=protocol or None,
        said_by=said.said_by,
        assumed=list(
            dict.fromkeys(
                [*([said.assumed] if said.assumed else []), *(line for each in configs for line in each.assumed)]
            )
        ),
        problems=[problem for each in configs for problem in (*each.problems, *each.missing)],
    )
    _print(shared, explanation, tables=full or bool(asked.urls or asked.paths or protocol))
    _tell(shared, explanation.problems)
    refused = any(tree.problems for each in configs for tree in each.files.values())
    return Exit.USAGE if refused else Exit.OK


def _tell(shared: Shared, problems: Sequence[Problem]) -> None:
    """Each problem once, and where it is met again: a missing file may be included by a hundred servers."""
    places: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        places.setdefault((problem.message, problem.instead), []).append(problem)
    for first, *others in places.values():
        shared.say(str(first))
        if others:
            more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            shared.say(f"  = the same at {', '.join(str(each.span) for each in others[:_SHOWN])}{more}")


_SHOWN = 5


def _print(shared: Shared, explanation: Explanation, *, tables: bool) -> None:
    if shared.format == "json":
        shared.print_json(explanation.to_json())
        return
    from proxycfg.reports.explain_text import explanation_to_text  # noqa: PLC0415

    # What goes into a file or a pipe is searched, not looked at: there a line stays whole.
    width = None
    if sys.stdout.isatty():
        import shutil  # noqa: PLC0415 - dear, and a pipe does without

        width = shutil.get_terminal_size().columns
    sys.stdout.write(explanation_to_text(explanation, tables=tables, width=width, color=shared.colors(sys.stdout)))
