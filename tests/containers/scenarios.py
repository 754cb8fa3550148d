"""What a client, an origin and a proxy go through together; each scenario is one function that asserts.

Streams are proven in lock-step: the origin sends message n + 1 only after the client has confirmed message n, so a proxy that holds anything back
stops the play, whatever the clock says. A client's timeout is what ends such a play; no scenario sleeps to see whether something happens, except
where silence itself is the subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tests.clients import chat, connect, grpc_web, ndjson, polling, sse
from tests.clients.grpc_calls import Stub
from tests.clients.http import Client, Transport
from tests.clients.websocket import Closed, open_socket
from tests.containers.stage import HOST, Stage, fresh

Scenario = Callable[[Stage, Client], None]

MESSAGES = 4


def _in_step(stage: Stage, key: str, messages: Iterable[object], count: int = MESSAGES) -> None:
    """Take ``count`` messages, confirming each; then the origin must have finished."""
    taken = 0
    for message in messages:
        assert message is not None
        taken += 1
        stage.origin.release(key)
        if taken == count:
            break
    assert taken == count


# ---- delivery: each message arrives before the next is sent ----


def sse_in_step(stage: Stage, client: Client) -> None:
    """Small events over an event stream, for a client that accepts gzip as browsers do."""
    key = fresh()
    with sse.listen(
        client, "/events", [("Accept-Encoding", "gzip")], script=f"sse gzip=yes; event n={MESSAGES} gate={key}"
    ) as stream:
        _in_step(stage, key, stream)
        assert stream.next_event() is None
        assert stream.end == "clean"


def sse_split_in_step(stage: Stage, client: Client) -> None:
    """Events that reach the proxy in two halves, and events larger than its buffers."""
    key = fresh()
    script = f"sse; event gate={key} split=half; event gate={key} size=6000; event gate={key} size=40000"
    with sse.listen(client, "/events", script=script) as stream:
        _in_step(stage, key, stream, 3)


def event_source_resumes(stage: Stage, client: Client) -> None:
    """A stream that breaks after two events goes on after them, because Last-Event-ID arrives at the origin."""
    key = fresh()
    source = sse.EventSource(
        client, "/events", script=f"key {key}; sse resume=yes; event n=2; fin when=first; event n=2"
    )
    seen = []
    for event in source:
        seen.append(event.id)
        if len(seen) == MESSAGES:
            source.close()

    assert seen == ["1", "2", "3", "4"]
    assert [exchange.header("last-event-id") for exchange in stage.origin.exchanges(key)] == [None, "2"]


def openai_in_step(stage: Stage, client: Client) -> None:
    """Tokens of a chat completion through the openai SDK."""
    key = fresh()
    tokens = chat.stream_tokens(client, script=f"openai; event n={MESSAGES} gate={key}")
    _in_step(stage, key, tokens)


def ndjson_in_step(stage: Stage, client: Client) -> None:
    """Lines of JSON."""
    key = fresh()
    lines = ndjson.read_lines(client, "/lines", script=f"ndjson; event n={MESSAGES} gate={key}")
    with lines.call:
        _in_step(stage, key, lines)


def websocket_in_step(stage: Stage, client: Client) -> None:
    """Pushes in step, echoes of text and binary, a ping, and the close code of the origin."""
    key = fresh()
    with open_socket(
        client, "/socket", script=f"ws; event n={MESSAGES} gate={key}; read n=2; event data=seen; close 4001"
    ) as socket:
        _in_step(stage, key, iter(socket.receive, None))
        socket.send("text")
        socket.send(b"\x00\xff binary")
        assert socket.receive() == "seen"
        with pytest.raises(Closed) as closed:
            socket.receive()
    assert closed.value.code == 4001
    with open_socket(client, "/socket", script="ws; echo") as socket:
        socket.ping()
        for message in ("again", b"\x00\x01"):
            socket.send(message)
            assert socket.receive() == message


def grpc_unary(stage: Stage, client: Client) -> None:
    """One message each way, status and trailers."""
    with Stub(client) as stub:
        result = stub.unary("Echo", b"hello", timeout=client.timeout, script="read; grpc; event data=hello")

    assert (result.code, result.data) == ("OK", [b"hello"])


def grpc_server_stream_in_step(stage: Stage, client: Client) -> None:
    """Messages one by one, then the status in the trailers."""
    key = fresh()
    with Stub(client) as stub:
        stream = stub.server_stream(
            "ServerStream", script=f"grpc; event n={MESSAGES} gate={key}; fail 5 message=gone", timeout=client.timeout
        )
        _in_step(stage, key, iter(stream.next, None))
        assert stream.next() is None
        result = stream.result()

    assert (result.code, result.details) == ("NOT_FOUND", "gone")


def grpc_client_stream_in_step(stage: Stage, client: Client) -> None:
    """The origin has each message of the client before the next is sent."""
    key = fresh()
    with Stub(client) as stub:
        stream = stub.client_stream(
            "ClientStream", script=f"key {key}; grpc; read; event data=done", timeout=client.timeout
        )
        for number in range(1, MESSAGES + 1):
            stream.send(b"m%d" % number)
            stage.origin.wait(lambda one, number=number: one.pieces >= number, key, timeout=client.timeout)
        stream.finish()
        assert stream.result().data == [b"done"]


def grpc_bidi_in_step(stage: Stage, client: Client) -> None:
    """Ping-pong: each side speaks only after the other."""
    with Stub(client) as stub:
        stream = stub.bidi("Bidi", script="grpc; echo", timeout=client.timeout)
        for number in range(MESSAGES):
            stream.send(b"m%d" % number)
            answer = stream.next()
            assert answer is not None
            assert answer.data == b"m%d" % number
        stream.finish()
        assert stream.result().code == "OK"


def grpc_deadline(stage: Stage, client: Client) -> None:
    """The client's deadline reaches the origin, and its end is seen there."""
    key = fresh()
    with Stub(client) as stub:
        result = stub.unary("Silent", script=f"key {key}; grpc; hang", timeout=0.7)

    assert result.code == "DEADLINE_EXCEEDED"
    assert stage.origin.exchange(key).header("grpc-timeout")
    assert stage.origin.wait_aborted(key).aborted


