"""What a running nginx makes of the generated config, on every version: the facts that its words rest on."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Self

import pytest

from proxycfg import reasons
from proxycfg.headers import CREDENTIALS
from proxycfg.origin import Exchange, Origin
from proxycfg.targets.nginx import facts
from tests.clients.grpc_calls import Stub
from tests.clients.http import Answer, Client, Transport
from tests.clients.tls import Authority, make_authority
from tests.clients.websocket import Refused, open_socket
from tests.engines import free_port
from tests.engines.ports import need_ipv6
from tests.specs import CLEAR, UNCLEAR
from tests.targets import envoy_lab, nginx_engine
from tests.targets.nginx_engine import Nginx
from tests.targets.nginx_specs import spec_of, text_of, written

pytestmark = pytest.mark.engine

HOST = "chat.example.com"


@dataclass
class Stage:
    """A running nginx, and two origins behind it that tell what they saw."""

    version: str
    nginx: Nginx
    origin: Origin
    other: Origin
    ca: Path
    secure: bool = False
    clients: dict[Transport, Client] = field(default_factory=dict)

    def client(self, transport: Transport = "http/1.1", host: str = "") -> Client:
        """A client; with its port in the Host header, as clients send it."""
        port = self.nginx.port
        return Client(("127.0.0.1", port), transport, ca=self.ca, host=host or f"{HOST}:{port}", timeout=8)

    def get(
        self, target: str, *headers: tuple[str, str], script: str = "json", method: str = "GET", body: bytes = b""
    ) -> Answer:
        """Ask over HTTP/1.1, or over TLS with HTTP/2."""
        client = self.client("2" if self.secure else "http/1.1")
        with client.request(target, headers, method=method, script=script, body=body) as call:
            return call.answer()

    def seen(self, target: str, *headers: tuple[str, str]) -> dict[str, str]:
        """The headers that the origin got, by their names in lower case, with the target as `target`."""
        answer = self.get(target, *headers)
        assert answer.status == 200, answer
        told = json.loads(answer.body)
        return {**{name.lower(): value for name, value in told["headers"]}, "target": told["target"]}

    def arrivals(self, path: str) -> list[Exchange]:
        """What reached either origin for a path."""
        both = [*self.origin.exchanges(), *self.other.exchanges()]
        return [one for one in both if one.target.split("?")[0] == path]


SPEC = """\
hosts: [{host}]
listen: {{port: {port}{tls}}}
targets: {{nginx: {{version: "{version}"}}}}
scale: {{streams: 500}}
upstreams:
  one: http://127.0.0.1:{one}
  two: {{servers: ["http://127.0.0.1:{one}", "http://127.0.0.1:{two}"]}}
  cookie: {{servers: ["http://127.0.0.1:{one}", "http://127.0.0.1:{two}"], affinity: {{by: cookie, name: sid}}}}
  header: {{servers: ["http://127.0.0.1:{one}", "http://127.0.0.1:{two}"], affinity: {{by: header, name: X-Session}}}}
  room: {{servers: ["http://127.0.0.1:{one}", "http://127.0.0.1:{two}"], affinity: {{by: hash, name: room}}}}
  address: {{servers: ["http://127.0.0.1:{one}", "http://127.0.0.1:{two}"], affinity: {{by: ip}}}}
  down: http://127.0.0.1:{nobody}
  calls: grpc://127.0.0.1:{one}
  calls_down: grpc://127.0.0.1:{nobody}
routes:
{routes}"""

ROUTES = r"""
  - {path: /ws, upstream: one, headers: {request: {X-Route: prefix}}}
  - {exact: /exact, upstream: one, headers: {request: {X-Route: exact}}}
  - {regex: "/exa.*", upstream: one, headers: {request: {X-Route: regex}}}
  - {path: /exacting/longer/than/the/regex, upstream: one, headers: {request: {X-Route: longest}}}
  - {path: /strip, upstream: one, strip_prefix: true}
  - {path: /part/of/it, upstream: one, strip_prefix: /part}
  - {path: "/é b.", upstream: one, strip_prefix: true}
  - {path: /down, upstream: down}
  - {path: /slow, upstream: one, idle_timeout: 300ms}
  - {path: /get, upstream: one, methods: [GET]}
  - {path: /small, upstream: one, upload: {max_bytes: 10}}
  - {path: /small-stream, upstream: one, upload: {max_bytes: 10, stream: true}}
  - {path: /rate-1, upstream: one, limits: {rate: 1/m, burst: 1}}
  - {path: /rate-2, upstream: one, limits: {rate: 1/m, burst: 0}}
  - {path: /streams, upstream: one, protocol: sse, limits: {per_client: 2}}
  - {path: /cors, upstream: one, protocol: sse, cors: {origins: ["https://app.example"]}, limits: {rate: 1/m, burst: 30}, upload: {max_bytes: 10}}
  - {path: /cors-down, upstream: down, cors: {origins: ["https://app.example"]}}
  - {path: /cors-any, upstream: one, cors: {origins: ["*"]}}
  - {path: /cors-get, upstream: one, methods: [GET], cors: {origins: ["https://app.example"]}}
  - {path: /socket, upstream: one, protocol: websocket, cors: {origins: ["https://app.example"]}}
  - {path: /open-socket, upstream: cookie, protocol: websocket}
  - {path: /cookie, upstream: cookie, protocol: long-poll}
  - {path: /header, upstream: header, protocol: long-poll}
  - {path: /room, upstream: room, protocol: long-poll}
  - {path: /address, upstream: address, protocol: long-poll}
  - {path: /spread, upstream: two, protocol: long-poll}
  - {path: /poll, upstream: one, protocol: poll, cache: 1s, limits: {rate: 1000}}
  - {path: /poll-key, upstream: one, protocol: poll, auth: {by: query, name: access-token}, limits: {rate: 1000}}
  - {path: /events, upstream: one, protocol: sse}
  - {path: /token, upstream: one, protocol: sse, auth: {by: query, name: token}, limits: {rate: 600/m, burst: 2}, upload: {max_bytes: 10}, idle_timeout: 300ms, methods: [GET, POST]}
  - {path: /token-down, upstream: down, protocol: sse, auth: {by: query, name: token}}
  - path: /values
    upstream: one
    headers:
      request: {X-In: "$host ${x} \"q\" \\ \\\\ \\n ; } { # é 漢\\"}
      response: {X-Out: "$host ${x} \"q\" \\ \\\\ \\n ; } { # é 漢\\", X-Gone: null, Content-Type: text/x-own, ETag: '"e"', Last-Modified: then, X-Accel-Buffering: "no"}
