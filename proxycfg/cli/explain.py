"""``proxycfg explain``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxycfg.cli.shared import Shared, one_of
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage
from proxycfg.source import Source

if TYPE_CHECKING:
    from proxycfg.explain import Explanation

EXAMPLE = "proxycfg explain /etc/nginx --url https://chat.example.com/v1/chat"
FORMATS = ("text", "json")
NOTHING: dict[str, object] = {"routes": []}


def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    ctx: typer.Context,
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG", help="An nginx config: a file, a folder, or - for standard input.", show_default=False
        ),
    ],
    url: Annotated[
        list[str] | None, typer.Option("--url", metavar="URL", help="Only the route that this URL ends in; repeatable.")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="H", help="With --path: the host that is asked for.", show_default=False)
    ] = "",
    path: Annotated[
        str, typer.Option("--path", metavar="P", help="Only the route that this path ends in.", show_default=False)
    ] = "",
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol", metavar="X", help="Hold each route against the need of this protocol.", show_default=False
        ),
    ] = "",
    nginx_version: Annotated[
        str,
        typer.Option(
            "--nginx-version",
            metavar="X.Y.Z",
            help="The version that runs it; default the newest stable.",
            show_default=False,
        ),
    ] = "",
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", metavar="DIR", help="Files outside this folder are not opened; default the config's own."
        ),
    ] = None,
    allow_outside: Annotated[
        bool, typer.Option("--allow-outside", help="Follow includes anywhere on this machine.")
    ] = False,
) -> int:
    """Explain."""
    shared: Shared = ctx.obj
    if protocol:
        from proxycfg.protocols import protocols  # noqa: PLC0415

        one_of("--protocol", protocol, tuple(protocols()))
    if path and not path.startswith("/"):
        raise BadUsage(f"--path {path}: must start with /")
    urls = list(url or ())
    if host:
        # Where the listener speaks TLS alone, the request is taken to reach it all the same.
        urls.append(f"{'ws' if protocol == 'websocket' else 'http'}://{host}{path or '/'}")
        path = ""
    explanation = _read_nginx(
        config, urls, protocol or None, nginx_version, root, path=path, allow_outside=allow_outside
    )
    if shared.format == "json":
        text = json.dumps(explanation.to_json(), indent=2, ensure_ascii=False) + "\n"
    else:
        from proxycfg.reports.explain_text import explanation_to_text  # noqa: PLC0415

        text = explanation_to_text(explanation, tables=bool(urls or path or protocol))
    for problem in explanation.problems:
        shared.say(str(problem))
    sys.stdout.write(text)
    return Exit.OK


def _read_nginx(
    config: str,
    urls: list[str],
    protocol: str | None,
    version: str,
    root: Path | None,
    *,
    path: str,
    allow_outside: bool,
) -> Explanation:
    from proxycfg.confdir import OnDisk, decode, find_main  # noqa: PLC0415
    from proxycfg.explain import explain  # noqa: PLC0415
    from proxycfg.targets.nginx import facts  # noqa: PLC0415
    from proxycfg.targets.nginx.config import load, load_texts, split_dump  # noqa: PLC0415
    from proxycfg.targets.nginx.directives import opens_line  # noqa: PLC0415
    from proxycfg.targets.nginx.explain import explain_config  # noqa: PLC0415

    main = Source("<stdin>", decode(sys.stdin.buffer.read())) if config == "-" else find_main(config)
    version = version or facts.NEWEST_STABLE
    if not all(part.isdigit() for part in version.split(".")):
        raise BadUsage(f"--nginx-version {version}: write a version such as 1.26.2")
    lookup = OnDisk(root or (Path(config) if Path(config).is_dir() else Path(main.name).parent), allow_outside)
    texts = split_dump(main)
    read = load_texts(texts, is_directive=opens_line) if texts else load(main, lookup, is_directive=opens_line)
    try:
        routes = explain_config(read, version, urls, protocol, path=path)
    except ValueError as error:
        raise BadUsage(f"--url: {error}") from None
    return explain(
        "nginx", version, routes, protocol=protocol, assumed=[*read.assumed, *lookup.assumed], problems=read.problems
    )
