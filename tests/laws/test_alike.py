"""Locations that say the same are read once: that must never show."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxycfg.lint import Options, lint
from proxycfg.reports.json_v1 import finding_to_json
from proxycfg.reports.lint_json import report_to_json
from proxycfg.rules import rules
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.read import read, read_location
from proxycfg.targets.nginx.scene import scene_of
from proxycfg.targets.nginx.servers import read_http
from proxycfg.targets.nginx.shapes import PASSED_OVER, Shapes
from tests.bench.configs import MAIN, SNIPPETS, site
from tests.targets.test_nginx_read import CASES

VERSIONS = ("1.22", "1.26", "1.30")
LISTENS = (
    "listen 80;",
    "listen 81;",
    "listen 443 ssl;",
    "listen 444 ssl http2;",
    "listen 82 http2;",
    "listen 446 quic;",
    "listen 445 quic; listen 445 ssl;",
    "",
)
PASSES = (
    "http://u",
    "http://v",
    "http://v/uri",
    "https://w",
    "http://127.0.0.1:81",
    "http://$name",
    "http://u$request_uri",
    "http://$up",
)
HTTP = """
map $http_upgrade $up { default upgrade; '' close; }
map $uri $loggable { ~^/quiet 0; default 1; }
map $request_uri $masked { "~^(?<bare>[^?]*)" $bare; default ""; }
log_format masked '$remote_addr $masked';
log_format named '$remote_addr $tenant $request_uri';
upstream u { server 127.0.0.1:81; server 127.0.0.1:82; keepalive 8; }
upstream v { server 10.0.0.1:81; server 10.0.0.2:82; server 10.0.0.3:82; keepalive 16; }
upstream w { ip_hash; server one.example:81 max_conns=5; some_unknown_thing on; }
limit_conn_zone $server_name zone=all:1m;
"""
SERVER = (
    "set $tenant a;", "set $tenant b;", "set $name u;", "set $name w;", "gzip on; gzip_types *;", "access_log logs/one.log masked;",
    "access_log logs/two.log masked;", "access_log logs/a.log named if=$loggable;", "access_log off;", "proxy_buffering off;",
    "proxy_set_header Connection $up;", "keepalive_timeout 10s;", "error_page 502 /x.html;", "some_unknown_thing $tenant;", "return 404;",
)  # fmt: skip
INSIDE = (
    *SERVER, "if ($tenant) { proxy_pass http://u; }", "if ($tenant = b) { set $name v; }", "limit_except GET { proxy_pass http://w; }",
    "if ($tenant) { return 403; }", "client_max_body_size 0;", "limit_conn all 3;", "proxy_next_upstream error non_idempotent;",
    # A handshake passes, or not, by the server's listeners.
    "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;",
    "proxy_set_header Accept-Encoding $name;", "proxy_cache $tenant;",
    "proxy_intercept_errors on;", "location /inner { proxy_pass http://v; proxy_read_timeout 1h; }", "fastcgi_pass u;", "grpc_pass grpc://w;",
)  # fmt: skip
NEARLY = (
    ("proxy_read_timeout 20s;", "proxy_read_timeout 2h;"), ("proxy_buffering on;", "proxy_buffering off;"), ("gzip on;", "gzip off;"),
    ("client_max_body_size 1m;", "client_max_body_size 0;"), ("add_header X-Accel-Buffering no;", "add_header X-Accel-Buffering yes;"),
    ("proxy_set_header Upgrade $http_upgrade;", "proxy_set_header Upgrade '';"), ("default_type text/event-stream;", "default_type text/plain;"),
    ("if ($http_upgrade) { return 403; }", "if ($tenant) { return 403; }"),
)  # fmt: skip
"""Alike but for one word."""


def config(seed: int, paths: Sequence[str] = ("p", "quiet")) -> str:
    """Servers and locations put together from few parts, so that many of them are alike or nearly so."""
    draw = random.Random(seed)
    bodies = [each.body for each in draw.sample(CASES, 3)] + draw.sample(INSIDE, 6) + [*draw.choice(NEARLY)]
    own = draw.sample(SERVER, 5)
    passes = draw.sample(PASSES, 3)
    varied = [f"{name} a.example;" for name in draw.sample(sorted(PASSED_OVER - {"include", "listen", "set"}), 6)]

    def location(number: int) -> str:
        parts = draw.sample(bodies, draw.randint(0, 3)) + draw.sample(varied, draw.randint(0, 2))
        kind = draw.choice(["", "= ", "~ ", "^~ ", "@"])
        if draw.random() < 0.8:
            parts.insert(draw.randint(0, len(parts)), f"proxy_pass {draw.choice(passes)};")
        return f"location {kind}{'/' * (kind != '@')}{draw.choice(paths)}{number} {{ {' '.join(parts)} }}"

    def server(number: int) -> str:
        parts = [f"server_name s{number}.example;", draw.choice(LISTENS), *draw.sample(own, draw.randint(0, 2))]
        parts += [location(each) for each in range(draw.randint(1, 6))]
        return f"server {{ {' '.join(parts)} }}\n"

    return f"events {{}}\nhttp {{ {HTTP} {''.join(server(number) for number in range(8))} }}\n"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(VERSIONS), st.sampled_from([None, "sse", "websocket", "grpc"]))
def test_a_location_among_many_is_read_as_if_it_were_alone(seed: int, version: str, protocol: str | None) -> None:
    """The behavior, its evidence and what is not understood are those of the location read by itself."""
    loaded = load_texts({"nginx.conf": config(seed)})
    (http,) = read_http(loaded)
    alone = {location.directive.span: location for server in http.servers for location in server.locations.all()}
    routes = read(loaded, version, protocol_of=lambda _: protocol)

    assert routes or "return 404" in config(seed)
    for route in routes:
        by_itself = read_location(alone[route.span], http, version, protocol=protocol)

        assert route.reading.behavior == by_itself.behavior
        assert dict(route.reading.evidence) == dict(by_itself.evidence)


class _Forgetful(dict[Any, Any]):
    """Keeps nothing."""

    def __setitem__(self, key: object, value: object) -> None:
        """Forget it."""


STREAMS = ("events/", "ws/", "socket.io/", "api/", "quiet")
OPTIONS = Options(rules=list(rules().values()), known=tuple(rules()))


def _linted(text: str, version: str | None) -> dict[str, object]:
    return report_to_json(lint([scene_of(load_texts({"nginx.conf": text}), version)], OPTIONS))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([*VERSIONS, None]))
def test_what_is_said_of_many_is_what_is_said_where_nothing_is_shared(seed: int, version: str | None) -> None:
    """Every finding, with its places and its fix: with all that is alike read once, and with each location read by itself."""
    text = config(seed, STREAMS)

    shared = _linted(text, version)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shapes, "_known", property(lambda _: _Forgetful(), lambda _, __: None), raising=False)
        alone = _linted(text, version)

    assert shared["routes"] or "return 404" in text
    assert shared == alone


def test_sites_of_a_fleet_are_told_what_each_would_be_told_alone() -> None:
    """The findings in a site's file are the same in a tree of forty sites as in a tree of that one."""
    sites = {f"sites/{number:02d}.conf": site(number) for number in range(40)}

    def found(some: Mapping[str, str]) -> list[Any]:
        shared = {
            "nginx.conf": MAIN.format("include sites/*.conf;"),
            **{f"snippets/{name}": text for name, text in SNIPPETS.items()},
        }
        report = lint([scene_of(load_texts({**shared, **some}), None)], OPTIONS)
        return [finding_to_json(each) for each in report.findings if each.span.file in sites]

    together = found(sites)

    assert {each["location"]["file"] for each in together} == set(sites)
    assert together == [each for name, text in sites.items() for each in found({name: text})]
