"""What a script makes of an answer, seen by a client that talks to the origin directly."""

import gzip
import json
import socket
import threading
import zlib

import pytest

from proxycfg.origin import Exchange, Origin
from proxycfg.origin.channel import INBOX_LIMIT
from tests.clients import ndjson, polling, sse
from tests.clients.http import Client, Connection1
from tests.origin.conftest import HTTP1, HTTP2, Reach


def of(origin: Origin, key: str) -> Exchange:
    """Look the exchange up."""
    return origin.exchange(key)


# What arrives.


def test_a_request_without_a_script_gets_a_description_of_itself(client: Client, origin: Origin) -> None:
    """The default answer is a small JSON, with what the origin saw."""
    answer = client.get("/some/path?x=1", [("X-Mixed-Case", "a"), ("X-Mixed-Case", "b")])

    seen = json.loads(answer.body)
    assert (answer.status, answer.end) == (200, "clean")
    assert (seen["method"], seen["target"]) == ("GET", "/some/path?x=1")
    assert seen["version"] == {"http/1.0": "1.0", "http/1.1": "1.1"}.get(client.transport.removesuffix("+tls"), "2")
    exchange = origin.exchange(seen["exchange"])
    assert exchange.completed
    assert exchange.tls == client.secure
    assert exchange.header("x-mixed-case") == "a, b"
    assert answer.header("x-origin-exchange") == str(seen["exchange"])


def test_headers_are_recorded_as_they_came(client1: Client, origin: Origin) -> None:
    """Order, case and repetition are kept."""
    given = [("hOsT", "a"), ("B-Second", "2"), ("a-first", ""), ("B-Second", "3")]

    exchange = origin.exchange(json.loads(client1.get("/", given).body)["exchange"])

    assert exchange.headers == tuple(given)


@pytest.mark.parametrize("where", ["header", "query"])
def test_a_script_may_come_in_a_header_or_in_the_query(client: Client, where: str) -> None:
    """The query is for clients that cannot set headers, as a browser's EventSource."""
    script = 'text; raw "a;b\\n"'
    quoted = "text%3B+raw+%22a%3Bb%5Cn%22"

    answer = client.get("/", script=script) if where == "header" else client.get(f"/?x=1&script={quoted}")

    assert answer.body == b"a;b\n"


def test_a_bad_script_is_a_bad_request(client: Client, origin: Origin) -> None:
    """The answer says which step, and the record keeps it."""
    answer = client.get("/", script="sse; evnt")

    assert answer.status == 400
    assert "step 2 (evnt)" in json.loads(answer.body)["error"]
    assert "evnt" in origin.exchange(int(answer.header("x-origin-exchange") or 0)).refused


# Streams in lock-step.


@pytest.mark.parametrize(
    "head", ["sse", "sse gzip=yes", "sse framing=close", "sse framing=length", "sse xab=no hold=yes"]
)
def test_each_event_arrives_before_the_next_is_sent(client: Client, origin: Origin, key: str, head: str) -> None:
    """The proof that needs no clock: the client confirms every event, the end included."""
    with sse.listen(client, "/events", script=f"key {key}; {head}; event n=4 gate={key} size=64") as stream:
        for number in range(1, 5):
            event = stream.next_event()
            assert event is not None
            assert (event.id, event.data.rstrip(".")) == (str(number), str(number))
            assert len(of(origin, key).events()) == number
            assert not of(origin, key).ended
            origin.release(key)
        assert stream.next_event() is None
        assert stream.end == "clean"
        assert origin.wait_ended(key).completed


def test_json_lines_and_tokens_obey_gates_too(client: Client, origin: Origin, key: str) -> None:
    """One language for all formats; an empty line is a heartbeat."""
    with client.request("/", script=f"ndjson; event n=2 gate={key}; comment; event data=end") as call:
        values = []
        for line in ndjson.Lines(call):
            values.append(line.value)
            origin.release(key)

    assert values == [{"n": 1, "data": "1"}, {"n": 2, "data": "2"}, None, {"n": 3, "data": "end"}]


