"""``proxycfg explain`` and ``lint`` on Envoy: what they take, what they print, and with which code they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxycfg.behavior import properties
from proxycfg.commands import Exit
from tests.cli.conftest import Cli, stdin
from tests.targets.envoy_configs import TWO, WEBSOCKET, bootstrap, cluster

ROUTES: list[dict[str, Any]] = [
    {"match": {"path": "/healthz"}, "direct_response": {"status": 200}},
    {"match": {"path_separated_prefix": "/events"}, "route": {"cluster": "origin", "idle_timeout": "7s"}},
    {"match": {"prefix": "/ws"}, "route": {"cluster": "origin", "upgrade_configs": WEBSOCKET}},
    {"match": {"prefix": "/chat.v1.Chat/", "grpc": {}}, "route": {"cluster": "calls", "timeout": "0s"}},
    {"match": {"prefix": "/old"}, "redirect": {"path_redirect": "/new"}},
    {"match": {"prefix": "/events/late"}, "route": {"cluster": "origin"}},
]
SITE = yaml.safe_dump(bootstrap(routes=ROUTES, clusters=[cluster("origin"), cluster("calls", **TWO)]), sort_keys=False)


@pytest.fixture(autouse=True)
def config(cli: Cli) -> None:
    """An envoy.yaml in the empty folder."""
    assert cli
    Path("envoy.yaml").write_text(SITE)


def told(cli: Cli, *arguments: str) -> dict[str, Any]:
    """What it says as JSON, where nothing is wrong."""
    code, out, err = cli("explain", *arguments, "--format", "json")
    assert (code, err) == (Exit.OK, "")
    return json.loads(out)


def test_every_route_is_told_with_all_its_properties(cli: Cli) -> None:
    """Those that hand requests on, in the order of the file, each property with what decides it."""
    found = told(cli, "envoy.yaml")

    assert (found["target"], found["target_version"]) == ("envoy", "1.40")
    assert [(each["path"], each["match"]["kind"]) for each in found["routes"]] == [
        ("/events", "segments"), ("/ws", "prefix"), ("/chat.v1.Chat/", "prefix"), ("/events/late", "prefix"),
    ]  # fmt: skip
    assert [each["protocol"] for each in found["routes"]] == ["sse", "websocket", "grpc", None]
    for each in found["routes"]:
        assert list(each["behavior"]) == list(properties())
    idle = found["routes"][0]["behavior"]["upstream_idle_timeout"]
    line = next(number for number, text in enumerate(SITE.splitlines(), 1) if "idle_timeout: 7s" in text)
    assert idle["value"] == 7
    assert (idle["origin"]["kind"], idle["origin"]["location"]["start"]["line"]) == ("config", line)
    total = found["routes"][0]["behavior"]["total_timeout"]["origin"]
    assert total == {"kind": "default", "location": None, "text": "timeout: 15s (default of Envoy 1.40)"}


@pytest.mark.parametrize(
    ("url", "ends"),
    [
        ("http://a.example:10000/events", "/events"), ("http://a.example:10000/events/late", "/events"), ("http://a.example/healthz", "200 (direct_response)"),
        ("http://a.example/old/x", "301 (redirect)"), ("http://a.example/none", "404 (no route matches)"), ("ws://a.example:10000/ws/x", "/ws"),
        ("grpc://a.example:10000/chat.v1.Chat/Say", "/chat.v1.Chat/"), ("http://a.example:10000/chat.v1.Chat/Say", "404 (no route matches)"),
    ],
)  # fmt: skip
def test_a_url_ends_in_a_route_or_in_an_answer(cli: Cli, url: str, ends: str) -> None:
    """The first route that matches, as a client of that scheme asks."""
    (found,) = told(cli, "envoy.yaml", "--url", url)["routes"]

    assert found["request"] == url
    assert (found["path"] if found["proxied"] else found["answer"]) == ends
    assert found["proxied"] == ends.startswith("/")


def test_a_path_tells_what_it_passed_and_what_nearly_matched(cli: Cli) -> None:
    """Listener, virtual host and route; and the route that an earlier one hides."""
    code, out, _ = cli("explain", "envoy.yaml", "--path", "/events/late")

    assert code == Exit.OK
    assert "→ listener in (127.0.0.1:10000)" in out
    assert "→ virtual host all: *" in out
    assert "not chosen: route prefix /events/late: matches, but path_separated_prefix /events comes first" in out


def test_a_protocol_holds_routes_against_its_need(cli: Cli) -> None:
    """With a verdict on each property."""
    (found,) = told(cli, "envoy.yaml", "--path", "/events", "--protocol", "sse")["routes"]

    assert found["behavior"]["total_timeout"]["verdict"] == "fail"
    assert found["behavior"]["response_buffering"]["verdict"] == "pass"


def test_standard_input_and_json_are_read(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they are is found out from the text."""
    stdin(monkeypatch, json.dumps(yaml.safe_load(SITE)).encode())

    assert len(told(cli, "-")["routes"]) == 4


