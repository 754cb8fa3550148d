"""The script language: what the origin does with one request, in one line.

A script is a list of steps with ``;`` between them. A step is a name, at most one bare value and then ``key=value``
options; a value with spaces, ``;``, ``=`` or quotes in it stands in double quotes, where ``\\n``, ``\\r``, ``\\t``,
``\\"`` and ``\\\\`` mean what they do in C. Example::

    key k1; sse xab=no; event n=3 gap=0.2; comment; event gate=k1; rst

Steps run from left to right. One of them, the *head*, sends the response headers and fixes how the steps after it are
written (``event`` is a block of an event stream after ``sse``, a message after ``ws`` or ``grpc``). So what stands left
of the head happens before the headers, and a script without a head never answers: it has to drop the client.

The parser is strict, because a misspelt step would make a test pass for the wrong reason: unknown names, unknown
options, values out of range, steps that the head's format cannot express and steps after the end are all errors.

Each step is one frozen dataclass below. Its fields carry their converter and their description, and ``reference()``
prints the manual from them, so the manual cannot drift.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, get_args

Format = Literal["sse", "ndjson", "openai", "text", "json", "html", "ws", "grpc", "connect"]
Framing = Literal["auto", "chunked", "close", "length"]
Split = Literal["no", "half", "head", "tail"]
When = Literal["always", "first", "later", "fresh", "resumed"]


class ScriptError(ValueError):
    """A script that cannot be run: its author's mistake, with the step it is in."""

    def __init__(self, where: str, why: str) -> None:
        """Name the step, then what is wrong with it."""
        super().__init__(f"{where}: {why}")


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


def _option(
    convert: Callable[[str], Any],
    says: str,
    default: Any = MISSING,
    *,
    bare: bool = False,
    repeat: bool = False,
) -> Any:
    """Declare a field of a step; ``Any`` because each field states its own type beside it."""
    return field(default=default, metadata={"convert": convert, "says": says, "bare": bare, "repeat": repeat})


