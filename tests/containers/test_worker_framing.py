"""How the Worker cuts a stream into whole units: its own module, in its own runtime, on streams and cuts that nobody thought of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxycfg.origin import Origin
from tests.clients.http import Connection
from tests.clients.sse import Event, Parser
from tests.containers.raw_origin import RawOrigin
from tests.containers.worker_checks import TRICKY
from tests.containers.worker_stand import serve, with_code
from tests.engines import Proxies

BENCH = """\
import { WholeUnits, WithoutMark, endOfEvents, endOfLines } from "./framing.js";

export default {
  async fetch(request) {
    const { pieces, lines, limit } = await request.json();
    const units = new WholeUnits(lines ? endOfLines : endOfEvents, limit);
    const mark = new WithoutMark();
    const out = [];
    for (const piece of pieces) {
      const bytes = Uint8Array.from(piece);
      const whole = units.push(lines ? bytes : mark.push(bytes));
      out.push({ whole: [...(whole ?? [])], midway: units.midway });
    }
    return Response.json({ out, rest: [...units.rest] });
  },
};
"""
"""Answers with what the module makes of the pieces in the request, one by one."""

MARK = b"\xef\xbb\xbf"
COMMENT = b": keep-alive\n\n"
FAILED = b"event: error\ndata: failed\n\n"
NO_LIMIT = 1 << 20
EMPTY_LINE = re.compile(rb"(\r\n|\n|\r(?!\n)){2}\Z")

events = st.lists(
    st.sampled_from([
        b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"data: a", b"data:", b"data", b"id: 1", b"id", b"event: b", b":", b": c", b"retry: 5",
        MARK, "data: \N{ROCKET}".encode(), "\N{LINE SEPARATOR}\N{NEXT LINE}".encode(), b" ", b"\x00", b"\xff",
    ]),
    max_size=20,
).map(b"".join)  # fmt: skip
lines = st.lists(st.sampled_from([b"\n", b"\r\n", b'{"n": 1}', b"2", b"\r", "\N{ROCKET}".encode()]), max_size=20).map(
    b"".join
)


@dataclass(frozen=True)
class Cut:
    """What came of a stream: after each piece what has left and whether that ends inside of a unit; and what was kept."""

    left: tuple[bytes, ...]
    midway: tuple[bool, ...]
    rest: bytes


@dataclass(frozen=True)
class Bench:
    """The module, one request away."""

    connection: Connection

    def cut(self, pieces: list[bytes], *, limit: int = NO_LIMIT, lines: bool = False) -> Cut:
        """Push the pieces, one by one."""
        body = json.dumps({"pieces": [list(piece) for piece in pieces], "lines": lines, "limit": limit}).encode()
        answer = self.connection.request("/", method="POST", body=body).answer()
        assert answer.status == 200, answer.body
        seen = json.loads(answer.body)
        return Cut(
            tuple(bytes(each["whole"]) for each in seen["out"]),
            tuple(each["midway"] for each in seen["out"]),
            bytes(seen["rest"]),
        )


@pytest.fixture(scope="module")
def bench(proxies: Proxies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One Worker for all examples, on one connection."""
    folder = tmp_path_factory.mktemp("framing")
    with Origin.start() as origin, RawOrigin.start() as raw, proxies.scope() as start:
        worker = serve(start, folder, origin, raw, with_code(BENCH), patience=10.0)
        with worker.client.connect() as connection:
            yield Bench(connection)


