"""Which protocol fits: the verb behind ``proxycfg advise``. Pure.

The decision is a list of rules, tried from the top; the first that holds decides, and its reason is told. So anybody can see why, and what would
have to be different for another answer. What each hop must have is not said here: it is the need of the routes in the snippet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from proxycfg.behavior import value_to_json
from proxycfg.need import need_of
from proxycfg.protocol import HOUR
from proxycfg.published import TREES, Tree
from proxycfg.record import field, record
from proxycfg.source import Source
from proxycfg.specfile import load
from proxycfg.units import YEAR, show_duration

if TYPE_CHECKING:
    from proxycfg.need import Need
    from proxycfg.spec import Spec

Direction = Literal["request", "to-client", "to-server", "both"]
Client = Literal["browser", "service", "both"]
Input = Literal["none", "rare", "steady"]
Network = Literal["open", "mobile", "corporate"]
Auth = Literal["none", "cookie", "header", "query"]

DIRECTIONS: Mapping[str, str] = {
    "request": "one question, one answer",
    "to-client": "messages to the client, as they come up",
    "to-server": "messages to the server, as they come up",
    "both": "both speak whenever they like",
}
CLIENTS: Mapping[str, str] = {"browser": "pages in browsers", "service": "other services", "both": "both"}
INPUTS: Mapping[str, str] = {
    "none": "nothing",
    "rare": "now and then, such as a cancellation or an approval",
    "steady": "all the time",
}
NETWORKS: Mapping[str, str] = {
    "open": "homes, offices and data centers without surprises",
    "mobile": "carriers, which forget quiet connections",
    "corporate": "company proxies, which look into requests",
}
AUTHS: Mapping[str, str] = {
    "none": "nobody logs in",
    "cookie": "a cookie",
    "header": "a header, such as Authorization",
    "query": "an argument of the query",
}

_ANSWER_IN_TIME = 60.0
"""Seconds that stock proxies wait for an answer."""
_LATE = 5.0
"""Seconds that a message may be late from where on asking again is enough."""
_LIVE = 1.0
"""Messages a second from where on a request for each of them is too many."""
_HEARTBEAT = 15.0
"""Seconds: below the shortest silence that carriers and balancers are known to cut, which is 30 s."""


@record(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be carried.

    :param length: seconds that an exchange lasts.
    :param rate: messages a second, of one client.
    :param delay: seconds that a message may be late.
    :param binary: whether messages are bytes rather than text.
    :param input: what the client says while an answer comes.
    :param others: whether clients are written by other people, in any language: SDKs, curl.
    :raises ValueError: if a number is out of range.
    """

    direction: Direction
    client: Client
    length: float = 60.0
    rate: float = 1.0
    delay: float = 1.0
    binary: bool = False
    input: Input = "none"
    network: Network = "open"
    others: bool = False
    auth: Auth = "none"

    @property
    def browser(self) -> bool:
        """Whether pages in browsers are among the clients."""
        return self.client != "service"

    @property
    def services(self) -> bool:
        """Whether programs are."""
        return self.client != "browser" or self.others

    def to_json(self) -> dict[str, object]:
        """The answers that were given."""
        return {name: getattr(self, name) for name in ANSWERS}


ANSWERS = ("direction", "client", "length", "rate", "delay", "binary", "input", "network", "others", "auth")
LIMITS: Mapping[str, tuple[float, float]] = {"length": (0.001, YEAR), "rate": (0.0, 1_000_000.0), "delay": (0.0, YEAR)}
"""The numbers that are taken, both ends included."""


@record(frozen=True, slots=True)
class Other:
    """A protocol that was not chosen, and why."""

    protocol: str
    why: str


