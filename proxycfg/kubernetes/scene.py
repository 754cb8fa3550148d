"""Manifests as the linter's rules see them: the scenes of the proxies that their controllers configure, with fixes in the manifests' own words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from proxycfg.errors import Problem
from proxycfg.knowledge import Knowledge
from proxycfg.kubernetes.fixes import Annotator, Fixer
from proxycfg.kubernetes.ingress_nginx import NGINX, Ingresses
from proxycfg.kubernetes.lower import Lowered
from proxycfg.note import Note
from proxycfg.record import replace
from proxycfg.rule import Scene
from proxycfg.targets.envoy import scene as of_envoy
from proxycfg.targets.envoy.bootstrap import Config
from proxycfg.targets.envoy.comments import notes
from proxycfg.targets.nginx import scene as of_nginx


def scenes_of(
    lowered: Lowered, envoy_version: Callable[[Config], str], nginx_version: str | None, knowledge: Knowledge
) -> Iterator[Scene]:
    """One scene for each controller.

    :param envoy_version: which Envoy runs a config; ``nginx_version`` which nginx, None for the one that the controller brings along.
    """
    for each in lowered.envoys:
        scene = of_envoy.scene_of(each.config, envoy_version(each.config), knowledge, partial(Fixer, each))
        yield replace(scene, lowered=True)
    if lowered.ingresses is not None:
        yield _of_ingresses(lowered, lowered.ingresses, nginx_version, knowledge)


def _of_ingresses(lowered: Lowered, ingresses: Ingresses, version: str | None, knowledge: Knowledge) -> Scene:
    annotator = Annotator(ingresses)
    scene = of_nginx.scene_of(ingresses.config, version or NGINX, knowledge, hint=annotator.words)
    # A prefix of segments is two locations, of which the exact one has the path as it is written.
    one_each = {
        (case.route.span, case.protocol): case for case in sorted(scene.cases, key=lambda case: -len(case.route.path))
    }
    cases = tuple(case for case in scene.cases if one_each[case.route.span, case.protocol] is case)
    files = lowered.manifests.files
    told = [note for trees in files.values() for note in notes(trees)]
    return replace(
        scene,
        cases=cases,
        tree=replace(scene.tree, cases=cases),
        files=tuple(files),
        texts={name: trees.source.text for name, trees in files.items()},
        notes=tuple(each for each in told if isinstance(each, Note)),
        problems=(
            *lowered.manifests.problems,
            *(each for each in scene.problems if each.span.stands),
            *(each for each in told if isinstance(each, Problem)),
        ),
        fix=annotator.fix,
        lowered=True,
    )
