"""Which routes stream, and how surely: what the user declared, what a config says by itself, what paths and upstreams tell.

Here is what holds for every target: the words of a declaration, and what paths and applications tell. What a config says explicitly (an
``Upgrade`` header, ``grpc_pass``) is each target's own business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

from proxycfg.applications import APPLICATIONS, PATHS, WORDS, Application, TellingPath
from proxycfg.finding import Confidence
from proxycfg.record import record, replace
from proxycfg.source import Span
from proxycfg.units import parse_duration, short, show_duration

PROTOCOLS = ("sse", "ndjson", "websocket", "grpc", "grpc-web", "connect", "long-poll", "poll", "http")
"""Contract section 1, spelled out here so that a declaration can be read without loading what protocols need."""


@record(frozen=True, slots=True, kw_only=True)
class Stream:
    """What flows through a route.

    :param why: what says so, as the end of a sentence: "…, because *it sets the Upgrade header*".
    :param span: where that stands; None for a path or an upstream.
    :param heartbeat: seconds between signs of life from the origin, where that is known.
    :param idle_timeout: the longest silence to allow, in seconds, where somebody says so; else it follows from protocol and heartbeat.
    :param silent: whether it can be expected to fall silent for long; a download is not.
    :param mixed: whether ordinary requests go the same way.
    :param vouched: whether the path or the application says so besides the directives, which may be a boilerplate.
    :param copied: whether those directives are half a handshake, as people copy it around any application: ``Upgrade`` alone, or beside
        ``Connection: keep-alive``.
    :param unbuffers: whether each of its answers asks for no buffering, by ``X-Accel-Buffering``, as far as the application is known.
    """

    protocol: str
    confidence: Confidence
    why: str
    span: Span | None = None
    heartbeat: float | None = None
    idle_timeout: float | None = None
    silent: bool = True
    mixed: bool = False
    vouched: bool = False
    copied: bool = False
    unbuffers: bool = False


# ---- what the user declares ----


@record(frozen=True, slots=True, kw_only=True)
class Declared:
    """A path that somebody says streams, on the command line or in a spec.

    :param kind: ``prefix``, ``exact`` or ``regex`` as in a spec, or ``any``: a route as the config writes it, or the one a request ends in.
    :param hosts: those it is for; empty for any.
    """

    path: str
    protocol: str
    kind: str = "any"
    hosts: tuple[str, ...] = ()
    heartbeat: float | None = None
    idle_timeout: float | None = None
    said_by: str = ""
    span: Span | None = None

    @property
    def examples(self) -> tuple[str, ...]:
        """Paths of requests that it covers; none for a regular expression."""
        if self.kind == "regex" or not self.path.startswith("/"):
            return ()
        if self.kind == "prefix":
            stem = self.path.rstrip("/")
            return tuple(dict.fromkeys((self.path, stem or "/", f"{stem}/", f"{stem}/x")))
        return (self.path,)

    @property
    def stream(self) -> Stream:
        """What flows through each route that it means."""
        return Stream(
            protocol=self.protocol,
            confidence=Confidence.DECLARED,
            why=f"{self.said_by or self.path} says so",
            span=self.span,
            heartbeat=self.heartbeat,
            idle_timeout=self.idle_timeout,
        )


def declared_by_option(text: str) -> Declared:
    """``PATH=PROTOCOL``, as ``--stream`` takes it.

    :raises ValueError: if it is not of that form, with what is.
    """
    path, equals, protocol = text.rpartition("=")
    if not equals or not path:
        raise ValueError(f"`{short(text)}` is not PATH=PROTOCOL: write /events=sse")
    return Declared(path=path.strip(), protocol=_protocol(protocol.strip()), said_by=f"--stream {text}")


MARK = "proxycfg:"
"""What a comment begins with that speaks to us."""
DECLARES = ("protocol", "heartbeat", "idle_timeout")
"""What a comment can declare."""
_EXAMPLE = "protocol=sse heartbeat=15s"


@record(frozen=True, slots=True)
class Comment:
    """What a comment ``proxycfg: protocol=…`` declares; durations in seconds, as in :class:`Stream`."""

    protocol: str
    heartbeat: float | None = None
    idle_timeout: float | None = None

    def __str__(self) -> str:
        """The comment, without its ``#``, as :func:`read_comment` reads it."""
        words = [MARK, f"protocol={self.protocol}"]
        for name in DECLARES[1:]:
            seconds = getattr(self, name)
            if seconds is not None:
                words.append(f"{name}={show_duration(seconds)}")
        return " ".join(words)

    def stream(self, span: Span) -> Stream:
        """What flows through the route that it speaks of; ``span`` is where it stands."""
        return Stream(
            protocol=self.protocol,
            confidence=Confidence.DECLARED,
            why="a comment says so",
            span=span,
            heartbeat=self.heartbeat,
            idle_timeout=self.idle_timeout,
        )


