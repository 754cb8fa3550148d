"""The Rules language: what is read, and whether it holds, for requests of which only part is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxycfg.targets.cloudflare import quote
from proxycfg.targets.cloudflare.rules_language import (
    MAX_NESTING,
    MISSING,
    UNKNOWN,
    Compare,
    Field,
    Joined,
    Literal,
    Not,
    Unreadable,
    holds,
    parse,
)

REQUEST: dict[str, Any] = {
    "http.host": "chat.example.com",
    "http.request.uri.path": "/v1/Events/7",
    "http.request.method": "GET",
    "http.request.headers": {"accept": ("text/event-stream",), "x-two": ("a", "b")},
    "http.request.headers.names": ("Accept", "X-Two"),
    "http.request.uri.args": {"filter": ("waf", "botm", "cdn")},
    "ssl": True,
    "cf.edge.server_port": 443,
    "ip.src": "192.0.2.7",
}


def _known(request: Mapping[str, Any]) -> Any:
    return lambda name: request.get(name, UNKNOWN)


HOLDS = [
    # operators
    ('http.host eq "chat.example.com"', True), ('http.host == "CHAT.example.com"', False), ('http.host ne "a"', True),
    ('http.request.uri.path contains "/Events/"', True), ('http.request.uri.path matches "^/v1/[A-Z][a-z]+/\\d$"', True),
    (r'http.request.uri.path ~ r"^/v1/E\w+/7$"', True), ('http.request.uri.path wildcard "/V1/*/7"', True),
    ('http.request.uri.path strict wildcard "/V1/*/7"', False), ('http.request.uri.path strict wildcard "/v1/*"', True),
    ('http.request.uri.path wildcard "/v1/*/7/*"', False), ('http.request.uri.path wildcard "*7*"', True),
    (r'http.request.uri.path strict wildcard r"/v1/\*/7"', False), ('http.request.uri.path wildcard "/v1/events"', False),
    ("cf.edge.server_port in {80 443}", True), ("cf.edge.server_port in {440..442 80}", False), ("cf.edge.server_port ge 443", True),
    ("cf.edge.server_port < 443", False), ('http.host in {"a" "chat.example.com"}', True), ("ip.src in {192.0.2.0/24}", True),
    ("ip.src eq 192.0.2.7", True), ("ip.src in {192.0.2.8..192.0.2.9 2001:db8::/32}", False), ("ssl", True), ("not ssl", False),
    # the order of the operators
    ('ssl or ssl and http.host eq "x"', True), ('(ssl or ssl) and http.host eq "x"', False), ("ssl xor ssl and not ssl", True),
    ('not http.host eq "x" and ssl', True), ('! (http.host eq "x" || !ssl)', True), ("true && !false", True), ("ssl ^^ true", False),
    # functions, arrays and maps
    ('starts_with(http.request.uri.path, "/v1/")', True), ('ends_with(http.host, ".example.com")', True),
    ('lower(http.request.uri.path) eq "/v1/events/7"', True), ("len(http.host) eq 16", True), ('concat(http.host, "/") contains "m/"', True),
    ('any(http.request.headers["x-two"][*] eq "b")', True), ('all(http.request.headers["x-two"][*] eq "b")', False),
    ('any(lower(http.request.headers.names[*])[*] eq "x-two")', True), ('http.request.headers["x-two"][1] eq "b"', True),
    ('all(len(http.request.uri.args["filter"][*])[*] in {3 4})', True), ('all(not len(http.request.uri.args["filter"][*])[*] in {3 4})', False),
    # what is not there holds nothing
    ('http.request.headers["x-two"][2] eq "b"', False), ('any(http.request.headers["none"][*] eq "b")', False),
    ('len(http.request.uri.args["order"]) ge 0', False), ('not len(http.request.uri.args["order"]) ge 0', True),
    ('any(not http.request.headers["origin"][*] in {"https://a"})', False),
    # what is not known
    ('all(http.request.headers["none"][*] eq "b")', None),
    ('http.user_agent eq "x"', None), ('not http.user_agent eq "x"', None), ('ssl or http.user_agent eq "x"', True),
    ('ssl and http.user_agent eq "x"', None), ('not ssl and http.user_agent eq "x"', False), ("http.host in $hosts", None),
    ('regex_replace(http.host, "a", "b") eq "x"', None), ('http.user_agent eq "x" xor ssl', None), ("cf.bot_management.verified_bot", None),
    ('any(http.request.headers["x-two"][*] eq "b") or cf.x', True), ("http.host lt 5", None), ('http.host matches "(?<"', None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "answer"), HOLDS)
def test_an_expression_holds_or_not_or_nobody_knows(text: str, answer: bool | None) -> None:
    """By the documentation's own examples, and the rest of it."""
    assert holds(parse(text), _known(REQUEST)) is answer


