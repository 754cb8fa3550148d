"""The origin as a whole: its life, its memory, its gates, its interface for other processes, its command line."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from proxycfg.origin import Limits, Origin, reference
from proxycfg.origin.__main__ import main
from proxycfg.origin.plain import PlainWriter
from proxycfg.origin.service import Version
from tests.clients import sse
from tests.clients.http import Client, Transport
from tests.clients.tls import Authority, make_authority


@pytest.fixture
def origin() -> Iterator[Origin]:
    """An origin for one test alone."""
    with Origin.start() as origin:
        yield origin


@pytest.fixture
def client(origin: Origin) -> Client:
    """A client of it."""
    return Client(origin.address)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Certificates."""
    return make_authority(tmp_path_factory.mktemp("tls"))


# Life.


def test_a_taken_port_is_told_to_the_caller(origin: Origin) -> None:
    """Not to a thread nobody listens to."""
    with pytest.raises(OSError, match="in use"), Origin.start(port=origin.port):
        pass


def test_stopping_cuts_every_connection() -> None:
    """Whatever it was doing."""
    with Origin.start() as origin:
        call = Client(origin.address).request("/", script="sse; event n=1000000 gap=0.001")
        assert call.head().status == 200
        idle = socket.create_connection(origin.address, timeout=5)
    with call, idle:
        assert call.answer().end in {"truncated", "reset"}
        with pytest.raises(OSError, match="refused"):
            Client(origin.address).connect()


def test_two_ports(authority: Authority) -> None:
    """Clear and TLS, and both are told."""
    with Origin.start(tls=authority.server_context()) as origin:
        assert Client(origin.address).get("/").status == 200
        answer = Client(origin.tls_address, "2", authority.ca, host="app.example.com").get("/")
        assert dict(json.loads(answer.body)["headers"])[":authority"] == "app.example.com"
        assert (origin.url, origin.tls_url) == (
            f"http://127.0.0.1:{origin.port}",
            f"https://127.0.0.1:{origin.tls_port}",
        )


@pytest.mark.parametrize(
    ("versions", "statuses"), [({"1.1"}, [505, 200]), ({"1.0", "1.1"}, [200, 200]), ({"2"}, [0, 0])]
)
def test_versions_that_are_not_spoken(versions: set[Version], statuses: list[int], authority: Authority) -> None:
    """For engines that must show what they ask for."""
    with Origin.start(versions=frozenset(versions)) as origin:
        assert [Client(origin.address, each).get("/").status for each in ("http/1.0", "http/1.1")] == statuses
        with Client(origin.address, "h2c").request("/") as call:
            assert call.head().status == (200 if "2" in versions else 0)


