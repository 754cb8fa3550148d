"""YAML as plain data with places, and within bounds."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from proxycfg import yamldoc
from proxycfg.errors import MAX_PROBLEMS, InvalidInput
from proxycfg.source import Source, Span
from proxycfg.yamldoc import Document, called, lines_of, parse


def _parse(text: str) -> Document:
    return parse(Source("f.yaml", text))


def _problems(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        _parse(text)
    return [str(problem).splitlines()[0] for problem in caught.value.problems]


def _slice(text: str, span: Span) -> str:
    """What a span covers, as the user would mark it."""
    lines = text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


# ---- values ----


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None), ("true", True), ("True", True), ("FALSE", False),
        ("0", 0), ("010", 10), ("-5", -5), ("+5", 5), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("1:30", "1:30"), ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"), (".inf", ".inf"), (".nan", ".nan"), ("nan", "nan"), ("2026-01-01", "2026-01-01"),
        ("=", "="),
        ("'5'", "5"), ('"true"', "true"), ("''", ""), ("! 5", "5"), ("!!str 5", "5"), ('"\\u00e9"', "é"),
        ("1e999", float("inf")),
        ("9" * 300, int("9" * 300)), ("9" * 301, "9" * 301),
    ],
)  # fmt: skip
def test_a_scalar_is_what_it_looks_like(text: str, value: object) -> None:
    """YAML 1.2's words and decimal numbers; everything else is text, and so is everything quoted."""
    found = _parse(f"key: {text}\n").data

    assert {"key": value} == found
    assert type(value) is type(found["key"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}), ("a: >\n  one\n  two\n", {"a": "one two\n"}),
        ("- a\n- - b\n  - c\n", ["a", ["b", "c"]]),
        ("{a: [1, {b: c}]}\n", {"a": [1, {"b": "c"}]}), ("a:\n  b:\n", {"a": {"b": None}}),
        ("- a: 1\n  b: 2\n", [{"a": 1, "b": 2}]),
        ("---\na: 1\n...\n", {"a": 1}), ("%YAML 1.2\n---\na: 1\n", {"a": 1}),
        ("200: a\ntrue: b\n~: c\n", {"200": "a", "true": "b", "~": "c"}),
        ("? a\n: b\n", {"a": "b"}), ("[a: 1]\n", [{"a": 1}]), ("", None), ("# only a comment\n", None),
        ("word\n", "word"),
        ("&k 200: a\n*k : b\n".replace("\n*k : b", ""), {"200": "a"}), ('{"a": 1,\n\t"b": [2]}\n', {"a": 1, "b": [2]}),
    ],
)  # fmt: skip
def test_a_document_is_plain_data(text: str, value: object) -> None:
    """Blocks, flows, JSON, text over several lines; keys are what stands in the text."""
    assert value == _parse(text).data


@pytest.mark.parametrize("text", ["a: 1\r\nb: 2\r\n", "a: 1\rb: 2\r", "a: 1\nb: 2", "\ufeffa: 1\nb: 2\n"])
def test_line_ends_and_byte_order_marks_do_not_matter(text: str) -> None:
    """Files come from every system."""
    assert {"a": 1, "b": 2} == _parse(text).data


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc é", min_size=1, max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_json_is_yaml(value: Any) -> None:
    """Whatever a program writes as JSON is read as it was meant."""
    assert value == _parse(json.dumps(value, ensure_ascii=False)).data
    assert value == _parse(json.dumps(value, indent="\t", ensure_ascii=False)).data


# ---- places ----


