"""What the Worker promises, one function a promise: each asserts it of whatever Worker stands there.

In lock-step wherever something must come before something else is sent; nothing here is timed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import openai
import pytest

from tests.clients import chat, ndjson
from tests.clients.http import Answer, Call, Client
from tests.clients.sse import Comment, Event, EventSource, Item, Parser, Stream, listen
from tests.clients.websocket import Closed, open_socket
from tests.containers.raw_origin import EVENTS, LAST, LINES, Play, chunk
from tests.containers.stage import fresh
from tests.containers.worker_stand import WorkerStand

Check = Callable[[WorkerStand], None]

TRICKY = (
    b"\xef\xbb\xbfid: 1\ndata: one\n\n"
    b": a comment\r\nevent: two\r\ndata: zw\xc3\xb6i\r\ndata:\xf0\x9f\x9a\x80\r\n\r\n"
    b"retry: 5\rid: 3\rdata: three\r\r"
    b":\n\n\n\ndata\n\nid\nevent:x\rdata: mixed\n\r\n"
)
"""Every way to end a line, a mark at the front, characters of two and four bytes, comments, fields without a value."""


def _parsed(text: bytes) -> list[Item]:
    return list(Parser().feed(text + b"\n", 0.0))


def _events(items: list[Item]) -> list[tuple[str, str, str]]:
    return [(item.type, item.data, item.id) for item in items if isinstance(item, Event)]


def _failure(event: Event | None) -> dict[str, Any]:
    """What an error event says, once its shape is what is documented."""
    assert event is not None
    assert event.type == "error"
    told = json.loads(event.data)
    assert told.keys() == {"type", "error"}
    assert told["type"] == "error"
    assert told["error"].keys() == {"type", "code", "message", "status"}
    assert told["error"]["type"] == "upstream_error"
    return dict(told["error"])


# ---- delivery ----


def events_come_one_by_one(worker: WorkerStand) -> None:
    """The origin sends each event only once the one before has arrived."""
    key = fresh()
    with listen(worker.client, "/events", script=f"sse; event n=3 gate={key}") as stream:
        for number in ("1", "2", "3"):
            event = stream.next_event()
            assert event is not None
            assert event.data == number
            worker.origin.release(key)
        assert stream.next_event() is None
    assert stream.end == "clean"


def lines_come_one_by_one(worker: WorkerStand) -> None:
    """The same for JSON lines."""
    key = fresh()
    lines = ndjson.read_lines(worker.client, "/lines", script=f"ndjson; event n=3 gate={key}")
    with lines.call:
        assert len([worker.origin.release(key) for _ in lines]) == 3
    assert lines.call.end == "clean"


def huge_events_come_whole(worker: WorkerStand) -> None:
    """Below and beyond what is kept of one event, each before the next is sent."""
    key = fresh()
    sizes = (1 << 20, 3 << 20, 100)
    script = "; ".join(f"event size={size} gate={key}" for size in sizes)
    with listen(worker.client, "/events", script=f"sse; {script}") as stream:
        for number, size in enumerate(sizes, 1):
            event = stream.next_event()
            assert event is not None
            # The whole event is that large, with its id and its fields' names.
            assert (event.id, size - len(event.data) < 30) == (str(number), True)
            worker.origin.release(key)
        assert stream.next_event() is None


def a_compressed_stream_is_not_touched(worker: WorkerStand) -> None:
    """An origin that compresses unasked: each event can be read when it comes, and no comment lands between the bytes."""
    key = fresh()
    unzip = zlib.decompressobj(wbits=31)
    with worker.client.request("/events", script=f"sse gzip=force; event gate={key}; event gate={key}") as call:
        assert call.head().header("content-encoding") == "gzip"
        for number in (b"1", b"2"):
            text = b""
            while b"\n\n" not in text:
                piece = call.read()
                assert piece is not None
                text += unzip.decompress(piece.data)
            assert b"data: " + number in text
            worker.origin.release(key)
        rest = b"".join(piece.data for piece in call.pieces())
    assert unzip.decompress(rest) == b""
    assert unzip.eof


# ---- silence ----


def silence_is_filled(worker: WorkerStand) -> None:
    """Comments come as long as the origin is silent; what it sends then comes as ever."""
    key = fresh()
    with listen(worker.client, "/events", script=f"sse; event gate={key}; event") as stream:
        _await_comments(stream.next, 4)
        worker.origin.release(key)
        assert [event.data for event in stream] == ["2"]


def silence_before_the_headers_is_filled(worker: WorkerStand) -> None:
    """A client that takes nothing but events has them before the origin has decided on its answer."""
    for head in ("sse", "sse gzip=force"):
        key = fresh()
        with listen(worker.client, "/events", script=f"gate {key}; {head}; event") as stream:
            _await_comments(stream.next, 3)
            assert (stream.call.status, stream.call.header("content-type")) == (200, "text/event-stream")
            worker.origin.release(key)
            assert [event.data for event in stream] == ["1"]


def _await_comments(following: Callable[[], Item | None], count: int) -> None:
    comments = 0
    while comments < count:
        item = following()
        assert item is not None
        comments += isinstance(item, Comment)


def a_comment_never_cuts_an_event(worker: WorkerStand) -> None:
    """Silence after every single byte of a stream with every kind of line end: comments come, and every event as it was sent."""
    plays = [
        worker.raw.plan("/events", EVENTS + chunk(TRICKY[:cut]), chunk(TRICKY[cut:]) + LAST)
        for cut in range(len(TRICKY) + 1)
    ]
    expected = _events(_parsed(TRICKY))
    seen: list[list[Item]] = [[] for _ in plays]
    with ExitStack() as stack:
        streams = [stack.enter_context(listen(worker.raw_client, play.path)) for play in plays]
        _through_silence(plays, streams, seen)
    for cut, (stream, items) in enumerate(zip(streams, seen, strict=True)):
        assert (_events(items), stream.end) == (expected, "clean"), f"cut at {cut}"


def _through_silence(plays: list[Play], streams: list[Stream], seen: list[list[Item]]) -> None:
    """Take what comes until comments came, then let the origins go on, and take the rest."""
    for stream, items in zip(streams, seen, strict=True):
        while [item.text for item in items if isinstance(item, Comment)].count("keep-alive") < 3:
            item = stream.next()
            assert item is not None
            items.append(item)
    for play in plays:
        play.go()
    for stream, items in zip(streams, seen, strict=True):
        while (item := stream.next()) is not None:
            items.append(item)


# ---- failures ----


def a_break_between_events_is_told(worker: WorkerStand) -> None:
    """By an error event and an orderly end, whichever way the origin's connection broke."""
    for how in ("fin", "rst"):
        with listen(worker.client, "/events", script=f"sse; event n=2; {how}") as stream:
            events = list(stream)
        assert [event.data for event in events[:-1]] == ["1", "2"]
        assert _failure(events[-1])["code"] == "upstream_broken"
        assert stream.end == "clean"