def grpc_web_in_step(stage: Stage, client: Client) -> None:
    """Binary and text framing, messages one by one, the status in the last frame."""
    for text in (False, True):
        key, taken = fresh(), 0
        call = grpc_web.call_web(
            client, "/web/test.Streams/ServerStream", b"hello", text=text, script=f"grpc; event n={MESSAGES} gate={key}"
        )
        with call.call:
            for _ in call:
                # Whichever origin serves it: the strict one behind a translator, or the one that speaks gRPC-Web.
                stage.origin.release(key)
                stage.web.release(key)
                taken += 1
        assert taken == MESSAGES
        assert call.code == 0


def connect_in_step(stage: Stage, client: Client) -> None:
    """A unary call, its error as JSON, and a server stream."""
    done = connect.unary(client, "/connect/test.Streams/Echo", b'{"text":"hello"}', script="connect; event data=hello")
    assert done.status == 200
    failed = connect.unary(client, "/connect/test.Streams/Echo", b"{}", script="fail 5 message=gone")
    assert (failed.status, b'"not_found"' in failed.body) == (404, True)
    key = fresh()
    stream = connect.server_stream(
        client, "/connect/test.Streams/ServerStream", b"{}", script=f"connect; event n={MESSAGES} gate={key}"
    )
    with stream.call:
        _in_step(stage, key, stream)


def upload_in_step(stage: Stage, client: Client) -> None:
    """The origin has each piece of a streamed request body before the next is sent (Connect streams up as well as down)."""
    key = fresh()
    headers = [("Content-Type", "application/connect+json"), ("Connect-Protocol-Version", "1")]
    with client.request(
        "/connect/test.Streams/Up",
        headers,
        method="POST",
        body=None,
        script=f"key {key}; connect; read; event data=done",
    ) as call:
        for number in range(1, MESSAGES + 1):
            call.send(grpc_web.envelope(b"{}"))
            stage.origin.wait(lambda one, number=number: one.pieces >= number, key, timeout=client.timeout)
        call.finish()
        assert call.head().status == 200


def long_poll_answers(stage: Stage, client: Client) -> None:
    """The answer comes when the origin has one."""
    key = fresh()
    with client.request("/long", script=f"gate {key}; json") as call:
        stage.origin.wait_at_gate(key)
        stage.origin.release(key)
        assert call.head().status == 200
        assert call.answer().end == "clean"


def poll_is_shared(stage: Stage, client: Client) -> None:
    """Within the cache time two clients get one answer; one with a credential gets its own; an origin's no-store is obeyed."""
    path = f"/poll/{fresh()}"
    first, second = polling.poll(client, path), polling.poll(client, path)
    mine = polling.poll(client, path, [("Authorization", "Bearer mine")])
    private = [polling.poll(client, f"{path}-private", script="json cache=no-store") for _ in range(2)]

    assert first.status == 200
    assert second.exchange == first.exchange
    assert mine.exchange != first.exchange
    assert private[0].exchange != private[1].exchange


