r"""The script language: what the origin does with one request, in one line.

A script is a list of steps with ``;`` between them. A step is a name, at most one bare value and then ``key=value``
options; a value with spaces, ``;``, ``=`` or quotes in it stands in double quotes, where ``\n``, ``\r``, ``\t``,
``\"`` and ``\\`` mean what they do in C. Example::

    key k1; sse xab=no; event n=3 gap=0.2; comment; event gate=k1; rst

Steps run from left to right. One of them, the *head*, sends the response headers and fixes how the steps after it are
written (``event`` is a block of an event stream after ``sse``, a message after ``ws`` or ``grpc``). So what stands left
of the head happens before the headers, and a script without a head never answers: it has to drop the client.

The parser is strict, because a misspelt step would make a test pass for the wrong reason: unknown names, unknown
options, values out of range, steps that the head's format cannot express and steps after the end are all errors.

``steps`` has every step with its options, and ``python -m proxycfg.origin --reference`` prints them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from proxycfg.origin.steps import (
    HEADS,
    STEPS,
    Bytes,
    Close,
    Comment,
    Echo,
    End,
    Event,
    Fail,
    Fin,
    Format,
    Gate,
    Hang,
    Head,
    Info,
    Key,
    Option,
    Ping,
    Raw,
    Read,
    Retry,
    Rst,
    Step,
    Wait,
    options,
    required,
)


class ScriptError(ValueError):
    """A script that cannot be run: its author's mistake, with the step it is in."""

    def __init__(self, where: str, why: str) -> None:
        """Name the step, then what is wrong with it."""
        super().__init__(f"{where}: {why}")


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
    known = options(kind)
    values: dict[str, Any] = {"format": words.name} if kind is Head else {}
    for name, text in _named(words, known):
        if name not in known:
            raise ScriptError(words.where, f"unknown option {name}; known: " + (", ".join(known) or "none"))
        if kind is Head and words.name not in _ONLY.get(name, HEADS):
            raise ScriptError(words.where, f"{name} means nothing to {words.name}")
        value = _convert(known[name], name, text, words.where)
        if known[name].repeat:
            value = (*values.get(name, ()), value)
        elif name in values:
            raise ScriptError(words.where, f"{name} is given twice")
        values[name] = value
    for name, option in known.items():
        if name not in values and required(kind, name):
            raise ScriptError(words.where, f"needs {option.says}, as in `{words.name} …`")
    step: Step = kind(**values)
    return step


def _named(words: _Words, known: dict[str, Option]) -> list[tuple[str, str]]:
    """Give the bare value its name, and return it with the others."""
    if not words.bare:
        return words.options
    name = next((name for name, option in known.items() if option.bare), "")
    if not name or len(words.bare) > 1 or any(each == name for each, _ in words.options):
        raise ScriptError(words.where, f"does not take {words.bare[-1]!r} here")
    return [(name, words.bare[0]), *words.options]


def _convert(option: Option, name: str, text: str, where: str) -> Any:
    try:
        return option.convert(text)
    except ValueError as error:
        raise ScriptError(where, f"{name}={text!r} should be {error}") from None


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
        if isinstance(step, End) and (isinstance(step, Close) or step.when == "always"):
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