def read_comment(text: str) -> Comment | None:
    """What a comment declares, without its ``#``; None if it says nothing to us, or something else than a protocol.

    :raises ValueError: if it tries to and cannot be read, with what to write.
    """
    text = text.strip()
    if not text.startswith(MARK):
        return None
    words = re.split(r"[\s,;]+", text.removeprefix(MARK).strip())
    if not any(word.startswith(DECLARES) for word in words):
        return None
    protocol = ""
    durations: dict[str, float] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if name not in DECLARES or not equals:
            raise ValueError(f"`{short(word)}` is nothing that a route can be declared with: write {_EXAMPLE}")
        if name == "protocol":
            protocol = _protocol(value)
        else:
            durations[name] = parse_duration(value)
    if not protocol:
        raise ValueError(f"{' and '.join(durations)} without a protocol: write {_EXAMPLE}")
    return Comment(protocol, **durations)


def _protocol(name: str) -> str:
    if name not in PROTOCOLS:
        raise ValueError(f"`{short(name)}` is no protocol: write one of {', '.join(PROTOCOLS)}")
    return name


# ---- what paths tell ----


@record(frozen=True, slots=True)
class Told:
    """What a path or an upstream tells: a protocol, and the reason in words."""

    protocol: str
    why: str
    heartbeat: float | None = None
    unbuffers: bool = False

    @property
    def stream(self) -> Stream:
        """What is likely to flow there."""
        return Stream(
            protocol=self.protocol,
            confidence=Confidence.INFERRED,
            why=self.why,
            heartbeat=self.heartbeat,
            unbuffers=self.unbuffers,
        )


def told_by_path(path: str) -> Told | None:
    """What the path of a route tells; ``*`` in it stands for anything.

    >>> told_by_path("/api/events").protocol
    'sse'
    >>> told_by_path("/static/") is None
    True
    """
    plain = [segment for segment in path.partition("?")[0].split("/") if segment]
    segments = [segment.lower() for segment in plain]
    while segments and not segments[-1].rstrip("*"):
        segments.pop()
    if not segments:
        return None
    segments[-1] = segments[-1].rstrip("*")
    row = _row(segments, folder=path.partition("?")[0].rstrip("*").endswith("/"))
    if row is not None:
        return Told(row.protocol, f"{path} is {row.what}", row.heartbeat, row.unbuffers)
    for segment in segments:
        words = _words(segment)
        for word in words:
            if word in _WORDS and len(words) > 1:
                return Told(_WORDS[word], f"`{word}` in {path} names it")
    if segments[-1].endswith(":streamgeneratecontent"):
        return Told("sse", f"{path} is the streaming call of the Gemini API")
    if _SERVICE.fullmatch(plain[0]):
        # Browsers and plain HTTP clients, as native gRPC would not come through a proxy of HTTP/1.1.
        return Told("grpc-web", f"{path} is a service as protocol buffers name it")
    return None


_SERVICE = re.compile(r"(?:[a-z][a-z0-9_]*\.)+[A-Z][A-Za-z0-9]*")
_VERSION = re.compile(r"v?\d+(?:\.\d+)*")
_WORDS = dict(WORDS)


@cache
def _by_last() -> dict[str, list[TellingPath]]:
    """The rows by the last of their segments, those with more segments first."""
    found: dict[str, list[TellingPath]] = {}
    for row in sorted(PATHS, key=lambda row: -len(row.segments)):
        found.setdefault(row.segments[-1], []).append(row)
    return found


def _row(segments: Sequence[str], *, folder: bool) -> TellingPath | None:
    last = len(segments) - 1
    for end in range(last, -1, -1):
        for row in _by_last().get(segments[end], ()):
            start = end + 1 - len(row.segments)
            if start < 0 or tuple(segments[start : end + 1]) != row.segments or not (row.inside or end == last):
                continue
            if (row.not_below and row.not_below in segments[:start]) or (row.bare and folder):
                continue
            # /ws/2, /sse/v1: the name of an interface, with its version.
            if end < last and len(row.segments) == 1 and _VERSION.fullmatch(segments[end + 1]):
                continue
            return row
    return None


@lru_cache(4096)
def _words(name: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(name.lower()))


_WORD = re.compile(r"[a-z0-9*]+")


# ---- what upstreams tell ----


def application_at(name: str, port: int | None) -> Application | None:
    """The application behind a host or an upstream of that name, or on that port; None if neither tells."""
    host = name.lower().rstrip(".")
    exact = _by_name().get(host)
    if exact is not None:
        return exact
    words = _words(host.partition(".")[0])
    for start in range(len(words)):
        for end in range(len(words), start, -1):
            found = _by_name().get("_".join(words[start:end]))
            if found is not None:
                return found
    return _by_port().get(port) if port is not None else None


def told_by_name(name: str) -> Told | None:
    """What the name of an upstream tells by itself: ``websocket_backend``, ``sse``."""
    for word in _words(name.partition(".")[0]):
        if word in _WORDS:
            return Told(_WORDS[word], f"its upstream is called {name}")
    return None


@cache
def _by_name() -> dict[str, Application]:
    return {name: application for application in APPLICATIONS for name in application.names}


@cache
def _by_port() -> dict[int, Application]:
    return {port: application for application in APPLICATIONS for port in application.ports}