def _cuts(text: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def _events(text: bytes) -> list[tuple[str, str, str]]:
    # With a CR at the very end the parser waits for an LF, for which the Worker need not wait.
    items = Parser().feed(text + b"\n" * text.endswith(b"\r"), 0.0)
    return [(item.type, item.data, item.id) for item in items if isinstance(item, Event)]


places = st.lists(st.integers(0, 400), max_size=12)
# At the least a CR LF that is an event by itself, and none.
limits = st.one_of(st.integers(2, 12), st.just(NO_LIMIT))


@pytest.mark.engine
@given(text=events, places=places)
@example(text=TRICKY, places=list(range(len(TRICKY))))
@example(text=MARK, places=[1, 2])
@example(text=b"data: a\r\r\ndata: b\n\r\n", places=list(range(20)))
def test_a_comment_behind_each_piece_changes_no_event(bench: Bench, text: bytes, places: list[int]) -> None:
    """Whatever has left at any time ends between two events; and it is all that the origin sent, in order, but for the mark."""
    cut = bench.cut(_cuts(text, places))

    whole = text.removeprefix(MARK)
    if len(text) >= len(MARK):
        assert b"".join(cut.left) + cut.rest == whole
    assert _events(COMMENT + b"".join(left + COMMENT for left in cut.left) + cut.rest) == _events(text)
    assert not any(cut.midway)


@pytest.mark.engine
@given(text=events, places=places, limit=limits)
@example(text=TRICKY, places=list(range(len(TRICKY))), limit=NO_LIMIT)
@example(text=TRICKY, places=list(range(len(TRICKY))), limit=2)
@example(text=TRICKY, places=list(range(len(TRICKY))), limit=3)
@example(text=TRICKY, places=list(range(len(TRICKY))), limit=4)
def test_an_event_leaves_with_its_last_byte(bench: Bench, text: bytes, places: list[int], limit: int) -> None:
    """None waits for the next piece, and it is known whether what has left ends with one."""
    pieces = _cuts(text, places)
    cut = bench.cut(pieces, limit=limit)

    for came, left, midway in zip(accumulate(pieces), accumulate(cut.left), cut.midway, strict=True):
        assert _events(came) == _events(COMMENT + left + b"\n")[: len(_events(came))]
        assert not (midway and EMPTY_LINE.search(came))
        assert midway or not left or EMPTY_LINE.search(left)


@pytest.mark.engine
@given(text=events, places=places)
@example(text=TRICKY, places=list(range(len(TRICKY))))
def test_an_error_behind_each_piece_stands_alone(bench: Bench, text: bytes, places: list[int]) -> None:
    """An origin may break at any time: what has left and the error behind it are whole events."""
    pieces = _cuts(text, places)
    cut = bench.cut(pieces)

    for left in accumulate(cut.left):
        *before, last = _events(COMMENT + left + FAILED)
        assert last[:2] == ("error", "failed")
        assert before == _events(COMMENT + left + b"\n")


@pytest.mark.engine
@given(text=events, places=places, limit=limits)
@example(text=TRICKY, places=list(range(len(TRICKY))), limit=4)
def test_an_event_beyond_the_limit_passes_in_parts(bench: Bench, text: bytes, places: list[int], limit: int) -> None:
    """Nothing is lost, little is kept, and comments where none is midway still change no event."""
    pieces = _cuts(text, places)
    cut = bench.cut(pieces, limit=limit)

    whole = text.removeprefix(MARK)
    if len(text) >= len(MARK):
        assert b"".join(cut.left) + cut.rest == whole
    # The runtime's pieces are far smaller than the Worker's limit.
    assert len(cut.rest) <= max(limit, *map(len, pieces))
    filled = (left + (b"" if midway else COMMENT) for left, midway in zip(cut.left, cut.midway, strict=True))
    assert _events(COMMENT + b"".join(filled) + cut.rest) == _events(text)


@pytest.mark.engine
@given(text=lines, places=places, limit=limits)
def test_lines_leave_whole(bench: Bench, text: bytes, places: list[int], limit: int) -> None:
    """Lines end with LF alone, and each leaves with it."""
    pieces = _cuts(text, places)
    cut = bench.cut(pieces, limit=limit, lines=True)

    assert b"".join(cut.left) + cut.rest == text
    for came, left, midway in zip(accumulate(pieces), accumulate(cut.left), cut.midway, strict=True):
        assert midway or left == came[: came.rfind(b"\n") + 1]
