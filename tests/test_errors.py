"""How problems are worded and shown."""

from __future__ import annotations

from proxycfg.errors import InvalidInput, Problem
from proxycfg.source import Span


def _problem(line: str, start: int, end: int) -> str:
    return str(Problem(Span("r.yaml", 7, start, 7, end), "is wrong", "write it right", line))


def test_a_problem_says_where_what_and_what_instead() -> None:
    """Four lines: place and message, the line of the file, a caret below each offending character, the remedy."""
    expected = "r.yaml:7:7: is wrong\n  | port: 0\n  |       ^\n  = write it right"

    assert expected == _problem("port: 0", 7, 8)


def test_without_excerpt_or_remedy_a_problem_is_one_line() -> None:
    """What is not known is not shown."""
    assert "r.yaml:1:1: is wrong" == str(Problem(Span("r.yaml", 1, 1, 1, 1), "is wrong"))


def test_a_long_line_is_shown_in_part() -> None:
    """At most 120 characters, the caret still below what it means."""
    line = "x" * 1000 + "HERE" + "y" * 1000
    shown = _problem(line, 1001, 1005).splitlines()

    assert 124 == len(shown[1])
    assert "HERE" == "".join(c for c, mark in zip(shown[1], shown[2], strict=False) if mark == "^")


def test_the_caret_stays_inside_the_line() -> None:
    """A span that reaches into the next line is marked up to the end of its own."""
    shown = str(Problem(Span("r.yaml", 1, 3, 4, 1), "is wrong", "", "a: b"))

    assert "  |   ^" == shown.splitlines()[2]


def test_the_caret_knows_wide_characters() -> None:
    """Chinese and Japanese characters take two columns of a terminal."""
    assert "  |     ^" == _problem("日本x", 3, 4).splitlines()[2]


def test_nothing_that_a_terminal_would_obey_is_shown() -> None:
    """Escapes in the file, its name, a message or a remedy are replaced."""
    evil = "a\x1b[31m\x07\r\nb\u202e"
    shown = str(Problem(Span(evil, 1, 1, 1, 2), evil, evil, evil.replace("\n", "")))

    assert all(c.isprintable() for line in shown.split("\n") for c in line)
    assert 4 == len(shown.split("\n"))


def test_problems_are_told_in_the_order_of_the_file() -> None:
    """Whatever the order in which they were found."""
    places = [(2, 1), (1, 9), (1, 1)]
    error = InvalidInput([Problem(Span("a", line, column, line, column), "x") for line, column in places])

    assert [(1, 1), (1, 9), (2, 1)] == [(p.span.line, p.span.column) for p in error.problems]
    assert "a:1:1: x\na:1:9: x\na:2:1: x" == str(error)
