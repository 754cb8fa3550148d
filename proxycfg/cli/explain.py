"""``proxycfg explain``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NamedTuple

from proxycfg.cli.configs import (
    READ,
    AllowOutside,
    Chain,
    CloudflarePlan,
    EnvoyVersion,
    NginxBinary,
    NginxVersion,
    Root,
    Target,
    configs_or_chain,
    envoy_version,
    headers_of,
    of_skipped,
    standard_input,
    state_plan,
    tell_envoys,
    tell_read,
    version_that_reads,
)
from proxycfg.cli.options import Argument, Option
from proxycfg.cli.shared import Shared, one_of
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage
from proxycfg.units import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxycfg.errors import Problem
    from proxycfg.explain import Explained, Explanation
    from proxycfg.request import Asked
    from proxycfg.roots import Found

EXAMPLE = "proxycfg explain /etc/nginx --url https://chat.example.com/v1/chat --protocol sse"
FORMATS = ("text", "json")
NOTHING: dict[str, object] = {"routes": []}


def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    shared: Shared,
    config: Annotated[
        list[str] | None,
        Argument(
            metavar="CONFIG...",
            help=(
                "An nginx.conf, its folder, site files, the output of `nginx -T`; an Envoy bootstrap or /config_dump; "
                "manifests of Kubernetes; Terraform or JSON of the API for Cloudflare; - is standard input."
            ),
        ),
    ] = None,
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
    chain: Chain = "",
    target: Target = "",
    version: NginxVersion = "",
    binary: NginxBinary = "",
    of_envoy: EnvoyVersion = "",
    plan: CloudflarePlan = "",
    root: Root = None,
    allow_outside: AllowOutside = False,
) -> int:
    """Explain.

    Without --url or --path it lists every route with what it does to a stream. Exit status: 0, or 2 where
    a file cannot be read, is no config, or is one that nginx or Envoy would refuse.
    """
    if target:
        one_of("--target", target, READ)
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

    asked = Asked(url or (), path or (), host.lower(), method.upper(), headers_of(header or ()))
    configs = configs_or_chain(config, chain)
    if chain:
        return _explain_chain(shared, chain, asked, protocol, full=full)
    search = Search(stdin=standard_input(configs), target=target, root=root, allow_outside=allow_outside)
    found = search.find(configs)
    state_plan(plan, found.clouds)
    for problem in found.skipped:
        shared.note(of_skipped(problem))
    of = {
        "nginx": found.configs or found.loose or found.ingresses,
        "Envoy": found.every_envoy,
        "Cloudflare": found.clouds,
    }
    several = [name for name, read in of.items() if read]
    if len(several) > 1:
        raise BadUsage(f"these are configs of {' and of '.join(several)}: say which to explain, with --target")
    tables = full or bool(asked.urls or asked.paths or protocol)
    try:
        if found.clouds:
            told = _of_clouds(shared, found, asked, protocol)
        elif found.every_envoy:
            told = _of_envoys(shared, found, asked, protocol, of_envoy)
        else:
            told = _of_nginx(shared, found, asked, protocol, version, binary)
    except ValueError as error:
        raise BadUsage(f"--url: {error}") from None
    explanation = explain(
        told.target,
        told.version,
        _first_ended(told.explained, asked),
        protocol=protocol or None,
        said_by=told.said_by,
        assumed=list(dict.fromkeys(filter(None, told.assumed))),
        problems=told.problems,
    )
    _print(shared, explanation, tables=tables)
    _tell(shared, explanation.problems)
    return Exit.USAGE if told.refused else Exit.OK


def _explain_chain(shared: Shared, chain: str, asked: Asked, protocol: str, *, full: bool) -> int:
    """All hops as one."""
    from proxycfg.cli.stacks import load_stack  # noqa: PLC0415 - a stack is YAML, which single configs do without
    from proxycfg.explain import explain  # noqa: PLC0415
    from proxycfg.record import replace  # noqa: PLC0415
    from proxycfg.stack import follow, paths_of, together  # noqa: PLC0415

    stack, hops = load_stack(chain)
    asked = replace(asked, host=asked.host or stack.host)
    ends = [replace(asked, urls=(each,), paths=()) for each in asked.urls]
    ends += [
        replace(asked, urls=(), paths=(each,)) for each in asked.paths or (() if asked.urls else paths_of(stack, hops))
    ]
    try:
        ways = [follow(hops, each, protocol or None) for each in ends]
    except ValueError as error:
        raise BadUsage(f"--url: {error}") from None
    explanation = explain(
        "chain",
        " → ".join(hop.title for hop in stack.hops),
        [together(way) for way in ways],
        protocol=protocol or None,
        said_by=stack.file,
        assumed=list(dict.fromkeys(line for one in hops for line in one.assumed)),
        problems=[problem for one in hops for problem in one.problems],
    )
    _print(shared, explanation, tables=full or bool(asked.urls or asked.paths or protocol))
    _tell(shared, explanation.problems)
    return Exit.USAGE if explanation.problems else Exit.OK


class _Told(NamedTuple):
    """What the configs of one target say, each by itself."""

    target: str
    version: str
    said_by: str
    explained: list[list[Explained]]
    assumed: list[str]
    problems: list[Problem]
    refused: bool


def _of_nginx(shared: Shared, found: Found, asked: Asked, protocol: str, version: str, binary: str) -> _Told:
    from proxycfg.targets.nginx.explain import explain_config  # noqa: PLC0415

    # No request ends in what no main file includes.
    configs = found.configs if found.configs and (asked.urls or asked.paths) else [*found.configs, *found.loose]
    said = version_that_reads(found, version, binary)
    configs = [*configs, *found.ingresses]
    tell_read(shared, found.sources, configs, said)
    explained = [explain_config(each, said.number, asked, protocol or None) for each in configs]
    return _Told(
        "nginx",
        said.number,
        said.said_by,
        explained,
        [said.assumed, *(line for each in configs for line in each.assumed)],
        [problem for each in configs for problem in (*each.problems, *each.missing)],
        refused=any(tree.problems for each in configs for tree in each.files.values()),
    )


def _of_envoys(shared: Shared, found: Found, asked: Asked, protocol: str, stated: str) -> _Told:
    from proxycfg.targets.envoy.explain import explain_config  # noqa: PLC0415 - nginx is read more often

    envoys = found.every_envoy
    said = envoy_version(stated, envoys)
    explained = [explain_config(each, said.number, asked, protocol or None) for each in envoys]
    tell_envoys(shared, envoys, said)
    problems = [problem for each in envoys for problem in each.problems]
    return _Told(
        "envoy",
        said.number,
        said.said_by,
        explained,
        [said.assumed, *(line for each in envoys for line in each.assumed)],
        problems,
        refused=bool(problems),
    )


def _of_clouds(shared: Shared, found: Found, asked: Asked, protocol: str) -> _Told:
    from proxycfg.targets.cloudflare.explain import explain_config  # noqa: PLC0415 - nginx is read more often

    explained = [explain_config(each, asked, protocol or None) for each in found.clouds]
    plans = {zone.plan.name: zone.plan_said_by for each in found.clouds for zone in each.zones if zone.plan}
    for each in found.clouds:
        for name, source in each.files.items():
            shared.detail(f"read {name}: {counted(source.text.count(chr(10)), 'line')}")
    return _Told(
        "cloudflare",
        " and ".join(plans) or "unknown plan",
        " and ".join(plans.values()) or "nothing",
        explained,
        [line for each in found.clouds for line in (*each.assumed, *each.plans_unsaid)],
        [problem for each in found.clouds for problem in (*each.problems, *each.missing)],
        refused=any(each.problems for each in found.clouds),
    )


def _first_ended(explained: Sequence[Sequence[Explained]], asked: Asked) -> list[Explained]:
    """Of each request the first configuration in which an origin gets it; or every route."""
    if not asked.urls and not asked.paths:
        return [route for of_one in explained for route in of_one]
    return [next((each for each in ways if each.route), ways[0]) for ways in zip(*explained, strict=True)]


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
