"""What the page about ``lint`` shows is what it prints, one command after the other on one config.

``python -m tests.test_lint_page`` writes the output anew: look at the difference.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tempfile
from pathlib import Path

from proxycfg.cli import run

PAGE = Path(__file__).parent.parent / "docs" / "lint.md"
_SHOWN = re.compile(r"(```console\n\$ proxycfg ([^\n]*)\n)(.*?)(?=```)", re.DOTALL)


def session(page: str) -> tuple[str, list[int]]:
    """The page with what its commands really print, and their exit codes."""
    config = re.search(r"```nginx\n(.*?)```", page, re.DOTALL)
    assert config
    codes: list[int] = []

    def printed(match: re.Match[str]) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
            codes.append(run(shlex.split(match[2])))
        return match[1] + out.getvalue()

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("chat.conf").write_text(config[1])
        return _SHOWN.sub(printed, page), codes


def test_the_session_is_real() -> None:
    """Broken, read, repaired in two steps, clean."""
    page = PAGE.read_text()

    assert (page, [1, 0, 0]) == session(page)


if __name__ == "__main__":
    PAGE.write_text(session(PAGE.read_text())[0])