@pytest.mark.parametrize(("transport", "end"), [("http/1.1", "reset"), ("h2c", "rst_stream")])
def test_a_bug_of_the_origin_is_no_behaviour(
    origin: Origin, transport: Transport, end: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, recorded as such, and the client is reset; the next exchange goes well."""
    client = Client(origin.address, transport)
    with monkeypatch.context() as patch:
        patch.setattr(PlainWriter, "_headers", lambda _: 1 / 0)
        assert client.get("/", script="key k; sse; event").end == end
    assert "internal error" in origin.wait_ended("k").refused
    assert "ZeroDivisionError" in caplog.text
    assert client.get("/", script="sse; event").end == "clean"


def test_ipv6(authority: Authority) -> None:
    """As good as the other."""
    try:
        with Origin.start(host="::1", tls=authority.server_context()) as origin:
            assert Client(origin.address, host="[::1]").get("/").status == 200
            assert Client(origin.tls_address, "2", authority.ca).get("/").status == 200
            assert origin.url == f"http://[::1]:{origin.port}"
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


# Memory.


def test_only_so_much_is_remembered() -> None:
    """A ring of exchanges, a cap on bodies, a cap on marks; the sums stay right."""
    with Origin.start(limits=Limits(exchanges=3, body=10, marks=5)) as origin:
        client = Client(origin.address)
        for number in range(5):
            client.get(f"/{number}", script="key k; text; event n=20")
        with client.request("/up", method="POST", body=b"x" * 100, script="read; json") as call:
            call.answer()

        assert [one.target for one in origin.exchanges()] == ["/3", "/4", "/up"]
        *_, text, upload = origin.exchanges()
        assert (len(text.sent), text.writes) == (5, 22)
        assert (upload.body, upload.body_size) == (b"x" * 10, 100)
        assert text.arrival == 5
        origin.clear()
        assert client.get("/").status == 200
        assert [one.target for one in origin.exchanges()] == ["/"]


def test_exchanges_are_found_by_key_and_by_number(origin: Origin, client: Client) -> None:
    """The newest of a key."""
    for _ in range(2):
        client.get("/", script="key a; json")
    client.get("/", script="key b; json")

    assert [one.id for one in origin.exchanges("a")] == [1, 2]
    assert origin.exchange("a").id == 2
    assert origin.exchange(3).key == "b"
    with pytest.raises(LookupError):
        origin.exchange("c")


def test_waiting_tells_what_was_there_instead(origin: Origin, client: Client) -> None:
    """A failing test shows the state it met."""
    with client.request("/", script="sse; gate g"):
        origin.wait_at_gate("g")
        with pytest.raises(TimeoutError, match=r"(?s)exchange with key 'g'.*gate='g'"):
            origin.wait_ended("g", timeout=0.01)
    with pytest.raises(TimeoutError, match="seen: 0"):
        origin.wait_ended("nobody", timeout=0.01)


def test_waiting_costs_a_busy_origin_little(origin: Origin, client: Client) -> None:
    """Only what changed is looked at."""
    for _ in range(50):
        client.get("/", script="text; event n=900")
    with client.request("/", script="key fast; text; event n=20000 batch=8") as call:
        waiting = threading.Thread(target=lambda: origin.wait_ended("nobody", timeout=0.2), daemon=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading, "excepthook", lambda _: None)
            waiting.start()
            assert len(call.answer().body) > 100_000
            waiting.join()

    assert origin.wait_ended("fast").completed


# Gates.


def test_a_release_before_the_stream_arrives_is_kept(origin: Origin, client: Client) -> None:
    """So there is no race between a client's confirmation and the next wait."""
    origin.release("g", 3)

    assert client.get("/", script="sse; event n=3 gate=g").end == "clean"


def test_a_release_lets_one_through(origin: Origin, client: Client) -> None:
    """In the order they came, and a client that left does not use it up."""
    first, second, third = (client.request(f"/{name}", script="gate g; json") for name in "abc")
    with first, second, third:
        for count, name in enumerate("abc", 1):
            origin.wait(lambda one, name=name: one.target == f"/{name}" and one.gate == "g")  # type: ignore[misc]
            assert len(origin.exchanges("g")) == count or count < 3
        first.close()
        origin.wait(lambda one: one.target == "/a" and one.aborted)
        origin.release(origin.exchange("g"))
        assert second.head().status == 200
        assert origin.exchange("g").status is None
        origin.open("g")
        assert third.head().status == 200

    assert client.get("/", script="sse; event n=100 gate=g").end == "clean"


def test_a_script_key_names_a_bare_gate(origin: Origin, client: Client) -> None:
    """``gate`` without a name."""
    origin.release("k")

    assert client.get("/", script="key k; gate; json").status == 200


# The interface for other processes.


def post(client: Client, target: str, method: str = "POST") -> tuple[int, object]:
    """Ask without a body, decode the answer."""
    with client.request(target, method=method) as call:
        answer = call.answer()
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("transport", ["http/1.1", "h2c"])
def test_the_control_interface(origin: Origin, transport: str) -> None:
    """Release, gates, exchanges, wait, clear; none of it is recorded."""
    client = Client(origin.address, transport)  # type: ignore[arg-type]
    with sse.listen(client, "/events", script="sse; event n=2 gate=g; rst") as stream:
        for _ in range(2):
            assert stream.next_event() is not None
            assert post(client, "/__origin__/release?key=g")[0] == 200
        assert stream.next_event() is None

    status, found = post(client, "/__origin__/wait?key=g&until=dropped", "GET")
    assert (status, found["target"], found["ended"]) == (200, "/events", True)  # type: ignore[index]
    status, listed = post(client, "/__origin__/exchanges?key=g", "GET")
    assert [one["sent"][1]["what"] for one in listed] == ["event"]  # type: ignore[attr-defined]
    assert post(client, "/__origin__/release?key=h&n=all") == (200, {"released": "h", "waiting": 0})
    assert client.get("/", script="sse; event n=9 gate=h").end == "clean"
    assert post(client, "/__origin__/gates", "GET") == (200, {})
    assert post(client, "/__origin__/exchanges", "DELETE")[0] == 200
    assert origin.exchanges() == []
    assert client.get("/__origin__/reference").body.decode() == reference()


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/__origin__/", 404),
        ("GET", "/__origin__/release?key=a", 404),
        ("POST", "/__origin__/release", 400),
        ("POST", "/__origin__/release?key=a&n=-1", 400),
        ("GET", "/__origin__/wait?until=never", 400),
        ("GET", "/__origin__/wait?timeout=soon", 400),
        ("GET", "/__origin__/wait?timeout=0.01&key=x", 408),
    ],
)
def test_mistakes_at_the_control_interface(client: Client, method: str, target: str, status: int) -> None:
    """Are told apart from answers."""
    assert post(client, target, method)[0] == status


