"""The catalogue of nginx's pitfalls: complete, and true about the rules."""

from __future__ import annotations

import re
from pathlib import Path

from proxycfg.rules import rules

PAGE = Path(__file__).parent.parent / "docs" / "nginx-pitfalls.md"
ROWS = re.findall(r"^\| P(\d+) \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
COUNT = 139


def test_every_pitfall_is_there_once_and_in_order() -> None:
    """None was forgotten."""
    assert [int(number) for number, _, _ in ROWS] == list(range(1, COUNT + 1))


def test_every_pitfall_has_a_rule_or_a_reason() -> None:
    """A refusal says why."""
    for number, _, verdict in ROWS:
        assert "](rules/" in verdict or re.match(r"none: \S+ \S+ \S+", verdict), number


def test_every_rule_that_it_names_exists() -> None:
    """And is linked by its own name."""
    links = re.findall(r"\[([a-z0-9-]+)\]\(rules/([a-z0-9-]+)\.md\)", PAGE.read_text())

    assert links
    for text, target in links:
        assert text == target
        assert target in rules()


def test_every_rule_about_streams_stands_in_it() -> None:
    """Those that review notes, and those of other targets, have no pitfall of nginx."""
    named = set(re.findall(r"\(rules/([a-z0-9-]+)\.md\)", PAGE.read_text()))

    assert {name for name, rule in rules().items() if rule.review is None and "nginx" in rule.targets} <= named