def half_an_event_is_never_delivered(worker: WorkerStand) -> None:
    """After every byte of an event: it is dropped, its id with it, and the error event stands alone."""
    event = b"id: 7\r\nevent: answer\r\ndata: h\xc3\xa4lf\r\ndata: and half\r\n"
    plays = [
        worker.raw.plan("/events", EVENTS + chunk(b"id: 6\ndata: whole\n\n" + event[:cut]))
        for cut in range(len(event) + 1)
    ]
    for play in plays:
        with listen(worker.raw_client, play.path) as stream:
            events = list(stream)
        assert [(each.data, each.id) for each in events[:-1]] == [("whole", "6")]
        assert _failure(events[-1])["code"] == "upstream_broken"
        assert events[-1].id == "6"
        assert stream.end == "clean"


def a_break_anywhere_leaves_whole_events(worker: WorkerStand) -> None:
    """After every byte of a stream with every kind of line end: what had ended is there, and then the error alone."""
    for cut in range(len(TRICKY) + 1):
        came = TRICKY[:cut]
        play = worker.raw.plan("/events", EVENTS + chunk(came))
        with listen(worker.raw_client, play.path) as stream:
            *events, last = stream
        # Behind a CR the parser waits for an LF.
        expected = _events(list(Parser().feed(came + b"\n" * came.endswith(b"\r"), 0.0)))
        assert [(event.type, event.data, event.id) for event in events] == expected, f"cut at {cut}"
        assert (_failure(last)["code"], stream.end) == ("upstream_broken", "clean"), f"cut at {cut}"


