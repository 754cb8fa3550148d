"""The Envoy target: what it writes, what it says it cannot do, and what the real Envoy makes of both."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxycfg import reasons
from proxycfg.behavior import FOREVER, Between, exactly
from proxycfg.errors import InvalidInput
from proxycfg.headers import CREDENTIALS
from proxycfg.need import need_of, shortfalls
from proxycfg.protocols import protocols
from proxycfg.source import Source
from proxycfg.targets.envoy import TARGET, facts, quote
from proxycfg.template import environment
from proxycfg.yamldoc import parse
from tests.clients.tls import make_authority
from tests.engines.ports import free_ports, need_ipv6
from tests.specs import CLEAR, REGEX_EDGES, UNCLEAR
from tests.targets import envoy_lab as lab
from tests.work import calls

# ---- specs: each protocol, each option ----

ONE = "upstreams: {a: http://127.0.0.1:9001}\nroutes: [{path: /x, upstream: a}]"
TWO_SERVERS = '["http://127.0.0.1:9001", "http://127.0.0.1:9002"]'


def _route(options: str, upstream: str = "http://127.0.0.1:9001") -> str:
    return f"upstreams: {{a: {upstream}}}\nroutes:\n  - {{upstream: a, {options}}}\n"


AFFINITIES = {
    "ip": "by: ip",
    "cookie": "by: cookie, name: c",
    "header": "by: header, name: X-H",
    "argument": "by: hash, name: k",
    "path": "by: hash",
}
SECURE = "tls: {certificate: CERT, key: KEY}"
MANY_LIMITS = "".join(f"  - {{path: /{i}, upstream: a, upload: {{max_bytes: {1000 + i}}}}}\n" for i in range(12))
HEADERS = 'request: {X-A: "1%", X-B: null, Host: h.example, X-C: ""}, response: {X-R: é, Server: null}'
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
GRPC = "grpc://127.0.0.1:9001"

SPECS: dict[str, str] = {
    "least": ONE,
    **{name: _route(f"path: /x, protocol: {name}") for name in protocols() if name != "grpc"},
    **{f"{name}-to-grpc": _route(f"path: /p.S/, protocol: {name}", GRPC) for name in ("grpc", "grpc-web", "connect")},
    "http2-origin": _route("path: /x, protocol: grpc", '{servers: ["http://127.0.0.1:9001"], http: 2}'),
    "root": _route("path: /"),
    "exact": _route("exact: /x/"),
    "regex": _route(f'regex: "/users/{UUID}"'),
    "regex-edges": "upstreams: {a: http://127.0.0.1:9001}\nroutes:\n"
    + "".join(f"  - {{regex: '{regex}', upstream: a}}\n" for regex in REGEX_EDGES),
    "encoded-path": _route('path: "/café au lait", strip_prefix: true'),
    "long-path": _route(f'path: "/{"é" * 1000}", strip_prefix: true'),
    "strip": _route("path: /api/v1, strip_prefix: /api"),
    "methods": _route("path: /x, methods: [GET, POST, DELETE]"),
    "headers": f"defaults: {{headers: {{{HEADERS}}}}}\n" + ONE,
    "cors": _route('path: /x, cors: {origins: ["https://a.example"]}, auth: {by: header, name: X-Key}'),
    "cors-any": _route('path: /x, protocol: sse, cors: {origins: ["*"]}'),
    "websocket-origins": _route('path: /x, protocol: websocket, cors: {origins: ["https://a.example"]}'),
    "limits": _route("path: /x, limits: {rate: 90/m, burst: 3, per_client: 2}"),
    "slow-rate": _route("path: /x, limits: {rate: 1/m}"),
    "fast-rate": _route("path: /x, limits: {rate: 1000000}"),
    "poll-alone": _route("path: /x, protocol: poll, cache: false"),
    "poll-headers": _route(
        f'path: /x, protocol: poll, cors: {{origins: ["*"]}}, auth: {{by: header, name: X-Key}}, headers: {{{HEADERS}}}'
    ),
    "poll-query": _route("path: /x, protocol: poll, cache: 2500ms, auth: {by: query, name: Key}"),
    "retry": _route("path: /x, retry: {attempts: 4}", f"{{servers: {TWO_SERVERS}}}"),
    "durations": _route("path: /x, protocol: sse, heartbeat: 15s, idle_timeout: 365d, max_duration: 500ms"),
    "body": _route("path: /x, upload: {max_bytes: 1}"),
    "upload": _route("path: /x, upload: {stream: true}"),
    "query-auth": _route("path: /x, protocol: sse, auth: {by: query, name: token}"),
    **{
        f"affinity-{name}": _route("path: /x", f"{{servers: {TWO_SERVERS}, affinity: {{{affinity}}}}}")
        for name, affinity in AFFINITIES.items()
    },
    "max-connections": _route("path: /x", f"{{servers: {TWO_SERVERS}, max_connections: 7, keepalive: 0}}"),
    "max-connections-affinity": _route(
        "path: /x", f"{{servers: {TWO_SERVERS}, max_connections: 7, affinity: {{by: ip}}}}"
    ),
    "unix": _route("path: /x", "unix:/run/app.sock"),
    "names": _route("path: /x", '{servers: ["http://a_b.example", "http://[::1]:80", "unix:/run/a"]}'),
    "tls-origin": _route("path: /x", "https://origin.example"),
    "tls-origin-unchecked": _route(
        "path: /x, protocol: grpc", '{servers: ["grpcs://127.0.0.1:9"], tls: {verify: false}}'
    ),
    "tls-origin-ca": _route("path: /x", '{servers: ["https://127.0.0.1:9"], tls: {ca: CA, sni: o.example}}'),
    "hosts": "hosts: [a.example, '*.b.example', '::1', 10.0.0.1]\n" + ONE,
    "hosts-apart": "hosts: [a.example, b.example]\nupstreams: {a: http://127.0.0.1:1}\n"
    "routes: [{path: /x, upstream: a}, {path: /y, upstream: a, hosts: [b.example]}]",
    "both-families": "listen: {address: '::'}\n" + ONE,
    "one-address": "listen: {address: 127.0.0.1}\n" + ONE,
    "http1": 'listen: {http: ["1.1"]}\n' + ONE,
    "http2": 'listen: {http: ["2"]}\n' + ONE,
    "tls": f"listen: {{port: 443, {SECURE}}}\n" + ONE,
    "http3": f'listen: {{{SECURE}, http: ["1.1", "2", "3"]}}\n' + ONE,
    "http3-alone": f'listen: {{{SECURE}, http: ["3"]}}\n' + ONE,
    "trusted": "trusted_proxies: [10.0.0.0/8, 'fd00::/8']\n" + ONE,
    "trusted-http3": f'trusted_proxies: [10.0.0.0/8]\nlisten: {{{SECURE}, http: ["1.1", "2", "3"]}}\n' + ONE,
    "scale": "scale: {streams: 10000000}\n" + ONE,
    "scale-least": "scale: {streams: 1}\n" + ONE,
    "many-limits": "upstreams: {a: http://127.0.0.1:1}\nroutes:\n" + MANY_LIMITS,
    "unused-upstream": "upstreams: {a: http://127.0.0.1:1, b: http://nowhere.example}\n"
    "routes: [{path: /x, upstream: a}]",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Certificates that exist, by the words that stand for them in SPECS."""
    made = make_authority(tmp_path_factory.mktemp("tls"))
    return {"CERT": str(made.cert), "KEY": str(made.key), "CA": str(made.ca)}


