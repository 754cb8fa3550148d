"""WebSockets, with the `websockets` library on the other side."""

import socket

import pytest

from proxycfg.origin import Origin
from tests.clients.http import Client
from tests.clients.websocket import Closed, Refused, open_socket
from tests.origin.conftest import Reach


@pytest.fixture(params=["http/1.1", "http/1.1+tls"])
def client(request: pytest.FixtureRequest, reach: Reach) -> Client:
    """In clear text and over TLS."""
    return reach(request.param)


def test_a_socket_without_a_script_echoes(client: Client, origin: Origin) -> None:
    """Text as text, bytes as bytes, and it ends with the client's close frame."""
    with open_socket(client, "/ws?echo") as ws:
        for message in ("hello", b"\x00\xff", "", "x" * 70_000, "ünï"):
            ws.send(message)
            assert ws.receive() == message
        ws.ping()

    exchange = origin.wait(lambda one: one.target == "/ws?echo" and one.tls == client.secure and one.ended)
    assert (exchange.completed, exchange.close_code, exchange.pieces) == (True, 1000, 5)
    assert exchange.status == 101
    assert "pong" in {sent.what for sent in exchange.sent}


def test_messages_are_pushed_in_lock_step(client: Client, origin: Origin, key: str) -> None:
    """Message n+1 is sent after the client confirmed message n."""
    with open_socket(client, "/", script=f"ws; event n=3 gate={key} size=20") as ws:
        for number in range(1, 4):
            assert ws.receive() == str(number).ljust(20, ".")
            assert len(origin.exchange(key).events()) == number
            origin.release(key)
        with pytest.raises(Closed) as closed:
            ws.receive()

    assert closed.value.code == 1000
    assert origin.wait_ended(key).completed


def test_messages_may_be_binary(client: Client) -> None:
    """And come with gaps."""
    with open_socket(client, "/", script="ws; event n=2 gap=0.01 binary=yes") as ws:
        assert [ws.receive(), ws.receive()] == [b"1", b"2"]


def test_the_client_itself_can_be_the_gate(client: Client) -> None:
    """``read n=1`` waits for a message on the same socket."""
    with open_socket(
        client, "/", script="ws; event; read n=1; event data={pieces}; read n=2; event data={pieces}"
    ) as ws:
        assert ws.receive() == "1"
        ws.send("go")
        assert ws.receive() == "1"
        ws.send("go")
        ws.send("on")
        assert ws.receive() == "3"


def test_pings_of_the_origin_are_answered(client: Client, origin: Origin, key: str) -> None:
    """Heartbeats in the other direction."""
    with open_socket(client, "/", script=f"key {key}; ws; ping; ping again; read n=1"):
        assert origin.wait(lambda one: one.pongs == 2, key).status == 101


@pytest.mark.parametrize(
    ("step", "code", "reason"), [("close 4001 reason=bye", 4001, "bye"), ("close", 1000, ""), ("wait 0", 1000, "")]
)
def test_the_origin_closes(*, client: Client, origin: Origin, key: str, step: str, code: int, reason: str) -> None:
    """With the code that was asked for."""
    with open_socket(client, "/", script=f"key {key}; ws; {step}") as ws, pytest.raises(Closed) as closed:
        ws.receive()

    assert (closed.value.code, closed.value.reason) == (code, reason)
    exchange = origin.wait_ended(key)
    assert (exchange.completed, exchange.close_code) == (True, code)


@pytest.mark.parametrize("step", ["fin", "rst"])
def test_the_origin_drops_the_socket(client: Client, origin: Origin, key: str, step: str) -> None:
    """Without a close frame: code 1006."""
    with open_socket(client, "/", script=f"ws; event; gate {key}; {step}") as ws:
        assert ws.receive() == "1"
        origin.release(key)  # An RST may overtake the message before it, so it waits until that one has come.
        with pytest.raises(Closed) as closed:
            ws.receive()

    assert closed.value.code == 1006
    assert origin.wait_ended(key).dropped


