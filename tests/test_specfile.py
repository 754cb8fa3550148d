"""From YAML to a settled spec: every field of the contract, every default, every mistake."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from proxycfg import specfile, yamldoc
from proxycfg.behavior import FOREVER
from proxycfg.errors import MAX_PROBLEMS, InvalidInput
from proxycfg.protocols import protocols
from proxycfg.source import Source
from tests.bad_specs import BAD, CASES, told
from tests.specs import ROUTES, UPSTREAMS, load, route, with_top, with_upstream
from tests.specs import told as told_of
from tests.work import calls

# ---- mistakes ----


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_word_for_word(case: str) -> None:
    """Exit code 2, nothing on standard output, and on standard error what was reviewed: place, message, line, remedy."""
    expected = (BAD / case / "expected.txt").read_text()

    assert (2, "", expected) == told(case)


@pytest.mark.parametrize("case", CASES)
def test_every_mistake_has_a_remedy(case: str) -> None:
    """One line says what to write instead; none of it is pydantic's or PyYAML's own English."""
    said = (BAD / case / "expected.txt").read_text()
    lines = said.splitlines()

    assert 1 <= sum(line.startswith("routes.yaml:") for line in lines) == sum(line.startswith("  = ") for line in lines)
    assert not any(
        jargon in said
        for jargon in ("nput should", "alue error", "dict", "NoneType", "str type", "while parsing", "flow")
    )


def test_every_kind_of_mistake_has_a_case() -> None:
    """The shelf is not emptied by accident."""
    assert len(CASES) >= 150
    assert {path.name for path in BAD.iterdir()} == set(CASES)


def test_mistakes_beyond_a_hundred_are_not_listed() -> None:
    """A file of another kind does not fill the screen."""
    text = UPSTREAMS + "routes:\n" + "".join(f"- {{path: events/{i}, upstream: api}}\n" for i in range(500))
    found = told_of(text)

    assert MAX_PROBLEMS == len(found)
    assert "3:10: `path` must start with /" == found[0]


def test_unknown_upstreams_beyond_a_hundred_are_not_listed() -> None:
    """Neither are those that are found late."""
    assert MAX_PROBLEMS == len(
        told_of(UPSTREAMS + "routes:\n" + "".join(f"- {{path: /{i}, upstream: x}}\n" for i in range(500)))
    )


def test_one_run_tells_everything() -> None:
    """A misspelt field does not hide a collision, nor an upstream that is not there, elsewhere in the file."""
    text = """\
upstreams: {api: 'http://api:8000', broken: 'ftp://x'}
routes:
  - {path: /a, protocol: ssse, upstream: api}
  - {path: /b, upstream: apl}
  - {path: /c, upstream: broken}
  - {path: /d, upstream: api}
  - {path: /d, upstream: api}
listn: {}
"""
    expected = [
        "1:45: `broken` must be a URL",
        "3:26: `protocol` cannot be `ssse`",
        "4:26: there is no upstream named `apl`",
        "7:12: this route collides with the one on line 6: both match /d on any host",
        "8:1: unknown field `listn`",
    ]

    assert expected == told_of(text)


def test_a_broken_default_hides_nothing() -> None:
    """What is wrong with the routes is told beside what is wrong in `defaults`, and no route is blamed for that."""
    text = """\
upstreams: {api: 'http://api:8000', agents: 'grpc://agents:1'}
defaults: {heartbeat: 5 s, path: /x, cache: 1s}
routes:
  - {path: /a, upstream: apl}
  - {path: /b, upstream: api, protocol: grpc}
  - {path: /c, upstream: api, protocol: pol}
