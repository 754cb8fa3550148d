"""Settings in files: where they are found, what they may hold, and what wins."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg import yamldoc
from proxycfg.cli.typer_door import BY_HAND, load
from proxycfg.commands import COMMANDS, Exit
from proxycfg.errors import InvalidInput, Problem
from proxycfg.settings import MAX_BYTES, Kind, Option, Settings, discover
from proxycfg.source import Source
from tests.cli.conftest import Cli, cli  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def _alone(cli: Cli) -> None:  # noqa: F811
    """Nothing above the folder of the test counts."""
    Path(".git").mkdir()


def _toml(text: str, name: str = ".proxycfg.toml") -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def _targets() -> list[str]:
    return sorted(path.name for path in Path("generated").iterdir())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".proxycfg.toml", '[generate]\ntarget = ["nginx"]\n'), (".proxycfg.toml", 'target = "nginx"\n'),
        (".proxycfg.toml", 'generate.target = "nginx"\n'), (".proxycfg.yaml", "generate: {target: [nginx]}\n"),
        (".proxycfg.yaml", "target: nginx\n"), ("pyproject.toml", '[tool.proxycfg.generate]\ntarget = ["nginx"]\n'),
        ("pyproject.toml", '[project]\nname = "x"\n[tool.proxycfg]\ntarget = ["nginx"]\n'),
        (".proxycfg.toml", 'target = "envoy"\n[generate]\ntarget = ["nginx"]\n'),
    ],
)  # fmt: skip
def test_an_option_can_stand_in_a_file(cli: Cli, name: str, text: str) -> None:  # noqa: F811
    """For every command or for one, which wins."""
    _toml(text, name)

    assert Exit.OK == cli("generate", "routes.yaml")[0]
    assert ["nginx"] == _targets()


def test_the_command_line_wins(cli: Cli) -> None:  # noqa: F811
    """After the command or before it."""
    _toml('format = "json"\nquiet = true\n[generate]\ntarget = ["nginx"]\n')
    listed = "generated/envoy/envoy.conf\ngenerated/envoy/more/streams.conf\n"

    assert cli("generate", "routes.yaml", "-t", "nginx")[1].startswith("{")
    assert "" == cli("--format", "text", "generate", "routes.yaml", "-t", "envoy")[1]
    _toml('format = "json"\n')
    assert (
        listed.replace("\n", " (unchanged)\n") == cli("--format", "text", "generate", "routes.yaml", "-t", "envoy")[1]
    )


def test_a_setting_of_another_command_does_not_concern_this_one(cli: Cli) -> None:  # noqa: F811
    """`protocol` is an option of explain."""
    _toml('protocol = "sse"\n[explain]\nnginx-version = "1.26.0"\n')

    assert Exit.OK == cli("generate", "routes.yaml")[0]


def test_everything_wrong_is_told_at_once(cli: Cli) -> None:  # noqa: F811
    """With its place, what was probably meant, and nothing done."""
    _toml('formt = "json"\nquiet = 1\n[generate]\ntarget = [1]\nout = 5\nfail_on = "info"\n[nope]\nx = 1\n')
    code, out, err = cli("generate", "routes.yaml")

    assert (Exit.USAGE, "", False) == (code, out, Path("generated").exists())
    assert [
        ".proxycfg.toml:1:1: unknown setting `formt`", "  = did you mean `format`?",
        ".proxycfg.toml:2:9: `quiet` must be true or false", "  = write true or false",
        ".proxycfg.toml:4:10: `target` must be text, or a list of texts", "  = write text, or a list of texts",
        ".proxycfg.toml:5:7: `out` must be text", '  = write "5", in quotes',
        ".proxycfg.toml:6:1: unknown setting `fail_on`", "  = did you mean `fail-on`?",
        ".proxycfg.toml:7:2: unknown setting `nope`",
    ] == [line for line in err.splitlines() if not line.startswith("  |")][:11]  # fmt: skip


@pytest.mark.parametrize("name", sorted(BY_HAND))
@pytest.mark.parametrize("table", ["", "[explain]\n"])
def test_a_file_does_not_decide_what_is_run_or_written_over(cli: Cli, name: str, table: str) -> None:  # noqa: F811
    """It may come with somebody else's project: whatever is for one's own hand is refused, and nothing done."""
    _toml(f'{table}{name} = "./x"\n')
    Path("nginx.conf").write_text("events {}\n")
    code, out, err = cli("explain", "nginx.conf")

    assert (Exit.USAGE, "") == (code, out)
    assert err.startswith(f".proxycfg.toml:{2 if table else 1}:1: `{name}` is for the command line alone")


def test_what_is_for_ones_own_hand_are_options() -> None:
    """The list speaks of options that there are."""
    names = {opt.removeprefix("--") for command in COMMANDS for param in load(command).params for opt in param.opts}

    assert BY_HAND <= names


def test_places_in_yaml_are_told_as_well(cli: Cli) -> None:  # noqa: F811
    """The same words."""
    _toml("generate:\n  targt: nginx\n", ".proxycfg.yaml")

    assert cli("generate", "routes.yaml")[2].startswith(".proxycfg.yaml:2:3: unknown setting `targt`\n")


@pytest.mark.parametrize("text", ['[generate]\nfail-on = "hint"\n', '\nfail-on = "hint"\n'])
def test_a_word_that_is_not_known_is_told_where_it_stands(cli: Cli, text: str) -> None:  # noqa: F811
    """In the file; on the command line it has no place."""
    _toml(text)

    assert cli("generate", "routes.yaml")[2].startswith(
        ".proxycfg.toml:2:11: --fail-on hint: not known; write one of error,"
    )
    assert cli("generate", "routes.yaml", "--fail-on", "x")[2].startswith("--fail-on x: not known")
    assert Exit.OK == cli("generate", "routes.yaml", "--fail-on", "never")[0]


def test_a_path_is_relative_to_its_file(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """So that it means the same from every folder of the project."""
    _toml('[generate]\nout = "deploy"\ntarget = "nginx"\n')
    Path("a/b").mkdir(parents=True)
    monkeypatch.chdir("a/b")

    assert cli("generate", "../../routes.yaml")[1].startswith("../../deploy/nginx/nginx.conf\n")
    assert Path("../../deploy/nginx/nginx.conf").exists()


def test_config_names_a_file(cli: Cli) -> None:  # noqa: F811
    """Which then is the only one, before the command and after it."""
    _toml('target = "envoy"\n')
    _toml('target = "nginx"\n', "ci/other.toml")
    _toml('[tool.proxycfg]\ntarget = "nginx"\n', "ci/pyproject.toml")
    _toml('{"target": "nginx"}\n', "ci/other.json")

    for name in ("ci/other.toml", "ci/pyproject.toml", "ci/other.json"):
        assert cli("generate", "routes.yaml", "--config", name)[1].startswith("generated/nginx/nginx.conf")
        assert cli("--config", name, "generate", "routes.yaml")[1].startswith("generated/nginx/nginx.conf")
    assert ["nginx"] == _targets()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nowhere.toml", None, "nowhere.toml:1:1: cannot read: No such file or directory"),
        ("pyproject.toml", "[project]\n", "pyproject.toml:1:1: there are no settings here"),
        ("x.toml", "a = \n", "x.toml:1:5: this is not TOML"), ("x.yaml", "- a\n", "x.yaml:1:1: the settings must be a table"),
        ("x.yaml", "a: [\n", "x.yaml:1:5: not valid YAML: the bracket that opens here is never closed"),
        ("pyproject.toml", "tool.proxycfg = 1\n", "pyproject.toml:1:17: the settings must be a table"),
        ("x.toml", "generate = 1\n", "x.toml:1:12: `generate` must be a table of settings"),
        ("x.toml", "#" * (MAX_BYTES + 1), "x.toml:1:1: larger than 1 MiB"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_settings_is_refused(cli: Cli, name: str, text: str | None, said: str) -> None:  # noqa: F811
    """With exit code 2, and its place."""
    if text is not None:
        _toml(text, name)
    code, out, err = cli("generate", "routes.yaml", "--config", name)

    assert (Exit.USAGE, "") == (code, out)
    assert err.startswith(said)


def test_verbose_names_the_file(cli: Cli) -> None:  # noqa: F811
    """Also where the file itself asks for it."""
    _toml("verbose = true\n", "a.toml")

    assert "settings from a.toml\n" in cli("schema", "--config", "a.toml")[2]
    assert "" == cli("schema", "-v")[2]


def test_help_needs_no_settings(cli: Cli) -> None:  # noqa: F811
    """However wrong they are."""
    _toml("nope = 1\n")

    assert (Exit.OK, "") == cli("generate", "--help")[::2]


_NAMES = st.sampled_from(
    ["generate", "lint", "quiet", "target", "out", "fail-on", "force", "tool", "", "a b", "0"]
) | st.text(max_size=4)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(_NAMES, _VALUES, max_size=4))
def test_whatever_a_file_holds_is_taken_or_told(data: dict[str, Any]) -> None:
    """Options come out as what they are; nothing else gets through, and every problem has a place in the file."""
    kinds: dict[str, Kind] = {"quiet": "switch", "target": "texts", "out": "text", "fail-on": "text"}
    types: dict[str, type] = {"switch": bool, "texts": list, "text": str}
    known = {name: Option(name, kind, path=name == "out") for name, kind in kinds.items()}
    problems: tuple[Problem, ...] = ()
    found: dict[str, Any] = {}
    try:
        settings = Settings(yamldoc.parse(Source("a/x.yaml", json.dumps(data))), ())
        found = settings.of("generate", known, by_hand={"force"})
    except InvalidInput as error:
        problems = error.problems

    assert all(problem.span.line >= 1 and str(problem).startswith("a/x.yaml:") for problem in problems)
    assert all(isinstance(value, types[kinds[name]]) for name, value in found.items())
    assert problems or data.keys() <= {*kinds, *COMMANDS}
    assert all(settings.span_of("generate", name) for name in found)


# ---- discovery ----


def _found(folder: str = ".") -> str | None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        found = discover()
    return found and found.file


def test_the_nearest_file_counts() -> None:
    """And in one folder the first of the three."""
    _toml("", "pyproject.toml")
    assert _found("a") is None
    _toml("[tool.proxycfg]\n", "pyproject.toml")
    assert "../pyproject.toml" == _found("a")
    _toml("", ".proxycfg.yaml")
    assert ".proxycfg.yaml" == _found()
    _toml("")
    assert ".proxycfg.toml" == _found()
    _toml("", "a/.proxycfg.yaml")
    assert ".proxycfg.yaml" == _found("a")
    assert "../.proxycfg.yaml" == _found("a/b")


def test_a_repository_ends_the_search() -> None:
    """Its own folder is looked at, nothing above."""
    _toml("")
    Path("a/b").mkdir(parents=True)
    assert "../../.proxycfg.toml" == _found("a/b")
    Path("a/.git").write_text("gitdir: elsewhere")

    assert _found("a/b") is None


def test_a_project_file_of_somebody_else_is_left_alone() -> None:
    """Be it no TOML, or a project that has only our name in it."""
    _toml("[tool.other\n", "pyproject.toml")
    assert _found() is None
    _toml('[project]\nname = "proxycfg"\n', "pyproject.toml")
    assert _found() is None


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_a_pipe_is_not_waited_for() -> None:
    """It is no file with settings."""
    os.mkfifo(".proxycfg.toml")

    assert _found() is None
