"""A command line in an empty folder, for the tests of every command."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxycfg.cli import run
from tests.specs import ROUTES
from tests.stub_target import stub_targets

UPSTREAMS = "upstreams: {api: 'http://api:8000'}\n"
"""None that no route uses, so that nothing is said about it."""
Cli = Callable[..., tuple[int, str, str]]

UPSTREAMS = "upstreams: {api: 'http://api:8000'}\n"


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    """Run a command line in an empty folder but for a spec, with stub targets: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    Path("routes.yaml").write_text(UPSTREAMS + ROUTES)

    def called(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        streams = capsys.readouterr()
        return code, streams.out, streams.err

    with stub_targets():
        yield called


def spec(text: str) -> None:
    """Another spec, with the upstream of all."""
    Path("routes.yaml").write_text(UPSTREAMS + text)


def files() -> list[str]:
    """Everything but the spec, temporary files included."""
    return sorted(str(path) for path in Path().rglob("*") if path.is_file() and path.name != "routes.yaml")


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Standard input from here on."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def process(*arguments: str, data: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "proxycfg", *arguments]
    return subprocess.run(command, input=data, env={**os.environ, **environment}, capture_output=True, check=False)
