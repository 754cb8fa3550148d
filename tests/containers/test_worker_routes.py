"""Which route a request takes: the Worker's table, in its runtime, against the order that holds on every hop."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg.origin import Origin
from proxycfg.spec import Route, Spec, coverers
from proxycfg.targets.cloudflare import worker
from tests.clients.http import Connection
from tests.containers.raw_origin import RawOrigin
from tests.containers.worker_stand import serve
from tests.engines import Proxies
from tests.specs import load_data
from tests.targets.test_cloudflare_worker import HOSTILE

BENCH = """\
import { routeOf } from "./match.js";

export default {
  async fetch(request) {
    const { urls, pattern, paths } = await request.json();
    const tried = pattern === undefined ? null : new RegExp(`^(?:${pattern})$`);
    return Response.json({
      titles: urls?.map((url) => routeOf(new URL(url))?.title ?? null),
      matches: paths?.map((path) => tried.test(path)),
    });
  },
};
"""
"""Answers with the routes of URLs, or with whether an expression matches paths."""

PATHS = ("/", "/a", "/a/b", "/a/b/c", "/ab", "/caf\u00e9", "/with space", *(f"/x{text}" for text in HOSTILE))
SPEC = {
    "hosts": ["chat.example.com"],
    "targets": {"cloudflare": {"worker": True}},
    "upstreams": {"a": "http://a:1"},
    "routes": [
        *({"path": path, "protocol": "sse", "upstream": "a"} for path in PATHS),
        {"exact": "/a/b", "protocol": "http", "upstream": "a"},
        {"exact": "/a/b/", "protocol": "ndjson", "upstream": "a"},
        {"regex": "/a/[0-9]+", "protocol": "ndjson", "upstream": "a"},
        {"regex": "(?i)/A/(?P<x>z+)", "protocol": "sse", "upstream": "a"},
        {"path": "/a/ws", "protocol": "websocket", "upstream": "a"},
        {"path": "/a", "protocol": "ndjson", "upstream": "a", "hosts": ["*.example.org"]},
        {"path": "/a", "protocol": "http", "upstream": "a", "hosts": ["quiet.example.org"]},
        {"path": "/any", "protocol": "sse", "upstream": "a", "hosts": ["*"]},
    ],
}
HOSTS = (
    "chat.example.com",
    "CHAT.example.com",
    "a.example.org",
    "a.b.example.org",
    "quiet.example.org",
    "example.org",
    "other.net",
)


@dataclass(frozen=True)
class Bench:
    """The table, one request away."""

    connection: Connection

    def ask(self, **question: object) -> dict[str, list[object]]:
        """What the Worker says."""
        answer = self.connection.request("/", method="POST", body=json.dumps(question).encode()).answer()
        assert answer.status == 200, answer.body
        return dict(json.loads(answer.body))


@pytest.fixture(scope="module")
def spec() -> Spec:
    """Routes of every kind, on hosts of every kind."""
    return load_data(SPEC)


@pytest.fixture(scope="module")
def bench(proxies: Proxies, spec: Spec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One Worker for all examples, on one connection."""
    folder = tmp_path_factory.mktemp("routes")
    with Origin.start() as origin, RawOrigin.start() as raw, proxies.scope() as start:
        files = {**worker.files(spec), "src/index.js": BENCH}
        stand = serve(start, folder, origin, raw, files, patience=10.0)
        with stand.client.connect() as connection:
            yield Bench(connection)


def _expected(spec: Spec, host: str, path: str) -> str | None:
    """The route, if the Worker is to do anything for it."""
    known = {name for names, _ in spec.servers for name in names}
    for pattern in coverers(host.lower()):
        if pattern in known:
            found = next((each for each in spec.routes_for(pattern) if _takes(each, path)), None)
            return found.title if found and worker.relayed(found) else None
    return None


def _takes(route: Route, path: str) -> bool:
    if route.kind == "regex":
        return re.fullmatch(route.path, path) is not None
    bare = route.path.rstrip("/")
    return path == route.path if route.kind == "exact" else path == bare or path.startswith(f"{bare}/")


@pytest.mark.engine
def test_each_request_takes_its_route(bench: Bench, spec: Spec) -> None:
    """Exact paths, expressions, the longest prefix; the most specific host; whatever the path holds."""
    stems = [*PATHS, "/a/1", "/a/1/", "/a/x1", "/A/zZ", "/a/ws", "/a/b/", "/any", "/anywhere", "/any/x", "/nowhere"]
    asked = [
        (host, path + tail)
        for host in HOSTS
        for path in stems
        for tail in ("", "/", "/deeper", "x")
        if "//" not in path + tail
    ]
    urls = [f"https://{host}{quote(path, safe='/')}?token=/a" for host, path in asked]

    titles = bench.ask(urls=urls)["titles"]

    assert dict(zip(asked, titles, strict=True)) == {(host, path): _expected(spec, host, path) for host, path in asked}
    # Relayed and left alone, both are there.
    assert {None, "/a", "exact /a/b/", "regex /a/[0-9]+", "/any"} < set(titles)


atoms = st.sampled_from(
    [
        "a",
        "b",
        "/",
        ".",
        r"\.",
        r"\d",
        r"\w",
        "[ab]",
        "[^a]",
        "[a-c/]",
        r"[\w-]",
        "(a|b)",
        "(?:ab)",
        "(?P<n>a)",
        "(?i:A)",
        "^",
        "$",
    ]
)
expressions = st.lists(
    st.tuples(atoms, st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}", "*?"])), max_size=5
).map(lambda parts: "/" + "".join(atom + times if atom not in "^$" else atom for atom, times in parts))


@pytest.mark.engine
@given(
    pattern=expressions,
    flags=st.sampled_from(["", "(?i)"]),
    paths=st.lists(st.text("abcAB/.1-", max_size=8).map("/".__add__), max_size=20),
)
def test_expressions_mean_the_same_in_javascript(bench: Bench, pattern: str, flags: str, paths: list[str]) -> None:
    """As in Python, whose reading of what specs may hold is that of PCRE and RE2."""
    if pattern.count("(?P<n>") > 1:
        pattern = pattern.replace("(?P<n>", "(")
    translated = worker.in_javascript(flags + pattern)

    assert translated is not None
    assert bench.ask(pattern=translated, paths=paths)["matches"] == [
        re.fullmatch(flags + pattern, path) is not None for path in paths
    ]