def _with(text: str, files: dict[str, str]) -> str:
    return re.sub(r"\b(CERT|KEY|CA)\b", lambda match: files[match[1]], text)


# ---- the text ----


@pytest.mark.parametrize(("upstream", "times"), [("http://h:1", 0), (f"{{servers: {TWO_SERVERS}}}", 2)])
def test_ejection_is_explained_where_a_cluster_has_it(upstream: str, times: int) -> None:
    """In the comment above the clusters, and once in the cluster itself."""
    text = lab.written(_route("path: /x", upstream)).files["envoy.yaml"]

    assert text.count("outlier_detection") == times


@pytest.mark.engine
@pytest.mark.parametrize("case", SPECS)
def test_envoy_takes_it(case: str, files: dict[str, str], tmp_path: Path) -> None:
    """The real Envoy accepts the config, and calls no field of it deprecated."""
    text = lab.written(_with(SPECS[case], files)).files["envoy.yaml"]

    assert lab.refusal(text, tmp_path) == ""


def test_the_same_spec_gives_the_same_bytes() -> None:
    """Whatever the seed of Python's hashes."""
    code = (
        "import hashlib, sys; sys.path[:0] = ['.']\n"
        "from tests.targets.test_envoy import SPECS; from tests.targets.envoy_lab import written\n"
        "print(hashlib.sha256(''.join(written(text).files['envoy.yaml'] for text in SPECS.values()).encode()).hexdigest())"
    )

    def digest(seed: str) -> str:
        environ = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(
            [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
        ).stdout

    assert digest("1") == digest("2")


@pytest.mark.parametrize("case", SPECS)
def test_both_parsers_read_it_alike(case: str) -> None:
    """PyYAML and our own reader see the same data: nothing in the file hangs on a parser's taste."""
    text = lab.written(SPECS[case]).files["envoy.yaml"]

    assert parse(Source("envoy.yaml", text)).data == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("listen", "route", "said"),
    [
        ("port: 80", "path: /x", []),
        (SECURE, "path: /x", ["max-age=31536000"]),
        (f"{SECURE[:-1]}, hsts: 30d}}", "path: /x", ["max-age=2592000"]),
        (f"{SECURE[:-1]}, hsts: false}}", "path: /x", []),
        (SECURE, "path: /x, headers: {response: {Strict-Transport-Security: null}}", []),
    ],
    ids=["clear", "default", "shorter", "none", "removed"],
)
def test_the_promise_of_https_is_the_owners(listen: str, route: str, said: list[str]) -> None:
    """In every answer of the listener that has none; a route's own and an origin's count for more."""
    for manager in lab.managers(lab.tree(lab.written(f"listen: {{{listen}}}\n{_route(route)}"))):
        added = manager["route_config"].get("response_headers_to_add", [])
        ours = [each for each in added if each["header"]["key"] == "strict-transport-security"]

        assert said == [each["header"]["value"] for each in ours]
        assert {"ADD_IF_ABSENT"} >= {each["append_action"] for each in ours}


def test_filter_chains_differ_only_in_whom_they_trust() -> None:
    """What the second and later chains repeat is what the first one says."""
    text = (
        'trusted_proxies: [10.0.0.0/8]\nlisten: {tls: {certificate: c, key: k}, http: ["1.1", "2", "3"]}\n'
        + SPECS["websocket"]
    )
    first, *others = lab.managers(lab.tree(lab.written(text)))
    own = {"stat_prefix", "codec_type", "use_remote_address", "skip_xff_append", "original_ip_detection_extensions",
           "early_header_mutation_extensions"}  # fmt: skip

    # Envoy before 1.40 lets anybody end a stream by this header.
    for manager in (first, *others):
        (early,) = manager["early_header_mutation_extensions"]
        assert {"remove": "x-envoy-upstream-stream-duration-ms"} in early["typed_config"]["mutations"]
    assert len(others) == 3
    for other in others:
        assert {name for name in {*first, *other} if first.get(name) != other.get(name)} <= own


def test_every_setting_is_in_the_config() -> None:
    """The table of values holds none that is not used: the reasons in it are reasons for something."""
    folder = Path(__file__).parents[2]
    texts = [path.read_text() for path in (folder / "templates/envoy").glob("*.j2")]
    texts += [path.read_text() for path in (folder / "proxycfg/targets/envoy").glob("*.py")]
    names = [name for name in vars(facts) if name.isupper()]
    used = {name for name in names if any(re.search(rf"\b(facts\.)?{name}\b(?!\"|,? .*= )", text) for text in texts)}

    assert set(names) == used
    assert all(f"has.{feature}" in "".join(texts) or f'"{feature}")' in "".join(texts) for feature in facts.SINCE)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ("listener_tcp_keepalive", "    tcp_keepalive: {keepalive_time"),
        ("admin_allow_paths", "allow_paths"),
        ("high_watermark_timeout", "per_connection_buffer_high_watermark_timeout"),
        ("jitter", "_jitter:"),
        ("body_size_limit", "body_size_limit"),
    ],
)
def test_older_envoys_get_no_field_they_do_not_know(feature: str, words: str) -> None:
    """An unknown field would keep Envoy from starting."""
    since = facts.SINCE[feature]

    def text(minor: int) -> str:
        version = f'targets: {{envoy: {{version: "{since[0]}.{minor}"}}}}\n'
        return "\n".join(
            line for line in lab.written(version + ONE).files["envoy.yaml"].splitlines() if "#" not in line
        )

    assert f"\n{words}" in text(since[1]) if words.startswith(" ") else words in text(since[1])
    assert f"\n{words}" not in text(since[1] - 1) if words.startswith(" ") else words not in text(since[1] - 1)


def test_generation_is_linear() -> None:
    """Four times the routes take about four times the work."""

    def work(count: int) -> int:
        rows = "".join(f"  - {{path: /r{i}/x, upstream: a, protocol: sse, methods: [GET]}}\n" for i in range(count))
        spec = lab.spec_of("upstreams: {a: http://127.0.0.1:1}\nroutes:\n" + rows)
        return calls(lambda: TARGET.write(spec))

    work(10)
    assert work(800) < 4.5 * work(200)


# ---- what it says ----


@pytest.mark.parametrize(
    ("protocol", "upstream"),
    [
        *((name, "http") for name in protocols() if name != "grpc"),
        *((name, "grpc") for name in ("grpc", "grpc-web", "connect")),
    ],
)
def test_aims_lie_within_the_need(protocol: str, upstream: str) -> None:
    """Every route gets what it needs."""
    spec = lab.spec_of(_route(f"path: /x, protocol: {protocol}, heartbeat: 20s", f"{upstream}://h:1"))
    aim = TARGET.write(spec).aims["x"]

    assert not shortfalls(need_of(spec.routes[0]), aim)


SHORTFALLS = {
    "max_streams": "upstream-connections-below-scale",
    "client_http_versions": {"grpc": "grpc-without-http2", "websocket": "websocket-without-http1"},
    "grpc": "grpc-without-http2",
    "upgrade": "websocket-without-http1",
}
"""Property → the finding that speaks of its shortfall, by protocol where that differs."""


