"""What is written for Cloudflare, plan by plan; and that what a plan cannot do is told, at its place."""

from __future__ import annotations

import json

import pytest

from proxycfg.generate import generate
from tests.specs import load

FREE = "targets: {cloudflare: {plan: free}}"
ORIGIN = "https://origin.example.com"


def _told(about: str, route: str, upstream: str = ORIGIN) -> list[tuple[str, str]]:
    """The findings about a route, each with the words at its place."""
    path = "" if "regex:" in route else "path: /x, "
    text = f"{about}\nupstreams: {{a: {upstream}}}\nroutes: [{{{path}upstream: a, {route}}}]\n"
    lines = text.splitlines()
    spans = [(finding.rule, finding.span) for finding in generate(load(text), ["cloudflare"]).findings]
    return [(rule, lines[span.line - 1][span.column - 1 : span.end_column - 1]) for rule, span in spans]


def _of(rule: str, told: list[tuple[str, str]]) -> list[str]:
    """The places of one kind of finding."""
    return [words for name, words in told if name == rule]


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("protocol: sse, idle_timeout: 300s", "300s"), ("protocol: sse, heartbeat: 2m", "2m"),
        # Heartbeats are heard, and yet a longer silence is asked for.
        ("protocol: sse, heartbeat: 30s, idle_timeout: 300s", "300s"), ("protocol: long-poll, idle_timeout: 100s", "100s"),
        ("protocol: http, idle_timeout: 5m", "5m"), ("protocol: websocket", "{path: /x, upstream: a, protocol: websocket}"),
    ],
)  # fmt: skip
def test_a_silence_beyond_the_plan_is_told_at_its_place(route: str, words: str) -> None:
    """Below Enterprise the edge waits for 100 s: the heartbeat, the timeout, or the route that has its protocol's default."""
    assert _of("silence-beyond-plan", _told(FREE, route)) == [words]


def test_on_enterprise_a_client_is_waited_for_less_long_than_the_origin() -> None:
    """What is said of the client's idle connection is said of every plan."""
    assert _of(
        "silence-beyond-plan", _told(FREE.replace("free", "enterprise"), "protocol: sse, idle_timeout: 400s")
    ) == ["400s"]


@pytest.mark.parametrize(
    ("about", "route"),
    [
        (FREE, "protocol: sse, heartbeat: 30s"), (FREE, "protocol: sse, heartbeat: 90s"), (FREE, "protocol: sse, idle_timeout: 99s"),
        (FREE, "protocol: http"), (FREE, "protocol: poll"),
        ("targets: {cloudflare: {plan: enterprise}}", "protocol: sse, idle_timeout: 300s"),
    ],
)  # fmt: skip
def test_a_silence_within_the_plan_is_not_told(about: str, route: str) -> None:
    """Enterprise raises the limit; but a client's connection is closed after 400 s."""
    assert _of("silence-beyond-plan", _told(about, route)) == []


PRO, BUSINESS, ENTERPRISE = (FREE.replace("free", plan) for plan in ("pro", "business", "enterprise"))
TUNNEL = "targets: {cloudflare: {plan: pro, tunnel: true}}"
CHAIN = "chain: [{cloudflare: {plan: pro}}, nginx]"
TLS = "listen: {port: 443, tls: {certificate: /a, key: /b}}"
SSE = "protocol: sse, heartbeat: 15s"
GRPC = "protocol: grpc, heartbeat: 15s"
BASE = (PRO, SSE, ORIGIN)

