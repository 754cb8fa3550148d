"""What people write in earnest, and what the linter must not say of it: each config stands for public ones that once were judged wrongly."""

from __future__ import annotations

import pytest

from proxycfg.finding import Severity
from proxycfg.lint import Options, lint
from proxycfg.rules import rules
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.scene import scene_of

PASS = "proxy_pass http://127.0.0.1:3000;"
UP = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_set_header Host $host;"
COPIED = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection keep-alive;"
LONG = "proxy_read_timeout 7d;"


def said_of(server: str, *, http: str = "", files: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """Rule and severity of every finding above info."""
    text = f"events {{}}\nhttp {{\n{http}\nserver {{\nlisten 80;\n{server}\n}}\n}}\n"
    scene = scene_of(load_texts({"nginx.conf": text, **(files or {})}), None)
    found = lint([scene], Options(rules=list(rules().values()), known=tuple(rules()))).findings
    return sorted((each.rule, each.severity.value) for each in found if each.severity is not Severity.INFO)


CASES = {
    "a socket called events": (f"location / {{ {PASS} }} location /events {{ {UP} {LONG} {PASS} }}", []),
    "events, with headers that every location has": (
        f"location / {{ {UP} {LONG} {PASS} }} location /events {{ {UP} {LONG} {PASS} }}",
        [("sse-response-buffered", "warning")],
    ),
    "a socket called events, unbuffered": (
        f"location / {{ {PASS} }} location /events {{ {UP} proxy_buffering off; {PASS} }}",
        [("idle-timeout-too-short", "warning")],
    ),
    "settings of the Model Context Protocol": (f"location /api/mcp {{ {PASS} }}", []),
    "names over HTTPS, by the module that speaks HTTP/2": (
        "http2 on; location /dns-query { grpc_pass grpcs://127.0.0.1:443; }",
        [],
    ),
    "headers copied from a guide": (f"location /api/ {{ {COPIED} {PASS} }}", []),
    "the same around a socket": (f"location /ws {{ {COPIED} {LONG} {PASS} }}", [("upgrade-headers-missing", "error")]),
    "a page of an application": ("location /splash { proxy_pass http://jellyfin:8096/Branding/Splashscreen; }", []),
    "an application by the base that it has itself": (
        f"location /jf/ {{ {LONG} proxy_pass http://jellyfin:8096/jf/; }}",
        [("upgrade-headers-missing", "warning"), ("upstream-http-1-0", "warning")],
    ),
    "a variable whose map is not at hand": (
        f"location /ws {{ {UP.replace('Connection upgrade', 'Connection $connection_upgrade')} {LONG} {PASS} }}",
        [],
    ),
    "a variable that hands on what clients say": (
        f"location /ws {{ {UP.replace('Connection upgrade', 'Connection $http_upgrade_insecure_requests')} {LONG} {PASS} }}",
        [("upgrade-headers-missing", "warning")],
    ),
    "heartbeats that applications have": (
        (
            f"location /ws-proxy/signal {{ {UP} {PASS} }} location /socket/websocket {{ {UP} {PASS} }} "
            f"location /ws/notifications {{ {UP} proxy_pass http://penpot-backend:6060/ws/notifications; }}"
        ),
        [],
    ),
    "the same around an application": (
        f"location / {{ {COPIED} {LONG} proxy_pass http://homeassistant:8123; }}",
        [("upgrade-headers-missing", "error")],
    ),
}


@pytest.mark.parametrize(("server", "expected"), CASES.values(), ids=CASES.keys())
def test_only_what_is_so_is_said(server: str, expected: list[tuple[str, str]]) -> None:
    """Above info."""
    assert said_of(server) == expected


def test_a_name_with_ws_in_it_tells_nothing_where_somebody_marked_the_sockets() -> None:
    """It stood for a web service."""
    http = "upstream shop { server shop-ws:80; }"
    plain = "location /orders { proxy_pass http://shop; }"

    assert said_of(plain, http=http) != []
    assert said_of(f"{plain} location /live {{ {UP} {LONG} proxy_pass http://shop; }}", http=http) == []


def test_a_file_for_another_module_is_one_fault() -> None:
    """Its lines are right where it is meant to be included; each is named."""
    server = "http2 on; client_body_timeout 1h; location /a.B/ { include proxy.conf; grpc_pass grpc://127.0.0.1:50051; grpc_read_timeout 1h; client_max_body_size 0; }"
    included = "proxy_set_header Host $host;\nproxy_set_header X-Real-IP $remote_addr;\nproxy_read_timeout 1h;\n"

    assert said_of(server, files={"proxy.conf": included}) == [("setting-of-another-module", "warning")]


def test_a_line_of_a_template_is_no_fault_and_hides_what_it_stands_for() -> None:
    """Nobody knows whether the headers are there: the same without it is an error."""
    sound = f"location /ws {{ {PASS} {LONG}\n%s\n}}\n${{BELOW}}\n# the end\n${{MORE}}"
    config = load_texts({"nginx.conf": f"events {{}}\nhttp {{ server {{ listen 80; {sound % '${INSIDE}'}\n}} }}"})

    assert config.problems == []
    assert [problem.message.split()[0] for problem in config.missing] == ["${INSIDE}", "${BELOW}", "${MORE}"]
    assert [rule for rule, _ in said_of(sound % "")] == ["upgrade-headers-missing", "upstream-http-1-0"]
    assert said_of(sound % "${INSIDE}") == []