def stream_of(application: Application, path: str, protocol: str, *, mixed: bool) -> Stream:
    """What an application sends through the route that one of its paths comes through."""
    return Stream(
        protocol=protocol,
        confidence=Confidence.INFERRED,
        why=f"{application.name} is behind it, whose {path} comes through here",
        heartbeat=application.heartbeat,
        mixed=mixed,
        unbuffers=application.unbuffers,
    )


_ASSETS = frozenset(
    ("static", "assets", "fileserver", "media", "images", "image", "img", "css", "js", "fonts", "uploads", "favicon.ico", "robots.txt", "_nuxt",
     "dist", "vendor", "packs", "build", "public", "manifest.json", "sw.js", "healthz", "health", "ping", "metrics", ".well-known", "dns-query")
)  # fmt: skip


def is_asset(path: str) -> bool:
    """Whether a path is that of files, of a probe or of DNS over HTTPS, through which nothing streams whatever headers it sets."""
    segments = [segment.lower() for segment in path.split("/") if segment and segment != "*"]
    return bool(segments) and (segments[-1] in _ASSETS or bool(_FILE.search(segments[-1])))


_FILE = re.compile(
    r"\.(?:js|mjs|css|png|jpe?g|gif|ico|svg|webp|avif|woff2?|ttf|eot|otf|map|html?|txt|xml|pdf|zip|gz|mp4|webm|php)$"
)


# ---- what several signs tell together ----


def chief_first(found: Iterable[Stream]) -> tuple[Stream, ...]:
    """The streams of one route, one for each protocol, the surest first."""
    by_protocol: dict[str, Stream] = {}
    for stream in found:
        known = by_protocol.get(stream.protocol)
        if known is None or (known.mixed and not stream.mixed and known.confidence == stream.confidence):
            by_protocol[stream.protocol] = stream
        elif stream.confidence is Confidence.INFERRED:
            # The config says that it is one, the path or the upstream whose.
            heartbeat = stream.heartbeat if known.heartbeat is None else known.heartbeat
            unbuffers = known.unbuffers or stream.unbuffers
            by_protocol[stream.protocol] = replace(known, heartbeat=heartbeat, vouched=True, unbuffers=unbuffers)
    ranked = sorted(by_protocol.values(), key=lambda stream: (stream.confidence is Confidence.INFERRED, stream.mixed))
    # They ask for the same; one finding about it is enough.
    downloads = [stream for stream in ranked if stream.protocol in {"sse", "ndjson"}]
    return tuple(stream for stream in ranked if stream not in downloads[1:])


# ---- paths out of regular expressions ----

MAX_PATHS = 16
"""Paths that one regular expression is spread into; more tell no more."""


def paths_of_regex(pattern: str) -> list[str]:
    """Paths that a simple regular expression takes, ``*`` for what is open; empty where it is beyond us."""
    try:
        reader = _Pattern(pattern)
        found = reader.alternatives()
        if reader.peek():
            return []
    except (_BeyondUs, RecursionError):
        return []
    # Without ^ or a slash the first word may be the end of another.
    anchored = pattern.startswith(("^", "/", r"\/"))
    return list(dict.fromkeys(path if anchored or path.startswith("/") else f"*{path}" for path in found))[:MAX_PATHS]


class _BeyondUs(Exception):
    """A construction that is not worth following."""


class _Pattern:
    """Alternatives, groups, classes and quantifiers, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def alternatives(self) -> list[str]:
        found = self.sequence()
        while self.peek() == "|":
            self.at += 1
            found += self.sequence()
        return found[: 4 * MAX_PATHS]

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def sequence(self) -> list[str]:
        found = [""]
        while (char := self.peek()) and char not in "|)":
            piece = self.quantified(self.atom(char))
            found = [(before + after).replace("**", "*") for before in found for after in piece][: 4 * MAX_PATHS]
        return found

    def atom(self, char: str) -> list[str]:
        self.at += 1
        if char in "^$":
            return [""]
        if char == ".":
            return ["*"]
        if char == "[":
            match = re.compile(r"\^?\]?(?:\\.|[^\]\\])*\]").match(self.text, self.at)
            if not match:
                raise _BeyondUs
            self.at = match.end()
            return ["*"]
        if char == "(":
            return self.group()
        if char == "\\":
            escaped = self.peek()
            self.at += 1
            return ["*"] if escaped in "dDwWsShR" else [""] if escaped in "bBAzZ" else [escaped]
        return [char]

    def group(self) -> list[str]:
        match = re.compile(r"\?(?::|P?<[A-Za-z_]\w*>|i:)").match(self.text, self.at)
        looks = re.compile(r"\?<?[!=]").match(self.text, self.at)
        if match:
            self.at = match.end()
        elif looks:
            self.at = looks.end()
        elif self.peek() == "?":
            raise _BeyondUs
        found = self.alternatives()
        if self.peek() != ")":
            raise _BeyondUs
        self.at += 1
        return [""] if looks else found

    def quantified(self, piece: list[str]) -> list[str]:
        match = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[?+]?").match(self.text, self.at)
        if not match:
            return piece
        self.at = match.end()
        if match[0][0] == "?":
            return [*piece, ""]
        return piece if piece == ["*"] and match[0][0] == "+" else ["*"]