@record(frozen=True, slots=True, kw_only=True)
class Advice:
    """The answer.

    :param why: what decided, and what speaks for it besides.
    :param costs: what one pays for it.
    :param others: those that come near, or that people would think of.
    :param snippet: a spec that loads.
    :param needs: the need of each route in it, by its title.
    :param trees: what published decision trees say; None where one does not speak of such a case.
    """

    question: Question
    protocol: str
    why: tuple[str, ...]
    costs: tuple[str, ...]
    others: tuple[Other, ...]
    snippet: str
    needs: Mapping[str, Need] = field(default_factory=dict)
    trees: tuple[tuple[Tree, str | None], ...] = ()

    @property
    def disagreement(self) -> str:
        """Where the published trees differ, in a sentence; empty where those that speak of it agree."""
        by: dict[str, list[str]] = {}
        for tree, chosen in self.trees:
            if chosen:
                by.setdefault(chosen, []).append(tree.name)
        if len(by) < 2:  # noqa: PLR2004 - one is agreement
            return ""
        told = "; ".join(f"{protocol}: {', '.join(names)}" for protocol, names in by.items())
        return f"they disagree ({told})"

    def to_json(self) -> dict[str, object]:
        """``advise --format json``."""
        return {
            "answers": self.question.to_json(),
            "protocol": self.protocol,
            "why": list(self.why),
            "costs": list(self.costs),
            "others": [{"protocol": each.protocol, "why": each.why} for each in self.others],
            "needs": {
                title: {
                    name: {"value": value_to_json(name, want.accepted), "why": want.why}
                    for name, want in need.wants.items()
                }
                for title, need in self.needs.items()
            },
            "snippet": self.snippet,
            "published": [
                {
                    "name": tree.name,
                    "url": tree.url,
                    "says": tree.says,
                    "chooses": chosen,
                    "agrees": chosen == self.protocol if chosen else None,
                }
                for tree, chosen in self.trees
            ],
            "disagreement": self.disagreement or None,
        }


def advise(question: Question) -> Advice:
    """Which protocol fits.

    The same question gets the same answer, and every question gets one.
    """
    for name, (low, high) in LIMITS.items():
        if not low <= getattr(question, name) <= high:
            raise ValueError(f"{name} must be from {low:g} to {high:g}")
    protocol, reason = _decided(question)
    snippet = _snippet(question, protocol)
    spec = load(Source("routes.yaml", snippet))
    return Advice(
        question=question,
        protocol=protocol,
        why=(reason, *_besides(question, protocol)),
        costs=tuple(_costs(question, protocol)),
        others=tuple(each for each in _others(question, protocol) if each.protocol != protocol),
        snippet=snippet,
        needs=_needs(spec),
        trees=tuple((tree, tree.decide(question)) for tree in TREES),
    )


def _needs(spec: Spec) -> dict[str, Need]:
    return {f"{route.title} ({route.protocol.name})": need_of(route) for route in spec.routes}


# ---- the rules ----


def _decided(asked: Question) -> tuple[str, str]:
    """The protocol, and the rule that decides."""
    if asked.direction == "request":
        return _answered(asked)
    if asked.direction == "both" or asked.input == "steady":
        return _conversed(asked)
    if asked.direction == "to-server":
        return _uploaded(asked)
    return _pushed(asked)


def _answered(asked: Question) -> tuple[str, str]:
    if asked.length <= _ANSWER_IN_TIME:
        return "http", "one answer that comes within a minute is an ordinary request"
    return (
        "poll",
        f"an answer after {show_duration(asked.length)} outlasts the minute that stock proxies wait: start a job, and ask for its state",
    )


def _conversed(asked: Question) -> tuple[str, str]:
    if not asked.browser and not asked.others and asked.network != "corporate":
        return (
            "grpc",
            "both sides speak at any time, and no browser is among the clients: a bidirectional call over HTTP/2",
        )
    if not asked.browser:
        return (
            "websocket",
            "both sides speak at any time, and clients in every language, behind any proxy, can open a socket",
        )
    return (
        "websocket",
        "both sides speak at any time, and in a browser nothing else can: gRPC-Web and Connect have no such calls there",
    )


def _uploaded(asked: Question) -> tuple[str, str]:
    if asked.browser and asked.rate >= _LIVE:
        return (
            "websocket",
            "a browser that sends all the time needs a socket: streamed request bodies are not in all of them, and only over HTTP/2",
        )
    if asked.browser or asked.others:
        return "http", "what the client has to say fits requests, each answered by itself"
    return "grpc", "a client stream between services: messages go up as they come, and the answer closes the call"


