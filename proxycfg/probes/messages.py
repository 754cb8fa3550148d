"""Where one message of a protocol ends: for who counts what has come of a stream."""

from __future__ import annotations

import re
from collections.abc import Callable

_HEADING = 5
"""Bytes before a message of gRPC, gRPC-Web and Connect: flags, and its length in four."""
_BLOCK = re.compile(rb"\r\n\r\n|\n\n|\r\r")


def _after_blocks(data: bytes) -> tuple[int, int]:
    ends = [found.end() for found in _BLOCK.finditer(data)]
    return len(ends), ends[-1] if ends else 0


def _after_lines(data: bytes) -> tuple[int, int]:
    return data.count(b"\n"), data.rfind(b"\n") + 1


def _after_frames(data: bytes) -> tuple[int, int]:
    count = at = 0
    while len(data) >= at + _HEADING:
        end = at + _HEADING + int.from_bytes(data[at + 1 : at + _HEADING])
        if end > len(data):
            break
        count, at = count + 1, end
    return count, at


class Counter:
    """Counts the messages of a body as it comes; what divides them follows from its content type.

    The comments of an event stream count, for they are sent alike. Where nothing is known to divide a body, each piece of it is a message.
    """

    def __init__(self, content_type: str) -> None:
        """Before the first byte."""
        self._ends = _dividing(content_type.partition(";")[0].strip().lower())
        self._rest = b""

    def more(self, data: bytes) -> int:
        """How many messages these bytes complete."""
        if self._ends is None:
            return bool(data)
        whole = self._rest + data
        count, end = self._ends(whole)
        self._rest = whole[end:]
        return count


def _dividing(kind: str) -> Callable[[bytes], tuple[int, int]] | None:
    """What gives the number of messages in some bytes, and where the last one ends."""
    if kind == "text/event-stream":
        return _after_blocks
    if kind in {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines"}:
        return _after_lines
    # In its text form gRPC-Web is base64, which is counted by what arrives.
    if kind.startswith(("application/grpc", "application/connect+")) and not kind.startswith(
        "application/grpc-web-text"
    ):
        return _after_frames
    return None
