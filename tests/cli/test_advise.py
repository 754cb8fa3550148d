"""``proxycfg advise``: flags, JSON, and the interview."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from proxycfg.commands import Exit
from tests.cli.conftest import Cli


def test_it_answers_flags(cli: Cli) -> None:
    """Protocol, price, needs, a spec, and what others say."""
    code, out, err = cli("advise", "--direction", "to-client", "--client", "browser", "--input", "rare", "--rate", "30")

    assert (Exit.OK, "") == (code, err)
    assert out.startswith("sse: ")
    for heading in (
        "What it costs",
        "Why not",
        "What each hop must have for /events (sse)",
        "A spec to begin with",
        "and they disagree",
    ):
        assert heading in out


def test_it_answers_scripts(cli: Cli) -> None:
    """As JSON, with durations in seconds."""
    body = json.loads(
        cli("advise", "--direction", "both", "--client", "service", "--length", "2h", "--format", "json")[1]
    )

    assert ("grpc", 7200) == (body["protocol"], body["answers"]["length"])
    assert body["needs"]["/app.v1.AppService (grpc)"]["grpc"]["value"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--direction and --client must be said, since nobody can be asked"),
        (["--client", "browser"], "--direction must be said"),
        (["--direction", "up", "--client", "browser"], "--direction up: not known; write one of request, to-client"),
        (["--direction", "both", "--client", "browser", "--length", "long"], "--length long: `long` is not a duration"),
        (["--direction", "both", "--client", "browser", "--rate", "many"], "--rate many: is no number"),
        (["--direction", "both", "--client", "browser", "--rate", "-5"], "--rate must be from 0"),
    ],
)
def test_what_cannot_be_an_answer_is_refused(cli: Cli, arguments: list[str], said: str) -> None:
    """With what can."""
    code, out, err = cli("advise", *arguments)

    assert (Exit.USAGE, "") == (code, out)
    assert said in err


class Terminal(io.StringIO):
    """Standard input at which somebody sits."""

    def isatty(self) -> bool:
        """So the program may ask."""
        return True


def test_it_asks_at_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten questions on standard error, with defaults; what is no answer is asked for again."""
    monkeypatch.setattr("sys.stdin", Terminal("sideways\nboth\nservice\n\nlong\n2m\n\n\nyes\n\n\n\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    code, out, err = cli("advise")

    assert Exit.OK == code
    assert out.startswith("grpc: ")
    assert "write one of request, to-client, to-server, both" in err
    assert "is not a duration" in err
    assert 12 == err.count("\n[") + err.count("] [")


def test_a_terminal_that_goes_away_decides_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """End of input is no answer."""
    monkeypatch.setattr("sys.stdin", Terminal("both\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    code, out, err = cli("advise")

    assert (Exit.USAGE, "") == (code, out)
    assert "the questions ended without an answer" in err


def test_it_reckons_with_the_scale_of_a_spec(cli: Cli) -> None:
    """Figures and advice, with their sources by number; as JSON for scripts."""
    Path("many.yaml").write_text(
        "upstreams: {a: http://a:1}\nroutes: [{path: /events, protocol: sse, upstream: a}]\nscale: {streams: 5000}\n"
    )
    code, out, err = cli("advise", "capacity", "many.yaml", "--cores", "4", "--spread", "1m")

    assert (Exit.OK, "") == (code, err)
    assert out.startswith("For 5000 concurrent streams")
    assert "\n[1] https://" in out
    body = json.loads(cli("advise", "capacity", "many.yaml", "--format", "json")[1])
    assert 5000 == body["streams"]
    assert ["Browsers", "Memory and connections", "Reconnects", "Networks"] == [part["title"] for part in body["parts"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["capacity"], "write `capacity SPEC`"),
        (["size", "routes.yaml"], "write `capacity SPEC`"),
        (["capacity", "missing.yaml"], "missing.yaml:1:1: cannot read"),
        (["capacity", "routes.yaml", "--cores", "many"], "--cores many: is no number"),
        (["capacity", "routes.yaml", "--cores", "0"], "--cores must be from 1"),
        (["capacity", "routes.yaml", "--spread", "soon"], "--spread soon: `soon` is not a duration"),
        (["--cores", "2", "--direction", "both", "--client", "browser"], "--cores and --spread are for"),
    ],
)
def test_capacity_says_what_it_needs(cli: Cli, arguments: list[str], said: str) -> None:
    """And changes nothing."""
    code, out, err = cli("advise", *arguments)

    assert (Exit.USAGE, "") == (code, out)
    assert said in err
