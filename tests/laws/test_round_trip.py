"""The laws of reading: what was written is read back as it was meant, and nothing that nginx ignores changes what is read.

The second law is tried on generated configs and on a config as people write them: other white space, quotes, comments, includes and another order
within a level leave every behavior, and every decided property's directive, as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from proxycfg.behavior import Answer, differences, properties
from proxycfg.errors import InvalidInput
from proxycfg.lint import Options, lint
from proxycfg.reading import ReadRoute
from proxycfg.rules import rules
from proxycfg.source import Source
from proxycfg.spec import Route, Spec
from proxycfg.specfile import load as load_spec
from proxycfg.target import Output
from proxycfg.targets.nginx import TARGET, quote
from proxycfg.targets.nginx.config import Config, load_texts
from proxycfg.targets.nginx.read import read
from proxycfg.targets.nginx.scene import scene_of
from tests.laws.reformatter import Reformatter
from tests.targets.nginx_specs import LISTENERS, OPTIONS, every_route, only_grpc, whole

FIXTURES = sorted(Path("fixtures/specs").glob("*/routes.yaml"))
VERSIONS = (
    "1.18",
    "1.20",
    "1.22",
    "1.24",
    "1.25.0",
    "1.25.1",
    "1.26",
    "1.27.4",
    "1.29.3",
    "1.29.4",
    "1.29.7",
    "1.30",
    "1.31",
)
LAYOUTS = ("full", "site")


# ---- written, then read ----


def places(route: Route) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """The locations that a route may be, by kind and name: as one, or as the two of a large server."""
    if route.kind == "exact":
        return {("exact", route.path)}, set()
    if route.kind == "regex":
        return {("regex", rf"^(?:{quote.without_names(route.path)})\z")}, set()
    path = route.path.rstrip("/")
    if not path:
        return {("prefix", "/")}, set()
    # Beside an exact route for the same path, only what is below it is left for the prefix.
    below = ("prefix", f"{path}/")
    return {("regex", rf"^{quote.pattern(path)}(?:/|\z)"), below}, {("exact", path), below}


def routes_read(spec: Spec, config: Config, version: str) -> Iterator[tuple[Route, ReadRoute]]:
    """Every location of a generated config with the route that it was made for."""
    found = iter(sorted(read(config, version), key=lambda read_route: read_route.span))
    for _, routes in spec.servers:
        for route in routes:
            alone, pair = places(route)
            first = next(found)
            if (first.kind, first.path) in alone:
                yield route, first
                continue
            second = next(found)
            assert {(first.kind, first.path), (second.kind, second.path)} == pair, route.title
            yield route, first
            yield route, second
    assert next(found, None) is None


TOLD_BY_GENERATE = {
    "grpc-web-to-grpc-pass": "grpc-web-not-translated",
    "grpc-without-http-2": "grpc-without-http2",
    "idle-timeout-too-short": "idle-timeout-cut",
    "http-1-1-not-served": "websocket-without-http1",
    "upgrade-headers-missing": "websocket-without-http1",
}
"""What the linter finds in a generated config, and as what ``generate`` has said it when it wrote that."""
ASKED_FOR = {
    "body-limit-too-low": r"max_bytes",
    "request-collected": r"upload",
    "connection-limit-low": r"per_client",
    "worker-connections-low": r"scale",
    "x-accel-buffering-in-vain": r"(?i)x-accel-buffering",
    "sse-without-http-2": r'http: \["1.1"\]',
    # An origin of HTTP/2 that speaks Connect, or gRPC-Web, itself: the config does not show that it does.
    "grpc-web-to-grpc-pass": r'connect|"?http"?: "2"',
}
"""What the linter says of a wish that the spec itself states, and the words by which the spec does."""


def assert_lints_clean(spec: str, config: Config, version: str, output: Output) -> None:
    """Nothing to say of what is generated, not even what is only worth knowing, but what ``generate`` or the spec has said."""
    report = lint([scene_of(config, version)], Options(rules=list(rules().values()), known=rules()))
    assert not report.errors
    told = {finding.rule for finding in output.findings}
    for finding in report.findings:
        words = ASKED_FOR.get(finding.rule)
        assert TOLD_BY_GENERATE.get(finding.rule) in told or (words and re.search(words, spec)), finding


def assert_read_as_meant(text: str, version: str, layout: str) -> int:
    """Write a spec for a version and layout, and read every route of it back; how many there were."""
    spec = load_spec(Source("routes.yaml", text))
    nginx = spec.targets.nginx
    assert nginx is not None
    assert (nginx.version, nginx.layout) == (version, layout)
    output = TARGET.write(spec)
    config = load_texts(output.files)
    assert not config.problems
    assert_lints_clean(text, config, version, output)
    count = 0
    for route, read_route in routes_read(spec, config, version):
        count += 1
        aim, behavior = output.aims[route.name], read_route.reading.behavior
        differing = differences(aim, behavior)
        if layout == "site":
            # The number of workers and their slots are the main file's business.
            assert aim.max_streams.within(behavior.max_streams) is Answer.YES
            differing.pop("max_streams", None)

        assert differing == {}, (route.title, {name: read_route.reading.evidence[name] for name in differing})
        assert read_route.not_understood == ()
        for name in properties():
            evidence = read_route.reading.evidence[name]
            assert evidence.text, name
            assert (evidence.kind == "default") == (evidence.span is None), name
    return count


def with_target(text: str, version: str, layout: str) -> str:
    """The spec for that version and layout, whatever it was for."""
    text = re.sub(r"^targets:.*\n(?:[ #].*\n)*", "", text, flags=re.MULTILINE)
    return f'{text}\ntargets: {{nginx: {{version: "{version}", layout: {layout}}}}}\n'


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_every_fixture_is_read_as_it_was_meant(path: Path, version: str, layout: str) -> None:
    """read(write(aim)) == aim, for every property of every route."""
    assert assert_read_as_meant(with_target(path.read_text(), version, layout), version, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("listen", LISTENERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_protocol_to_every_origin_is_read_as_it_was_meant(version: str, listen: str, layout: str) -> None:
    """The same for each protocol on each kind of listener and origin."""
    for text in (every_route(), only_grpc()):
        spec = whole(text, version, layout, listen)
        for name in ("CERT", "KEY", "CA"):
            spec = spec.replace(name, f"/etc/tls/{name.lower()}.pem")

        assert assert_read_as_meant(spec, version, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("version", ["1.22", "1.30"])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_read_as_it_was_meant(name: str, version: str, layout: str) -> None:
    """The same for each option of a spec."""
    text = whole(OPTIONS[name], version, layout)
    for word in ("CERT", "KEY", "CA"):
        text = re.sub(rf"\b{word}\b", f"/etc/tls/{word.lower()}.pem", text)

    assert assert_read_as_meant(text, version, layout)


def _maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


_NAMES = st.sampled_from(["sid", "X-Session", "room"])
_UPSTREAMS = st.fixed_dictionaries(
    {"servers": st.integers(1, 3)},
    optional={
        "scheme": st.sampled_from(["http", "https", "grpc", "grpcs", "unix"]),
        "http": st.sampled_from(["1.1", "2"]),
        "affinity": st.sampled_from(["ip", "cookie", "header", "hash", "hash-of-path"]),
        "max_connections": st.sampled_from([1, 10, 5000]),
        "keepalive": st.sampled_from([0, 1, 64]),
    },
)
_ROUTES = st.fixed_dictionaries(
    {
        "protocol": st.sampled_from(
            ["sse", "ndjson", "websocket", "grpc", "grpc-web", "connect", "long-poll", "poll", "http"]
        ),
        "kind": st.sampled_from(["path", "path", "exact", "regex"]),
        "upstream": st.sampled_from(["u0", "u1", "u2"]),
    },
    optional={
        "heartbeat": st.sampled_from(["5s", "90s"]),
        "idle_timeout": st.sampled_from(["100s", "2m", "10h", "60d"]),
        "max_duration": st.sampled_from(["5m", "2d"]),
        "upload": _maybe(stream=st.booleans(), max_bytes=st.sampled_from([1, 1500000, 2**20])),
        "strip_prefix": st.booleans(),
        "methods": st.sampled_from([["GET"], ["GET", "POST"], ["POST", "OPTIONS"]]),
        "headers": _maybe(
            request=st.dictionaries(
                st.sampled_from(["accept-encoding", "X-A", "Origin"]), st.sampled_from(["v", "", "$x", None])
            ),
            response=st.dictionaries(st.sampled_from(["x-accel-Buffering", "Vary"]), st.sampled_from(["no", "", None])),
        ),
        "auth": st.fixed_dictionaries({"by": st.sampled_from(["cookie", "header", "query"]), "name": _NAMES}),
        "cors": st.sampled_from([{"origins": ["*"]}, {"origins": ["https://a.example"]}]),
        "limits": _maybe(per_client=st.sampled_from([1, 50]), rate=st.sampled_from(["5/s", "90/m"])),
        "retry": st.sampled_from([True, False, {"attempts": 3}]),
        "cache": st.sampled_from([0, "1s", "2500ms"]),
        "hosts": st.sampled_from([["b.example"], ["*.c.example"], ["*"]]),
    },
)
SPECS = st.fixed_dictionaries(
    {
        "upstreams": st.lists(_UPSTREAMS, min_size=3, max_size=3),
        "routes": st.lists(_ROUTES, min_size=1, max_size=6),
        "version": st.sampled_from(VERSIONS),
        "layout": st.sampled_from(LAYOUTS),
        "listen": st.sampled_from(sorted(LISTENERS)),
    },
    optional={
        "streams": st.sampled_from([1, 100, 60_000, 1_000_000]),
        "hosts": st.sampled_from([["a.example"], ["a.example", "*.b.example"], ["*"]]),
        "trusted_proxies": st.just(["10.0.0.0/8"]),
    },
)


def _upstream(number: int, drawn: dict[str, Any]) -> dict[str, Any]:
    scheme = drawn.get("scheme", "http")
    servers = [
        f"unix:/run/{number}-{i}.sock" if scheme == "unix" else f"{scheme}://127.0.{number}.{i + 1}:80"
        for i in range(drawn["servers"])
    ]
    made = {
        "servers": servers,
        **{name: drawn[name] for name in ("http", "max_connections", "keepalive") if name in drawn},
    }
    by = drawn.get("affinity")
    if by:
        names = {
            "ip": {},
            "cookie": {"name": "sid"},
            "header": {"name": "X-Session"},
            "hash": {"name": "room"},
            "hash-of-path": {},
        }
        made["affinity"] = {"by": by.split("-")[0], **names[by]}
    if scheme in {"https", "grpcs"}:
        made["tls"] = {"verify": False}
    return made


def _route(number: int, drawn: dict[str, Any], upstreams: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A drawn route, with what would make no sense taken out."""
    kind, path = (
        drawn["kind"],
        {"path": "/r{}", "exact": "/r{}/x.y", "regex": "/r{}/[0-9]+"}[drawn["kind"]].format(number),
    )
    route = {kind: path, **{name: value for name, value in drawn.items() if name != "kind"}}
    upstream = upstreams[route["upstream"]]
    calls = upstream["servers"][0].startswith("grpc")
    two = calls or upstream.get("http") == "2"
    if calls and route["protocol"] not in {"grpc", "grpc-web", "connect"}:
        route["protocol"] = "grpc"
    if (two and route["protocol"] == "websocket") or (not two and route["protocol"] == "grpc"):
        route["protocol"] = "sse"
    if route["protocol"] != "poll":
        route.pop("cache", None)
    if route["protocol"] in {"grpc", "grpc-web", "connect", "websocket"}:
        route.pop("methods", None)
    if kind == "regex":
        route.pop("strip_prefix", None)
    return route