def http_answers(stage: Stage, client: Client) -> None:
    """An ordinary request, and the origin's own error page untouched."""
    answer = client.get("/hello", script="json")
    error = client.get("/broken", script="html status=500")

    assert (answer.status, answer.end) == (200, "clean")
    assert error.status == 500
    assert b"<html" in error.body.lower()


# ---- what the origin sees ----


FORGED = (
    ("x-forwarded-for", "6.6.6.6"), ("x-forwarded-proto", "gopher"), ("x-real-ip", "6.6.6.6"), ("forwarded", "for=6.6.6.6"),
    ("accept-encoding", "gzip, br"),
)  # fmt: skip


def _ask(stage: Stage, client: Client, protocol: str, key: str) -> str:
    """One exchange of the protocol, with forged headers; says what the origin should see as its target."""
    if protocol == "websocket":
        socket = open_socket(client, "/socket?x=1", FORGED, script=f"key {key}; ws; event; hang")
        assert socket.receive()
        # Without a closing handshake, after which Envoy keeps the client waiting for a second.
        socket.abort()
        return "/socket?x=1"
    if protocol == "grpc":
        with Stub(client) as stub:
            result = stub.unary(
                "Echo", b"hello", FORGED, timeout=client.timeout, script=f"key {key}; read; grpc; event"
            )
        assert result.code == "OK"
        return "/test.Streams/Echo"
    if protocol == "grpc-web":
        web = grpc_web.call_web(client, "/web/test.Streams/Echo", b"hello", FORGED, script=f"key {key}; grpc; event")
        with web.call:
            assert len(list(web)) == 1
        return "/test.Streams/Echo"
    if protocol == "connect":
        path, script = "/connect/test.Streams/Echo", f"key {key}; connect; event"
        assert connect.unary(client, path, b"{}", FORGED, script=script).status == 200
        return "/test.Streams/Echo"
    target, script = {
        "sse": ("/events?x=1", "sse; event"),
        "ndjson": ("/lines?x=1", "ndjson; event"),
        "long-poll": ("/long?x=1", "json"),
        "poll": (f"/poll/{key}?x=1", "json"),
        "http": ("/hello?x=1", "json"),
    }[protocol]
    assert client.get(target, FORGED, script=f"key {key}; {script}").status == 200
    return target


def _sees_a_clean_request(protocol: str) -> Scenario:
    """The scenario for one protocol."""

    def scenario(stage: Stage, client: Client) -> None:
        """The right version, Connection and Host, forwarded headers that a client cannot forge, Accept-Encoding only where it does no harm."""
        key = fresh()
        target = _ask(stage, client, protocol, key)
        # Envoy translates gRPC-Web for the strict origin; nginx passes it to the one that speaks it.
        translated = protocol == "grpc-web" and stage.engine.startswith("envoy")
        origin = stage.web if protocol == "grpc-web" and not translated else stage.origin
        seen = origin.wait_ended(key)
        two = protocol == "grpc" or translated

        assert (seen.version, seen.target) == ("2" if two else "1.1", target)
        # Over HTTP/2 nginx says the one, Envoy the other; nobody may say two names.
        assert {seen.header(":authority"), seen.header("host")} - {None} == {HOST}
        assert (seen.header("connection") or "").lower() == ("upgrade" if protocol == "websocket" else "")
        assert seen.header("upgrade") == ("websocket" if protocol == "websocket" else None)
        assert seen.header("te") == ("trailers" if two else None)
        told = (seen.header("x-forwarded-for") or "").replace(" ", "").split(",")
        # The client first, then each hop but the last; of one on its own machine Envoy says the machine's address.
        assert (told[0], len(told)) == ("127.0.0.1", stage.hops)
        assert seen.header("x-forwarded-proto") == ("https" if stage.secure else "http")
        assert seen.header("x-real-ip") == "127.0.0.1"
        assert seen.header("forwarded") is None
        if protocol not in {"http", "grpc", "websocket"}:
            assert seen.header("accept-encoding") is None

    scenario.__name__ = f"origin_sees_a_clean_{protocol.replace('-', '_')}_request"
    return scenario


CLEAN = {
    protocol: _sees_a_clean_request(protocol)
    for protocol in ("sse", "ndjson", "websocket", "grpc", "grpc-web", "connect", "long-poll", "poll", "http")
}
"""Protocol → the scenario in which the origin sees a clean request of it."""


