"""The script language says no to everything it does not understand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg.origin import ScriptError, parse, reference
from proxycfg.origin.steps import HEADS, STEPS, Comment, Event, Gate, Head, Key, Raw, Rst, Wait


def test_a_script_reads_as_its_steps() -> None:
    """Every kind of word: a bare value, options, quotes, escapes, repetition, an empty last step."""
    script = parse(
        r'key k1; wait .5; sse xab=no cookie="a=b; Path=/" cookie="c=d" header="X-A: 1"; '
        r'event n=3 gap=0.2 size=64 gate=g; comment "two words"; gate; raw "a\n\"b\"\\"; rst code=8;'
    )

    assert script.steps == (
        Key(name="k1"),
        Wait(seconds=0.5),
        Head(format="sse", xab="no", cookie=("a=b; Path=/", "c=d"), header=(("X-A", "1"),)),
        Event(n=3, gap=0.2, size=64, gate="g"),
        Comment(text="two words"),
        Gate(),
        Raw(text='a\n"b"\\'),
        Rst(code=8),
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [("key a; sse; gate b", "a"), ("sse; event gate=b; gate c", "b"), ("sse; event", "")],
)
def test_the_key_is_the_first_name_in_the_script(text: str, key: str) -> None:
    """A ``key`` step, else the first gate."""
    assert parse(text).key == key


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "begins with its name"),
        ("   ", "begins with its name"),
        (";", "begins with its name"),
        ("sse;; event", "begins with its name"),
        ("evnt", "unknown step"),
        ("sse; Event", "unknown step"),
        ("sse events=5", "unknown option events"),
        ("sse; event n=0", "whole number from 1"),
        ("sse; event n=1e3", "whole number from 1"),
        ("sse; event n=-1", "whole number from 1"),
        ("sse; event n=²", "whole number from 1"),
        ("sse; event n=" + "9" * 5000, "whole number from 1"),
        ("sse; event n=1 n=2", "given twice"),
        ("sse; event gap=nan", "seconds"),
        ("sse; event gap=1e3", "seconds"),
        ("sse; wait 86401", "at most a day"),
        ("sse; wait", "needs how long"),
        ("sse; wait 1 2", "does not take '2'"),
        ("sse; wait 1 seconds=2", "does not take '1'"),
        ("sse; event 5", "does not take '5'"),
        ("sse xab", "does not take 'xab'"),
        ("sse hold=1", "yes or no"),
        ("sse framing=h2", "one of auto, chunked"),
        ("sse cache=max-age=5", "cannot read"),
        ('sse cache="max-age', "cannot read"),
        (r'sse; raw "\x"', "is not an escape"),
        ('sse header="X-A 1"', "a header"),
        ('sse header="X-A: 1\\r\\nX-B: 2"', "printable"),
        ('sse xab="no\\r\\nX: y"', "printable"),
        ("event", "needs a head"),
        ("wait 1", "never answers"),
        ("rst when=first", "never answers"),
        ("sse; json", "headers were sent by sse"),
        ("sse; info 103", "cannot be written in sse"),
        ("json; event", "cannot be written in json"),
        ("sse; echo", "cannot be written in sse"),
        ("sse; close 1000", "cannot be written in sse"),
        ("text; ping", "cannot be written in text"),
        ("ws; retry 5", "cannot be written in ws"),
        ("ws status=200", "status means nothing to ws"),
        ("text resume=yes", "resume means nothing to text"),
        ("sse; rst; event", "never reached"),
        ("sse; hang; fin", "never reached"),
        ("fail 5; grpc", "never reached"),
        ("sse; key k", "comes first"),
        ("sse; gate", "has no name"),
        ('sse; gate "a b"', "letters, digits"),
        ("text framing=length; echo", "needs length=N"),
        ("sse framing=length gzip=yes; event", "needs length=N"),
        ("sse; event n=4 batch=2 gate=k", "exclude each other"),
        ("fail 17", "whole number from 1 to 16"),
        ("ws; close 999", "whole number from 1000"),
    ],
)  # fmt: skip
def test_mistakes_are_named(text: str, why: str) -> None:
    """A script that would not do what it seems to say is refused, with the reason."""
    with pytest.raises(ScriptError) as caught:
        parse(text)

    assert why in str(caught.value)


@given(
    st.one_of(
        st.text(), st.lists(st.sampled_from([*HEADS, *STEPS, "n=2", "1", ";", "gate=k", '"', "\\"])).map(" ".join)
    )
)
def test_only_script_errors_leave_the_parser(text: str) -> None:
    """Whatever a client sends is a script or a ``ScriptError``."""
    try:
        steps = parse(text).steps
    except ScriptError:
        return
    assert steps


def test_the_manual_has_every_word() -> None:
    """``reference`` is made from the table of steps, so nothing is missing from it."""
    manual = reference()

    assert all(f"  {name}" in manual for name in [*HEADS, *STEPS])
    assert "gap=" in manual
