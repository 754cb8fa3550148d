"""``proxycfg check``."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Annotated

from proxycfg.cli.configs import EnvoyVersion, NginxVersion, envoy_version, nginx_version, of_skipped, standard_input
from proxycfg.cli.measurements import PRINTED, print_measured
from proxycfg.cli.options import Argument, Option
from proxycfg.cli.shared import Shared, one_of
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage
from proxycfg.units import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxycfg.check.containers import Containers
    from proxycfg.check.perform import Options
    from proxycfg.measured import Measured
    from proxycfg.stage import Stage

EXAMPLE = "proxycfg check /etc/nginx --image nginx:1.30"
FORMATS = PRINTED
NOTHING: dict[str, object] = {"kind": "measured", "routes": []}

COMPARED = ("text", "json", "markdown")
"""The formats of a comparison."""
RUNNERS = ("auto", "docker", "podman")


def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    shared: Shared,
    config: Annotated[
        str,
        Argument(
            metavar="[CONFIG]",
            help="An nginx.conf, its folder, or the output of `nginx -T`; a bootstrap of Envoy; a spec; - is standard input.",
        ),
    ] = "",
    runner: Annotated[str, Option("--runner", metavar="RUNNER", help="docker, podman or auto.")] = "auto",
    image: Annotated[
        str, Option("--image", metavar="IMAGE", help="The proxy's image. Default: the official one of the version.")
    ] = "",
    lab_image: Annotated[
        str,
        Option(
            "--lab-image", metavar="IMAGE", help="What clients and origin run in: any image with Python 3.11 or newer."
        ),
    ] = "",
    only: Annotated[
        list[str] | None,
        Option("--property", metavar="NAME", help="Measure this property alone, such as stalls_on; repeatable."),
    ] = None,
    version: NginxVersion = "",
    of_envoy: EnvoyVersion = "",
    compare: Annotated[
        str,
        Option(
            "--compare",
            metavar="OTHER",
            help="Measure another config too, or this one on another version, such as 1.22: what changes from CONFIG to it.",
        ),
    ] = "",
    save_case: Annotated[
        str,
        Option(
            "--save-case",
            metavar="DIR",
            help="Where proxycfg reads the config otherwise than the proxy does, write what a bug report needs.",
        ),
    ] = "",
    cleanup: Annotated[bool, Option("--cleanup", help="Remove what a run has left behind that was cut off.")] = False,
) -> int:
    """Check.

    The config runs as it is, without a network, and nothing is written to it; names, addresses and files that it needs are supplied, and told.
    Exit status: 0 if every route that was measured fares well, 1 if one does not (with --compare: if anything changes), 2 if the config cannot be
    read or the proxy refuses it, 3 if there is no engine for containers, or no image.
    """
    from proxycfg.behavior import properties  # noqa: PLC0415
    from proxycfg.check.containers import LAB_IMAGE, ProxyEnded, ProxyFailed, found  # noqa: PLC0415
    from proxycfg.check.perform import Options, perform  # noqa: PLC0415

    one_of("--runner", runner, RUNNERS)
    for name in only or ():
        one_of("--property", name, tuple(properties()))
    if compare:
        one_of("--format", shared.format, COMPARED)
    engine = found(runner)
    if cleanup:
        left = engine.leftovers()
        engine.remove(left)
        shared.note(f"removed {counted(len(left), 'container')}")
        if not config:
            return Exit.OK
    if not config:
        raise BadUsage("check: give a config, such as /etc/nginx, or --cleanup")
    stages = _stages(shared, config, version or _said_by(image), of_envoy or _said_by(image))
    if len(stages) > 1 and (image or compare or save_case):
        raise BadUsage(
            f"{config}: is generated for several targets, which --image, --compare and --save-case are not for: "
            "give a spec of one target, or name images by PROXYCFG_NGINX_IMAGE and PROXYCFG_ENVOY_IMAGE"
        )
    options = Options(image, lab_image or os.environ.get("PROXYCFG_LAB_IMAGE") or LAB_IMAGE, tuple(only or ()))
    running = config
    routes: list[Measured] = []
    try:
        for stage in stages:
            for problem in stage.lacks:
                shared.note(str(problem))
            routes += perform(stage, engine, options, f"proxycfg check {config}", shared.note, shared.detail)
        if save_case:
            _save_case(shared, save_case, routes, stages[0])
        if compare:
            running = compare
            return _compared(shared, (config, compare), (stages[0], routes), engine, options)
    except ProxyEnded as error:
        shared.say(f"{running}: {error}")
        return Exit.FOUND
    except ProxyFailed as error:
        shared.say(f"{running}: {error}")
        return Exit.USAGE
    _print(shared, routes, stages)
    return Exit.FOUND if any(route.verdict == "fail" for route in routes) else Exit.OK


def _said_by(image: str) -> str:
    """The version that an image's tag says; empty if it says none."""
    found = re.search(r":v?(\d+\.\d+(?:\.\d+)?)(?:$|-)", image)
    return found[1] if found else ""