def half_of_a_huge_event_is_never_delivered(worker: WorkerStand) -> None:
    """Of what is kept nothing is seen; of what is too large for that the client sees that it was cut."""
    for size, ends in ((1 << 19, ("clean",)), (3 << 20, ("truncated", "reset"))):
        half = b"id: 7\ndata: " + b"x" * size
        play = worker.raw.plan("/events", EVENTS + chunk(b"id: 6\ndata: whole\n\n"), chunk(half))
        with listen(worker.raw_client, play.path) as stream:
            first = stream.next_event()
            play.go()
            events = list(stream)
        assert first is not None
        assert (first.data, stream.parser.last_id if "clean" in ends else "6") == ("whole", "6")
        assert [_failure(event)["code"] for event in events] == ["upstream_broken"] * ("clean" in ends)
        assert stream.end in ends


def an_orderly_end_in_an_event_is_told(worker: WorkerStand) -> None:
    """An origin that gives up in the middle of an event without breaking the connection."""
    with listen(worker.client, "/events", script=r'sse; event; raw "id: 7\ndata: half"') as stream:
        events = list(stream)
    assert [(event.data, event.id) for event in events[:-1]] == [("1", "1")]
    assert _failure(events[-1])["code"] == "upstream_truncated"
    assert stream.end == "clean"


def an_orderly_end_is_no_failure(worker: WorkerStand) -> None:
    """Whatever stands behind the last event that is none, and an empty stream."""
    event = b"data: whole\n\n"
    for rest in (b"", b"\n", b"\r\n", b": bye\n", b": bye", b"\r\n:\r:\n\n: bye\r\n"):
        for first in (event, b""):
            play = worker.raw.plan("/events", EVENTS + chunk(first), chunk(rest) + LAST)
            with listen(worker.raw_client, play.path) as stream:
                play.go()
                assert [event.data for event in stream] == ["whole"] * bool(first)
            assert stream.end == "clean"


def headers_that_stop_halfway_are_told(worker: WorkerStand) -> None:
    """The origin dies while it answers, or before it does."""
    for pieces in ((EVENTS[:30],), (b"",)):
        play = worker.raw.plan("/events", *pieces)
        with listen(worker.raw_client, play.path) as stream:
            assert _failure(stream.next_event()) == {
                "type": "upstream_error", "code": "upstream_unreachable", "message": "The origin could not be reached.", "status": 502,
            }  # fmt: skip
            assert stream.next_event() is None
        assert (stream.call.status, stream.end) == (200, "clean")


def an_origin_that_is_not_there_is_told(worker: WorkerStand) -> None:
    """To clients of events in an event, to clients of JSON by a status and JSON."""
    with listen(worker.lost_client, "/events") as stream:
        assert _failure(stream.next_event())["code"] == "upstream_unreachable"
    assert stream.call.status == 200
    answer = _post(worker.lost_client, "/v1/chat/completions", [("Accept", "application/json")])
    assert (answer.status, answer.header("content-type")) == (502, "application/json")
    assert json.loads(answer.body)["error"]["code"] == "upstream_unreachable"