def test_headers_come_before_the_first_event(client: Client, origin: Origin, key: str) -> None:
    """The head is a write of its own."""
    with client.request("/", script=f"sse; gate {key}; event") as call:
        assert call.head().status == 200
        assert of(origin, key).events() == ()
        origin.release(key)
        assert call.answer().body == b"id: 1\ndata: 1\n\n"


def test_headers_can_wait_for_a_gate(client: Client, origin: Origin, key: str) -> None:
    """What stands left of the head happens before the headers: a long poll."""
    with client.request("/", script=f"gate {key}; json") as call:
        assert origin.wait_at_gate(key).status is None
        origin.release(key)
        assert call.head().status == 200
        assert call.answer().end == "clean"


def test_a_long_poll_is_answered_when_it_is_time(client: Client) -> None:
    """Or after so many seconds."""
    polled = polling.long_poll(client, "/poll", script="wait 0.05; json")

    assert polled.status == 200
    assert polled.took >= 0.05


def test_held_headers_come_with_the_first_bytes(client1: Client, origin: Origin, key: str) -> None:
    """One write for both, as many frameworks do it."""
    with client1.request("/", script=f"sse hold=yes; gate {key}; event; gate {key}") as call:
        assert isinstance(call.connection, Connection1)  # type: ignore[attr-defined]
        origin.wait_at_gate(key)
        origin.release(key)
        data = call.connection.sock.recv(65_536)  # type: ignore[attr-defined]
        assert data.startswith(b"HTTP/1.1 200")
        assert b"data: 1" in data


def test_gaps_are_kept(client1: Client, origin: Origin, key: str) -> None:
    """Counted from when each event was due."""
    client1.get("/", script=f"key {key}; sse; event n=4 gap=0.02")

    times = [sent.at for sent in of(origin, key).events()]
    assert times[-1] - times[0] >= 0.055


@pytest.mark.parametrize(("batch", "writes"), [(1, 6), (2, 3), (4, 2)])
def test_a_batch_is_one_write(client1: Client, origin: Origin, key: str, batch: int, writes: int) -> None:
    """Several events in one TCP segment, each still a chunk of its own."""
    with client1.request("/", script=f"text; gate {key}; event n=6 gap=0.02 batch={batch}") as call:
        assert isinstance(call.connection, Connection1)  # type: ignore[attr-defined]
        call.head()
        origin.release(key)
        reads = 0
        collected = b""
        while not collected.endswith(b"0\r\n\r\n"):
            collected += call.connection.sock.recv(65_536)  # type: ignore[attr-defined]
            reads += 1

    assert collected.count(b"2\r\n") == 6
    # The end may come by itself; on a busy machine two batches may be read at once, but one never comes in two.
    assert reads <= writes + 1


@pytest.mark.parametrize(
    ("split", "first"),
    [("half", b"10\r\n01234567"), ("head", b"10\r\n"), ("tail", b"10\r\n0123456789abcde\n")],
)
def test_an_event_can_come_in_two_writes(client1: Client, origin: Origin, key: str, split: str, first: bytes) -> None:
    """Cut in the middle, behind the chunk-size line, or before the closing CRLF."""
    with client1.request("/", script=f"text; gate {key}; event data=0123456789abcde split={split} pause=2") as call:
        call.head()
        origin.release(key)
        sock = call.connection.sock  # type: ignore[attr-defined]
        pieces = [sock.recv(65_536)]
        while not pieces[-1].endswith(b"0\r\n\r\n"):
            pieces.append(sock.recv(65_536))

    assert pieces[0] == first
    assert b"".join(pieces).startswith(b"10\r\n0123456789abcde\n\r\n")


# What is in the answer.


def test_an_event_stream_has_all_the_standard_knows(client: Client) -> None:
    """Types, several lines of data, comments, the reconnection time, no id."""
    script = (
        'sse; retry 20; comment hello; event type=tick data="a\\nb" id=no; event n=2 data="{n} of {header:x-total}"'
    )
    with sse.listen(client, "/", [("X-Total", "3")], script=script) as stream:
        items = []
        while (item := stream.next()) is not None:
            items.append(item)

    shown = [
        (item.type, item.data, item.id)
        if isinstance(item, sse.Event)
        else (item.text if isinstance(item, sse.Comment) else item.milliseconds)
        for item in items
    ]
    assert shown == [20, "hello", ("tick", "a\nb", ""), ("message", "2 of 3", "2"), ("message", "3 of 3", "3")]


