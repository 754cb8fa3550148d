"""gRPC, gRPC-Web and Connect: calls made of messages, told apart by the request's content type as servers do."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Literal
from urllib.parse import quote

from proxycfg.origin.channel import Body, Channel
from proxycfg.origin.frames import CONNECT_END, WEB_TRAILERS, frame
from proxycfg.origin.plain import json_message
from proxycfg.origin.record import Headers
from proxycfg.origin.script import Script
from proxycfg.origin.steps import Event, Head, Split
from proxycfg.origin.writer import Refused, Writer, extra, mark, payload

# gRPC code: Connect's name of it and the HTTP status of a unary error (connectrpc.com/docs/protocol, "Error codes").
_CONNECT: dict[int, tuple[str, int]] = {
    1: ("canceled", 499),
    2: ("unknown", 500),
    3: ("invalid_argument", 400),
    4: ("deadline_exceeded", 504),
    5: ("not_found", 404),
    6: ("already_exists", 409),
    7: ("permission_denied", 403),
    8: ("resource_exhausted", 429),
    9: ("failed_precondition", 400),
    10: ("aborted", 409),
    11: ("out_of_range", 400),
    12: ("unimplemented", 501),
    13: ("internal", 500),
    14: ("unavailable", 503),
    15: ("data_loss", 500),
    16: ("unauthenticated", 401),
}

Dialect = Literal["grpc", "grpc-web", "grpc-web-text"]


def grpc_dialect(channel: Channel, *, grpc_web: bool) -> Dialect:
    """Check a request as a strict gRPC server does; return what it speaks or raise ``Refused``."""
    request = channel.request
    kind = request.content_type
    if kind.startswith("application/grpc-web"):
        if not grpc_web:
            raise Refused(415, f"{kind} is not spoken here, only application/grpc")
        if request.method != "POST":
            raise Refused(405, "a call is a POST")
        return "grpc-web-text" if kind.startswith("application/grpc-web-text") else "grpc-web"
    if kind != "application/grpc" and not kind.startswith("application/grpc+"):
        raise Refused(415, f"content-type {kind!r} is not application/grpc")
    if request.version != "2":
        raise Refused(505, "gRPC needs HTTP/2")
    # Measured on grpcio 1.85: another method, or no `te: trailers`, gets RST_STREAM with code 2 and no answer.
    if request.method != "POST":
        raise Refused(0, f"a call is a POST, this is {request.method}")
    if "trailers" not in request.tokens("te"):
        raise Refused(0, "no te: trailers; without it the trailers may be lost on the way")
    return "grpc"


def _status(code: int, message: str) -> Headers:
    # Percent-encoding as in gRPC's PROTOCOL-HTTP2: printable ASCII stays, "%" does not.
    encoded = quote(message, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")
    return (("grpc-status", str(code)), *((("grpc-message", encoded),) if message else ()))


class GrpcWriter(Writer):
    """Writes gRPC, and gRPC-Web if the origin speaks it."""

    def __init__(self, channel: Channel, head: Head, script: Script, *, grpc_web: bool) -> None:
        """Take the channel, the scripted head, and whether gRPC-Web is spoken."""
        super().__init__(channel, head, script)
        self._grpc_web = grpc_web
        self._dialect: Dialect = "grpc"

    async def open(self) -> None:
        """Send the initial metadata."""
        self._dialect = grpc_dialect(self.channel, grpc_web=self._grpc_web)
        headers = (*_grpc_headers(self.channel), *mark(self.channel), *extra(self.head))
        await self.channel.head(200, headers, Body(hold=self.head.hold))

    def encoder(self, step: Event) -> Callable[[int], bytes]:
        """Prepare messages."""
        text = payload(step, self.channel)
        size = step.size
        return lambda n: self.wrap(text(n).encode().ljust(size, b"."))

    def wrap(self, message: bytes) -> bytes:
        """Frame a message."""
        return frame(message)

    async def write(self, data: bytes, what: str, n: int = 0, split: Split = "no", pause: float = 0.0) -> None:
        """Send frames."""
        if self._dialect == "grpc-web-text":
            data = b64encode(data)
        await self.channel.data(data, what, n, split, pause)

    async def end(self) -> None:
        """End with status 0."""
        await self._finish(_status(0, ""))

    async def fail(self, code: int, message: str) -> None:
        """End with another status."""
        await self._finish(_status(code, message))

    async def _finish(self, trailers: Headers) -> None:
        if self._dialect == "grpc":
            await self.channel.end(trailers)
            return
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
        await self.write(frame(lines.encode(), WEB_TRAILERS), "trailers")
        await self.channel.end()


def _grpc_headers(channel: Channel) -> Headers:
    return (("content-type", channel.request.content_type), ("grpc-accept-encoding", "identity"))


class ConnectWriter(Writer):
    """Writes Connect: enveloped messages for streaming types, the bare message for unary ones."""

    def __init__(self, channel: Channel, head: Head, script: Script) -> None:
        """Tell a stream from a unary call by its type."""
        super().__init__(channel, head, script)
        self._streaming = _streams(self.channel)
        self._answer: bytes | None = None

    async def open(self) -> None:
        """Send the headers of a stream; a unary answer waits for its message, as an error has another status."""
        check_connect(self.channel)
        if self._streaming:
            headers = (*_connect_headers(self.channel), *extra(self.head))
            await self.channel.head(200, headers, Body(hold=self.head.hold))

    def encoder(self, step: Event) -> Callable[[int], bytes]:
        """Prepare messages: JSON where the type says so, else the bare text."""
        text = payload(step, self.channel)
        size = step.size
        if self.channel.request.content_type.endswith("json"):
            return lambda n: self.wrap(json_message(n, text(n), size))
        return lambda n: self.wrap(text(n).encode().ljust(size, b"."))

    def wrap(self, message: bytes) -> bytes:
        """Envelope a message."""
        return frame(message) if self._streaming else message

    async def write(self, data: bytes, what: str, n: int = 0, split: Split = "no", pause: float = 0.0) -> None:
        """Send envelopes, or keep the one message of a unary answer."""
        if self._streaming:
            await self.channel.data(data, what, n, split, pause)
        else:
            self._answer = (self._answer or b"") + data

    async def end(self) -> None:
        """End without an error."""
        if self._streaming:
            await self.channel.data(frame(b"{}", CONNECT_END), "trailers")
            await self.channel.end()
            return
        body = self._answer or b""
        headers = (*_connect_headers(self.channel), *extra(self.head))
        await self.channel.whole(200, headers, body)

    async def fail(self, code: int, message: str) -> None:
        """End with an error."""
        await fail_connect(self.channel, code, message, opened=self._streaming)


def _streams(channel: Channel) -> bool:
    return channel.request.content_type.startswith("application/connect+")


def _connect_headers(channel: Channel) -> Headers:
    return (("Content-Type", channel.request.content_type), *mark(channel))


def check_connect(channel: Channel) -> None:
    """Check a request as a Connect server does."""
    request = channel.request
    if request.method != "POST":
        raise Refused(405, "a call is a POST")
    if request.content_type not in {"application/json", "application/proto"} and not _streams(channel):
        raise Refused(415, f"content-type {request.content_type!r} is not one of Connect")
    if not _streams(channel) and request.header("connect-protocol-version") not in {None, "1"}:
        raise Refused(400, "connect-protocol-version is not 1")


async def fail_connect(channel: Channel, code: int, message: str, *, opened: bool) -> None:
    """Send an error: in the last envelope of a stream, as an HTTP error for a unary call."""
    name, status = _CONNECT[code]
    error = {"code": name, "message": message}
    if _streams(channel):
        if not opened:
            await channel.head(200, _connect_headers(channel), Body(hold=True))
        await channel.data(frame(json.dumps({"error": error}).encode(), CONNECT_END), "trailers")
        await channel.end()
    else:
        body = json.dumps(error).encode()
        headers = (("Content-Type", "application/json"), *mark(channel))
        await channel.whole(status, headers, body)


async def fail_early(channel: Channel, code: int, message: str, *, grpc_web: bool) -> None:
    """Fail a call whose headers were not sent yet."""
    if channel.request.content_type.startswith("application/grpc"):
        grpc_dialect(channel, grpc_web=grpc_web)
        await channel.trailers_only((*_grpc_headers(channel), *_status(code, message), *mark(channel)))
    else:
        check_connect(channel)
        await fail_connect(channel, code, message, opened=False)
