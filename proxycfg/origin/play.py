"""The player: runs a script against a channel, step by step."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from proxycfg.origin.channel import Channel
from proxycfg.origin.frames import BadFrame
from proxycfg.origin.gates import Gates
from proxycfg.origin.plain import ChatWriter, PlainWriter
from proxycfg.origin.rpc import ConnectWriter, GrpcWriter, fail_early
from proxycfg.origin.script import (
    Bytes,
    Close,
    Comment,
    Echo,
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
    Script,
    Step,
    Wait,
    When,
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
            await refuse(self._channel, refused.status, str(refused))
            live.complete()
        except BadFrame as error:
            live.refuse(str(error))
            await self._fail(error.code, str(error))
            live.complete()

    async def _ends(self, step: Step) -> bool:
        """Run a step; tell whether the exchange is over with it."""
        channel = self._channel
        match step:
            case Key():
                pass
            case Wait(seconds=seconds):
                await asyncio.sleep(seconds)
            case Gate(name=name):
                await self._gate(name or self._script.key)
            case Read(n=n):
                await self._read(n)
            case Info(status=status, header=headers):
                await channel.info(status, headers)
            case Head():
                return await self._open(step)
            case Event():
                await self._send_events(step)
            case Comment(text=text, n=n, gap=gap, gate=gate):
                data = self._open_writer.comment(text)
                await self._repeat(n, gap, gate, lambda: self._open_writer.write(data, "comment"))
            case Bytes(size=size, n=n, gap=gap, gate=gate, split=split, pause=pause):
                data = b"x" * size
                await self._repeat(n, gap, gate, lambda: self._open_writer.write(data, "bytes", 0, split, pause))
            case Retry(milliseconds=milliseconds):
                await self._open_writer.write(b"retry: %d\n\n" % milliseconds, "retry")
            case Raw(text=text):
                await self._open_writer.write(text.encode(), "bytes")
            case Echo():
                await self._open_writer.echo()
            case Ping(payload=payload):
                await self._open_writer.ping(payload.encode())
            case Close(code=code, reason=reason):
                await self._open_writer.close(code, reason)
                channel.live.complete()
                return True
            case Fail(code=code, message=message, when=when):
                if self._applies(when):
                    await self._fail(code, message)
                    channel.live.complete()
                    return True
            case Fin(when=when):
                if self._applies(when):
                    channel.live.drop()
                    await channel.fin()
                    return True
            case Rst(code=number, scope=scope, when=when):
                if self._applies(when):
                    channel.live.drop()
                    await channel.rst(number, connection=scope == "connection")
                    return True
            case Hang(when=when):
                if self._applies(when):
                    await asyncio.get_running_loop().create_future()
        return False

    @property
    def _open_writer(self) -> Writer:
        assert self._writer is not None, "the parser puts a head before every step that writes"
        return self._writer

    async def _open(self, head: Head) -> bool:
        if self._resumed and self._resumed >= self._script.events:
            # 204 is how a server tells an EventSource to stay away (WHATWG HTML, section 9.2.2).
            await PlainWriter(self._channel, Head(format="text", status=204), self._script).open()
            await self._channel.end()
            self._channel.live.complete()
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
        receive = self._writer.receive if self._writer is not None else self._channel.inbox.get
        if n == 0 and self._writer is not None:
            await self._writer.read_all()
            return
        left = n
        while await receive() is not None:
            left -= 1
            if left == 0:
                return

    async def _send_events(self, step: Event) -> None:
        """The hot path: a benchmark runs a million times through this loop."""
        writer, channel = self._open_writer, self._channel
        encode = writer.encoder(step)
        batch = step.batch
        pace = step.gap * batch
        due = monotonic()
        first = True
        for index in range(step.n):
            self._events = n = self._events + 1
            if n <= self._resumed:
                continue
            if pace and not first and not index % batch:
                # Counted from when it was due and not from when it went: a late one does not delay all that follow.
                due += pace
                if (ahead := due - monotonic()) > 0:
                    await asyncio.sleep(ahead)
            if batch > 1 and (first or not index % batch):
                channel.cork()
            first = False
            await writer.write(encode(n), "event", n, step.split, step.pause)
            if batch > 1 and ((index + 1) % batch == 0 or index + 1 == step.n):
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
            case _:
                return True


def _last_event(channel: Channel) -> int:
    value = channel.request.last_event_id or ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else 0
