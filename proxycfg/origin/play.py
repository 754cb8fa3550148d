"""The player: runs a script against a channel, step by step."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from proxycfg.origin.channel import Channel
from proxycfg.origin.frames import BadFrame
from proxycfg.origin.gates import Gates
from proxycfg.origin.plain import ChatWriter, PlainWriter
from proxycfg.origin.rpc import ConnectWriter, GrpcWriter, fail_early
from proxycfg.origin.script import Script
from proxycfg.origin.steps import (
    Bytes,
    Close,
    Comment,
    Echo,
    End,
    Event,
    Fail,
    Fin,
    Gate,
    Hang,
    Head,
    Info,
    Key,
    Ping,
    Raw,
    Read,
    Retry,
    Rst,
    Step,
    Wait,
    When,
    Write,
)
from proxycfg.origin.websocket import SocketWriter
from proxycfg.origin.writer import Refused, Writer, refuse

# How many writes may follow each other without giving the other exchanges a turn.
_TURN = 64


class Player:
    """Plays one script on one channel."""

    def __init__(self, gates: Gates, channel: Channel, script: Script, *, grpc_web: bool) -> None:
        """Take the script and where to play it."""
        self._gates = gates
        self._channel = channel
        self._script = script
        self._grpc_web = grpc_web
        self._writer: Writer | None = None
        self._events = 0
        self._resumed = _last_event(channel) if script.head and script.head.resume else 0

    async def play(self) -> None:
        """Run all steps; cancelled when the client leaves."""
        live = self._channel.live
        try:
            for step in self._script.steps:
                if await self._ends(step):
                    return
            if self._writer is not None:
                await self._writer.end()
            live.complete()
        except Refused as refused:
            live.refuse(str(refused))
            if refused.status == 0:
                live.drop()
            await refuse(self._channel, refused.status, str(refused))
        except BadFrame as error:
            live.refuse(str(error))
            await self._fail(error.code, str(error))

    async def _ends(self, step: Step) -> bool:
        """Run a step; tell whether the exchange is over with it."""
        match step:
            case Head():
                return await self._open(step)
            case Fin() | Rst() | Hang() | Close() | Fail():
                return await self._end(step)
            case Event() | Comment() | Retry() | Bytes() | Raw() | Echo() | Ping():
                assert self._writer is not None, "the parser puts a head before every step that writes"
                await self._write(self._writer, step)
            case Gate(name=name):
                await self._gate(name or self._script.key)
            case Wait(seconds=seconds):
                await asyncio.sleep(seconds)
            case Read(n=n):
                await self._read(n)
            case Info(status=status, header=headers):
                await self._channel.info(status, headers)
            case Key():
                pass
        return False

    async def _open(self, head: Head) -> bool:
        if self._resumed and self._resumed >= self._script.events:
            # 204 is how a server tells an EventSource to stay away (WHATWG HTML, section 9.2.2).
            await self._channel.whole(204, (), b"")
            return True
        writer = self._make(head)
        await writer.open()
        self._writer = writer
        return False

    def _make(self, head: Head) -> Writer:
        match head.format:
            case "ws":
                return SocketWriter(self._channel, head, self._script)
            case "grpc":
                return GrpcWriter(self._channel, head, self._script, grpc_web=self._grpc_web)
            case "connect":
                return ConnectWriter(self._channel, head, self._script)
            case "openai":
                return ChatWriter(self._channel, head, self._script)
            case _:
                return PlainWriter(self._channel, head, self._script)

    async def _write(self, writer: Writer, step: Write) -> None:
        match step:
            case Event():
                await self._send_events(writer, step)
            case Comment(text=text, n=n, gap=gap, gate=gate):
                data = writer.comment(text)
                await self._repeat(n, gap, gate, lambda: writer.write(data, "comment"))
            case Bytes(size=size, n=n, gap=gap, gate=gate, split=split, pause=pause):
                data = b"x" * size
                await self._repeat(n, gap, gate, lambda: writer.write(data, "bytes", 0, split, pause))
            case Retry(milliseconds=milliseconds):
                await writer.write(b"retry: %d\n\n" % milliseconds, "retry")
            case Raw(text=text):
                await writer.write(text.encode(), "bytes")
            case Echo():
                await writer.echo()
            case Ping(payload=payload):
                await writer.ping(payload.encode())

    async def _end(self, step: End) -> bool:
        channel = self._channel
        if not isinstance(step, Close) and not self._applies(step.when):
            return False
        match step:
            case Fail(code=code, message=message):
                await self._fail(code, message)
            case Close(code=code, reason=reason):
                assert self._writer is not None, "the parser puts ws before it"
                await self._writer.close(code, reason)
                channel.live.complete()
            case Fin():
                channel.live.drop()
                await channel.fin()
            case Rst(code=code, scope=scope):
                channel.live.drop()
                await channel.rst(code, connection=scope == "connection")
            case Hang():
                await asyncio.get_running_loop().create_future()
        return True

    async def _fail(self, code: int, message: str) -> None:
        if self._writer is not None:
            await self._writer.fail(code, message)
        else:
            await fail_early(self._channel, code, message, grpc_web=self._grpc_web)

    async def _gate(self, name: str) -> None:
        self._channel.live.stand_at(name)
        await self._gates.passed(name)
        self._channel.live.stand_at("")

    async def _read(self, n: int) -> None:
        if n == 0 and self._writer is not None:
            await self._writer.read_all()
            return
        receive = self._writer.receive if self._writer is not None else self._channel.inbox.get
        left = n
        while await receive() is not None:
            left -= 1
            if left == 0:
                return

    async def _send_events(self, writer: Writer, step: Event) -> None:
        """The hot path: a benchmark runs a million times through this loop."""
        channel = self._channel
        encode = writer.encoder(step)
        batch = step.batch
        pace = step.gap * batch
        due = monotonic()
        first = True
        for index in range(step.n):
            self._events = n = self._events + 1
            if n <= self._resumed:
                continue
            starts = first or not index % batch
            if pace and starts and not first:
                # Counted from when it was due and not from when it went: a late one does not delay all that follow.
                due += pace
                if (ahead := due - monotonic()) > 0:
                    await asyncio.sleep(ahead)
            if batch > 1 and starts:
                channel.cork()
            first = False
            await writer.write(encode(n), "event", n, step.split, step.pause)
            if batch > 1 and (not (index + 1) % batch or index + 1 == step.n):
                await channel.uncork()
            if step.gate:
                await self._gate(step.gate)
                due = monotonic()
            elif not n % _TURN:
                await asyncio.sleep(0)

    async def _repeat(self, n: int, gap: float, gate: str, send: Callable[[], Awaitable[None]]) -> None:
        due = monotonic()
        for index in range(n):
            if gap and index:
                due += gap
                await asyncio.sleep(max(0.0, due - monotonic()))
            await send()
            if gate:
                await self._gate(gate)
                due = monotonic()
            elif not index % _TURN:
                await asyncio.sleep(0)

    def _applies(self, when: When) -> bool:
        match when:
            case "first":
                return self._channel.live.arrival == 1
            case "later":
                return self._channel.live.arrival > 1
            case "fresh":
                return self._channel.request.last_event_id is None
            case "resumed":
                return self._channel.request.last_event_id is not None
            case "always":
                return True


def _last_event(channel: Channel) -> int:
    value = channel.request.last_event_id or ""
    # An id of somebody else's, or one with more digits than a script has events, is none of ours.
    return int(value) if value.isascii() and value.isdigit() and len(value) <= len("100000000") else 0