def test_the_tree_says_what_stands_there() -> None:
    """With strings as they are meant."""
    read = parse(r'http.host eq "a\"b\\c" and not http.request.headers["x"][0] matches r#"^"\d"#')

    assert read == Joined("and", (
        Compare(Field("http.host", ()), "eq", Literal('a"b\\c')),
        Not(Compare(Field("http.request.headers", ("x", 0)), "matches", Literal(r'^"\d'))),
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 0), ("   ", 3), ("http.host eq", 12), ('http.host eq "a', 13), ("http.host eq 'a'", 13), ('http.host eq "a" and', 20),
        ('(http.host eq "a"', 17), ('http.host eq "a")', 16), ('http.host "a"', 10), ('http.host in "a"', 13), ('any(a eq "b"', 12),
        ('http.request.uri.path ends_with ".html"', 22), ('a[b] eq "c"', 2), ('a strict "b"', 9), ('AND a eq "b"', 4), ("a eq b", 5),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_said_with_its_place(text: str, at: int) -> None:
    """The character at which it goes wrong, counted from 0."""
    with pytest.raises(Unreadable) as raised:
        parse(text)

    assert raised.value.at == at


@pytest.mark.parametrize(
    "text", ["(" * 10_000, "not " * 10_000 + "a", "a(" * 10_000, "(" * MAX_NESTING + "ssl" + ")" * MAX_NESTING]
)
def test_nesting_is_bounded(text: str) -> None:
    """Whoever writes the config does not decide how deep the reader goes."""
    with pytest.raises(Unreadable):
        parse(text)


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from([
    "http.host", "eq", "in", "{", "}", "(", ")", "[", "]", "[*]", '"a"', "1", "..", "not", "and", "or", "xor", "strict", "wildcard", "any", ",", "$l", 'r#"x"#', "~", "1.2.3.4",
]), max_size=12).map(" ".join)))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_text_is_an_expression_or_said_to_be_none(text: str) -> None:
    """And what is one has an answer for every request."""
    try:
        read = parse(text)
    except Unreadable as error:
        assert 0 <= error.at <= len(text)  # noqa: PT017
    else:
        assert holds(read, _known(REQUEST)) in (True, False, None)


@given(st.text(max_size=30))
def test_a_quoted_string_is_read_as_it_was(value: str) -> None:
    """Quoted, raw, and one of several: no value ends its string."""
    assert parse(f"http.host eq {quote.text(value)}") == Compare(Field("http.host", ()), "eq", Literal(value))
    assert parse(f"http.host matches {quote.raw(value)} and ssl").parts[0].operand == Literal(value)
    assert parse(f"http.host {quote.one_of((value, 'b'))}").operand.items == (value, "b")


ATOMS = st.sampled_from(["a", "b", "c", 'd eq "1"', 'd in {"1" "2"}', 'any(e[*] eq "1")'])
EXPRESSIONS = st.recursive(ATOMS, lambda inner: st.one_of(
    inner.map(lambda text: f"not ({text})"),
    st.tuples(inner, st.sampled_from(["and", "or", "xor"]), inner).map(lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"),
), max_leaves=8)  # fmt: skip
WHOLE = st.fixed_dictionaries({
    "a": st.booleans(), "b": st.booleans(), "c": st.booleans(), "d": st.sampled_from(["1", "2", "3", MISSING]),
    "e": st.lists(st.sampled_from(["1", "2"]), max_size=2).map(tuple),
})  # fmt: skip


@given(EXPRESSIONS, WHOLE, st.sets(st.sampled_from("abcde")))
@settings(max_examples=300, deadline=None)
def test_knowing_more_never_changes_an_answer(text: str, request: dict[str, Any], hidden: set[str]) -> None:
    """What is decided without a field is so whatever it holds; and where all is known, all is decided."""
    read = parse(text)
    partly = holds(read, _known({name: value for name, value in request.items() if name not in hidden}))
    wholly = holds(read, _known(request))

    assert wholly is not None
    assert partly in (None, wholly)


@pytest.mark.parametrize("text", [expression for expression, _ in HOLDS])
def test_an_expression_that_is_written_anew_says_the_same(text: str) -> None:
    """It is the same tree."""
    tree = parse(text)

    assert parse(quote.expression(tree)) == tree


@given(st.text(), st.sampled_from(["eq", "contains", "wildcard", "strict wildcard", "matches"]))
@settings(max_examples=200, deadline=None)
def test_no_text_in_a_tree_becomes_a_condition(value: str, operator: str) -> None:
    """Whatever signs it holds."""
    tree = Joined("and", (Compare(Field("http.host", ()), operator, Literal(value)), Not(Literal(True))))

    assert parse(quote.expression(tree)) == tree