def an_error_page_becomes_an_event(worker: WorkerStand) -> None:
    """Whatever its status, for every client that does not ask for something else; nothing of the page is left."""
    for status, told, accept in (
        (503, 503, "text/event-stream"),
        (503, 503, "*/*"),
        (502, 502, ""),
        (200, 502, "text/event-stream"),
        (200, 502, ""),
    ):
        headers = [("Accept", accept)] if accept else []
        answer = worker.client.get("/events", headers, script=f"html status={status}")
        assert (answer.status, answer.end) == (200, "clean")
        assert (answer.header("content-type") or "").startswith("text/event-stream")
        events = [item for item in _parsed(answer.body) if isinstance(item, Event)]
        assert [_failure(event)["status"] for event in events] == [told]
        assert b"<" not in answer.body


def a_client_of_json_keeps_its_status(worker: WorkerStand) -> None:
    """SDKs try again by the status; they get JSON and never HTML, and an answer that is JSON stays what it is."""
    accept = [("Accept", "application/json")]
    page = _post(worker.client, "/v1/chat/completions", accept, "html status=503")
    assert (page.status, page.header("content-type")) == (503, "application/json")
    assert json.loads(page.body)["error"]["status"] == 503
    whole = _post(worker.client, "/v1/chat/completions", accept, r'json; raw "{\"choices\": []}"')
    assert (whole.status, whole.body) == (200, b'{"choices": []}')


def a_late_failure_is_told_in_the_stream(worker: WorkerStand) -> None:
    """Once the client has been answered, a status of any kind can only be an event."""
    for script, status in (("html status=503", 503), ("json status=401", 401), ("json status=204", 204), ("html", 502)):
        key = fresh()
        with listen(worker.client, "/events", script=f"gate {key}; {script}") as stream:
            _await_comments(stream.next, 2)
            worker.origin.release(key)
            assert _failure(stream.next_event())["status"] == status
            assert stream.next_event() is None
        assert stream.end == "clean"


def an_event_source_goes_on_after_a_failure(worker: WorkerStand) -> None:
    """As a browser does it: the error is seen, the stream is opened again behind the last event that was whole."""
    key = fresh()
    source = EventSource(
        worker.client, "/events", script=f"key {key}; sse resume=yes; event n=2; fin when=first; event n=2"
    )
    seen = []
    for event in source:
        seen.append(event.id if event.type == "message" else event.type)
        if len(seen) == 5:
            source.close()
    assert seen == ["1", "2", "error", "3", "4"]
    assert [exchange.header("last-event-id") for exchange in worker.origin.exchanges(key)] == [None, "2"]


def an_sdk_raises_its_own_error(worker: WorkerStand) -> None:
    """The one of openai takes the event for what it is, with its message; and a status for a status."""
    seen = []
    with pytest.raises(openai.APIError) as raised:
        seen += chat.stream_tokens(worker.client, script="openai; event n=2; fin")
    assert (type(raised.value), "broke before the stream was over" in str(raised.value)) == (openai.APIError, True)
    with pytest.raises(openai.InternalServerError, match=r"503.*answered with an error"):
        seen += chat.stream_tokens(worker.client, script="html status=503")


def half_a_line_is_never_delivered(worker: WorkerStand) -> None:
    """JSON lines: half a line is dropped and an error stands in a line of its own; a last line without its end is whole."""
    for rest, codes in ((b"", ["upstream_broken"]), (b'{"n": 2, "half', ["upstream_broken"])):
        play = worker.raw.plan("/lines", LINES + chunk(b'{"n": 1}\n' + rest))
        lines = ndjson.read_lines(worker.raw_client, play.path)
        with lines.call:
            values = [line.value for line in lines]
        assert values[0] == {"n": 1}
        assert [value["error"]["code"] for value in values[1:]] == codes
        assert lines.call.end == "clean"
    for rest, shown in ((b'{"n": 2}', b'{"n": 2}'), (b'{"n":', b"upstream_truncated")):
        play = worker.raw.plan("/lines", LINES + chunk(b'{"n": 1}\n') + chunk(rest) + LAST)
        answer = worker.raw_client.get(play.path)
        assert shown in answer.body
        assert (answer.body.count(b"\n"), answer.end) == (1 if rest == shown else 2, "clean")


