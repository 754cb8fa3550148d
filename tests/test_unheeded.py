"""What a spec says to no effect is told, at its place, and what has an effect is not."""

from __future__ import annotations

import pytest

from proxycfg.unheeded import unheeded
from tests.specs import load
from tests.work import calls

TWO = '["http://10.0.0.1:1", "http://10.0.0.2:1"]'


def _spec(routes: str, upstream: str = "http://10.0.0.1:1", more: str = "") -> str:
    return f"upstreams: {{a: {upstream}}}\nroutes: [{routes}]\n{more}"


def _one(route: str, upstream: str = "http://10.0.0.1:1", more: str = "") -> str:
    return _spec(f"{{upstream: a, {route}}}", upstream, more)


TOLD = {
    "tls-on-cleartext": (_one("path: /x", '{servers: ["http://10.0.0.1"], tls: {verify: false}}'), "upstream-tls-unused", "{verify: false}"),
    "tls-on-grpc": (_one("path: /x, protocol: grpc", '{servers: ["grpc://a"], tls: {ca: /c}}'), "upstream-tls-unused", "{ca: /c}"),
    "tls-on-a-socket": (_one("path: /x", '{servers: ["unix:/s"], tls: {sni: o.example}}'), "upstream-tls-unused", "{sni: o.example}"),
    "ca-unchecked": (_one("path: /x", '{servers: ["https://a"], tls: {ca: /c, verify: false}}'), "ca-unused", "/c"),
    "trusts-anybody": (_one("path: /x", more="trusted_proxies: [10.0.0.0/8, 0.0.0.0/0]"), "anybody-trusted", "[10.0.0.0/8, 0.0.0.0/0]"),
    "trusts-anybody-by-ipv6": (_one("path: /x", more="trusted_proxies: ['::/0']"), "anybody-trusted", "['::/0']"),
    "unused": ("upstreams: {a: http://10.0.0.1, b: http://b}\nroutes: [{path: /x, upstream: a}]", "upstream-unused", "b"),
    "affinity": (_one("path: /x", '{servers: ["http://10.0.0.1"], affinity: {by: ip}}'), "affinity-on-one-server", "{by: ip}"),
    "affinity-on-a-socket": (_one("path: /x", '{servers: ["unix:/s"], affinity: {by: ip}}'), "affinity-on-one-server", "{by: ip}"),
    "server-twice": (
        _one("path: /x", '{servers: ["http://a", "http://b", "http://a:80/"]}'), "server-listed-twice", '"http://a:80/"',
    ),
    "socket-twice": (_one("path: /x", '{servers: ["unix:/s", "unix:///s"]}'), "server-listed-twice", '"unix:///s"'),
    "retry": (_one("path: /x, retry: true"), "retry-on-one-server", "true"),
    "retry-on-a-name": (_one("path: /x, retry: {attempts: 3}", "http://a"), "retry-on-one-server", "{attempts: 3}"),
    "port-443": (_one("path: /x", more="listen: {port: 443}"), "port-443-without-tls", "443"),
    "cookie-socket": (
        _one("path: /x, protocol: websocket, auth: {by: cookie, name: sid}"), "socket-origin-unchecked", "{by: cookie, name: sid}",
    ),
    "backslash": (_one(r"path: '/a\b'"), "backslash-never-matches", r"'/a\b'"),
    "prefix-below-a-regex": (
        _spec("{path: /api/events, upstream: a}, {regex: /api/.*, upstream: a}"), "route-never-reached", "/api/events",
    ),
    "root-below-a-regex": (_spec("{path: /, upstream: a}, {regex: /.*, upstream: a}"), "route-never-reached", "/"),
    "prefix-of-an-alternation": (
        _spec("{path: /b, upstream: a}, {regex: '/a/.*|/b.*', upstream: a}"), "route-never-reached", "/b",
    ),
    "regex-that-is-a-path": (_spec("{exact: /a, upstream: a}, {regex: /a, upstream: a}"), "route-never-reached", "/a"),
    "regex-on-every-host": (
        _spec("{path: /a/b, hosts: [x.example], upstream: a}, {regex: /a.*, upstream: a}"), "route-never-reached", "/a/b",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TOLD)
def test_it_is_told_at_its_place(case: str) -> None:
    """One finding, where the word stands that has no effect."""
    text, rule, words = TOLD[case]

    (finding,) = unheeded(load(text), "nginx")

    line = text.splitlines()[finding.span.line - 1]
    assert (finding.rule, line[finding.span.column - 1 : finding.span.end_column - 1]) == (rule, words)


QUIET = {
    "tls": _one("path: /x", '{servers: ["https://10.0.0.1"], tls: {verify: false}}'),
    "ca": _one("path: /x", '{servers: ["https://a"], tls: {ca: /c}}'),
    "trusts-some": _one("path: /x", more="trusted_proxies: [10.0.0.0/8, 'fd00::/8', 0.0.0.0/1]"),
    "affinity": _one("path: /x", f"{{servers: {TWO}, affinity: {{by: ip}}}}"),
    "affinity-on-a-name": _one("path: /x", '{servers: ["http://a"], affinity: {by: ip}}'),
    "retry": _one("path: /x, retry: true", f"{{servers: {TWO}}}"),
    "ports-of-one-host": _one("path: /x", '{servers: ["http://a:1", "http://a:2"]}'),
    "port-443": _one("path: /x", more="listen: {port: 443, tls: {certificate: c, key: k}}"),
    "port-8080": _one("path: /x"),
    "socket-for-some": _one(
        'path: /x, protocol: websocket, auth: {by: cookie, name: sid}, cors: {origins: ["https://a.example"]}'
    ),
    "socket-for-all": _one('path: /x, protocol: websocket, auth: {by: cookie, name: sid}, cors: {origins: ["*"]}'),
    "socket-by-header": _one("path: /x, protocol: websocket, auth: {by: header, name: X-Key}"),
    "regex-below-a-prefix": _spec("{path: /api, upstream: a}, {regex: '/api/[0-9]+/events', upstream: a}"),
    "regex-beside-its-exact-path": _spec("{exact: /api/x, upstream: a}, {regex: /api/.*, upstream: a}"),
    "regex-for-the-path-alone": _spec("{path: /a, upstream: a}, {regex: '/a/?', upstream: a}"),
    "regex-on-another-host": _spec(
        "{path: /a/b, hosts: [x.example], upstream: a}, {regex: /a.*, hosts: [y.example], upstream: a}"
    ),
    "exact-on-some-hosts": _spec("{exact: /a, hosts: [x.example], upstream: a}, {regex: /a, upstream: a}"),
}


@pytest.mark.parametrize("case", QUIET)
def test_what_has_an_effect_is_not_told(case: str) -> None:
    """Nothing to say."""
    assert list(unheeded(load(QUIET[case]), "nginx")) == []


@pytest.mark.parametrize("regex", ["/(a+)+x", "/(a|a)*x", "/.*.*.*.*.*x", "/((a{1,50}){1,9}){1,2}x"])
def test_an_expression_that_would_take_ages_is_not_tried(regex: str) -> None:
    """Python goes back and tries again; nobody waits for that."""
    spec = load(_spec(f"{{path: /{'a' * 2000}, upstream: a}}, {{regex: '{regex}', upstream: a}}"))

    assert list(unheeded(spec, "nginx")) == []


def test_looking_for_shadows_stays_linear() -> None:
    """Ten times the prefixes below as many expressions take at most ten times the work."""

    def work(count: int) -> int:
        prefixes = ", ".join(f"{{path: /a{number}, upstream: a}}" for number in range(count))
        regexes = ", ".join(f"{{regex: '/b{count}/{number}/[0-9]+', upstream: a}}" for number in range(count))
        spec = load(_spec(f"{prefixes}, {regexes}"))
        return calls(lambda: list(unheeded(spec, "nginx")))

    assert work(500) < 13 * work(50)
