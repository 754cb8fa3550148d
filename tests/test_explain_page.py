"""What the pages show of ``explain`` is what it prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from proxycfg.cli import run

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "explain.md").read_text()
SHOWN = [
    (name, *block)
    for name in ("docs/explain.md", "README.md")
    for block in re.findall(
        r"```console\n\$ proxycfg (explain chat\.conf[^\n]*)\n(.*?)```", (ROOT / name).read_text(), re.DOTALL
    )
]


@pytest.mark.parametrize(("name", "command", "output"), SHOWN)
def test_examples_are_real(
    name: str,
    command: str,
    output: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run on the config that the page shows, each command prints what is below it."""
    assert name
    found = re.search(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
    assert found
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chat.conf").write_text(found[1])

    assert run(shlex.split(command)) == 0
    assert capsys.readouterr().out == output


def test_there_are_examples() -> None:
    """In both pages."""
    assert {name for name, *_ in SHOWN} == {"docs/explain.md", "README.md"}


def test_the_readme_quotes_the_page() -> None:
    """The lines of a table that it shows are those of the page."""
    quoted = re.search(r"```text\n( +property .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert quoted

    assert [line for line in quoted[1].splitlines() if line not in PAGE.splitlines()] == []
