"""gRPC through ``grpcio``, with bytes for messages: no generated code, any method name."""

import queue
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import grpc  # type: ignore[import-untyped]  # grpcio brings no types

from .http import TIMEOUT, Client

Metadata = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and when it came."""

    at: float
    data: bytes


@dataclass(slots=True)
class Result:
    """A call that is over."""

    code: str
    """The status by name, as ``OK`` or ``UNAVAILABLE``."""
    details: str
    messages: list[Message] = field(default_factory=list)
    initial: tuple[tuple[str, str], ...] = ()
    trailing: tuple[tuple[str, str], ...] = ()

    @property
    def data(self) -> list[bytes]:
        """The messages' bytes."""
        return [message.data for message in self.messages]


class Streaming:
    """A call under way: messages are read one by one, and on bidi and client streams sent one by one."""

    def __init__(self, call: Any, outgoing: "queue.SimpleQueue[bytes | None] | None") -> None:
        """Wrap grpcio's call object."""
        self._call = call
        self._outgoing = outgoing
        self.messages: list[Message] = []

    def send(self, message: bytes) -> None:
        """Send a message."""
        assert self._outgoing is not None
        self._outgoing.put(message)

    def finish(self) -> None:
        """Half-close: no more messages from us."""
        assert self._outgoing is not None
        self._outgoing.put(None)

    def next(self) -> Message | None:
        """Wait for the next message; None at the end, whatever the status. The call's deadline limits the wait."""
        try:
            data = next(self._call)
        except (StopIteration, grpc.RpcError):
            return None
        message = Message(time.monotonic(), data)
        self.messages.append(message)
        return message

    def __iter__(self) -> Iterator[Message]:
        """Messages to the end."""
        while (message := self.next()) is not None:
            yield message

    def initial(self) -> tuple[tuple[str, str], ...]:
        """Wait for the initial metadata: the response headers."""
        return _pairs(self._call.initial_metadata())

    def cancel(self) -> None:
        """Leave: RST_STREAM (8, cancel)."""
        self._call.cancel()

    def result(self) -> Result:
        """Read to the end, and say how it ended."""
        for _ in self:
            pass
        return Result(
            self._call.code().name,
            self._call.details() or "",
            self.messages,
            _pairs(self._call.initial_metadata()),
            _pairs(self._call.trailing_metadata()),
        )


class Stub:
    """A channel to one server; ``method`` is any ``/pkg.Service/Method``, or the method's name alone."""

    def __init__(self, client: Client, *options: tuple[str, Any]) -> None:
        """Open a channel of its own, clear or TLS as the client's transport (``h2c`` or ``2``) says."""
        target = f"{client.address[0]}:{client.address[1]}"
        # Without this grpcio shares connections between channels, and tests would share them with each other.
        settings = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), *options]
        if client.host:
            settings.append(("grpc.default_authority", client.host))
        if client.secure:
            if client.ca is None:
                raise ValueError(f"{client.transport} needs a CA to trust")
            if client.host:
                settings.append(("grpc.ssl_target_name_override", client.server_name))
            credentials = grpc.ssl_channel_credentials(client.ca.read_bytes())
            self.channel = grpc.secure_channel(target, credentials, options=settings)
        else:
            self.channel = grpc.insecure_channel(target, options=settings)

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the channel and cancel what runs on it."""
        self.channel.close()

    def unary(
        self, method: str, message: bytes = b"", metadata: Metadata = (), *, script: str = "", timeout: float = TIMEOUT
    ) -> Result:
        """Send one message, get one."""
        # A server stream of one: grpcio then tells of messages, status and metadata in the same way for all kinds.
        return self.server_stream(method, message, metadata, script=script, timeout=timeout).result()

    def server_stream(
        self, method: str, message: bytes = b"", metadata: Metadata = (), *, script: str = "", timeout: float = TIMEOUT
    ) -> Streaming:
        """Send one message, get many."""
        call = self.channel.unary_stream(_path(method))(message, timeout=timeout, metadata=_scripted(metadata, script))
        return Streaming(call, None)

    def client_stream(
        self, method: str, metadata: Metadata = (), *, script: str = "", timeout: float = TIMEOUT
    ) -> Streaming:
        """Send many messages, get one; on the wire the same as ``bidi``."""
        return self.bidi(method, metadata, script=script, timeout=timeout)

    def bidi(self, method: str, metadata: Metadata = (), *, script: str = "", timeout: float = TIMEOUT) -> Streaming:
        """Send and get, each when it likes."""
        outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        call = self.channel.stream_stream(_path(method))(
            iter(outgoing.get, None), timeout=timeout, metadata=_scripted(metadata, script)
        )
        return Streaming(call, outgoing)


def _path(method: str) -> str:
    return method if method.startswith("/") else f"/test.Streams/{method}"


def _scripted(metadata: Metadata, script: str) -> list[tuple[str, str]]:
    return [*metadata, *((("x-origin-script", script),) if script else ())]


def _pairs(metadata: Any) -> tuple[tuple[str, str], ...]:
    return tuple((pair[0], pair[1]) for pair in metadata or ())