@pytest.mark.parametrize(
    ("text", "path", "key", "value"),
    [
        ("a: 1\nb: two words # no\n", ("b",), "b", "two words"),
        ("a:\n  - x\n  - {y: 'z'}\n", ("a", 1, "y"), "y", "'z'"),
        ("a:\n  - x\n  - {y: 'z'}\n", ("a", 1), "{y: 'z'}", "{y: 'z'}"),
        ("a:\n  - x\n", ("a", 0), "x", "x"),
        ("a: [b, [c, d]]\n", ("a", 1), "[c, d]", "[c, d]"),
        ("a:\n  b: 1\n  c: 2\n\n# far below\n\nd: 3\n", ("a",), "a", "b: 1\n  c: 2"),
        ("a: [1,\n  2]\n", ("a",), "a", "[1,\n  2]"),
        ("a: &x 5\nb: *x\n", ("b",), "b", "*x"),
        ("a: {}\n", ("a",), "a", "{}"),
        ("日本: ü\n", ("日本",), "日本", "ü"),
        ("a:\n", ("a",), "a", ""),
        ("200: x\n", ("200",), "200", "x"),
    ],
)
def test_every_key_and_value_has_its_place(text: str, path: yamldoc.Path, key: str, value: str) -> None:
    """A span slices to the words it names; a block ends with its last value, not where the next one starts."""
    document = _parse(text)

    assert value == _slice(text, document.span_of(path))
    assert key == _slice(text, document.key_span_of(path))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), "1:1"),
        (("a",), "2:3"),
        (("a", "z"), "2:3"),
        (("a", "b", "c", 7), "2:6"),
        (("z",), "1:1"),
        (("a", 0), "2:3"),
        (("l", -1), "3:4"),
    ],
)
def test_what_is_not_there_is_placed_at_its_nearest_parent(path: yamldoc.Path, place: str) -> None:
    """A missing field is reported where it should stand."""
    span = _parse("a:\n  b: 1\nl: [x]\n").span_of(path)

    assert place == f"{span.line}:{span.column}"


def test_lines_and_columns_count_characters_from_one() -> None:
    """Not bytes: editors count as people do. An emoji is one character."""
    span = _parse("# 路由\na: {😀: 5, b: 6}\n").span_of(("a", "b"))

    assert (2, 14, 2, 15) == (span.line, span.column, span.end_line, span.end_column)


@pytest.mark.parametrize("text", ["a\n", "a", "a\nb\r\nc\rd\x85e\u2028f\u2029g", "", "\n", "a\n\n"])
def test_lines_are_those_that_the_places_speak_of(text: str) -> None:
    """The line of a span is its excerpt, whichever of YAML's line ends the file has."""
    expected = {"a\n": ["a"], "a": ["a"], "": [], "\n": [""], "a\n\n": ["a", ""]}.get(text, list("abcdefg"))

    assert expected == lines_of(text)


def test_a_problem_shows_its_line() -> None:
    """The excerpt is the line on which the span starts."""
    document = _parse("a: 1\nb: 2\n")

    assert "b: 2" == document.problem(document.span_of(("b",)), "wrong").excerpt
    assert "" == document.excerpt(Span("f.yaml", 9, 1, 9, 1))