@pytest.mark.parametrize("size", [64, 4096, 70_000])
@pytest.mark.parametrize("head", ["sse", "ndjson", "text", "openai"])
def test_a_size_is_the_size_of_the_whole_event(client1: Client, origin: Origin, key: str, head: str, size: int) -> None:
    """64 B events are 64 B on the wire, whatever the format."""
    body = b'{"stream": true}'
    with client1.request("/", method="POST", body=body, script=f"key {key}; {head}; event n=3 size={size}") as call:
        call.answer()

    wanted = max(size, 240) if head == "openai" else size
    assert all(wanted - 60 <= sent.size <= wanted for sent in of(origin, key).events())
    if head != "openai" or size > 240:
        assert {sent.size for sent in of(origin, key).events()} == {size}


def test_headers_are_what_the_head_says(client: Client) -> None:
    """X-Accel-Buffering, Cache-Control, cookies, a type, anything else."""
    answer = client.get(
        "/",
        script='sse xab=no cache="max-age=5" cookie="a=b; Path=/" cookie="c=d" type="text/event-stream; charset=utf-8" '
        'header="X-One: 1"; event',
    )

    assert answer.header("x-accel-buffering") == "no"
    assert answer.header("cache-control") == "max-age=5"
    assert answer.header("content-type") == "text/event-stream; charset=utf-8"
    assert [value for name, value in answer.headers if name.lower() == "set-cookie"] == ["a=b; Path=/", "c=d"]
    assert answer.header("x-one") == "1"


def test_without_xab_the_header_is_not_sent(client: Client) -> None:
    """Nor a cookie; an event stream says no-cache by itself."""
    answer = client.get("/", script="sse; event")

    assert answer.header("x-accel-buffering") is None
    assert answer.header("set-cookie") is None
    assert answer.header("cache-control") == "no-cache"


@pytest.mark.parametrize(
    ("script", "status", "kind", "part"),
    [
        ("html status=502", 502, "text/html; charset=utf-8", b"502 Bad Gateway"),
        ("json status=503", 503, "application/json", b'"exchange"'),
        ('json status=429; raw "{}"', 429, "application/json", b"{}"),
        ("text status=200", 200, "text/plain; charset=utf-8", b"ok"),
        ("html status=599", 599, "text/html; charset=utf-8", b"599 Unknown"),
    ],
)
def test_errors_before_the_headers(client: Client, script: str, status: int, kind: str, part: bytes) -> None:
    """With a page or with JSON."""
    answer = client.get("/", script=script)

    assert (answer.status, answer.header("content-type"), answer.end) == (status, kind, "clean")
    assert part in answer.body


def test_gzip_only_if_asked(client: Client) -> None:
    """``yes`` obeys Accept-Encoding, ``force`` does not ask."""
    asked = [("Accept-Encoding", "br, gzip;q=0.8")]

    plain = client.get("/", script="sse gzip=yes; event")
    zipped = client.get("/", asked, script="sse gzip=yes; event")
    forced = client.get("/", script="json gzip=force")

    assert plain.header("content-encoding") is None
    assert zipped.header("content-encoding") == forced.header("content-encoding") == "gzip"
    assert gzip.decompress(zipped.body) == plain.body == b"id: 1\ndata: 1\n\n"
    assert json.loads(gzip.decompress(forced.body))["method"] == "GET"


def test_compressed_events_are_flushed_one_by_one(client: Client, origin: Origin, key: str) -> None:
    """A sync flush after each: what was sent can be decompressed."""
    unzip = zlib.decompressobj(wbits=31)
    script = f"sse gzip=yes; event n=3 gate={key}"
    with client.request("/", [("Accept-Encoding", "gzip")], script=script) as call:
        for number in range(1, 4):
            text = b""
            while not text.endswith(b"\n\n"):
                piece = call.read()
                assert piece is not None
                text += unzip.decompress(piece.data)
            assert text == b"id: %d\ndata: %d\n\n" % (number, number)
            origin.release(key)
        assert call.answer().end == "clean"


