"""A writer knows how one format is written: its headers, its events, its end. This is what all of them share."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic

from proxycfg.origin.channel import Channel
from proxycfg.origin.record import Headers
from proxycfg.origin.script import Event, Head, Script, Split


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
    if status == 426:
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
        return lambda n: template  # noqa: ARG005 - the number is what the others need
    live, request = channel.live, channel.request

    def value(name: str, n: int) -> str:
        match name:
            case "n":
                return str(n)
            case "t":
                # Same width for hours: a Content-Length computed beforehand holds.
                return f"{monotonic():017.6f}"
            case "exchange":
                return str(live.id)
            case "arrival":
                return str(live.arrival)
            case "pieces":
                return str(live.pieces)
            case "bytes":
                return str(live.body_size)
            case "timeout":
                return request.header("grpc-timeout") or request.header("connect-timeout-ms") or ""
            case _:
                return request.header(name.partition(":")[2]) or ""

    def fill(n: int) -> str:
        return "".join(value(part, n) if odd % 2 else part for odd, part in enumerate(parts))

    return fill
