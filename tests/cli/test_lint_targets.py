"""``proxycfg lint`` does the same whatever a config is for: formats, notes, settings, baseline, parts, fixes and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxycfg.cli.lint import FORMATS
from proxycfg.commands import Exit
from tests.cli.conftest import Cli, stdin

RULE = "stream-cached"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "rules" / RULE
NAMES = {"nginx": "nginx.conf", "envoy": "envoy.yaml", "cloudflare": "main.tf"}
ONLY = ("--select", f"{RULE},stream-compressed,unused-ignore")


@pytest.fixture(params=NAMES)
def config(request: pytest.FixtureRequest, cli: Cli) -> str:
    """The name of a file with one finding."""
    name = NAMES[request.param]
    Path(name).write_text(kept(name, "bad"))
    return name


def kept(name: str, which: str) -> str:
    """The text of a fixture."""
    (target,) = (target for target, known in NAMES.items() if known == name)
    return (FIXTURES / target / f"{which}{Path(name).suffix}").read_text()


def report(cli: Cli, *arguments: str) -> dict[str, Any]:
    """What ``--format json`` prints."""
    found: dict[str, Any] = json.loads(cli("lint", *ONLY, "--format", "json", *arguments)[1])
    return found


def noted(cli: Cli, name: str, note: str, *, behind: bool) -> None:
    """Write a comment at the line of the finding, or above it."""
    at = report(cli, name)["findings"][0]["location"]["start"]["line"] - 1
    lines = Path(name).read_text().splitlines(keepends=True)
    line = lines[at]
    indent = line[: len(line) - len(line.lstrip())]
    lines[at] = f"{line.rstrip()}  # proxycfg: {note}\n" if behind else f"{indent}# proxycfg: {note}\n{line}"
    Path(name).write_text("".join(lines))


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_tells_it(cli: Cli, config: str, form: str) -> None:
    """By its rule, its file and exit 1."""
    code, out, err = cli("lint", *ONLY, "--format", form, config)

    assert (code, err) == (Exit.FOUND, "")
    assert RULE in out
    assert config in out


def test_exit_codes(cli: Cli, config: str) -> None:
    """By level, by rule, and for what is no option's value."""
    assert cli("lint", *ONLY, "--fail-on", "never", config)[0] == Exit.OK
    assert cli("lint", *ONLY, "--fail-on", "info", config)[0] == Exit.FOUND
    assert cli("lint", *ONLY, "--ignore", RULE, config)[0] == Exit.OK
    assert cli("lint", "--select", "caching", config)[0] == Exit.FOUND
    assert cli("lint", "--select", "nope", config)[0] == Exit.USAGE
    Path(config).write_text(kept(config, "good"))
    assert cli("lint", *ONLY, config)[0] == Exit.OK


@pytest.mark.parametrize("behind", [False, True], ids=["above", "behind"])
def test_a_note_silences(cli: Cli, config: str, behind: bool) -> None:
    """At the line or above it; not with ``--no-ignores``."""
    noted(cli, config, f"ignore[{RULE}] known", behind=behind)
    found = report(cli, config)

    assert (found["findings"], found["ignored"]) == ([], 1)
    assert [each["rule"] for each in report(cli, "--no-ignores", config)["findings"]] == [RULE]


def test_a_note_that_is_of_no_use_is_told_and_taken_away(cli: Cli, config: str) -> None:
    """As is one that names no rule, which is a mistake."""
    text = Path(config).read_text()
    noted(cli, config, "ignore[stream-compressed]", behind=False)

    assert sorted(each["rule"] for each in report(cli, config)["findings"]) == [RULE, "unused-ignore"]
    assert cli("lint", *ONLY, "--ignore", RULE, "--fix", config)[0] == Exit.OK
    assert Path(config).read_text() == text

    noted(cli, config, "ignore[stream-cashed]", behind=False)
    code, _, err = cli("lint", *ONLY, config)
    assert code == Exit.USAGE
    assert "there is no rule `stream-cashed` to ignore" in err


def test_settings_silence_by_path(cli: Cli, config: str) -> None:
    """In ``.proxycfg.toml``."""
    Path(".proxycfg.toml").write_text(f'[lint.per-path-ignores]\n"{config}" = ["{RULE}"]\n')

    assert cli("lint", *ONLY, config)[0] == Exit.OK


def test_a_baseline_knows_it(cli: Cli, config: str) -> None:
    """Until it is something else."""
    baseline = ("--baseline", "known.json")
    assert cli("lint", *ONLY, *baseline, "--write-baseline", config)[0] == Exit.OK
    assert cli("lint", *ONLY, *baseline, config)[0] == Exit.OK

    Path("known.json").unlink()
    Path(config).write_text(kept(config, "good"))
    cli("lint", *ONLY, *baseline, "--write-baseline", config)
    Path(config).write_text(kept(config, "bad"))
    assert cli("lint", *ONLY, *baseline, config)[0] == Exit.FOUND


def test_parts_and_counts(cli: Cli, config: str) -> None:
    """One of two parts has it."""
    codes = sorted(cli("lint", *ONLY, "--shard", part, config)[0] for part in ("1/2", "2/2"))

    assert codes == [Exit.OK, Exit.FOUND]
    assert RULE in cli("lint", *ONLY, "--statistics", config)[1]


def test_a_fix_is_shown_and_made(cli: Cli, config: str) -> None:
    """``--diff`` writes nothing; ``--fix`` the same as the fixture has, once."""
    before = Path(config).read_text()
    code, out, _ = cli("lint", "--select", RULE, "--fix", "--diff", config)
    assert (code, Path(config).read_text()) == (Exit.FOUND, before)
    assert f"+++ b/{config}" in out

    for _ in range(2):
        assert cli("lint", "--select", RULE, "--fix", config)[0] == Exit.OK
        assert Path(config).read_text() == kept(config, "fixed")


def test_standard_input(cli: Cli, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is recognised by what stands in it; what is mended goes out."""
    text = kept(config, "bad").encode()
    stdin(monkeypatch, text)
    assert cli("lint", *ONLY, "-")[0] == Exit.FOUND

    stdin(monkeypatch, text)
    code, out, _ = cli("lint", "--select", RULE, "--fix", "-")
    assert (code, out) == (Exit.OK, kept(config, "fixed"))
