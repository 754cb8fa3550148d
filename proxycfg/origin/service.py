"""What stands behind every connection: which script answers a request, the log, the gates."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from proxycfg.origin.channel import Channel, Request
from proxycfg.origin.gates import Gates
from proxycfg.origin.play import Player
from proxycfg.origin.record import Limits, Live, Log
from proxycfg.origin.script import Script, ScriptError, parse
from proxycfg.origin.writer import refuse

Version = Literal["1.0", "1.1", "2"]
ALL_VERSIONS: frozenset[Version] = frozenset({"1.0", "1.1", "2"})
CONTROL = "/__origin__/"
_PARSED = 256
log = logging.getLogger("proxycfg.origin")

# What a gRPC or Connect method does without a script. The names are the contract with any client: generic stubs only
# need a path.
METHODS: dict[str, str] = {
    "Unary": "echo",
    "ServerStream": "event n=3",
    "ClientStream": "read; event data={pieces}",
    "Bidi": "echo",
    "Fail": 'fail 9 message="as asked"',
    "FailMidway": 'event; fail 14 message="as asked"',
    "DeadlineAware": "read; event data={timeout}",
    "Silent": "hang",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an origin behaves towards everyone."""

    limits: Limits = field(default_factory=Limits)
    versions: frozenset[Version] = ALL_VERSIONS
    """The versions of HTTP it speaks; without 2 the preface is a bad request, with nothing but 2 it hangs up on
    anything else, as a gRPC server does."""
    grpc_web: bool = False
    """Whether it speaks gRPC-Web itself; a plain gRPC server does not, and answers 415."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer instead of a script's."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Control:
    """A request to the origin itself, under ``/__origin__/``; it is not recorded."""


Plan = Script | Refusal | Control


def reads(plan: Plan) -> bool:
    """Whether answering takes the request body."""
    return isinstance(plan, Control) or (isinstance(plan, Script) and plan.reads)


class Connection(Protocol):
    """What the service wants to know of a connection."""

    number: int
    peer: str
    tls: bool


class Service:
    """The one object all connections of an origin share; used from its event loop, but for ``log``."""

    def __init__(self, options: Options, control: Callable[[Channel], Coroutine[Any, Any, None]]) -> None:
        """Take the options, and what answers ``/__origin__/``."""
        self.options = options
        self.log = Log(options.limits)
        self.gates = Gates()
        self._control = control
        self._tasks: set[asyncio.Task[None]] = set()
        self._scripts: dict[str, Script] = {}

    def begin(self, request: Request, connection: Connection, stream: int = 0) -> tuple[Live, Plan]:
        """Open the record of a request and choose what answers it."""
        if request.path.startswith(CONTROL):
            return Live(0, 0.0, self.options.limits, lambda: None), Control()
        live = self._open(connection, stream)
        live.method, live.target, live.version = request.method, request.target, request.version
        live.headers = request.headers
        plan: Plan
        try:
            plan = self._choose(request)
        except ScriptError as error:
            plan = Refusal(400, f"script: {error}")
        if request.version not in self.options.versions:
            plan = Refusal(505, f"HTTP/{request.version} is not spoken here")
        self.log.identify(live, plan if isinstance(plan, Script) else None)
        return live, plan

    def stillborn(self, connection: Connection, why: str) -> Live:
        """Open the record of something that was no request."""
        live = self._open(connection, 0)
        live.refuse(why)
        self.log.identify(live, None)
        return live

    def _open(self, connection: Connection, stream: int) -> Live:
        live = self.log.begin()
        live.connection, live.peer, live.tls, live.stream = connection.number, connection.peer, connection.tls, stream
        return live

    def _choose(self, request: Request) -> Script:
        text = request.header("x-origin-script") or request.query.get("script")
        return self._parse(text or _default(request))

    def _parse(self, text: str) -> Script:
        # A benchmark sends the same script thousands of times.
        script = self._scripts.get(text)
        if script is None:
            script = parse(text)
            if len(self._scripts) >= _PARSED:
                self._scripts.clear()
            self._scripts[text] = script
        return script

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run an exchange; the origin keeps hold of it until it is over."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def cancel(self) -> None:
        """Break every exchange off, as when the origin stops."""
        for task in self._tasks:
            task.cancel()

    async def answer(self, channel: Channel, plan: Plan) -> None:
        """Answer one request to its end; only cancelling gets out of it early."""
        try:
            match plan:
                case Script():
                    await Player(self.gates, channel, plan, grpc_web=self.options.grpc_web).play()
                case Refusal(status, why):
                    channel.live.refuse(why)
                    await refuse(channel, status, why)
                    channel.live.complete()
                case Control():
                    await self._control(channel)
        except Exception:
            if channel.live.ended_at is not None:
                return  # The stream closed under our hands, and the record says why.
            # A bug of ours must neither pass for a behaviour under test nor stop the other exchanges.
            log.exception("exchange %d (%s)", channel.live.id, channel.live.script)
            channel.live.refuse("internal error, see the log")
            channel.live.drop()
            await channel.rst(2, connection=False)


def _default(request: Request) -> str:
    """Choose the script of a request that brings none: by what it is, never by where it goes."""
    method = METHODS.get(request.path.rpartition("/")[2], "echo")
    if request.content_type.startswith("application/grpc"):
        # A failure without messages is trailers-only in real servers, so no head before it.
        return method if method.startswith("fail") else f"grpc; {method}"
    if request.content_type.startswith("application/connect+") or request.header("connect-protocol-version"):
        return method if method.startswith("fail") else f"connect; {method}"
    if request.tokens("upgrade") & {"websocket"}:
        return "ws; echo"
    if request.method == "POST" and request.path.endswith("/chat/completions"):
        return "openai; event n=8"
    return "json"
