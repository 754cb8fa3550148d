"""The expressions of routes: each request is its route's, and no other's, whatever stands beside it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxycfg.spec import Spec
from proxycfg.targets.cloudflare import facts, quote
from proxycfg.targets.cloudflare.rules_language import holds, parse
from proxycfg.targets.cloudflare.where import Places
from tests.specs import load
from tests.targets.cloudflare_files import winner

HOSTS = ["*", "*.example.com", "*.b.example.com", "a.example.com", "a.b.example.com", "c.example.org"]
PATHS = ["/", "/a", "/a/b", "/a/b/c", "/ab", "/a b", "/café", "/x[1]"]
REGEXES = ["/a/[bc]", "/a(/.*)?", "/[^/]+", "/x.*", "/a/b/c|/q"]
ROUTES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["path", "exact"]), st.sampled_from(PATHS)), st.tuples(st.just("regex"), st.sampled_from(REGEXES))
    ).flatmap(lambda match: st.tuples(st.just(match), st.lists(st.sampled_from(HOSTS), min_size=1, max_size=3, unique=True))),
    min_size=1, max_size=6,
)  # fmt: skip
ASKED_HOSTS = ["a.example.com", "a.b.example.com", "b.example.com", "c.example.org", "other"]
ASKED = [
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/c",
    "/a/b/c",
    "/a/b/c/d",
    "/ab",
    "/b",
    "/a b",
    "/a b/c",
    "/café",
    "/cafés",
    "/x[1]",
    "/x[1]/y",
    "/q",
]


def _spec(routes: list[tuple[tuple[str, str], list[str]]]) -> Spec | None:
    """A spec with these routes; those that collide with one before are left out."""
    taken: set[tuple[str, str, str]] = set()
    lines = []
    for (kind, path), hosts in routes:
        free = [host for host in hosts if (kind, path.rstrip("/") if kind == "path" else path, host) not in taken]
        taken |= {(kind, path.rstrip("/") if kind == "path" else path, host) for host in free}
        if free:
            lines.append(f"- {{{kind}: '{path}', hosts: {free!r}, upstream: a}}\n")
    return load("upstreams: {a: http://a.example.com}\nroutes:\n" + "".join(lines))


def _forms(spec: Spec, path: str) -> tuple[str, ...]:
    """How a path may travel. A regular expression sees that, so beside one only paths with a single form are of use."""
    forms = quote.paths(path)
    return forms if len(forms) == 1 or not any(route.kind == "regex" for route in spec.routes) else ()


@given(ROUTES, st.integers(0, 63))
@example([(("path", "/"), ["*"]), (("path", "/a"), ["a.example.com"]), (("path", "/a/b"), ["*"])], 1)
@example([(("path", "/a"), ["*", "a.b.example.com"]), (("path", "/a"), ["*.example.com"])], 1)
@example([(("regex", "/a(/.*)?"), ["*"]), (("regex", "/a(/.*)?"), ["*.example.com"])], 1)
@example([(("regex", "/a(/.*)?"), ["*"]), (("regex", "/a/[bc]"), ["*"]), (("regex", "/a(/.*)?"), ["*.example.com"])], 2)
@settings(max_examples=150, deadline=None)
def test_the_requests_of_some_routes_are_matched_and_no_others(routes: list[Any], chosen: int) -> None:
    """Exact paths before regular expressions, these before prefixes, the longer before the shorter; the more specific host wins."""
    spec = _spec(routes)
    assert spec is not None
    wanted = [route for route in spec.routes if chosen >> route.index & 1]
    expressions = [parse(one) for one in Places(spec, regexes=True).expressions(wanted)]
    for host in ASKED_HOSTS:
        for path in ASKED:
            expected = winner(spec, host, path) in wanted
            for form in _forms(spec, path):
                request: dict[str, Any] = {"http.host": host, "http.request.uri.path": form}
                answers = [holds(one, request.__getitem__) for one in expressions]

                assert (True in answers) is expected, (host, form, answers)


@given(ROUTES, st.integers(0, 63))
@settings(max_examples=100, deadline=None)
def test_without_regular_expressions_the_others_are_told_apart_as_before(routes: list[Any], chosen: int) -> None:
    """Plans without `matches` get none, and the routes that are one are as if they were not there."""
    spec = _spec([route for route in routes if route[0][0] != "regex"] or [(("path", "/"), ["*"])])
    whole = _spec(routes)
    assert spec is not None
    assert whole is not None
    plain = [route for route in whole.routes if route.kind != "regex"]
    expressions = list(
        Places(whole, regexes=False).expressions([plain[n] for n in range(len(plain)) if chosen >> n & 1])
    )

    assert not any("matches" in expression for expression in expressions)
    if plain:
        assert expressions == list(
            Places(spec, regexes=True).expressions([route for route in spec.routes if chosen >> route.index & 1])
        )


def test_many_routes_make_as_few_expressions_as_their_length_allows() -> None:
    """Each is filled before the next one begins."""
    spec = load(
        "upstreams: {a: http://a}\nroutes:\n" + "".join(f"- {{exact: /{n:0>40}, upstream: a}}\n" for n in range(500))
    )
    lengths = [len(one) for one in Places(spec, regexes=True).expressions(spec.routes)]
    one = len(f'http.request.uri.path eq "/{0:0>40}" or ')

    assert all(facts.LONGEST_EXPRESSION - one < length <= facts.LONGEST_EXPRESSION for length in lengths[:-1])
    assert len(lengths) == -(-500 * one // facts.LONGEST_EXPRESSION)


def test_what_a_prefix_has_anyway_is_not_named_again() -> None:
    """Unless something between them is taken out."""
    routes = [
        "path: /a",
        "path: /a/b",
        "path: /a/b/c",
        "exact: /a",
        "regex: /a/.*",
        "path: /a/x, hosts: [b.example.com]",
        "path: /d",
    ]
    spec = load(
        "hosts: [a.example.com]\nupstreams: {a: http://a}\nroutes:\n"
        + "".join(f"- {{{each}, upstream: a}}\n" for each in routes)
    )
    places, chosen = Places(spec, regexes=False), spec.routes

    alone = (
        'http.host eq "a.example.com" and (http.request.uri.path eq "/a" or starts_with(http.request.uri.path, "/a/"))'
    )

    assert list(places.expressions(chosen[:4])) == [alone]
    assert len(list(places.expressions([*chosen[:4], chosen[5]]))) == 2
    assert "/a/b/c" in "".join(places.expressions([chosen[0], chosen[2], chosen[3]]))


@pytest.mark.parametrize("host", ["a.example.com", "b.example.com"])
def test_a_condition_that_goes_along_holds_for_every_path(host: str) -> None:
    """`and` binds tighter than `or`: it must not belong to the last path alone."""
    spec = load(
        "hosts: [a.example.com, b.example.com]\nupstreams: {a: http://a}\nroutes: [{path: /a, upstream: a}, {path: /b, upstream: a}]"
    )
    (one,) = Places(spec, regexes=True).expressions(spec.routes, 'http.request.method eq "PUT"')
    read = parse(one)
    for path in ("/a", "/b/c"):
        for method in ("PUT", "GET"):
            request = {"http.host": host, "http.request.uri.path": path, "http.request.method": method}

            assert holds(read, request.__getitem__) is (method == "PUT")