TOLD = [
    # rule, the spec that gets it, the words at its place, the nearest spec that does not
    ("regex-beyond-plan", (PRO, f"regex: /a|/b, {SSE}", ORIGIN), "/a|/b", (BUSINESS, f"regex: /a|/b, {SSE}", ORIGIN)),
    ("bot-fight-mode", (FREE, SSE, ORIGIN), "free", BASE),
    ("bot-fight-mode", (FREE, SSE, ORIGIN), "free", (FREE, "protocol: http", ORIGIN)),
    ("error-pages-replaced", (BUSINESS, SSE, ORIGIN), "business", (ENTERPRISE, SSE, ORIGIN)),
    ("http-versions-not-kept", (f'{PRO}\nlisten: {{http: ["1.1"]}}', SSE, ORIGIN), '["1.1"]', BASE),
    ("grpc-switched-by-hand", (PRO, GRPC, "grpcs://o.example.com"), "grpc", BASE),
    ("grpc-origin-unreachable", (PRO, GRPC, "grpc://o.example.com:443"), "a", (PRO, GRPC, "grpcs://o.example.com:443")),
    ("grpc-origin-unreachable", (PRO, GRPC, "grpcs://o.example.com:50051"), "a", (TUNNEL, GRPC, "grpcs://o.example.com:50051")),
    ("grpc-origin-unreachable", (TUNNEL, GRPC, "grpc://o.example.com:443"), "a", (f"{CHAIN}\n{TLS}", GRPC, "grpc://o.example.com:443")),
    ("grpc-origin-unreachable", (f"{CHAIN}\nlisten: {{port: 443}}", GRPC, "grpc://o:1"), "{port: 443}", (f"{CHAIN}\n{TLS}", GRPC, "grpc://o:1")),
    ("grpc-through-tunnel", (TUNNEL, GRPC, "grpcs://o.example.com"), "true", (PRO, GRPC, "grpcs://o.example.com")),
    ("upload-stream-cut", (PRO, GRPC, "grpcs://o.example.com"), "grpc", (PRO, f"{GRPC}, upload: {{max_bytes: 1MB}}", "grpcs://o.example.com")),
    ("upload-stream-cut", (PRO, GRPC, "grpcs://o.example.com"), "grpc", (PRO, "protocol: websocket, heartbeat: 15s", ORIGIN)),
    ("upload-beyond-plan", (PRO, "upload: {max_bytes: 101MB}", ORIGIN), "{max_bytes: 101MB}", (PRO, "upload: {max_bytes: 100MB}", ORIGIN)),
    ("upload-beyond-plan", (PRO, "upload: {max_bytes: 150MB}", ORIGIN), "{max_bytes: 150MB}", (BUSINESS, "upload: {max_bytes: 150MB}", ORIGIN)),
    ("upload-beyond-plan", (ENTERPRISE, "upload: {max_bytes: 6GB}", ORIGIN), "{max_bytes: 6GB}", (ENTERPRISE, "upload: {max_bytes: 5GB}", ORIGIN)),
    ("body-not-limited", (PRO, "upload: {max_bytes: 1MB}", ORIGIN), "{max_bytes: 1MB}", BASE),
    ("query-in-edge-logs", (PRO, f"{SSE}, auth: {{by: query, name: t}}", ORIGIN), "{by: query, name: t}", (PRO, f"{SSE}, auth: {{by: header, name: t}}", ORIGIN)),
    ("cache-rounded", (PRO, "protocol: poll, cache: 1500ms", ORIGIN), "1500ms", (PRO, "protocol: poll, cache: 2s", ORIGIN)),
    ("rate-below-reconnects", (PRO, f"{SSE}, limits: {{rate: 6/m, burst: 3}}", ORIGIN), "{rate: 6/m, burst: 3}", (PRO, f"{SSE}, limits: {{rate: 6/m, burst: 4}}", ORIGIN)),
    ("rate-below-reconnects", (FREE, f"{SSE}, limits: {{rate: 6/m, burst: 8}}", ORIGIN), "{rate: 6/m, burst: 8}", (FREE, "limits: {rate: 6/m, burst: 8}", ORIGIN)),
    ("prefix-not-stripped", (PRO, f"{SSE}, strip_prefix: true", ORIGIN), "true", (f"{CHAIN}\n{TLS}", f"{SSE}, strip_prefix: true", ORIGIN)),
    ("cors-left-to-the-origin", (PRO, f'{SSE}, cors: {{origins: ["https://b.example"]}}', ORIGIN), '{origins: ["https://b.example"]}', (PRO, 'protocol: websocket, heartbeat: 15s, cors: {origins: ["https://b.example"]}', ORIGIN)),
    ("max-duration-not-enforced", (PRO, f"{SSE}, max_duration: 1h", ORIGIN), "1h", BASE),
    ("streams-per-client-not-limited", (PRO, f"{SSE}, limits: {{per_client: 7}}", ORIGIN), "7", (PRO, f"{SSE}, limits: {{rate: 7}}", ORIGIN)),
    ("grpc-web-not-translated", (PRO, "protocol: grpc-web, heartbeat: 15s", "grpcs://o.example.com"), "grpc-web", (PRO, "protocol: grpc-web, heartbeat: 15s", ORIGIN)),
    ("connect-not-translated", (PRO, "protocol: connect, heartbeat: 15s", "grpcs://o.example.com"), "connect", (PRO, "protocol: connect, heartbeat: 15s", ORIGIN)),
    ("header-owned-by-the-proxy", (PRO, "headers: {request: {X-Real-IP: a}}", ORIGIN), "a", (PRO, "headers: {request: {X-Real: a}}", ORIGIN)),
    ("header-owned-by-the-proxy", (PRO, "headers: {request: {Cookie: a}}", ORIGIN), "a", (PRO, "headers: {request: {Cookie: null}}", ORIGIN)),
    ("header-owned-by-the-proxy", (PRO, "headers: {response: {Server: a}}", ORIGIN), "a", (PRO, "headers: {request: {Server: a}}", ORIGIN)),
    ("header-owned-by-the-proxy", (PRO, "headers: {response: {CF-Ray: a}}", ORIGIN), "a", BASE),
    ("origin-out-of-reach", (PRO, SSE, "http://api:8000"), "a", (TUNNEL, SSE, "http://api:8000")),
    ("origin-out-of-reach", (PRO, SSE, "https://10.0.0.1"), "a", (PRO, SSE, "https://93.184.215.14")),
    ("origin-out-of-reach", (PRO, SSE, "unix:/run/a.sock"), "a", (f"{CHAIN}\n{TLS}", SSE, "unix:/run/a.sock")),
    ("origin-in-cleartext", (PRO, SSE, "http://origin.example.com"), "a", BASE),
    ("origin-in-cleartext", (f"{CHAIN}\nlisten: {{port: 8080}}", SSE, ORIGIN), "{port: 8080}", (f"{CHAIN}\n{TLS}", SSE, ORIGIN)),
    ("servers-not-balanced", (PRO, SSE, '{servers: ["https://a.example.com", "https://b.example.com"]}'), '["https://a.example.com", "https://b.example.com"]', BASE),
    ("servers-not-balanced", (PRO, SSE, '{servers: ["https://a.example.com"], affinity: {by: ip}}'), "{by: ip}", BASE),
    ("connections-not-limited", (PRO, SSE, '{servers: ["https://a.example.com"], max_connections: 9}'), "9", BASE),
    ("origin-certificate-refused", (PRO, SSE, '{servers: ["https://a.example.com"], tls: {ca: /c}}'), "/c", (TUNNEL, SSE, '{servers: ["https://a.example.com"], tls: {ca: /c}}')),
    ("origin-certificate-refused", (PRO, SSE, '{servers: ["https://a.example.com"], tls: {sni: b.example}}'), "b.example", (ENTERPRISE, SSE, '{servers: ["https://a.example.com"], tls: {sni: b.example}}')),
    ("origin-certificate-refused", (TUNNEL, SSE, '{servers: ["https://a.example.com"], tls: {verify: false}}'), "false", (PRO, SSE, '{servers: ["https://a.example.com"], tls: {verify: false}}')),
    ("origin-asked-to-compress", BASE, f"{{path: /x, upstream: a, {SSE}}}", (f"{CHAIN}\n{TLS}", SSE, ORIGIN)),
    ("edge-not-trusted", (CHAIN, SSE, ORIGIN), "nginx", (f"{CHAIN}\ntrusted_proxies: [173.245.48.0/20]", SSE, ORIGIN)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "spec", "words", "other"), TOLD, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_cloudflare_cannot_keep_is_told_at_its_place(
    rule: str, spec: tuple[str, str, str], words: str, other: tuple[str, str, str]
) -> None:
    """And the nearest spec that it can keep gets nothing of it."""
    assert _of(rule, _told(*spec)) == [words]
    assert _of(rule, _told(*other)) == []


def _with_routes(about: str, routes: list[str]) -> list[tuple[str, str]]:
    text = f"{about}\nupstreams: {{a: https://a.example.com, b: https://b.example.com}}\nroutes:\n"
    text += "".join(f"- {{{route}}}\n" for route in routes)
    return [(finding.rule, f"{finding.span.line}") for finding in generate(load(text), ["cloudflare"]).findings]


def test_origins_of_one_host_are_told_apart_on_enterprise_alone() -> None:
    """Below, one DNS record decides for every path; hosts of their own, and a tunnel, need no rule."""
    routes = [f"path: /{name}, upstream: {name}, {SSE}" for name in "ab"]
    apart = [f"path: /, upstream: {name}, hosts: [{name}.example.org], {SSE}" for name in "ab"]

    assert _of("origins-not-told-apart", _with_routes(BUSINESS, routes)) == ["5"]
    for about, given in ((ENTERPRISE, routes), (TUNNEL, routes), (BUSINESS, apart)):
        assert _of("origins-not-told-apart", _with_routes(about, given)) == []


def test_more_rules_than_the_plan_has_are_told() -> None:
    """Five WAF rules on Free: each set of methods needs one."""
    sets = ("PUT", "POST", "PATCH", "PUT, POST", "PUT, PATCH")
    methods = [f"path: /{n}, upstream: a, methods: [{each}]" for n, each in enumerate(sets)]
    one_more = [*methods, "path: /last, upstream: a, methods: [DELETE]"]

    assert _of("rules-beyond-plan", _with_routes(FREE, methods)) == []
    assert _of("rules-beyond-plan", _with_routes(FREE, one_more)) == ["1"]
    assert _of("rules-beyond-plan", _with_routes(PRO, one_more)) == []


def test_an_expression_is_no_longer_than_cloudflare_takes() -> None:
    """Many routes become several rules; one that many others must be taken out of cannot be written."""
    many = [f"path: /{'x' * 80}{n}, upstream: a, {SSE}" for n in range(100)]
    below = [f"path: /, upstream: a, {SSE}", *(f"path: /{'x' * 80}{n}, upstream: a" for n in range(100))]

    assert _of("expression-too-long", _with_routes(ENTERPRISE, many)) == []
    assert set(_of("expression-too-long", _with_routes(ENTERPRISE, below))) == {"4"}


def test_rate_limits_that_the_plan_has_no_room_for_are_merged() -> None:
    """Into the most generous one, which is put on all of them."""
    routes = [f"path: /{n}, upstream: a, limits: {{rate: {rate}, burst: {rate}}}" for n, rate in enumerate([5, 9])]
    text = f"{FREE}\nupstreams: {{a: {ORIGIN}}}\nroutes:\n" + "".join(f"- {{{route}}}\n" for route in routes)
    (rule,) = json.loads(generate(load(text), ["cloudflare"]).files["cloudflare/rulesets/http_ratelimit.json"])["rules"]

    assert _of("rate-limits-beyond-plan", _with_routes(FREE, routes)) == ["4"]
    assert _of("rate-limits-beyond-plan", _with_routes(PRO, routes)) == []
    assert rule["ratelimit"]["requests_per_period"] == 99
    assert '"/0"' in rule["expression"]
    assert '"/1"' in rule["expression"]


def test_the_usual_limit_of_polls_gives_way_to_those_of_the_spec() -> None:
    """On Free there is one rule: what somebody has written counts for more."""
    routes = ["path: /polls, upstream: a, protocol: poll", "path: /limited, upstream: a, limits: {rate: 1, burst: 2}"]
    text = f"{FREE}\nupstreams: {{a: {ORIGIN}}}\nroutes:\n" + "".join(f"- {{{route}}}\n" for route in routes)
    (rule,) = json.loads(generate(load(text), ["cloudflare"]).files["cloudflare/rulesets/http_ratelimit.json"])["rules"]

    assert _of("rate-limits-beyond-plan", _with_routes(FREE, routes)) == ["5"]
    assert (rule["ratelimit"]["requests_per_period"], "/polls" in rule["expression"]) == (12, False)