# Framing.


@pytest.mark.parametrize(
    ("script", "framing"),
    [
        ("sse; event n=3", "chunked"),
        ("sse framing=chunked; event n=3", "chunked"),
        ("sse framing=close; event n=3", "close"),
        ("sse framing=length; event n=3; comment; retry 5; bytes 10; raw x", "length"),
        ("json", "length"),
        ("json framing=chunked", "chunked"),
        ("text length=4; raw abcd", "length"),
    ],
)
@pytest.mark.parametrize("transport", HTTP1)
def test_framing(reach: Reach, transport: str, script: str, framing: str) -> None:
    """As scripted; an HTTP/1.0 client gets no chunks but an end of the connection."""
    answer = reach(transport).get("/", script=script)  # type: ignore[arg-type]

    if "1.0" in transport and framing == "chunked":
        framing = "close"
    assert (answer.header("transfer-encoding") == "chunked") == (framing == "chunked")
    assert (answer.header("content-length") == str(len(answer.body))) == (framing == "length")
    assert answer.end == "clean"
    assert answer.body


def test_a_wrong_length_is_a_half_message(client1: Client) -> None:
    """``length`` may lie."""
    answer = client1.get("/", script="text length=100; bytes 50; fin")

    assert (answer.end, len(answer.body)) == ("truncated", 50)


def test_connections_are_kept_and_closed_as_http_says(reach: Reach, origin: Origin) -> None:
    """HTTP/1.1 stays open, unless the client, the head or the framing says no; HTTP/1.0 closes unless asked to stay."""
    with reach("http/1.1").connect() as connection:
        first, second = (connection.request("/").answer() for _ in range(2))
    with reach("http/1.0").connect() as connection:
        third, fourth = (connection.request("/", [("Connection", "keep-alive")]).answer() for _ in range(2))

    numbers = [
        origin.exchange(int(one.header("x-origin-exchange") or 0)).connection for one in (first, second, third, fourth)
    ]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
    assert first.header("connection") is None
    assert third.header("connection") == "keep-alive"
    for headers, script in [([("Connection", "close")], "json"), ([], "json keep=no"), ([], "json framing=close")]:
        answer = reach("http/1.1").get("/", headers, script=script)
        assert (answer.header("connection"), answer.end) == ("close", "clean")


def test_pipelined_requests_are_answered_in_order(client1: Client, origin: Origin, key: str) -> None:
    """The second waits until the first is over, though it came at once."""
    with socket.create_connection(client1.address, timeout=5) as sock:
        head = b"GET /%d HTTP/1.1\r\nHost: a\r\nx-origin-script: %b\r\n\r\n"
        sock.sendall(head % (1, f"gate {key}; text; raw one".encode()) + head % (2, b"text; raw two; fin"))
        origin.wait_at_gate(key)
        assert not [one for one in origin.exchanges() if one.target == "/2" and one.arrived > of(origin, key).arrived]
        origin.release(key)
        received = b""
        while data := sock.recv(65_536):
            received += data

    assert received.index(b"one") < received.index(b"two")


def test_a_head_request_gets_no_body(client: Client) -> None:
    """Only the headers."""
    with client.request("/", method="HEAD", script="sse; event n=3") as call:
        answer = call.answer()

    assert (answer.status, answer.body, answer.end) == (200, b"", "clean")


def test_a_204_has_no_body(client: Client) -> None:
    """Nor a length."""
    answer = client.get("/", script="json status=204")

    assert (answer.status, answer.body, answer.end, answer.header("content-length")) in {
        (204, b"", "clean", None),
        (204, b"", "clean", "0"),
    }


def test_interim_responses_come_first(client: Client) -> None:
    """Early hints, then the answer; HTTP/1.0 knows none."""
    with client.request("/", script='info 103 header="Link: </a>; rel=preload"; json') as call:
        call.answer()

    if "1.0" in client.transport:
        assert call.interim == []
    else:
        assert [(status, dict(headers).get("Link", dict(headers).get("link"))) for status, headers in call.interim] == [
            (103, "</a>; rel=preload")
        ]


