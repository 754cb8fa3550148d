"""Where requests end: our reading against the table of ``routing.py``, and the table against nginx itself."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator

import pytest

from proxycfg.request import Request, request_of
from proxycfg.targets.nginx.clients import Sockets
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.request import Journey, Malformed, follow, normalise
from proxycfg.targets.nginx.servers import read_http
from tests.engines.ports import free_ports
from tests.targets import nginx_engine
from tests.targets.routing import CASES, Asked, Case, config

PORT, ORIGIN_PORT = 21000, 20999


def journey(text: str, request: Request, version: str = "1.30") -> Journey:
    """A request's way through a configuration."""
    read = load_texts({"nginx.conf": text}, is_directive=opens_line)
    assert not read.problems
    http = read_http(read)[0]
    return follow(read, http, request, Sockets(http, version))


def end_of(found: Journey) -> str:
    """The upstream that gets it, the status, or ``file``."""
    if found.proxied:
        assert found.level
        handler = found.level.handler()
        assert handler
        return handler.directive.args[0].partition("://")[2]
    # No file is there.
    word = "500" if "(500 if" in found.answer else found.answer.split()[0].strip(",")
    return word if word.isdigit() else "file"


@pytest.mark.parametrize("of", CASES, ids=[case.name for case in CASES])
def test_every_request_ends_where_nginx_ends_it(of: Case) -> None:
    """Servers, locations, rewrites and internal redirects."""
    text = config((of,), [PORT], ORIGIN_PORT)
    ends = {}
    for asked in of.asked:
        headers = {name.lower(): value for name, value in asked.headers}
        request = Request("http", asked.host, PORT, asked.target, asked.method, headers, "127.0.0.1")
        ends[asked] = end_of(journey(text, request))

    assert ends == {asked: asked.end for asked in of.asked}


# ---- nginx itself ----


def ask(port: int, asked: Asked) -> tuple[str, str]:
    """The status, and the body, which is the upstream's name where an origin answered."""
    lines = [f"{asked.method} {asked.target} HTTP/1.1", f"Host: {asked.host}"]
    lines += [f"{name}: {value}" for name, value in asked.headers]
    lines += ["Content-Length: 0"] if asked.method == "POST" else []
    # HTTP/1.0 would end by itself, but knows no names.
    lines += [] if any(name == "Connection" for name, _ in asked.headers) else ["Connection: close"]
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        stream = connection.makefile("rb")
        status = stream.readline().split()[1].decode()
        length = 0
        while line := stream.readline().strip():
            if found := re.fullmatch(rb"(?i)content-length: *(\d+)", line):
                length = int(found[1])
        body = "" if asked.method == "HEAD" else stream.read(length).decode()
    return status, body


@pytest.fixture(scope="module", params=nginx_engine.VERSIONS)
def ports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """A running nginx: the port of each case."""
    with contextlib.ExitStack() as stack:
        origin, *ports = free_ports(1 + len(CASES))
        text = config(CASES, ports, origin)
        stack.enter_context(nginx_engine.running(request.param, text, tmp_path_factory.mktemp("nginx"), origin))
        yield ports


@pytest.mark.engine
@pytest.mark.parametrize("at", range(len(CASES)), ids=[case.name for case in CASES])
def test_the_table_is_what_nginx_does(ports: list[int], at: int) -> None:
    """Each request, on every version that can be run."""
    of = CASES[at]
    ends = {}
    for asked in of.asked:
        status, body = ask(ports[at], asked)
        own = "file" if asked.end == "file" and status in {"403", "404"} else status
        # A response to HEAD has no body to tell by.
        ends[asked] = asked.end if asked.method == "HEAD" and status == "200" else body if body in of.upstreams else own

    assert ends == {asked: asked.end for asked in of.asked}


