"""What people write in earnest, and what the linter must not say of it: each config stands for public ones that once were judged wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from proxycfg.finding import Severity
from proxycfg.lint import Options, lint
from proxycfg.rules import rules
from proxycfg.targets.envoy import scene as envoy
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.scene import scene_of
from tests.targets.envoy_configs import TWO, WEBSOCKET, bootstrap, cluster, config_of, http_filter

PASS = "proxy_pass http://127.0.0.1:3000;"
UP = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_set_header Host $host;"
COPIED = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection keep-alive;"
HALF = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Host $host;"
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
    "half of them, beside a socket that has them all": (
        f"location /websocket {{ {UP} {LONG} {PASS} }} location ~ ^/(printer|api)/ {{ {HALF} {PASS} }}",
        [],
    ),
    "half of them, and nothing else": (f"location /api/ {{ {HALF} {PASS} }}", []),
    "half of them, by somebody who expects to wait": (
        f"location /app/ {{ {HALF} {LONG} {PASS} }}",
        [("upgrade-headers-missing", "error")],
    ),
    "half of them, around a socket": (
        f"location /ws {{ {HALF} {LONG} {PASS} }}",
        [("upgrade-headers-missing", "error")],
    ),
    "files that a handshake's headers are copied around": (
        f"location /fileserver/ {{ try_files $uri @fileserver; }} location @fileserver {{ {UP} {PASS} }}",
        [],
    ),
    "a hub that asks for no buffering": (
        f"location /.well-known/mercure {{ proxy_http_version 1.1; proxy_read_timeout 2h; {PASS} }}",
        [],
    ),
    "a hub that asks for no buffering, and is not heard": (
        f"location /.well-known/mercure {{ proxy_http_version 1.1; proxy_ignore_headers X-Accel-Buffering; {PASS} }}",
        [("sse-response-buffered", "warning"), ("x-accel-buffering-ignored", "warning")],
    ),
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


def test_a_map_that_keeps_handshakes_alive_is_copied_like_the_words() -> None:
    """Tailscale's clients upgrade by it, to something that is no WebSocket; a map that says `close` is a mistake."""
    mapped = f"location / {{ {UP.replace('Connection upgrade', 'Connection $kept')} {LONG} {PASS} }}"

    assert said_of(mapped, http="map $http_upgrade $kept { default keep-alive; '' close; }") == []
    assert said_of(mapped, http="map $http_upgrade $kept { default close; '' upgrade; }") == [
        ("upgrade-headers-missing", "error")
    ]


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


WASM = http_filter("wasm", "Wasm", config={"name": "x"})
SCRIPT = "function envoy_on_request(h)\n if h:headers():get('x') then local b = h:body() end\nend"
OPAQUE = [
    WASM,
    http_filter("lua", "Lua", default_source_code={"inline_string": SCRIPT}),
    http_filter("jwt_authn", "JwtAuthentication"),
]
CALLS = {"prefix": "/shop.v1.Cart/", "grpc": {}}
ISTIO = {
    "timeout": "0s",
    "max_grpc_timeout": "0s",
    "retry_policy": {
        "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        "retriable_status_codes": [503],
    },
}

OF_ENVOY: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "an interface with retries": ({"match": {"prefix": "/api"}, "host": {"retry_policy": {"retry_on": "5xx,reset"}}}, []),
    "calls with a timeout and retries": (
        {"match": CALLS, "upstream": TWO, "route": {"timeout": "5s", "retry_policy": {"retry_on": "unavailable"}}}, [],
    ),
    "calls, and nothing said": ({"match": CALLS, "upstream": TWO}, []),
    "upgrades for everything": ({"hcm": {"upgrade_configs": WEBSOCKET}}, []),
    "upgrades for everything, behind plugins": ({"hcm": {"upgrade_configs": WEBSOCKET}, "filters": OPAQUE}, []),
    "upgrades for everything, behind a buffer": (
        {"hcm": {"upgrade_configs": WEBSOCKET}, "filters": [http_filter("buffer", "Buffer", max_request_bytes=1048576)]},
        [("websocket-not-allowed", "warning")],
    ),
    "events behind plugins": ({"match": {"prefix": "/events"}, "route": {"timeout": "0s"}, "filters": OPAQUE}, []),
    "calls behind plugins": ({"match": {"prefix": "/a.B/"}, "upstream": TWO, "route": {"timeout": "0s"}, "filters": OPAQUE}, []),
    "an interface called events": ({"match": {"prefix": "/api/v1/events"}, "route": {"timeout": "5s"}}, []),
    "prompts with ten minutes and retries": (
        {"match": {"prefix": "/v1/chat/completions"}, "route": {"timeout": "600s", "retry_policy": {"retry_on": "5xx"}}}, [],
    ),
    "prompts, and nothing said": ({"match": {"prefix": "/v1/chat/completions"}}, [("stream-ended-by-timeout", "warning")]),
    "a mesh": ({"route": ISTIO, "hcm": {"stream_idle_timeout": "0s", "upgrade_configs": WEBSOCKET}}, []),
    "a cluster whose name says stream": (
        {"match": {"prefix": "/x"}, "route": {"cluster": "stream_service"}, "clusters": [cluster("stream_service")]}, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_ENVOY)
def test_what_is_said_of_an_envoy(name: str) -> None:
    """As far as it is above info."""
    how, expected = OF_ENVOY[name]
    scene = envoy.scene_of(config_of(bootstrap(**how)), None)
    found = lint([scene], Options(rules=list(rules().values()), known=tuple(rules()))).findings

    assert sorted((each.rule, each.severity.value) for each in found if each.severity is not Severity.INFO) == expected