def test_waiting_from_outside(origin: Origin, client: Client) -> None:
    """The answer comes when it has happened, not before."""
    with client.request("/__origin__/wait?key=k&until=aborted") as waiting:
        with client.request("/", script="key k; sse; event; hang") as call:
            call.read()
        assert waiting.head().status == 200

    assert origin.exchange("k").aborted


# Load.


def test_a_thousand_streams_at_once(origin: Origin) -> None:
    """All wait at one gate, and one word lets them all go."""
    count = 1000
    client = Client(origin.address, timeout=10)
    calls = [client.request("/", script="sse; event; gate g; event") for _ in range(count)]
    try:
        assert all(call.head().status == 200 for call in calls)
        origin.release("g", count)
        assert all(call.answer().body.endswith(b"data: 2\n\n") for call in calls)
    finally:
        for call in calls:
            call.close()

    assert sum(one.completed for one in origin.exchanges("g")) == count


def test_the_api_is_for_any_thread(origin: Origin) -> None:
    """Many tests may share an origin."""

    def lock_step(number: int) -> int:
        key = f"k{number}"
        with sse.listen(Client(origin.address), "/", script=f"sse; event n=20 gate={key}") as stream:
            for count, _ in enumerate(stream, 1):
                assert len(origin.exchange(key).events()) == count
                origin.release(key)
            return len(origin.wait_ended(key).events())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lock_step, range(16))) == [20] * 16


# The command line.


def test_the_program(authority: Authority) -> None:
    """It says where it listens, and serves until it is told to stop."""
    with subprocess.Popen(
        [
            sys.executable, "-m", "proxycfg.origin", "--port", "0", "--tls-port", "0",
            "--cert", str(authority.cert), "--key", str(authority.key),
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = process.stdout.readline().split()
        try:
            ports = [int(word.rpartition(":")[2]) for word in said if "://" in word]
            assert Client(("127.0.0.1", ports[0])).get("/").status == 200
            assert Client(("127.0.0.1", ports[1]), "2", authority.ca).get("/").status == 200
        finally:
            process.terminate()


def test_the_manual_at_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """``--reference`` prints it."""
    assert main(["--reference"]) == 0
    assert capsys.readouterr().out == reference()


def test_half_a_certificate_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, as for every mistake of the user."""
    assert main(["--cert", "x.pem"]) == 2
    assert "come together" in capsys.readouterr().err


def test_importing_proxycfg_does_not_import_the_origin() -> None:
    """It needs an extra, and time."""
    code = "import sys, proxycfg; sys.exit(any(name.startswith('proxycfg.origin') for name in sys.modules))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_times_are_the_clock_of_the_tests(origin: Origin, client: Client) -> None:
    """``time.monotonic()`` is one for all processes of a machine."""
    before = time.monotonic()
    client.get("/", script="key k; text; event data={t}")
    exchange = origin.wait_ended("k")

    assert exchange.ended_at is not None
    assert before <= exchange.arrived <= exchange.events()[0].at <= exchange.ended_at <= time.monotonic()
