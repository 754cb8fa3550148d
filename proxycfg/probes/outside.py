"""What can be learned of an endpoint by whoever is only its client: one visit, or two where that is harmless, and no hand on the origin.

The driver asks as the protocol's clients do, over HTTP/2 where that is spoken, and for requests that change nothing over HTTP/1.1 as well,
side by side: a stream that is held back on the one only shows a proxy's hand. The judge tells what that shows, and for every other property
why it cannot be known from here.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from proxycfg import __version__, faults
from proxycfg.behavior import FOREVER, NO, YES, Between, at_least, properties
from proxycfg.measured import Complaint, Found, Judged
from proxycfg.protocol import Protocol
from proxycfg.record import field, record
from proxycfg.request import Asked
from proxycfg.timeline import Event, Timeline, of_exchange
from proxycfg.units import counted, show_duration

if TYPE_CHECKING:
    from proxycfg.lab.tape import Tape

# ---- the driver ----


@record(frozen=True, slots=True, kw_only=True)
class Question:
    """What to probe, and how.

    :param headers: by their names in lower case.
    :param method: empty for the protocol's own, or POST where there is a body.
    :param body: of the request; a message of its own for gRPC and gRPC-Web, the first one said on a WebSocket.
    :param seconds: how long to listen.
    :param http: ``1.1`` or ``2`` to speak that alone; empty for what the endpoint prefers.
    :param insecure: believe any certificate.
    """

    url: str
    protocol: Protocol
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = ""
    body: bytes | None = None
    seconds: float = 10.0
    http: str = ""
    insecure: bool = False


async def drive(question: Question, tape: Tape) -> None:
    """Visit the endpoint and no other: no redirect is followed.

    :raises ValueError: if it has no URL.
    """
    from proxycfg.lab.visit import Endpoint, Errand, reach, visit  # noqa: PLC0415 - needs the extra `lab`

    name = question.protocol.name
    method = question.method or ("POST" if question.body is not None and name != "websocket" else "")
    request = Asked(method=method, headers=question.headers).request(question.url, name)
    method, body, headers = request.method, _body(question), _headers(question, request.headers)
    tape.note(
        0, "probe", probe="outside", url=shown(question.url), host=request.host, path=request.target.partition("?")[0], protocol=name,
        method=method, seconds=question.seconds, http=question.http, secure=request.scheme == "https", headers=sorted(question.headers),
        bytes=len(question.body or b""), insecure=question.insecure,
    )  # fmt: skip
    usual = request.port == (443 if request.scheme == "https" else 80)
    named = f"[{request.host}]" if ":" in request.host else request.host
    authority = headers.pop("host", named if usual else f"{named}:{request.port}")

    async def one(exchange: int, transport: str) -> bool:
        endpoint = Endpoint(
            host=request.host,
            port=request.port,
            transport=transport,
            authority=authority,
            insecure=question.insecure,
        )
        errand = Errand(
            method=method,
            target=request.target,
            headers=[
                (key, value) for key, value in headers.items() if not (transport.startswith("2") and key in _OF_ONE_HOP)
            ],
            body=body,
            seconds=question.seconds,
            socket=name == "websocket",
        )
        call = await reach(tape, exchange, endpoint)
        if call is not None:
            await visit(tape, exchange, endpoint, call, errand)
        return call is not None

    transports = _transports(question, secure=request.scheme == "https")
    twice = method in {"GET", "HEAD"} and not question.http
    if twice or len(transports) == 1:
        await asyncio.gather(*(one(number, transport) for number, transport in enumerate(transports, 1)))
        return
    for number, transport in enumerate(transports, 1):
        if await one(number, transport):
            return


def _transports(question: Question, *, secure: bool) -> tuple[str, ...]:
    """Over which to ask, the best first."""
    one, two = ("http/1.1+tls", "2") if secure else ("http/1.1", "2+clear")
    name = question.protocol.name
    if name == "websocket" or question.http == "1.1":
        return (one,)
    if name == "grpc" or question.http == "2":
        return (two,)
    # Nobody's client tries HTTP/2 on a cleartext port by itself.
    return (two, one) if secure else (one,)


def _headers(question: Question, known: Mapping[str, str]) -> dict[str, str]:
    """As a client of the protocol sends them; what the user says counts for more."""
    mine = {"user-agent": f"proxycfg/{__version__} (probe)"}
    name = question.protocol.name
    if name not in {"grpc", "grpc-web", "websocket"}:
        mine |= {"accept": "*/*", "accept-encoding": "gzip"}
    if question.body is not None and name not in {"grpc", "grpc-web", "websocket"}:
        text = question.body.lstrip()[:1]
        mine["content-type"] = "application/json" if text in {b"{", b"["} else "application/x-www-form-urlencoded"
    elif name == "connect":
        mine["content-type"] = "application/json"
    unwanted = _OF_FRAMING | (_OF_HANDSHAKES if name == "websocket" else frozenset())
    return {key: value for key, value in {**mine, **known}.items() if key not in unwanted}


_OF_FRAMING = frozenset({"content-length", "transfer-encoding"})
_OF_HANDSHAKES = frozenset({"upgrade", "connection", "sec-websocket-key", "sec-websocket-version"})
_OF_ONE_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "upgrade"})
"""Headers that the client itself sets, and those that HTTP/2 does not have."""


def _body(question: Question) -> bytes | None:
    """The request's body; messages of gRPC are framed."""
    name = question.protocol.name
    kind = question.headers.get("content-type", "")
    if name in {"grpc", "grpc-web"} or kind.startswith("application/connect+"):
        message = question.body or b""
        return b"\0" + len(message).to_bytes(4) + message
    return b"{}" if name == "connect" and question.body is None else question.body


