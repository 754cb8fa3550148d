"""The catalogues of pitfalls: complete, and true about the rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxycfg.rules import rules

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {target: (DOCS / f"{target}-pitfalls.md").read_text() for target in ("nginx", "envoy", "cloudflare")}
ROWS = {
    target: re.findall(r"^\| ([PEC])(\d+) \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    for target, page in PAGES.items()
}
COUNTS = {"nginx": ("P", 139), "envoy": ("E", 105), "cloudflare": ("C", 81)}


@pytest.mark.parametrize("target", PAGES)
def test_every_pitfall_is_there_once_and_in_order(target: str) -> None:
    """None was forgotten."""
    letter, count = COUNTS[target]

    assert [(row[0], int(row[1])) for row in ROWS[target]] == [(letter, number) for number in range(1, count + 1)]


@pytest.mark.parametrize("target", PAGES)
def test_every_pitfall_has_a_rule_or_a_reason(target: str) -> None:
    """A refusal says why."""
    for _, number, _, verdict in ROWS[target]:
        assert "](rules/" in verdict or re.match(r"none: \S+ \S+ \S+", verdict), number


@pytest.mark.parametrize("target", PAGES)
def test_every_rule_that_it_names_exists(target: str) -> None:
    """Is linked by its own name, and looks at that target."""
    links = re.findall(r"\[([a-z0-9-]+)\]\(rules/([a-z0-9-]+)\.md\)", PAGES[target])

    assert links
    for text, name in links:
        assert text == name
        assert target in rules()[name].targets, name


@pytest.mark.parametrize("target", PAGES)
def test_every_rule_about_streams_stands_in_it(target: str) -> None:
    """Those that review notes, and those of other targets, have no pitfall of this one."""
    named = set(re.findall(r"\(rules/([a-z0-9-]+)\.md\)", PAGES[target]))

    assert {name for name, rule in rules().items() if rule.review is None and target in rule.targets} <= named
