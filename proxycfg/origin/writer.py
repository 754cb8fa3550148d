"""A writer knows how one format is written: its headers, its events, its end. This is what all of them share."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic

from proxycfg.origin.channel import Channel
from proxycfg.origin.record import Headers
from proxycfg.origin.script import Script
from proxycfg.origin.steps import Event, Head, Split


class Refused(Exception):
    """The request cannot be answered in this format; ``status`` 0 is a reset stream."""

    def __init__(self, status: int, why: str) -> None:
        """Take the status and the reason."""
        super().__init__(why)
        self.status = status


async def refuse(channel: Channel, status: int, why: str) -> None:
    """Answer with an error as JSON, or (with status 0) with a reset."""
    if status == 0:
        await channel.rst(2, connection=False)
        return
    body = json.dumps({"error": why}).encode() + b"\n"
    headers: Headers = (("Content-Type", "application/json"), *mark(channel))
    if status == HTTPStatus.UPGRADE_REQUIRED:
        headers = (*headers, ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"))
    await channel.whole(status, headers, body)


def mark(channel: Channel) -> Headers:
    """Tell the client which exchange it is, so that a test can find it, and a cached answer gives itself away."""
    return (("X-Origin-Exchange", str(channel.live.id)),)


def extra(head: Head) -> Headers:
    """The headers any head can be told to send."""
    return (
        *((("X-Accel-Buffering", head.xab),) if head.xab else ()),
        *(("Set-Cookie", cookie) for cookie in head.cookie),
        *head.header,
    )


class Writer(ABC):
    """Writes one answer in one format."""

    def __init__(self, channel: Channel, head: Head, script: Script) -> None:
        """Take the channel, and the head that was scripted."""
        self.channel = channel
        self.head = head
        self.script = script

    @abstractmethod
    async def open(self) -> None:
        """Send the headers; raise ``Refused`` where the request does not fit the format."""

    @abstractmethod
    def encoder(self, step: Event) -> Callable[[int], bytes]:
        """Prepare for many events: return what makes the bytes of the n-th."""

    async def write(self, data: bytes, what: str, n: int = 0, split: Split = "no", pause: float = 0.0) -> None:
        """Send encoded bytes."""
        await self.channel.data(data, what, n, split, pause)

    async def receive(self) -> bytes | None:
        """Wait for the next piece or message of the client, None at the end."""
        return await self.channel.inbox.get()

    async def read_all(self) -> None:
        """Read to the end of what the client sends."""
        while await self.receive() is not None:
            pass

    async def echo(self) -> None:
        """Send back what comes, as it comes."""
        while (piece := await self.receive()) is not None:
            await self.write(self.wrap(piece), "echo")

    def wrap(self, message: bytes) -> bytes:
        """Frame a message of the client for the way back."""
        return message

    @abstractmethod
    async def end(self) -> None:
        """End the answer well."""

    # What the parser lets only some formats do.

    def comment(self, text: str) -> bytes:
        """Encode a heartbeat."""
        raise NotImplementedError(text)

    async def ping(self, payload: bytes) -> None:
        """Send a ping."""
        raise NotImplementedError(payload)

    async def close(self, code: int, reason: str) -> None:
        """Close with a code."""
        raise NotImplementedError(code, reason)

    async def fail(self, code: int, message: str) -> None:
        """End the call with an error."""
        raise NotImplementedError(code, message)


_FIELD = re.compile(r"\{(n|t|exchange|arrival|pieces|bytes|timeout|header:[\w-]+)\}", re.ASCII)


def payload(step: Event, channel: Channel, default: str = "{n}") -> Callable[[int], str]:
    """Compile an event's data: return what fills the braces for the n-th event."""
    template = step.data or default
    if template == "{n}":
        return str
    parts = _FIELD.split(template)
    if len(parts) == 1:
        return _constant(template)
    # Every other part is the name of a field; both kinds become functions, so that the hot path decides nothing.
    made = [
        _FIELDS[part.partition(":")[0]](channel, part) if odd % 2 else _constant(part) for odd, part in enumerate(parts)
    ]
    return lambda n: "".join([part(n) for part in made])


def _constant(text: str) -> Callable[[int], str]:
    return lambda n: text  # noqa: ARG005 - the number is what the others need


def _request_header(channel: Channel, part: str) -> Callable[[int], str]:
    return _constant(channel.request.header(part.partition(":")[2]) or "")


def _timeout(channel: Channel, _: str) -> Callable[[int], str]:
    request = channel.request
    return _constant(request.header("grpc-timeout") or request.header("connect-timeout-ms") or "")


_FIELDS: dict[str, Callable[[Channel, str], Callable[[int], str]]] = {
    "n": lambda channel, part: str,  # noqa: ARG005 - one signature for all
    # Same width for years: a Content-Length computed beforehand holds.
    "t": lambda channel, part: lambda n: f"{monotonic():017.6f}",  # noqa: ARG005
    "exchange": lambda channel, part: lambda n: str(channel.live.id),  # noqa: ARG005
    "arrival": lambda channel, part: lambda n: str(channel.live.arrival),  # noqa: ARG005
    "pieces": lambda channel, part: lambda n: str(channel.live.pieces),  # noqa: ARG005
    "bytes": lambda channel, part: lambda n: str(channel.live.body_size),  # noqa: ARG005
    "timeout": _timeout,
    "header": _request_header,
}
