"""Colours are put over a text that is whole without them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxycfg.cli import paint
from proxycfg.errors import Problem
from proxycfg.source import Span
from tests.cli.conftest import Cli, spec

PROBLEM = str(Problem(Span("r.yaml", 7, 3, 7, 5), "is wrong", "write it right", "a ^^ b"))
FINDING = "r.yaml:7:3: warning[some-rule] nginx: is wrong\n  = since it is"
DIFFERENCE = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n same\n"


def _bare(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("text", [PROBLEM, FINDING, f"{PROBLEM}\n{FINDING}", "no place: here", "", "error: x\n\ny"])
def test_a_message_stays_the_same_below_its_colours(text: str) -> None:
    """Whatever it is."""
    assert text == _bare(paint.message(text))


def test_what_matters_stands_out() -> None:
    """The place, the severity, the carets, the remedy; not the line of the file, even if it has carets of its own."""
    problem, finding = paint.message(PROBLEM).split("\n"), paint.message(FINDING).split("\n")

    assert ["\x1b[1mr.yaml:7:3\x1b[0m: is wrong", "  | a ^^ b"] == problem[:2]
    assert ["\x1b[31;1m  |   ^^\x1b[0m", "\x1b[36m  = write it right\x1b[0m"] == problem[2:]
    assert "\x1b[1mr.yaml:7:3\x1b[0m: \x1b[33mwarning\x1b[0m[some-rule] nginx: is wrong" == finding[0]


def test_a_difference_has_its_colours() -> None:
    """And its text."""
    painted = paint.difference(DIFFERENCE)

    assert DIFFERENCE == _bare(painted)
    assert ["\x1b[31;1m-old\x1b[0m", "\x1b[32m+new\x1b[0m", " same", ""] == painted.split("\n")[3:]


def test_the_option_reaches_both_streams(cli: Cli) -> None:
    """Without it, nothing here is a terminal."""
    spec("routes: [{path: /a, upstream: api, headers: {request: {X-Error: a}}}]\n")
    plain = cli("generate", "routes.yaml", "--diff", "-t", "nginx")
    painted = cli("generate", "routes.yaml", "--diff", "-t", "nginx", "--color")

    assert plain == (painted[0], _bare(painted[1]), _bare(painted[2]))
    assert all("\x1b[" in text for text in painted[1:])
    assert "\x1b[" not in "".join(plain[1:])


def test_problems_have_colours_wherever_the_option_stands(cli: Cli) -> None:
    """Also where the command never ran."""
    spec("routes: []\n")

    for arguments in (["--color", "generate", "routes.yaml"], ["generate", "routes.yaml", "--color"]):
        assert "\x1b[1mroutes.yaml:2:9\x1b[0m: " in cli(*arguments)[2]


def test_a_file_has_no_colours_unless_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """FORCE_COLOR of a CI is for its log."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    cli("generate", "routes.yaml", "--diff", "-t", "nginx", "--output", "a.patch")
    cli("generate", "routes.yaml", "--diff", "-t", "nginx", "--output", "b.patch", "--color")

    assert [False, True] == ["\x1b[" in Path(name).read_text() for name in ("a.patch", "b.patch")]
