"""Places in texts."""

from __future__ import annotations

import pytest

from proxycfg.source import Edit, Source, Span


def test_a_span_reads_as_a_link() -> None:
    """Editors and terminals open ``file:line:column``."""
    assert "conf/routes.yaml:3:9" == str(Span("conf/routes.yaml", 3, 9, 4, 1))


def test_a_span_is_the_location_of_the_contract() -> None:
    """``location`` has file, start and end, each with line and column."""
    expected = {"file": "a", "start": {"line": 1, "column": 2}, "end": {"line": 3, "column": 4}}

    assert expected == Span("a", 1, 2, 3, 4).to_json()


def test_spans_sort_by_place() -> None:
    """Findings are listed by file, then line, then column."""
    spans = [Span("b", 1, 1, 1, 2), Span("a", 2, 1, 2, 2), Span("a", 1, 9, 1, 9), Span("a", 1, 3, 1, 4)]

    assert ["a:1:3", "a:1:9", "a:2:1", "b:1:1"] == [str(span) for span in sorted(spans)]


@pytest.mark.parametrize("value", [Source("a", ""), Span("a", 1, 1, 1, 1), Edit(Span("a", 1, 1, 1, 1), "")])
def test_sources_spans_and_edits_are_values(value: object) -> None:
    """Equal by content and usable in sets, since reports are made of them."""
    assert 1 == len({value, value})
    with pytest.raises((AttributeError, TypeError)):
        value.text = "x"  # type: ignore[attr-defined]
