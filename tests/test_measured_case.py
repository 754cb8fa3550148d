"""A case for a bug report: everything that a maintainer needs, and nothing outside of its folder."""

from __future__ import annotations

import json

import pytest

from proxycfg.reports.measured_case import case_of
from proxycfg.source import Source
from proxycfg.timeline import from_lines
from tests.measurements import CONFIG, contradicted, recorded, replayed

NAME = "probe-sse-nginx-1.22-stock"


def test_a_case_has_the_config_what_was_seen_and_what_was_expected() -> None:
    """The report begins with what is wrong."""
    timeline = recorded(NAME)
    files = case_of([replayed(timeline), contradicted(timeline)], {"nginx.conf": CONFIG}, "nginx 1.30.6")

    assert set(files) == {"README.md", "measured.json", "route-1.jsonl", "config/nginx.conf"}
    assert files["README.md"].startswith("# proxycfg reads `response_buffering` otherwise than nginx 1.30.6 does\n")
    assert files["config/nginx.conf"] == CONFIG
    assert from_lines(Source("r", files["route-1.jsonl"])) == timeline
    (route,) = json.loads(files["measured.json"])["routes"]
    assert [each["property"] for each in route["disagreements"]] == ["response_buffering"]


def test_what_agrees_is_no_case() -> None:
    """Nothing is written."""
    assert case_of([replayed(recorded(NAME))], {"nginx.conf": CONFIG}, "nginx 1.30.6") == {}


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (
            ("/etc/nginx/nginx.conf", "/etc/nginx/conf.d/a.conf"),
            {"config/etc/nginx/nginx.conf", "config/etc/nginx/conf.d/a.conf"},
        ),
        (("../../a.conf", "a.conf"), {"config/a.conf", "config/a.conf.1"}),
        (("..", "/"), {"config/config", "config/config.1"}),
    ],
)
def test_no_file_leaves_the_folder_or_takes_the_place_of_another(names: tuple[str, ...], paths: set[str]) -> None:
    """Whatever the config's files are called."""
    files = case_of([contradicted(recorded(NAME))], dict.fromkeys(names, CONFIG), "nginx 1.30.6")

    assert {path for path in files if path.startswith("config/")} == paths