def lines_have_no_pages(worker: WorkerStand) -> None:
    """An origin of lines that is gone, or answers with a page: the status stays, the body is a line."""
    for client, script, status in ((worker.lost_client, "", 502), (worker.client, "html status=503", 503)):
        answer = client.get("/lines", script=script)
        assert (answer.status, answer.header("content-type")) == (status, "application/x-ndjson")
        assert json.loads(answer.body)["error"]["status"] == status


def nothing_of_a_url_is_logged(worker: WorkerStand) -> None:
    """A failure is, and the token that the client sent is not."""
    token = fresh("token")
    worker.lost_client.get(f"/events?access_token={token}", [("Authorization", f"Bearer {token}")])
    assert "upstream_unreachable" in worker.proxy.logs()
    assert token not in worker.proxy.logs()


# ---- clients that leave, and clients that are slow ----


def a_client_that_closes_is_noticed(worker: WorkerStand) -> None:
    """A FIN, while the stream is silent or has not begun: nothing but a write tells, so a comment does."""
    _leave(worker, lambda call: call.close())


def a_client_that_breaks_off_is_noticed(worker: WorkerStand) -> None:
    """An RST, in a silent stream."""
    _leave(worker, lambda call: call.abort())


def _leave(worker: WorkerStand, leave: Callable[[Call], None]) -> None:
    told = worker.proxy.logs().count("upstream failed")
    for script, started in (("sse; event; hang", True), ("hang", False)):
        key = fresh()
        stream = listen(worker.client, "/events", script=f"key {key}; {script}")
        if started:
            assert stream.next_event() is not None
        else:
            worker.origin.wait(lambda _: True, key)
        leave(stream.call)
        assert worker.origin.wait_aborted(key, timeout=worker.patience).aborted
    # It is the client that has gone, and no failure of the origin.
    assert worker.proxy.logs().count("upstream failed") == told


STREAMS = 1000


def many_streams_are_carried(worker: WorkerStand) -> None:
    """A thousand at once, in lock-step: every client has its first event before any second one is sent."""
    key = fresh()
    script = f"sse; event gate={key}; event"
    with ExitStack() as stack:
        streams = [stack.enter_context(listen(worker.client, "/events", script=script)) for _ in range(STREAMS)]
        for stream in streams:
            event = stream.next_event()
            assert event is not None
            assert event.data == "1"
        worker.origin.open(key)
        for stream in streams:
            assert [event.data for event in stream] == ["2"]
            assert stream.end == "clean"


BOUND = 96 << 20
"""Bytes by which the runtime may grow; the origin below would send four times as much."""


def a_slow_reader_costs_little(worker: WorkerStand) -> None:
    """A client that reads one event and stops: the origin is held up, and memory does not grow with what it has to send."""
    key = fresh()
    worker.client.get("/hello", script="json")
    before = worker.resident
    total, size = 100_000, 4096
    with listen(worker.client, "/events", script=f"key {key}; sse; event n={total} size={size}") as stream:
        assert stream.next_event() is not None
        sent = 0
        # Held up: it sends nothing for a while. A Worker that takes all it can get is at the end before that.
        while (now := _after_a_while(worker, key, sent)) != sent:
            sent = now
        grown = worker.resident - before
    assert sent < total * size // 4
    assert grown < BOUND


def _after_a_while(worker: WorkerStand, key: str, sent: int) -> int:
    try:
        return worker.origin.wait(lambda exchange: exchange.sent_size >= sent + (1 << 20), key, timeout=2.0).sent_size
    except TimeoutError:
        return sent


# ---- what is left alone ----


def sockets_are_passed_on(worker: WorkerStand) -> None:
    """Text, binary, pings, subprotocols, close codes both ways, large messages; also below a path that is an event stream's."""
    for path in ("/events/socket", "/events"):
        key = fresh()
        with open_socket(
            worker.client, path, script=f"key {key}; ws subprotocol=chat; echo", subprotocols=["chat"]
        ) as socket:
            assert socket.connection.subprotocol == "chat"
            socket.ping()
            for message in ("text \N{ROCKET}", b"\x00\xff binary", "x" * 100_000, b"\x00" * 100_000, ""):
                socket.send(message)
                assert socket.receive() == message
            socket.close(4002)
        assert worker.origin.wait_ended(key).close_code == 4002
        with open_socket(worker.client, path, script="ws; event; ping; close 4001") as socket:
            assert socket.receive() == "1"
            with pytest.raises(Closed) as closed:
                socket.receive()
        assert closed.value.code == 4001