@pytest.mark.parametrize("listen", ['["1.1"]', '["2"]', '["1.1", "2"]'])
@pytest.mark.parametrize("protocol", protocols())
def test_each_shortfall_is_told(protocol: str, listen: str) -> None:
    """Whatever the listener speaks and the route asks for: nothing that Envoy cannot give is passed over in silence."""
    scheme = "grpc" if protocol == "grpc" else "http"
    servers = f'["{scheme}://127.0.0.1:1", "{scheme}://127.0.0.1:2"]'
    options = (
        "retry: true", "retry: false", "idle_timeout: 60d", "max_duration: 5m",
        *([] if protocol == "websocket" else ["upload: {max_bytes: 1500000}"]),
        "auth: {by: query, name: token}", "headers: {request: {accept-encoding: null}}",
    )  # fmt: skip
    for option in options:
        for more in ("affinity: {by: cookie, name: c}", "max_connections: 1", "keepalive: 0"):
            text = _route(f"path: /x, protocol: {protocol}, {option}", f"{{servers: {servers}, {more}}}")
            spec = lab.spec_of(f"listen: {{http: {listen}}}\n{text}")
            output = TARGET.write(spec)
            told = {finding.rule for finding in output.findings}
            for name in shortfalls(need_of(spec.routes[0]), output.aims["x"]):
                rule = SHORTFALLS[name]
                assert (rule if isinstance(rule, str) else rule[protocol]) in told, (option, more, name)


def test_the_aim_follows_the_spec() -> None:
    """Timers, limits and the rest are those of the route."""
    text = "scale: {streams: 50}\n" + _route(
        "path: /x, protocol: sse, idle_timeout: 20m, max_duration: 2h, upload: {max_bytes: 2KiB}, retry: true",
        f"{{servers: {TWO_SERVERS}, affinity: {{by: cookie, name: c}}, max_connections: 10}}",
    )
    aim = lab.written(text).aims["x"]

    assert (aim.upstream_idle_timeout, aim.client_idle_timeout) == (exactly(1200.0), exactly(1200.0))
    assert aim.total_timeout == exactly(7200.0)
    assert aim.request_body_limit == exactly(2048)
    assert aim.session_affinity == exactly("cookie")
    # Clients belong to servers: if all of them to one, it is ten.
    assert aim.max_streams == Between(10, 20)
    assert aim.retries == exactly(False)
    # Over HTTP/1.1 the connection's timer, over HTTP/2 the stream's.
    assert aim.send_timeout == Between(60.0, 1200.0)
    assert aim.accept_encoding_forwarded == exactly(False)


def test_older_envoys_have_other_aims() -> None:
    """What a version cannot do is not promised for it."""
    aim = lab.written('targets: {envoy: {version: "1.37"}}\n' + ONE).aims["x"]

    assert aim.request_body_limit == exactly(FOREVER)
    assert aim.send_timeout == exactly(60.0)


VERSION = 'targets: {envoy: {version: "1.39"}}\n'
FINDINGS = [
    ("streams-per-client-not-limited", _route("path: /x, limits: {per_client: 12}"), "12"),
    ("body-not-limited", _route("path: /x, auth: {by: query, name: t}, upload: {max_bytes: 77}"), "77"),
    ("body-not-limited", VERSION + _route("path: /x, upload: {max_bytes: 77}"), "77"),
    ("body-limits-rounded", SPECS["many-limits"], None),
    ("connect-bridge-unfinished", SPECS["connect-to-grpc"], "connect"),
    ("grpc-without-http2", 'listen: {http: ["1.1"]}\n' + SPECS["grpc-to-grpc"], "grpc"),
    ("websocket-without-http1", 'listen: {http: ["2"]}\n' + SPECS["websocket"], "websocket"),
    ("upstream-connections-below-scale", SPECS["max-connections"], "7"),
    ("affinity-waits-for-its-server", SPECS["max-connections-affinity"], "7"),
    ("addresses-counted-as-one-server", _route("path: /x", '{servers: ["http://h"], max_connections: 99999}'), "99999"),
    ("idle-connections-not-counted", _route("path: /x", '{servers: ["http://h"], keepalive: 5}'), "5"),
    ("socket-beside-names", SPECS["names"], '["http://a_b.example", "http://[::1]:80", "unix:/run/a"]'),
    ("header-owned-by-the-proxy", _route("path: /x, headers: {request: {X-Envoy-Retry-On: 5xx}}"), "5xx"),
    ("header-owned-by-the-proxy", _route("path: /x, headers: {request: {Host: null}}"), "null"),
    ("header-owned-by-the-proxy", _route("path: /x, headers: {response: {host: a}}"), "a"),
    ("regex-sees-encoded-path", _route('regex: "/caf."').replace("caf.", "café"), '"/café"'),
    ("envoy-version-too-old", 'targets: {envoy: {version: "1.35"}}\n' + ONE, '"1.35"'),
    ("envoy-version-unknown", 'targets: {envoy: {version: "1.99.1"}}\n' + ONE, '"1.99.1"'),
]


@pytest.mark.parametrize(
    ("rule", "text", "words"), FINDINGS, ids=[f"{rule}-{i}" for i, (rule, _, _) in enumerate(FINDINGS)]
)
def test_what_it_cannot_do_is_a_finding_in_its_place(rule: str, text: str, words: str | None) -> None:
    """The finding points at the value that cannot be kept, and says what to write instead."""
    found = [finding for finding in lab.written(text).findings if finding.rule == rule]

    assert len(found) == 1
    span = found[0].span
    line = text.splitlines()[span.line - 1]
    assert words is None or line[span.column - 1 : span.end_column - 1] == words
    assert found[0].target == "envoy"
    assert found[0].message
    assert found[0].why


def test_an_ordinary_spec_has_no_findings() -> None:
    """Nobody is warned about what they did not write."""
    quiet = (
        "least",
        "sse",
        "ndjson",
        "websocket",
        "grpc-to-grpc",
        "grpc-web-to-grpc",
        "connect",
        "long-poll",
        "poll",
        "http",
        "tls-origin",
    )

    assert {case: lab.written(SPECS[case]).findings for case in quiet} == dict.fromkeys(quiet, ())


# ---- what it writes ----


def test_streams_have_no_total_limit_but_their_own() -> None:
    """`timeout: 0s` always; `max_stream_duration` where the spec asks for one; silence is limited as the spec says."""
    found = {case: lab.routes(lab.tree(lab.written(SPECS[case])))["x"]["route"] for case in ("sse", "durations")}

    assert found["sse"] | {"cluster": ""} == {"cluster": "", "timeout": "0s", "idle_timeout": "3600s"}
    assert found["durations"]["timeout"] == "0s"
    assert found["durations"]["idle_timeout"] == "31536000s"
    assert found["durations"]["max_stream_duration"] == {"max_stream_duration": "0.5s"}


def test_retries_only_where_stated() -> None:
    """One attempt means no retry policy anywhere; more means those that no origin can have seen."""
    streams, retried = (lab.tree(lab.written(SPECS[case])) for case in ("sse", "retry"))

    assert "retry_policy" not in yaml.safe_dump(streams)
    policy = lab.routes(retried)["x"]["route"]["retry_policy"]
    assert policy["retry_on"] == "connect-failure,refused-stream,reset-before-request"
    assert policy["num_retries"] == 3


