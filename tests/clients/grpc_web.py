"""gRPC-Web as a browser's fetch would do it: one POST, frames back, the trailers in the last frame."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .http import Call, Client

TRAILERS = 0x80


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and when its last byte came."""

    at: float
    data: bytes


def envelope(message: bytes, flags: int = 0) -> bytes:
    """Frame a message: flags, length, payload; gRPC, gRPC-Web and Connect all do it so."""
    return bytes([flags]) + len(message).to_bytes(4, "big") + message


class Envelopes:
    """Cut bytes into (flags, payload)."""

    def __init__(self) -> None:
        """Start empty."""
        self.buffer = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take bytes; yield what they complete."""
        self.buffer += data
        while len(self.buffer) >= 5:
            size = int.from_bytes(self.buffer[1:5], "big")
            if len(self.buffer) < 5 + size:
                return
            flags, payload = self.buffer[0], self.buffer[5 : 5 + size]
            self.buffer = self.buffer[5 + size :]
            yield flags, payload


class WebCall:
    """A call under way: iterate over its messages, then look at ``code`` and ``details``."""

    def __init__(self, call: Call, *, text: bool) -> None:
        """Read from an HTTP call."""
        self.call = call
        self._text = text
        self._armoured = b""
        self._envelopes = Envelopes()
        self.trailers: dict[str, str] = {}

    def __iter__(self) -> Iterator[Message]:
        """Messages to the end."""
        self.call.head()
        while (piece := self.call.read()) is not None:
            for flags, payload in self._envelopes.feed(self._decoded(piece.data)):
                if flags & TRAILERS:
                    self.trailers |= _fields(payload)
                else:
                    yield Message(piece.at, payload)

    def _decoded(self, data: bytes) -> bytes:
        if not self._text:
            return data
        self._armoured += data
        whole = len(self._armoured) // 4 * 4
        ready, self._armoured = self._armoured[:whole], self._armoured[whole:]
        # Padding may stand between frames, so each group of four is decoded by itself.
        return b"".join(b64decode(ready[at : at + 4]) for at in range(0, whole, 4))

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.call.status

    @property
    def code(self) -> int | None:
        """The gRPC status from the trailer frame, or from the headers of an answer without messages."""
        found = self.trailers.get("grpc-status", self.call.header("grpc-status"))
        return int(found) if found is not None else None

    @property
    def details(self) -> str:
        """The gRPC message."""
        return self.trailers.get("grpc-message", self.call.header("grpc-message") or "")


def call_web(
    client: Client,
    method: str,
    message: bytes = b"",
    headers: Iterable[tuple[str, str]] = (),
    *,
    text: bool = False,
    script: str = "",
) -> WebCall:
    """Start a unary or server-streaming call; gRPC-Web has no other kinds."""
    kind = "application/grpc-web-text+proto" if text else "application/grpc-web+proto"
    body = envelope(message)
    path = method if method.startswith("/") else f"/test.Streams/{method}"
    given = [("Content-Type", kind), ("Accept", kind), ("X-Grpc-Web", "1"), *headers]
    call = client.request(path, given, method="POST", body=b64encode(body) if text else body, script=script)
    return WebCall(call, text=text)


def _fields(block: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.decode("latin-1").split("\r\n") if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
