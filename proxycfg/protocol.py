"""What a protocol is: a name, what it asks of a hop, and the defaults of a route that carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from proxycfg.behavior import Between
from proxycfg.finding import Category
from proxycfg.record import record

if TYPE_CHECKING:
    from proxycfg.spec import Terms

HOUR = 3600.0
MIB = 2**20
HEARTBEATS = 3
"""An idle timer of three heartbeats survives two lost ones."""
LEAST_IDLE = 60.0
"""No idle timer is set below the stock default of the proxies."""


ALSO_CALLED = {
    "ws": "websocket", "wss": "websocket", "websockets": "websocket", "web-socket": "websocket", "socket.io": "websocket",
    "server-sent-events": "sse", "server-sent-event": "sse", "eventsource": "sse", "event-source": "sse", "event-stream": "sse",
    "text/event-stream": "sse",
    "jsonl": "ndjson", "json-lines": "ndjson", "jsonlines": "ndjson", "chunked": "ndjson", "stream": "ndjson",
    "streaming": "ndjson", "application/x-ndjson": "ndjson",
    "grpcs": "grpc", "h2c": "grpc", "grpcweb": "grpc-web", "connectrpc": "connect", "connect-rpc": "connect",
    "longpoll": "long-poll", "longpolling": "long-poll", "long-polling": "long-poll", "comet": "long-poll",
    "polling": "poll", "https": "http", "rest": "http", "http1": "http", "http2": "http", "h2": "http",
}  # fmt: skip
"""What people write who mean one of the protocols, in lower case → its name."""


def meant(word: str) -> str | None:
    """The protocol that a word stands for, which is not the name of one."""
    return ALSO_CALLED.get(word.strip().lower().replace("_", "-").replace(" ", "-"))


@record(frozen=True, slots=True)
class Want:
    """The values of one property that a protocol can live with, and what happens outside them."""

    accepted: Between[Any]
    category: Category
    why: str


@record(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One protocol.

    :param name: as contract section 1 spells it.
    :param summary: one line for people.
    :param streams: whether an exchange can stay open for long; decides which limits count streams.
    :param wants: property name → what the protocol can live with, given the route; what is not named is of no concern.
    :param content_types: of its responses, lower case, where it has its own.
    :param idle_timeout: longest silence to allow where the route states neither that nor a heartbeat, in seconds.
    :param uploads: whether request bodies stream where the route does not say.
    :param body_limit: bytes of a request where the route does not say; None for no limit.
    :param grpc_origin: whether a ``grpc://`` origin can serve it (natively, or through a translating hop).
    :param methods: what a client sends, for rules and CORS.
    :param sources: where the needs come from.
    """

    name: str
    summary: str
    streams: bool
    wants: Callable[[Terms], Mapping[str, Want]]
    content_types: tuple[str, ...] = ()
    idle_timeout: float = HOUR
    uploads: bool = False
    body_limit: int | None = 16 * MIB
    grpc_origin: bool = False
    methods: tuple[str, ...] = ("GET",)
    sources: tuple[str, ...] = ()

    def silence(self, heartbeat: float | None) -> float:
        """The longest silence to allow, in seconds, where a route states none."""
        return self.idle_timeout if heartbeat is None else max(LEAST_IDLE, HEARTBEATS * heartbeat)