def spec_text(drawn: dict[str, Any]) -> str:
    """The text of a drawn spec: JSON is YAML."""
    upstreams = {f"u{number}": _upstream(number, upstream) for number, upstream in enumerate(drawn["upstreams"])}
    for upstream in upstreams.values():
        if upstream["servers"][0].startswith("grpc"):
            upstream.pop("http", None)
    routes = [_route(number, route, upstreams) for number, route in enumerate(drawn["routes"])]
    spec = {
        "upstreams": upstreams,
        "routes": routes,
        **{name: drawn[name] for name in ("hosts", "trusted_proxies") if name in drawn},
        **({"scale": {"streams": drawn["streams"]}} if "streams" in drawn else {}),
        "targets": {"nginx": {"version": drawn["version"], "layout": drawn["layout"]}},
    }
    listen = LISTENERS[drawn["listen"]].replace("CERT", "/c").replace("KEY", "/k")
    return f"listen: {listen}\n" + "\n".join(f"{name}: {json.dumps(value)}" for name, value in spec.items())


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(SPECS)
def test_any_spec_is_read_as_it_was_meant(drawn: dict[str, Any]) -> None:
    """The same for whatever else a spec can say."""
    text = spec_text(drawn)
    try:
        load_spec(Source("routes.yaml", text))
    except InvalidInput:
        assume(False)

    try:
        assert_read_as_meant(text, drawn["version"], drawn["layout"])
    except InvalidInput:
        assume(False)


