"""The benchmark still runs. What it measures is judged by `make bench`: a machine that runs tests is too busy to be measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.__main__ import main
from tests.bench.report import Bound, Part

if TYPE_CHECKING:
    import pytest


def test_the_quick_benchmark_tells_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The two parts that need no engine print a table and write the same as JSON, with the bounds that they were held to."""
    figures = tmp_path / "figures.json"

    assert main(["--quick", "--only", "generate", "--only", "start-up", "--json", str(figures)]) in {0, 1}

    parts = json.loads(figures.read_text())["parts"]
    assert {"nginx 10", "nginx 1000", "envoy 10", "envoy 1000"} <= set(parts["generate"]["figures"])
    assert [bound["what"].partition(",")[0] for bound in parts["start-up"]["bounds"]] == [
        "proxycfg --version",
        "proxycfg --help",
    ]
    assert "proxycfg --version" in capsys.readouterr().out


def test_a_figure_that_is_no_number_holds_nothing() -> None:
    """A measurement that went wrong must not pass."""
    assert not Bound("growth", float("nan"), 1.15).holds
    assert Bound("growth", 1.0, 1.15).holds
    assert "BROKEN: growth" in str(Part("part", bounds=[Bound("growth", 2.0, 1.15)]))
