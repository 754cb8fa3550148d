"""The steps of the script language: each one a frozen dataclass whose annotations say all about its options.

The parser builds them, the player runs them, and ``reference()`` prints the manual from them, so it cannot drift.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Any, Literal, get_args, get_type_hints

Format = Literal["sse", "ndjson", "openai", "text", "json", "html", "ws", "grpc", "connect"]
Framing = Literal["auto", "chunked", "close", "length"]
Split = Literal["no", "half", "head", "tail"]
When = Literal["always", "first", "later", "fresh", "resumed"]


# Converters: text to value, or ValueError with what was expected.

_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)
_NAME = re.compile(r"[\w.:@/-]{1,128}", re.ASCII)
_DAY = 86_400.0


def _seconds(text: str) -> float:
    if not _NUMBER.fullmatch(text) or float(text) > _DAY:
        raise ValueError("a number of seconds, at most a day")
    return float(text)


def _whole(low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        # The length comes first: int() of a very long string is slow, and its error talks of something else.
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return convert


def _choice(literal: object) -> Callable[[str], str]:
    allowed = get_args(literal)

    def convert(text: str) -> str:
        if text not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return text

    return convert


def _yes(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError("yes or no")
    return text == "yes"


def _interim(text: str) -> int:
    if text not in {"100", "102", "103"}:
        raise ValueError("100, 102 or 103")
    return int(text)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("1 to 128 letters, digits or _ . : @ / -")
    return text


def _field_value(text: str) -> str:
    if not all(" " <= char <= "~" for char in text):
        raise ValueError("printable ASCII, as it goes into a header")
    return text


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII):
        raise ValueError('a header as in "Name: value"')
    return name, _field_value(value.strip())


def _text(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Option:
    """All there is to say about one option of a step; it stands in the annotation of its field."""

    convert: Callable[[str], Any]
    says: str
    bare: bool = field(default=False, kw_only=True)
    """Its value may stand without ``name=``."""
    repeat: bool = field(default=False, kw_only=True)
    """It may be given several times; the field is then a tuple."""


def options(step: type[Any]) -> dict[str, Option]:
    """The options of a step, in the order of its fields."""
    hints = get_type_hints(step, include_extras=True)
    return {
        name: note
        for name, hint in hints.items()
        for note in getattr(hint, "__metadata__", ())
        if isinstance(note, Option)
    }


Sometimes = Annotated[
    When,
    Option(
        _choice(When),
        "only then: first/later arrival under this key; fresh/resumed = without/with Last-Event-ID",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Names the exchange, so that a test finds it again; without it the first gate's name is the key."""

    name: Annotated[str, Option(_name, "the key", bare=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Lets time pass."""

    seconds: Annotated[float, Option(_seconds, "how long", bare=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Waits for one release of the named gate: the lock-step that needs no clock."""

    name: Annotated[str, Option(_name, "the gate; default: the script's key", bare=True)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Reads the request body to its end, or the next n pieces (messages on ws, grpc and connect)."""

    n: Annotated[int, Option(_whole(0, 10_000_000), "how many pieces; 0 is all of them")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Sends an interim response: `info 103 header="Link: </a>"`."""

    status: Annotated[int, Option(_interim, "100, 102 or 103; 101 is the ws head's", bare=True)]
    header: Annotated[tuple[tuple[str, str], ...], Option(_header, "a header; may repeat", repeat=True)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Sends the response headers, and says how what follows is written."""

    format: Format
    status: Annotated[int, Option(_whole(200, 599), "the status")] = 200
    framing: Annotated[
        Framing, Option(_choice(Framing), "of the body over HTTP/1.1; auto: chunked, or a length if nothing follows")
    ] = "auto"
    length: Annotated[
        int, Option(_whole(0, 1 << 40), "a Content-Length of your own, right or wrong; default: the body's")
    ] = -1
    type: Annotated[str, Option(_field_value, "the Content-Type; default: the format's")] = ""
    gzip: Annotated[
        Literal["no", "yes", "force"],
        Option(
            _choice(Literal["no", "yes", "force"]), "compress with a flush per write: yes = if asked, force = always"
        ),
    ] = "no"
    xab: Annotated[str, Option(_field_value, "send X-Accel-Buffering with this value")] = ""
    cache: Annotated[
        str, Option(_field_value, "the Cache-Control; default: no-cache for sse and openai, else none")
    ] = ""
    cookie: Annotated[tuple[str, ...], Option(_field_value, "a Set-Cookie; may repeat", repeat=True)] = ()
    header: Annotated[tuple[tuple[str, str], ...], Option(_header, "any other header; may repeat", repeat=True)] = ()
    hold: Annotated[
        bool, Option(_yes, "keep the headers back until the first body bytes and send both in one write")
    ] = False
    keep: Annotated[bool, Option(_yes, "keep the HTTP/1 connection open afterwards")] = True
    resume: Annotated[bool, Option(_yes, "sse: go on after Last-Event-ID, and answer 204 when nothing is left")] = False
    subprotocol: Annotated[str, Option(_field_value, "ws: the Sec-WebSocket-Protocol to choose")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Sends an event, line, token or message; {n} {t} {exchange} {pieces} {bytes} {header:NAME} in data are filled in."""

    n: Annotated[int, Option(_whole(1, 100_000_000), "how many")] = 1
    gap: Annotated[float, Option(_seconds, "seconds from one to the next")] = 0.0
    size: Annotated[
        int, Option(_whole(0, 64 << 20), "padded with dots to so many bytes: the whole event, or the message")
    ] = 0
    data: Annotated[str, Option(_text, "its data; default: its number")] = ""
    id: Annotated[bool, Option(_yes, "sse: with an id: line")] = True
    type: Annotated[str, Option(_name, "sse: with an event: line")] = ""
    gate: Annotated[str, Option(_name, "wait for this gate after each one, the last included")] = ""
    split: Annotated[
        Split,
        Option(_choice(Split), "two writes: cut in the middle / behind the chunk-size line / before the closing CRLF"),
    ] = "no"
    pause: Annotated[float, Option(_seconds, "seconds between the two halves")] = 0.005
    batch: Annotated[int, Option(_whole(1, 10_000), "so many events in one write")] = 1
    binary: Annotated[bool, Option(_yes, "ws: a binary message")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """Sends a heartbeat: a comment line in sse and openai, an empty line in ndjson."""

    text: Annotated[str, Option(_field_value, "the comment", bare=True)] = "ping"
    n: Annotated[int, Option(_whole(1, 100_000_000), "how many")] = 1
    gap: Annotated[float, Option(_seconds, "seconds from one to the next")] = 0.0
    gate: Annotated[str, Option(_name, "wait for this gate after each one")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Sends a `retry:` line: how long an EventSource waits before it reconnects."""

    milliseconds: Annotated[int, Option(_whole(0, 86_400_000), "milliseconds", bare=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """Sends filler bytes, one write each time."""

    size: Annotated[int, Option(_whole(1, 64 << 20), "how many bytes in one write", bare=True)]
    n: Annotated[int, Option(_whole(1, 100_000_000), "how many times")] = 1
    gap: Annotated[float, Option(_seconds, "seconds from one to the next")] = 0.0
    gate: Annotated[str, Option(_name, "wait for this gate after each one")] = ""
    split: Annotated[Split, Option(_choice(Split), "as for event")] = "no"
    pause: Annotated[float, Option(_seconds, "seconds between the two halves")] = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Sends this text as it stands, in one write."""

    text: Annotated[str, Option(_text, "the text, as UTF-8", bare=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """Sends back each piece of the request (message on ws, grpc and connect) as it arrives, until the request ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Sends a WebSocket ping."""

    payload: Annotated[str, Option(_field_value, "its payload", bare=True)] = "ping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Closes a WebSocket with a code; without this step it is closed with 1000."""

    code: Annotated[int, Option(_whole(1000, 4999), "the close code", bare=True)] = 1000
    reason: Annotated[str, Option(_field_value, "the reason")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """Ends a grpc or connect call with an error; before the head it is the whole answer (trailers-only)."""

    code: Annotated[int, Option(_whole(1, 16), "the gRPC code", bare=True)]
    message: Annotated[str, Option(_text, "the message")] = ""
    when: Sometimes = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fin:
    """Closes the connection (TCP FIN) without ending the answer."""

    when: Sometimes = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rst:
    """Resets: TCP RST on HTTP/1, RST_STREAM on HTTP/2."""

    code: Annotated[int, Option(_whole(0, 0xFFFFFFFF), "HTTP/2: the error code")] = 2
    scope: Annotated[
        Literal["stream", "connection"],
        Option(_choice(Literal["stream", "connection"]), "HTTP/2: connection resets TCP instead"),
    ] = "stream"
    when: Sometimes = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """Sends nothing more, and stays until the client leaves."""

    when: Sometimes = "always"


Write = Event | Comment | Retry | Bytes | Raw | Echo | Ping
"""What writes into the body."""
End = Close | Fail | Fin | Rst | Hang
"""What ends the exchange."""
Step = Key | Wait | Gate | Read | Info | Head | Write | End

HEADS: dict[str, str] = {
    "sse": "an event stream (text/event-stream)",
    "ndjson": "JSON lines (application/x-ndjson)",
    "openai": "a chat completion in the manner of OpenAI: tokens as events, then [DONE]",
    "text": "plain text",
    "json": "JSON; with nothing after it, a description of the request as it arrived",
    "html": "HTML; with nothing after it, a small error page",
    "ws": "a WebSocket handshake (101), or 400/426 if the request is not one",
    "grpc": "a gRPC answer (HTTP/2, application/grpc), or gRPC-Web where the origin was told to speak it",
    "connect": "an answer in the Connect protocol, unary or streaming as the request's type says",
}

STEPS: dict[str, type[Any]] = {
    step.__name__.lower(): step
    for step in (
        Key,
        Wait,
        Gate,
        Read,
        Info,
        Event,
        Comment,
        Retry,
        Bytes,
        Raw,
        Echo,
        Ping,
        Close,
        Fail,
        Fin,
        Rst,
        Hang,
    )
}


def reference() -> str:
    """The manual of the language, from the table of steps."""
    lines = ["Heads (one a script; they share their options):"]
    lines += [f"  {name:<9} {says}" for name, says in HEADS.items()]
    lines += _describe(Head)
    lines += ["", "Steps:"]
    for name, step in STEPS.items():
        bare = next((each for each, option in options(step).items() if option.bare), "")
        shown = f" {bare.upper()}" if bare and required(step, bare) else f" [{bare.upper()}]" if bare else ""
        lines += [f"  {name + shown:<20} {' '.join((step.__doc__ or '').split())}", *_describe(step)]
    return "\n".join(lines) + "\n"


def required(step: type[Any], name: str) -> bool:
    """Whether an option of a step has no default."""
    return any(each.name == name and each.default is MISSING for each in fields(step))


def _describe(step: type[Any]) -> Iterator[str]:
    defaults = {each.name: each.default for each in fields(step)}
    for name, option in options(step).items():
        if not option.bare:
            yield f"      {name}=  {option.says}{_shown(defaults[name])}"


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return f" (default {'yes' if default else 'no'})"
    # What these stand for is in the words of the option.
    return "" if default in {"", (), -1} else f" (default {default})"
