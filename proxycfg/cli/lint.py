"""``proxycfg lint``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxycfg.cli.configs import AllowOutside, NginxBinary, NginxVersion, Root, nginx_version
from proxycfg.cli.shared import Shared, one_of
from proxycfg.commands import Exit
from proxycfg.confdir import decode
from proxycfg.errors import BadUsage, InvalidInput, Problem
from proxycfg.finding import Confidence, Severity
from proxycfg.lint import Options, choose, lint
from proxycfg.report import Report
from proxycfg.roots import Found, find
from proxycfg.rules import rules
from proxycfg.source import Source, Span
from proxycfg.streams import Declared, declared_by_option
from proxycfg.targets.nginx import versions
from proxycfg.targets.nginx.scene import Knowledge, scene_of

if TYPE_CHECKING:
    from proxycfg.need import Need
    from proxycfg.rule import Scene
    from proxycfg.spec import Spec
    from proxycfg.targets.nginx.config import Config

EXAMPLE = "proxycfg lint /etc/nginx --fail-on error"
FORMATS = ("text", "json")
NOTHING: dict[str, object] = {"files": 0, "routes": 0, "findings": []}

_HELP = {
    "paths": "Config files, folders to search for them, or - for standard input.",
    "routes": "A spec that says which paths stream, and how.",
    "stream": "A path that streams, such as /events=sse; repeatable.",
    "select": "Only these rules or categories; repeatable, or with commas.",
    "ignore": "Not these rules or categories; repeatable, or with commas.",
    "fail_on": "Exit 1 on findings of this level: error, warning, info or never.",
    "least": "Only routes that are this surely streams: declared, explicit or inferred.",
    "no_ignores": "Report also what notes in the configs ignore.",
    "target": "What the configs are for: nginx, so far the only one. Default: found out from each file.",
    "envoy_version": "The Envoy that runs them; default the newest.",
    "statistics": "Count findings by rule instead of listing them.",
}


def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    ctx: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help=_HELP["paths"], show_default=False)],
    target: Annotated[str, typer.Option("--target", metavar="T", help=_HELP["target"], show_default=False)] = "",
    routes: Annotated[str, typer.Option("--routes", metavar="SPEC", help=_HELP["routes"], show_default=False)] = "",
    stream: Annotated[list[str] | None, typer.Option("--stream", metavar="PATH=PROTOCOL", help=_HELP["stream"])] = None,
    select: Annotated[list[str] | None, typer.Option("--select", metavar="RULE", help=_HELP["select"])] = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", metavar="RULE", help=_HELP["ignore"])] = None,
    fail_on: Annotated[str, typer.Option("--fail-on", metavar="LEVEL", help=_HELP["fail_on"])] = "warning",
    min_confidence: Annotated[str, typer.Option("--min-confidence", metavar="LEVEL", help=_HELP["least"])] = "inferred",
    no_ignores: Annotated[bool, typer.Option("--no-ignores", help=_HELP["no_ignores"])] = False,
    version: NginxVersion = "",
    binary: NginxBinary = "",
    envoy_version: Annotated[
        str, typer.Option("--envoy-version", metavar="X.Y.Z", help=_HELP["envoy_version"], show_default=False)
    ] = "",
    statistics: Annotated[bool, typer.Option("--statistics", help=_HELP["statistics"])] = False,
    root: Root = None,
    allow_outside: AllowOutside = False,
) -> int:
    """Lint.

    Which routes stream is said by --routes, --stream and comments such as `# proxycfg: protocol=sse heartbeat=15s`; it is read
    out of the configs where they say so, and guessed from paths and upstreams where they don't. A guess never is an error.
    `# proxycfg: ignore[RULE] reason` on a line, or on the one above, silences a rule there.
    """
    shared: Shared = ctx.obj
    one_of("--fail-on", fail_on, (*Severity, "never"))
    one_of("--min-confidence", min_confidence, tuple(Confidence))
    if target:
        one_of("--target", target, ("nginx",))
    if envoy_version and not re.fullmatch(r"\d+\.\d+(\.\d+)?", envoy_version):
        raise BadUsage(f"--envoy-version {envoy_version}: write a version such as 1.36.2")
    known = rules()
    options = Options(
        rules=choose(known, _words(select), _words(ignore)),
        known=tuple(known),
        least=Confidence(min_confidence),
        notes=not no_ignores,
    )
    stated = nginx_version(version, binary, ()).number if version or binary else None
    knowledge = _knowledge(routes, stream or ())
    found = _find(paths, root, allow_outside=allow_outside)
    for why in found.skipped:
        shared.note(why)
    if not found.configs:
        raise BadUsage(f"there is no config to lint in {', '.join(paths)}")
    scenes = [_scene(config, stated, knowledge) for config in found.configs]
    for each in _nowhere(scenes):
        shared.say(f"{each.said_by}: no location that hands requests to an origin answers {each.path}")
    report = lint(scenes, options)
    _print(report, shared, statistics=statistics)
    for problem in report.errors:
        shared.say(str(problem))
    if report.errors:
        return Exit.USAGE
    return Exit.FOUND if fail_on != "never" and report.worst >= Severity(fail_on).rank else Exit.OK


def _nowhere(scenes: Sequence[Scene]) -> list[Declared]:
    """What was declared to stream and is in none of the configs."""
    first, *others = (scene.unmatched for scene in scenes)
    return [each for each in first if all(each in other for other in others)]


def _words(texts: Iterable[str] | None) -> list[str]:
    return [word for text in texts or () for word in (part.strip() for part in text.split(",")) if word]


def _scene(config: Config, stated: str | None, knowledge: Knowledge) -> Scene:
    """A config as the rules see it, for the version that is stated, or that it says itself."""
    found = versions.find([Source(tree.text.name, tree.text.text) for tree in config.files.values()][:1])
    return scene_of(config, stated or (found.number if found.known else None), knowledge)


def _knowledge(routes: str, stream: Sequence[str]) -> Knowledge:
    declared: list[Declared] = []
    for text in stream:
        try:
            declared.append(declared_by_option(text))
        except ValueError as error:
            raise BadUsage(f"--stream: {error}") from None
    if not routes:
        return Knowledge(declared)
    from proxycfg.cli.specs import load_spec  # noqa: PLC0415 - a spec takes longer to read than most configs take to lint

    return _of_spec(load_spec(routes), declared)


def _of_spec(spec: Spec, declared: list[Declared]) -> Knowledge:
    from proxycfg.need import need_of  # noqa: PLC0415 - as above

    needs: dict[Span, Need] = {}
    for route in spec.routes:
        hosts = tuple(host for host in route.hosts if host != "*")
        declared.append(
            Declared(
                path=route.path, protocol=route.protocol.name, kind=route.kind, hosts=hosts, heartbeat=route.heartbeat,
                said_by=f"{route.span}", span=route.span,
            )
        )  # fmt: skip
        needs[route.span] = need_of(route)
    return Knowledge(declared, needs)


def _find(paths: Sequence[str], root: Path | None, *, allow_outside: bool) -> Found:
    text = decode(sys.stdin.buffer.read()) if "-" in paths else ""
    try:
        return find(paths, stdin=text, root=root, allow_outside=allow_outside)
    except OSError as error:
        span = Span(str(error.filename or paths[0]), 1, 1, 1, 1)
        raise InvalidInput([Problem(span, f"cannot read: {error.strerror}", "give the path of a config")]) from None


def _print(report: Report, shared: Shared, *, statistics: bool) -> None:
    if shared.format == "json":
        from proxycfg.reports.lint_json import report_to_json  # noqa: PLC0415

        shared.print_json(report_to_json(report))
    else:
        from proxycfg.reports.lint_text import report_to_text  # noqa: PLC0415

        text = report_to_text(report, color=shared.output == "-" and shared.colors(sys.stdout), statistics=statistics)
        sys.stdout.write(text)