def _when() -> Any:
    return _option(
        _choice(When),
        "only then: first/later arrival under this key; fresh/resumed = without/with Last-Event-ID",
        "always",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Names the exchange, so that a test finds it again; without it the first gate's name is the key."""

    name: str = _option(_name, "the key", bare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Lets time pass."""

    seconds: float = _option(_seconds, "how long", bare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Waits for one release of the named gate: the lock-step that needs no clock."""

    name: str = _option(_name, "the gate; default: the script's key", "", bare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Reads the request body to its end, or the next n pieces (messages on ws, grpc and connect)."""

    n: int = _option(_whole(0, 10_000_000), "how many pieces; 0 is all of them", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Sends an interim response: `info 103 header="Link: </a>"`."""

    status: int = _option(_whole(100, 199), "100, 102 or 103", bare=True)
    header: tuple[tuple[str, str], ...] = _option(_header, "a header; may repeat", (), repeat=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Sends the response headers, and says how what follows is written."""

    format: Format
    status: int = _option(_whole(200, 599), "the status", 200)
    framing: Framing = _option(
        _choice(Framing), "of the body over HTTP/1.1; auto: chunked, or a length if nothing follows", "auto"
    )
    length: int = _option(_whole(0, 1 << 40), "a Content-Length of your own, right or wrong; default: the body's", -1)
    type: str = _option(_field_value, "the Content-Type; default: the format's", "")
    gzip: Literal["no", "yes", "force"] = _option(
        _choice(Literal["no", "yes", "force"]), "compress with a flush per write: yes = if asked, force = always", "no"
    )
    xab: str = _option(_field_value, "send X-Accel-Buffering with this value", "")
    cache: str = _option(_field_value, "the Cache-Control; default: no-cache for sse and openai, else none", "")
    cookie: tuple[str, ...] = _option(_field_value, "a Set-Cookie; may repeat", (), repeat=True)
    header: tuple[tuple[str, str], ...] = _option(_header, "any other header; may repeat", (), repeat=True)
    hold: bool = _option(_yes, "keep the headers back until the first body bytes and send both in one write", False)
    keep: bool = _option(_yes, "keep the HTTP/1 connection open afterwards", True)
    resume: bool = _option(_yes, "sse: go on after Last-Event-ID, and answer 204 when nothing is left", False)
    subprotocol: str = _option(_field_value, "ws: the Sec-WebSocket-Protocol to choose", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Sends an event, line, token or message; {n} {t} {exchange} {pieces} {bytes} {header:NAME} in data are filled in."""

    n: int = _option(_whole(1, 100_000_000), "how many", 1)
    gap: float = _option(_seconds, "seconds from one to the next", 0.0)
    size: int = _option(_whole(0, 64 << 20), "padded with dots to so many bytes: the whole event, or the message", 0)
    data: str = _option(_text, "its data; default: its number", "")
    id: bool = _option(_yes, "sse: with an id: line", True)
    type: str = _option(_name, "sse: with an event: line", "")
    gate: str = _option(_name, "wait for this gate after each one, the last included", "")
    split: Split = _option(
        _choice(Split), "two writes: cut in the middle / behind the chunk-size line / before the closing CRLF", "no"
    )
    pause: float = _option(_seconds, "seconds between the two halves", 0.005)
    batch: int = _option(_whole(1, 10_000), "so many events in one write", 1)
    binary: bool = _option(_yes, "ws: a binary message", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """Sends a heartbeat: a comment line in sse and openai, an empty line in ndjson."""

    text: str = _option(_field_value, "the comment", "ping", bare=True)
    n: int = _option(_whole(1, 100_000_000), "how many", 1)
    gap: float = _option(_seconds, "seconds from one to the next", 0.0)
    gate: str = _option(_name, "wait for this gate after each one", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Sends a `retry:` line: how long an EventSource waits before it reconnects."""

    milliseconds: int = _option(_whole(0, 86_400_000), "milliseconds", bare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """Sends filler bytes, one write each time."""

    size: int = _option(_whole(1, 64 << 20), "how many bytes in one write", bare=True)
    n: int = _option(_whole(1, 100_000_000), "how many times", 1)
    gap: float = _option(_seconds, "seconds from one to the next", 0.0)
    gate: str = _option(_name, "wait for this gate after each one", "")
    split: Split = _option(_choice(Split), "as for event", "no")
    pause: float = _option(_seconds, "seconds between the two halves", 0.005)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Sends this text as it stands, in one write."""

    text: str = _option(_text, "the text, as UTF-8", bare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """Sends back each piece of the request (message on ws, grpc and connect) as it arrives, until the request ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Sends a WebSocket ping."""

    payload: str = _option(_field_value, "its payload", "ping", bare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Closes a WebSocket with a code; without this step it is closed with 1000."""

    code: int = _option(_whole(1000, 4999), "the close code", 1000, bare=True)
    reason: str = _option(_field_value, "the reason", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """Ends a grpc or connect call with an error; before the head it is the whole answer (trailers-only)."""

    code: int = _option(_whole(1, 16), "the gRPC code", bare=True)
    message: str = _option(_text, "the message", "")
    when: When = _when()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fin:
    """Closes the connection (TCP FIN) without ending the answer."""

    when: When = _when()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rst:
    """Resets: TCP RST on HTTP/1, RST_STREAM on HTTP/2."""

    code: int = _option(_whole(0, 0xFFFFFFFF), "HTTP/2: the error code", 2)
    scope: Literal["stream", "connection"] = _option(
        _choice(Literal["stream", "connection"]), "HTTP/2: connection resets TCP instead", "stream"
    )
    when: When = _when()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """Sends nothing more, and stays until the client leaves."""

    when: When = _when()


Step = (
    Key | Wait | Gate | Read | Info | Head
    | Event | Comment | Retry | Bytes | Raw | Echo | Ping
    | Close | Fail | Fin | Rst | Hang
)  # fmt: skip

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

_ANYWHERE = (Key, Wait, Gate, Read, Fin, Rst, Hang)
_BODY: dict[Format, tuple[type[Any], ...]] = {
    "sse": (Event, Comment, Retry, Bytes, Raw),
    "ndjson": (Event, Comment, Bytes, Raw, Echo),
    "openai": (Event, Comment, Bytes, Raw),
    "text": (Event, Bytes, Raw, Echo),
    "json": (Bytes, Raw, Echo),
    "html": (Bytes, Raw),
    "ws": (Event, Echo, Ping, Close),
    "grpc": (Event, Echo, Bytes, Raw, Fail),
    "connect": (Event, Echo, Bytes, Raw, Fail),
}
_ENDS = (Close, Fail, Fin, Rst, Hang)

# What an option of the head means nothing to: a strict parser says so instead of dropping it.
_ONLY: dict[str, tuple[Format, ...]] = {
    "resume": ("sse",),
    "subprotocol": ("ws",),
    **dict.fromkeys(
        ("status", "framing", "length", "type", "gzip", "cache", "keep"),
        ("sse", "ndjson", "openai", "text", "json", "html"),
    ),
    "hold": ("sse", "ndjson", "openai", "text", "json", "html", "grpc", "connect"),
}


@dataclass(frozen=True)
class Script:
    """A parsed script; build it with ``parse``."""

    text: str
    steps: tuple[Step, ...]

    @cached_property
    def head(self) -> Head | None:
        """The step that sends the response headers, if any does."""
        return next((step for step in self.steps if isinstance(step, Head)), None)

    @cached_property
    def key(self) -> str:
        """What the author calls this exchange: the ``key`` step, else the first gate, else nothing."""
        names = [step.name for step in self.steps if isinstance(step, Key)]
        gates = [gate for step in self.steps if (gate := _gate_of(step))]
        return next(iter(names + gates), "")

    @cached_property
    def body(self) -> tuple[Step, ...]:
        """The steps that write into the body."""
        return tuple(step for step in self.steps if isinstance(step, Event | Comment | Retry | Bytes | Raw | Echo))

    @cached_property
    def reads(self) -> bool:
        """Whether the script needs the request body, so that the origin must keep it."""
        asks = self.head is not None and self.head.format == "openai"
        return asks or any(isinstance(step, Read | Echo) for step in self.steps)

    @cached_property
    def events(self) -> int:
        """How many events the script sends to a client that starts at the beginning."""
        return sum(step.n for step in self.steps if isinstance(step, Event))


def _gate_of(step: Step) -> str:
    match step:
        case Gate(name=gate) | Event(gate=gate) | Comment(gate=gate) | Bytes(gate=gate):
            return gate
        case _:
            return ""


_TOKEN = re.compile(
    r"""\s*(?:(?P<end>;)
        | (?:(?P<key>[a-z][a-z-]*)=)?
          (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<plain>[^\s;"=]+) )
          (?=[\s;]|$) )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


@dataclass
class _Words:
    """One step as written: its name, its bare values, its options."""

    where: str
    name: str = ""
    bare: list[str] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)


def _split(text: str) -> Iterator[_Words]:
    words = _Words("step 1")
    count, place = 1, 0
    text = text.rstrip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            found = text[place : place + 20].strip()
            raise ScriptError(words.where, f"cannot read {found!r}; a value with spaces, ; = or quotes goes in quotes")
        place = token.end()
        if token["end"]:
            yield words
            count += 1
            words = _Words(f"step {count}")
            continue
        value = token["plain"] if token["quoted"] is None else _unescape(token["quoted"], words.where)
        if token["key"]:
            words.options.append((token["key"], value))
        elif words.name:
            words.bare.append(value)
        else:
            words.name = value
            words.where += f" ({value})"
    # A closing ";" is as good as none.
    if words.name or words.options or count == 1:
        yield words


def _unescape(text: str, where: str) -> str:
    def escape(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise ScriptError(where, f'\\{match[1]} is not an escape; known: \\n \\r \\t \\" \\\\')
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.)", escape, text, flags=re.DOTALL)


def _build(words: _Words) -> Step:
    """Make one step of its words."""
    if not words.name:
        raise ScriptError(words.where, "a step begins with its name")
    kind = Head if words.name in HEADS else STEPS.get(words.name)
    if kind is None:
        raise ScriptError(words.where, "unknown step; known: " + ", ".join([*HEADS, *STEPS]))
    known = {spec.name: spec for spec in fields(kind) if spec.metadata}
    bare = next((name for name, spec in known.items() if spec.metadata["bare"]), None)
    given = list(words.options)
    if words.bare:
        if bare is None or len(words.bare) > 1 or any(name == bare for name, _ in given):
            raise ScriptError(words.where, f"does not take {words.bare[-1]!r} here")
        given.insert(0, (bare, words.bare[0]))
    values: dict[str, Any] = {}
    for name, text in given:
        spec = known.get(name)
        if spec is None:
            raise ScriptError(words.where, f"unknown option {name}; known: " + (", ".join(known) or "none"))
        if words.name not in _ONLY.get(name, HEADS) and kind is Head:
            raise ScriptError(words.where, f"{name} means nothing to {words.name}")
        if name in values and not spec.metadata["repeat"]:
            raise ScriptError(words.where, f"{name} is given twice")
        try:
            value = spec.metadata["convert"](text)
        except ValueError as error:
            raise ScriptError(words.where, f"{name}={text!r} should be {error}") from None
        values[name] = (*values.get(name, ()), value) if spec.metadata["repeat"] else value
    if bare is not None and bare not in values and known[bare].default is MISSING:
        raise ScriptError(words.where, f"needs {known[bare].metadata['says']}, as in `{words.name} …`")
    if kind is Head:
        values["format"] = words.name
    step: Step = kind(**values)
    return step


def parse(text: str) -> Script:
    """Read a script; raise ``ScriptError`` with the step and the reason if it cannot be run as written."""
    head: Head | None = None
    ended = ""
    steps: list[Step] = []
    for words in _split(text):
        step = _build(words)
        steps.append(step)
        where = words.where
        if ended:
            raise ScriptError(where, f"never reached, {ended} ends the exchange")
        if isinstance(step, Key) and len(steps) > 1:
            raise ScriptError(where, "comes first or not at all")
        if isinstance(step, Head):
            if head:
                raise ScriptError(where, f"the headers were sent by {head.format}")
            head = step
        elif head is None and isinstance(step, Info | Fail):
            pass
        elif not isinstance(step, (*_ANYWHERE, *(_BODY[head.format] if head else ()))):
            raise ScriptError(
                where, f"cannot be written in {head.format}" if head else "needs a head before it, as sse"
            )
        if isinstance(step, _ENDS) and (isinstance(step, Close) or step.when == "always"):
            ended = words.name
    if head is None and not ended:
        raise ScriptError("script", "never answers: it needs a head (as sse) or an end (fin, rst, hang, fail)")
    script = Script(text, tuple(steps))
    _check_whole(script)
    return script


def _check_whole(script: Script) -> None:
    """Refuse what only the whole script shows to be wrong."""
    if not script.key and any(isinstance(step, Gate) and not step.name for step in script.steps):
        raise ScriptError("gate", "has no name and the script has no key")
    if any(isinstance(step, Event) and step.gate and step.batch > 1 for step in script.steps):
        raise ScriptError("event", "a gate after each event and several events in one write exclude each other")
    head = script.head
    if head is None or head.framing != "length" or head.length >= 0:
        return
    if (
        head.gzip != "no"
        or head.resume
        or head.format == "openai"
        or any(isinstance(step, Echo) for step in script.body)
    ):
        raise ScriptError(head.format, "framing=length needs length=N here: the sum is not known beforehand")


def reference() -> str:
    """The manual of the language, from the table of steps."""
    lines = ["Heads (one a script; they share their options):"]
    lines += [f"  {name:<9} {says}" for name, says in HEADS.items()]
    lines += _describe(Head, "")
    lines += ["", "Steps:"]
    for name, step in STEPS.items():
        bare = next((spec for spec in fields(step) if spec.metadata["bare"]), None)
        shown = (
            "" if bare is None else f" {bare.name.upper()}" if bare.default is MISSING else f" [{bare.name.upper()}]"
        )
        lines += [
            f"  {name + shown:<20} {' '.join((step.__doc__ or '').split())}",
            *_describe(step, bare.name if bare else None),
        ]
    return "\n".join(lines) + "\n"


def _describe(step: type[Any], bare: str | None) -> Iterator[str]:
    for spec in fields(step):
        if spec.metadata and spec.name != bare:
            default = "yes" if spec.default is True else "no" if spec.default is False else spec.default
            shown = "" if default in {"", (), -1} else f" (default {default})"
            yield f"      {spec.name}=  {spec.metadata['says']}{shown}"