"""
GRPC_ROUTES = r"""
  - {path: /test.Streams/, protocol: grpc, upstream: calls}
  - {path: /down.Calls/, protocol: grpc, upstream: calls_down}
  - {path: /small.Calls/, protocol: grpc, upstream: calls, upload: {max_bytes: 50}}
  - {path: /rare.Calls/, protocol: grpc, upstream: calls, limits: {rate: 1/m, burst: 0}}
  - {path: /get.Calls/, protocol: grpc, upstream: calls, methods: [POST]}
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate that clients trust."""
    return make_authority(tmp_path_factory.mktemp("tls"), HOST)


@pytest.fixture(scope="module")
def origins() -> Iterator[tuple[Origin, Origin]]:
    """Two, so that one can see which was chosen."""
    with Origin.start() as one, Origin.start() as two:
        yield one, two


@dataclass
class Stages:
    """Stages by what they are for, each started when it is first asked for; they run until the module is done."""

    stack: ExitStack
    origins: tuple[Origin, Origin]
    authority: Authority
    folder: Path
    running: dict[tuple[str, str], Stage] = field(default_factory=dict)

    def get(self, version: str, kind: str = "clear") -> Stage:
        """The stage of that kind: clear, tls, grpc or trusting."""
        if (version, kind) not in self.running:
            self.running[version, kind] = self.start(version, kind)
        return self.running[version, kind]

    def start(self, version: str, kind: str) -> Stage:
        """Start one."""
        port = free_port()
        one, two = self.origins
        cert = self.authority.cert.parent
        tls = f", tls: {{certificate: {self.authority.cert}, key: {self.authority.key}}}" if kind == "tls" else ""
        routes = {"clear": ROUTES, "tls": ROUTES + GRPC_ROUTES, "grpc": GRPC_ROUTES, "trusting": ROUTES}[kind]
        text = SPEC.format(
            host=HOST,
            port=port,
            tls=tls,
            version=version,
            one=one.port,
            two=two.port,
            nobody=free_port(),
            routes=routes,
        )
        if kind == "trusting":
            text = "trusted_proxies: [127.0.0.1/32]\n" + text
        config = text_of(written(spec_of(text)))
        nginx = self.stack.enter_context(
            nginx_engine.running(version, config, self.folder / f"{kind}-{version}", port, cert)
        )
        return Stage(version, nginx, one, two, self.authority.ca, kind == "tls")


@pytest.fixture(scope="module")
def stages(
    origins: tuple[Origin, Origin], authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stages]:
    """All of them."""
    with ExitStack() as stack:
        yield Stages(stack, origins, authority, tmp_path_factory.mktemp("nginx"))


@pytest.fixture(params=nginx_engine.VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each version that we have."""
    found: str = request.param
    nginx_engine.image(found)
    return found


@pytest.fixture
def stage(stages: Stages, version: str) -> Stage:
    """The ordinary one, in clear text."""
    return stages.get(version)


# ---- matching ----


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("/ws", "prefix"), ("/ws/", "prefix"), ("/ws/x", "prefix"), ("//ws", "prefix"), ("/%77s/x?a=/../%2F", "prefix"),
        ("/wsx", None), ("/WS", None), ("/ws%0A", None),
        ("/exact", "exact"), ("/exact/", "regex"), ("/exacting/longer/than/the/regex", "regex"), ("/exa%0A", None),
    ],
)  # fmt: skip
def test_routes_match_by_segments_in_the_order_of_the_contract(stage: Stage, target: str, route: str | None) -> None:
    """Exact, then regex, then the longest prefix; a line feed at the end of a path is no end of it."""
    answer = stage.get(target)

    if route is None:
        assert answer.status == 404
    else:
        assert dict(map(tuple, json.loads(answer.body)["headers"]))["X-Route"] == route


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/strip", "/"), ("/strip/", "/"), ("/strip?q=1", "/?q=1"), ("/strip/a", "/a"),
        ("/strip/a%20b%3Bc%3Fd%25%2b?q=%2F&x=%20", "/a%20b%3Bc%3Fd%25%2b?q=%2F&x=%20"),
        ("/strip/a//b", "/a//b"), ("/strip/%C3%A9", "/%C3%A9"), ("/strip/%0Ax", "/%0Ax"),
        # However the prefix itself is spelled.
        ("/%73trip/a%20b%3Bc?q=1", "/a%20b%3Bc?q=1"), ("//strip/%0Ax", "/%0Ax"), ("//str%69p?q=%2F", "/?q=%2F"),
        ("/%c3%A9%20b%2e/x%3By", "/x%3By"),
        ("/part/of/it/a%3Bb", "/of/it/a%3Bb"), ("/part/of/it", "/of/it"),
    ],
)  # fmt: skip
def test_a_stripped_path_keeps_its_encoding_and_its_query(stage: Stage, target: str, seen: str) -> None:
    """A rewrite alone would turn %3B into a semicolon, two slashes into one, and miss a path with a line feed."""
    assert stage.seen(target)["target"] == seen