def path_means_one_thing(stage: Stage, client: Client) -> None:
    """A path with dot segments or escaped slashes is refused, or the origin gets what the route was chosen by."""
    for target in ("/events/../long/a", "/events/%2e%2e/long/b", "/events/..%2flong/c", "/./long/d"):
        key = fresh()
        answer = client.get(target, script=f"key {key}; json")
        seen = [exchange.target for exchange in stage.origin.exchanges(key)]

        assert (
            answer.status == 400 if not seen else ".." not in seen[0] and "%2" not in seen[0] and "/./" not in seen[0]
        )
        assert b"<html" not in answer.body.lower()


# ---- silence, endings, retries ----


def sse_survives_silence(stage: Stage, client: Client) -> None:
    """A pause longer than the engine's stock timers, in the middle of a stream."""
    _silent(stage, client, "/events", "sse; event; wait {pause}; event")


def ndjson_survives_silence(stage: Stage, client: Client) -> None:
    """The same for lines."""
    _silent(stage, client, "/lines", "ndjson; event; wait {pause}; event")


def long_poll_survives_silence(stage: Stage, client: Client) -> None:
    """A poll that is held for longer than the engine's stock timers, and within the two minutes that it may be (nginx 60 s, Envoy 15 s)."""
    pause = 0.6 if stage.engine.startswith("envoy") else silence(stage)
    answer = client.get("/long", script=f"wait {pause}; json")

    assert (answer.status, answer.end) == (200, "clean")


def websocket_survives_silence(stage: Stage, client: Client) -> None:
    """A socket on which nobody speaks for longer than the engine's stock timers."""
    with open_socket(client, "/socket", script=f"ws; event; wait {silence(stage)}; event") as socket:
        assert socket.receive()
        assert socket.receive()


def grpc_survives_silence(stage: Stage, client: Client) -> None:
    """A bidirectional call on which nobody speaks for longer than the engine's stock timers."""
    with Stub(client) as stub:
        stream = stub.bidi("Bidi", script=f"grpc; event; wait {silence(stage)}; event", timeout=client.timeout)
        stream.send(b"hello")
        assert stream.next() is not None
        assert stream.next() is not None
        stream.finish()


def connect_survives_silence(stage: Stage, client: Client) -> None:
    """A Connect stream whose origin has nothing to say for that long."""
    script = f"connect; event; wait {silence(stage)}; event"
    stream = connect.server_stream(client, "/connect/test.Streams/ServerStream", b"{}", script=script)
    with stream.call:
        assert len(list(stream)) == 2
    assert stream.final is not None


def grpc_web_survives_silence(stage: Stage, client: Client) -> None:
    """The same for gRPC-Web, with the status at the end."""
    script = f"grpc; event; wait {silence(stage)}; event"
    call = grpc_web.call_web(client, "/web/test.Streams/ServerStream", b"hello", text=False, script=script)
    with call.call:
        assert len(list(call)) == 2
    assert call.code == 0


def silence(stage: Stage) -> float:
    """Seconds of real silence that are longer than the stock timers on a lapsed stage (nginx 60 s, Envoy 300 s)."""
    return 3.6 if stage.engine.startswith("envoy") else 2.2


def _silent(stage: Stage, client: Client, path: str, script: str) -> None:
    with client.request(path, script=script.format(pause=silence(stage))) as call:
        answer = call.answer()
    assert (answer.status, answer.end) == (200, "clean")


def origin_learns_that_the_client_left(stage: Stage, client: Client) -> None:
    """At once, though the stream is silent when it happens, and before the headers as well."""
    for path, script, started in (
        ("/events", "sse; event; hang", True),
        ("/long", "hang", False),
        ("/lines", "ndjson; event; hang", True),
    ):
        key = fresh()
        with client.request(path, script=f"key {key}; {script}") as call:
            if started:
                assert call.read() is not None
            else:
                stage.origin.wait(lambda _: True, key, timeout=client.timeout)
        assert stage.origin.wait_aborted(key).aborted


def origin_learns_that_the_socket_was_dropped(stage: Stage, client: Client) -> None:
    """The same for a WebSocket, dropped without a close frame."""
    key = fresh()
    socket = open_socket(client, "/socket", script=f"key {key}; ws; event; hang")
    assert socket.receive()
    socket.abort()

    assert stage.origin.wait_ended(key).ended


