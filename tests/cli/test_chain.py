"""``explain --chain`` and ``lint --chain``: what a stack may say, what is told of it, and that nothing outside of its folder is opened."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from proxycfg.behavior import properties
from proxycfg.commands import Exit
from tests.cli.conftest import Cli

EDGE = """\
# nginx 1.30
events {}
http { server { listen 80; server_name chat.example.com; location / {
  proxy_pass http://app:8080;
  proxy_read_timeout 60s;
} } }
"""
APP = """\
# nginx 1.30
events {}
http { server { listen 8080; location /events {
  proxy_pass http://127.0.0.1:9000;
  proxy_read_timeout 1h;
  proxy_buffering off;
} } }
"""
STACK = """\
host: chat.example.com
hops:
  - mobile-carrier
  - {name: edge, nginx: edge.conf}
  - {name: app, nginx: app.conf}
streams:
  - {path: /events, protocol: sse, heartbeat: 10s}
"""


@pytest.fixture
def stack(cli: Cli) -> Cli:
    """A command line in a folder with a stack of two nginx behind a mobile network."""
    for name, text in (("edge.conf", EDGE), ("app.conf", APP), ("stack.yaml", STACK)):
        Path(name).write_text(text)
    return cli


def explained(stack: Cli, *arguments: str) -> dict[str, Any]:
    """The one route of the JSON."""
    code, out, _ = stack("explain", "--chain", "stack.yaml", "--format", "json", *arguments)
    (route,) = json.loads(out)["routes"]
    assert code == Exit.OK
    assert isinstance(route, dict)
    return route


# ---- explain ----


def test_every_property_names_the_hop_that_decides_it(stack: Cli) -> None:
    """And where that stands."""
    behavior = explained(stack, "--path", "/events")["behavior"]

    assert set(behavior) == set(properties())
    silence = behavior["upstream_idle_timeout"]
    assert (silence["value"], silence["hops"]) == (30, ["mobile-carrier"])
    assert silence["origin"]["location"]["file"] == "stack.yaml"
    assert behavior["response_buffering"]["hops"] == ["edge"]
    assert behavior["upstream_http_version"]["hops"] == ["app"]
    assert behavior["query_logged"]["hops"] == ["edge", "app"]


def test_a_request_is_followed_through_the_hops(stack: Cli) -> None:
    """By its URL, or by a path."""
    for end in (("--path", "/events"), ("--url", "http://chat.example.com/events")):
        route = explained(stack, *end)
        assert [step["what"] for step in route["steps"]] == [
            "mobile-carrier",
            "edge (nginx): /",
            "app (nginx): /events",
        ]


def test_a_hop_that_answers_by_itself_is_told(stack: Cli) -> None:
    """The request gets no further."""
    Path("app.conf").write_text(APP.replace("location /events", "location /other"))
    _, out, _ = stack("explain", "--chain", "stack.yaml", "--path", "/events")

    assert "no origin gets this: app (nginx) answers it: a file, or 404" in out


def test_without_a_request_every_path_is_listed_that_somebody_names(stack: Cli) -> None:
    """Those of the stack, then those of the hops."""
    code, out, _ = stack("explain", "--chain", "stack.yaml", "--format", "json")

    assert code == Exit.OK
    assert [route["request"] for route in json.loads(out)["routes"]] == ["/events", "/"]


def test_with_a_protocol_the_whole_is_held_against_its_need(stack: Cli) -> None:
    """As a hop alone is."""
    behavior = explained(stack, "--path", "/events", "--protocol", "sse")["behavior"]

    assert behavior["upstream_idle_timeout"]["verdict"] == "fail"


# ---- lint ----


def test_a_config_of_a_hop_can_silence_what_is_said_in_it(stack: Cli) -> None:
    """By a comment, as ever."""
    Path("app.conf").write_text(APP.replace("  proxy_buffering off;\n", ""))
    code, out, _ = stack("lint", "--chain", "stack.yaml", "--select", "x-accel-buffering-eaten")
    assert code == Exit.FOUND
    assert "app.conf:3:30: warning[x-accel-buffering-eaten]" in out
    Path("app.conf").write_text(
        APP.replace("  proxy_buffering off;\n", "").replace(
            "location /events", "\n# proxycfg: ignore[x-accel-buffering-eaten] on purpose\nlocation /events"
        )
    )
    code, out, _ = stack("lint", "--chain", "stack.yaml", "--select", "x-accel-buffering-eaten")
    assert (code, "1 ignored" in out) == (Exit.OK, True)


# ---- what a stack may say ----


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hops: []", "stack.yaml:1:7: `hops` must not be empty"),
        ("hops: [mobile-carier]", "stack.yaml:1:8: `mobile-carier` cannot be a hop"),
        ("hops: [{nginx: ../x.conf}]", "stack.yaml:1:16: `nginx` must lie below the folder of this file"),
        ("hops: [{nginx: /etc/nginx}]", "must lie below the folder of this file"),
        ("hops: [{nginx: x.conf, envoy: y.yaml}]", "stack.yaml:1:8: a hop is one thing"),
        ("hops: [{opaque: {preset: abl}}]", "there is no preset `abl`"),
        ("hops: [{opaque: {idle_timeot: 5s}}]", "stack.yaml:1:18: unknown field `idle_timeot`"),
        ("hops: [{opaque: {idle_timeout: soon}}]", "stack.yaml:1:32: "),
        ("hops: [{nginx: nowhere.conf}]", "stack.yaml:1:8: nowhere.conf: there is no such file"),
        ("hops: [{name: a, nginx: edge.conf}, {name: a, nginx: app.conf}]", "stack.yaml:1:15: `a` is another hop's name, too"),
        ('hops: [{nginx: {config: edge.conf, version: "1.1"}}]', "stack.yaml:1:8: 1.1 is not known"),
        ("[]", "a stack is a mapping of fields"),
        ("hops: [alb]\nstreams: [{path: events, protocol: sse}]", "stack.yaml:2:18: `path` must start with /"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place_and_a_remedy(stack: Cli, text: str, told: str) -> None:
    """Exit status 2, and nothing on standard output."""
    Path("stack.yaml").write_text(text)
    code, out, err = stack("explain", "--chain", "stack.yaml")

    assert (code, out) == (Exit.USAGE, "")
    assert told in err
    assert "\n  = " in err


def test_all_mistakes_are_told_at_once(stack: Cli) -> None:
    """Not one a run."""
    Path("stack.yaml").write_text("hops: [alp, {nginx: ../x}, {opaque: {grpc: 1}}]\nhost: a b\n")
    _, _, err = stack("lint", "--chain", "stack.yaml")

    assert err.count("stack.yaml:") == 4


def test_a_link_that_leads_out_is_not_followed(stack: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A stack comes from strangers, too."""
    outside = tmp_path_factory.mktemp("outside") / "nginx.conf"
    outside.write_text(APP)
    Path("app.conf").unlink()
    Path("app.conf").symlink_to(outside)
    code, _, err = stack("explain", "--chain", "stack.yaml")

    assert code == Exit.USAGE
    assert "app.conf leads out of the folder of this file" in err