@pytest.mark.parametrize(
    "target",
    ["/a/../ws", "/ws/./x", "/ws/%2E%2e/x", "/ws%2Fx", "/strip/a%2fb", "/ws%5Cx", "/ws\\..\\x", "/ws/..", *UNCLEAR],
)
def test_a_path_that_means_two_things_is_refused(stage: Stage, target: str) -> None:
    """Locations are chosen by what it means, and the origin would get it as it stands."""
    answer = stage.get(target)

    assert (answer.status, answer.header("content-type")) == (400, "application/json")


@pytest.mark.parametrize("target", CLEAR)
def test_a_path_that_only_looks_so_is_served(stage: Stage, target: str) -> None:
    """Semicolons, dots and percent signs have their uses."""
    assert stage.seen(target)["target"] == target


# ---- headers ----

LIES = (
    ("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Port", "1"), ("X-Real-IP", "9.9.9.9"), ("Forwarded", "for=9.9.9.9"), ("X-Request-ID", "mine"),
)  # fmt: skip


def test_forwarded_headers_of_strangers_are_replaced(stage: Stage) -> None:
    """Without trusted proxies the origin sees the peer's address and the real scheme, whatever the client claims."""
    seen = stage.seen("/ws", *LIES)
    host = f"{HOST}:{stage.nginx.port}"

    assert (seen["x-forwarded-for"], seen["x-real-ip"], seen["x-forwarded-proto"]) == ("127.0.0.1", "127.0.0.1", "http")
    assert (seen["host"], seen["x-forwarded-host"]) == (host, host)
    assert len(seen["x-request-id"]) == 32
    assert not {"forwarded", "x-forwarded-port", "accept-encoding", "connection"} & (seen.keys() - {"accept-encoding"})


def test_forwarded_headers_of_trusted_proxies_go_on(stages: Stages, version: str) -> None:
    """The client is the last address that is no trusted proxy; the chain grows by the peer."""
    stage = stages.get(version, "trusting")
    seen = stage.seen("/ws", *LIES[1:], ("X-Forwarded-For", "8.8.8.8, 127.0.0.1"))

    assert seen["x-real-ip"] == "8.8.8.8"
    assert seen["x-forwarded-for"] == "8.8.8.8, 127.0.0.1, 127.0.0.1"
    told = ("x-forwarded-proto", "x-forwarded-host", "x-forwarded-port")
    assert tuple(seen[name] for name in told) == ("https", "evil.example", "1")
    assert "forwarded" not in seen
    assert stage.seen("/ws", ("X-Request-ID", "from-the-edge:1"))["x-request-id"] == "from-the-edge:1"
    named = json.loads(stage.get("/nope", ("X-Request-ID", "from-the-edge:2")).body)["error"]["request_id"]
    assert named == "from-the-edge:2"
    assert len(stage.seen("/ws", ("X-Request-ID", 'a"b'))["x-request-id"]) == 32
    plain = stage.seen("/ws", ("X-Forwarded-Proto", "gopher"))
    assert (plain["x-forwarded-proto"], plain["x-forwarded-for"]) == ("http", "127.0.0.1")


def test_header_values_of_a_spec_arrive_byte_for_byte(stage: Stage) -> None:
    """Dollar signs, quotes, backslashes, semicolons and braces, in both directions; what is replaced is there once."""
    value = '$host ${x} "q" \\ \\\\ \\n ; } { # é 漢\\'
    script = 'json header="X-Gone: y" header="X-Out: z" header="ETag: w" header="Last-Modified: v" xab=yes'
    answer = stage.get("/values", script=script)
    headers = [(name.lower(), text) for name, text in answer.headers]

    sent = dict(map(tuple, json.loads(answer.body)["headers"]))
    assert sent["X-In"].encode("latin-1").decode() == value
    assert [text.encode("latin-1").decode() for name, text in headers if name == "x-out"] == [value]
    for name, expected in {
        "content-type": ["text/x-own"],
        "etag": ['"e"'],
        "last-modified": ["then"],
        "x-gone": [],
    }.items():
        assert [text for found, text in headers if found == name] == expected
    assert [text for found, text in headers if found == "x-accel-buffering"] == ["no"]


def test_an_offer_of_h2c_is_kept_from_http2_clients(stages: Stages, version: str) -> None:
    """Up to 1.31.2 nginx passes an origin's Upgrade header on, which HTTP/2 forbids."""
    answer = stages.get(version, "tls").get("/ws", script='json header="Upgrade: h2c"')

    assert answer.status == 200
    assert answer.header("upgrade") is None


# ---- nginx's own answers ----

