"""The law of ``init --from`` by measurement: what a config did on the real nginx, the one generated from its spec does as well, or better."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxycfg.behavior import ANYTHING, FOREVER, Answer, Between, properties
from proxycfg.cli import run
from proxycfg.need import need_of
from proxycfg.source import Source
from proxycfg.specfile import load
from tests.containers.test_check import check, values

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("check")]

RANK = {Answer.NO: 0, Answer.MAYBE: 1, Answer.YES: 2}
BY_HAND = """\
events {}
http {
    upstream app {
        server app.internal:8000;
        server app-2.internal:8000;
    }
    gzip on;
    gzip_types text/event-stream application/json;
    server {
        listen 80;
        client_max_body_size 2m;
        location /events {
            # proxycfg: protocol=sse
            proxy_pass http://app;
        }
        location /ws {
            # proxycfg: protocol=websocket
            proxy_pass http://app;
        }
        location /api/ {
            proxy_pass http://app/;
            proxy_intercept_errors on;
            error_page 502 /sorry;
        }
    }
}
"""
CASES = {
    "by-hand": BY_HAND,
    **{
        name: Path(f"fixtures/rules/{name}/nginx/bad.conf").read_text()
        for name in ("sse-response-buffered", "upstream-http-1-0", "stream-compressed")
    },
}


def _between(name: str, value: Any) -> Between[Any]:
    """A value of JSON as the range that it stands for."""
    low, high = value["between"] if isinstance(value, dict) else (value, value)
    return Between(_plain(name, low), _plain(name, high))


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return frozenset(value)
    if value is None:
        return ANYTHING if name == "upstream_connection_header" else FOREVER
    return float(value) if properties()[name].unit else value


def measured(path: Path) -> dict[str, dict[str, Any]]:
    """What was measured of each route, by its path without what says how it matches."""
    done = check(path, "--format", "json")
    assert done.returncode in {0, 1}, done.stderr
    return {_path(each["path"]): values(each) for each in json.loads(done.stdout)["routes"]}


def _path(location: str) -> str:
    """``/api`` of a segment prefix as nginx has it, with its escapes and what stands behind it, and of ``/api/``."""
    return location.removeprefix("^").partition("(")[0].replace("\\", "").strip("/")


@pytest.mark.parametrize("name", CASES)
def test_no_property_of_any_route_is_measured_as_worse(tmp_path: Path, name: str) -> None:
    """Each property that could be measured of both, against the need of the route in the spec."""
    old = tmp_path / "old.conf"
    old.write_text(CASES[name])
    spec_path, out = tmp_path / "routes.yaml", tmp_path / "out"
    assert run(["init", "--from", str(old), "-o", str(spec_path), "-q"]) == 0
    run(["generate", str(spec_path), "--target", "nginx", "--out", str(out), "-q"])

    before, after = measured(old), measured(out / "nginx" / "nginx.conf")

    better = 0
    for route in load(Source("routes.yaml", spec_path.read_text())).routes:
        path = _path(route.path)
        accepted = need_of(route).accepted
        assert path in before, before
        for each in before[path].keys() & after[path].keys():
            wanted = getattr(accepted, each)
            was, is_now = (RANK[_between(each, found[path][each]).within(wanted)] for found in (before, after))
            assert is_now >= was, (path, each, before[path][each], after[path][each])
            better += is_now > was
    assert better