def failing_origin_yields_no_page(stage: Stage, client: Client) -> None:
    """Dropped before the headers: JSON and an error status. In the middle of a stream: what was sent, then a visible cut. Never HTML."""
    before = client.get("/events", script="fin")
    with client.request("/events", script="sse; event n=2; rst") as call:
        during = call.answer()

    assert before.status in {502, 503, 504}
    assert "html" not in (before.header("content-type") or "")
    assert b"<html" not in before.body.lower()
    assert during.status == 200
    assert during.body.count(b"data:") <= 2
    assert b"<html" not in during.body.lower()
    assert during.end not in {"", "clean"}


def post_is_never_sent_twice(stage: Stage, client: Client) -> None:
    """An origin that hangs up before it answers has perhaps begun: the prompt must not reach the other server."""
    key = fresh()
    with client.request(
        "/v1/chat/completions", method="POST", body=b'{"stream":true}', script=f"key {key}; read; fin"
    ) as call:
        answer = call.answer()

    assert answer.status in {502, 503, 504}
    assert len(stage.origin.exchanges(key)) == 1


def reload_keeps_streams(stage: Stage, client: Client) -> None:
    """The proxy takes up its config anew while a stream is open; the stream goes on."""
    key = fresh()
    with sse.listen(client, "/events", script=f"sse; event n=2 gate={key}") as stream:
        assert stream.next_event() is not None
        stage.proxy.reload()
        stage.origin.release(key)
        assert stream.next_event() is not None


def silent_talk(stage: Stage, client: Client) -> None:
    """A stream that talks all the time lives longer than 15 s, Envoy's stock limit on a whole answer (in real time)."""
    with sse.listen(client, "/events", script="sse; event n=17 gap=1") as stream:
        assert len(list(stream)) == 17
    assert stream.end == "clean"


TRANSPORTS: tuple[Transport, ...] = ("http/1.1", "http/1.1+tls", "2")
ONLY_HTTP1: tuple[Transport, ...] = ("http/1.1", "http/1.1+tls")
ONLY_HTTP2: tuple[Transport, ...] = ("h2c", "2")

DELIVERY: dict[Scenario, tuple[Transport, ...]] = {
    sse_in_step: TRANSPORTS,
    sse_split_in_step: TRANSPORTS,
    event_source_resumes: TRANSPORTS,
    openai_in_step: TRANSPORTS,
    ndjson_in_step: TRANSPORTS,
    websocket_in_step: ONLY_HTTP1,
    grpc_unary: ONLY_HTTP2,
    grpc_server_stream_in_step: ONLY_HTTP2,
    grpc_client_stream_in_step: ONLY_HTTP2,
    grpc_bidi_in_step: ONLY_HTTP2,
    grpc_deadline: ONLY_HTTP2,
    grpc_web_in_step: TRANSPORTS,
    connect_in_step: TRANSPORTS,
    upload_in_step: TRANSPORTS,
    long_poll_answers: TRANSPORTS,
    poll_is_shared: TRANSPORTS,
    http_answers: TRANSPORTS,
    **{
        scenario: {"websocket": ONLY_HTTP1, "grpc": ONLY_HTTP2}.get(protocol, TRANSPORTS)
        for protocol, scenario in CLEAN.items()
    },
    path_means_one_thing: TRANSPORTS,
    origin_learns_that_the_client_left: TRANSPORTS,
    origin_learns_that_the_socket_was_dropped: ONLY_HTTP1,
    failing_origin_yields_no_page: TRANSPORTS,
    post_is_never_sent_twice: TRANSPORTS,
    reload_keeps_streams: TRANSPORTS,
}
"""What must hold on a generated stage, over which transports."""

SILENCE: dict[Scenario, tuple[Transport, ...]] = {
    sse_survives_silence: TRANSPORTS,
    ndjson_survives_silence: ("http/1.1",),
    long_poll_survives_silence: ("http/1.1", "2"),
    websocket_survives_silence: ONLY_HTTP1,
    grpc_survives_silence: ONLY_HTTP2,
    connect_survives_silence: ("http/1.1", "2"),
    grpc_web_survives_silence: ("http/1.1", "2"),
}
"""What must hold on a lapsed stage."""

NATIVE_GRPC = frozenset({
    grpc_unary, grpc_server_stream_in_step, grpc_client_stream_in_step, grpc_bidi_in_step, grpc_deadline, grpc_survives_silence,
    CLEAN["grpc"],
})  # fmt: skip
"""The scenarios that need a listener for HTTP/2 clients."""