# ---- what nginx ignores ----

BY_HAND = """\
worker_processes 2;
events { worker_connections 2048; }
http {
    log_format short '$remote_addr "$uri" $status';
    access_log /var/log/nginx/a.log short;
    gzip on;
    gzip_types text/css application/json;
    proxy_read_timeout 75s;
    proxy_next_upstream error timeout http_502;
    map $http_upgrade $connection_upgrade { default upgrade; '' ""; }
    limit_conn_zone $server_name zone=all:1m;
    upstream chat { ip_hash; server 10.0.0.1:80 max_conns=50; server 10.0.0.2:80 max_conns=50; keepalive 8; zone chat 64k; }
    upstream other { hash $cookie_sid consistent; server 10.0.0.3:80; server 10.0.0.4:80 backup; }
    server {
        listen 80;
        listen 443 ssl;
        http2 on;
        server_name chat.example.com;
        client_max_body_size 8m;
        error_page 500 502 /50x.html;
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        location / { proxy_pass http://other; }
        location ^~ /events { proxy_pass http://chat; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 1h; gzip off; }
        location /ws {
            proxy_pass http://chat; proxy_http_version 1.1; proxy_read_timeout 1h;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
        }
        location ~ ^/v1/(chat|completions) {
            proxy_pass http://chat; proxy_intercept_errors on; proxy_request_buffering off; limit_conn all 20;
            location ~ \\.json$ { proxy_pass http://other; proxy_ignore_client_abort on; access_log /var/log/nginx/b.log; }
        }
        location = /rpc { grpc_pass grpc://chat; grpc_read_timeout 5m; client_body_timeout 5m; }
        location @back { proxy_pass http://other; proxy_next_upstream off; }
    }
}
"""