CHUNKS = b"Transfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n"
BAD = {
    "unknown path": (b"GET /nope HTTP/1.1\r\nHost: %h\r\nConnection: close\r\n\r\n", 404),
    "unknown host": (b"GET /ws HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n", 404),
    "method": (b"POST /get HTTP/1.1\r\nHost: %h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 405),
    "trace": (b"TRACE /ws HTTP/1.1\r\nHost: %h\r\nConnection: close\r\n\r\n", 405),
    "body": (b"POST /small HTTP/1.1\r\nHost: %h\r\nConnection: close\r\nContent-Length: 11\r\n\r\n12345678901", 413),
    "large body": (b"POST /small HTTP/1.1\r\nHost: %h\r\nConnection: close\r\nContent-Length: 99000000\r\n\r\n", 413),
    "stream": (b"POST /small-stream HTTP/1.1\r\nHost: %h\r\nConnection: close\r\n" + CHUNKS, 413),
    "origin down": (b"GET /down HTTP/1.1\r\nHost: %h\r\nConnection: close\r\n\r\n", 502),
    "origin silent": (b"GET /slow HTTP/1.1\r\nHost: %h\r\nConnection: close\r\nX-Origin-Script: hang\r\n\r\n", 504),
    "garbage": (b"GARBAGE\r\n\r\n", 400),
    "no host": (b"GET /ws HTTP/1.1\r\n\r\n", 400),
    "bad host": (b"GET /ws HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "bad escape": (b"GET /%%zz HTTP/1.1\r\nHost: %h\r\n\r\n", 400),
    "above the root": (b"GET /../x HTTP/1.1\r\nHost: %h\r\n\r\n", 400),
    "bad length": (b"GET /ws HTTP/1.1\r\nHost: %h\r\nContent-Length: x\r\n\r\n", 400),
    "long line": (b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: %h\r\n\r\n", 414),
    "long header": (b"GET /ws HTTP/1.1\r\nHost: %h\r\nX-Long: " + b"a" * 40000 + b"\r\n\r\n", 431),
    "version": (b"GET /ws HTTP/3.1\r\nHost: %h\r\n\r\n", 505),
    "coding": (b"POST /ws HTTP/1.1\r\nHost: %h\r\nConnection: close\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_nginx_answers_with_json_and_the_status_it_means(stage: Stage, name: str) -> None:
    """Never a page of HTML, not even for what is no request; and never a 500 in place of a 400."""
    request, status = BAD[name]
    data = stage.nginx.ask(request.replace(b"%h", HOST.encode()).replace(b"%%", b"%"))
    head, _, body = data.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % status), data[:300]
    assert b"Content-Type: application/json" in head
    assert b"Cache-Control: no-store" in head
    told = json.loads(body)["error"]
    assert told["status"] == status
    assert told["reason"] == (reasons.UNKNOWN_HOST if name == "unknown host" else reasons.BY_STATUS.get(status, "-"))
    assert (b"\r\nAllow: GET, HEAD\r\n" in head) == (name == "method")


@pytest.mark.parametrize(
    ("target", "method", "status"), [("/nope", "GET", 404), ("/get", "POST", 405), ("/down", "GET", 502)]
)
def test_nginx_answers_with_json_over_http2(
    stages: Stages, version: str, target: str, method: str, status: int
) -> None:
    """The same over TLS and HTTP/2."""
    answer = stages.get(version, "tls").get(target, method=method)

    assert (answer.status, answer.header("content-type")) == (status, "application/json")
    assert json.loads(answer.body)["error"]["status"] == status


def test_a_large_body_for_nobody_is_told_in_json(stages: Stages, version: str) -> None:
    """Where unknown paths have pages for gRPC clients, the other answers are still there."""
    client = stages.get(version, "tls").client("2")
    with client.request("/nope", [("Content-Length", "2000000")], method="POST", body=None) as call:
        answer = call.answer()

    assert (answer.status, answer.header("content-type")) == (413, "application/json")


def test_plain_http_on_the_tls_port_is_told_in_json(stages: Stages, version: str) -> None:
    """What nginx calls 497 is a 400 for everybody else."""
    data = stages.get(version, "tls").nginx.ask(f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\n\r\n")

    assert data.startswith(b"HTTP/1.1 400 ")
    assert b'{"error":{"status":400' in data


def test_what_the_origin_says_goes_through(stage: Stage) -> None:
    """Its own errors, with their body."""
    for status in (400, 404, 429, 500, 502, 503):
        answer = stage.get("/ws", script=f'text status={status}; raw "mine"')

        assert (answer.status, answer.body) == (status, b"mine")


def test_the_access_log_has_the_method_that_was_asked(stage: Stage) -> None:
    """Though nginx answers errors in another location, with a GET."""
    stage.get("/get", method="POST", body=b"x")

    assert re.search(r'"POST /get HTTP/1.1" 405 ', stage.nginx.read("/var/log/nginx/access.log"))


# ---- gRPC ----


def test_grpc_clients_read_nginx_s_answers(stages: Stages, version: str) -> None:
    """All four kinds, in clear text (1.22: on a port of its own) and over TLS."""
    for kind, transport in (("grpc", "h2c"), ("tls", "2")):
        stage = stages.get(version, kind)
        with Stub(stage.client(transport, HOST)) as stub:  # type: ignore[arg-type]
            assert stub.unary("Unary", b"x").data == [b"x"]
            assert stub.unary("/down.Calls/Unary").code == "UNAVAILABLE"
            assert stub.server_stream("/down.Calls/ServerStream").result().code == "UNAVAILABLE"
            bidi = stub.bidi("/down.Calls/Bidi")
            bidi.send(b"1")
            assert bidi.result().code == "UNAVAILABLE"
            refused = stub.unary("/small.Calls/Unary", b"y" * 200)
            assert (refused.code, "too large" in refused.details) == ("RESOURCE_EXHAUSTED", True)
            assert [stub.unary("/rare.Calls/Unary").code for _ in range(2)] == ["OK", "UNAVAILABLE"]
            assert stub.unary("/unknown.Calls/Unary").code == "UNIMPLEMENTED"
            assert stub.unary("Fail").code == "FAILED_PRECONDITION"


# ---- CORS ----

APP = ("Origin", "https://app.example")


def _cors(answer: Answer) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in answer.headers:
        if name.lower().startswith("access-control-"):
            found.setdefault(name.lower().removeprefix("access-control-"), []).append(value)
    return found


def test_a_preflight_is_answered_here(stage: Stage) -> None:
    """204 with all that the browser asks for, and the origin hears nothing of it."""
    before = len(stage.arrivals("/cors-get"))
    ask = (APP, ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "authorization,x-y"))
    answer = stage.get("/cors-get", *ask, method="OPTIONS")

    assert (answer.status, answer.body) == (204, b"")
    assert _cors(answer) == {
        "allow-origin": ["https://app.example"], "allow-credentials": ["true"], "allow-methods": ["GET, HEAD, OPTIONS"],
        "allow-headers": ["authorization,x-y"], "max-age": ["600"],
    }  # fmt: skip
    assert len(stage.arrivals("/cors-get")) == before
    foreign = stage.get("/cors-get", ("Origin", "https://evil.example"), *ask[1:], method="OPTIONS")
    assert (foreign.status, "allow-origin" in _cors(foreign)) == (204, False)


def test_cors_headers_are_there_once_and_only_for_allowed_origins(stage: Stage) -> None:
    """The origin's own are replaced; credentials never go with any origin."""
    own = 'json header="Access-Control-Allow-Origin: *" header="Access-Control-Allow-Credentials: true" header="Vary: Accept"'
    answer = stage.get("/cors", APP, script=own)

    cors = _cors(answer)
    assert (cors["allow-origin"], cors["allow-credentials"]) == (["https://app.example"], ["true"])
    assert "Origin" in str(answer.header("vary"))
    assert (
        not {"allow-origin", "allow-credentials"}
        & _cors(stage.get("/cors", ("Origin", "https://evil.example"), script=own)).keys()
    )
    anyone = _cors(stage.get("/cors-any", APP, script=own))
    assert (anyone["allow-origin"], "allow-credentials" in anyone) == (["*"], False)


def test_a_page_may_read_nginx_s_own_answers(stage: Stage) -> None:
    """Without CORS headers on a 429, a 413 or a 502 a browser shows the page nothing at all."""
    assert _cors(stage.get("/cors-down", APP))["allow-origin"] == ["https://app.example"]
    with stage.client().request("/cors", [APP, ("Content-Length", "99000000")], method="POST", body=None) as call:
        large = call.answer()
    assert (large.status, _cors(large)["allow-origin"]) == (413, ["https://app.example"])
    answers = [stage.get("/cors", APP) for _ in range(40)]
    assert answers[-1].status == 429
    assert _cors(answers[-1])["allow-origin"] == ["https://app.example"]
    assert json.loads(answers[-1].body)["error"]["status"] == 429


# ---- WebSocket ----


def test_a_socket_is_for_pages_of_allowed_origins(stage: Stage) -> None:
    """A page of another site must not open it; clients that are no browsers send no Origin."""
    for headers in ((), (APP,)):
        with open_socket(stage.client(), "/socket", headers, script="ws; echo") as socket:
            socket.send("x")
            assert socket.receive() == "x"
    for origin in ("https://evil.example", "null"):
        with pytest.raises(Refused) as refused:
            open_socket(stage.client(), "/socket", [("Origin", origin)])
        assert refused.value.status == 403


def test_only_websocket_is_upgraded(stage: Stage) -> None:
    """`Upgrade: h2c` would be a tunnel past every rule."""
    for path in ("/socket", "/ws"):
        seen = stage.seen(
            path, ("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")
        )
        assert not {"upgrade", "connection"} & seen.keys()


# ---- affinity ----


def test_a_cookie_leads_back_to_the_same_server(stage: Stage) -> None:
    """It is set on the first answer, on a handshake as well, and never again; other clients are spread."""
    servers = set()
    for _ in range(12):
        marker = f"/cookie?{time.monotonic_ns()}"
        first = stage.get(marker)
        cookie = str(first.header("set-cookie"))
        assert re.fullmatch(r"sid=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax", cookie)
        again = [stage.get(marker, ("Cookie", cookie.partition(";")[0])) for _ in range(3)]
        assert all(answer.header("set-cookie") is None for answer in again)
        where = {
            origin for origin in (stage.origin, stage.other) if any(e.target == marker for e in origin.exchanges())
        }
        assert len(where) == 1
        servers |= where
    assert len(servers) == 2
    with open_socket(stage.client(), "/open-socket", script="ws; echo") as socket:
        assert str(socket.connection.response.headers["set-cookie"]).startswith("sid=")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("target", "header", "spreads"),
    [
        ("/header?{}", "X-Session", True),
        ("/room?room={}", "", True),
        ("/address?{}", "", False),
        ("/room?{}", "", False),
    ],
)
def test_what_tells_clients_apart_leads_to_the_same_server(
    stage: Stage, target: str, header: str, spreads: bool
) -> None:
    """A header, an argument, the address; who brings none of the first two is told apart by the address."""
    servers = set()
    for number in range(12):
        marker = target.format(f"{number}-{time.monotonic_ns()}")
        for _ in range(2):
            assert stage.get(marker, *([(header, f"s{number}")] if header else [])).status == 200
        where = {
            origin for origin in (stage.origin, stage.other) if any(e.target == marker for e in origin.exchanges())
        }
        assert len(where) == 1, marker
        servers |= where
    assert (len(servers) == 2) == spreads


# ---- limits ----


def test_limits_count_for_each_route(stage: Stage) -> None:
    """One route's requests leave another's limit alone; what is too much is told with 429."""
    first = [stage.get("/rate-1").status for _ in range(4)]
    second = [stage.get("/rate-2").status for _ in range(2)]

    assert first == [200, 200, 429, 429]
    assert second == [200, 429]


def test_a_client_has_so_many_streams_at_once(stage: Stage) -> None:
    """The third is refused while two are open; when one ends there is room."""
    key = f"many-{stage.version}"
    script = f"key {key}; sse; event; gate {key}"
    calls = [stage.client().request("/streams", script=script) for _ in range(2)]
    try:
        assert [call.head().status for call in calls] == [200, 200]
        assert stage.get("/streams").status == 429
        stage.origin.open(key)
        assert all(call.answer().end == "clean" for call in calls)
        assert stage.get("/streams").status == 200
    finally:
        for call in calls:
            call.close()


# ---- the shared cache ----


def _burst(stage: Stage, target: str, script: str, *headers: tuple[str, str], count: int = 12) -> tuple[int, float]:
    """How many of so many requests at once reached the origin, and how long the last one took."""
    before = len(stage.arrivals(target))
    started = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda _: stage.get(target, *headers, script=script), range(count)))
    assert all(answer.status in (200, 500) for answer in answers)
    return len(stage.arrivals(target)) - before, time.monotonic() - started


def test_polls_share_an_answer_while_it_is_fresh(stage: Stage) -> None:
    """One request for a burst that meets no answer, and one for a burst that meets an expired one."""
    target = f"/poll/{time.monotonic_ns()}"
    cold, _ = _burst(stage, target, "wait 0.1; json")
    warm, _ = _burst(stage, target, "json")
    time.sleep(2.1)
    expired, _ = _burst(stage, target, "wait 0.3; json")

    assert (cold, warm, expired) == (1, 0, 1)


@pytest.mark.parametrize(
    "script", ['wait 0.1; json header="Set-Cookie: a=b"', "wait 0.1; json cache=no-store", "wait 0.1; json status=500"]
)
def test_answers_that_must_not_be_shared_are_not_and_nobody_waits_long(stage: Stage, script: str) -> None:
    """Set-Cookie, no-store, errors: each client its own, and the lock holds nobody for the five seconds that nginx would."""
    target = f"/poll/{time.monotonic_ns()}"
    arrived, took = _burst(stage, target, script)

    assert arrived == 12
    assert took < 2


def test_credentials_keep_a_request_out_of_the_cache(stage: Stage) -> None:
    """Authorization, cookies, the usual headers for keys and tokens, and the argument that `auth` names; even a credential of 0."""
    target = f"/poll/{time.monotonic_ns()}"
    assert _burst(stage, target, "json", ("Authorization", "0"), count=3)[0] == 3
    assert _burst(stage, target, "json", ("Cookie", "a=b"), count=3)[0] == 3
    for name in CREDENTIALS:
        assert _burst(stage, target, "json", (name, "k"), count=2)[0] == 2, name
    key = f"/poll-key/{time.monotonic_ns()}"
    for query in ("access-token=0", "a=b&Access-Token=x"):
        before = len(stage.arrivals(key))
        for _ in range(3):
            assert stage.get(f"{key}?{query}").status == 200
        assert len(stage.arrivals(key)) - before == 3
    before = len(stage.arrivals(key))
    for _ in range(3):
        stage.get(f"{key}?other-access-token=x")
    assert len(stage.arrivals(key)) - before == 1


# ---- logs ----


def test_a_token_in_the_query_stands_in_no_log(stage: Stage) -> None:
    """Whatever happens to the request: answered, origin down, silent, too large, too often, wrong method, unknown path."""
    token = f"t0k3n{time.monotonic_ns()}"
    statuses = [
        stage.get(f"/token?token={token}").status,
        stage.get(f"/token/x?token={token}", script="hang").status,
        stage.get(f"/token?token={token}", method="POST", body=b"x" * 20).status,
        stage.get(f"/token?token={token}", method="PUT").status,
        stage.get(f"/token-down?token={token}").status,
        *[stage.get(f"/token?token={token}").status for _ in range(6)],
    ]
    stage.nginx.ask(f"GET /token?token={token} HTTP/1.1\r\nHost: {HOST}\r\nBad Header\r\n\r\n")

    assert {200, 504, 413, 405, 502, 429} <= set(statuses)
    logs = stage.nginx.exec("sh", "-c", "cat /var/log/nginx/*.log")
    assert '"GET /token HTTP/1.1" 200' in logs
    assert token not in logs


# ---- streams, and what else nginx does ----


def test_an_open_stream_outlives_a_reload(stage: Stage) -> None:
    """The old worker goes on until its streams end."""
    key = f"reload-{stage.version}"
    with stage.client().request("/events", script=f"key {key}; sse; event n=3 gate={key}") as call:
        assert call.head().status == 200
        assert call.read()
        stage.nginx.exec("nginx", "-e", "stderr", "-c", str(stage.nginx.config), "-s", "reload")
        # A request on a new connection is answered by a new worker.
        deadline = time.monotonic() + 5
        while "shutting down" not in stage.nginx.exec("sh", "-c", "cat /proc/[0-9]*/cmdline"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        stage.origin.release(key, 3)
        answer = call.answer()

    assert (answer.end, answer.body.count(b"data:")) == ("clean", 2)


def test_connections_to_an_origin_are_used_again(stage: Stage) -> None:
    """Two requests one after the other share one."""
    connections = set()
    for number in range(4):
        target = f"/ws/again/{number}/{time.monotonic_ns()}"
        stage.get(target)
        connections |= {one.connection for one in stage.arrivals(target)}

    # nginx has a pool in each worker.
    assert len(connections) < 4


def test_http2_clients_get_events_one_by_one(stages: Stages, version: str) -> None:
    """Over TLS, on every version; each event before the next is released."""
    stage = stages.get(version, "tls")
    key = f"h2-{version}"
    with stage.client("2").request(
        "/events", [("Accept-Encoding", "gzip")], script=f"key {key}; sse; event n=3 gate={key}"
    ) as call:
        for number in range(1, 4):
            piece = call.read()
            assert piece
            assert f"data: {number}".encode() in piece.data
            stage.origin.release(key)
        assert call.answer().end == "clean"


def test_one_port_speaks_http1_and_http2(stages: Stages, version: str) -> None:
    """TLS always; clear text from 1.25.1 on, where the config says that both are offered."""
    tls = stages.get(version, "tls")
    assert [tls.client(transport).get("/ws").status for transport in ("http/1.1+tls", "2")] == [200, 200]
    if facts.has(version, "cleartext_http1_and_2"):
        clear = stages.get(version)
        assert [clear.client(transport).get("/ws").status for transport in ("http/1.1", "h2c")] == [200, 200]


# ---- beside other sites, and under other users ----

FOREIGN = """\
events {{}}
http {{
    gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1;
    proxy_buffering on; proxy_buffers 16 256k; proxy_buffer_size 64k; proxy_busy_buffers_size 1m;
    proxy_temp_file_write_size 512k; proxy_max_temp_file_size 2048m;
    proxy_cache_path /tmp/foreign keys_zone=foreign:1m; proxy_cache foreign; proxy_cache_valid any 1h;
    proxy_ignore_headers Cache-Control; proxy_set_header Host foreign; proxy_set_header Connection close;
    proxy_read_timeout 1s; proxy_http_version 1.0; send_timeout 1s; proxy_connect_timeout 1s; client_body_timeout 1s;
    proxy_intercept_errors on; error_page 404 500 502 /foreign.html; proxy_ignore_client_abort on;
    limit_rate 100; proxy_limit_rate 100; chunked_transfer_encoding off; tcp_nodelay off; keepalive_timeout 0;
    proxy_next_upstream error timeout non_idempotent http_500; client_max_body_size 1k; proxy_request_buffering on;
    add_header X-Foreign yes; default_type text/plain; types {{ text/html html; }} {http2}
    server {{ listen {port} default_server; server_name foreign.example; return 418; }}
    include {site};
}}
"""
SITE = """\
hosts: {hosts}
listen: {{port: {port}}}
targets: {{nginx: {{version: "{version}", layout: site}}}}
upstreams: {{two: {{servers: ["http://127.0.0.1:{one}", "http://127.0.0.1:{two}"]}}}}
routes:
  - {{path: /events, protocol: sse, upstream: two}}
  - {{path: /socket, protocol: websocket, upstream: two}}
  - {{path: /plain, upstream: two}}
  - {{path: /poll, protocol: poll, upstream: two}}
"""


@pytest.mark.parametrize("hosts", [f"[{HOST}]", "['*']"])
def test_a_site_is_deaf_to_what_others_set_around_it(
    origins: tuple[Origin, Origin], authority: Authority, version: str, tmp_path: Path, hosts: str
) -> None:
    """Compression, buffering, caching, rate limits, timeouts, headers and pages of a hostile http block reach no stream."""
    one, two = origins
    port = free_port()
    site = tmp_path / "site.conf"
    text = SITE.format(hosts=hosts, port=port, version=version, one=one.port, two=two.port)
    site.write_text(text_of(written(spec_of(text))))
    main = FOREIGN.format(port=port, site=site, http2="http2 on;" if facts.has(version, "http2_directive") else "")
    with nginx_engine.running(version, main, tmp_path / "run", port, tmp_path) as nginx:
        stage = Stage(version, nginx, one, two, authority.ca)
        key = f"site-{version}-{hosts}".replace("*", "any").translate(str.maketrans("", "", "[]'"))
        with stage.client().request(
            "/events", [("Accept-Encoding", "gzip")], script=f"key {key}; sse; event n=3 gate={key}"
        ) as call:
            assert call.head().header("content-encoding") is None
            for number in range(1, 4):
                piece = call.read()
                assert piece
                assert f"data: {number}".encode() in piece.data
                for origin in origins:
                    origin.release(key)
        with open_socket(stage.client(), "/socket", script="ws; echo") as socket:
            socket.send("x")
            assert socket.receive() == "x"
        marker = f"/plain/{time.monotonic_ns()}"
        seen = [stage.seen(marker) for _ in range(3)]
        assert len(stage.arrivals(marker)) == 3
        assert seen[0]["host"] == f"{HOST}:{port}"
        assert _burst(stage, f"/poll/{time.monotonic_ns()}", "json cache=no-store", count=4)[0] == 4
        assert stage.get("/plain", script='text status=500; raw "mine"').body == b"mine"
        assert stage.get("/nope.html").header("content-type") == "application/json"
        other = Client(("127.0.0.1", port), host="foreign.example", timeout=5)
        assert other.get("/").status == 418


def test_a_worker_that_is_not_root_serves_as_well(
    origins: tuple[Origin, Origin], authority: Authority, version: str, tmp_path: Path
) -> None:
    """Without root nginx cannot raise its limit on files: it says so, and goes on."""
    one, two = origins
    port = free_port()
    text = SPEC.format(
        host=HOST, port=port, tls="", version=version, one=one.port, two=two.port, nobody=free_port(), routes=ROUTES
    )
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.name.startswith("pytest"):
            parent.chmod(0o755)
    config = text_of(written(spec_of(text.replace("streams: 500", "streams: 30000"))))
    with nginx_engine.running(version, config, tmp_path / "run", port, user=12345) as nginx:
        stage = Stage(version, nginx, one, two, authority.ca)
        assert stage.get("/ws").status == 200
        assert stage.get(f"/poll/{time.monotonic_ns()}").status == 200
        assert "setrlimit" in nginx.read("/var/log/nginx/error.log")


# ---- addresses ----


def test_both_families_are_served_and_told_apart(version: str, tmp_path: Path) -> None:
    """`::` means IPv4 too, whose clients keep their own addresses; one address means that one alone."""
    need_ipv6()
    port, origin_port = free_port(), free_port()
    spec = "listen: {{address: '{address}', port: {port}}}\ntargets: {{nginx: {{version: '{version}'}}}}\n"
    spec += "upstreams: {{a: 'http://127.0.0.1:{origin}'}}\nroutes: [{{path: /, upstream: a}}]\n"
    with envoy_lab.origin(origin_port):
        for address, peers in (("::", {"127.0.0.1", "::1"}), ("::1", {"::1"}), ("127.0.0.1", {"127.0.0.1"})):
            text = text_of(
                written(spec_of(spec.format(address=address, port=port, version=version, origin=origin_port)))
            )
            with nginx_engine.running(version, text, tmp_path / f"on-{len(peers)}", port, at=min(peers)):
                assert envoy_lab.seen_from(port) == peers


class Names:
    """A DNS server that knows one name, for a second each time; nobody answers for it by IPv6."""

    def __init__(self) -> None:
        """It says 127.0.0.1 until told otherwise."""
        self.address = "127.0.0.1"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self._asked: Queue[str] = Queue()
        self._thread = Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """No more."""
        self.socket.sendto(b"", self.socket.getsockname())
        self._thread.join()
        self.socket.close()

    def _serve(self) -> None:
        while True:
            query, client = self.socket.recvfrom(512)
            if not query:
                return
            # The question, which ends with type and class: 1 asks for an IPv4 address.
            question = query[12 : query.index(b"\0", 12) + 5]
            wanted = question[-4:-2] == b"\0\1"
            address = self.address
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(address) if wanted else b""
            counts = b"\0\1" + (b"\0\1" if wanted else b"\0\0") + bytes(4)
            self.socket.sendto(query[:2] + b"\x81\x80" + counts + question + answer, client)
            if wanted:
                self._asked.put(address)

    def know(self, address: str) -> None:
        """Say that address from now on, and wait until nginx has heard it: it asks again when that answer's time is over."""
        self.address = address
        for _ in range(2):
            while self._asked.get(timeout=30) != address:
                pass


def test_a_name_that_moves_is_followed(tmp_path: Path) -> None:
    """With a DNS server in the spec, an origin that comes back with another address gets the requests."""
    nginx_engine.image("1.30")
    port, origin_port = free_port(), free_port()
    spec = f"listen: {{port: {port}}}\ntargets: {{nginx: {{resolver: [127.0.0.53]}}}}\n"
    spec += f"upstreams: {{a: 'http://origin.example:{origin_port}'}}\nroutes: [{{path: /, upstream: a}}]\n"
    with ExitStack() as stack:
        names = stack.enter_context(Names())
        origins = [
            stack.enter_context(Origin.start(host=address, port=origin_port)) for address in ("127.0.0.1", "127.0.0.2")
        ]
        text = text_of(written(spec_of(spec))).replace("resolver 127.0.0.53;", f"resolver 127.0.0.1:{names.port};")
        nginx = stack.enter_context(nginx_engine.running("1.30", text, tmp_path / "nginx", port))
        for count, origin in enumerate(origins):
            names.know(origin.host)
            nginx.ask(f"GET /{count} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert [one.target for one in origin.exchanges()] == [f"/{count}"]


def test_a_dns_server_that_is_guessed_is_an_outage(tmp_path: Path) -> None:
    """So none is written that the spec does not name: nginx asks that one and nobody else, not even its own hosts file."""
    nginx_engine.image("1.30")
    port, origin_port = free_port(), free_port()
    about = f"listen: {{port: {port}}}\nupstreams: {{a: 'http://localhost:{origin_port}'}}\nroutes: [{{path: /, upstream: a}}]\n"
    guess = "targets: {nginx: {resolver: [127.0.0.53]}}\n"
    nobody = f"resolver 127.0.0.1:{free_port()};"

    with Origin.start(host="127.0.0.1", port=origin_port):
        for spec, status in ((about, "200"), (about + guess, "502")):
            text = text_of(written(spec_of(spec))).replace("resolver 127.0.0.53;", nobody)
            with nginx_engine.running("1.30", text, tmp_path / status, port) as nginx:
                answer = nginx.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                assert answer.split()[1] == status.encode()


# ---- browsers keep to HTTPS ----


def test_browsers_are_told_once_to_keep_to_https(stages: Stages, version: str) -> None:
    """In an origin's answers, in nginx's own, in those with headers of their own; and what an origin says itself stands alone."""
    stage = stages.get(version, "tls")
    year = "max-age=31536000"

    for target in ("/ws", "/down", "/nothing", "/cors-any", "/values", "/get/../x"):
        assert stage.get(target).header("strict-transport-security") == year, target
    own = stage.get("/ws", script='json header="Strict-Transport-Security: max-age=5"')
    assert own.header("strict-transport-security") == "max-age=5"
    assert stages.get(version).get("/ws").header("strict-transport-security") is None