"""
    expected = [
        "2:23: `5 s` is not a duration",
        "2:28: unknown field `path`",
        "4:26: there is no upstream named `apl`",
        "5:41: gRPC needs HTTP/2 towards the origin, but upstream `api` (http://api:8000) speaks HTTP/1.1",
        "6:41: `protocol` cannot be `pol`",
    ]
    by_the_default = text.replace("heartbeat: 5 s", "protocol: grcp").replace(
        "/b, upstream: api, protocol: grpc", "/b, upstream: agents"
    )

    assert expected == told_of(text)
    assert "`protocol` cannot be `grcp`" in told_of(by_the_default)[0]
    assert not [line for line in told_of(by_the_default) if line.startswith("5:")]


def test_a_broken_upstream_is_told_once() -> None:
    """The routes that use it, by themselves or through `defaults`, are not blamed for it."""
    text = "upstreams: {api: 'ftp://x', b: 'http://b'}\ndefaults: {upstream: api}\n"
    text += "routes: [{path: /a}, {path: /b, upstream: api}, {path: /c, upstream: }]\n"

    assert ["1:18: `api` must be a URL"] == told_of(text)


def test_what_defaults_say_wrongly_is_told_once() -> None:
    """Not once for each of the routes."""
    text = UPSTREAMS + "defaults: {cache: 1s, upstream: apl}\nroutes: [{path: /a}, {path: /b}, {path: /c}]\n"

    assert ["2:33: there is no upstream named `apl`"] == told_of(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("routes: [{path: /a, upstream: api, retry: []}]", "`retry` must be true or false, or a mapping, not a list"),
        ("routes: [{path: /a, upstream: [api]}]", "`upstream` must be text, not a list"),
        ("routes: [{path: [a], upstream: api}]", "`path` must be text, not a list"),
        ("routes: [{path: , upstream: api}]", "the route has no path"),
        ("routes: [[]]", "item 1 of `routes` must be a mapping, not a list"),
        ("routes: [null]", "item 1 of `routes` has no value"),
        ("routes: [{path: /a, upstream: api, methods: []}]", "`methods` must not be empty"),
        ("routes: [{path: /a, upstream: api, heartbeat: {}}]", "`heartbeat` must be a duration such as 30s, 5m or 1h"),
        ("routes: [{path: /a, upstream: api, limits: {rate: }}]", ""),
        (f"routes: [{{path: /{'a' * 3000}, upstream: api}}]", "`path` must hold at most 2048 characters"),
        (f"routes: [{{path: /a, upstream: {'x' * 3000}}}]", f"there is no upstream named `{'x' * 60}…`"),
        (f"{'x' * 1000}: 1\n{ROUTES}", f"unknown field `{'x' * 60}…`"),
        ("routes: [{path: /a, upstream: api, auth: {by: , name: a}}]", "`by` has no value"),
        ("routes: [{path: /a, upstream: api, headers: {request: {'': a}}}]", "not the text ``"),
        (f"routes: [{{path: /a, upstream: api, headers: {{request: {{{'x' * 200}: a}}}}}}]", "must hold at most 128 characters"),
        ("routes: [{path: /a, upstream: api, cors: {origins: []}}]", "`origins` must not be empty"),
        ("routes: [{path: /a, upstream: api, upload: {max_bytes: 1e400}}]", "`max_bytes` must be a whole number of bytes"),
    ],
)  # fmt: skip
def test_every_value_of_the_wrong_kind_is_named(text: str, said: str) -> None:
    """By field or by place in its list, never by a type of Python; long values are cut."""
    found = told_of(UPSTREAMS + text)

    assert said in (found[0] if found else "")
    assert len(found) == bool(said)
    assert all(len(line) < 200 for line in found)


def test_a_fault_in_a_file_is_in_the_file_that_was_named() -> None:
    """The name is the one that the user gave, folders and all."""
    with pytest.raises(InvalidInput) as caught:
        specfile.load(Source("a/b/c.yaml", "routes: []\n"))

    assert {"a/b/c.yaml"} == {problem.span.file for problem in caught.value.problems}


# ---- the contract's fields, in each of its spellings ----


@pytest.mark.parametrize(
    "text",
    [
        "version: 1", "hosts: [chat.example.com]", "hosts: ['*.example.com', a.example.com]",
        "hosts:\n  - chat.example.com",
        "listen: {port: 443}", "listen: {port: 443, tls: {certificate: /c.pem, key: /k.pem}}",
        "listen: {http: [1.1, 2]}", "listen: {tls: }",
        'listen: {port: 443, tls: {certificate: /c.pem, key: /k.pem}, http: ["1.1", "2", "3"]}',
        "scale: {streams: 10000}", "trusted_proxies: [10.0.0.0/8, 'fd00::/8', 192.0.2.7]",
        "chain: [{cloudflare: {plan: pro}}, nginx, envoy]", "chain: [nginx]", "chain: [cloudflare, envoy]", "chain: []",
        "chain:\n  - nginx:\n", "chain: [{nginx: {layout: site}}]", "chain: [nginx, nginx]",
        'targets: {nginx: {version: "1.30", layout: site}}', "targets: {nginx: {layout: full}}",
        "targets: {nginx: , envoy: {}}",
        'targets: {envoy: {version: "1.40"}}', 'targets: {envoy: {version: "1.40.1"}}',
        "targets: {cloudflare: {plan: enterprise, zone: example.com, account: 0123abcd, worker: true, tunnel: false}}",
        "defaults: {heartbeat: 15s, upstream: api}", "defaults: {}",
    ],
)  # fmt: skip
def test_every_field_at_the_top_is_taken(text: str) -> None:
    """Contract section 5, in flow and block style, with and without quotes."""
    assert 1 == len(with_top(f"{text}\n").routes)


@pytest.mark.parametrize(
    "text",
    [
        "http://api:8000", "https://api", "'unix:/run/app.sock'", "'http://[::1]:8000'",
        '{servers: ["http://speech-1:9000", "http://speech-2:9000"]}',
        "{servers: [http://a], http: 2}", "{servers: [http://a], http: 1.1}", '{servers: [http://a], http: "2"}',
        "{servers: [http://a], http: }",
        "{servers: [https://a], tls: {verify: false}}",
        "{servers: [https://a], tls: {verify: true, ca: /ca.pem, sni: origin.example.com}}",
        "{servers: [http://a, http://b], affinity: {by: ip}}",
        "{servers: [http://a], affinity: {by: cookie, name: session}}",
        "{servers: [http://a], affinity: {by: header, name: X-Session}}", "{servers: [http://a], affinity: {by: hash}}",
        "{servers: [http://a], affinity: {by: hash, name: room}}", "{servers: [http://a], max_connections: 500}",
        "{servers: [http://a], keepalive: 0}",
        "{servers: ['unix:/a.sock', http://b]}", "{servers: [http://a, http://a]}",
    ],
)  # fmt: skip
def test_every_spelling_of_an_upstream_is_taken(text: str) -> None:
    """A URL, or the servers with their settings."""
    assert ["api"] == list(with_upstream(text).upstreams)


@pytest.mark.parametrize(
    "url",
    [
        "grpc://agents:50051", "grpcs://agents", "{servers: [grpc://a, grpc://b]}", "{servers: [grpc://a], http: 2}",
        "{servers: [http://a], http: 2}", "{servers: ['unix:/a.sock'], http: 2}",
    ],
)  # fmt: skip
def test_every_spelling_of_a_grpc_upstream_is_taken(url: str) -> None:
    """A gRPC URL, or HTTP/2 in the open."""
    assert "2" == with_upstream(url, "grpc").upstreams["api"].http_version


@pytest.mark.parametrize(
    "text",
    [
        "path: /v1", "exact: /v1", "regex: '/v[0-9]+'", "path: /", "path: /v1, exact: ", "hosts: [a.example.com]",
        "methods: [GET, POST]",
        "methods: [GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS]", "heartbeat: 15s", "heartbeat: 15", "heartbeat: 0.5",
        "heartbeat: 1m30s",
        "idle_timeout: 5m", "idle_timeout: 1d", "max_duration: 1h", "upload: {stream: false, max_bytes: 1MiB}",
        "upload: {max_bytes: 1048576}",
        "upload: {}", "strip_prefix: true", "strip_prefix: false", "path: /api/v1, strip_prefix: /api",
        "path: /api/, strip_prefix: /api/",
        "headers: {request: {X-A: b, X-C: }, response: {X-D: ''}}", "headers: {}", "auth: {by: cookie, name: session}",
        "auth: {by: header, name: Authorization}", "auth: {by: query, name: access_token}",
        "cors: {origins: ['https://app.example.com']}",
        "cors: {origins: ['*']}", "limits: {per_client: 10}", "limits: {rate: 10}", "limits: {rate: 10/s, burst: 20}",
        "limits: {rate: 90/m}",
        "limits: {rate: 0.5, burst: 0}", "limits: {}", "retry: true", "retry: false", "retry: {attempts: 3}",
        "retry: {}", "cache: ",
    ],
)  # fmt: skip
def test_every_spelling_of_a_routes_fields_is_taken(text: str) -> None:
    """Durations as text or seconds, sizes as text or bytes, switches and their long forms."""
    assert "sse" == route(text).protocol.name


@pytest.mark.parametrize("name", sorted(protocols()))
def test_every_protocol_of_the_contract_is_taken(name: str) -> None:
    """Nine names, each with an upstream that can serve it."""
    upstream = "agents" if name == "grpc" else "api"

    assert name == route("heartbeat: 15s", name, upstream).protocol.name


def test_the_protocols_are_those_of_the_contract() -> None:
    """Section 1, and nothing besides."""
    expected = {"sse", "ndjson", "websocket", "grpc", "grpc-web", "connect", "long-poll", "poll", "http"}

    assert expected == set(protocols())


def test_the_smallest_spec_of_the_contract_is_taken() -> None:
    """Word for word."""
    spec = load("""\
