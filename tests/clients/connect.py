"""The Connect protocol (connectrpc.com/docs/protocol), as its web client speaks it."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from .grpc_web import Envelopes, Message, envelope
from .http import Answer, Call, Client

END = 0x02


class ConnectStream:
    """A server-streaming call: iterate over its messages, then look at ``error``."""

    def __init__(self, call: Call) -> None:
        """Read from an HTTP call."""
        self.call = call
        self._envelopes = Envelopes()
        self.final: dict[str, Any] | None = None
        """The end-stream message; None means that the stream was cut."""

    def __iter__(self) -> Iterator[Message]:
        """Messages to the end."""
        self.call.head()
        while (piece := self.call.read()) is not None:
            for flags, payload in self._envelopes.feed(piece.data):
                if flags & END:
                    self.final = json.loads(payload)
                else:
                    yield Message(piece.at, payload)

    @property
    def error(self) -> str | None:
        """The error's code by name, None if it ended well."""
        error: dict[str, str] = (self.final or {}).get("error", {})
        return error.get("code")


def unary(
    client: Client,
    method: str,
    message: bytes,
    headers: Iterable[tuple[str, str]] = (),
    *,
    kind: str = "application/json",
    script: str = "",
) -> Answer:
    """Call and wait; an error is an HTTP status with ``{"code": …}``."""
    given = [("Content-Type", kind), ("Connect-Protocol-Version", "1"), *headers]
    with client.request(_path(method), given, method="POST", body=message, script=script) as call:
        return call.answer()


def server_stream(
    client: Client,
    method: str,
    message: bytes,
    headers: Iterable[tuple[str, str]] = (),
    *,
    kind: str = "application/connect+json",
    script: str = "",
) -> ConnectStream:
    """Send one message, get many."""
    given = [("Content-Type", kind), ("Connect-Protocol-Version", "1"), *headers]
    return ConnectStream(client.request(_path(method), given, method="POST", body=envelope(message), script=script))


def _path(method: str) -> str:
    return method if method.startswith("/") else f"/test.Streams/{method}"
