"""Recordings: what is written reads back, and what is none is refused with its place."""

from __future__ import annotations

import pytest

from proxycfg.errors import InvalidInput
from proxycfg.source import Source
from proxycfg.timeline import Event, from_lines, to_lines

BEGIN = Event(0.0, 0, "probe", {"probe": "outside", "url": "http://a/", "protocol": "sse"})


def test_a_recording_reads_back() -> None:
    """Facts of every JSON type included."""
    timeline = (
        BEGIN,
        Event(0.25, 1, "head", {"status": 200, "headers": [["a", "ü"]]}),
        Event(1.5, 1, "end", {"how": "cut"}),
    )

    assert from_lines(Source("r.jsonl", to_lines(timeline))) == timeline


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "1:1"),
        ("\n\n", "1:1"),
        ("no JSON\n", "1:1"),
        ('{"at": 0, "exchange": 1, "what": "sent"}\n', "1:1"),
        (to_lines([BEGIN]) + "[]\n", "2:1"),
        (to_lines([BEGIN]) + '{"at": true, "exchange": 1, "what": "x"}\n', "2:1"),
        (to_lines([BEGIN]) + '{"at": 1, "exchange": "1", "what": "x"}\n', "2:1"),
    ],
)
def test_what_is_no_recording_is_refused(text: str, place: str) -> None:
    """With the line that is wrong."""
    with pytest.raises(InvalidInput) as caught:
        from_lines(Source("r.jsonl", text))

    assert str(caught.value).startswith(f"r.jsonl:{place}: ")