def test_a_silent_origin_says_nothing_but_pongs(client: Client, origin: Origin, key: str) -> None:
    """An idle socket, and a client that closes it in order."""
    with open_socket(client, "/", script=f"key {key}; ws; hang") as ws:
        ws.send("anybody?")
        ws.ping()
        with pytest.raises(TimeoutError):
            ws.receive(0.01)

    aborted = origin.wait_aborted(key).aborted
    assert aborted is not None
    assert (aborted.kind, aborted.code) == ("CLOSE", 1000)


@pytest.mark.parametrize(("how", "kind"), [("drop", "FIN"), ("abort", "RST")])
def test_a_client_that_leaves_without_a_word_is_noticed(
    client: Client, origin: Origin, key: str, how: str, kind: str
) -> None:
    """No close frame came."""
    with open_socket(client, "/", script=f"key {key}; ws; hang") as ws:
        getattr(ws, how)()
        exchange = origin.wait_aborted(key)

    assert exchange.aborted is not None
    assert (exchange.aborted.kind, exchange.close_code) == (kind, None)


def test_a_subprotocol_and_headers_of_the_handshake(client: Client) -> None:
    """As the head says."""
    with open_socket(client, "/", script='ws subprotocol=chat cookie="a=b"; echo', subprotocols=["chat"]) as ws:
        assert ws.connection.subprotocol == "chat"
        assert ws.connection.response is not None
        assert ws.connection.response.headers["Set-Cookie"] == "a=b"


HANDSHAKE = {
    "Host": "a",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_the_example_of_the_standard(reach: Reach) -> None:
    """RFC 6455, section 1.3."""
    with reach("http/1.1").request("/", HANDSHAKE.items(), script="ws; close") as call:
        call._pump(5)

    assert call.interim[0][0] == 101
    assert ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in call.interim[0][1]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Connection": "close"}, 426),
        ({"Connection": "keep-alive, upgrade"}, 101),
        ({"Connection": ""}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Upgrade": "WebSocket"}, 101),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Key": ""}, 400),
    ],
)
def test_a_handshake_is_held_to_the_letter(
    reach: Reach, origin: Origin, key: str, change: dict[str, str], status: int
) -> None:
    """Case and extra tokens are fine; anything missing is refused, and recorded."""
    with reach("http/1.1").request("/", (HANDSHAKE | change).items(), script=f"key {key}; ws; close") as call:
        call.head() if status != 101 else call._pump(5)

    assert (call.status or call.interim[0][0]) == status
    assert bool(origin.exchange(key).refused) == (status != 101)


@pytest.mark.parametrize(
    ("transport", "method", "status"), [("http/1.0", "GET", 400), ("http/1.1", "POST", 400), ("h2c", "GET", 400)]
)
def test_a_handshake_is_a_get_over_http11(reach: Reach, transport: str, method: str, status: int) -> None:
    """An HTTP/1.0 proxy in between is refused, as strict servers do."""
    headers = () if transport == "h2c" else HANDSHAKE.items()
    with reach(transport).request("/", headers, method=method, script="ws; echo") as call:  # type: ignore[arg-type]
        assert call.head().status == status


def test_a_plain_request_where_a_handshake_was_expected(reach: Reach) -> None:
    """What a proxy without Upgrade handling sends on."""
    with pytest.raises(Refused) as refused:
        # The library has no way to leave the header out, so a proxy's mistake is imitated with a script that expects
        # no WebSocket.
        open_socket(reach("http/1.1"), "/", script="json status=403")

    assert refused.value.status == 403
    assert reach("http/1.1").get("/", script="ws; echo").status == 426


@pytest.mark.parametrize("frame", [b"\x81\x05hello", b"\xc1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x81\x81\0\0\0\0\xff"])
def test_malformed_frames_break_the_socket_off(reach: Reach, origin: Origin, key: str, frame: bytes) -> None:
    """Unmasked, with reserved bits, of an unknown kind, not UTF-8."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
    with socket.create_connection(reach("http/1.1").address, timeout=5) as sock:
        sock.sendall(f"GET / HTTP/1.1\r\n{lines}x-origin-script: key {key}; ws; echo\r\n\r\n".encode() + frame)
        received = b""
        while data := sock.recv(65_536):
            received += data

    assert b"\x88" in received.partition(b"\r\n\r\n")[2]
    assert origin.wait_ended(key).refused.startswith("websocket: ")
