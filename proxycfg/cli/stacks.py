"""Reading a stack from where the command line says, and the configs of its hops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from proxycfg.cli.configs import envoy_version, version_that_reads
from proxycfg.errors import BadUsage, InvalidInput, Problem
from proxycfg.roots import Found, Search
from proxycfg.sourcefile import STDIN, read_source
from proxycfg.stack import ReadHop
from proxycfg.stackfile import MAX_BYTES, load

if TYPE_CHECKING:
    from proxycfg.explain import Explained
    from proxycfg.knowledge import Knowledge
    from proxycfg.request import Asked
    from proxycfg.rule import Scene
    from proxycfg.stack import Stack, StackHop


def load_stack(path: str) -> tuple[Stack, list[ReadHop]]:
    """A stack, and its hops with their configs.

    :raises InvalidInput: with every problem of the stack, or with those of the hops' paths.
    """
    if path == STDIN:
        raise BadUsage("--chain -: a stack is a file: the configs of its hops lie beside it")
    advice = "give the path of a stack: hops, outermost first (docs/chains.md)"
    stack = load(read_source(path, MAX_BYTES, instead=advice, if_larger="name files, do not repeat them"))
    problems: list[Problem] = []
    loaded: list[ReadHop] = []
    for hop in stack.hops:
        try:
            loaded.append(_loaded(hop, Path(path).parent))
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(problems)
    return stack, loaded


def _loaded(hop: StackHop, home: Path) -> ReadHop:
    if hop.kind == "opaque":
        return ReadHop(hop, None, lambda _: [])
    if not hop.config:
        return _cloudflare(hop, Found())
    config = Path(hop.config)
    if not config.resolve().is_relative_to(home.resolve()):
        raise InvalidInput([Problem(hop.span, f"{hop.config} leads out of the folder of this file", "copy it there")])
    if not config.exists():
        raise InvalidInput([Problem(hop.span, f"{hop.config}: there is no such file", "write its path, as seen from this file")])  # fmt: skip
    found = Search(target=hop.kind).find([hop.config])
    return {"nginx": _nginx, "envoy": _envoy, "cloudflare": _cloudflare}[hop.kind](hop, found)


T = TypeVar("T")


def _stated(hop: StackHop, find: Callable[[], T]) -> T:
    """The version of a hop; one that is not known is a mistake of the stack."""
    try:
        return find()
    except BadUsage as error:
        message, _, instead = str(error).partition(": ")[2].partition(": ")
        raise InvalidInput([Problem(hop.span, message, instead or "leave it out")]) from None


def _nginx(hop: StackHop, found: Found) -> ReadHop:
    from proxycfg.targets.nginx.explain import explain_config  # noqa: PLC0415 - read when it is needed
    from proxycfg.targets.nginx.scene import scene_of  # noqa: PLC0415 - the same

    said = _stated(hop, lambda: version_that_reads(found, hop.version))
    configs = [*(found.configs or found.loose), *found.ingresses]

    def explain(asked: Asked, protocol: str | None) -> list[list[Explained]]:
        return [explain_config(each, said.number, asked, protocol) for each in configs]

    def scenes(knowledge: Knowledge) -> list[Scene]:
        version = said.number if said.known else None
        own = [scene_of(each, version, knowledge) for each in found.configs or found.loose]
        return [*own, *_lowered(found, said.number, said.number, knowledge)]

    return ReadHop(hop, explain, scenes, _problems(configs), (said.assumed,) if said.assumed else ())


def _envoy(hop: StackHop, found: Found) -> ReadHop:
    from proxycfg.targets.envoy.explain import explain_config  # noqa: PLC0415 - read when it is needed
    from proxycfg.targets.envoy.scene import scene_of  # noqa: PLC0415 - the same

    envoys = found.every_envoy
    said = _stated(hop, lambda: envoy_version(hop.version, envoys))

    def explain(asked: Asked, protocol: str | None) -> list[list[Explained]]:
        return [explain_config(each, said.number, asked, protocol) for each in envoys]

    def scenes(knowledge: Knowledge) -> list[Scene]:
        own = [scene_of(each, said.number, knowledge) for each in found.envoys]
        return [*own, *_lowered(found, said.number, None, knowledge)]

    return ReadHop(hop, explain, scenes, _problems(envoys), (said.assumed,) if said.assumed else ())


def _lowered(found: Found, envoy: str, nginx: str | None, knowledge: Knowledge) -> list[Scene]:
    """What controllers make of manifests."""
    if not found.manifests:
        return []
    from proxycfg.kubernetes.scene import scenes_of  # noqa: PLC0415 - read when it is needed

    return [scene for each in found.manifests for scene in scenes_of(each, lambda _: envoy, nginx, knowledge)]


def _cloudflare(hop: StackHop, found: Found) -> ReadHop:
    from proxycfg.targets.cloudflare import facts  # noqa: PLC0415 - read when it is needed
    from proxycfg.targets.cloudflare.config import Config  # noqa: PLC0415 - the same
    from proxycfg.targets.cloudflare.explain import explain_config  # noqa: PLC0415 - the same
    from proxycfg.targets.cloudflare.scene import scene_of  # noqa: PLC0415 - the same
    from proxycfg.targets.cloudflare.zone import Zone  # noqa: PLC0415 - the same

    configs = found.clouds or [Config(zones=[Zone("", hop.span)])]
    for zone in (zone for config in configs for zone in config.zones):
        if zone.plan is None and hop.version:
            zone.plan, zone.plan_said_by = facts.PLANS[hop.version], f"{hop.span}"

    def explain(asked: Asked, protocol: str | None) -> list[list[Explained]]:
        return [explain_config(each, asked, protocol) for each in configs]

    def scenes(knowledge: Knowledge) -> list[Scene]:
        return [scene_of(each, knowledge) for each in configs]

    return ReadHop(hop, explain, scenes, _problems(configs))


def _problems(configs: Sequence[Any]) -> tuple[Problem, ...]:
    return tuple(problem for config in configs for problem in config.problems)
