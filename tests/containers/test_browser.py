"""A real browser in front: Chromium's own EventSource and WebSocket through the generated configs, over TLS and HTTP/2, and the Worker."""

from __future__ import annotations

import contextlib
import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxycfg.origin import Exchange, Origin
from tests.clients.chromium import browser, command
from tests.containers.stage import HOST, Stages, fresh
from tests.containers.worker_stand import NAIVE, SLOW, generated, run, with_code
from tests.engines import ENVOY, NGINX, Proxies

PAGE = """<!doctype html><title>test</title><script>
const seen = [];
const tell = (what) => fetch('/tell?' + new URLSearchParams({script: 'key %(told)s; json', what: JSON.stringify(what)}));
const confirm = () => fetch('/confirm?' + new URLSearchParams({script: 'key %(confirm)s; json'}));
const source = new EventSource('/events?' + new URLSearchParams({script: 'key %(key)s; sse; event n=3 gate=%(key)s; fin when=first'}));
source.onmessage = (event) => {
  seen.push(event.data);
  confirm();
  if (seen.length < 3) return;
  source.close();
  const socket = new WebSocket('wss://' + location.host + '/socket?' + new URLSearchParams({script: 'ws; echo'}));
  socket.onopen = () => socket.send('over TLS');
  socket.onmessage = (message) => { tell({events: seen, socket: message.data}); socket.close(); };
  socket.onerror = () => tell({events: seen, socket: 'error'});
};
source.onerror = () => tell({events: seen, error: source.readyState});
</script>"""


@pytest.mark.engine
@pytest.mark.parametrize(
    "engine", [pytest.param(engine, marks=pytest.mark.xdist_group(engine)) for engine in (*NGINX, *ENVOY)]
)
def test_a_browser_gets_events_in_step_and_a_socket(
    stages: Stages, origin: Origin, chromium: str, tmp_path: Path, engine: str
) -> None:
    """Each event reaches the page before the next is sent; then a WebSocket opens beside the HTTP/2 connection."""
    stage = stages.get(engine, secure=True)
    key, told, confirm = fresh(), fresh("told"), fresh("confirm")
    page = PAGE % {"key": key, "told": told, "confirm": confirm}
    script = "html; raw " + json.dumps(page.replace("\n", " "))
    url = f"https://{HOST}:{stage.port}/?{urllib.parse.urlencode({'script': script})}"
    with _browser(chromium, url, tmp_path):
        for count in range(1, 4):
            # The page has the event: it says so by a request of its own. Only then is the next one let out.
            origin.wait(lambda one, count=count: one.arrival >= count, confirm, timeout=60)
            origin.release(key)
        said = origin.wait(lambda _: True, told, timeout=30)
        versions = {exchange.version for exchange in origin.exchanges(key)}

    assert _what(said) == {"events": ["1", "2", "3"], "socket": "over TLS"}
    assert versions == {"1.1"}


FAILURE_PAGE = """<!doctype html><title>test</title><script>
const seen = [];
const source = new EventSource('/events?' + new URLSearchParams({script: 'key %(key)s; sse resume=yes; retry 50; event n=2; fin when=first; event; hang'}));
source.onmessage = (event) => seen.push(event.data);
source.onerror = (event) => { if (!seen.includes('3')) seen.push(event.data ? JSON.parse(event.data).error.code : 'lost'); };
const look = setInterval(() => {
  if (!seen.includes('3')) return;
  clearInterval(look);
  fetch('/tell?' + new URLSearchParams({script: 'key %(told)s; json', what: JSON.stringify(seen)}));
}, 20);
</script>"""


@pytest.mark.engine
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # The page is told what broke, and then, as of every end, that the connection was lost.
        ("", ["1", "2", "upstream_broken", "lost", "3"]),
        (NAIVE, ["1", "2", "lost", "3"]),
    ],
    ids=["generated", "naive"],
)
def test_a_browser_is_told_what_broke_behind_the_worker(
    proxies: Proxies, chromium: str, tmp_path: Path, code: str, expected: list[str]
) -> None:
    """An EventSource gets the Worker's error event, and connects again behind the last whole event by itself."""
    key, told = fresh(), fresh("told")
    script = "html; raw " + json.dumps((FAILURE_PAGE % {"key": key, "told": told}).replace("\n", " "))
    folder = tmp_path / "worker"
    folder.mkdir()
    with Origin.start() as origin, proxies.scope() as start:
        _, (port,) = run(start, folder, (origin.port,), with_code(code) if code else generated(SLOW))
        url = f"http://{HOST}:{port}/?{urllib.parse.urlencode({'script': script})}"
        with _browser(chromium, url, tmp_path):
            said = origin.wait(lambda _: True, told, timeout=60)
        ids = [exchange.header("last-event-id") for exchange in origin.exchanges(key)]

    assert _what(said) == expected
    assert ids == [None, "2"]


@contextlib.contextmanager
def _browser(chromium: str, url: str, folder: Path) -> Iterator[None]:
    """A browser that looks at a page as long as the block lasts."""
    more = ("--ignore-certificate-errors", f"--host-resolver-rules=MAP {HOST} 127.0.0.1", url)
    with browser(command(chromium, folder, *more), folder):
        yield


def _what(said: Exchange) -> object:
    """What the page had to say."""
    return json.loads(urllib.parse.parse_qs(urllib.parse.urlsplit(said.target).query)["what"][0])