def _stages(shared: Shared, name: str, version: str, of_envoy: str) -> list[Stage]:
    """The stage of a config, or those of what is generated from a spec."""
    from proxycfg.check import plan  # noqa: PLC0415
    from proxycfg.cli.specs import load_spec  # noqa: PLC0415

    return plan.of_spec(load_spec(name)) if _is_spec(name) else [_stage(shared, name, version, of_envoy)]


def _is_spec(name: str) -> bool:
    """Whether a file is a spec: YAML with routes and upstreams at its top, which no proxy's config has."""
    from pathlib import Path  # noqa: PLC0415

    from proxycfg.confdir import read_text  # noqa: PLC0415

    if not name.endswith((".yaml", ".yml")):
        return False
    try:
        text = read_text(Path(name))
    except OSError:
        # Told by whoever reads it.
        return False
    return all(re.search(rf"(?m)^{key}\s*:", text) for key in ("routes", "upstreams"))


def _stage(shared: Shared, name: str, version: str, of_envoy: str) -> Stage:
    """The stage of the one config that a path means."""
    from proxycfg.check import plan  # noqa: PLC0415
    from proxycfg.roots import Search  # noqa: PLC0415

    found = Search(stdin=standard_input([name])).find([name])
    for problem in found.skipped:
        shared.note(of_skipped(problem))
    configs = found.configs or found.loose
    several = len(configs) + len(found.envoys) + len(found.clouds)
    if several != 1:
        raise BadUsage(f"{name}: holds {counted(several, 'config')}: give the one to run")
    if found.clouds:
        raise BadUsage(f"{name}: what only Cloudflare's edge can run is not run here; configs of nginx and Envoy are")
    first = next(iter((configs or found.envoys)[0].files))
    root = os.path.dirname(os.path.abspath(first))  # noqa: PTH100, PTH120 - links stay what they are called
    if os.path.isdir(name):  # noqa: PTH112 - as above
        root = os.path.abspath(name)  # noqa: PTH100 - as above
    if configs:
        return plan.of_nginx(configs[0], nginx_version(version, "", found.sources).number, root)
    return plan.of_envoy(found.envoys[0], envoy_version(of_envoy, found.envoys).number, root)


def _save_case(shared: Shared, folder: str, routes: Sequence[Measured], stage: Stage) -> None:
    from pathlib import Path  # noqa: PLC0415

    from proxycfg import outdir  # noqa: PLC0415
    from proxycfg.reports.measured_case import case_of  # noqa: PLC0415

    files = case_of(routes, stage.texts, f"{stage.target} {stage.version}")
    if files:
        outdir.write(Path(folder), files)
        shared.note(
            f"{folder}: what a report of a bug in proxycfg needs; see its README.md, and take out what is not public"
        )
    else:
        shared.note("nothing was measured that contradicts what is read out of the config: no case to save")


def _compared(
    shared: Shared,
    names: tuple[str, str],
    first: tuple[Stage, Sequence[Measured]],
    engine: Containers,
    options: Options,
) -> int:
    """Measure the other one, and tell what changes.

    :raises ProxyFailed: if the proxy does not run with it.
    """
    from proxycfg.check.perform import perform  # noqa: PLC0415
    from proxycfg.compare import compare  # noqa: PLC0415
    from proxycfg.record import replace  # noqa: PLC0415
    from proxycfg.reports import compared_json, compared_markdown  # noqa: PLC0415

    before, routes = first
    config, other = names
    if re.fullmatch(r"\d+\.\d+(\.\d+)?", other):
        stage = _stage(shared, config, other, other)
        image = re.sub(r":(v?)[^:/]*$", rf":\g<1>{other}", options.image)
        titles = (f"{before.target} {before.version}", f"{stage.target} {stage.version}")
    else:
        stage, image, titles = _stage(shared, other, before.version, before.version), options.image, names
    again = f"proxycfg check {config} --compare {other}"
    changes = compare(routes, perform(stage, engine, replace(options, image=image), again, shared.note, shared.detail))
    if shared.format == "json":
        shared.print_json({"kind": "compared", **compared_json.render(titles, changes)})
    else:
        sys.stdout.write(compared_markdown.render(titles, changes))
    return Exit.FOUND if any(change.matters for change in changes) else Exit.OK


def _print(shared: Shared, routes: list[Measured], stages: Sequence[Stage]) -> None:
    supplied = [each for stage in stages for each in stage.supplied]
    texts = {name: text for stage in stages for name, text in stage.texts.items()}
    version = stages[0].version if len(stages) == 1 else None
    more = {"target_version": version, "supplied": [each.to_json() for each in supplied]}
    print_measured(shared, "proxycfg check", routes, texts, more)
    if supplied and shared.format == "text":
        sys.stdout.write("\nSupplied, since the config names it and it was not given:\n")
        sys.stdout.writelines(f"  {each.what}  {each.name}  {each.span or ''}\n" for each in supplied)
