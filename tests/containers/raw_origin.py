"""An origin that sends exactly these bytes in exactly these writes: headers that stop halfway, characters cut in two."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LINES = EVENTS.replace(b"text/event-stream", b"application/x-ndjson")
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """A chunk; nothing for no data, which would be the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


@dataclass
class Play:
    """What one request gets: the pieces, each but the first only after ``go``; then the connection is closed."""

    path: str
    pieces: Sequence[bytes]
    _permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def go(self) -> None:
        """Let the next piece go."""
        self._permits.release()

    def perform(self, connection: socket.socket) -> None:
        """Send the pieces."""
        for index, piece in enumerate(self.pieces):
            if index:
                self._permits.acquire()
            connection.sendall(piece)


class RawOrigin:
    """Listens on loopback; ``with RawOrigin.start() as origin``."""

    def __init__(self, listener: socket.socket) -> None:
        """Take a listening socket."""
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._plays: dict[str, Play] = {}
        self._numbers = count(1)

    @classmethod
    @contextlib.contextmanager
    def start(cls) -> Iterator[RawOrigin]:
        """Run one as long as the block lasts."""
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            origin = cls(listener)
            threading.Thread(target=origin._accept, name="raw origin", daemon=True).start()
            try:
                yield origin
            finally:
                for play in origin._plays.values():
                    for _ in play.pieces:
                        play.go()
                # `close` alone would leave the thread in `accept`.
                listener.shutdown(socket.SHUT_RDWR)

    def plan(self, folder: str, *pieces: bytes) -> Play:
        """What a request for the path of the play, below ``folder``, will get."""
        play = Play(f"{folder}/{next(self._numbers)}", pieces)
        self._plays[play.path] = play
        return play

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                received = connection.recv(65536)
                if not received:
                    return
                head += received
            self._plays[head.split(b" ", 2)[1].decode()].perform(connection)