def test_expect_continue(client1: Client) -> None:
    """A client that asks before it sends is told to go on."""
    with client1.request(
        "/", [("Expect", "100-continue"), ("Content-Length", "2")], method="POST", body=None, script="read; json"
    ) as call:
        while not call.interim:
            call._pump(5)
        call.send(b"hi")
        call.finish()
        assert json.loads(call.answer().body)["bytes"] == 2
    assert call.interim[0][0] == 100


# Uploads.


@pytest.mark.parametrize("transport", [name for name in HTTP1 + HTTP2 if "1.0" not in name])
def test_echo_is_full_duplex(reach: Reach, origin: Origin, key: str, transport: str) -> None:
    """Each piece comes back before the next is sent."""
    client = reach(transport)  # type: ignore[arg-type]
    with client.request("/", method="POST", body=None, script=f"key {key}; text; echo") as call:
        assert call.head().status == 200
        for piece in (b"one", b"two", b"three" * 1000):
            call.send(piece)
            assert call.read_size(len(piece)) == piece
            assert not of(origin, key).body_complete
        call.finish()
        assert call.answer().end == "clean"

    exchange = origin.wait_ended(key)
    assert exchange.completed
    assert exchange.body == b"onetwo" + b"three" * 1000
    assert exchange.pieces >= 3


def test_an_upload_is_counted(client: Client, origin: Origin, key: str) -> None:
    """With a length, in one piece or in many, and the answer after it."""
    body = b"x" * 1_000_000
    with client.request("/", method="POST", body=body, script=f"key {key}; read; json") as call:
        seen = json.loads(call.answer().body)

    assert seen["bytes"] == len(body)
    exchange = of(origin, key)
    assert (exchange.body_size, len(exchange.body), exchange.body_complete) == (len(body), 65_536, True)
    assert exchange.received[0].at <= exchange.received[-1].at


def test_the_origin_sees_pieces_while_they_are_sent(client1: Client, origin: Origin, key: str) -> None:
    """What a test of request buffering asserts: the piece is there, and the request not over."""
    with client1.request("/", method="POST", body=None, script=f"key {key}; read; json") as call:
        for number in range(1, 4):
            call.send(b"piece")
            exchange = origin.wait(lambda one, number=number: one.pieces == number, key)  # type: ignore[misc]
            assert not exchange.body_complete
        call.finish()
        call.answer()


def test_a_script_can_go_on_after_some_pieces(client1: Client, origin: Origin, key: str) -> None:
    """``read n=2`` waits for two."""
    with client1.request("/", method="POST", body=None, script=f"key {key}; read n=2; text; raw enough") as call:
        call.send(b"1")
        origin.wait(lambda one: one.pieces == 1, key)
        assert of(origin, key).status is None
        call.send(b"2")
        assert call.read_size(6) == b"enough"
        call.finish()
        assert call.answer().end == "clean"


def test_trailers_of_a_request_are_recorded(client1: Client, origin: Origin, key: str) -> None:
    """Of a chunked one."""
    with socket.create_connection(client1.address, timeout=5) as sock:
        sock.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nx-origin-script: key %b; read; json\r\n\r\n"
            b"3;ext=1\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n" % key.encode()
        )
        exchange = origin.wait_ended(key)

    assert exchange.trailers == (("X-Sum", "7"),)
    assert exchange.body == b"abc"


def test_backpressure_reaches_the_script(client: Client, origin: Origin, key: str) -> None:
    """A client that does not read stops the origin: it cannot send more than the buffers between them hold."""
    total = 1000 * 65_536
    with client.request("/", script=f"key {key}; text; bytes 65536 n=1000") as call:
        call.head()
        origin.wait(lambda one: one.writes > 1, key)
        assert not of(origin, key).ended
        assert sum(len(piece.data) for piece in call.pieces()) == total
        assert call.end == "clean"

    assert origin.wait_ended(key).sent_size == total