def test_the_version_is_stated_or_said_by_a_comment(cli: Cli) -> None:
    """By an option before a comment."""
    Path("envoy.yaml").write_text(f"# envoy 1.36\n{SITE}")

    assert told(cli, "envoy.yaml")["target_version"] == "1.36"
    assert told(cli, "envoy.yaml", "--envoy-version", "1.38.1")["target_version"] == "1.38.1"
    code, _, err = cli("explain", "envoy.yaml", "--envoy-version", "1.99")
    assert (code, "write one from 1.24 to 1.40" in err) == (Exit.USAGE, True)


def test_nginx_and_envoy_in_one_folder_ask_for_a_target(cli: Cli) -> None:
    """One is explained at a time; lint looks at both."""
    Path("nginx.conf").write_text("events {}\nhttp { server { location / { proxy_pass http://127.0.0.1:1; } } }\n")

    code, _, err = cli("explain", ".")
    assert (code, "--target" in err) == (Exit.USAGE, True)
    assert told(cli, ".", "--target", "envoy")["target"] == "envoy"
    assert told(cli, ".", "--target", "nginx")["target"] == "nginx"
    code, out, _ = cli("lint", ".", "--format", "json", "--fail-on", "never")
    assert (code, json.loads(out)["files"], json.loads(out)["routes"]) == (Exit.OK, 2, 5)


def test_what_envoy_would_refuse_is_told_with_its_place(cli: Cli) -> None:
    """And nothing of it passes."""
    Path("envoy.yaml").write_text(SITE.replace("idle_timeout: 7s", "idle_timeout: 7m"))
    line = next(number for number, text in enumerate(SITE.splitlines(), 1) if "idle_timeout: 7s" in text)

    code, _, err = cli("explain", "envoy.yaml")

    assert code == Exit.USAGE
    assert f"envoy.yaml:{line}:" in err
    assert "7m is no duration" in err


@pytest.mark.parametrize("text", ["a: [", "static_resources: {listeners: [{{ listener }}]}\nx: {%\n", "\0", "- 1\n"])
def test_what_is_no_config_is_refused_with_its_place(cli: Cli, text: str) -> None:
    """For whoever said that it is one."""
    Path("envoy.yaml").write_text(text)

    code, out, err = cli("explain", "--target", "envoy", "envoy.yaml")

    assert code == Exit.USAGE
    assert err.startswith("envoy.yaml:")
    assert "Traceback" not in out + err


def test_lint_finds_and_silences_on_envoy(cli: Cli) -> None:
    """With the place of the field, a declaration by option, and a note in a comment."""
    arguments = ("lint", "envoy.yaml", "--stream", "/events=sse", "--format", "json")
    code, out, _ = cli(*arguments)
    (finding,) = [each for each in json.loads(out)["findings"] if each["rule"] == "idle-timeout-too-short"]

    assert (code, finding["target"], finding["confidence"]) == (Exit.FOUND, "envoy", "declared")
    Path("envoy.yaml").write_text(
        SITE.replace("idle_timeout: 7s", "idle_timeout: 7s  # proxycfg: ignore[idle-timeout-too-short] known")
    )
    assert not [each for each in json.loads(cli(*arguments)[1])["findings"] if each["rule"] == "idle-timeout-too-short"]