def shown(url: str) -> str:
    """A URL without what may be secret: whoever is named in it, and the values of its query."""
    parts = urlsplit(url)
    query = (
        "&".join(f"{each.partition('=')[0]}=…" if "=" in each else "…" for each in parts.query.split("&"))
        if parts.query
        else ""
    )
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment="").geturl()


def command_of(told: Mapping[str, Any]) -> str:
    """The command that asks the same again, for a shell; what may be secret is left for its user to fill in."""
    words = ["proxycfg", "probe", str(told["url"]), "--protocol", str(told["protocol"])]
    for name in told["headers"]:
        words += ["--header", f"{name}: …"]
    words += ["--method", str(told["method"])] if told["method"] != "GET" else []
    words += ["--data", "…"] if told["bytes"] else []
    words += ["--http-version", str(told["http"])] if told["http"] else []
    words += ["--insecure"] if told["insecure"] else []
    return shlex.join([*words, "--for", show_duration(float(told["seconds"]))])


# ---- what an exchange was like ----

_MOMENT = 0.03
"""Seconds: what comes closer together than this came at once."""
_SOON = 0.3
"""Seconds: an answer that begins sooner than this waited for nobody."""
_LUMP = 4
"""Messages that come at once, again and again, in a stream that is handed out by the buffer."""
_BUFFER = 4000
"""Bytes: the smallest buffer that proxies collect answers in, less its framing."""
_TIMER = 0.25
"""Seconds by which a timer of a proxy may seem to be off."""


