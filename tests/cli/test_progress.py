"""What somebody sees who waits at a terminal, and nobody else does."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from proxycfg.cli.progress import PATIENCE, Progress
from tests.cli.conftest import Cli

CONFIG = "events {} http { server { location /events { proxy_pass http://127.0.0.1:1; } } }"


class Terminal(io.StringIO):
    """Something that says it is one."""

    def isatty(self) -> bool:
        """It does."""
        return True


class Clock:
    """Seconds, as somebody says."""

    def __init__(self) -> None:
        """Begin at any time."""
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_a_short_run_shows_nothing() -> None:
    """Nobody would have read it."""
    terminal, clock = Terminal(), Clock()
    with Progress(terminal, quiet=False, clock=clock) as progress:
        clock.now += PATIENCE - 0.01
        progress("reading files", 0)

    assert terminal.getvalue() == ""


def test_a_long_run_shows_how_far_it_is_and_wipes_it_away() -> None:
    """One line that is written over, some times a second, and at the end is gone."""
    terminal, clock = Terminal(), Clock()
    with Progress(terminal, quiet=False, clock=clock) as progress:
        for _ in range(1_500):
            progress("reading files", 0)
        clock.now += PATIENCE
        progress("reading files", 0)
        progress("reading files", 0)
        clock.now += PATIENCE
        progress("judging routes", 3)

    start = "\r\x1b[K"
    shown = terminal.getvalue().split(start)[1:]
    assert shown == ["reading files: 1,501", "judging routes: [##########--------------------] 1 of 3", ""]


def test_whatever_ends_a_run_the_line_goes() -> None:
    """What is said of the error stands on a line of its own."""
    terminal, clock = Terminal(), Clock()

    def interrupted() -> None:
        with Progress(terminal, quiet=False, clock=clock) as progress:
            clock.now += PATIENCE
            progress("reading files", 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert terminal.getvalue().endswith("1\r\x1b[K")


@pytest.mark.parametrize("case", ["file", "quiet", "dumb"])
def test_nobody_else_is_shown_anything(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log, a quiet run, a terminal that cannot go back in a line."""
    stream, clock = io.StringIO() if case == "file" else Terminal(), Clock()
    monkeypatch.setenv("TERM", "dumb" if case == "dumb" else "xterm")
    with Progress(stream, quiet=case == "quiet", clock=clock) as progress:
        clock.now += PATIENCE
        progress("reading files", 0)

    assert stream.getvalue() == ""


@pytest.mark.parametrize("several", [False, True])
def test_lint_tells_of_files_routes_and_streams(cli: Cli, monkeypatch: pytest.MonkeyPatch, *, several: bool) -> None:
    """Of each, one by one; of several configs, how many are done."""
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(Progress, "__call__", lambda _, what, of: told.append((what, of)))
    folders = ("a", "b")[: 1 + several]
    for name in folders:
        Path(name).mkdir()
        Path(name, "nginx.conf").write_text(CONFIG)

    # Not all that is here: whatever may be another proxy's config is read, too.
    code, _, _ = cli("lint", *folders)

    assert code == 1
    count = 1 + several
    judged = [("judging configs", 2)] * 2 if several else [("judging routes", 1)]
    assert told == [("reading files", 0)] * count + judged + [("applying rules", count)] * count


def test_a_run_at_a_terminal_leaves_the_result_alone(tmp_path: Path) -> None:
    """The bar goes to standard error: what is piped on is the same."""
    (tmp_path / "nginx.conf").write_text(CONFIG)
    code = "import proxycfg.cli.progress as p, sys; p.PATIENCE = 0; from proxycfg.cli import run; run(['lint', 'nginx.conf'])"
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=follower, check=True)
    os.close(follower)
    shown = os.read(leader, 4096).decode()
    os.close(leader)
    alone = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)

    assert "judging routes: [" in shown
    assert shown.endswith("\r\x1b[K")
    assert done.stdout == alone.stdout
    assert alone.stderr == b""
