"""The checks of other people's configs, on configs of ours and on ones that must fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxycfg.targets.nginx.syntax import parse
from tests.corpora.__main__ import main
from tests.corpora.check import check
from tests.corpora.theirs import Line, departure, ours, theirs

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


def test_our_own_configs_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """Every one in fixtures; and they are found."""
    assert main([str(FIXTURES / "specs"), "--table"]) == 0

    said = capsys.readouterr().out
    assert "nothing wrong" in said
    assert "\n0 configs" not in said


DEFECTS = {
    "braced-variable": "listen ${PORT} default_server;\nroot /x;",
    "lua": "content_by_lua_block {\n--[[\nit's\n]]\n}\nlisten 80; # it's }\n",
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_of_crossplane_is_told_by_its_name(name: str) -> None:
    """The two do differ, and the rule that fits says why."""
    text = DEFECTS[name]
    mine, their = ours(parse("x.conf", text)), theirs(text)

    assert their is not None
    assert mine != their
    assert departure(mine, their, text).startswith(name)


def test_what_nobody_explains_stays_wrong() -> None:
    """A directive too many is no defect of crossplane's."""
    assert departure([Line("a", ("b",), 1)], [Line("a", ("b",), 1), Line("c", (), 2)], "a b; c;") == ""


def test_an_index_says_whose_a_file_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counted by project; a name that nobody knows is listed with it."""
    (tmp_path / "one").write_text("location /\xa0x { proxy_pass http://a; }", encoding="utf-8")
    (tmp_path / "two").write_text("server { no_such_directive on; location / { proxy_pass http://a; } }")
    rows = [f"them/it\tabc\t{name}\t{tmp_path / name}" for name in ("one", "two")]
    (tmp_path / "INDEX.tsv").write_text("\n".join(["repo\tcommit\tpath\tlocal", *rows]) + "\n")

    assert main([str(tmp_path), "--table"]) == 0

    said = capsys.readouterr().out
    assert "| them/it | 2 | 1 | 2 |" in said
    assert "no_such_directive  1 times" in said


def test_a_crash_is_a_finding(tmp_path: Path) -> None:
    """With the file that it happened on."""
    missing = tmp_path / "missing.conf"

    assert "missing.conf: FileNotFoundError" in check(missing, tmp_path).wrong[0]
