"""``proxycfg check`` without a container: what it does with what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxycfg.check import containers, perform
from proxycfg.commands import Exit
from proxycfg.measured import Measured
from tests.cli.conftest import Cli
from tests.measurements import CONFIG, contradicted, recorded, replayed

SEEN = recorded("probe-sse-nginx-1.22-stock")


class Measurements:
    """What each run of a proxy gives, in order, and which images ran."""

    def __init__(self) -> None:
        """None yet."""
        self.results: list[list[Measured]] = []
        self.ran: list[tuple[str, str]] = []

    def __call__(self, stage: Any, _engine: object, options: Any, *_: object) -> list[Measured]:
        """The next one."""
        self.ran.append((stage.version, options.image))
        return self.results.pop(0)


@pytest.fixture
def measurements(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Iterator[Measurements]:
    """In place of containers."""
    made = Measurements()
    monkeypatch.setattr(containers, "found", lambda _runner: None)
    monkeypatch.setattr(perform, "perform", made)
    Path("nginx.conf").write_text(CONFIG)
    yield made
    assert made.results == []


def test_a_contradicted_reading_becomes_a_case(cli: Cli, measurements: Measurements) -> None:
    """The report names the bug, and the folder has what is needed to mend it."""
    measurements.results = [[contradicted(SEEN)]]
    code, out, err = cli("check", "nginx.conf", "--nginx-version", "1.30", "--save-case", "case")

    assert Exit.FOUND == code
    assert "bug of proxycfg response_buffering: predicted yes" in out
    assert "case: what a report of a bug in proxycfg needs" in err
    assert "otherwise than nginx 1.30" in Path("case/README.md").read_text().splitlines()[0]
    assert any(path.read_text() == CONFIG for path in Path("case/config").rglob("*") if path.is_file())


def test_without_a_contradiction_there_is_no_case(cli: Cli, measurements: Measurements) -> None:
    """Nothing is written, and that is said."""
    measurements.results = [[replayed(SEEN)]]
    _, _, err = cli("check", "nginx.conf", "--save-case", "case")

    assert "no case to save" in err
    assert not Path("case").exists()


@pytest.mark.parametrize(("image", "other"), [("", ""), ("mine/nginx:1.30", "mine/nginx:1.22")])
def test_another_version_is_compared(cli: Cli, measurements: Measurements, image: str, other: str) -> None:
    """In its own image, of the same name; 1 where anything changes."""
    measurements.results = [
        [replayed(recorded("probe-sse-nginx-1.30-generated-tls"))],
        [replayed(recorded("probe-sse-nginx-1.30-stock-tls"))],
    ]
    words = ("--image", image) if image else ("--nginx-version", "1.30")
    code, out, _ = cli("check", "nginx.conf", *words, "--compare", "1.22", "--format", "json")
    told = json.loads(out)

    assert (Exit.FOUND, "compared", "nginx 1.22") == (code, told["kind"], told["after"])
    assert [("1.30", image), ("1.22", other)] == [(version[:4], run) for version, run in measurements.ran]
    assert told["before"].startswith("nginx 1.30")
    (route,) = told["routes"]
    assert ({"before": "pass", "after": "fail"}, True) == (route["verdict"], route["changed"])
    assert {"before": [], "after": ["http/1.1+tls"]} == route["behavior"]["stalls_on"]


def test_another_config_is_compared(cli: Cli, measurements: Measurements) -> None:
    """On the same version; 0 where nothing changes."""
    Path("other.conf").write_text(CONFIG)
    measurements.results = [[replayed(SEEN)], [replayed(SEEN)]]
    code, out, _ = cli("check", "nginx.conf", "--compare", "other.conf")

    assert Exit.OK == code
    assert out == "## nginx.conf → other.conf\n\n0 routes of 1 fare otherwise; 1 as before.\n"


def test_a_comparison_has_three_formats(cli: Cli) -> None:
    """Said before anything runs."""
    code, out, err = cli("check", "nginx.conf", "--compare", "1.22", "--format", "html")

    assert (Exit.USAGE, "") == (code, out)
    assert "write one of text, json, markdown" in err
