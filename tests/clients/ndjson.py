"""JSON lines with times."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .http import Call, Client


@dataclass(frozen=True, slots=True)
class Line:
    """A decoded line, and when its last byte came; ``value`` is None for an empty line, the heartbeat."""

    at: float
    value: Any


class Lines:
    """Iterate over the lines of an answer."""

    def __init__(self, call: Call) -> None:
        """Read from a call."""
        self.call = call
        self._buffer = b""

    def __iter__(self) -> Iterator[Line]:
        """Lines to the end, heartbeats included."""
        while (piece := self.call.read()) is not None:
            *lines, self._buffer = (self._buffer + piece.data).split(b"\n")
            for line in lines:
                yield Line(piece.at, json.loads(line) if line else None)


def read_lines(client: Client, target: str, headers: Iterable[tuple[str, str]] = (), *, script: str = "") -> Lines:
    """Ask for JSON lines over any transport."""
    return Lines(client.request(target, headers, script=script))
