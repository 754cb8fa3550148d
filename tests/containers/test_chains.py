"""Stacks that break only in company, on real proxies: what a rule says of a bad one hurts, and does not on the good one."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from proxycfg.origin import Origin
from tests.clients import sse
from tests.clients.grpc_calls import Stub
from tests.clients.websocket import Closed, Refused, open_socket
from tests.containers.chain_stand import StandingStack, stand
from tests.containers.stage import fresh
from tests.engines import Proxies

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "rules"
EVENTS = 4
LAPSE = 40
"""How much faster the clocks of nginx run: a minute is a second and a half."""


Standing = Callable[[str], StandingStack]


@pytest.fixture
def standing(proxies: Proxies, origin: Origin, tmp_path: Path) -> Iterator[Standing]:
    """Start the stack of a folder below the rules' proofs; it stops when the test ends."""
    count = itertools.count()

    def folder() -> Path:
        made = tmp_path / f"hop{next(count)}"
        made.mkdir()
        made.chmod(0o755)
        return made

    tmp_path.chmod(0o755)
    with proxies.scope() as start:
        yield lambda name: stand(FIXTURES / name / "stack.yaml", start, origin, folder, time_lapse=LAPSE)


def released_in_step(stack: StandingStack, *, timeout: float = 10.0) -> None:
    """Events of an origin that says ``X-Accel-Buffering: no``, each sent when the one before has come."""
    key = fresh()
    script = f"sse xab=no; event n={EVENTS} gate={key}"
    with sse.listen(stack.client(timeout=timeout), "/events", script=script) as stream:
        for _ in range(EVENTS):
            assert stream.next_event() is not None
            stack.origin.release(key)


# ---- what each rule says, seen ----


def in_step(stack: StandingStack, *, timeout: float = 10.0) -> None:
    """Small events for a client that accepts gzip as browsers do, each sent when the one before has come."""
    key = fresh()
    with sse.listen(
        stack.client(timeout=timeout),
        "/events",
        [("Accept-Encoding", "gzip")],
        script=f"sse; event n={EVENTS} gate={key}",
    ) as stream:
        for _ in range(EVENTS):
            assert stream.next_event() is not None
            stack.origin.release(key)


def survives_silence(stack: StandingStack, *, timeout: float = 10.0) -> None:
    """A minute and a half of silence by the clock of nginx in the middle of a stream."""
    script = f"sse; event; wait {90 / LAPSE}; event"
    with sse.listen(stack.client(timeout=timeout), "/events", script=script) as stream:
        assert [stream.next_event() is not None for _ in range(2)] == [True, True]


def tries(stack: StandingStack) -> int:
    """How often the origins see a request of which each of them drops the connection."""
    key = fresh()
    stack.client().get("/events", script=f"key {key}; rst")
    return len(stack.origin.exchanges(key))


def compressed(stack: StandingStack) -> str | None:
    """The coding of an answer to a client that takes gzip."""
    answer = stack.client().get("/events", [("Accept-Encoding", "gzip")], script="sse; event n=3; fin")
    return answer.header("content-encoding")


def opens_a_socket(stack: StandingStack) -> None:
    """A WebSocket, and one message."""
    with open_socket(stack.client(timeout=3.0), "/socket", script="ws; event") as socket:
        assert socket.receive()


def calls(stack: StandingStack) -> str:
    """The status of a call of gRPC."""
    with Stub(stack.client("h2c", timeout=5.0)) as stub:
        return stub.unary("Echo", b"hello", timeout=5.0, script="read; grpc; event data=hello").code


def servers_of_clients(stack: StandingStack) -> set[str | None]:
    """The servers that clients from many addresses get."""
    found: set[str | None] = set()
    for last in range(1, 25):
        source = f"127.0.7.{last}", 0
        with contextlib.closing(HTTPConnection("127.0.0.1", stack.doors[0], source_address=source)) as connection:
            connection.request("GET", "/events", headers={"x-origin-script": "json"})
            answer = connection.getresponse()
            answer.read()
            found.add(answer.getheader("x-server"))
    return found


def status_of_a_prompt(stack: StandingStack) -> int:
    """Of two megabytes."""
    with stack.client().request(
        "/v1/chat/completions", method="POST", body=b"x" * 2 * 2**20, script="read; json"
    ) as call:
        return call.answer().status


FAILURES = (AssertionError, OSError, Refused, Closed)
"""What a client sees of a stack that fails it."""


@pytest.mark.engine
@pytest.mark.parametrize(
    ("rule", "play"),
    [
        ("x-accel-buffering-eaten", released_in_step), ("held-back-by-another-hop", in_step),
        ("timer-undone-by-another-hop", survives_silence), ("upgrade-lost-on-the-way", opens_a_socket),
        ("http-version-not-taken", in_step),
    ],
)  # fmt: skip
def test_what_one_hop_gives_another_takes(standing: Standing, rule: str, play: Callable[..., None]) -> None:
    """The good stack delivers, and so does the bad one's inner hop; the bad one as a whole does not."""
    play(standing(f"{rule}/chain/good"))
    bad = standing(f"{rule}/chain/bad")
    play(bad.inner)
    with pytest.raises(FAILURES):
        play(bad) if play is opens_a_socket else play(bad, timeout=1.5 if play is not survives_silence else 10.0)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("rule", "seen", "good", "bad", "inner"),
    [
        ("retried-by-two-hops", tries, 2, 4, 2), ("compressed-by-two-hops", compressed, "gzip", "gzip", "gzip"),
        ("grpc-lost-on-the-way", calls, "OK", "UNAVAILABLE", "OK"), ("body-refused-further-in", status_of_a_prompt, 200, 413, 413),
    ],
)  # fmt: skip
def test_what_hops_do_together(
    standing: Standing, rule: str, seen: Callable[[StandingStack], object], good: object, bad: object, inner: object
) -> None:
    """On the good stack, on the bad one, and on that one's inner hop alone."""
    assert seen(standing(f"{rule}/chain/good")) == good
    stack = standing(f"{rule}/chain/bad")
    assert (seen(stack), seen(stack.inner)) == (bad, inner)


@pytest.mark.engine
def test_clients_behind_a_hop_have_one_address(standing: Standing) -> None:
    """Unless the hop behind takes theirs from its word."""
    assert len(servers_of_clients(standing("client-hidden-from-affinity/chain/good"))) == 2
    assert len(servers_of_clients(standing("client-hidden-from-affinity/chain/bad"))) == 1
