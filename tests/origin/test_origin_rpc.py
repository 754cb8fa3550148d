"""gRPC with grpcio, gRPC-Web and Connect with clients written to their specifications."""

import json
from collections.abc import Iterator

import pytest

from proxycfg.origin import Origin
from tests.clients import connect, grpc_web
from tests.clients.grpc_calls import Stub
from tests.clients.http import Client
from tests.clients.tls import Authority
from tests.origin.conftest import Reach

GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


@pytest.fixture(params=["h2c", "2"])
def stub(request: pytest.FixtureRequest, reach: Reach) -> Iterator[Stub]:
    """In clear text and over TLS."""
    with Stub(reach(request.param)) as stub:
        yield stub


@pytest.fixture(scope="module")
def web_origin(authority: Authority) -> Iterator[Origin]:
    """An origin that understands gRPC-Web by itself."""
    with Origin.start(grpc_web=True, tls=authority.server_context()) as origin:
        yield origin


@pytest.fixture(params=["http/1.1", "http/1.1+tls", "h2c"])
def web(request: pytest.FixtureRequest, web_origin: Origin, authority: Authority) -> Client:
    """A client of it."""
    address = web_origin.tls_address if request.param.endswith("+tls") else web_origin.address
    return Client(address, request.param, authority.ca)


# gRPC.


def test_methods_do_what_their_names_say(stub: Stub) -> None:
    """Without any script."""
    assert stub.unary("Unary", b"hello").data == [b"hello"]
    assert stub.server_stream("ServerStream").result().data == [b"1", b"2", b"3"]
    counting = stub.client_stream("ClientStream")
    for message in (b"a", b"", b"x" * 100_000):
        counting.send(message)
    counting.finish()
    assert counting.result().data == [b"3"]
    failed = stub.unary("Fail")
    assert (failed.code, failed.details, failed.data) == ("FAILED_PRECONDITION", "as asked", [])
    midway = stub.server_stream("FailMidway").result()
    assert (midway.code, midway.data) == ("UNAVAILABLE", [b"1"])
    seen = stub.unary("DeadlineAware", timeout=3).data[0]
    assert seen.endswith((b"m", b"S"))


def test_bidi_echoes_each_message_as_it_comes(stub: Stub, origin: Origin, key: str) -> None:
    """Back before the next is sent."""
    call = stub.bidi("Bidi", script=f"key {key}; grpc; echo")
    for number in range(3):
        call.send(b"%d" % number)
        message = call.next()
        assert message is not None
        assert message.data == b"%d" % number
        assert not origin.exchange(key).body_complete
    call.finish()
    result = call.result()

    assert result.code == "OK"
    assert [name for name, _ in result.initial if name == "x-origin-exchange"]
    exchange = origin.wait_ended(key)
    assert (exchange.completed, exchange.pieces, exchange.body) == (True, 3, b"012")
    assert exchange.header("te") == "trailers"


def test_a_server_stream_in_lock_step(stub: Stub, origin: Origin, key: str) -> None:
    """With sizes, and a status of its own at the end."""
    call = stub.server_stream("Any", script=f'grpc; event n=3 gate={key} size=1000; fail 10 message="50% off"')
    for number in range(1, 4):
        message = call.next()
        assert message is not None
        assert message.data == str(number).encode().ljust(1000, b".")
        assert len(origin.exchange(key).events()) == number
        origin.release(key)
    result = call.result()

    assert (result.code, result.details) == ("ABORTED", "50% off")
    assert origin.wait_ended(key).completed


def test_initial_metadata_comes_before_the_first_message(stub: Stub, origin: Origin, key: str) -> None:
    """The headers are sent at once, unless the script waits before its head."""
    call = stub.server_stream("Any", script=f'grpc header="x-one: 1"; gate {key}; event')
    assert ("x-one", "1") in call.initial()
    assert origin.exchange(key).events() == ()
    origin.release(key)
    assert call.result().data == [b"1"]


def test_large_messages_pass_the_windows(stub: Stub) -> None:
    """3 MB there and back."""
    message = b"x" * 3_000_000

    assert stub.unary("Unary", message).data == [message]