@pytest.mark.parametrize("command", ["explain", "lint"])
def test_a_chain_or_configs_and_one_of_them(stack: Cli, command: str) -> None:
    """Said in one line."""
    for arguments, told in (((), "which configs?"), (("--chain", "stack.yaml", "edge.conf"), "leave the others out")):
        code, _, err = stack(command, *arguments)
        assert code == Exit.USAGE
        assert told in err


def test_what_hurts_in_company_is_not_repaired(stack: Cli) -> None:
    """The hops are, each by itself."""
    code, _, err = stack("lint", "--chain", "stack.yaml", "--fix")

    assert code == Exit.USAGE
    assert "repairs each hop by itself" in err


# ---- the gallery ----

ROOT = Path(__file__).parent.parent.parent
ROW = re.compile(
    r"^\| .* \| \[`(?P<rule>[a-z-]+)`\]\(.*\): .* \| `(?P<hop>[a-z-]+)` \| .* \| `proxycfg (?P<command>lint --chain \S+)` \|$",
    re.MULTILINE,
)
GALLERY = [found.groupdict() for found in ROW.finditer((ROOT / "docs" / "chains.md").read_text())]


def test_the_gallery_has_ten_stacks() -> None:
    """The table is read as it is written."""
    assert len(GALLERY) >= 10
    assert len({row["rule"] for row in GALLERY}) >= 10


@pytest.mark.parametrize(
    "row", GALLERY, ids=[row["command"].split("/")[2] + row["command"].split("/")[4] for row in GALLERY]
)
def test_a_stack_of_the_gallery_shows_what_the_page_says(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, row: dict[str, str]
) -> None:
    """The command finds the rule, at the hop that the page names."""
    monkeypatch.chdir(ROOT)
    code, out, _ = cli(*row["command"].split(), "--format", "json")
    found = [finding for finding in json.loads(out)["findings"] if finding["rule"] == row["rule"]]

    assert code == Exit.FOUND
    assert len(found) == 1
    assert found[0]["message"].startswith(row["hop"])