@record(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One exchange, out of its events."""

    transport: str
    sent: float
    status: int
    headers: Mapping[str, str]
    trailers: Mapping[str, str]
    pieces: tuple[tuple[float, int, int], ...]
    """When, how many bytes, how many messages."""
    signs: tuple[float, ...]
    """When anything at all came: the head, pieces, pings, pongs."""
    end: str
    ended: float
    said: str
    events: tuple[Event, ...]

    @property
    def messages(self) -> int:
        return sum(each[2] for each in self.pieces)

    @property
    def lasted(self) -> float:
        """Seconds from the request to the end."""
        return self.ended - self.sent

    @property
    def moments(self) -> list[list[tuple[float, int, int]]]:
        """The pieces, those together that came at once."""
        found: list[list[tuple[float, int, int]]] = []
        for piece in self.pieces:
            if found and piece[0] - found[-1][-1][0] < _MOMENT:
                found[-1].append(piece)
            else:
                found.append([piece])
        return found

    @property
    def silence(self) -> float:
        """The longest silence that was borne, in seconds."""
        times = [self.sent, *self.signs, *([self.ended] if self.end in {"left", "enough"} else [])]
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)

    @property
    def last_silence(self) -> float:
        """Seconds from the last sign of life to the end."""
        return self.ended - (self.signs[-1] if self.signs else self.sent)

    def has(self, what: str) -> bool:
        return any(event.what == what for event in self.events)


def _seen(timeline: Timeline) -> list[_Seen]:
    """The exchanges in which a request was sent."""
    found = []
    for number in sorted({event.exchange for event in timeline} - {0}):
        events = tuple(of_exchange(timeline, number))
        asked = next((event for event in events if event.what == "sent"), None)
        if asked is None:
            continue
        head = next((event for event in events if event.what == "head"), None)
        trailers = next((event for event in events if event.what == "trailers"), None)
        end = next((event for event in events if event.what == "end"), None)
        found.append(
            _Seen(
                transport=asked.facts["transport"],
                sent=asked.at,
                status=head.facts["status"] if head else 0,
                headers=_by_name(head),
                trailers=_by_name(trailers),
                pieces=tuple(
                    (event.at, event.facts["bytes"], event.facts["messages"])
                    for event in events
                    if event.what == "piece"
                ),
                signs=tuple(event.at for event in events if event.what in {"head", "piece", "pong", "pinged"}),
                end=end.facts["how"] if end else "left",
                ended=end.at if end else events[-1].at,
                said=str(end.facts.get("said", "")) if end else "",
                events=events,
            )
        )
    return found


def _by_name(event: Event | None) -> dict[str, str]:
    return {name: str(value) for name, value in event.facts["headers"]} if event else {}


# ---- the judge ----

_OUT_OF_SIGHT = {
    "response_buffering": "whether a buffer is on shows only when it holds something back, which stalls_on tells",
    "request_buffering": "only the origin sees when the request's body arrives",
    "upstream_http_version": "only the origin sees what it is spoken to in",
    "upstream_connection_header": "only the origin sees what it is sent",
    "connect_timeout": "an origin that cannot be reached would have to be put behind it",
    "send_timeout": "a client that stops reading would have to hold a connection for as long",
    "request_body_limit": "bodies would have to be sent until one is refused",
    "retries": "only origins see that a request comes twice",
    "retries_non_idempotent": "only origins see that a request comes twice",
    "error_interception": "an origin would have to fail",
    "honors_x_accel_buffering": "only an origin can send that header",
    "accept_encoding_forwarded": "only the origin sees what it is sent",
    "session_affinity": "only origins see which of them was asked",
    "query_logged": "the log is the proxy's own",
    "abort_propagates": "only the origin sees that a client has left",
    "max_streams": "streams would have to be opened until one is refused",
}
"""By property, why a client cannot know it."""


def judge(timeline: Timeline) -> Judged:
    """What the visits show.

    :raises KeyError, TypeError, ValueError: if the events lack what the driver writes.
    """
    told = timeline[0].facts
    protocol, secure = str(told["protocol"]), bool(told["secure"])
    exchanges = _seen(timeline)
    if not exchanges:
        return _unreached(timeline)
    target = _target_of(exchanges[0])
    best = exchanges[0]
    if best.status in _WANTED and protocol != "websocket":
        return Judged(found={}, unknown=_OUT_OF_SIGHT, skipped=_WANTED[best.status], target=target)
    found: dict[str, Found] = dict(_versions(timeline, exchanges, secure=secure))
    complaints: list[Complaint] = []
    skipped = ""
    if protocol == "websocket":
        complaints += _websocket(best, found)
    elif (refused := _refused(best, protocol)) is not None:
        complaints.append(refused)
    else:
        complaints += _answered(protocol, exchanges, found)
        if protocol in _DELIVERED:
            absent = {event.facts["transport"] for event in timeline if event.what == "unreached"}
            flows = {
                seen.transport: _flow(seen) for seen in exchanges if not seen.status or seen.status // 100 == _SUCCESS
            }
            offered = {"2"} if protocol == "grpc" else {"2", "http/1.1+tls"} if secure else {"http/1.1"}
            complaints += _delivery(flows, offered - absent, found)
            if protocol in _ALWAYS and not {"flows", "held"} & {word for word, _ in flows.values()}:
                skipped = _TOO_SHORT
    hidden = {
        name: _OUT_OF_SIGHT.get(name, "this visit does not show it") for name in properties() if name not in found
    }
    return Judged(
        found=found, unknown=hidden, complaints=tuple(complaints), skipped="" if complaints else skipped, target=target
    )


_DELIVERED = frozenset({"sse", "ndjson", "grpc", "grpc-web", "connect"})
"""Protocols whose messages should come one by one, and those of them whose answers are never a single message."""
_ALWAYS = frozenset({"sse", "ndjson"})
_SUCCESS = 2
"""The hundreds of a status."""
_WANTED = {
    401: "the endpoint wants credentials (401): give them with --header or --cookie",
    403: "the endpoint refuses this client (403): give what it wants with --header or --cookie",
    407: "a proxy on the way wants credentials (407): give them with --header",
    429: "the endpoint has had enough requests (429): try again later",
}
_TOO_SHORT = "the answer was too short to tell: ask for one that streams for some seconds, with --data or another URL"


def _unreached(timeline: Timeline) -> Judged:
    failed = next((event for event in timeline if event.what == "unreached"), None)
    how, said = (failed.facts["how"], failed.facts["said"]) if failed else ("refused", "no attempt was recorded")
    words = {
        "name": "the name is not known",
        "certificate": "its certificate is not trusted",
        "timeout": "nobody answers",
        "refused": "no connection",
    }
    message = f"{words.get(how, how)}: {said}"
    return Judged(found={}, unknown=_OUT_OF_SIGHT, complaints=(Complaint(faults.ENDPOINT_UNREACHABLE, message),))


_SERVERS = (("cloudflare", "cloudflare"), ("envoy", "envoy"), ("nginx", "nginx"))


def _target_of(seen: _Seen) -> str:
    """The hop that answers, as far as it says so."""
    said = seen.headers.get("server", "").lower()
    return next((name for word, name in _SERVERS if word in said), "")


def _versions(timeline: Timeline, exchanges: Sequence[_Seen], *, secure: bool) -> Iterator[tuple[str, Found]]:
    def spoken(transport: str) -> str:
        return "2" if transport.startswith("2") else "1.1"

    served = {spoken(event.facts["transport"]) for event in timeline if event.what == "connected"}
    answered = {spoken(seen.transport) for seen in exchanges if seen.status}
    tried = {spoken(event.facts["transport"]) for event in timeline if event.what in {"connected", "unreached"}}
    offered = any("h3" in seen.headers.get("alt-svc", "") for seen in exchanges)
    low = frozenset(served if secure else answered)
    high = low | {"1.1", "2"} - tried | ({"3"} if offered else set())
    also = "; it offers HTTP/3, which was not tried" if offered else ""
    if answered:
        yield (
            "client_http_versions",
            Found(Between(low, frozenset(high)), f"it answers HTTP/{' and HTTP/'.join(sorted(answered))}{also}"),
        )


def _refused(seen: _Seen, protocol: str) -> Complaint | None:
    """What there is to say of an answer that is not the stream."""
    where = f"after {seen.lasted:.1f} s"
    if seen.end == "garbage":
        return Complaint(faults.ENDPOINT_REFUSES, seen.said)
    if not seen.status:
        if seen.end == "unanswered":
            return Complaint(faults.ENDPOINT_REFUSES, f"the connection was closed {where} without an answer")
        if protocol == "long-poll":
            return None
        return Complaint(
            faults.STREAM_SILENT,
            f"no answer within {seen.lasted:.1f} s, not even its head: held back, or the origin is silent",
        )
    if seen.status == 504 and protocol == "long-poll":  # noqa: PLR2004 - gateway timeout
        return Complaint(faults.STREAM_CUT, f"the poll was given up {where}: 504")
    if seen.status // 100 != _SUCCESS:
        place = f": it leads to {seen.headers['location']}" if "location" in seen.headers else ""
        return Complaint(faults.ENDPOINT_REFUSES, f"status {seen.status} {where}{place}")
    return None


def _answered(protocol: str, exchanges: Sequence[_Seen], found: dict[str, Found]) -> Iterator[Complaint]:
    """A stream, or a whole answer: how it came, and what its headers say."""
    best = exchanges[0]
    _headers_say(exchanges, found)
    _silences(best, found)
    if (other := _of_another_type(best, protocol)) is not None:
        yield other
        return
    if protocol in {"grpc", "grpc-web"}:
        yield from _call(best, protocol, found)
    if best.end == "cut":
        yield _cut(best, found)


_TYPES = {
    "sse": ("text/event-stream",),
    "grpc": ("application/grpc",),
    "grpc-web": ("application/grpc-web",),
}


def _of_another_type(seen: _Seen, protocol: str) -> Complaint | None:
    kind = seen.headers.get("content-type", "")
    wanted = _TYPES.get(protocol)
    if not seen.status or wanted is None or kind.lower().startswith(wanted):
        return None
    return Complaint(
        faults.ANSWER_OF_ANOTHER_TYPE, f"the answer is {kind or 'of no type'}, not {wanted[0]}", ("grpc", "stalls_on")
    )


_BYPASSED = {"dynamic", "bypass"}
_STORED = {"hit", "stale", "revalidated", "updating"}


def _headers_say(exchanges: Sequence[_Seen], found: dict[str, Found]) -> None:
    """What answers carry along."""
    for seen in exchanges:
        if not seen.status:
            continue
        if "x-accel-buffering" in seen.headers:
            found["forwards_x_accel_buffering"] = Found(
                YES, f"X-Accel-Buffering: {seen.headers['x-accel-buffering']} came through"
            )
        encoding = seen.headers.get("content-encoding", "")
        if encoding in {"", "identity"} and seen.pieces:
            found.setdefault("compression", Found(NO, "the answer is not compressed, though gzip was accepted"))
        said = seen.headers.get("cf-cache-status", seen.headers.get("x-cache", "")).lower()
        age = seen.headers.get("age", "")
        if any(word in said for word in _STORED) or (age.isdigit() and int(age) > 0):
            word = f"Age: {age}" if age else f"it says {said}"
            found["caching"] = Found(YES, f"a stored answer: {word}")
        elif said in _BYPASSED or "no-store" in seen.headers.get("cache-control", ""):
            found.setdefault("caching", Found(NO, f"not stored: {said or seen.headers['cache-control']}"))


def _silences(seen: _Seen, found: dict[str, Found]) -> None:
    """How much silence, and how much time, the stream has borne."""
    if seen.end in {"left", "enough", "complete"}:
        found["upstream_idle_timeout"] = Found(
            at_least(round(seen.silence, 1)), f"a silence of {seen.silence:.1f} s was borne"
        )
        found["total_timeout"] = Found(
            at_least(round(seen.lasted, 1)), f"it lasted {seen.lasted:.1f} s, and was not cut"
        )


def _cut(seen: _Seen, found: dict[str, Found]) -> Complaint:
    """A stream that broke: of silence, or of age."""
    quiet, age = seen.last_silence, seen.lasted
    least = round(max(0.0, quiet - _TIMER), 1)
    if quiet > max(age / 2, _SOON):
        found["upstream_idle_timeout"] = Found(at_least(least), f"cut after {quiet:.1f} s of silence")
        found["total_timeout"] = Found(
            at_least(round(max(0.0, age - _TIMER), 1)), f"cut {age:.1f} s after the request, in the middle of a silence"
        )
        message = f"the stream broke {age:.1f} s after the request, after {quiet:.1f} s of silence"
    else:
        found["upstream_idle_timeout"] = Found(
            at_least(round(seen.silence, 1)), f"a silence of {seen.silence:.1f} s was borne"
        )
        found["total_timeout"] = Found(
            at_least(round(max(0.0, age - _TIMER), 1)), f"cut {age:.1f} s after the request, while it talked"
        )
        message = (
            f"the stream broke {age:.1f} s after the request, while it talked: the last piece came {quiet:.2f} s before"
        )
    return Complaint(
        faults.STREAM_CUT, f"{message}, over {_spoken(seen.transport)}", ("upstream_idle_timeout", "total_timeout")
    )


def _spoken(transport: str) -> str:
    return {"http/1.1": "HTTP/1.1", "http/1.1+tls": "HTTP/1.1 and TLS", "2": "HTTP/2", "2+clear": "cleartext HTTP/2"}[
        transport
    ]


def _delivery(how: Mapping[str, tuple[str, str]], served: set[str], found: dict[str, Found]) -> Iterator[Complaint]:
    """Whether messages come one by one, over each transport that was tried, of those that may be served."""
    flows = {name for name, (word, _) in how.items() if word == "flows"}
    # What is said over one transport, and not over another at the same time, is held back there.
    held = {name for name, (word, _) in how.items() if word == "held" or (word == "silent" and flows)}
    low = frozenset(name.removesuffix("+clear") for name in held)
    high = frozenset(name.removesuffix("+clear") for name in (served | held | set(how)) - flows)
    text = "; ".join(f"{_spoken(name)}: {words}" for name, (_, words) in how.items())
    found["stalls_on"] = Found(Between(low, high), text)
    for name in sorted(held):
        yield Complaint(faults.STREAM_HELD_BACK, f"over {_spoken(name)}: {how[name][1]}", ("stalls_on",))
    if not held and not flows:
        for name, (word, words) in how.items():
            if word == "silent":
                yield Complaint(faults.STREAM_SILENT, f"over {_spoken(name)}: {words}")


def _flow(seen: _Seen) -> tuple[str, str]:
    """``flows``, ``held``, ``silent`` or ``unclear``, and the same in words."""
    moments = [moment for moment in seen.moments if any(each[1] for each in moment)]
    if not moments:
        word = "silent" if seen.end == "left" else "unclear"
        return word, f"nothing came in {seen.lasted:.1f} s" + (
            "" if seen.status else ", not even the head of an answer"
        )
    sizes = [sum(each[2] for each in moment) for moment in moments]
    first = moments[0][0][0] - seen.sent
    came = f"{counted(seen.messages, 'message')} in {counted(len(moments), 'moment')}, the first after {first:.2f} s"
    if len(moments) > 1:
        full = [moment for moment in moments if sum(each[1] for each in moment) >= _BUFFER]
        lumps = [size for size in sizes if size >= _LUMP]
        if len(full) * 2 > len(moments) and len(lumps) * 2 > len(moments):
            return "held", f"{came}: by the buffer, {max(sizes)} at once"
        return "flows", came
    if seen.end in {"left", "enough"}:
        # A buffer hands out what fills it, or what ends.
        return (
            ("flows", f"{came}, and the stream is open")
            if sum(each[1] for each in moments[0]) < _BUFFER
            else ("unclear", came)
        )
    at_the_end = seen.ended - moments[0][-1][0] < _MOMENT
    if sizes[0] > 1 and at_the_end and first >= _SOON:
        return "held", f"{came}: all at once, with the end"
    return "unclear", came


def _call(seen: _Seen, protocol: str, found: dict[str, Found]) -> Iterator[Complaint]:
    """The end of a call: its status is in trailers, or in the head of an answer that is nothing else."""
    if seen.end != "complete":
        return
    status = seen.trailers.get("grpc-status", seen.headers.get("grpc-status"))
    if protocol == "grpc-web":
        if status is None and not seen.messages:
            yield Complaint(faults.GRPC_STATUS_LOST, "the answer ends without a message, and so without a status")
        return
    if status is None:
        found["grpc"] = Found(NO, "the call ended without grpc-status")
        yield Complaint(faults.GRPC_STATUS_LOST, "the call ended without grpc-status in its trailers", ("grpc",))
    elif "grpc-status" in seen.trailers:
        found["grpc"] = Found(YES, f"grpc-status {status} came in trailers")
    elif status in {"14", "4"}:
        yield Complaint(
            faults.ENDPOINT_REFUSES,
            f"grpc-status {status}: {seen.headers.get('grpc-message', 'no message')}",
            ("grpc",),
        )
    else:
        found["grpc"] = Found(YES, f"an answer of gRPC, with grpc-status {status} alone")


def _websocket(seen: _Seen, found: dict[str, Found]) -> Iterator[Complaint]:
    """A handshake, and what came after it."""
    if not seen.has("open"):
        found["upgrade"] = Found(NO, f"the handshake was answered with {seen.status or 'nothing'}")
        said = seen.said or (f"status {seen.status}" if seen.status else f"no answer within {seen.lasted:.1f} s")
        hint = {400: ": the origin saw no handshake", 426: ": the origin saw no handshake"}.get(seen.status, "")
        yield Complaint(faults.HANDSHAKE_REFUSED, f"{said}, where 101 is the answer{hint}", ("upgrade",))
        return
    pongs = [event.at for event in seen.events if event.what == "pong"]
    if pongs or seen.messages:
        found["upgrade"] = Found(YES, "101, and a ping came back" if pongs else "101, and messages came")
    silence = seen.silence
    if seen.end == "cut":
        yield _cut(seen, found)
        return
    for name in ("upstream_idle_timeout", "client_idle_timeout"):
        if len(pongs) > 1 or name == "upstream_idle_timeout":
            found[name] = Found(at_least(round(silence, 1)), f"a silence of {silence:.1f} s was borne")
    found["total_timeout"] = Found(Between(round(seen.lasted, 1), FOREVER), f"it was open for {seen.lasted:.1f} s")
    if not pongs and not seen.messages and seen.end != "complete":
        yield Complaint(faults.SOCKET_WITHOUT_ANSWER, f"no pong and no message in {seen.lasted:.1f} s", ("upgrade",))