def test_an_upload_nobody_reads_is_held_back(reach: Reach, origin: Origin, key: str) -> None:
    """An echo whose client does not read stops reading too; nothing grows without bound."""
    client = reach("h2c")
    with client.request("/", method="POST", body=None, script=f"key {key}; text; gate {key}; echo") as call:
        call.send(b"x" * 65_535)
        exchange = origin.wait(lambda one: one.body_size == 65_535, key)
        assert not exchange.body_complete
        origin.release(key)
        assert call.read_size(65_535) == b"x" * 65_535
        call.finish()
        call.answer()


# Hanging up.


@pytest.mark.parametrize("before", ["", "sse; ", "sse; event; "])
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_the_origin_hangs_up(client: Client, origin: Origin, key: str, before: str, how: str) -> None:
    """Before the headers, after them, in the middle."""
    with client.request("/", script=f"key {key}; {before}{how}") as call:
        answer = call.answer()

    wanted = "truncated" if how == "fin" else "rst_stream" if client.transport in HTTP2 else "reset"
    if how == "fin" and before and "1.0" in client.transport:
        wanted = "clean"  # Nobody can tell over HTTP/1.0.
    assert (answer.end, answer.status) == (wanted, 200 if before else 0)
    assert (answer.body != b"") == ("event" in before)
    exchange = origin.wait_ended(key)
    assert exchange.dropped
    assert not exchange.completed
    assert exchange.aborted is None


@pytest.mark.parametrize(
    ("script", "end", "code"), [("rst code=11", "rst_stream", 11), ("rst scope=connection", "reset", None)]
)
@pytest.mark.parametrize("transport", HTTP2)
def test_resets_of_http2(reach: Reach, transport: str, script: str, end: str, code: int | None) -> None:
    """Of one stream with a code, or of the connection."""
    with reach(transport).request("/", script=f"sse; event; {script}") as call:  # type: ignore[arg-type]
        call.answer()

    assert (call.end, call.code) == (end, code)


@pytest.mark.parametrize("state", ["talking", "silent", "at a gate", "before the headers"])
@pytest.mark.parametrize("how", ["close", "abort"])
def test_a_client_that_leaves_is_noticed(client: Client, origin: Origin, key: str, state: str, how: str) -> None:
    """At once, with the way it left."""
    script = {
        "talking": "sse; event n=100000 gap=0.001",
        "silent": "sse; event; hang",
        "at a gate": f"sse; event; gate never-{key}",
        "before the headers": "hang",
    }[state]
    call = client.request("/", script=f"key {key}; {script}")
    if state == "before the headers":
        origin.wait(lambda one: one, key)
    else:
        call.head()
        assert call.read() is not None
    if how == "close":
        call.close()
    else:
        call.abort()

    aborted = origin.wait_aborted(key).aborted
    call.connection.close()  # type: ignore[attr-defined]
    assert aborted is not None
    if how == "abort" and client.transport in HTTP2:
        assert (aborted.kind, aborted.code) == ("RST_STREAM", 8)
    elif how == "abort":
        assert aborted.kind == "RST"
    elif state != "talking":  # Unread bytes in a closed socket turn the FIN into an RST.
        assert aborted.kind == "FIN"


def test_a_slow_reader_of_an_upload_holds_the_client_back(client1: Client, origin: Origin, key: str) -> None:
    """Until the script reads, only so much is taken in."""
    total = 16 << 20
    head = (
        f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {total}\r\n"
        f"x-origin-script: text framing=close; gate {key}; echo\r\n\r\n"
    )
    with socket.create_connection(client1.address, timeout=5) as sock:
        sender = threading.Thread(target=lambda: sock.sendall(head.encode() + b"x" * total))
        sender.start()
        origin.wait(lambda one: one.body_size > INBOX_LIMIT, key)
        assert of(origin, key).body_size < total
        origin.release(key)
        received = 0
        while data := sock.recv(1 << 20):
            received += data.count(b"x")
        sender.join()

    assert received >= total
    assert of(origin, key).completed


