"""The recording of what happens: events with their time, and whoever writes them down while bytes come and go.

A probe that runs has a tape of its own, also where several run side by side: it is found through the context of the task, so that no driver
has to hand it on.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from proxycfg.lab.client import Call
from proxycfg.probes.messages import Counter
from proxycfg.timeline import Event

_SECRET = frozenset({"set-cookie", "set-cookie2", "authorization", "proxy-authorization", "www-authenticate", "cookie"})


class Tape:
    """Events in order, and the clock that dates them.

    :param hear: is told each event as it happens.
    :param watch: whether clients and origin write down all that comes and goes, and not only what drivers note.
    """

    def __init__(self, hear: Callable[[Event], object] = id, *, watch: bool = True) -> None:
        """Begin now."""
        self.events: list[Event] = []
        self.watch = watch
        self._exchanges = 0
        self._began = time.monotonic()
        self._hear = hear

    def note(self, exchange: int, what: str, **facts: Any) -> None:
        """Something happened now."""
        event = Event(round(time.monotonic() - self._began, 4), exchange, what, facts)
        self.events.append(event)
        self._hear(event)

    def next(self) -> int:
        """The number of an exchange that begins."""
        self._exchanges += 1
        return self._exchanges


_CURRENT: ContextVar[Tape | None] = ContextVar("tape", default=None)


@contextmanager
def running(tape: Tape) -> Iterator[None]:
    """What is noted in this task, and in those that it starts, goes onto the tape."""
    token = _CURRENT.set(tape)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Tape | None:
    """The tape that runs, if one does."""
    return _CURRENT.get()


def note(what: str, exchange: int = 0, **facts: Any) -> None:
    """Something that a judge will want to know: plain JSON values."""
    tape = _CURRENT.get()
    if tape is not None:
        tape.note(exchange, what, **facts)


class Heard:
    """Writes down what comes of an answer, as it comes: times, sizes and headers, never what a body says.

    Cookies and credentials are left out.
    """

    def __init__(self, tape: Tape, exchange: int, call: Call) -> None:
        """Of a call that has just been made."""
        self._tape, self._exchange, self._call = tape, exchange, call
        self._counter = Counter("")
        self._unpack: Callable[[bytes], bytes] = bytes
        self._headed = False
        self.bytes = 0
        """Of the body, as far as it has come."""
        self.pieces = 0
        self.over = False
        """Whether the end has been noted."""

    def __call__(self) -> None:
        """Something has come, or nothing more will."""
        if self.over:
            return
        try:
            self._look()
        except (ValueError, IndexError, zlib.error) as error:
            self.end("garbage", said=f"what comes is no HTTP: {type(error).__name__}: {error}")

    def end(self, how: str, **facts: Any) -> None:
        """Note the end, once."""
        if not self.over:
            self.over = True
            self._tape.note(self._exchange, "end", how=how, **facts)

    def _look(self) -> None:
        answer = self._call.answer
        if answer.status and not self._headed:
            self._headed = True
            told = [[name.lower(), "…" if name.lower() in _SECRET else value] for name, value in answer.headers]
            self._tape.note(self._exchange, "head", status=answer.status, headers=told)
            self._counter = Counter(answer.header("content-type") or "")
            if answer.header("content-encoding") == "gzip":
                self._unpack = zlib.decompressobj(31).decompress
        if len(answer.body) > self.bytes and answer.status != _SWITCHED:
            data = answer.body[self.bytes :]
            self.bytes = len(answer.body)
            self.pieces += 1
            self._tape.note(self._exchange, "piece", bytes=len(data), messages=self._counter.more(self._unpack(data)))
        if answer.complete and answer.status and answer.status != _SWITCHED:
            if answer.trailers:
                told = [[name.lower(), value] for name, value in answer.trailers]
                self._tape.note(self._exchange, "trailers", headers=told)
            self.end("complete")
        elif self._call.left:
            self.end("left")
        elif self._call.closed.is_set():
            self.end("cut" if answer.status else "unanswered")


_SWITCHED = 101
