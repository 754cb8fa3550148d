"""The readers: each asks one proxy for the answer, as an ordinary chat client does, and notes when every token comes."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proxycfg.demo.story import PATH
from proxycfg.demo.timeline import Ending, Timeline, Token

_REQUEST = {"model": "demo", "stream": True, "messages": [{"role": "user", "content": ""}]}


class Reader:
    """One client on one connection, with a thread of its own; ``seen`` may be read at any time."""

    def __init__(self, port: int, certificate: Path | None, *, planned: int, patience: float) -> None:
        """Connect, so that the answer's clock counts the answer alone.

        :param certificate: the one to trust, where the proxy speaks TLS.
        :param patience: seconds after which nobody waits for the next byte any more.
        """
        self.planned = planned
        self.tokens: list[Token] = []
        self.started = 0.0
        self._ended: float | None = None
        self._ending = Ending.RUNNING
        self._said = ""
        self._thread: threading.Thread | None = None
        if certificate:
            context = ssl.create_default_context(cafile=str(certificate))
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", port, timeout=patience, context=context
            )
        else:
            self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
        self._connection.connect()

    def ask(self, question: str, script: str) -> None:
        """Send the question now, and read the answer in the background."""
        message: dict[str, Any] = {**_REQUEST, "messages": [{"role": "user", "content": question}]}
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "X-Origin-Script": script}
        self.started = time.monotonic()
        self._thread = threading.Thread(
            target=self._read, args=(json.dumps(message), headers), name="reader", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Hang up, wherever the answer is."""
        with contextlib.suppress(OSError):
            if self._connection.sock:
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        if self._thread:
            self._thread.join(5)
        self._connection.close()

    @property
    def done(self) -> bool:
        """Whether the answer is over."""
        return self._ending is not Ending.RUNNING

    def seen(self) -> Timeline:
        """What has come so far."""
        return Timeline(
            planned=self.planned, tokens=tuple(self.tokens), ended=self._ended, said=self._said, ending=self._ending
        )

    def _read(self, body: str, headers: dict[str, str]) -> None:
        ending, said = Ending.REFUSED, ""
        try:
            self._connection.request("POST", PATH, body, headers)
            response = self._connection.getresponse()
            if response.status == http.HTTPStatus.OK:
                ending = Ending.CUT
                for event in _events(response):
                    if event == "[DONE]":
                        ending = Ending.COMPLETE
                    elif text := _content(event):
                        self.tokens.append(Token(time.monotonic() - self.started, text))
            else:
                said = f"{response.status} {response.reason}: {response.read(200)!r}"
        except (OSError, http.client.HTTPException) as error:
            # In the middle of an answer this is what being cut off looks like.
            said = f"{type(error).__name__}: {error}"
        # The ending comes last: with it the timeline is whole.
        self._ended = time.monotonic() - self.started
        self._said = said
        self._ending = ending


def _events(response: http.client.HTTPResponse) -> Iterator[str]:
    """The data of each event, as soon as its bytes are there."""
    rest = b""
    while piece := response.read1(65536):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                yield line.removeprefix(b"data: ").decode().strip()


def _content(event: str) -> str:
    """The text in a chunk of a chat completion; the first and the last have none."""
    chunk: dict[str, Any] = json.loads(event)
    text = chunk["choices"][0]["delta"].get("content", "") if chunk["choices"] else ""
    return str(text)