def _pushed(asked: Question) -> tuple[str, str]:
    if asked.delay >= _LATE and asked.rate <= 1 / asked.delay and asked.input == "none":
        return (
            "poll",
            f"news that may be {show_duration(asked.delay)} late need no open stream: ask at that interval, and share the answer",
        )
    if not asked.browser and not asked.others and asked.network != "corporate":
        return "grpc", "a server stream between services, typed, with flow control and a status at its end"
    if asked.binary and asked.services and asked.browser and asked.network != "corporate":
        return "connect", "bytes to browsers and services alike: one server stream for both, over any HTTP version"
    if asked.binary:
        return (
            "ndjson",
            "bytes in one direction: a chunked download needs no base64, as SSE would, and no upgrade, as a WebSocket would",
        )
    if not asked.browser:
        return "ndjson", "programs in any language read lines as they come, from an ordinary answer"
    return (
        "sse",
        "text in one direction, to browsers: an ordinary answer that goes on, and that they open again by themselves",
    )


# ---- what speaks for it besides, and what it costs ----


def _besides(asked: Question, protocol: str) -> Iterator[str]:
    if protocol in {"sse", "ndjson"} and asked.input == "rare":
        yield "for a cancellation the client closes the answer, or posts to a second path: a socket for that alone would cost more than it gives"
    if protocol in {"sse", "ndjson", "poll", "http", "connect"} and asked.network == "corporate":
        yield "company proxies let an ordinary request pass, and often no upgrade"
    if protocol == "sse" and asked.length > HOUR:
        yield "after every cut the browser comes back by itself, and says with Last-Event-ID what it has seen"
    if protocol == "websocket" and asked.binary:
        yield "frames carry bytes as they are"
    if protocol == "poll" and asked.auth == "none":
        yield "answers are the same for all, so a shared cache of a second takes any number of clients down to one request a second"


def _costs(asked: Question, protocol: str) -> Iterator[str]:
    yield from _COSTS[protocol]
    if protocol == "sse" and asked.auth == "header":
        yield "EventSource sends no header of yours: read the stream with fetch, or log in by cookie"
    if protocol == "websocket" and asked.browser and asked.auth == "header":
        yield "browsers set no header in a handshake: log in by cookie, or by a ticket for one use in the query"
    if protocol == "websocket" and asked.browser and asked.auth == "cookie":
        yield "a page of any site can open the socket with its visitor's cookie: list yours in `cors`"
    if asked.auth == "query":
        yield "a credential in a URL gets into logs, histories and Referer headers: let it live for minutes"
    if protocol == "websocket" and asked.network == "corporate":
        yield "company proxies that look into TLS may refuse the upgrade: have a second way, such as SSE and POST"
    if protocol in _LONG and asked.network == "mobile":
        yield "carriers forget a connection after 30 s to some minutes of silence: keep the heartbeat below, and be able to come back"
    if protocol in _LONG and asked.length > HOUR:
        yield "every deploy of a proxy, and every edge, ends streams within hours: clients must come back, not all at once, and go on where they were"


_LONG = frozenset(("sse", "ndjson", "websocket", "grpc", "connect", "grpc-web", "long-poll"))
_COSTS: Mapping[str, tuple[str, ...]] = {
    "http": ("a request for each message: its headers, and a round trip",),
    "poll": (
        "a message is late by half an interval on average",
        "requests that bring nothing; without a cache each reaches the origin",
    ),
    "sse": (
        "text alone: bytes as base64 are a third larger",
        "each stream is one of six connections that a browser opens to a host over HTTP/1.1: serve HTTP/2",
        "stock proxies buffer and compress it, and cut it after a minute of silence: each hop must be told",
    ),
    "ndjson": (
        "nothing comes back by itself after a cut: the client has to know what it has seen",
        "an answer that ends early looks like one that is complete, unless its last line says so",
        "stock proxies buffer and compress it, and cut it after a minute of silence: each hop must be told",
    ),
    "websocket": (
        "each hop must pass the upgrade, over HTTP/1.1, and hold a connection for each client",
        "caches, retries, status codes and the limits of HTTP end at the handshake: the application does all that itself",
        "nothing comes back by itself after a cut, and a reconnect may land on another server",
    ),
    "grpc": (
        "HTTP/2 with trailers on every hop: one that speaks HTTP/1.1 to the origin breaks it",
        "load balancing by connection sends all calls of a client to one server: balance by call",
    ),
    "connect": (
        "a generated client on both sides; in browsers no message follows the request",
        "each hop must let the stream pass as for SSE",
    ),
}