def test_streams_of_one_connection_are_independent(reach: Reach, origin: Origin, key: str) -> None:
    """One is reset, the other goes on."""
    with reach("h2c").connect() as connection:
        one = connection.request("/1", script=f"key {key}-1; sse; event n=2 gate={key}-1")
        two = connection.request("/2", script=f"key {key}-2; sse; event n=2 gate={key}-2")
        assert one.read() is not None
        assert two.read() is not None
        one.abort()
        origin.wait_aborted(f"{key}-1")
        origin.release(f"{key}-2", 2)
        assert b"data: 2" in two.answer().body
        assert of(origin, f"{key}-1").connection == of(origin, f"{key}-2").connection


# Reconnecting.


def test_an_eventsource_goes_on_where_it_was_cut(client: Client, origin: Origin, key: str) -> None:
    """The first connection breaks after three events; the second resumes; the third is told to stay away."""
    source = sse.EventSource(
        client, "/", script=f"key {key}; sse resume=yes; retry 5; event n=3; rst when=fresh; event n=3"
    )

    assert [event.id for event in source] == ["1", "2", "3", "4", "5", "6"]
    assert [call.status for call in source.calls] == [200, 200, 204]
    assert source.retry == 0.005
    assert [one.header("last-event-id") for one in origin.exchanges(key)] == [None, "3", "6"]
    assert [one.arrival for one in origin.exchanges(key)] == [1, 2, 3]


def test_steps_for_the_first_arrival_only(client: Client, key: str) -> None:
    """What a test of retries needs: the first attempt is dropped, the second answered."""
    script = f"key {key}; fin when=first; json"

    assert [client.get("/", script=script).status for _ in range(2)] == [0, 200]


def test_a_cached_answer_gives_itself_away(client1: Client, key: str) -> None:
    """Every answer of the origin has another number."""
    script = f'key {key}; json cache="public, max-age=5"'
    first, second = (polling.poll(client1, "/", script=script) for _ in range(2))

    assert ("Cache-Control", "public, max-age=5") in first.headers
    assert first.exchange != second.exchange
    assert (first.value["arrival"], second.value["arrival"]) == (1, 2)


# Strictness.


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000, 431),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    ],
)
def test_malformed_requests_are_refused_and_recorded(
    client1: Client, origin: Origin, request_bytes: bytes, status: int
) -> None:
    """With the reason, and the connection is closed."""
    with socket.create_connection(client1.address, timeout=5) as sock:
        name = "{}:{}".format(*sock.getsockname())
        sock.sendall(request_bytes)
        received = b""
        while data := sock.recv(65_536):
            received += data

    assert received.startswith(b"HTTP/1.1 %d " % status)
    # A port may serve twice in a run, so the peer alone does not name the exchange.
    assert origin.wait(lambda one: one.peer == name and one.refused).refused


@pytest.mark.parametrize("chunk", [b"xyz\r\n", b"3\r\nabcd\r\n", b"-1\r\n", b"1" * 2000])
def test_a_broken_chunk_breaks_the_exchange_off(client1: Client, origin: Origin, key: str, chunk: bytes) -> None:
    """Whatever the answer was going to be."""
    with socket.create_connection(client1.address, timeout=5) as sock:
        sock.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nx-origin-script: key %b; read; json\r\n\r\n%b"
            % (key.encode(), chunk)
        )
        exchange = origin.wait_ended(key)

    assert exchange.refused
    assert exchange.dropped


def test_a_request_byte_by_byte(client1: Client) -> None:
    """However a proxy tears it."""
    data = (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nx-origin-script: text; echo; fin\r\n\r\n"
        b"3\r\nabc\r\n0\r\n\r\n"
    )
    with socket.create_connection(client1.address, timeout=5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(data)):
            sock.sendall(data[at : at + 1])
        received = b""
        while more := sock.recv(65_536):
            received += more

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert b"".join(body.split(b"\r\n")[1::2]).startswith(b"abc")


def test_garbage_on_http2_is_recorded(reach: Reach, origin: Origin) -> None:
    """A preface and then nonsense: GOAWAY and a FIN."""
    with socket.create_connection(reach("h2c").address, timeout=5) as sock:
        name = "{}:{}".format(*sock.getsockname())
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\1\1\4\0\0\0\0x")
        while sock.recv(65_536):
            pass

    assert "HTTP/2" in origin.wait(lambda one: one.peer == name and one.refused).refused
