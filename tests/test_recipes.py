"""The recipes of CONTRIBUTING.md work: the files they name exist, and following them is enough."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECIPES = re.split(r"^### ", (ROOT / "CONTRIBUTING.md").read_text().split("## Recipes", 1)[1], flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.splitlines()[0] for recipe in RECIPES])
def test_the_files_of_a_recipe_exist(recipe: str) -> None:
    """With an instance that exists in place of NAME."""
    instance = {"A protocol": "sse", "A command": "init", "A rule": "stream_compressed"}.get(
        recipe.splitlines()[0], "nginx"
    )
    named = [path.replace("NAME", instance) for path in re.findall(r"`([a-z_]+/[A-Za-z_/.]*)`", recipe)]

    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the package to change."""
    for name in ("proxycfg", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def _run(house: Path, code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=house, capture_output=True, text=True, check=True).stdout


def test_a_protocol_is_one_file_and_its_name(house: Path) -> None:
    """After the two steps of the recipe, a route can carry it, through every target."""
    protocol = (house / "proxycfg/protocols/sse.py").read_text().replace('name="sse"', 'name="mjpeg"')
    (house / "proxycfg/protocols/mjpeg.py").write_text(protocol)
    model = house / "proxycfg/specmodel.py"
    model.write_text(
        model.read_text().replace('ProtocolName = Literal["sse"', 'ProtocolName = Literal["mjpeg", "sse"', 1)
    )
    spec = "upstreams: {api: 'http://127.0.0.1:1'}\\nroutes: [{path: /camera, protocol: mjpeg, upstream: api}]"
    code = (
        (
            "from proxycfg import specfile; from proxycfg.generate import generate; from proxycfg.source import Source; "
            f"made = generate(specfile.load(Source('r', '{spec}')), ['nginx', 'envoy']); print(*made.files, *made.findings)"
        )
        .replace("'http", '"http')
        .replace(":1'}", ':1"}')
    )

    assert _run(house, code).split() == ["nginx/nginx.conf", "envoy/envoy.yaml"]


def test_a_target_is_a_folder_and_its_name(house: Path) -> None:
    """After the steps of the recipe, `generate` writes it."""
    for name in ("proxycfg/targets", "templates"):
        shutil.copytree(house / name / "nginx", house / name / "angie")
    for path in (house / "proxycfg/targets/angie").glob("*.py"):
        text = (
            path.read_text()
            .replace("targets.nginx import", "targets.angie import")
            .replace("targets.nginx.", "targets.angie.")
        )
        # The spec's own section for the target stays nginx's in this copy.
        text = text.replace("spec.targets.angie.", "spec.targets.nginx.").replace('name="nginx"', 'name="angie"')
        path.write_text(text)
    table = house / "proxycfg/targets/__init__.py"
    table.write_text(table.read_text().replace('TARGETS = ("nginx"', 'TARGETS = ("angie", "nginx"'))
    code = (
        "from proxycfg import specfile; from proxycfg.generate import generate; from proxycfg.source import Source; "
        "from proxycfg.starter import starter; print(*generate(specfile.load(Source('r', starter())), ['angie']).files)"
    )

    assert _run(house, code).split() == ["angie/nginx.conf"]


def test_a_command_is_a_file_and_its_line(house: Path) -> None:
    """After the steps of the recipe it is listed, has help with the common options, and runs."""
    (house / "proxycfg/cli/say_hello.py").write_text(
        "from proxycfg.cli.shared import Shared\nEXAMPLE = 'proxycfg say-hello'\nFORMATS = ('text', 'json')\n"
        "def command(shared: Shared) -> int:\n"
        '    """Greet."""\n'
        "    print('hello', shared.format)\n    return 0\n"
    )
    table = house / "proxycfg/commands.py"
    table.write_text(table.read_text().replace("COMMANDS = {", 'COMMANDS = {\n    "say-hello": "Greet.",'))
    code = "from proxycfg.cli import run; run(['--help']); run(['say-hello', '-h']); run(['say-hello', '--format', 'json'])"
    said = _run(house, code)

    assert "  say-hello  Greet.\n" in said
    assert "Example: proxycfg say-hello" in said
    assert "--verbose" in said
    assert said.endswith("hello json\n")


def test_a_rule_is_one_file(house: Path) -> None:
    """After the first step of the recipe it is listed, and asked."""
    rule = (house / "proxycfg/rules/sse_response_buffered.py").read_text()
    (house / "proxycfg/rules/events_delayed.py").write_text(rule.replace("sse_response_buffered", "events_delayed"))
    (house / "nginx.conf").write_text(
        "http { server { listen 80; location /x { # proxycfg: protocol=sse\nfastcgi_pass 127.0.0.1:1; } } }"
    )
    code = "from proxycfg.cli import run; run(['lint', 'nginx.conf', '--select', 'events-delayed'])"

    assert "events-delayed" in _run(house, code)