def _others(asked: Question, protocol: str) -> Iterator[Other]:
    one_way = asked.direction == "to-client" and asked.input != "steady"
    if one_way:
        says = "never speak" if asked.input == "none" else "hardly speak"
        why = f"the client would {says}: a socket gives up status codes, caching, HTTP/2 and coming back for nothing"
        yield Other("websocket", why)
        if asked.binary:
            yield Other("sse", "it carries text alone: bytes as base64 are a third larger")
        elif not asked.browser and protocol == "ndjson":
            yield Other("sse", "it would do as well, if an SDK for it is at hand")
        if protocol != "poll":
            yield Other(
                "poll", f"messages may be no more than {show_duration(asked.delay)} late, or come more often than that"
            )
        yield Other("long-poll", "a request for each message: for networks that hold streams back, as a second way")
    if asked.browser:
        yield Other("grpc", "a browser cannot speak it: no page gets at HTTP/2 frames and trailers")
        if asked.direction == "both" or asked.input == "steady":
            yield Other("grpc-web", "in a browser it has unary calls and server streams, no stream from the client")
            yield Other("sse", "with a POST for each message of the client; enough where the client says little")
    elif protocol != "grpc":
        yield Other("grpc", "it asks for HTTP/2 with trailers all the way, and for a generated client on each side")


# ---- the snippet ----


_PATHS: Mapping[str, str] = {
    "grpc": "/app.v1.AppService", "connect": "/app.v1.AppService", "websocket": "/ws", "http": "/messages", "poll": "/status",
}  # fmt: skip


def _snippet(asked: Question, protocol: str) -> str:
    """A spec of one route, or two, that loads."""
    grpc = protocol == "grpc"
    lines = [f"upstreams: {{app: {'grpc://app:50051' if grpc else 'http://app:8000'}}}", "routes:"]
    path = _PATHS.get(protocol, "/events")
    lines += [f"  - path: {path}", f"    protocol: {protocol}", "    upstream: app"]
    if protocol in _LONG:
        lines.append(
            f"    heartbeat: {show_duration(_HEARTBEAT)}  # the application sends something at least that often"
        )
    if protocol == "http" and asked.direction == "to-server":
        lines.append("    upload: {stream: true}")
    if protocol == "poll" and asked.auth == "none":
        share = min(asked.delay, asked.length) / 2 if asked.direction == "to-client" else 1.0
        lines.append(f"    cache: {show_duration(max(1.0, round(share)))}  # one answer serves everybody for so long")
    if asked.auth != "none":
        name = {"cookie": "session", "header": "Authorization", "query": "ticket"}[asked.auth]
        lines.append(f"    auth: {{by: {asked.auth}, name: {name}}}")
    if asked.browser and (protocol == "connect" or (protocol == "websocket" and asked.auth == "cookie")):
        lines.append("    cors: {origins: [https://app.example.com]}  # the pages that may call")
    if asked.input == "rare" and protocol in {"sse", "ndjson", "connect"}:
        lines += [
            f"  - path: {path}/cancel  # what the client says meanwhile",
            "    protocol: http",
            "    upstream: app",
            "    methods: [POST]",
        ]
    if protocol == "poll" and asked.direction == "request":
        lines += ["  - path: /jobs  # a POST starts one", "    protocol: http", "    upstream: app"]
    return "\n".join(lines) + "\n"
