"""The project that proxycfg writes is one that wrangler takes: it bundles it, and would deploy it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from proxycfg.generate import generate
from tests.containers.worker_stand import SPEC
from tests.engines import EngineAbsent, npm
from tests.specs import load


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder as `proxycfg generate` leaves it, headings and all."""
    for path, text in generate(load(SPEC), ["cloudflare"]).files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "cloudflare" / "worker"


def _dry_run(project: Path) -> subprocess.CompletedProcess[str]:
    wrangler = npm.wrangler()
    if wrangler is None:
        raise EngineAbsent("wrangler is not installed: run `python -m tests.engines prepare`")
    own = {"HOME": str(project), "WRANGLER_SEND_METRICS": "false", "CI": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [*wrangler, "deploy", "--dry-run", "--outdir", "dist"],
        cwd=project, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.engine
def test_wrangler_would_deploy_it(project: Path) -> None:
    """Without a word of warning, such as it has for fields that it does not know."""
    done = _dry_run(project)

    assert done.returncode == 0, done.stdout
    assert "--dry-run: exiting now" in done.stdout
    assert "warning" not in done.stdout.lower()
    assert "keep-alive" in (project / "dist" / "index.js").read_text()


@pytest.mark.engine
@pytest.mark.parametrize("file", ["src/match.js", "wrangler.jsonc"])
def test_wrangler_looks_at_it(project: Path, file: str) -> None:
    """What is missing or misspelt does not pass."""
    path = project / file
    path.write_text(path.read_text().replace("export", "expert").replace('"routes"', '"rowts"'))

    done = _dry_run(project)

    assert done.returncode != 0 or "warning" in done.stdout.lower()


def _check_types(project: Path) -> subprocess.CompletedProcess[str]:
    tsc = npm.compiler()
    if tsc is None:
        raise EngineAbsent("TypeScript is not installed: run `python -m tests.engines prepare`")
    options = [
        "--allowJs",
        "--checkJs",
        "--strict",
        "--noEmit",
        "--target",
        "esnext",
        "--module",
        "esnext",
        "--lib",
        "esnext",
    ]
    return subprocess.run(
        [*tsc, *options, "src/index.js"],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.engine
def test_its_comments_have_the_types_right(project: Path) -> None:
    """As strictly as TypeScript can ask, with the types of the runtime; a table of another shape would be noticed."""
    sound = _check_types(project)
    table = project / "src" / "routes.js"
    table.write_text(table.read_text().replace('"heartbeat": 15.0', '"heartbeat": "15"'))
    broken = _check_types(project)

    assert (sound.returncode, sound.stdout) == (0, "")
    assert "routes.js" in broken.stdout