def test_translators_run_only_where_they_must() -> None:
    """A filter that some route needs is off for all others."""
    text = (
        "upstreams: {g: grpc://h:1, a: http://h:2}\nroutes:\n"
        "  - {path: /w, upstream: g, protocol: grpc-web}\n  - {path: /c, upstream: g, protocol: connect}\n"
        "  - {path: /p, upstream: a, protocol: grpc-web}\n  - {path: /g, upstream: g, protocol: grpc}\n"
    )
    bootstrap = lab.tree(lab.written(text))
    filters = {each["name"]: each.get("disabled", False) for each in lab.managers(bootstrap)[0]["http_filters"]}
    used = {name: set(route.get("typed_per_filter_config", {})) for name, route in lab.routes(bootstrap).items()}

    assert filters == {
        "envoy.filters.http.connect_grpc_bridge": True,
        "envoy.filters.http.grpc_web": True,
        "envoy.filters.http.router": False,
    }
    assert used == {
        "w": {"envoy.filters.http.grpc_web"},
        "c": {"envoy.filters.http.connect_grpc_bridge"},
        "p": set(),
        "g": set(),
    }


def test_circuit_breakers_refuse_before_anything_waits() -> None:
    """The limit on requests is met first; beyond the one on connections a request would hang."""
    for case, requests in (("least", 11000), ("max-connections", 14), ("scale-least", 2)):
        (cluster,) = lab.clusters(lab.tree(lab.written(SPECS[case]))).values()
        for threshold in cluster["circuit_breakers"]["thresholds"]:
            assert threshold["max_requests"] == threshold["max_pending_requests"] == requests
            assert threshold["max_connections"] == 2 * requests


@pytest.mark.parametrize(
    ("value", "words"),
    [(1, "1s"), (0.25, "0.25s"), (3600.0, "3600s"), (0.0001, "0.001s"), (1.1, "1.1s"), (0.0015, "0.002s")],
)
def test_durations(value: float, words: str) -> None:
    """In whole milliseconds, and never 0, which is no timer at all."""
    assert quote.seconds(value) == words


# ---- hostile strings ----

NASTY = st.text(
    st.one_of(
        st.sampled_from("\"'\\{}[]#:&*!|>%@`-?,\n\t\r\0 \x85\u2028\ufeff\ud800$()^+."),
        st.characters(),
    ),
    max_size=12,
) | st.sampled_from(
    [
        "%REQ(:PATH)%",
        "%",
        "*a",
        "&a",
        "null",
        "true",
        "1",
        "0x1",
        "{{ x }}",
        "{% x %}",
        "a: b",
        "- a",
        "# a",
        "\U0001f600",
        "${x}",
    ]
)


@given(NASTY)
@settings(max_examples=400, deadline=None)
def test_quoting_survives_both_parsers(value: str) -> None:
    """A quoted scalar is printable ASCII on one line, and reads back as the text."""
    quoted = str(quote.text(value))
    intended = re.sub("[\ud800-\udfff]", "\ufffd", value)

    assert quoted.isascii()
    assert quoted.isprintable()
    assert yaml.safe_load(quoted) == intended
    assert yaml.safe_load(f"[{{a: {quoted}, b: 1}}]") == [{"a": intended, "b": 1}]
    assert parse(Source("x", quoted)).data == intended


HOSTILE_SPEC: dict[str, Any] = {
    "hosts": ["HOST"],
    "listen": {"tls": {"certificate": "CERTIFICATE", "key": "KEY"}},
    "upstreams": {
        "a": {"servers": ["https://127.0.0.1:1", "https://127.0.0.1:2"], "tls": {"ca": "CA", "sni": "sni.example"},
              "affinity": {"by": "cookie", "name": "COOKIE"}},
        "h": {"servers": ["http://127.0.0.1:3"], "affinity": {"by": "header", "name": "AFFINITY"}},
    },
    "routes": [
        {"path": "PATH", "upstream": "a", "protocol": "sse", "strip_prefix": True, "cors": {"origins": ["ORIGIN"]},
         "auth": {"by": "header", "name": "AUTH"},
         "headers": {"request": {"SET": "VALUE", "Host": "REWRITTEN"}, "response": {"REMOVED": None, "X-R": "ANSWER"}}},
        {"exact": "EXACT", "upstream": "h"},
        {"regex": "REGEX", "upstream": "h"},
        {"path": "/w", "upstream": "h", "protocol": "websocket", "cors": {"origins": ["ORIGIN"]}},
        {"path": "/i", "upstream": "h", "protocol": "poll", "auth": {"by": "header", "name": "AUTH"},
         "headers": {"response": {"REMOVED": None, "X-R": "ANSWER"}}},
        {"path": "/u", "upstream": "h", "protocol": "poll", "auth": {"by": "query", "name": "AUTH"}},
    ],
}  # fmt: skip
"""A word in capitals stands for a string that somebody else may have written."""

_TOKENS = st.text("abcXYZ019!#$%&'*+.^_`|~-", min_size=1, max_size=12).map(lambda text: f"x{text}")
_PRINTABLE = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Cn", "Co"), blacklist_characters="\u2028\u2029"), max_size=20
)
_SPICE = st.sampled_from(["", '"', "%REQ(:PATH)%", "\\", "'", ": ", "#", "{a: b}", "%", "$x", "*", "\U0001f600"])
_VALUES = st.builds(lambda a, b, c: f"{a}{b}{c}", _PRINTABLE, _SPICE, _PRINTABLE)
_PATHS = _VALUES.map(lambda text: "/p" + re.sub(r"[?#%/\\]", "", text) + "z")
_HOSTS = st.from_regex(r"[a-z0-9][a-z0-9_]{0,8}(\.[a-z]{2,5})?", fullmatch=True)
_FILES = _VALUES.map(lambda text: "/f" + text.replace("$", "").strip() + "f")
_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,9}", fullmatch=True)
STRINGS = {
    "HOST": _HOSTS,
    "CERTIFICATE": _FILES,
    "KEY": _FILES,
    "CA": _FILES,
    "COOKIE": _NAMES.map(lambda name: name.replace("-", "_")),
    "AFFINITY": _NAMES.map(lambda name: name.replace("_", "-")),
    "PATH": _PATHS,
    "ORIGIN": _HOSTS.map(lambda host: f"https://{host}.example:81"),
    "AUTH": _NAMES,
    "SET": _TOKENS,
    # An empty value means that the header goes.
    "VALUE": _VALUES.map(lambda text: "v" + text),
    "REWRITTEN": _VALUES.map(lambda text: "h" + text),
    "REMOVED": _TOKENS,
    "ANSWER": _VALUES.map(lambda text: "v" + text),
    "EXACT": _PATHS.map(lambda path: path + "q"),
    "REGEX": _VALUES.map(lambda text: "/r" + re.sub(r"([^A-Za-z0-9])", r"\\\1", text)),
}


def _filled(node: Any, strings: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {strings.get(key, key): _filled(value, strings) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, strings) for value in node]
    return strings.get(node, node) if isinstance(node, str) else node