@pytest.mark.parametrize(
    "script", ["hang", "grpc; hang", "grpc; event; hang", "grpc; event n=100000 gap=0.001", "grpc; echo"]
)
def test_a_cancelled_call_is_noticed(stub: Stub, origin: Origin, key: str, script: str) -> None:
    """RST_STREAM with code 8."""
    call = stub.bidi("Any", script=f"key {key}; {script}")
    origin.wait(lambda one: one, key)
    if "event" in script:
        assert call.next() is not None
    call.cancel()

    aborted = origin.wait_aborted(key).aborted
    assert aborted is not None
    assert (aborted.kind, aborted.code) == ("RST_STREAM", 8)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("fail 5", "NOT_FOUND"),
        ("read; fail 16", "UNAUTHENTICATED"),
        ("grpc; fail 4", "DEADLINE_EXCEEDED"),
        ("rst code=2", "INTERNAL"),
        ("grpc; event; rst code=1", "INTERNAL"),
        ("rst code=7", "UNAVAILABLE"),
        ("fin", "UNAVAILABLE"),
        ("grpc; event; fin", "UNAVAILABLE"),
        ("grpc; event; rst scope=connection", "UNAVAILABLE"),
        ("html status=502", "UNAVAILABLE"),
        ("html status=504", "UNAVAILABLE"),
        ("json", "UNKNOWN"),
    ],
)
def test_every_way_to_fail(stub: Stub, script: str, code: str) -> None:
    """As a client library names them."""
    assert stub.unary("Any", script=script).code == code


@pytest.mark.parametrize(
    ("headers", "method", "end", "status"),
    [
        (GRPC[:1], "POST", "rst_stream", 0),
        (GRPC, "GET", "rst_stream", 0),
        (GRPC, "PUT", "rst_stream", 0),
        ([("content-type", "application/json"), GRPC[1]], "POST", "clean", 415),
        ([("content-type", "application/grpc-web+proto"), GRPC[1]], "POST", "clean", 415),
        ([("content-type", "application/grpcx"), GRPC[1]], "POST", "clean", 415),
        ([GRPC[1]], "POST", "clean", 415),
        ([("content-type", "application/grpc+json"), GRPC[1]], "POST", "clean", 200),
    ],
)
def test_a_call_is_held_to_the_letter(
    *, reach: Reach, origin: Origin, key: str, headers: list[tuple[str, str]], method: str, end: str, status: int
) -> None:
    """Without ``te: trailers`` and for other methods the stream is reset, as grpcio does it; other types get 415."""
    with reach("h2c").request(
        "/a.B/C", headers, method=method, body=b"\0\0\0\0\1x", script=f"key {key}; grpc; echo"
    ) as call:
        answer = call.answer()

    assert (answer.end, answer.status, call.code) == (end, status, 2 if end == "rst_stream" else None)
    assert bool(origin.exchange(key).refused) == (status != 200)


def test_grpc_needs_http2(reach: Reach) -> None:
    """A proxy that speaks HTTP/1.1 to a gRPC server gets no call through."""
    with reach("http/1.1").request("/a.B/Unary", GRPC, method="POST", body=b"\0\0\0\0\1x") as call:
        assert call.head().status == 505


def test_an_origin_may_speak_nothing_but_http2() -> None:
    """Then it hangs up on HTTP/1, as gRPC servers do."""
    with Origin.start(versions=frozenset({"2"})) as origin:
        answer = Client(origin.address, "http/1.1").get("/")
        with Stub(Client(origin.address, "h2c")) as stub:
            assert stub.unary("Unary", b"x").code == "OK"
        assert origin.exchange(1).dropped

    assert (answer.status, answer.end) == (0, "truncated")


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        (b"\1\0\0\0\1x", "12", "compressed"),
        (b"\0\0\0\0\5x", "13", "within a message"),
        (b"\0\xff\xff\xff\xff", "8", "larger"),
    ],
)
def test_messages_that_cannot_be_read(reach: Reach, body: bytes, code: str, why: str) -> None:
    """Fail the call with the status real servers use."""
    with reach("h2c").request("/a.B/Unary", GRPC, method="POST", body=body) as call:
        answer = call.answer()

    assert dict(answer.trailers)["grpc-status"] == code
    assert why in dict(answer.trailers)["grpc-message"]


def test_trailers_are_trailers(reach: Reach) -> None:
    """And a failure before the headers is a single block of headers."""
    with reach("h2c").request("/a.B/ServerStream", GRPC, method="POST", body=b"\0\0\0\0\0") as call:
        good = call.answer()
    with reach("h2c").request("/a.B/Fail", GRPC, method="POST", body=b"\0\0\0\0\0") as call:
        bad = call.answer()

    assert (good.header("grpc-status"), dict(good.trailers)) == (None, {"grpc-status": "0"})
    assert (bad.header("grpc-status"), bad.trailers, bad.body) == ("9", (), b"")


