"""Manifests as the linter's rules see them: the scenes of the proxies that their controllers configure, with fixes in the manifests' own words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from proxycfg.knowledge import Knowledge
from proxycfg.kubernetes.fixes import Fixer
from proxycfg.kubernetes.lower import Lowered
from proxycfg.rule import Scene
from proxycfg.targets.envoy.bootstrap import Config
from proxycfg.targets.envoy.scene import scene_of


def scenes_of(lowered: Lowered, version_of: Callable[[Config], str], knowledge: Knowledge) -> Iterator[Scene]:
    """One scene for each controller.

    :param version_of: which Envoy runs a config.
    """
    for each in lowered.envoys:
        yield scene_of(each.config, version_of(each.config), knowledge, partial(Fixer, each))