hosts: [chat.example.com]
upstreams:
  api: http://api:8000
  speech: {servers: ["http://speech-1:9000", "http://speech-2:9000"]}
  agents: grpc://agents:50051
routes:
  - {path: /v1/chat/completions, protocol: sse, upstream: api}
  - {path: /voice/ws, protocol: websocket, upstream: speech}
  - {path: /chat.v1.ChatService/, protocol: grpc, upstream: agents}
""")

    assert ["/v1/chat/completions", "/voice/ws", "/chat.v1.ChatService/"] == [route.path for route in spec.routes]
    assert ["http://speech-1:9000", "http://speech-2:9000"] == [
        f"http://{s.address}" for s in spec.upstreams["speech"].servers
    ]


def test_json_is_a_spec_too() -> None:
    """For those who generate it."""
    assert 1 == len(load('{"upstreams": {"api": "http://api"}, "routes": [{"path": "/", "upstream": "api"}]}').routes)


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_make_no_difference(mark: str, end: str) -> None:
    """A spec may come from any editor."""
    plain = load(UPSTREAMS + ROUTES)
    same = load(mark + (UPSTREAMS + ROUTES).replace("\n", end))

    assert plain.routes == same.routes


def test_anchors_save_typing() -> None:
    """An alias is the value that it refers to, and what is wrong with it is told where the value stands."""
    text = UPSTREAMS + "defaults: {cors: &c {origins: ['https://a.example']}}\n"
    text += "routes: [{path: /a, upstream: api}, {path: /b, upstream: api, cors: *c}]\n"

    assert [("https://a.example",)] * 2 == [route.cors for route in load(text).routes]


# ---- what is settled ----


def test_silence_has_hardened_defaults() -> None:
    """Every value that the file leaves open is decided here, and nowhere later."""
    spec = load(UPSTREAMS + ROUTES)
    found = spec.routes[0]
    expected: dict[str, Any] = {
        "name": "events", "kind": "prefix", "hosts": ("*",), "methods": (), "heartbeat": None, "idle_timeout": 3600.0,
        "max_duration": FOREVER, "upload_stream": False, "body_limit": 16 * 2**20, "strip": None, "auth": None,
        "cors": (), "per_client": None,
        "rate": None, "attempts": 1, "cache": 0.0, "streams": 10_000, "index": 0,
    }  # fmt: skip

    assert expected == {name: getattr(found, name) for name in expected}
    assert (("*",), 8080, ["1.1", "2"], 10_000, ()) == (
        spec.hosts,
        spec.listen.port,
        spec.listen.http,
        spec.streams,
        spec.trusted_proxies,
    )
    assert (None, 64, True) == (
        spec.upstreams["api"].max_connections,
        spec.upstreams["api"].keepalive,
        spec.upstreams["api"].tls.verify,
    )


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("sse", (3600, False, 16 * 2**20, 1, 0, None)), ("ndjson", (3600, False, 16 * 2**20, 1, 0, None)),
        ("websocket", (3600, True, FOREVER, 1, 0, None)), ("grpc-web", (3600, True, FOREVER, 1, 0, None)),
        ("connect", (3600, True, FOREVER, 1, 0, None)), ("long-poll", (120, False, 16 * 2**20, 1, 0, None)),
        ("poll", (60, False, 16 * 2**20, 1, 1, 50)), ("http", (60, False, 16 * 2**20, 1, 0, None)),
    ],
)  # fmt: skip
def test_each_protocol_has_its_own_defaults(protocol: str, expected: tuple[object, ...]) -> None:
    """An hour of silence on a stream; no second try anywhere; a cache and a limit only for polls."""
    found = route("methods: ", protocol)
    settled = (found.idle_timeout, found.upload_stream, found.body_limit, found.attempts, found.cache, found.rate)

    assert expected == settled


@pytest.mark.parametrize(
    ("text", "idle"),
    [("heartbeat: 15s", 60), ("heartbeat: 30s", 90), ("heartbeat: 5s", 60), ("heartbeat: 15s, idle_timeout: 20s", 20)],
)
def test_an_idle_timer_follows_the_heartbeat(text: str, idle: float) -> None:
    """Three of them, a minute at least; what the route states wins."""
    assert idle == route(text).idle_timeout


@pytest.mark.parametrize(
    ("text", "attempts"),
    [
        ("retry: true", 2),
        ("retry: false", 1),
        ("retry: {}", 2),
        ("retry: {attempts: 5}", 5),
        ("retry: {attempts: 1}", 1),
    ],
)
def test_retries_are_counted_with_the_first_try(text: str, attempts: int) -> None:
    """One is none."""
    assert attempts == route(text).attempts
    assert attempts == route(text, "http").attempts


@pytest.mark.parametrize(
    ("text", "rate", "burst"),
    [
        ("limits: {rate: 10}", 10, 40),
        ("limits: {rate: 90/m}", 1.5, 6),
        ("limits: {rate: 0.1}", 0.1, 4),
        ("limits: {rate: 10, burst: 0}", 10, 0),
    ],
)
def test_a_burst_is_four_seconds_of_the_rate(text: str, rate: float, burst: int) -> None:
    """Unless it is stated."""
    assert (rate, burst) == (route(text).rate, route(text).burst)


def test_limits_on_a_poll_replace_its_own() -> None:
    """Whoever states limits gets those, and no more."""
    assert None is route("limits: {per_client: 5}", "poll").rate


@pytest.mark.parametrize(
    ("text", "strip"),
    [
        ("path: /api, strip_prefix: true", "/api"), ("path: /api/, strip_prefix: true", "/api"),
        ("path: /api/v1, strip_prefix: /api", "/api"),
        ("path: /api/v1, strip_prefix: /api/", "/api"), ("path: /api, strip_prefix: false", None),
        ("path: /, strip_prefix: true", None),
        ("path: /api, strip_prefix: /", None), ("exact: /api, strip_prefix: true", "/api"),
    ],
)  # fmt: skip
def test_the_prefix_to_strip_is_part_of_the_path(text: str, strip: str | None) -> None:
    """Whole segments, without a slash at the end."""
    assert strip == route(text).strip


@pytest.mark.parametrize(
    ("text", "stream", "limit"),
    [
        ("upload: {max_bytes: 1KiB}", False, 1024), ("upload: {stream: true}", True, FOREVER),
        ("upload: {stream: true, max_bytes: 1KiB}", True, 1024),
        ("upload: {stream: false}", False, 16 * 2**20),
    ],
)  # fmt: skip
def test_a_streamed_upload_has_no_limit_unless_it_is_stated(text: str, stream: bool, limit: float) -> None:
    """A limit would cut it in the middle."""
    assert (stream, limit) == (route(text, "ndjson").upload_stream, route(text, "ndjson").body_limit)


def test_a_route_wins_over_the_defaults_field_by_field() -> None:
    """What the route leaves out comes from `defaults`."""
    text = UPSTREAMS + "defaults: {heartbeat: 10s, upstream: api, protocol: sse, idle_timeout: 70s}\n"
    text += "routes: [{path: /a}, {path: /b, heartbeat: 20s}]\n"
    one, two = load(text).routes

    assert (10, 70, "api", "sse") == (one.heartbeat, one.idle_timeout, one.upstream.name, one.protocol.name)
    assert (20, 70) == (two.heartbeat, two.idle_timeout)


def test_a_value_is_placed_where_it_is_written() -> None:
    """In the route, else in `defaults`, else at the route: there a finding about it points."""
    text = UPSTREAMS + "defaults: {heartbeat: 10s}\nroutes:\n- {path: /a, upstream: api, idle_timeout: 90s}\n"
    where = load(text).routes[0].span_of

    assert ["4:43", "2:23", "4:3", "4:3"] == [
        f"{span.line}:{span.column}" for span in (where("idle_timeout"), where("heartbeat"), where("max_duration"), where())
    ]  # fmt: skip


def test_names_are_made_of_paths_and_unique() -> None:
    """For zones, logs and metrics: small letters, digits and underscores, numbered where two are alike."""
    paths = ["/", "/v1/Chat", "/v1_chat", "/v1-chat", "/日本", "/v1_chat_2", "/" + "x" * 60, "/" + "x" * 61]
    spec = load(UPSTREAMS + "routes:\n" + "".join(f"- {{path: '{path}', upstream: api}}\n" for path in paths))

    assert ["root", "v1_chat", "v1_chat_2", "v1_chat_3", "root_2", "v1_chat_2_2", "x" * 40, "x" * 40 + "_2"] == [
        r.name for r in spec.routes
    ]


def test_repeated_words_count_once() -> None:
    """Hosts, methods, networks and origins are sets in the order of the file."""
    spec = with_top("hosts: [b.example, a.example, B.example.]\ntrusted_proxies: [10.0.0.1, 10.0.0.1/32]\n")

    assert (("b.example", "a.example"), ("10.0.0.1/32",)) == (spec.hosts, spec.trusted_proxies)
    assert ("POST", "GET") == route("methods: [POST, GET, POST]").methods
    assert ("https://a.example",) == route("cors: {origins: ['https://a.example', 'https://A.example:443']}").cors


@pytest.mark.parametrize(
    ("text", "chain", "nginx"),
    [
        ("chain: [nginx, envoy]", ("nginx", "envoy"), {}),
        ('chain: [{nginx: {version: "1.18"}}, envoy]', ("nginx", "envoy"), {"version": "1.18"}),
        (
            'chain: [{nginx: {version: "1.18"}}]\ntargets: {nginx: {layout: site}}', ("nginx",),
            {"version": "1.18", "layout": "site"},
        ),
        ('chain: [{nginx: {version: "1.18"}}]\ntargets: {nginx: {version: "1.18"}}', ("nginx",), {"version": "1.18"}),
        ('chain:\n- nginx:\ntargets: {nginx: {version: "1.18"}}', ("nginx",), {"version": "1.18"}),
    ],
)  # fmt: skip
def test_what_a_hop_states_is_its_targets_setting(text: str, chain: tuple[str, ...], nginx: dict[str, str]) -> None:
    """One config is written for each target, so its settings may stand at the hop as well as under `targets`."""
    spec = with_top(f"{text}\n")

    assert chain == spec.chain
    assert nginx == (spec.targets.nginx.model_dump(exclude_unset=True) if spec.targets.nginx else {})


def test_two_hops_that_disagree_are_refused() -> None:
    """Nothing that a spec says is silently dropped."""
    text = UPSTREAMS + ROUTES + 'chain: [{nginx: {version: "1.18"}}, {nginx: {version: "1.30"}}]\n'

    assert ["3:46: nginx has another `version` elsewhere in this spec: 1.18"] == told_of(text)


def test_a_spec_knows_its_file_by_name_and_content() -> None:
    """The folder does not matter: the same file gives the same bytes wherever it lies."""
    text = UPSTREAMS + ROUTES
    spec = load(text)

    assert ("routes.yaml", hashlib.sha256(text.encode()).hexdigest()) == (spec.source, spec.digest)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("path: /a", "exact: /a"), ("path: /a", "path: /ab"), ("path: /a", "path: /A"), ("exact: /a", "exact: /a/"),
        ("path: /a", "regex: /a"),
        ("path: /a, hosts: [a.example]", "path: /a, hosts: [b.example]"),
        ("path: /a, hosts: ['*.example']", "path: /a, hosts: [a.example]"),
        ("path: /a", "path: /a, hosts: [a.example]"), ("regex: /a+", "regex: /a*"),
    ],
)  # fmt: skip
def test_routes_that_differ_do_not_collide(first: str, second: str) -> None:
    """In kind, in path or in hosts; between hosts that overlap, the more specific wins."""
    assert [] == told_of(f"{UPSTREAMS}routes:\n- {{{first}, upstream: api}}\n- {{{second}, upstream: api}}\n")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("path: /a", "path: /a"), ("path: /a", "path: /a/"), ("exact: /a", "exact: /a"), ("regex: /a+", "regex: /a+"),
        ("path: /%61", "path: /a"),
        ("path: /a, hosts: [a.example, b.example]", "path: /a, hosts: [c.example, B.EXAMPLE]"),
        ("path: /a, hosts: ['*']", "path: /a"),
    ],
)  # fmt: skip
def test_routes_that_do_not_differ_collide(first: str, second: str) -> None:
    """Whatever their protocol or upstream: one of them would never be reached."""
    found = told_of(f"{UPSTREAMS}routes:\n- {{{first}, upstream: api}}\n- {{{second}, upstream: api, protocol: sse}}\n")

    assert 1 == len(found)
    assert "this route collides with the one on line 3" in found[0]


def test_loading_is_linear() -> None:
    """Ten times the routes, hosts and upstreams take about ten times the work: nothing is compared with everything."""

    def work(count: int) -> int:
        text = "upstreams:\n" + "".join(f"  u{i}: http://u{i}\n" for i in range(count)) + "routes:\n"
        text += "".join(f"- {{path: /{'x' * 50}{i}, upstream: u{i}, hosts: [h{i}.example]}}\n" for i in range(count))
        return calls(lambda: load(text).servers)

    assert work(1000) < 12 * work(100)


def test_the_bounds_are_what_people_may_rely_on() -> None:
    """64 MiB, a million values, 32 levels."""
    assert (64 * 2**20, 1_000_000, 32) == (specfile.MAX_BYTES, yamldoc.MAX_NODES, yamldoc.MAX_DEPTH)