# ---- what is refused ----


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key `a` is written twice (first on line 1)"),
        ("{a: 1, b: 2, 'a': 3}", "f.yaml:1:14: key `a` is written twice (first on line 1)"),
        ("200: a\n'200': b\n", "f.yaml:2:1: key `200` is written twice (first on line 1)"),
        ("? [a]\n: b\n", "f.yaml:1:3: a key must be text, not a list"),
        ("? {a: b}\n: b\n", "f.yaml:1:3: a key must be text, not a mapping"),
        ("'': b\n", "f.yaml:1:1: a key must be text, not the text ``"),
        ("? \n: b\n", "f.yaml:1:2: a key must be text, not nothing"),
        ("{: b}\n", "f.yaml:1:2: not valid YAML: a name or value is missing here"),
        ('"\\ud83d\\ude00"\n', "f.yaml:1:4: not valid YAML: half a character in an escape"),
        ("a: *b\n", "f.yaml:1:4: alias *b refers to nothing above it"),
        ("a: &b [*b]\n", "f.yaml:1:8: alias *b stands inside the value that it refers to"),
        ("a: !x 1\n", "f.yaml:1:4: tag !x has no meaning here"),
        ("a: !!int 1\n", "f.yaml:1:4: tag !!int has no meaning here"),
        ("a: !!set {b}\n", "f.yaml:1:4: tag !!set has no meaning here"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document starts here"),
        ("a: \x00\n", "f.yaml:1:4: character U+0000 is not allowed in YAML"),
        ("a:\r\n  \x1b\n", "f.yaml:2:3: character U+001B is not allowed in YAML"),
        ("a: \ud800\n", "f.yaml:1:4: character U+D800 is not allowed in YAML"),
        ("a: \ufffe\n", "f.yaml:1:4: character U+FFFE is not allowed in YAML"),
        ("\x7f", "f.yaml:1:1: character U+007F is not allowed in YAML"),
        ("a:\n\tb: 1\n", "f.yaml:2:1: not valid YAML: a tab where spaces are needed"),
        ("a:\n  b: 1\n\tc: 2\n", "f.yaml:3:1: not valid YAML: a tab where spaces are needed (see line 2)"),
        ("\ta: 1\n", "f.yaml:1:1: not valid YAML: a tab where spaces are needed"),
        ("a: *.example.com\n", "f.yaml:1:4: not valid YAML: a value cannot start with a bare * or &"),
        ("a: [*]\n", "f.yaml:1:5: not valid YAML: a value cannot start with a bare * or &"),
        ("a: @b\n", "f.yaml:1:4: not valid YAML: a value cannot start with @"),
        ("a: `b`\n", "f.yaml:1:4: not valid YAML: a value cannot start with `"),
        ("a: 'b\n---\nc'\n", "f.yaml:1:4: not valid YAML: the quote that opens here is never closed"),
        ("%YAML 3.0\n---\na\n", "f.yaml:1:1: not valid YAML: no such version of YAML"),
        ("%FOO\n", "f.yaml:1:1: not valid YAML: a line cannot start with a bare %"),
        ("a: !<x\n", "f.yaml:1:4: not valid YAML: a value cannot start with a bare !"),
        ("a: !e!x 1\n", "f.yaml:1:4: not valid YAML: a value cannot start with a bare !"),
        ("a: >b\n", "f.yaml:1:5: not valid YAML: text after | or > belongs on the next line"),
        ("a: 'b\n", "f.yaml:1:4: not valid YAML: the quote that opens here is never closed"),
        ('a: "b\nc: d\n', "f.yaml:1:4: not valid YAML: the quote that opens here is never closed"),
        ('a: "\\d"\n', "f.yaml:1:5: not valid YAML: no such escape in double quotes"),
        ("a: [b\n", "f.yaml:1:4: not valid YAML: the bracket that opens here is never closed"),
        ("a: {b: 1", "f.yaml:1:4: not valid YAML: the bracket that opens here is never closed"),
        ("a: [b\nc: d\n", "f.yaml:2:2: not valid YAML: `,` or `]` is missing here (see line 1)"),
        ("a: {b: c\nd: e\n", "f.yaml:2:2: not valid YAML: `,` or `}` is missing here (see line 1)"),
        ("{a:}\n", "f.yaml:1:3: not valid YAML: a space is missing after the colon"),
        ("a: }\n", "f.yaml:1:4: not valid YAML: a name or value is missing here"),
        ("a: [1,,2]\n", "f.yaml:1:7: not valid YAML: a name or value is missing here"),
        ("a: b: c\n", "f.yaml:1:5: not valid YAML: a colon that fits nothing here"),
        ("a\nb: 1\n", "f.yaml:2:2: not valid YAML: a colon that fits nothing here"),
        ("a: - b\n", "f.yaml:1:4: not valid YAML: a list cannot start on this line"),
        ("a: 'b' c\n", "f.yaml:1:8: not valid YAML: this does not belong to what stands above"),
        ("  a: 1\nb: 2\n", "f.yaml:2:1: not valid YAML: this does not belong to what stands above"),
        ("- a\nb: c\n", "f.yaml:2:1: not valid YAML: this is not an item of the list above (see line 1)"),
        ("a: 1\nb\n", "f.yaml:2:1: not valid YAML: this is neither `name: value` nor the end of a value"),
    ],
)  # fmt: skip
def test_what_is_no_plain_document_is_refused(text: str, said: str) -> None:
    """With the place and, where PyYAML speaks of scanners and flow nodes, in words for people."""
    assert [said] == _problems(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: [b\n",
        "a: [b\nc: d\n",
        "a: {b: 1",
        "a: @b\n",
        "a: 'b\n",
        "- a\nb: c\n",
        "a: 'b' c\n",
        "a: b: c\n",
        "a: - b\n",
        "a:\n\tb: 1\n",
    ],
)
def test_a_pyyaml_without_libyaml_will_do(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scanner in Python says the same in other words: the user reads the same words of ours."""
    expected = _problems(text)
    monkeypatch.setattr(yamldoc, "_Loader", yaml.SafeLoader)

    assert expected == _problems(text)


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Duplicates, tags and aliases do not hide each other."""
    expected = [
        "f.yaml:2:1: key `a` is written twice (first on line 1)",
        "f.yaml:3:4: tag !x has no meaning here",
        "f.yaml:4:4: alias *y refers to nothing above it",
    ]

    assert expected == _problems("a: 1\na: 2\nb: !x 1\nc: *y\n")


def test_a_hundred_problems_are_enough() -> None:
    """A file of another kind does not fill the screen, nor take long."""
    assert MAX_PROBLEMS == len(_problems("[" + "*a," * 100_000 + "]"))


# ---- bounds ----


def test_aliases_are_followed() -> None:
    """Each stands for the value that it refers to, in its own place."""
    document = _parse("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]\n")

    assert {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": [{"b": [1, 2]}] * 2} == document.data
    assert "f.yaml:2:4" == str(document.span_of(("c",)))
    assert "f.yaml:3:9" == str(document.span_of(("d", 1)))
    assert "f.yaml:1:11" == str(document.span_of(("c", "b")))


def test_aliases_that_multiply_are_refused_at_once() -> None:
    """The billion laughs cost neither time nor memory: sizes are counted, not built."""
    laughs = (
        "a0: &a0 ["
        + "x," * 9
        + "x]\n"
        + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
    )
    tracemalloc.start()
    said = _problems(laughs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert ["f.yaml:6:38: more than 1,000,000 values, counting what aliases repeat"] == said
    assert peak < 2**20


def test_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without aliases too, so that no file can take all memory."""
    monkeypatch.setattr(yamldoc, "MAX_NODES", 100)

    assert ["f.yaml:100:3: more than 100 values, counting what aliases repeat"] == _problems("- a\n" * 1000)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_has_an_end(opening: str) -> None:
    """32 levels are deeper than any config; a million cost no more than 33."""
    said = _problems(opening * 100_000)

    assert 1 == len(said)
    assert said[0].endswith("nested more than 32 levels deep")


def test_nesting_up_to_the_end_is_read() -> None:
    """The bound is what it says."""
    text = "[" * 32 + "]" * 32

    assert text == json.dumps(_parse(text).data).replace(" ", "")
    assert 1 == len(_problems("[" * 33 + "]" * 33))


@given(st.text(st.sampled_from(list("ab:,-[]{}#&*!|>'\"%@`? \n\t\\\r0é\x85\u2028")), max_size=40))
@example("---")
@example("a: 1\n---")
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str) -> None:
    """No exception but ours, and no place that an editor could not show."""
    try:
        document = _parse(text)
    except InvalidInput as error:
        spans = [problem.span for problem in error.problems]
    else:
        spans = [document.span_of(())]
    lines = lines_of(text) or [""]

    for span in spans:
        assert 1 <= span.line <= len(lines)
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1


@given(st.text(max_size=40))
def test_any_unicode_is_read_or_refused(text: str) -> None:
    """Surrogates, controls and private characters included."""
    try:
        _parse(text)
    except InvalidInput as error:
        assert error.problems  # noqa: PT017 - either way is fine


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"), (True, "true"), (5, "the number 5"), (1.5, "the number 1.5"), ("x", "the text `x`"),
        ([], "a list"), ({}, "a mapping"),
        ("y" * 100, f"the text `{'y' * 60}…`"),
    ],
)  # fmt: skip
def test_a_value_has_a_name_for_messages(value: object, words: str) -> None:
    """In the words of the file, not of Python."""
    assert words == called(value)
