"""TOML with places: each key and value is where an editor would show it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg.errors import InvalidInput
from proxycfg.source import Source, Span
from proxycfg.tomldoc import parse
from tests.work import calls

TEXT = '''# a comment = 1
number = 1.5
[tool.proxycfg]   # not = "this
"fail-on" = 'x # y'
generate.out = "d"
list = ["a",  # no
  "b", {k = [1, 2], "q.r" = {}},
]
[[x.rows]]
text = """
fake = 1
[not.a.table]
"""
[x.rows.sub]
date = 1979-05-27 07:32:00
[[x.rows]]
text = 2
'''
DOCUMENT = parse(Source("f", TEXT))


def _cut(text: str, span: Span) -> str:
    lines = text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    return "\n".join(lines)[span.column - 1 :]


def _walk(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _walk(inner, (*path, key))


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("number",), "number", "1.5"), (("tool", "proxycfg"), "proxycfg", "proxycfg"),
        (("tool", "proxycfg", "fail-on"), '"fail-on"', "'x # y'"),
        (("tool", "proxycfg", "generate", "out"), "out", '"d"'),
        (("tool", "proxycfg", "list", 1), '"b"', '"b"'), (("tool", "proxycfg", "list", 2, "q.r"), '"q.r"', "{}"),
        (("tool", "proxycfg", "list", 2, "k", 1), "2", "2"),
        (("x", "rows", 0, "text"), "text", '"""\nfake = 1\n[not.a.table]\n"""'),
        (("x", "rows", 0, "sub", "date"), "date", "1979-05-27 07:32:00"), (("x", "rows", 1, "text"), "text", "2"),
    ],
)  # fmt: skip
def test_keys_and_values_have_places(path: tuple[str | int, ...], key: str, value: str) -> None:
    """Which slice to the words that they are."""
    assert key == _cut(TEXT, DOCUMENT.key_span_of(path))
    assert value == _cut(TEXT, DOCUMENT.span_of(path))


def test_a_place_that_is_not_there_is_that_of_its_parent() -> None:
    """And of the file, where there is none."""
    assert DOCUMENT.span_of(("tool", "proxycfg", "nope", "x")) == DOCUMENT.span_of(("tool", "proxycfg"))
    assert "f:1:1" == str(DOCUMENT.span_of(("nope",)))


def test_columns_do_not_count_the_carriage_return() -> None:
    """A file from Windows has the same places."""
    assert "f:2:1" == str(parse(Source("f", "a = 1\r\nb = 2\r\n")).key_span_of(("b",)))


_SCALARS = st.integers(-9, 9).map(str) | st.booleans().map(lambda b: str(b).lower()) | st.sampled_from(
    ['"x = 1"', "'#'", '""', "1.5", "1979-05-27", '"""a\n[b]\n"""', "'''\n'''", r'"\""', '"""a""""', r'"""\""""""']
)  # fmt: skip
_KEYS = st.sampled_from(["a", "b-c", '"d e"', "'='", "1", '"#"', "x.y", "x . 'z'"])
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[ # (\n{', '.join(items)}\n]")
        | st.lists(st.tuples(_KEYS, inner), max_size=2, unique_by=lambda pair: pair[0][0]).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs if "\n" not in value) + "}"
        )
    ),
    max_leaves=4,
)


@given(
    st.lists(st.tuples(st.sampled_from(["", "[t]\n", "[[u]]\n", "[u.v]\n", "[t.'w w']\n"]), _KEYS, _VALUES), max_size=5)
)
def test_everything_that_toml_holds_has_a_place(statements: list[tuple[str, str, str]]) -> None:
    """Whatever the parser takes, the walk over its text follows: no path is missing, and each key slices to itself."""
    text = "".join(f"{table}{key} = {value}\n" for table, key, value in statements)
    try:
        document = parse(Source("f", text))
    except InvalidInput:
        return
    for path in _walk(document.data):
        assert path in document._places, path
        if isinstance(path[-1], str):
            assert path[-1] == _cut(text, document.key_span_of(path)).strip("\"'")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = \n", "f:1:5: this is not TOML: Invalid value"),
        ("a = 1\na = 2\n", "f:2:6: this is not TOML: Cannot overwrite a value"),
        ("[a\n", "f:1:3: this is not TOML"), ("a = [", "f:1:6: this is not TOML"),
        (f"a = {'[' * 5000}", "f:1:1: nested too deeply to be read"),
        (f"a = {'9' * 5000}", "f:1:1: this is not TOML: Exceeds the limit"),
    ],
)  # fmt: skip
def test_what_is_not_toml_is_placed(text: str, said: str) -> None:
    """By the parser, where it knows."""
    with pytest.raises(InvalidInput) as caught:
        parse(Source("f", text))

    assert str(caught.value).startswith(said)


def test_the_work_grows_with_the_text() -> None:
    """And no faster."""
    small, large = (
        calls(lambda n=n: parse(Source("f", "".join(f"k{i} = [1, 2]\n" for i in range(n))))) for n in (200, 800)
    )  # type: ignore[misc]

    assert large < small * 4.5
