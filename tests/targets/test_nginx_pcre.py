"""Regular expressions as PCRE has them: against the library itself, and never for long."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxycfg import pcre
from tests.targets import pcre_library

MATCHES = {
    # pattern, text, ignore_case: the numbered groups, or None
    "end and the newline before it": (r"a$", "a\n", {}),
    "the very end": (r"a\z", "a\n", None),
    "the end as Z": (r"a\Z", "a\n", {}),
    "the beginning": (r"\Ab", "ab", None),
    "named": (r"^/(?<user>[^/]+)/(?P<rest>.*)$", "/a/b", {"1": "a", "2": "b"}),
    "possessive": (r"^a++a", "aaa", None),
    "atomic": (r"^(?>a|ab)c", "abc", None),
    "white space across": (r"^\h+$", " \t", {}),
    "any line end": (r"^a\Rb$", "a\r\nb", {}),
    "start moved": (r"a\Kb", "ab", {}),
    "numbers reset": (r"^(?|a(x)|b(y))$", "by", {"1": "y"}),
    "quoted": (r"^\Q.*\E$", ".*", {}),
    "bytes, not letters": (r"^..$", "é", {}),
    "letters where asked for": (r"(*UTF8)^.$", "é", {}),
    "digits are ASCII": (r"^\d$", "\u0663", None),
    "POSIX class": (r"^[[:alpha:]_][^[:space:]]$", "_x", {}),
    "lazy": (r"^(a+?)(a*)$", "aaa", {"1": "a", "2": "aa"}),
    "last round of a loop": (r"^(?:/([a-z]+))+$", "/a/b/c", {"1": "c"}),
    "a loop that takes nothing": (r"^(a*)*$", "b", None),
    "group that took no part": (r"^(a)?(b)$", "b", {"1": "", "2": "b"}),
    "reference": (r"^(.)\1$", "aa", {"1": "a"}),
    "look behind": (r"(?<!\.min)\.js$", "/a.min.js", None),
    "brace that counts nothing": (r"^a{x}$", "a{x}", {}),
    "flag in the middle": (r"^a(?i)b$", "aB", {}),
    "Python takes this dollar otherwise": (r"(?m)^b$", "a\nb\n", {}),
}


@pytest.mark.parametrize("case", MATCHES)
def test_it_matches_as_pcre_does(case: str) -> None:
    """Where Python's own means something else, or nothing."""
    pattern, text, expected = MATCHES[case]
    found = pcre.find(pattern, text, ignore_case=False)

    assert (None if found is None else found.numbered) == expected
    if pcre_library.available():
        assert pcre_library.find(pattern, text, ignore_case=False) == expected


def test_names_and_numbers_hold_the_same() -> None:
    """A named group is numbered, too."""
    found = pcre.find("^(?<a>x)(?'b'y)?", "x", ignore_case=False)

    assert found == pcre.Match({"1": "x", "2": ""}, {"a": "x", "b": ""})


HOSTILE = [
    ("(a+)+$", "a" * 40 + "!"),
    ("(a|a)*$", "a" * 40 + "!"),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60),
    ("(.*)(.*)(.*)(.*)(.*)x", "a" * 400),
    ("(a?){60}a{60}", "a" * 60),
    ("(?:a{0,65535}){0,65535}b", "a" * 5000),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE)
def test_a_pattern_that_never_ends_is_given_up(pattern: str, text: str) -> None:
    """After so many steps, or so deep a recursion: nobody knows, and that is what is said."""
    with pytest.raises(pcre.Undecided, match=r"steps|too often"):
        pcre.find(pattern, text, ignore_case=False)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?R)",
        "a(?1)(b)",
        "(?(1)a|b)",
        "(*FAIL)",
        r"\p{L}",
        "(",
        ")",
        "[a",
        "a\\",
        "*",
        "a{2,1}",
        "[b-a]",
        "(" * 3000,
        "(?<=a*)b",
    ],
)
def test_what_is_not_followed_or_refused_is_said(pattern: str) -> None:
    """No match is claimed, and none is denied."""
    with pytest.raises(pcre.Undecided):
        pcre.find(pattern, "aab", ignore_case=False)


def test_steps_grow_with_the_text_alone_for_ordinary_patterns() -> None:
    """Counted: a path twice as long costs twice the steps, far below the bound."""

    def steps(text: str) -> int:
        program = pcre._compiled(r"\.(?:png|jpe?g|css|js)$", False)
        assert program.find(text) is None
        return pcre.MAX_STEPS - program.left

    short, long = steps("/static/app.bundle" * 20), steps("/static/app.bundle" * 40)

    assert long <= 2 * short < pcre.MAX_STEPS / 20


PIECES = [
    "a",
    "b",
    "/",
    ".",
    "\\.",
    "\\d",
    "\\w",
    "\\s",
    "[ab]",
    "[^a/]",
    "[a-c]",
    "[[:alpha:]]",
    "[\\w.-]",
    "(",
    "(?:",
    "(?i)",
    "(?>",
    "(?=",
    "(?!",
    "(?<=",
    "(?<!",
    "(?<n>",
    "(?|",
    ")",
    ")",
    ")",
    ")",
    "|",
    "*",
    "+",
    "?",
    "*?",
    "+?",
    "++",
    "{1,2}",
    "{2}",
    "^",
    "$",
    "\\z",
    "\\Z",
    "\\A",
    "\\b",
    "\\B",
    "\\1",
    "\\k<n>",
    "\\h",
    "\\R",
    "\\Q.a\\E",
    "\\K",
    "é",
    "A",
    "-",
    "\\x61",
    "\\N",
    "(?i:",
    "(?-i)",
    "(?s)",
    "(?m)",
    "[]a]",
    "[^]a]",
    "\\n",
    "\\g{-1}",
    "\\H",
    "[^\\W]",
]
TEXT = ["a", "b", "c", "/", ".", "A", " ", "\n", "é", "-", "1", "\r"]


@pytest.mark.skipif(not pcre_library.available(), reason="libpcre2-8 is not on this machine")
@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9))
def test_random_patterns_agree_with_the_library(seed: int) -> None:
    """Wherever both decide."""
    made = random.Random(seed)
    pattern = "".join(made.choice(PIECES) for _ in range(made.randint(1, 9)))
    pattern += ")" * max(0, pattern.replace("\\(", "").count("(") - pattern.count(")"))
    text = "".join(made.choice(TEXT) for _ in range(made.randint(0, 7)))
    ignore_case = made.random() < 0.3
    try:
        expected = pcre_library.find(pattern, text, ignore_case=ignore_case)
        found = pcre.find(pattern, text, ignore_case=ignore_case)
    except (pcre_library.Refused, pcre.Undecided):
        return

    assert (None if found is None else found.numbered) == expected, (pattern, text)
