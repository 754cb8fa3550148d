"""What the page about ``lint`` shows is what it prints, one command after the other on one config."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest  # noqa: TC002 - the signature is read when tests run

from proxycfg.cli import run

PAGE = (Path(__file__).parent.parent / "docs" / "lint.md").read_text()


def test_the_session_is_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broken, read, repaired in two steps, clean."""
    monkeypatch.chdir(tmp_path)
    shown = re.search(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
    session = re.findall(r"```console\n\$ proxycfg ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)
    assert shown
    Path("chat.conf").write_text(shown[1])
    codes = []
    for command, output in session:
        codes.append(run(shlex.split(command)))
        assert output == capsys.readouterr().out

    assert [1, 0, 0] == codes
