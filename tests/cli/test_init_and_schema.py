"""``proxycfg init`` and ``proxycfg schema``."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from proxycfg.commands import Exit
from proxycfg.starter import starter
from tests.cli.conftest import Cli, process


def test_init_writes_the_starter(cli: Cli) -> None:
    """And the next command works on it."""
    Path("routes.yaml").unlink()

    assert (Exit.OK, "routes.yaml\n", "") == cli("init")
    assert starter() == Path("routes.yaml").read_text()
    assert Exit.OK == cli("generate", "routes.yaml")[0]


def test_init_does_not_write_over_a_spec(cli: Cli) -> None:
    """Without --force."""
    before = Path("routes.yaml").read_text()
    code, out, err = cli("init")

    assert (Exit.USAGE, "", before) == (code, out, Path("routes.yaml").read_text())
    assert "routes.yaml: exists already; nothing was written. Use --force" in err
    assert (Exit.OK, "", "") == cli("init", "--force", "--quiet")
    assert starter() == Path("routes.yaml").read_text()


def test_init_writes_elsewhere(cli: Cli) -> None:
    """To a file of another name, with its folders, or to standard output."""
    assert (Exit.OK, "a/b.yaml\n", "") == cli("init", "-o", "a/b.yaml")
    assert starter() == Path("a/b.yaml").read_text()
    assert (Exit.OK, starter(), "") == cli("init", "-o", "-")
    assert (Exit.OK, "", "") == cli("init", "-o", "c.yaml", "-q")


def test_init_does_not_replace_a_folder(cli: Cli) -> None:
    """Even with --force."""
    Path("a").mkdir()

    assert "a: is a folder, where a file should be written" in cli("init", "--force", "-o", "a")[2]


def test_init_from_a_config_says_what_to_do_instead(cli: Cli) -> None:
    """It is not built, and nobody should take the starter for their own routes."""
    Path("routes.yaml").unlink()
    code, out, err = cli("init", "--from", "my nginx.conf")

    assert (Exit.USAGE, "", False) == (code, out, Path("routes.yaml").exists())
    assert "--from my nginx.conf: proxycfg cannot make a spec of a config yet; nothing was written." in err
    assert "`proxycfg explain 'my nginx.conf'`" in err


def test_init_reports_json(cli: Cli) -> None:
    """The file that it wrote; there is none where the spec itself is printed."""
    report = json.loads(cli("init", "-o", "a.yaml", "--format", "json")[1])

    assert {"path": "a.yaml", "status": "created", "changed": True} == {
        key: report["files"][0][key] for key in ("path", "status", "changed")
    }
    Path("a.yaml").write_text("x")
    again = json.loads(cli("init", "-o", "a.yaml", "--format", "json", "--force")[1])
    assert "changed" == again["files"][0]["status"]
    assert Exit.USAGE == cli("init", "-o", "-", "--format", "json")[0]


def test_schema_prints_a_schema(cli: Cli) -> None:
    """Draft 2020-12, on standard output alone or into a file."""
    code, out, err = cli("schema")
    Draft202012Validator.check_schema(json.loads(out))

    assert (Exit.OK, "") == (code, err)
    assert (Exit.OK, "", "") == cli("schema", "-o", "routes.schema.json")
    assert out == Path("routes.schema.json").read_text()


def test_a_device_is_written_to_not_replaced(cli: Cli) -> None:
    """``-o /dev/null`` and ``-o /dev/stdout`` are what they are anywhere else."""
    done = process("schema", "-o", "/dev/stdout")

    assert (0, cli("schema")[1]) == (done.returncode, done.stdout.decode())
    assert (Exit.OK, "", "") == cli("schema", "-o", "/dev/null")
    assert Path("/dev/null").is_char_device()
