"""A headless Chromium, told what to do by its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_STARTS_WITHIN = 60.0


class Page:
    """The one page of a browser; ``events`` are those that it has told of."""

    def __init__(self, socket: ClientConnection) -> None:
        """An open connection to the page."""
        self._socket = socket
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (told := json.loads(self._socket.recv(timeout=_STARTS_WITHIN))).get("id") != number:
            self.events.append(told)
        assert "error" not in told, told
        result: dict[str, Any] = told["result"]
        return result

    def open(self, url: str) -> None:
        """Go there, and wait until it has loaded; what it asks for and complains of is in ``events``."""
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.do(f"{domain}.enable")
        self.do("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(json.loads(self._socket.recv(timeout=_STARTS_WITHIN)))

    def value(self, expression: str) -> Any:
        """Of an expression in the page."""
        told = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key, and let it go."""
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.do("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more)

    def media(self, *, dark: bool = False, printed: bool = False) -> None:
        """See the page as it is in the dark, or on paper."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", media="print" if printed else "screen", features=[scheme])

    def width(self, pixels: int) -> None:
        """Make the window so wide."""
        self.do("Emulation.setDeviceMetricsOverride", width=pixels, height=900, deviceScaleFactor=1, mobile=False)

    def pdf(self) -> bytes:
        """The page on paper."""
        return base64.b64decode(self.do("Page.printToPDF", printBackground=True)["data"])


def command(chromium: str, folder: Path, *more: str) -> list[str]:
    """A browser that asks nobody for anything by itself, with its profile in a folder."""
    return [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder / 'profile'}", "--remote-debugging-port=0", *more,
    ]  # fmt: skip


@contextlib.contextmanager
def browser(words: Sequence[str], folder: Path) -> Iterator[None]:
    """A browser that lives as long as the block lasts."""
    started = subprocess.Popen(
        list(words),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(started.pid, 9)
        started.wait()


@contextlib.contextmanager
def page(chromium: str, folder: Path) -> Iterator[Page]:
    """An empty page of a browser of its own."""
    with browser(command(chromium, folder, "about:blank"), folder):
        told = folder / "profile" / "DevToolsActivePort"
        until = time.monotonic() + _STARTS_WITHIN
        while not (told.exists() and told.read_text().count("\n") == 1):
            assert time.monotonic() < until, "the browser does not start"
            time.sleep(0.05)
        port = told.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            (found,) = [each for each in json.load(answer) if each["type"] == "page"]
        with connect(found["webSocketDebuggerUrl"], max_size=None) as socket:
            yield Page(socket)