# ---- paths ----


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", "/"), ("/a?b/../c", "/a"), ("/a#b", "/a"), ("/%C3%A9/", "/é/"), ("/a/.", "/a/"), ("/a/..", "/"), ("/a/b/..", "/a/"),
        ("//", "/"), ("/%2F%2Fa", "/a"), ("/a/%2E%2E/b", "/b"), ("/a/...", "/a/..."), ("/a+b", "/a+b"), ("/a%3Fb", "/a?b"),
    ],
)  # fmt: skip
def test_paths_are_decoded_and_cleaned(target: str, expected: str) -> None:
    """As locations see them."""
    assert normalise(target) == expected


@pytest.mark.parametrize("target", ["/..", "/a/../..", "/%", "/%4", "/%4g", "/%00"])
def test_paths_that_nginx_refuses(target: str) -> None:
    """Whatever the configuration says."""
    with pytest.raises(Malformed, match=r"^400 "):
        normalise(target)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "target", "address"),
    [
        ("http://a.example", "http", "a.example", 80, "/", ""),
        ("https://A.example:8443/x?y=1#z", "https", "a.example", 8443, "/x?y=1", ""),
        ("wss://a.example/ws", "https", "a.example", 443, "/ws", ""),
        ("grpc://a.example/p.S/M", "http", "a.example", 80, "/p.S/M", ""),
        ("http://127.0.0.1:8080/", "http", "127.0.0.1", 8080, "/", "127.0.0.1"),
        ("http://[::1]/", "http", "::1", 80, "/", "[::1]"),
    ],
)
def test_what_a_client_makes_of_a_url(url: str, scheme: str, host: str, port: int, target: str, address: str) -> None:
    """Scheme, host, port, and the target as it is sent."""
    found = request_of(url)

    assert (found.scheme, found.host, found.port, found.target, found.address) == (scheme, host, port, target, address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/events",
        "a.example/x",
        "ftp://a/",
        "http://",
        "http://a:b/",
        "http://a:99999/",
        "http://[::/",
        "http://a/ b",
    ],
)
def test_what_is_no_url(url: str) -> None:
    """Told with an example of one."""
    with pytest.raises(ValueError, match="is not a URL such as https://"):
        request_of(url)


# ---- listeners ----

LISTENERS = """
http {
    server { listen 80; server_name a.example; return 301 https://$host$request_uri; }
    server { listen 443 ssl; server_name a.example; location / { proxy_pass http://secure; } }
    server { listen 8080; location / { proxy_pass http://plain; } }
    server { listen 10.0.0.1:9000; server_name lan; location / { proxy_pass http://lan; } }
    server { listen 10.0.0.2:9000; server_name wan; location / { proxy_pass http://wan; } }
}
"""


@pytest.mark.parametrize(
    ("url", "end", "assumed"),
    [
        ("http://a.example/", "301", ""),
        ("https://a.example/", "secure", ""),
        ("https://b.example/", "secure", ""),
        ("http://a.example:443/", "400", ""),
        ("https://a.example:8080/", "file", ""),
        ("http://a.example:8080/", "plain", ""),
        ("http://a.example:8081/", "file", ""),
        ("http://lan:9000/", "lan", "clients are taken to connect to 10.0.0.1:9000"),
        ("http://wan:9000/", "wan", "clients are taken to connect to 10.0.0.2:9000"),
        ("http://10.0.0.2:9000/", "wan", ""),
        ("http://10.0.0.3:9000/", "file", ""),
    ],
)
def test_scheme_host_and_port_pick_the_listener(url: str, end: str, assumed: str) -> None:
    """One that nobody listens on gets no answer."""
    found = journey(LISTENERS, request_of(url))

    assert (end_of(found), "; ".join(found.assumed)) == (end, assumed)