def readings(config: Config) -> list[tuple[Any, ...]]:
    """What is read out of a configuration, places left out."""
    assert not config.problems, config.problems
    found = []
    for route in read(config, "1.30"):
        decided = {
            name: (route.reading.evidence[name].kind, re.sub(r"[\s\"']", "", route.reading.evidence[name].text))
            for name in properties()
        }
        # An upstream is neither the route's block nor around it.
        found.append((route.host, route.kind, route.path, route.reading.behavior, decided))
    return sorted(found, key=lambda route: (route[0] or "", *route[1:3]))


def generated() -> list[str]:
    """Some generated configs."""
    return [
        next(iter(TARGET.write(load_spec(Source("routes.yaml", path.read_text()))).files.values())) for path in FIXTURES
    ]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_what_nginx_ignores_changes_no_reading(seed: int) -> None:
    """White space, quotes, comments, files, and the order of what comes once."""
    assert readings(load_texts(Reformatter(seed).run(BY_HAND))) == readings(load_texts({"nginx.conf": BY_HAND}))


@pytest.mark.parametrize("text", generated(), ids=[path.parent.name for path in FIXTURES])
def test_what_nginx_ignores_changes_no_reading_of_a_generated_config(text: str) -> None:
    """The same for what we write ourselves."""
    before = readings(load_texts({"nginx.conf": text}))

    for seed in range(3):
        assert readings(load_texts(Reformatter(seed).run(text))) == before
