"""nginx's language: lossless, placed, recovering, and read as nginx reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import crossplane
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxycfg.source import Span
from proxycfg.targets.nginx.syntax import Directive, Tree, number, parse

FIXTURES = sorted(Path(__file__).parent.parent.parent.glob("fixtures/**/*.conf"))


def _names(tree: Tree) -> list[tuple[str, tuple[str, ...]]]:
    return [(directive.name, directive.args) for directive in tree.walk()]


ODDITIES = {
    "quotes": ("""add_header A "x;y{z}" always; add_header B 'it''s';""", None),
    "escapes": (
        r"""return 200 "a\"b\\c\n\td\e"; location ~ \.php$ { }""",
        [("return", ("200", 'a"b\\c\n\td\\e')), ("location", ("~", "\\.php$"))],
    ),
    "variable braces": ("set $a ${b}c${d}; if ($x ~ a{2}) { }", None),
    "glued comment": (
        "listen 80#not a comment;\n# one\nlisten 81; # two",
        [("listen", ("80#not", "a", "comment")), ("listen", ("81",))],
    ),
    "last comment without newline": ("a b; # end", [("a", ("b",))]),
    "crlf": ("server {\r\n  listen 80;\r\n}\r\n", [("server", ()), ("listen", ("80",))]),
    "brace inside a word": ("rewrite ^/(a}b)$ /x;", [("rewrite", ("^/(a}b)$", "/x"))]),
    "multi-line arguments": ("log_format a '$b'\n  # why\n  '$c';", [("log_format", ("a", "$b", "$c"))]),
    "lua": (
        'content_by_lua_block { local s = "}" -- }\n if x then t = {1} end ]] [[ } ]] } proxy_pass http://a;',
        [("content_by_lua_block", ()), ("proxy_pass", ("http://a",))],
    ),
    "map": (
        'map $a $b { default 0; "~^x{1,2}" 1; \'\' ""; }',
        [("map", ("$a", "$b")), ("default", ("0",)), ("~^x{1,2}", ("1",)), ("", ("",))],
    ),
    "empty": ("", []),
    "spaces that are none to nginx, in quotes and comments": ("a '\xa0 \u2003'; # \xa0\x0c", [("a", ("\xa0 \u2003",))]),
    "escaped semicolon": (r"a b\;c;", [("a", (r"b\;c",))]),
}


@pytest.mark.parametrize("case", ODDITIES)
def test_oddities_are_read_as_nginx_reads_them(case: str) -> None:
    """Each with the directives that nginx makes of it, and no complaint but for what nginx refuses, too."""
    text, expected = ODDITIES[case]
    tree = parse("x.conf", text)

    assert str(tree) == text
    if expected is not None:
        assert not tree.problems
        assert _names(tree) == expected


def test_every_word_has_its_place() -> None:
    """Spans slice to the words that they name, quotes included; lines and columns start at 1."""
    text = 'http {\n  add_header  X-A "a b" always; # why\n}\n'
    tree = parse("x.conf", text)
    directive = tree.directives[0].block[0]  # type: ignore[index]

    assert [text[word.start : word.end] for word in directive.words] == ["add_header", "X-A", '"a b"', "always"]
    assert directive.arg_span(1) == Span("x.conf", 2, 19, 2, 24)
    assert directive.span == Span("x.conf", 2, 3, 2, 31)
    assert [comment.value for comment in tree.comments()] == ["why"]


DAMAGE = {
    "missing semicolon before a directive": (
        "proxy_buffering off\nproxy_pass http://a;",
        "1:19",
        [("proxy_buffering", ("off",)), ("proxy_pass", ("http://a",))],
    ),
    "missing semicolon before the end of a block": (
        "a { b c }\nd e;",
        "1:7",
        [("a", ()), ("b", ("c",)), ("d", ("e",))],
    ),
    "byte order mark": ("\ufeffa b;", "1:1", [("a", ("b",))]),
    "block never closed": ("a {\n b c;\n", "1:1", [("a", ()), ("b", ("c",))]),
    "closing what is not open": ("a b;\n}\nc d;", "2:1", [("a", ("b",)), ("c", ("d",))]),
    "quote never closed": ('a b;\nc "d;\ne f;\n', "2:3", [("a", ("b",))]),
    "text behind a quote": ('a "b"c;\nd e;', "1:6", [("d", ("e",))]),
    "no-break space": ("a {\n \xa0b c;\n}\nd\x0ce f;", "2:2", [("a", ()), ("\xa0b", ("c",)), ("d\x0ce", ("f",))]),
    "zero-width space": ("a b\u200b;\nc d;", "1:4", [("a", ("b\u200b",)), ("c", ("d",))]),
    "stray semicolon": ("a b;;\nc d;", "1:5", [("a", ("b",)), ("c", ("d",))]),
    "end of file inside a directive": ("a b;\nc d", "2:1", [("a", ("b",)), ("c", ("d",))]),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_told_where_it_is_and_reading_goes_on(case: str) -> None:
    """One problem at the place to mend, and every directive around it."""
    text, place, expected = DAMAGE[case]
    tree = parse("x.conf", text, is_directive={"proxy_pass", "proxy_buffering"}.__contains__)

    assert [f"{problem.span.line}:{problem.span.column}" for problem in tree.problems][:1] == [place]
    assert [pair for pair in _names(tree) if pair in expected] == expected
    assert str(tree) == text


def _flat(blocks: list[dict[str, Any]]) -> Iterator[tuple[str, list[str], int]]:
    for block in blocks:
        yield block["directive"], block["args"], block["line"]
        yield from _flat(block.get("block", []))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: "/".join(path.parts[-2:]))
def test_it_agrees_with_crossplane(path: Path) -> None:
    r"""The same directives on the same lines. In quotes, crossplane leaves two backslashes as two, where nginx makes one of them."""
    text = path.read_text()
    tree = parse(str(path), text)
    payload = crossplane.parse(str(path), single=True, check_ctx=False, check_args=False)
    theirs = [(name.replace("\\\\", "\\"), line) for name, _, line in _flat(payload["config"][0]["parsed"])]

    assert not tree.problems
    assert [(directive.name, directive.span.line) for directive in tree.walk()] == theirs
    assert str(tree) == text


pieces = st.sampled_from(
    ["server", "location", "/", " ", "\n", "\r\n", "\t", "{", "}", ";", '"', "'", "\\", "#", "$", "${", "~", "a", "proxy_pass", "http://x", "if", "(", ")",
     "content_by_lua_block", "--", "[[", "]]", "\ufeff", "\xa0", "\x0c", "\u2028", "\x00", "é", "map"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(pieces, max_size=60).map("".join))
@example("{" * 300)
@example('"\\')
@example("a\\")
@example("a ${")
@example("content_by_lua_block {")
def test_any_text_gives_a_tree_or_problems(text: str) -> None:
    """No text makes it fail; it prints back what it read, and every place lies inside the file."""
    tree = parse("x.conf", text, is_directive={"proxy_pass", "server"}.__contains__)
    lines = text.count("\n") + 1

    assert str(tree) == text
    assert all(1 <= problem.span.line <= lines for problem in tree.problems)
    for directive in tree.walk():
        assert _placed(directive, text)
    json.dumps([problem.span.to_json() for problem in tree.problems])


def _placed(directive: Directive, text: str) -> bool:
    words = directive.words
    return 0 <= directive.start <= directive.end <= len(text) and (
        not words or words[0].value == directive.name or directive.name == ""
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [("0", 0), ("080", 80), ("9" * 5000, None), ("²", None), ("٣", None), ("-1", None), ("", None), ("1k", None)],
)
def test_a_number_is_what_nginx_takes_for_one(word: str, expected: int | None) -> None:
    """Not what Python's ``isdigit`` and ``int`` do."""
    assert number(word) == expected
