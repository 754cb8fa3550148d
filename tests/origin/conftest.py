"""One origin for all of these tests; each test names its exchange with a key of its own."""

import itertools
from collections.abc import Callable, Iterator
from typing import get_args

import pytest

from proxycfg.origin import Origin
from tests.clients.http import Client, Transport
from tests.clients.tls import Authority, make_authority

TRANSPORTS: tuple[Transport, ...] = get_args(Transport)
HTTP1 = tuple(name for name in TRANSPORTS if name.startswith("http/1"))
HTTP2 = ("h2c", "2")

_numbers = itertools.count(1)

Reach = Callable[[Transport], Client]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Certificates for this run."""
    return make_authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def origin(authority: Authority) -> Iterator[Origin]:
    """An origin on a clear and a TLS port."""
    with Origin.start(tls=authority.server_context()) as origin:
        yield origin


@pytest.fixture
def reach(origin: Origin, authority: Authority) -> Reach:
    """Make a client for a transport."""

    def make(transport: Transport) -> Client:
        secure = transport == "2" or transport.endswith("+tls")
        return Client(origin.tls_address if secure else origin.address, transport, authority.ca)

    return make


@pytest.fixture(params=TRANSPORTS)
def client(request: pytest.FixtureRequest, reach: Reach) -> Client:
    """A client for each transport in turn."""
    return reach(request.param)


@pytest.fixture
def client1(reach: Reach) -> Client:
    """A client for plain HTTP/1.1."""
    return reach("http/1.1")


@pytest.fixture
def key() -> str:
    """A key no other test uses."""
    return f"k{next(_numbers)}"