def answers_that_are_no_streams_stay(worker: WorkerStand) -> None:
    """What an EventSource goes by, and what has no body: as the origin sent it."""
    direct = Client(worker.origin.address)
    for method, script in (
        ("GET", "json status=204"), ("GET", "json status=401"), ("GET", "json status=404"), ("GET", "json status=429"),
        ("GET", 'json status=302 header="Location: /elsewhere"'), ("GET", "json status=304"), ("HEAD", "sse; event"),
        ("OPTIONS", 'json status=204 header="Access-Control-Allow-Origin: *"'), ("HEAD", "html status=503"),
    ):  # fmt: skip
        for path in ("/events", "/lines"):
            seen, expected = (_ask(client, method, path, script) for client in (worker.client, direct))
            assert (seen.status, len(seen.body) > 0, seen.end) == (expected.status, len(expected.body) > 0, "clean"), (
                script
            )
            for name in ("content-type", "location", "access-control-allow-origin"):
                assert seen.header(name) == expected.header(name), script


def other_paths_are_left_alone(worker: WorkerStand) -> None:
    """Also those that begin alike; an error page of theirs stays what it is, and so does a stream."""
    for path in ("/", "/eventsx", "/about/events", "/EVENTS"):
        page = worker.client.get(path, [("Accept", "text/event-stream")], script="html status=503")
        assert (page.status, b"<html" in page.body) == (503, True)
        key = fresh()
        stream = worker.client.get(path, [("Accept-Encoding", "gzip")], script=f"key {key}; sse cache=private; event")
        assert stream.header("cache-control") == "private"
        assert worker.origin.exchange(key).header("accept-encoding") == "gzip"


def streams_are_neither_kept_nor_changed(worker: WorkerStand) -> None:
    """By no cache and no compressor behind the Worker, and by none before it; what else the origin said stays."""
    for path, script in (
        ("/events", "sse"),
        ("/lines", "ndjson"),
        ("/events", "sse gzip=force"),
        ("/events", "sse framing=length"),
    ):
        key = fresh()
        headers = [("Accept-Encoding", "gzip, br"), ("Last-Event-ID", "41"), ("X-Trace", "7")]
        answer = worker.client.get(
            path, headers, script=f'key {key}; {script} cookie="a=1" header="X-Seen: yes"; event'
        )
        assert (answer.status, answer.header("cache-control")) == (200, "no-store, no-transform")
        assert (answer.header("set-cookie"), answer.header("x-seen")) == ("a=1", "yes")
        assert (answer.end, answer.header("content-length")) == ("clean", None)
        seen = worker.origin.exchange(key)
        assert seen.header("accept-encoding") == "identity"
        assert (seen.header("last-event-id"), seen.header("x-trace")) == ("41", "7")


def a_request_is_sent_once(worker: WorkerStand) -> None:
    """With its body, also when the origin hangs up on it."""
    for ending in ("sse; event", "fin", "rst", "html status=503"):
        key = fresh()
        answer = _post(worker.client, "/v1/chat/completions", [], f"key {key}; read; {ending}")
        (exchange,) = worker.origin.exchanges(key)
        assert answer.status == 200
        assert (exchange.method, exchange.body) == ("POST", b'{"stream": true}')


def _post(client: Client, path: str, headers: list[tuple[str, str]], script: str = "") -> Answer:
    with client.request(path, headers, method="POST", body=b'{"stream": true}', script=script) as call:
        return call.answer()


def _ask(client: Client, method: str, path: str, script: str) -> Answer:
    with client.request(path, [("Accept", "text/event-stream")], method=method, script=script) as call:
        return call.answer()
