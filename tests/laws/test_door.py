"""The door that does without Typer: what it opens to, Typer understands the same."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxycfg.cli import door, options, typer_door
from proxycfg.cli.shared import Shared
from proxycfg.commands import COMMANDS

VALUES = ("a.conf", "b.conf", "-", "", "a=b", "é", "two words", "--full", "7", "json", "text", "html", "\udcff")
ODD = (
    "--",
    "--nope",
    "-x",
    "-qv",
    "-oFILE",
    "-o=FILE",
    "--quiet=yes",
    "--help",
    "-h",
    "--formatjson",
    "--form",
    "--config",
)


@cache
def _declared(name: str) -> tuple[options.Parameter, ...]:
    module = importlib.import_module(f"proxycfg.cli.{name}")
    own = options.parameters(module.command)
    return (*own, *options.common(module.FORMATS, {word for each in own for word in each.told.names}))


def _lines() -> st.SearchStrategy[tuple[str, list[str]]]:
    """A command and words after it: what it knows in any order, as it stands or with something odd in it."""
    value = st.sampled_from(VALUES)

    def of(name: str) -> st.SearchStrategy[tuple[str, list[str]]]:
        words = [
            (each.kind is bool, word)
            for each in _declared(name)
            for told in each.told.names
            for word in told.split("/")
        ]
        switch = st.sampled_from([word for alone, word in words if alone])
        option = st.sampled_from([word for alone, word in words if not alone])
        plain = st.one_of(
            st.tuples(value),
            st.tuples(switch),
            st.tuples(option, value),
            st.builds(lambda o, v: (f"{o}={v}",), option, value),
        )
        odd = st.one_of(st.tuples(option), st.builds(lambda s: (f"{s}=yes",), switch), st.tuples(st.sampled_from(ODD)))
        pieces = st.one_of(st.lists(plain, max_size=5), st.lists(st.one_of(plain, plain, odd), max_size=5))
        return pieces.map(lambda pieces: (name, [word for piece in pieces for word in piece]))

    return st.sampled_from(list(COMMANDS)).flatmap(of)


def _by_typer(name: str, words: list[str]) -> tuple[Shared, dict[str, Any]]:
    """What Typer hands to the command, which is not run."""
    module = importlib.import_module(f"proxycfg.cli.{name}")
    declared = options.parameters(module.command)
    seen: dict[str, Any] = {}

    def command(_: Shared, **values: Any) -> int:
        seen.update(values)
        return 0

    command.__doc__ = module.command.__doc__
    shared = Shared()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "command", command)
        patch.setattr(typer_door, "parameters", lambda _: declared)
        made = typer_door.load(name)
        with made.make_context(name, list(words), obj=shared) as ctx:
            made.callback(**ctx.params)  # type: ignore[misc]
    return shared, seen


@pytest.fixture(autouse=True, scope="module")
def _no_settings(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder without settings."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("empty")
        (folder / ".git").mkdir()
        patch.chdir(folder)
        yield


@settings(max_examples=500, deadline=None)
@given(_lines())
def test_what_the_door_opens_to_typer_understands_the_same(line: tuple[str, list[str]]) -> None:
    """The values of the command, each of its type, and the common options; of a mistake the door says nothing."""
    name, words = line
    call = door.parsed(name, words)
    if call is None:
        return
    shared, values = _by_typer(name, words)

    assert call.values == values
    assert call.shared == shared


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("lint a.conf b.conf --fail-on=error -q --select x --select y", {"paths": ["a.conf", "b.conf"], "fail_on": "error",
                                                                         "select": ["x", "y"]}),
        ("lint - --format sarif --output out.sarif --no-color", {"paths": ["-"]}),
        ("explain nginx.conf --root /etc/nginx --full -H A:b", {"config": ["nginx.conf"], "root": Path("/etc/nginx"), "full": True}),
        ("generate routes.yaml -t nginx -o deploy", {"spec_path": "routes.yaml", "target": ["nginx"], "out": "deploy"}),
        ("schema", {}),
    ],
)  # fmt: skip
def test_plain_lines_are_opened(line: str, values: dict[str, Any]) -> None:
    """So that the law above speaks of something."""
    call = door.opened(line.split())

    assert call is not None
    assert values.items() <= call.values.items()


@pytest.mark.parametrize(
    "line",
    ["", "--quiet lint a.conf", "nope a.conf", "generate", "lint --help", "lint a.conf --nope", "lint a.conf --format x", "lint a --config b",
     "lint -- a.conf", "lint a.conf --select", "lint a.conf -qv", "generate a.yaml b.yaml", "lint a.conf --quiet=yes"],
)  # fmt: skip
def test_what_is_not_plain_is_for_typer(line: str) -> None:
    """It has the last word about mistakes, and all of help."""
    assert door.opened(line.split()) is None


def test_settings_and_completion_are_for_typer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is plain."""
    monkeypatch.chdir(tmp_path)
    assert door.opened(["lint", "a.conf"])
    monkeypatch.setenv("_PROXYCFG_COMPLETE", "complete_bash")
    assert not door.opened(["lint", "a.conf"])
    monkeypatch.delenv("_PROXYCFG_COMPLETE")
    (tmp_path / ".proxycfg.toml").write_text("quiet = true\n")
    assert not door.opened(["lint", "a.conf"])