def _shape(node: Any) -> Any:
    """A document without its scalars."""
    if isinstance(node, dict):
        return {key: _shape(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_shape(value) for value in node]
    return type(node)


def _output(strings: dict[str, str]) -> Any:
    # Half characters, which YAML cannot hold, do not get this far; all else is written as the escapes that YAML has.
    return lab.tree(lab.written(yaml.safe_dump(_filled(HOSTILE_SPEC, strings), allow_unicode=False)))


def _path_match(path: str, exact: bool) -> dict[str, Any]:
    sent = quote.path(path)
    if "%" in sent:
        pattern = quote.either_case(quote.pattern(sent))
        return {"safe_regex": {"regex": pattern if exact else pattern + "(/.*)?"}}
    return {"path" if exact else "path_separated_prefix": sent}


@given(st.fixed_dictionaries(STRINGS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_a_string_stays_the_value_it_is(strings: dict[str, str]) -> None:
    """Whatever the strings, the document has the shape of its harmless twin, and they stand where they belong, whole."""
    try:
        found = _output(strings)
    except InvalidInput:
        return
    harmless = {name: "/pp" if name in ("PATH", "EXACT", "REGEX") else "x" for name in STRINGS}
    harmless |= {"ORIGIN": "https://x.example:81", "EXACT": "/e", "AUTH": "x_x" if _underscored(strings) else "x"}
    harmless |= {name: "/é" + name for name in ("PATH", "EXACT") if "%" in quote.path(strings[name])}
    twin = _output(harmless)

    assert _shape(found) == _shape(twin)
    manager = lab.managers(found)[0]
    host, _any_other = manager["route_config"]["virtual_hosts"]
    by_name = lab.routes(found)
    first = next(route for route in by_name.values() if route["route"]["cluster"] == "a")
    assert host["domains"] == [strings["HOST"]]
    tls = found["static_resources"]["listeners"][0]["filter_chains"][0]["transport_socket"]["typed_config"][
        "common_tls_context"
    ]
    assert tls["tls_certificates"] == [
        {"certificate_chain": {"filename": strings["CERTIFICATE"]}, "private_key": {"filename": strings["KEY"]}}
    ]
    context = lab.clusters(found)["a"]["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]
    assert context["trusted_ca"] == {"filename": strings["CA"]}
    assert first["match"] == _path_match(strings["PATH"].rstrip("/"), exact=False)
    assert first["route"]["host_rewrite_literal"] == strings["REWRITTEN"]
    assert first["route"]["hash_policy"][0]["cookie"]["name"] == strings["COOKIE"]
    sets = [(each["header"]["key"], each["header"]["value"]) for each in first["request_headers_to_add"]]
    assert sets == [(strings["SET"], strings["VALUE"].replace("%", "%%"))]
    answers = [(each["header"]["key"], each["header"]["value"]) for each in first["response_headers_to_add"]]
    assert answers[0] == ("X-R", strings["ANSWER"].replace("%", "%%"))
    assert strings["REMOVED"] in first["response_headers_to_remove"]
    policy = first["typed_per_filter_config"]["envoy.filters.http.cors"]
    assert policy["allow_origin_string_match"] == [{"exact": strings["ORIGIN"]}]
    assert strings["AUTH"].lower() in policy["allow_headers"].split(", ")
    matches = [route["match"] for route in by_name.values()]
    assert _path_match(strings["EXACT"], exact=True) in matches
    assert {"safe_regex": {"regex": strings["REGEX"]}} in matches
    # The script is the same whatever the strings; they are data of their routes.
    assert _script(found) == _script(twin)
    notes = {name: by_name[name]["metadata"]["filter_metadata"]["poll_cache"] for name in ("i", "u")}
    assert notes["i"]["header"] == notes["u"]["argument"] == strings["AUTH"].lower()
    (mutations,) = (by_name["i"]["typed_per_filter_config"]["poll_headers"]["mutations"]["response_mutations"],)
    assert mutations[0]["append"]["header"] == {"key": "X-R", "value": strings["ANSWER"].replace("%", "%%")}
    assert mutations[1] == {"remove": strings["REMOVED"]}


def _script(bootstrap: Any) -> Any:
    return next(each for each in lab.managers(bootstrap)[0]["http_filters"] if each["name"] == "poll_cache")


def _underscored(strings: dict[str, str]) -> bool:
    return "_" in strings["AUTH"]


def _raw_spec(field: str, text: str) -> dict[str, Any]:
    """A spec with the text in one of the fields that take few characters, whatever the text is; harmless values in the others."""
    values = RAW | {field: text}
    return {
        "hosts": [values["host"]],
        "trusted_proxies": [values["network"]],
        "upstreams": {
            values["upstream"]: {"servers": [f"http://{values['server']}:1"], "affinity": {"by": "hash", "name": values["argument"]}},
            "socket": {"servers": [f"unix:/{values['socket']}"]},
            "secure": {"servers": ["https://10.0.0.3:3"], "tls": {"sni": values["sni"]}},
            "sticky": {"servers": ["http://10.0.0.1:1", "http://10.0.0.2:1"], "affinity": {"by": "cookie", "name": values["cookie"]}},
            "pinned": {"servers": ["http://10.0.0.4:1", "http://10.0.0.5:1"], "affinity": {"by": "header", "name": values["header"]}},
        },
        "routes": [
            {"path": "/a", "upstream": values["upstream"], "auth": {"by": "header", "name": values["auth"]},
             "cors": {"origins": [values["origin"]]}},
            {"path": f"/{values['strip']}/b", "upstream": "socket", "strip_prefix": f"/{values['strip']}"},
            {"path": "/c", "upstream": "secure"},
            {"path": "/d", "upstream": "sticky"},
            {"path": "/e", "upstream": "pinned", "headers": {"response": {values["name"]: "x"}}},
        ],
    }  # fmt: skip


RAW = {
    "host": "a.example", "network": "10.0.0.0/8", "upstream": "main", "server": "one.example", "argument": "room", "socket": "run.sock",
    "sni": "o.example", "cookie": "sid", "header": "X-Session", "auth": "X-Key", "origin": "https://w.example", "strip": "v1", "name": "X-Out",
}  # fmt: skip
"""Field → a harmless value."""
_ODD = st.text("ab1-_.:/@+~*[]()=&;,|!#%$^`'\"{}<>\\ \n\t\0é", min_size=1, max_size=10)


@pytest.mark.parametrize("field", RAW)
@given(raw=st.one_of(NASTY, _ODD, st.text("ab1-_.@+~", min_size=1, max_size=8)), around=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_in_any_field_is_refused_or_stays_a_value(field: str, raw: str, around: bool) -> None:
    """The document has the shape that it has with a harmless value there: no scalar of it has become a field, a list or another type."""
    text = f"{RAW[field]}{raw}" if around else raw
    try:
        found = lab.tree(lab.written(yaml.safe_dump(_raw_spec(field, text), allow_unicode=False)))
    except (InvalidInput, UnicodeEncodeError):
        return
    # Addresses and wildcards mean something, and what they mean has another shape: nothing else can stand in them.
    if re.fullmatch(r"[0-9a-fA-F:.\[\]]*|\*.*|10\.0\.0\.0/8[0-9./]*", text):
        return
    harmless = {"auth": "X_Key" if "_" in text else "X-Key", "strip": "é" if "%" in quote.path(f"/{text}") else "v1"}
    twin = lab.tree(lab.written(yaml.safe_dump(_raw_spec(field, harmless.get(field, RAW[field])))))

    assert _shape(found) == _shape(twin)


@pytest.mark.engine
def test_envoy_reads_hostile_strings_as_they_are(tmp_path: Path) -> None:
    """What Envoy prints of its config is what the spec said, character by character."""
    make_authority(tmp_path)
    odd = {name: tmp_path / f'{name} "%\\ \U0001f600: {{#}}.pem' for name in ("cert", "key")}
    for name, file in odd.items():
        (tmp_path / f"{name}.pem").rename(file)
    values = [
        '"',
        "\\",
        "%",
        "%%",
        "%REQ(:PATH)%",
        "a: b",
        "#",
        "{x}",
        "é\U0001f600",
        "'",
        "*x",
        "null",
        " x ",
        "\\u0041",
    ]
    port, admin = free_ports(2)
    spec = {
        "listen": {"port": port, "tls": {"certificate": str(odd["cert"]), "key": str(odd["key"])}},
        "upstreams": {"a": "http://127.0.0.1:1"},
        "routes": [
            {
                "path": "/x",
                "upstream": "a",
                "headers": {"request": {f"x-{i:02}": value for i, value in enumerate(values)}},
            }
        ],
    }
    text = lab.written(yaml.safe_dump(spec)).files["envoy.yaml"]

    with lab.running(text, port, admin) as envoy:
        dumped = envoy.understood()

    (listener,) = (config["listener"] for config in dumped["configs"])
    chain = listener["filter_chains"][0]
    _refusal, route = chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"][0]["routes"]
    assert [each["header"]["value"].replace("%%", "%") for each in route["request_headers_to_add"]] == values
    context = chain["transport_socket"]["typed_config"]["common_tls_context"]
    assert context["tls_certificates"][0]["certificate_chain"]["filename"] == str(odd["cert"])


def test_a_forgotten_filter_fails() -> None:
    """The templates cannot print text that no quoting filter has seen."""
    loaded = environment("envoy", {"q": quote.text, "s": quote.seconds, "comment": quote.comment})

    assert {"q", "s", "comment"} <= set(loaded.filters)
    with pytest.raises(Exception, match="without a quoting filter"):
        loaded.from_string("{{ x }}").render(x="a")


# ---- on the real Envoy ----

LIVE = """
listen: {{port: {port}}}
hosts: [localhost, "*.example"]
scale: {{streams: 20}}
trusted_proxies: ["127.0.0.2/32", "10.0.0.0/8"]
upstreams:
  a: http://127.0.0.1:{origin}
  few: {{servers: ["http://127.0.0.1:{origin}"], max_connections: 2}}
  half:
    servers: ["http://127.0.0.1:{nobody}", "http://127.0.0.1:{origin}"]
    affinity: {{by: cookie, name: sid}}
routes:
  - path: /api
    upstream: a
    strip_prefix: true
    methods: [GET, POST]
    upload: {{max_bytes: 1000}}
    headers:
      request: {{X-Set: "50% %REQ(:PATH)%", X-Gone: null, Host: inner}}
      response: {{X-Answer: "100%"}}
  - path: /sse
    upstream: a
    protocol: sse
    cors: {{origins: ["https://ok.example"]}}
    auth: {{by: query, name: token}}
    upload: {{max_bytes: 1000}}
  - {{path: /plain, upstream: a}}
  - {{path: "/café", upstream: a, headers: {{request: {{X-Real-IP: "mine"}}}}}}
  - {{path: /ws, upstream: a, protocol: websocket, cors: {{origins: ["https://ok.example"]}}}}
  - {{path: /rate, upstream: a, limits: {{rate: 1/m, burst: 1}}}}
  - {{path: /quick, upstream: a, protocol: sse, idle_timeout: 400ms}}
  - {{path: /short, upstream: a, protocol: sse, max_duration: 400ms}}
  - {{path: /few, upstream: few, protocol: sse}}
  - {{path: /half, upstream: half, retry: true}}
  - path: /poll
    upstream: a
    protocol: poll
    cache: 1h
    cors: {{origins: ["https://ok.example"]}}
    limits: {{rate: 1000000, burst: 1000000}}
    headers: {{response: {{Cache-Control: no-store, X-Answer: "100%", X-Gone: null}}}}
  - {{path: /poll-short, upstream: a, protocol: poll, cache: 100ms}}
  - {{path: /poll-query, upstream: a, protocol: poll, auth: {{by: query, name: Access-Token}}, cache: 1h}}
  - {{path: /poll-header, upstream: a, protocol: poll, auth: {{by: header, name: X-My}}, cache: 1h}}
"""
UPGRADE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]


@pytest.fixture(scope="module")
def live() -> Iterator[tuple[lab.Running, list[str]]]:
    """One Envoy on one config, and an origin; the paths that the origin saw."""
    lab.binary()
    port, admin, origin, nobody = free_ports(4)
    text = lab.written(LIVE.format(port=port, origin=origin, nobody=nobody)).files["envoy.yaml"]
    with lab.origin(origin) as seen, lab.running(text, port, admin) as envoy:
        yield envoy, seen


def _got(answer: tuple[int, dict[str, str], Any]) -> dict[str, str]:
    assert answer[0] == 200, answer
    return dict(answer[2]["headers"])


@pytest.mark.engine
class TestLive:
    """Claims about Envoy that are not obvious, shown on it."""

    def test_a_stranger_cannot_say_who_it_is(self, live: tuple[lab.Running, list[str]]) -> None:
        """Forwarded headers of an untrusted peer are replaced, and headers that command Envoy do nothing."""
        lies = [
            ("X-Forwarded-For", "6.6.6.6"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil"),
            ("X-Forwarded-Port", "1"),
            ("X-Real-IP", "6.6.6.6"),
            ("Forwarded", "for=6.6.6.6"),
            ("X-Request-ID", "mine"),
            ("X_Forwarded_For", "6.6.6.6"),
            ("X-Envoy-Retry-On", "5xx"),
        ]
        got = _got(live[0].ask("/plain", lies))

        assert got["x-forwarded-for"] == got["x-real-ip"] == "127.0.0.1"
        assert got["x-forwarded-proto"] == "http"
        assert got["x-forwarded-host"] == "localhost"
        assert got["x-request-id"] != "mine"
        assert not {"forwarded", "x-forwarded-port", "x_forwarded_for"} & set(got)
        assert not [name for name in got if name.startswith("x-envoy")]

    def test_a_trusted_proxy_is_believed(self, live: tuple[lab.Running, list[str]]) -> None:
        """Its chain goes on, its own address added; the client is the last address that is no proxy."""
        chain = [("X-Forwarded-For", "6.6.6.6, 8.8.8.8, 10.1.2.3"), ("X-Forwarded-Proto", "https")]
        got = _got(live[0].ask("/plain", chain, peer="127.0.0.2"))

        assert re.split(", ?", got["x-forwarded-for"]) == ["6.6.6.6", "8.8.8.8", "10.1.2.3", "127.0.0.2"]
        assert got["x-real-ip"] == "8.8.8.8"
        assert got["x-forwarded-proto"] == "https"
        assert got["x-forwarded-host"] == "localhost"
        told = [("X-Forwarded-Host", "public.example"), ("X-Request-ID", "from-the-edge")]
        got = _got(live[0].ask("/plain", told, peer="127.0.0.2"))
        assert (got["x-forwarded-host"], got["x-request-id"]) == ("public.example", "from-the-edge")

    def test_a_path_that_means_two_things_is_refused(self, live: tuple[lab.Running, list[str]]) -> None:
        """Whatever route it would have been for; what only looks so is served."""
        for target in UNCLEAR:
            status, _, told = live[0].ask(target.replace("/ws", "/plain"))
            if target.split("/x")[0] in ("/ws/..;", "/ws/..;x=1", "/ws/.;"):
                # To Envoy they are dot segments, gone before a route is chosen.
                assert (status, told.get("path")) == ((200, "/plain/x") if target == "/ws/.;/x" else (404, None))
            else:
                assert (status, told["error"]["reason"]) == (400, reasons.UNCLEAR_PATH), target
        for target in CLEAR:
            path = target.replace("/ws", "/plain")
            status, _, told = live[0].ask(path)
            assert (status, told["path"]) == (200, path)

    @pytest.mark.parametrize("peer", ["127.0.0.1", "127.0.0.2"])
    @pytest.mark.parametrize("name", ["x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-stream-duration-ms"])
    def test_no_client_ends_a_stream_by_header(self, live: tuple[lab.Running, list[str]], name: str, peer: str) -> None:
        """Not even through a trusted proxy."""
        with pytest.raises(TimeoutError):
            live[0].ask("/sse/hold", [(name, "50")], peer=peer, within=0.4)

    def test_paths_and_headers_are_rewritten(self, live: tuple[lab.Running, list[str]]) -> None:
        """The prefix goes, the query stays, and values arrive letter by letter."""
        for path, inner in (
            ("/api", "/"),
            ("/api/", "/"),
            ("/api/x?q=/api", "/x?q=/api"),
            ("/api//y/../x", "/x"),
            ("/%61pi/x", "/x"),
        ):
            status, headers, told = live[0].ask(path, [("X-Gone", "1"), ("X-Set", "mine")], host="localhost:80")
            got = dict(told["headers"])

            assert (status, told["path"]) == (200, inner)
            assert got["x-set"] == "50% %REQ(:PATH)%"
            assert (got["host"], got["x-forwarded-host"]) == ("inner", "localhost:80")
            assert "x-gone" not in got
            assert headers["x-answer"] == "100%"

    def test_encoded_paths_match_in_either_case(self, live: tuple[lab.Running, list[str]]) -> None:
        """One path, however a client encodes it; segments stay segments; escaped slashes are refused."""
        statuses = [
            live[0].ask(path)[0] for path in ("/caf%C3%A9", "/caf%c3%a9/x", "/caf%C3%A9x", "/plain/a%2Fb", "/plainx")
        ]

        assert statuses == [200, 200, 404, 400, 404]

    def test_the_spec_has_the_last_word_on_headers(self, live: tuple[lab.Running, list[str]]) -> None:
        """Also on those that every route sets."""
        assert _got(live[0].ask("/caf%C3%A9"))["x-real-ip"] == "mine"

    def test_methods_and_hosts_outside_the_spec_are_refused(self, live: tuple[lab.Running, list[str]]) -> None:
        """405 with what is allowed, 404 for hosts and paths that are not there: in JSON."""
        envoy = live[0]
        status, headers, told = envoy.ask("/api", method="DELETE")

        assert (status, headers["allow"]) == (405, "GET, POST, HEAD")
        assert (told["error"]["status"], told["error"]["reason"]) == (405, reasons.METHOD)
        assert [envoy.ask("/api", method=method)[0] for method in ("HEAD", "POST")] == [200, 200]
        found = [
            envoy.ask("/plain", host=host)[0]
            for host in ("LOCALHOST:1", "a.example", "a.b.example.", "example", "other")
        ]
        assert found == [200, 200, 200, 404, 404]
        assert envoy.ask("/none")[2]["error"]["reason"] == "NoRouteFound"
        assert envoy.ask("/plain", host="other")[2]["error"]["reason"] == reasons.UNKNOWN_HOST

    def test_bodies_are_limited(self, live: tuple[lab.Running, list[str]]) -> None:
        """To the byte."""
        assert [live[0].ask("/api", method="POST", body=b"x" * size)[0] for size in (1000, 1001)] == [200, 413]

    def test_preflights_are_answered(self, live: tuple[lab.Running, list[str]]) -> None:
        """With the headers that the browser asked for, for the origins of the spec alone; the application has no say."""
        asked = [("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "x-any")]
        envoy, seen = live
        seen.clear()
        allowed = envoy.ask("/sse", [("Origin", "https://ok.example"), *asked], method="OPTIONS")[1]
        refused = envoy.ask("/sse", [("Origin", "https://evil.example"), *asked], method="OPTIONS")[1]

        assert allowed["access-control-allow-origin"] == "https://ok.example"
        assert allowed["access-control-allow-headers"] == "x-any"
        assert allowed["access-control-allow-credentials"] == "true"
        assert "access-control-allow-origin" not in refused
        assert not seen
        answer = envoy.ask("/sse", [("Origin", "https://evil.example")])[1]
        assert "access-control-allow-origin" not in answer
        assert answer["vary"] == "Origin"
        assert (
            envoy.ask("/sse", [("Origin", "https://ok.example")])[1]["access-control-allow-origin"]
            == "https://ok.example"
        )

    def test_sockets_open_only_where_they_should(self, live: tuple[lab.Running, list[str]]) -> None:
        """On the route, for its web origins and for clients that are no browsers; and no other upgrade at all."""
        envoy = live[0]
        origins = [
            envoy.ask("/ws", [*UPGRADE, ("Origin", each)])[0]
            for each in ("https://ok.example", "https://evil.example", "null")
        ]

        assert origins == [101, 403, 403]
        assert envoy.ask("/ws", UPGRADE)[0] == 101
        assert envoy.ask("/sse", UPGRADE)[0] == 403
        assert envoy.ask("/ws", [("Connection", "Upgrade"), ("Upgrade", "other")])[0] == 403

    def test_rates_are_counted_by_address(self, live: tuple[lab.Running, list[str]]) -> None:
        """The burst and one, then 429; another address has its own. gRPC clients are told in their own way."""
        envoy = live[0]

        assert [envoy.ask("/rate")[0] for _ in range(3)] == [200, 200, 429]
        assert envoy.ask("/rate", [("X-Forwarded-For", "9.9.9.9")], peer="127.0.0.2")[0] == 200
        status, headers, _ = envoy.ask("/rate", [("Content-Type", "application/grpc")])
        assert (status, headers["grpc-status"]) == (200, "8")
        assert headers["grpc-message"].startswith("answered by the proxy")

    def test_silence_and_age_end_a_stream(self, live: tuple[lab.Running, list[str]]) -> None:
        """When the spec says, and with JSON where no answer has begun."""
        for path in ("/quick/hold", "/short/hold"):
            start = time.monotonic()
            status, _, told = live[0].ask(path)

            assert status == told["error"]["status"] == 504
            assert 0.35 < time.monotonic() - start < 2

    def test_what_is_too_much_is_refused_at_once(self, live: tuple[lab.Running, list[str]]) -> None:
        """Beyond the upstream's connections a stream gets 503, and none waits without a word."""
        envoy = live[0]
        first = [_Held(envoy) for _ in range(2)]
        try:
            status, _, told = envoy.ask("/few")
            assert (status, told["error"]["reason"]) == (503, "UpstreamOverflow")
        finally:
            for held in first:
                held.close()

    def test_nothing_is_sent_twice(self, live: tuple[lab.Running, list[str]]) -> None:
        """A server that is away costs no request; one that drops a request does not get it again, nor does another one."""
        envoy, seen = live
        statuses = {envoy.ask("/half/x")[0] for _ in range(12)}
        seen.clear()
        dropped = [envoy.ask("/half/drop", method=method)[0] for method in ("GET", "POST")]

        assert statuses == {200}
        assert dropped == [503, 503]
        assert seen == ["/half/drop"] * 2
        cookie = envoy.ask("/half/x")[1]["set-cookie"]
        assert re.fullmatch(r'sid="\w+"; Path=/; SameSite=Lax; HttpOnly', cookie)

    def test_no_log_keeps_a_query(self, live: tuple[lab.Running, list[str]]) -> None:
        """Neither the access log nor Envoy's own, also where it refuses a request."""
        envoy = live[0]
        envoy.ask("/sse/x?token=s3cr3t")
        envoy.ask("/sse/x?token=s3cr3t", method="POST", body=b"x" * 2000)
        envoy.ask("/api/x?token=s3cr3t")
        envoy.ask("/none?token=s3cr3t")
        envoy.ask("/sse?token=s3cr3t", UPGRADE)
        # The path that the client asked for, not the one that the origin got.
        expected = {"/sse/x", "/api/x", "/none", "/sse"}
        end = time.monotonic() + 3
        while not expected <= (ended := _ended(log := envoy.log.read_text())) and time.monotonic() < end:
            time.sleep(0.05)

        assert expected <= ended
        assert "s3cr3t" not in log

    # ---- the cache of polls ----

    def test_polls_share_an_answer(self, live: tuple[lab.Running, list[str]]) -> None:
        """With the origin's headers and the route's own, once each; HEAD too; and 304 for a client that has it."""
        envoy, seen = live
        path = "/poll/shared?h-ETag=%22e%22&h-X-Gone=1&h-Date=yesterday&h-Vary=Accept-Encoding"
        web = [("Origin", "https://ok.example")]
        first, second = (envoy.ask(path, web) for _ in range(2))

        assert seen.count(path) == 1
        assert (first[0], second[0], first[2]) == (200, 200, second[2])
        assert first[1] | {"age": "0"} == second[1]
        assert second[1]["vary"] == "Accept-Encoding,Origin"
        assert second[1]["access-control-allow-origin"] == "https://ok.example"
        assert second[1]["cache-control"] == "no-store"
        assert "x-gone" not in second[1]
        assert envoy.ask(path, web, method="HEAD")[0] == 200
        assert [envoy.ask(path, [*web, ("If-None-Match", tag)])[0] for tag in ('W/"o", "e"', '"o"')] == [304, 200]
        assert envoy.ask(path, [*web, ("Cache-Control", "no-cache")])[0] == 200
        assert seen.count(path) == 1

    @pytest.mark.parametrize("name", [*CREDENTIALS, "Range", "If-Range", "If-Match", "If-Unmodified-Since"])
    def test_a_request_of_ones_own_is_not_shared(self, live: tuple[lab.Running, list[str]], name: str) -> None:
        """Neither from the store nor into it, also with a credential of 0."""
        envoy, seen = live
        path = f"/poll/own-{name}"
        for headers in ([(name, "0")], [(name, "0")], [], [], [(name, "0")]):
            assert envoy.ask(path, headers)[0] == 200

        assert seen.count(path) == 4

    def test_the_credential_of_the_spec_counts(self, live: tuple[lab.Running, list[str]]) -> None:
        """As an argument of either case and as a header; one that only looks like it does not."""
        envoy, seen = live
        asked = {
            "/poll-query/x?access-token=0": (), "/poll-query/x?a=b&Access-Token=x": (), "/poll-query/x?my-access-token=x": (),
            "/poll-header/x": (("X-My", "0"),),
        }  # fmt: skip
        for path, headers in asked.items():
            for _ in range(3):
                envoy.ask(path, list(headers))

        assert [seen.count(path) for path in asked] == [3, 3, 1, 3]

    @pytest.mark.parametrize(
        "answer",
        ["Set-Cookie=a", "Cache-Control=no-store", "Cache-Control=Private", "Cache-Control=max-age%3D0", "Expires=0",
         "X-Accel-Expires=0", "Vary=*", "large"],
    )  # fmt: skip
    def test_an_answer_for_one_is_not_shared(self, live: tuple[lab.Running, list[str]], answer: str) -> None:
        """The origin says so, or it is too large."""
        envoy, seen = live
        path = "/poll/large" if answer == "large" else f"/poll/one?h-{answer}"
        for _ in range(3):
            assert envoy.ask(path)[0] == 200

        assert seen.count(path) == 3

    def test_variants_are_kept_apart(self, live: tuple[lab.Running, list[str]]) -> None:
        """By the headers that the answer names, by host and by web origin."""
        envoy, seen = live
        path = "/poll/varied?h-Vary=X-Lang"
        told = [
            dict(envoy.ask(path, [("X-Lang", lang)])[2]["headers"])["x-lang"] for lang in ("de", "de", "en", "de", "en")
        ]

        assert told == ["de", "de", "en", "de", "en"]
        # The first one teaches what the answer varies by.
        assert seen.count(path) == 3
        for host, headers in (("a.example", []), ("localhost", []), ("localhost", [("Origin", "https://o.example")])):
            for _ in range(2):
                envoy.ask("/poll/hosts", headers, host=host)
        assert seen.count("/poll/hosts") == 3

    def test_one_poll_fetches_what_has_expired(self, live: tuple[lab.Running, list[str]]) -> None:
        """The others get the old answer meanwhile; and where that fetch hangs, another one follows after a second."""
        envoy, seen = live
        path = "/poll-short/second-hangs"
        assert envoy.ask(path)[0] == 200
        # Past its 100 ms.
        time.sleep(0.2)
        hanging = _Held(envoy, path)
        try:
            assert [envoy.ask(path)[0] for _ in range(3)] == [200] * 3
            assert seen.count(path) == 2
            time.sleep(facts.CACHE_FETCH)
            assert envoy.ask(path)[0] == 200
            assert seen.count(path) == 3
        finally:
            hanging.close()

    def test_the_oldest_answers_go(self, live: tuple[lab.Running, list[str]]) -> None:
        """The store is bounded, whatever clients ask for."""
        envoy, seen = live
        paths = [f"/poll/many-{i}" for i in range(facts.CACHE_ANSWERS + 1)]
        for path in (*paths, paths[-1], paths[0]):
            assert envoy.ask(path)[0] == 200

        assert (seen.count(paths[-1]), seen.count(paths[0])) == (1, 2)

    def test_a_fetch_that_breaks_off_is_not_kept(self, live: tuple[lab.Running, list[str]]) -> None:
        """Nor is anything of a client that left; and the script has failed nowhere."""
        envoy, seen = live
        for _ in range(2):
            with pytest.raises(http.client.IncompleteRead):
                envoy.ask("/poll/half")
        assert seen.count("/poll/half") == 2
        _Held(envoy, "/poll/hold").close()
        assert envoy.ask("/poll/after")[0] == 200
        assert "script log" not in envoy.log.read_text()


def _ended(log: str) -> set[str]:
    """The paths of exchanges that the access log shows as over."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
    return {line["path"] for line in lines if line["event"] == "DownstreamEnd"}


class _Held:
    """A stream that the origin holds open."""

    def __init__(self, envoy: lab.Running, path: str = "/few/hold") -> None:
        self.socket = socket.create_connection(("127.0.0.1", envoy.port), 5)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        # The stream counts from the moment when the origin has it.
        time.sleep(0.15)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def test_both_families_are_served_and_told_apart(self) -> None:
        """`::` means IPv4 too, whose clients keep their own addresses; one address means that one alone."""
        lab.binary()
        need_ipv6()
        port, admin, origin = free_ports(3)
        with lab.origin(origin):
            for address, peers in (("::", {"127.0.0.1", "::1"}), ("::1", {"::1"}), ("127.0.0.1", {"127.0.0.1"})):
                spec = (
                    f"listen: {{address: '{address}', port: {port}}}\nupstreams: {{a: 'http://127.0.0.1:{origin}'}}\n"
                )
                text = lab.written(spec + "routes: [{path: /, upstream: a}]\n").files["envoy.yaml"]
                with lab.running(text, port, admin, at=min(peers)):
                    assert lab.seen_from(port) == peers