@pytest.mark.parametrize(
    ("listen", "url", "end", "assumed"),
    [
        ("8080", "http://a.example/", "plain", "nothing listens on port 80: clients are taken to reach port 8080"),
        (
            "8080",
            "https://a.example/",
            "forwarded",
            "nothing listens on port 443: a proxy in front is taken to end TLS and to ask port 8080",
        ),
        (
            "8443 ssl",
            "https://a.example/",
            "plain",
            "nothing listens on port 443: clients are taken to reach port 8443",
        ),
        ("8080", "http://a.example:81/", "file", ""),
        (
            "unix:/run/x",
            "http://a.example/",
            "plain",
            "nothing listens on port 80: clients are taken to reach unix:/run/x",
        ),
    ],
)
def test_the_usual_port_may_be_somebody_elses(listen: str, url: str, end: str, assumed: str) -> None:
    """A port map or a balancer in front is common; a port that is written out is meant."""
    inside = "if ($http_x_forwarded_proto = https) { proxy_pass http://forwarded; } proxy_pass http://plain;"
    text = f"http {{ server {{ listen {listen}; server_name a.example; location / {{ {inside} }} }} }}"
    found = journey(text, request_of(url))

    assert (end_of(found), "; ".join(found.assumed)) == (end, assumed)


def test_a_plain_request_to_a_port_with_tls_can_be_sent_elsewhere() -> None:
    """The idiom of ``error_page 497``."""
    text = "http { server { listen 443 ssl; error_page 497 301 =307 https://$host$request_uri; location / { proxy_pass http://a; } } }"

    assert journey(text, request_of("http://a.example:443/x")).answer == "307 https://a.example/x"


# ---- what is told ----


def told(inside: str, target: str = "/", **headers: str) -> Journey:
    """The way of a request to a server that holds this."""
    return journey(f"http {{ server {{ {inside} }} }}", Request("http", "a", 80, target, headers=headers))


@pytest.mark.parametrize(
    ("inside", "assumed"),
    [
        ("location / { try_files $uri @a; } location @a { proxy_pass http://a; }", ["no file exists but what try_files ends with, so it goes there"]),
        ("location / { if ($remote_addr = 10.0.0.1) { return 403; } proxy_pass http://a; }",
         ["`if ($remote_addr = 10.0.0.1)` hangs on something that the request does not say: taken as false"]),
        ("location / { allow 10.0.0.0/8; deny all; proxy_pass http://a; }", ["`allow 10.0.0.0/8` and its kind admit the client"]),
        ("location / { rewrite (?<x>a)(?P>x) /b; proxy_pass http://a; }", ["`rewrite (?<x>a)(?P>x) /b` may match / or not (it has recursion or conditions, which are not followed here): taken not to match"]),
        ("location / { proxy_pass http://a; }", []),
    ],
)  # fmt: skip
def test_what_the_request_does_not_say_is_assumed_aloud(inside: str, assumed: list[str]) -> None:
    """Never in silence."""
    found = told(inside)

    assert (found.proxied, found.assumed) == (True, assumed)


def test_the_page_of_an_application_is_taken_to_be_there() -> None:
    """Every path that is no file leads to it."""
    found = told("location / { try_files $uri /index.html; }", "/users/7")

    assert found.answer == "the file /index.html (500 if it is not there)"


def test_side_trips_are_told() -> None:
    """They go their own way while the request waits, or goes on."""
    found = told(
        "auth_request /auth; location / { mirror /copy; proxy_pass http://a; } location = /auth { proxy_pass http://b; }"
    )

    assert [step.what for step in found.steps] == [
        "location /", "auth_request asks first: /auth (location = /auth)", "mirror sends a copy: /copy (location /)",
    ]  # fmt: skip


def test_a_location_that_may_match_is_told() -> None:
    """A pattern that takes too many steps ends in an answer all the same, and in a sentence about it."""
    found = told("location ~ ^/(a+)+$ { return 404; } location / { proxy_pass http://a; }", f"/{'a' * 40}!")

    assert found.proxied
    assert "it takes more than 50000 steps to decide): taken not to match" in found.assumed[0]
