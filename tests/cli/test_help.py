"""Help, the version, bad usage, and what standard streams may be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from proxycfg import __version__
from proxycfg.cli.typer_door import load
from proxycfg.commands import COMMANDS, Exit, usage
from tests.cli.conftest import UPSTREAMS, Cli, files, process
from tests.specs import ROUTES

# ---- help and version ----


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_help_is_the_same_through_both_doors(cli: Cli, arguments: list[str]) -> None:
    """With typer and without it, and also where no argument is given."""
    quick = process(*arguments)

    assert (0, usage(), b"") == (quick.returncode, quick.stdout.decode(), quick.stderr)
    assert (Exit.OK, usage(), "") == cli(*arguments)
    assert (Exit.OK, usage(), "") == cli("-h")


def test_the_version_is_the_same_through_both_doors(cli: Cli) -> None:
    """On standard output, alone."""
    quick = process("--version")

    assert (0, f"proxycfg {__version__}\n", b"") == (quick.returncode, quick.stdout.decode(), quick.stderr)
    assert (Exit.OK, f"proxycfg {__version__}\n", "") == cli("--version")


def test_help_lists_every_command_with_one_line() -> None:
    """Of a hundred columns at most, which is where typer wraps."""
    lines = usage().splitlines()

    assert all(any(line.startswith(f"  {name} ") and text in line for line in lines) for name, text in COMMANDS.items())
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(cli: Cli, command: str) -> None:
    """And a phrase for each of its options."""
    code, out, err = cli(command, "--help")

    assert (Exit.OK, "") == (code, err)
    assert f"Example: proxycfg {command}" in out
    assert COMMANDS[command].rstrip(".") in " ".join(out.split())
    options = re.split(r"\n(?=  -)", out.split("Options:")[1].split("\n\n")[0])[1:]
    assert all(re.search(r"\S( {2,}|\n +)[A-Za-z(]", option) for option in options), options
    assert (Exit.OK, out, "") == cli(command, "-h")


@pytest.mark.parametrize(
    "command", [name for name in COMMANDS if any(isinstance(each, click.Argument) for each in load(name).params)]
)
def test_every_argument_has_words(cli: Cli, command: str) -> None:
    """Beside its name, or below it; `[required]` alone says nothing."""
    arguments = cli(command, "--help")[1].split("Arguments:\n")[1].split("\n\n")[0]

    assert re.match(r"  \S+ +[A-Z]\w+ .*[.]", arguments, re.DOTALL)


def test_the_help_of_generate_says_what_a_spec_is(cli: Cli) -> None:
    """And that - is standard input."""
    assert "SPEC  The routes.yaml to read; - is standard input." in cli("generate", "--help")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "No such command 'nope'"), (["genrate"], "Did you mean 'generate'?"), (["--nope"], "No such option"),
        (["generate"], "Missing argument"),
        (["generate", "a", "b"], "unexpected extra argument (b)"),
        (["generate", "routes.yaml", "--nope"], "No such option"),
        (["generate", "routes.yaml", "--out"], "requires an argument"),
        (["generate", "routes.yaml", "--quiet=1"], "does not take a value"),
        (["init", "x"], "unexpected extra argument"),
    ],
)  # fmt: skip
def test_bad_usage_is_said_on_standard_error(cli: Cli, arguments: list[str], said: str) -> None:
    """With exit code 2, and nothing done."""
    code, out, err = cli(*arguments)

    assert (Exit.USAGE, "") == (code, out)
    assert said in err
    assert [] == files()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--target", "haproxy"], "--target haproxy: not known; write one of nginx, envoy"),
        (["--target", ""], "--target : not known"),
        (["--target", "nginx,apache"], "--target apache: not known"),
        (["--format", "yaml"], "--format yaml: not known; write one of text, json"),
        (["--fail-on", "hint"], "--fail-on hint: not known; write one of error, warning, info, never"),
        (["--out", "-"], "--out - prints the main file of one target: add --target nginx"),
        (["--out", "-", "--target", "nginx", "--diff"], "without --diff"),
        (["--format", "json", "--out", "-", "-t", "nginx"], "--format json reports what was written"),
    ],
)  # fmt: skip
def test_a_word_that_is_not_known_is_named_with_those_that_are(cli: Cli, option: list[str], said: str) -> None:
    """Nothing is guessed, nothing ignored."""
    code, out, err = cli("generate", "routes.yaml", *option)

    assert (Exit.USAGE, "") == (code, out)
    assert said in err
    assert [] == files()


# ---- streams of all kinds ----


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """``proxycfg schema | head -1`` ends in silence."""
    for arguments in (["schema"], ["init", "-o", "-"], ["generate", "--help"]):
        with subprocess.Popen(
            [sys.executable, "-m", "proxycfg", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()

            assert (b"", 0) == (process.stderr.read(), process.wait())


def test_output_is_utf_8_whatever_the_locale() -> None:
    """A config is the same bytes on every machine."""
    spec = "upstreams: {api: 'http://127.0.0.1'}\nroutes: [{path: /café, protocol: sse, upstream: api}]\n".encode()
    done = process("generate", "-", "-t", "nginx", "-o", "-", data=spec, PYTHONIOENCODING="ascii", LC_ALL="C")

    assert (0, b"") == (done.returncode, done.stderr)
    assert "/café".encode() in done.stdout


def test_a_name_that_is_no_text_is_told_as_it_is(tmp_path: Path) -> None:
    """File names are bytes; whatever they are, there is no traceback."""
    folder = os.fsencode(tmp_path)
    (tmp_path / "routes.yaml").write_text(UPSTREAMS + ROUTES)
    for arguments in (
        [b"generate", folder + b"/\xff.yaml"],
        [b"generate", folder + b"/routes.yaml", b"-t", b"nginx", b"--out", folder + b"/\xff\xfe"],
        [b"init", b"-o", folder + b"/\xff.new"],
    ):
        command = [os.fsencode(sys.executable), b"-m", b"proxycfg", *arguments]
        done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONUTF8": "1"})

        assert b"Traceback" not in done.stderr
        assert done.returncode == (2 if b".yaml" in arguments[-1] else 0)
        assert b"\xff" in done.stdout + done.stderr or done.returncode


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "routes.yaml", "-t", "nginx", "-o", "-"],
        ["init", "-o", "-"],
        ["schema"],
        ["generate", "nowhere.yaml"],
    ],
)
def test_a_run_changes_nothing_for_the_next(cli: Cli, arguments: Sequence[str]) -> None:
    """The same command gives the same, again and again, in one process."""
    assert cli(*arguments) == cli(*arguments)