# gRPC-Web.


@pytest.mark.parametrize("text", [False, True])
def test_grpc_web_in_lock_step(web: Client, web_origin: Origin, key: str, text: bool) -> None:
    """Binary and text: messages, then the trailers as a frame."""
    call = grpc_web.call_web(
        web, "Any", b"hi", text=text, script=f'grpc; event n=3 gate={key}; fail 5 message="no more"'
    )
    with call.call:
        for number, message in enumerate(call, 1):
            assert message.data == b"%d" % number
            assert len(web_origin.exchange(key).events()) == number
            web_origin.release(key)
        assert (call.status, call.code, call.details, call.call.end) == (200, 5, "no more", "clean")

    assert web_origin.wait_ended(key).body == b"hi"


def test_grpc_web_methods(web: Client) -> None:
    """The same as gRPC's."""
    for method, data, code in [("Unary", [b"hi"], 0), ("ServerStream", [b"1", b"2", b"3"], 0), ("Fail", [], 9)]:
        call = grpc_web.call_web(web, method, b"hi")
        with call.call:
            assert ([message.data for message in call], call.code) == (data, code)


def test_a_plain_grpc_origin_does_not_understand_grpc_web(reach: Reach) -> None:
    """So a call that succeeds was translated on its way."""
    call = grpc_web.call_web(reach("http/1.1"), "Unary", b"hi")
    with call.call:
        assert list(call) == []
        assert (call.status, call.code) == (415, None)


# Connect.


@pytest.fixture(params=["http/1.1", "http/1.1+tls", "h2c", "2"])
def rpc(request: pytest.FixtureRequest, reach: Reach) -> Client:
    """HTTP/1.1 and HTTP/2."""
    return reach(request.param)


@pytest.mark.parametrize("kind", ["application/json", "application/proto"])
def test_unary_connect(rpc: Client, kind: str) -> None:
    """The message is the body, and an error is a status."""
    good = connect.unary(rpc, "Unary", b'{"a": 1}', kind=kind)
    bad = connect.unary(rpc, "Fail", b"{}", kind=kind)

    assert (good.status, good.body, good.header("content-type")) == (200, b'{"a": 1}', kind)
    assert (bad.status, bad.header("content-type")) == (400, "application/json")
    assert json.loads(bad.body) == {"code": "failed_precondition", "message": "as asked"}


@pytest.mark.parametrize("kind", ["application/connect+json", "application/connect+proto"])
def test_streaming_connect_in_lock_step(rpc: Client, origin: Origin, key: str, kind: str) -> None:
    """Envelopes, and an end-stream message."""
    stream = connect.server_stream(rpc, "Any", b"{}", kind=kind, script=f"connect; event n=3 gate={key}")
    with stream.call:
        for number, message in enumerate(stream, 1):
            assert (json.loads(message.data)["n"] if kind.endswith("json") else int(message.data)) == number
            assert len(origin.exchange(key).events()) == number
            origin.release(key)
        assert (stream.final, stream.error, stream.call.end) == ({}, None, "clean")


@pytest.mark.parametrize("script", ["fail 14 message=down", "connect; event; fail 14 message=down"])
def test_streaming_connect_fails(rpc: Client, script: str) -> None:
    """In the end-stream message, before or after messages."""
    stream = connect.server_stream(rpc, "Any", b"{}", script=script)
    with stream.call:
        assert len(list(stream)) == ("event" in script)
        assert stream.final == {"error": {"code": "unavailable", "message": "down"}}


def test_connect_tells_the_timeout_it_saw(rpc: Client) -> None:
    """As gRPC's DeadlineAware does."""
    answer = connect.unary(rpc, "DeadlineAware", b"", [("Connect-Timeout-Ms", "2500")], kind="application/proto")

    assert answer.body == b"2500"


def test_connect_is_held_to_the_letter(rpc: Client) -> None:
    """Types, method, version."""
    script = "connect; echo"
    for method, headers, status in [
        ("POST", [("Content-Type", "text/plain")], 415),
        ("POST", [("Content-Type", "application/json"), ("Connect-Protocol-Version", "2")], 400),
        ("GET", [("Content-Type", "application/json")], 405),
    ]:
        with rpc.request("/a.B/C", headers, method=method, script=script) as call:
            assert call.head().status == status
