"""Settled specs: which routes answer for which host, and in which order."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg.spec import Route, Spec, coverers, precedence
from tests.specs import UPSTREAMS, load, route, with_top, with_upstream


def _spec(*routes: str, hosts: str = "['*']") -> Spec:
    return load(f"hosts: {hosts}\n{UPSTREAMS}routes:\n" + "".join(f"- {{{text}, upstream: api}}\n" for text in routes))


def _titles(routes: tuple[Route, ...]) -> list[str]:
    return [route.title for route in routes]


def test_routes_are_tried_from_the_most_telling() -> None:
    """Exact paths, then expressions in the order of the file, then prefixes from the longest to the shortest."""
    spec = _spec(
        "path: /", "regex: /b.*", "path: /a/b/c", "exact: /z", "path: /a", "regex: /a.*", "exact: /a", "path: /a/b/"
    )

    assert ["exact /z", "exact /a", "regex /b.*", "regex /a.*", "/a/b/c", "/a/b/", "/a", "/"] == _titles(
        spec.routes_for("any.example")
    )


@pytest.mark.parametrize(
    ("host", "answering"),
    [
        ("a.example.com", ["exact host"]), ("b.example.com", ["narrow wildcard"]),
        ("x.b.example.com", ["narrow wildcard"]), ("b.example.org", ["wide wildcard"]),
        ("example.org", ["wide wildcard"]), ("example.net", ["any host"]), ("other", ["any host"]),
        ("*.example.com", ["narrow wildcard"]), ("*", ["any host"]),
    ],
)  # fmt: skip
def test_the_more_specific_host_wins(host: str, answering: list[str]) -> None:
    """Of routes that match alike: its own name, then the longer wildcard, then any host."""
    names = {
        "exact host": "a.example.com",
        "narrow wildcard": "*.example.com",
        "wide wildcard": "*.org",
        "any host": "*",
    }
    spec = _spec(
        *(f"path: /a, hosts: ['{pattern}'], heartbeat: {15 + index}s" for index, pattern in enumerate(names.values()))
    )
    found = [list(names)[int((route.heartbeat or 0) - 15)] for route in spec.routes_for(host)]

    assert answering == found


def test_a_route_for_any_host_answers_beside_the_others() -> None:
    """A host of its own takes nothing away: only the same path is taken over."""
    spec = _spec("path: /", "path: /a", "path: /a, hosts: [x.example]", "path: /b, hosts: [x.example]")

    assert ["/a", "/b", "/"] == _titles(spec.routes_for("x.example"))
    assert [2, 3, 0] == [route.index for route in spec.routes_for("x.example")]
    assert ["/a", "/"] == _titles(spec.routes_for("y.example"))


def test_a_wildcard_does_not_answer_for_its_own_domain() -> None:
    """As in DNS and TLS: *.example.com is not example.com."""
    assert () == _spec("path: /, hosts: ['*.example.com']", hosts="[a]").routes_for("example.com")


def test_hosts_that_share_their_routes_share_a_server() -> None:
    """One virtual server for each set of routes, in the order of the file; none for a host without routes."""
    spec = _spec(
        "path: /",
        "path: /a, hosts: [x.example, y.example]",
        "path: /b, hosts: [z.example]",
        hosts="[w.example, v.example]",
    )
    found = [(hosts, _titles(routes)) for hosts, routes in spec.servers]

    assert [
        (("w.example", "v.example"), ["/"]),
        (("x.example", "y.example"), ["/a"]),
        (("z.example",), ["/b"]),
    ] == found


def test_a_host_that_no_route_names_has_no_server() -> None:
    """A spec's hosts are those of the routes without their own."""
    spec = _spec("path: /a, hosts: [x.example]", hosts="[w.example]")

    assert [("x.example",)] == [hosts for hosts, _ in spec.servers]


@pytest.mark.parametrize(
    ("host", "patterns"),
    [
        ("a.b.c", ("a.b.c", "*.b.c", "*.c", "*")), ("a", ("a", "*")), ("*", ("*",)), ("*.b", ("*.b", "*")),
        ("*.b.c", ("*.b.c", "*.c", "*")),
    ],
)  # fmt: skip
def test_what_covers_a_host_goes_from_the_most_specific_to_any(host: str, patterns: tuple[str, ...]) -> None:
    """Itself, the wildcards around it, and any host."""
    assert patterns == coverers(host)


HOSTS = st.sampled_from(["*", "a.example", "b.example", "*.example", "x.a.example", "*.a.example", "other"])
MATCHES = st.sampled_from(["path: /", "path: /a", "path: /a/", "exact: /a", "regex: /a+", "regex: /b+", "path: /a/b"])


