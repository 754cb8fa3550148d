"""The configs that prove the linter's rules, on real nginx: it starts with all of them, and what a rule calls broken is.

A scenario that fails on the config that a rule complains of must pass on the one after the fix, so that neither passes for lack of teeth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.exceptions import WebSocketException

from proxycfg.origin import Origin
from tests.clients import sse
from tests.clients.http import Client
from tests.clients.tls import make_authority
from tests.clients.websocket import Closed, Refused, open_socket
from tests.containers.stage import fresh
from tests.engines import Proxies, free_port
from tests.targets.nginx_engine import check

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "rules"
CONFIGS = sorted(FIXTURES.glob("*/nginx/*.conf"))

NEWEST = {"websocket-over-http-2"}
"""Rules about what only nginx 1.29.4 and newer have."""


def _name(path: Path) -> str:
    return f"{path.parent.parent.name}--{path.stem}"


def _whole(text: str, cert: Path, key: Path) -> str:
    """The config with certificates that exist, names that need no resolver, variables of a template filled in, and the parts around a fragment."""
    text = re.sub(r"(ssl_certificate) [^;]+;", rf"\1 {cert};", text)
    text = re.sub(r"(ssl_certificate_key) [^;]+;", rf"\1 {key};", text)
    text = text.replace("api.openai.com", "127.0.0.1")
    text = re.sub(r"\$\{[A-Z][A-Z0-9_]*\}", "90s", text)
    if " ssl" in text and "ssl_certificate" not in text:
        text = re.sub(
            r"(listen [^;]* ssl[^;]*;)", rf"\1 ssl_certificate {cert}; ssl_certificate_key {key};", text, count=1
        )
    if not re.search(r"^events\b", text, re.MULTILINE):
        inner = text if re.search(r"^(?:server|map|upstream)\b", text, re.MULTILINE) else f"server {{\n{text}\n}}"
        text = f"events {{}}\nhttp {{\n{inner}\n}}\n"
    return text


@pytest.mark.engine
@pytest.mark.parametrize("version", ["1.22", "1.30"])
def test_nginx_starts_with_every_proof(tmp_path: Path, version: str) -> None:
    """A rule about something that nginx refuses anyway would be no use, and a fix must not break the config."""
    folder = tmp_path / "tls"
    folder.mkdir()
    authority = make_authority(folder, "*.example.com")
    configs: dict[str, str] = {}
    for path in CONFIGS:
        text = path.read_text()
        stated = re.search(r"^# nginx (\d+\.\d+)", text, re.MULTILINE)
        newest = "http2 on;" in text or path.parent.parent.name in NEWEST
        if stated and stated[1] != version:
            continue
        if newest and version != "1.30":
            continue
        configs[_name(path)] = _whole(text, authority.cert, authority.key)
    assert configs

    said = check(version, configs, tmp_path / "configs", tmp_path)

    assert [f"{name}: {text}" for name, text in said.items() if "[emerg]" in text] == []


# ---- what a rule calls broken is broken, and what it wants is not ----

Scenario = Callable[[Client, Origin, str], None]
FAILURES = (AssertionError, OSError, Refused, Closed, WebSocketException)
"""What a client sees of a proxy that fails it: a wrong answer, a timeout or a cut."""


def events_arrive(client: Client, origin: Origin, path: str) -> None:
    """Events in two halves, and larger than a buffer, each before the next is sent."""
    key = fresh()
    script = f"sse; event gate={key} split=half; event gate={key} size=6000; event gate={key}"
    with sse.listen(client, path, [("Accept-Encoding", "gzip")], script=script) as stream:
        for _ in range(3):
            assert stream.next_event() is not None
            origin.release(key)


def socket_opens(client: Client, origin: Origin, path: str) -> None:
    """A handshake, and a word there and back."""
    del origin
    with open_socket(client, path, script="ws; echo") as socket:
        socket.send("hello")
        assert socket.receive() == "hello"


HURTS: tuple[tuple[str, str, Scenario, str], ...] = (
    ("x-accel-buffering-in-vain", "nginx-1.30", events_arrive, "/events"),
    ("x-accel-buffering-ignored", "nginx-1.26", events_arrive, "/events"),
    ("stream-filtered", "nginx-1.30", events_arrive, "/events"),
    ("stream-rate-limited", "nginx-1.30", events_arrive, "/events"),
    ("timeout-of-zero", "nginx-1.26", events_arrive, "/events"),
    ("timeout-of-zero", "nginx-1.30", events_arrive, "/events"),
    ("try-files-before-pass", "nginx-1.30", events_arrive, "/events"),
    ("settings-left-behind", "nginx-1.30", events_arrive, "/events"),
    ("websocket-over-http-2", "nginx-1.30", socket_opens, "/ws"),
    ("websocket-to-another-protocol", "nginx-1.30", socket_opens, "/ws"),
    ("http-1-1-not-served", "nginx-1.22", socket_opens, "/ws"),
    ("stream-location-shadowed", "nginx-1.26", socket_opens, "/socket.io/"),
    ("stream-location-shadowed", "nginx-1.30", socket_opens, "/socket.io/"),
    ("slash-redirect", "nginx-1.30", socket_opens, "/ws"),
)


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    """One origin behind all configs."""
    with Origin.start(host="127.0.0.1") as running:
        yield running


@pytest.mark.engine
@pytest.mark.parametrize(
    ("rule", "engine", "scenario", "path"),
    [pytest.param(*case, marks=pytest.mark.xdist_group(case[1])) for case in HURTS],
    ids=[f"{rule}-{engine}" for rule, engine, _, _ in HURTS],
)
def test_what_a_rule_calls_broken_is(
    proxies: Proxies, origin: Origin, tmp_path: Path, rule: str, engine: str, scenario: Scenario, path: str
) -> None:
    """The scenario fails on the bad config and passes on the good one."""
    tmp_path.chmod(0o755)
    with proxies.scope() as start:
        clients = {}
        for kind in ("bad", "good"):
            port, folder = free_port(), tmp_path / kind
            folder.mkdir(mode=0o755)
            text = (FIXTURES / rule / "nginx" / f"{kind}.conf").read_text()
            text = re.sub(r"listen 80\b", f"listen 127.0.0.1:{port}", text)
            (folder / "nginx.conf").write_text(re.sub(r"127\.0\.0\.1:90\d\d", f"127.0.0.1:{origin.port}", text))
            start(engine, folder, name=kind, time_lapse=None, ready_port=port)
            clients[kind] = Client(("127.0.0.1", port), "http/1.1", ca=folder, host="app.example.com", timeout=3.0)

        scenario(clients["good"], origin, path)
        with pytest.raises(FAILURES):
            scenario(clients["bad"], origin, path)
