"""The origin as a whole: its ports, its thread, and what tests call."""

import asyncio
import contextlib
import itertools
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Self, TypedDict, Unpack

from proxycfg.origin.channel import Channel
from proxycfg.origin.control import control
from proxycfg.origin.http1 import Http1
from proxycfg.origin.http2 import Http2
from proxycfg.origin.record import Exchange, Limits
from proxycfg.origin.service import ALL_VERSIONS, Options, Service, Version
from proxycfg.origin.wire import PREFACE, Session, Wire

# Thousands of clients may come in the same moment; the kernel caps this at net.core.somaxconn.
_BACKLOG = 8192
_LAST_TURNS = 10


async def stop_listening(*servers: asyncio.Server) -> None:
    """Accept no more; who came last has a connection of its protocol when this returns.

    To close a server while it accepts is what asyncio (before Python 3.12) trips over: an assertion fails, and the socket leaks.
    So first nobody is accepted, then those that were have their turns, and then comes the closing.
    """
    loop = asyncio.get_running_loop()
    for server in servers:
        for sock in server.sockets:
            loop.remove_reader(sock)
    for _ in range(_LAST_TURNS):
        await asyncio.sleep(0)
    for server in servers:
        server.close()


class OriginOptions(TypedDict, total=False):
    """What ``Origin`` can be told."""

    host: str
    port: int
    tls: ssl.SSLContext
    tls_port: int
    versions: frozenset[Version]
    grpc_web: bool
    limits: Limits


class Origin:
    """A test origin; ``with Origin.start() as origin`` runs one in a thread of its own.

    ``host`` and ``port`` say where it listens in clear text (port 0 takes a free one, ``port`` then tells which). With
    a ``tls`` context it also listens on ``tls_port``. ``versions`` are the versions of HTTP it speaks, ``grpc_web``
    whether it understands gRPC-Web by itself, ``limits`` how much it remembers.

    Everything public may be called from any thread.
    """

    def __init__(self, **options: Unpack[OriginOptions]) -> None:
        """Describe it; nothing listens yet."""
        self.host = options.get("host", "127.0.0.1")
        self.port = options.get("port", 0)
        self.tls_port = options.get("tls_port", 0)
        self._tls = options.get("tls")
        self._service = Service(
            Options(
                limits=options.get("limits", Limits()),
                versions=options.get("versions", ALL_VERSIONS),
                grpc_web=options.get("grpc_web", False),
            ),
            self._control,
        )
        self._numbers = itertools.count(1)
        self._wires: set[Wire] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    # Running.

    @classmethod
    @contextlib.contextmanager
    def start(cls, **options: Unpack[OriginOptions]) -> Iterator[Self]:
        """Run an origin in a background thread as long as the block lasts."""
        origin = cls(**options)
        ready: list[BaseException | None] = []
        listening = threading.Event()
        stopping = asyncio.Event()

        async def run() -> None:
            try:
                async with origin.listen():
                    ready.append(None)
                    listening.set()
                    await stopping.wait()
            except BaseException as error:
                if listening.is_set():
                    raise
                ready.append(error)  # Most likely the port is taken; it is raised below, in the caller's thread.
                listening.set()

        thread = threading.Thread(target=lambda: asyncio.run(run()), name="origin", daemon=True)
        thread.start()
        listening.wait()
        if ready[0] is not None:
            raise ready[0]
        try:
            yield origin
        finally:
            assert origin._loop is not None
            origin._loop.call_soon_threadsafe(stopping.set)
            thread.join()

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[None]:
        """Listen in the running event loop as long as the block lasts; then cut every connection."""
        loop = self._loop = asyncio.get_running_loop()
        servers = [await loop.create_server(self._accept, self.host, self.port, backlog=_BACKLOG)]
        try:
            self.port = servers[0].sockets[0].getsockname()[1]
            if self._tls is not None:
                secure = await loop.create_server(
                    self._accept, self.host, self.tls_port, ssl=self._tls, backlog=_BACKLOG, ssl_shutdown_timeout=1.0
                )
                servers.append(secure)
                self.tls_port = secure.sockets[0].getsockname()[1]
            yield
        finally:
            await self._close(servers)

    async def _close(self, servers: list[asyncio.Server]) -> None:
        """Accept no more, and cut whoever is there."""
        self._service.cancel()
        self._cut()
        await stop_listening(*servers)
        self._cut()
        await asyncio.sleep(0)

    def _cut(self) -> None:
        for wire in list(self._wires):
            wire.close()

    def _accept(self) -> Wire:
        return Wire(next(self._numbers), self._speak, self._wires)

    def _speak(self, wire: Wire, first: bytes) -> Session | None:
        if "2" in self._service.options.versions:
            if first.startswith(PREFACE):
                return Http2(wire, self._service)
            if PREFACE.startswith(first):
                return None  # "PRI" may still become the preface; so may "P", with which POST begins as well.
        return Http1(wire, self._service)

    async def _control(self, channel: Channel) -> None:
        await control(channel, self._service.log, self._service.gates)

    # Addresses.

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens in clear text."""
        return self.host, self.port

    @property
    def tls_address(self) -> tuple[str, int]:
        """Where it listens with TLS."""
        return self.host, self.tls_port

    @property
    def url(self) -> str:
        """Its base URL in clear text, without a slash at the end."""
        return f"http://{self._host_in_url}:{self.port}"

    @property
    def tls_url(self) -> str:
        """Its base URL with TLS."""
        return f"https://{self._host_in_url}:{self.tls_port}"

    @property
    def _host_in_url(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    # What it saw.

    def exchanges(self, key: str | None = None) -> list[Exchange]:
        """Snapshots of all exchanges, or of those with this key, oldest first."""
        return self._service.log.exchanges(key)

    def exchange(self, key: str | int) -> Exchange:
        """The newest exchange with this key, or the one with this number; ``LookupError`` if there is none."""
        for one in reversed(self.exchanges()):
            if key in {one.id, one.key}:
                return one
        raise LookupError(f"no exchange {key!r}")

    def wait(
        self, wanted: Callable[[Exchange], object], key: str | int | None = None, timeout: float = 5.0
    ) -> Exchange:
        """Block until an exchange is as wanted, and return it; ``TimeoutError`` tells what was there instead."""
        return self._service.log.wait(wanted, key, timeout)

    def wait_ended(self, key: str | int | None = None, timeout: float = 5.0) -> Exchange:
        """Block until an exchange is over: completed, dropped or aborted."""
        return self.wait(lambda one: one.ended, key, timeout)

    def wait_aborted(self, key: str | int | None = None, timeout: float = 5.0) -> Exchange:
        """Block until the client of an exchange left before its end."""
        return self.wait(lambda one: one.aborted, key, timeout)

    def wait_at_gate(self, gate: str, timeout: float = 5.0) -> Exchange:
        """Block until an exchange stands at this gate: everything before it was sent."""
        return self.wait(lambda one: one.gate == gate, None, timeout)

    def clear(self) -> None:
        """Forget all exchanges; those that are running go on unrecorded."""
        self._service.log.clear()

    # What it is told.

    def release(self, key: str | Exchange, permits: int = 1) -> None:
        """Let a stream through the gate of this name, or through the gate named by an exchange's key."""
        name = key.key if isinstance(key, Exchange) else key
        self._call(lambda: self._service.gates.release(name, permits))

    def open(self, key: str) -> None:
        """Open a gate for good."""
        self._call(lambda: self._service.gates.open(key))

    def _call(self, work: Callable[[], None]) -> None:
        if self._loop is None:
            raise RuntimeError("the origin does not run")
        self._loop.call_soon_threadsafe(work)
