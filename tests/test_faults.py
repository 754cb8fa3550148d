"""The kinds of findings that only a measurement can have: each is made somewhere, and explained on a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxycfg import faults
from proxycfg.faults import Fault
from proxycfg.remarks import remarks
from proxycfg.rules import rules

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("fault", faults.faults().values(), ids=lambda fault: fault.name)
def test_a_page_says_what_is_wrong_and_more(fault: Fault) -> None:
    """One sentence, then what may be behind it and what to do."""
    summary, blank, *rest = fault.page.split("\n")

    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", fault.name)
    assert summary.endswith(".")
    assert blank == ""
    assert len(" ".join(rest)) > 15
    assert (ROOT / fault.file).is_file()


def test_nothing_else_has_the_same_name() -> None:
    """Each has the one page of its name."""
    assert not set(faults.faults()) & {*rules(), *remarks()}


def test_every_kind_is_made_somewhere() -> None:
    """A page that no finding leads to would only take up room."""
    names = {name for name, value in vars(faults).items() if isinstance(value, Fault)}
    code = "".join(path.read_text() for path in (ROOT / "proxycfg").rglob("*.py") if path.name != "faults.py")

    assert len(names) == len(faults.faults())
    assert {name for name in names if not re.search(rf"\b{name}\b", code)} == set()
