"""HTTP/2 with h2: prior knowledge or ALPN, each stream one exchange, flow control respected in both directions."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Literal, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes

from proxycfg.origin.channel import Body, Channel, Request
from proxycfg.origin.record import Headers, Live
from proxycfg.origin.service import Plan, Service, reads
from proxycfg.origin.steps import Split
from proxycfg.origin.wire import Session, Wire

_STREAMS = 1000


class Http2(Session):
    """A connection that speaks HTTP/2."""

    def __init__(self, wire: Wire, service: Service) -> None:
        """Take over a connection and send our settings."""
        self.wire = wire
        self.service = service
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self.h2.local_settings.update({SettingCodes.MAX_CONCURRENT_STREAMS: _STREAMS})
        self._streams: dict[int, Http2Channel] = {}
        self.h2.initiate_connection()
        self.flush()

    def received(self, data: bytes) -> None:
        """Bytes came."""
        try:
            events = self.h2.receive_data(data)
        except H2Error as error:
            self.flush()  # h2 has written the GOAWAY that says what was wrong.
            for channel in list(self._streams.values()):
                channel.live.refuse(f"HTTP/2: {error}")
                channel.live.drop()
                channel.stop()
            if not self._streams:
                self.service.stillborn(self.wire, f"HTTP/2: {error}").drop()
            self.wire.finish()
            return
        for event in events:
            self._handle(event)
        self.flush()

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(stream), headers=list(headers)):
                self._start(stream, _decoded(headers))
            case DataReceived() | TrailersReceived() | StreamEnded() | StreamReset():
                self._handle_stream(event)
            case WindowUpdated() | RemoteSettingsChanged():
                # Whichever window it was: who waits looks again.
                for channel in self._streams.values():
                    channel.window.set()
            case ConnectionTerminated(error_code=code):
                # h2 counts the connection as closed after this, so streams that are still open cannot be finished.
                for channel in list(self._streams.values()):
                    channel.leave("GOAWAY", int(code or 0))
            case _:
                pass

    def _handle_stream(self, event: DataReceived | TrailersReceived | StreamEnded | StreamReset) -> None:
        stream = event.stream_id or 0
        channel = self._streams.get(stream)
        match event:
            case DataReceived(data=bytes(data), flow_controlled_length=int(length)):
                # Padding is acknowledged now, data when it is used, or when nobody is there to use it.
                used = length - len(data) if channel else length
                self.acknowledge(stream, used)
                if channel and data:
                    channel.feed(data)
            case TrailersReceived(headers=list(headers)) if channel:
                channel.request_trailers = _decoded(headers)
            case StreamEnded() if channel:
                channel.feed_end(channel.request_trailers)
            case StreamReset(error_code=code) if channel:
                del self._streams[stream]
                channel.leave("RST_STREAM", int(code or 0))
            case _:
                pass

    def _start(self, stream: int, headers: Headers) -> None:
        pseudo = dict(headers)
        request = Request(pseudo.get(":method", ""), pseudo.get(":path", ""), "2", headers)
        live, plan = self.service.begin(request, self.wire, stream)
        channel = Http2Channel(self, stream, request, live, keep=reads(plan))
        self._streams[stream] = channel
        channel.run(plan)

    def forget(self, stream: int) -> None:
        """A stream is over."""
        self._streams.pop(stream, None)

    def flush(self) -> None:
        """Send what h2 has written."""
        if data := self.h2.data_to_send():
            self.wire.write(data)

    def acknowledge(self, stream: int, size: int) -> None:
        """Open the client's window again."""
        if size:
            with contextlib.suppress(H2Error):  # The stream may be closed by now.
                self.h2.acknowledge_received_data(size, stream)

    def left(self, kind: Literal["FIN", "RST"]) -> None:
        """The client is gone with all its streams."""
        for channel in list(self._streams.values()):
            channel.leave(kind)
        self._streams.clear()


