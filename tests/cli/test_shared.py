"""The common options: wherever they stand, whatever the command."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from proxycfg.cli.shared import Shared
from proxycfg.cli.typer_door import load
from proxycfg.commands import COMMANDS, Exit
from proxycfg.starter import starter
from tests.cli.conftest import Cli, files, spec


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_the_common_options(command: str) -> None:
    """By their long names, which the contract spells."""
    made = load(command)
    known = {name for param in made.params for name in (*param.opts, *param.secondary_opts)}

    assert {"--format", "--output", "--color", "--no-color", "-q", "-v"} <= known


@pytest.mark.parametrize("command", COMMANDS)
def test_the_common_options_are_listed_apart(cli: Cli, command: str) -> None:
    """So that a command's own are not lost among them."""
    apart = cli(command, "--help")[1].split("Common options:")[1]

    assert "--verbose" in apart
    assert "--help" not in apart


def test_a_command_imports_no_other_command() -> None:
    """`schema` loads the file of `schema` alone."""
    code = (
        "import sys; from proxycfg.cli import run; run(['schema']); "
        "print(*sorted(m for m in sys.modules if m.startswith('proxycfg.cli.')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    common = {"proxycfg.cli.door", "proxycfg.cli.options", "proxycfg.cli.paint", "proxycfg.cli.shared"}
    assert {"proxycfg.cli.schema"} == set(done.stderr.split()) - common


@pytest.mark.parametrize("arguments", [["-q", "generate", "routes.yaml"], ["generate", "routes.yaml", "-q"]])
def test_an_option_may_stand_before_the_command(cli: Cli, arguments: list[str]) -> None:
    """With the same effect."""
    assert (Exit.OK, "", "") == cli(*arguments)
    assert Path("generated/nginx/nginx.conf").exists()


def test_the_option_after_the_command_wins(cli: Cli) -> None:
    """It is the nearer one."""
    out = cli("--format", "json", "generate", "routes.yaml", "--format", "text", "-t", "nginx")[1]

    assert out.startswith("generated/nginx/nginx.conf\n")
    assert 1 == json.loads(cli("--format", "json", "generate", "routes.yaml", "-t", "nginx")[1])["version"]


def test_a_format_that_the_command_lacks_is_refused(cli: Cli) -> None:
    """Wherever it stands."""
    for arguments in (["--format", "sarif", "schema"], ["schema", "--format", "sarif"]):
        assert (Exit.USAGE, "", "--format sarif: not known; write one of json\n") == cli(*arguments)


def test_the_result_goes_to_a_file(cli: Cli) -> None:
    """Byte for byte what standard output would have had, and that has nothing."""
    printed = cli("schema")[1]

    assert (Exit.OK, "", "") == cli("schema", "--output", "a/schema.json")
    assert (Exit.OK, "", "") == cli("--output", "b.json", "schema")
    assert (Exit.OK, printed, "") == cli("schema", "--output", "-")
    assert [printed] * 2 == [Path("a/schema.json").read_text(), Path("b.json").read_text()]


def test_init_takes_the_common_option_for_its_own(cli: Cli) -> None:
    """Its result is the starter."""
    assert (Exit.OK, "a.yaml\n", "") == cli("--output", "a.yaml", "init")
    assert starter() == Path("a.yaml").read_text()


def test_a_result_that_fails_is_not_written(cli: Cli) -> None:
    """What was there stays."""
    spec("routes: []\n")
    Path("report").write_text("before")

    assert (Exit.USAGE, "") == cli("generate", "routes.yaml", "--output", "report")[:2]
    assert "before" == Path("report").read_text()


def test_a_result_that_finds_something_is_written(cli: Cli) -> None:
    """Exit code 1 is a result."""
    assert (Exit.FOUND, "", "") == cli("generate", "routes.yaml", "--diff", "--output", "a.patch")
    assert Path("a.patch").read_text().startswith("--- /dev/null\n")


def test_a_result_that_cannot_be_written_is_bad_usage(cli: Cli) -> None:
    """With the reason."""
    code, out, err = cli("schema", "--output", "routes.yaml/x")

    assert (Exit.USAGE, "") == (code, out)
    assert "routes.yaml: is a file, where a folder is needed" in err


def test_a_folder_cannot_take_the_result(cli: Cli) -> None:
    """Said before anything is done."""
    code, out, err = cli("generate", "routes.yaml", "--output", ".")

    assert (Exit.USAGE, "", "--output .: is a folder, where a file should be written\n") == (code, out, err)
    assert [] == files()


@pytest.mark.parametrize("option", [[], ["--output", "errors.json"]])
def test_invalid_input_is_json_where_the_result_is(cli: Cli, option: list[str]) -> None:
    """As the contract spells errors; the text for people is on standard error all the same."""
    spec("routes: [{path: a, upstream: api}, {path: b, upstream: api}]\n")
    code, out, err = cli("generate", "routes.yaml", "--format", "json", *option)
    report = json.loads(Path("errors.json").read_text() if option else out)

    assert Exit.USAGE == code
    assert "2 problems found; nothing was written." in err
    assert [("routes.yaml", 2, 17), ("routes.yaml", 2, 43)] == [
        (error["file"], error["line"], error["column"]) for error in report["errors"]
    ]
    assert all(error["message"] for error in report["errors"])
    assert (1, "proxycfg", [], []) == (report["version"], report["tool"]["name"], report["files"], report["findings"])


@pytest.mark.parametrize(
    ("option", "environment", "terminal", "expected"),
    [
        (None, {}, True, True), (None, {}, False, False), (None, {"TERM": "dumb"}, True, False),
        (None, {"NO_COLOR": "1"}, True, False), (None, {"NO_COLOR": ""}, True, True),
        (None, {"FORCE_COLOR": "1"}, False, True), (None, {"CLICOLOR_FORCE": "1"}, False, True),
        (None, {"CLICOLOR_FORCE": "0"}, False, False), (None, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        (True, {"NO_COLOR": "1"}, False, True), (False, {"FORCE_COLOR": "1"}, True, False),
    ],
)  # fmt: skip
def test_who_decides_about_colour(
    monkeypatch: pytest.MonkeyPatch,
    option: bool | None,
    environment: dict[str, str],
    terminal: bool,
    expected: bool,
) -> None:
    """The option, NO_COLOR, FORCE_COLOR or CLICOLOR_FORCE, the terminal: in this order."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)

    assert expected is Shared(color=option).colors(stream)
