"""Manifests for tests, and what is read out of them."""

from __future__ import annotations

from typing import Any

from proxycfg.fix import apply
from proxycfg.knowledge import NOTHING
from proxycfg.kubernetes.lower import Lowered, lower
from proxycfg.kubernetes.scene import scenes_of
from proxycfg.lint import Options, lint
from proxycfg.reading import Evidence, ReadRoute
from proxycfg.report import Report
from proxycfg.rules import rules
from proxycfg.source import Source
from proxycfg.targets.envoy.place import Reader
from proxycfg.targets.envoy.read import read
from proxycfg.targets.envoy.routes import read_world

NAME = "chat.yaml"


def lowered(*texts: str) -> Lowered:
    """Manifests that belong together: the first file is ``chat.yaml``, the others are numbered."""
    names = [NAME, *(f"{at}.yaml" for at in range(2, 9))]
    (found,) = lower([Source(name, text) for name, text in zip(names, texts, strict=False)])
    return found


def routes_of(*texts: str, protocol: str | None = None) -> list[ReadRoute]:
    """What each route does, controller by controller."""
    found = []
    for each in lowered(*texts).envoys:
        assert not each.config.problems, each.config.problems
        found += [told for _, told in read(Reader(read_world(each.config), "1.40"), lambda _: protocol)]
    return found


def route_of(path: str, *texts: str, protocol: str | None = None) -> ReadRoute:
    """What the route of a path does."""
    (found,) = [each for each in routes_of(*texts, protocol=protocol) if each.path == path]
    return found


def value(name: str, path: str, *texts: str, protocol: str | None = None) -> Any:
    """A property of the route of a path, as JSON spells it."""
    return route_of(path, *texts, protocol=protocol).reading.to_json()[name]["value"]  # type: ignore[index]


def evidence(name: str, path: str, *texts: str, protocol: str | None = None) -> Evidence:
    """What decides it."""
    return route_of(path, *texts, protocol=protocol).reading.evidence[name]


def linted(*texts: str) -> Report:
    """What the rules say."""
    options = Options(rules=list(rules().values()), known=tuple(rules()))
    return lint(scenes_of(lowered(*texts), lambda _: "1.40", None, NOTHING), options)


def told(*texts: str) -> dict[str, str]:
    """The place of each finding, by its rule."""
    return {finding.rule: str(finding.span) for finding in linted(*texts).findings}


def repaired(rule: str, text: str) -> str:
    """A text after the fix of a rule's one finding."""
    (fix,) = [finding.fix for finding in linted(text).findings if finding.rule == rule]
    assert fix is not None
    return apply({NAME: text}, [fix]).texts[NAME]