class Http2Channel(Channel):
    """One exchange on HTTP/2."""

    def __init__(self, session: Http2, stream: int, request: Request, live: Live, *, keep: bool) -> None:
        """Belong to a connection."""
        self._session = session
        self._stream = stream
        self._task: asyncio.Task[None] | None = None
        self._held: list[tuple[str, str]] | None = None
        self._bodyless = False
        self.window = asyncio.Event()
        self.request_trailers: Headers = ()
        super().__init__(request, live, keep=keep)

    def run(self, plan: Plan) -> None:
        """Begin to answer."""
        self._task = self._session.service.spawn(self._serve(plan))

    async def _serve(self, plan: Plan) -> None:
        try:
            await self._session.service.answer(self, plan)
        finally:
            self.inbox.discard()
            self._session.forget(self._stream)

    def leave(self, kind: Literal["FIN", "RST", "RST_STREAM", "GOAWAY"], code: int | None = None) -> None:
        """The client has gone."""
        self.live.leave(kind, code)
        self.stop()

    def stop(self) -> None:
        """Break the script off."""
        if self._task is not None:
            self._task.cancel()

    async def info(self, status: int, headers: Headers) -> None:
        """Send an interim response."""
        self.live.send("info", status, 0)
        self._session.h2.send_headers(self._stream, [(":status", str(status)), *_lowered(headers)])
        await self._flush()

    async def head(self, status: int, headers: Headers, body: Body) -> None:
        """Send the response headers."""
        self._bodyless = self.request.method == "HEAD" or status in {204, 304}
        block = [(":status", str(status)), *_lowered(headers)]
        if body.framing == "length":
            block.append(("content-length", str(body.length)))
        self.live.status = status
        if body.hold:
            self._held = block
        else:
            self.live.send("headers", 0, 0)
            self._session.h2.send_headers(self._stream, block)
            await self._flush()

    def _release(self, *, end: bool = False) -> None:
        if self._held is not None:
            self.live.send("headers", 0, 0)
            self._session.h2.send_headers(self._stream, self._held, end_stream=end)
            self._held = None

    async def whole(self, status: int, headers: Headers, body: bytes, *, keep: bool = True) -> None:
        """Send headers and body, in one write if the window has room."""
        del keep  # A connection is not an answer's to close here.
        await self.head(status, headers, Body("length", len(body), hold=True))
        if not body or self._bodyless:
            await self.end()
            return
        self._release()
        self.live.send("bytes", 0, len(body))
        await self._send(body, last=True)

    async def data(self, data: bytes, what: str, n: int = 0, split: Split = "no", pause: float = 0.0) -> None:
        """Send body bytes, as one DATA frame if the window has room."""
        if self._bodyless or not data:
            return
        self._release()
        self.live.send(what, n, len(data))
        await self._put(data, split, pause)

    async def _send(self, data: bytes, *, last: bool = False) -> None:
        h2 = self._session.h2
        while data:
            room = min(h2.local_flow_control_window(self._stream), h2.max_outbound_frame_size)
            if room <= 0:
                self.window.clear()
                await self._flush()
                await self.window.wait()
                continue
            if last and len(data) <= room:
                self.live.complete()
                h2.send_data(self._stream, data, end_stream=True)
                self._done()
                break
            h2.send_data(self._stream, data[:room])
            data = data[room:]
        await self._flush()

    async def end(self, trailers: Headers = ()) -> None:
        """End the stream, with trailers if there are any."""
        h2 = self._session.h2
        self.live.send("end", 0, 0)
        self.live.complete()
        if self._held is not None and not trailers:
            self._release(end=True)
        else:
            self._release()
            if trailers:
                h2.send_headers(self._stream, list(trailers), end_stream=True)
            else:
                h2.end_stream(self._stream)
        self._done()
        await self._flush()

    async def trailers_only(self, headers: Headers) -> None:
        """Answer with a single block of headers."""
        self.live.status = 200
        self.live.send("headers", 0, 0)
        self.live.complete()
        block = [(":status", "200"), *_lowered(headers)]
        self._session.h2.send_headers(self._stream, block, end_stream=True)
        self._done()
        await self._flush()

    def _done(self) -> None:
        # An answer that is over before the request: RFC 9113, section 8.1, asks for this, and gRPC servers do it.
        if not self.live.body_complete:
            with contextlib.suppress(H2Error):
                self._session.h2.reset_stream(self._stream, 0)

    async def fin(self) -> None:
        """Close the connection in the middle, and so every stream on it."""
        self._release()
        await self._flush()
        self._session.wire.finish()

    async def rst(self, code: int, *, connection: bool) -> None:
        """Reset the stream, or the connection with all its streams."""
        with contextlib.suppress(H2Error):  # Closed already is as good.
            self._release()
        if connection:
            await self._flush()
            await self._session.wire.reset()
            return
        with contextlib.suppress(H2Error):
            self._session.h2.reset_stream(self._stream, code)
        await self._flush()

    async def _flush(self) -> None:
        self._session.flush()
        if self._session.wire.blocked:
            await self._session.wire.drained()

    def _hold(self) -> None:
        """Do nothing: bytes that are not acknowledged close the client's window by themselves."""

    def _go_on(self, used: int) -> None:
        self._session.acknowledge(self._stream, used)
        self._session.flush()


def _decoded(headers: Sequence[object]) -> Headers:
    pairs = cast("list[tuple[bytes, bytes]]", headers)
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)


# Of the connection and not of the answer, so HTTP/2 forbids them (RFC 9113, section 8.2.2).
_FORBIDDEN = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}


def _lowered(headers: Headers) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers if name.lower() not in _FORBIDDEN]
