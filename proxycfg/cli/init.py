"""``proxycfg init``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from proxycfg.cli.configs import (
    READ,
    AllowOutside,
    EnvoyVersion,
    NginxVersion,
    Root,
    Target,
    envoy_version,
    nginx_version,
    of_skipped,
    standard_input,
    tell_envoys,
    tell_read,
)
from proxycfg.cli.options import Option
from proxycfg.cli.shared import Shared, one_of
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage, InvalidInput
from proxycfg.units import counted

if TYPE_CHECKING:
    from proxycfg.adopt import Adopted
    from proxycfg.draft import Draft
    from proxycfg.errors import Problem
    from proxycfg.roots import Found, Search
    from proxycfg.targets.envoy.bootstrap import Config as Envoy
    from proxycfg.targets.nginx.config import Config as Nginx

EXAMPLE = "proxycfg init --from /etc/nginx && proxycfg generate routes.yaml"
FORMATS = ("text", "json")


def command(  # noqa: PLR0913, PLR0917 - one parameter an option
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
            help="Make the spec of an existing config: an nginx.conf, its folder, site files, `nginx -T`, an Envoy bootstrap or dump; repeatable.",
        ),
    ] = None,
    target: Target = "",
    version: NginxVersion = "",
    of_envoy: EnvoyVersion = "",
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

        if target:
            one_of("--target", target, READ)
        search = Search(stdin=standard_input(from_config), target=target, root=root, allow_outside=allow_outside)
        adopted = _adopted(shared, search, from_config, version, of_envoy)
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


class _Read(NamedTuple):
    """A config that was read: its draft, its files, what it runs on, and what had to be assumed or is missing."""

    draft: Draft
    files: Sequence[str]
    engine: str
    assumed: Sequence[str]
    missing: Sequence[Problem]


def _adopted(shared: Shared, search: Search, paths: Sequence[str], version: str, of_envoy: str) -> Adopted:
    """The spec of the one config that the paths mean.

    :raises BadUsage: if they mean several, or one that no spec is made of.
    """
    from proxycfg.adopt import adopt  # noqa: PLC0415

    found = search.find(paths)
    for problem in found.skipped:
        shared.note(of_skipped(problem))
    nginxes = [*(found.configs or found.loose), *found.ingresses]
    envoys = found.every_envoy
    if len(nginxes) + len(envoys) > 1:
        names = ", ".join(
            [*(next(iter(each.files), "") for each in nginxes), *(next(iter(each.files), "") for each in envoys)]
        )
        raise BadUsage(
            f"--from: these are {len(nginxes) + len(envoys)} configs, and a spec is made of one: give one of {names}"
        )
    if not nginxes and not envoys:
        raise BadUsage(
            "--from: this holds no routes of nginx or Envoy: of a zone of Cloudflare, give the config of the hop behind it"
        )
    read = _of_nginx(shared, nginxes[0], found, version) if nginxes else _of_envoy(shared, envoys[0], of_envoy)
    for problem in read.missing:
        shared.say(str(problem))
    assumed = [*read.assumed, *([_SERVICES] if found.manifests else [])]
    return adopt(read.draft, _heading(read.files, read.engine, assumed, read.missing))


_SERVICES = "servers are Services by their names: write NAME.NAMESPACE.svc for those that the proxy's own namespace does not have"


def _of_nginx(shared: Shared, config: Nginx, found: Found, version: str) -> _Read:
    from proxycfg.targets.nginx.draft import draft_of  # noqa: PLC0415

    said = nginx_version(version, "", found.sources)
    if found.ingresses and not said.known:
        from proxycfg.kubernetes import ingress_nginx  # noqa: PLC0415 - configs are read more often
        from proxycfg.version import Version  # noqa: PLC0415

        said = Version(ingress_nginx.NGINX, f"what {ingress_nginx.NAME} brings along", known=False)
    tell_read(shared, found.sources, [config], said)
    draft = draft_of(config, said.number, stated=said.known)
    if config.problems:
        raise InvalidInput(config.problems)
    texts = {name: tree.text.text for name, tree in config.files.items()}
    assumed = [said.assumed, *config.assumed, *_generated(texts)]
    manifests = [name for lowered in found.manifests for name in lowered.manifests.files]
    return _Read(draft, manifests or list(config.files), f"nginx {said.number}", assumed, config.missing)


def _of_envoy(shared: Shared, config: Envoy, version: str) -> _Read:
    from proxycfg.targets.envoy.draft import draft_of  # noqa: PLC0415 - nginx is read more often

    said = envoy_version(version, [config])
    draft = draft_of(config, said.number, stated=said.known)
    tell_envoys(shared, [config], said)
    if config.problems:
        raise InvalidInput(config.problems)
    texts = {name: trees.source.text for name, trees in config.files.items()}
    return _Read(
        draft, list(config.files), f"Envoy {said.number}", [said.assumed, *config.assumed, *_generated(texts)], ()
    )


def _generated(texts: Mapping[str, str]) -> list[str]:
    """What to say of files that come from a spec."""
    from proxycfg.generate import made_here  # noqa: PLC0415

    said = "was generated from a spec, which says more than this one: change that; what was edited since, and no spec can say, is not listed"
    return [f"{name} {said}" for name, text in texts.items() if made_here(text)]


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
