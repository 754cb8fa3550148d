"""What the linter's rules call broken is, on a real Envoy, and what they want is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from proxycfg.rules import rules
from tests.containers.envoy_rule_demos import DEMOS, Demo, shown

FIXTURES = Path(__file__).parents[2] / "fixtures" / "rules"
RULES = sorted(name for name, rule in rules().items() if "envoy" in rule.targets)


def demo_of(path: Path) -> Demo | None:
    """The demonstration that a config is for."""
    rule, part = path.parts[-3], path.stem.partition("-")[2]
    return DEMOS.get(f"{rule}/{part}") if part else DEMOS.get(rule)


def counterpart(bad: Path) -> Path:
    """What is to work where a bad config does not: what the fix makes of it, else the good one."""
    fixed = bad.with_name(bad.name.replace("bad", "fixed"))
    return fixed if fixed.exists() else bad.with_name("good.yaml")


BAD = [
    path
    for path in sorted(FIXTURES.glob("*/envoy/bad*.yaml"))
    if demo_of(path) is not None
]  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_shown_or_says_why_not(name: str) -> None:
    """On its page, under *Measured*."""
    measured = " ".join(rules()[name].page.partition("**Measured.**")[2].partition("**Sources.**")[0].split())
    mine = [path for path in BAD if path.parts[-3] == name]

    assert bool(mine) != ("Not shown on Envoy: " in measured)
    assert ("`tests/containers/test_envoy_rules.py`" in measured) == bool(mine)


def test_no_demonstration_is_left_over() -> None:
    """Each is that of a config."""
    found = {f"{path.parts[-3]}{path.stem.removeprefix('bad').replace('-', '/', 1)}" for path in BAD}

    assert set(DEMOS) == found


@pytest.mark.engine
@pytest.mark.parametrize("path", BAD, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_what_a_rule_calls_broken_is(path: Path) -> None:
    """And what it wants is not."""
    demo = demo_of(path)
    assert demo is not None
    works = {each.name: asyncio.run(shown(each.read_text(), demo)) for each in (path, counterpart(path))}

    assert works == {path.name: False, counterpart(path).name: True}
