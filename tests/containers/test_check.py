"""``proxycfg check``: configs as they are, on the real proxy, with nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from proxycfg.check.containers import LABEL
from tests.engines import ENVOY, LAB, NGINX, need
from tests.engines.docker_cli import docker

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("check")]

CONFIG = """\
events {}
http {
    upstream app {
        server app.internal:80;
        server 203.0.113.9:80;
    }
    server {
        listen 80;
        location / {
            proxy_pass http://app;
        }
        location /events {
            # proxycfg: protocol=sse
            proxy_pass http://app;
            proxy_buffering off;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
"""


def command(*arguments: str | Path, engine: str = NGINX[-1]) -> list[str]:
    """The command line of a check with the images of the tests."""
    image, lab = need(engine).image, need(LAB).image
    if not image or not lab:
        pytest.skip("needs images")
    return [sys.executable, "-m", "proxycfg", "check", *map(str, arguments), "--image", image, "--lab-image", lab]


class Done(NamedTuple):
    """A run that is over, by the number that its process had."""

    pid: int
    returncode: int
    stdout: str
    stderr: str


def run(words: list[str]) -> Done:
    """Run a command line to its end."""
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    stdout, stderr = running.communicate(timeout=100)
    return Done(running.pid, running.returncode, stdout, stderr)


def check(*arguments: str | Path, engine: str = NGINX[-1]) -> Done:
    """A check with the images of the tests."""
    return run(command(*arguments, engine=engine))


def left_behind(pid: int) -> list[str]:
    """Containers of the run of that process, whatever has become of it."""
    return docker("ps", "--all", "--quiet", f"--filter=label={LABEL}={pid}").stdout.split()


def all_gone(pid: int, within: float = 30.0) -> bool:
    """Whether nothing of a run is there any more; where it was killed, the engine takes its time to remove what has ended."""
    end = time.monotonic() + within
    while left_behind(pid):
        if time.monotonic() > end:
            return False
    return True


def values(route: dict[str, Any]) -> dict[str, Any]:
    """What was measured of a route."""
    return {name: each["value"] for name, each in route["behavior"].items() if each["known"]}


@pytest.mark.parametrize("engine", NGINX)
def test_a_config_is_measured_as_it_is(tmp_path: Path, engine: str) -> None:
    """Upstream and listener have the same port, names and addresses lead to the origin, and buffering is what the config says."""
    path = tmp_path / "nginx.conf"
    path.write_text(CONFIG)

    done = check(path, "--format", "json", engine=engine)

    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    plain, events = report["routes"]
    assert (values(plain)["response_buffering"], values(events)["response_buffering"]) == (True, False)
    assert values(events)["stalls_on"] == []
    assert values(events)["upstream_http_version"] == "1.1"
    assert values(events)["abort_propagates"] is True
    assert values(events)["request_body_limit"] == 2**20
    assert [(each["what"], each["name"]) for each in report["supplied"]] == [
        ("upstream name", "app.internal:80"),
        ("upstream address", "203.0.113.9:80"),
    ]
    assert events["verdict"] == "fail"
    limit = next(finding for finding in events["findings"] if finding["rule"] == "body-limit-too-low")
    assert limit["location"]["file"] == str(path)
    assert left_behind(done.pid) == []


def test_what_the_proxy_refuses_is_told_in_its_own_words(tmp_path: Path) -> None:
    """Bad input, and nothing is left."""
    path = tmp_path / "nginx.conf"
    path.write_text(CONFIG.replace("proxy_buffering off;", "proxy_bufering off;"))

    done = check(path)

    assert done.returncode == 2
    assert 'unknown directive "proxy_bufering"' in done.stderr
    assert "Traceback" not in done.stderr
    assert left_behind(done.pid) == []


def test_an_image_that_is_not_to_be_had_is_a_lack_of_the_machine(tmp_path: Path) -> None:
    """With what to do about it."""
    path = tmp_path / "nginx.conf"
    path.write_text(CONFIG)
    words = command(path)
    words[words.index("--lab-image") + 1] = "proxycfg-test/nowhere:0"

    done = run(words)

    assert done.returncode == 3
    assert "--lab-image" in done.stderr


@pytest.mark.parametrize("engine", ENVOY)
def test_a_bootstrap_of_envoy_is_measured_as_it_is(engine: str) -> None:
    """What the rule's bad example does, Envoy does; and nothing is measured that the reading contradicts."""
    path = Path("fixtures/rules/body-limit-too-low/envoy/bad.yaml")

    done = check(path, "--format", "json", engine=engine)

    assert done.returncode == 1, done.stderr
    (route,) = json.loads(done.stdout)["routes"]
    assert values(route)["request_body_limit"] == 2**20
    assert values(route)["grpc"] is True
    assert [finding["rule"] for finding in route["findings"]] == ["body-limit-too-low"]
    assert route["disagreements"] == []
    assert left_behind(done.pid) == []


def test_what_is_generated_from_a_spec_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On each of its targets, with nothing written beside the spec; and every route has what it asked for."""
    spec = tmp_path / "routes.yaml"
    spec.write_text(
        "upstreams: {api: 'http://api:8000', agents: 'grpc://agents:50051'}\n"
        "routes:\n- {path: /v1/chat, protocol: sse, upstream: api}\n- {path: /chat.v1.Chat/, protocol: grpc, upstream: agents}\n"
    )
    monkeypatch.setenv("PROXYCFG_NGINX_IMAGE", str(need("nginx").image))
    monkeypatch.setenv("PROXYCFG_ENVOY_IMAGE", str(need("envoy").image))
    only = [word for name in ("stalls_on", "grpc", "request_body_limit") for word in ("--property", name)]
    lab = ["--lab-image", str(need(LAB).image)]

    done = run([sys.executable, "-m", "proxycfg", "check", str(spec), "--format", "json", *only, *lab])

    assert done.returncode == 0, done.stderr
    routes = json.loads(done.stdout)["routes"]
    assert [route["verdict"] for route in routes] == ["pass"] * 4
    assert {route["protocol"] for route in routes} == {"sse", "grpc"}
    assert [path.name for path in tmp_path.iterdir()] == ["routes.yaml"]