@given(st.lists(st.tuples(MATCHES, st.lists(HOSTS, min_size=1, max_size=3)), min_size=1, max_size=6), HOSTS)
def test_the_routes_of_a_host_are_those_of_the_plain_rule(entries: list[tuple[str, list[str]]], host: str) -> None:
    """The quick way that large specs need gives what the rule gives, word by word."""
    taken: set[tuple[str, str]] = set()
    texts = []
    for match, hosts in entries:
        own = [name for name in dict.fromkeys(hosts) if (match.removesuffix("/"), name) not in taken]
        taken |= {(match.removesuffix("/"), name) for name in own}
        texts += [f"{match}, hosts: {own}"] if own else []
    spec = _spec(*texts)
    best: dict[tuple[str, str], tuple[int, Route]] = {}
    for candidate in spec.routes:
        ranks = [len(coverers(host)) - coverers(host).index(name) for name in candidate.hosts if name in coverers(host)]
        key = (candidate.kind, re.sub("/$", "", candidate.path) if candidate.kind == "prefix" else candidate.path)
        if ranks and max(ranks) > best.get(key, (0, candidate))[0]:
            best[key] = (max(ranks), candidate)

    assert tuple(sorted((found for _, found in best.values()), key=precedence)) == spec.routes_for(host)


@pytest.mark.parametrize(
    ("text", "title"), [("path: /a", "/a"), ("exact: /a", "exact /a"), ("regex: /a+", "regex /a+")]
)
def test_a_route_is_named_by_how_it_matches(text: str, title: str) -> None:
    """So that two routes of one path can be told apart."""
    assert title == route(text).title


def test_a_spec_is_secure_if_its_listener_is() -> None:
    """A certificate makes the difference."""
    assert not with_top("listen: {port: 80}\n").secure
    assert with_top("listen: {tls: {certificate: a, key: b}}\n").secure


@pytest.mark.parametrize(
    ("text", "secure", "grpc", "sni"),
    [
        ("http://a:1", False, False, "a"), ("https://a", True, False, "a"),
        ("{servers: [https://a, https://b], tls: {sni: C.example}}", True, False, "c.example"),
        ("'unix:/a'", False, False, ""),
    ],
)  # fmt: skip
def test_an_upstream_knows_how_it_is_reached(text: str, secure: bool, grpc: bool, sni: str) -> None:
    """TLS or not, gRPC or not, and the name that its certificate must have: the first server's, or the one that is stated."""
    upstream = with_upstream(text).upstreams["api"]

    assert (secure, grpc, sni) == (upstream.secure, upstream.speaks_grpc, upstream.sni)


@pytest.mark.parametrize(("url", "secure"), [("grpc://a", False), ("grpcs://a", True)])
def test_a_grpc_upstream_knows_that_it_is_one(url: str, secure: bool) -> None:
    """And speaks HTTP/2."""
    upstream = with_upstream(url, "grpc").upstreams["api"]

    assert (secure, True, "2") == (upstream.secure, upstream.speaks_grpc, upstream.http_version)


def test_specs_of_the_same_file_are_equal() -> None:
    """Routes are values: the functions that find their places do not count."""
    text = UPSTREAMS + "routes: [{path: /a, upstream: api}]\n"

    assert load(text).routes == load(text).routes


@pytest.mark.parametrize(
    ("options", "allowed", "preflight"),
    [
        ("protocol: sse", (), ("GET", "POST", "OPTIONS")),
        ("protocol: sse, methods: [GET]", ("GET", "HEAD"), ("GET", "HEAD")),
        ("protocol: sse, methods: [GET], cors: {origins: ['*']}", ("GET", "HEAD", "OPTIONS"), ("GET", "HEAD", "OPTIONS")),
        ("protocol: websocket, methods: [GET], cors: {origins: ['*']}", ("GET", "HEAD"), ("GET", "HEAD")),
        ("protocol: http, methods: [OPTIONS, POST], cors: {origins: ['*']}", ("OPTIONS", "POST"), ("OPTIONS", "POST")),
    ],
)  # fmt: skip
def test_a_route_says_which_methods_pass(options: str, allowed: tuple[str, ...], preflight: tuple[str, ...]) -> None:
    """One list for every target, for requests and for browsers that ask first."""
    (route,) = load(f"upstreams: {{a: 'http://10.0.0.1'}}\nroutes: [{{path: /x, upstream: a, {options}}}]\n").routes

    assert (route.allowed_methods, route.preflight_methods) == (allowed, preflight)
