"""Which locations of small nginx configs stream, how surely, and what says so."""

from __future__ import annotations

import pytest

from proxycfg.finding import Confidence
from proxycfg.streams import Declared, Stream, declared_by_option
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.servers import read_http
from proxycfg.targets.nginx.signs import Signs

UP = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
PASS = "proxy_pass http://127.0.0.1:3000;"
MAP = "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }"


def signs_of(server: str, *, http: str = "", declared: tuple[Declared, ...] = ()) -> Signs:
    """The signs of one server of a whole config."""
    text = f"events {{}}\nhttp {{\n{http}\nserver {{\nlisten 80;\n{server}\n}}\n}}\n"
    config = load_texts({"nginx.conf": text})
    assert not config.problems
    return Signs(read_http(config)[0], declared=declared)


def streams_of(server: str, *, http: str = "", declared: tuple[Declared, ...] = ()) -> dict[str, tuple[str, str]]:
    """Path of a location → protocol and confidence of its chief stream."""
    signs = signs_of(server, http=http, declared=declared)
    found = {place.name: signs.of(place) for place in signs.http.servers[0].locations.all()}
    return {name: (stream.protocol, stream.confidence.value) for name, stream in found.items() if stream is not None}


EXPLICIT = {
    "upgrade": ("/x", f"{UP} {PASS}", "websocket"),
    "upgrade by a constant": ("/x", f"proxy_set_header Upgrade websocket; {PASS}", "websocket"),
    "upgrade by a map": (
        "/x",
        f"proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; {PASS}",
        "websocket",
    ),
    "connection alone": ("/x", f"proxy_set_header Connection $connection_upgrade; {PASS}", "websocket"),
    "a condition": (
        "/x",
        f"if ($http_upgrade = websocket) {{ {PASS} }} proxy_pass http://127.0.0.1:4000;",
        "websocket",
    ),
    "uwsgi": ("/x", "uwsgi_param HTTP_UPGRADE $http_upgrade; uwsgi_pass 127.0.0.1:81;", "websocket"),
    "at the root": ("/", f"{UP} {PASS}", "websocket"),
    "in a regular expression": ("~ ^/(a|b)/", f"{UP} {PASS}", "websocket"),
    "grpc": ("/", "grpc_pass grpc://127.0.0.1:50051;", "grpc"),
    "unbuffered": ("/x", f"proxy_buffering off; {PASS}", "ndjson"),
    "unbuffered, on a telling path": ("/api/events", f"proxy_buffering off; {PASS}", "sse"),
    "unbuffered, a known recipe": ("/x", f"proxy_buffering off; chunked_transfer_encoding off; {PASS}", "sse"),
    "unbuffered fastcgi": ("/x", "fastcgi_buffering off; fastcgi_pass 127.0.0.1:9000;", "ndjson"),
    "a header that asks for no buffering": ("/x", f"add_header X-Accel-Buffering no; {PASS}", "sse"),
    "a default type": ("/x", f"default_type text/event-stream; {PASS}", "sse"),
    "a content type": ("/x", f"add_header Content-Type 'text/event-stream; charset=utf-8'; {PASS}", "sse"),
    "an accepted type": ("/x", f"proxy_set_header Accept text/event-stream; {PASS}", "sse"),
    "a condition on the type": (r"/x", rf"if ($http_accept ~ text\/event-stream) {{ set $a 1; }} {PASS}", "sse"),
    "lines of JSON": ("/x", f"default_type application/x-ndjson; {PASS}", "ndjson"),
    "a condition that jumps": (
        "/x",
        f"error_page 418 = @socket; if ($http_upgrade) {{ return 418; }} {PASS}",
        "websocket",
    ),
}


@pytest.mark.parametrize(("path", "body", "protocol"), EXPLICIT.values(), ids=EXPLICIT.keys())
def test_a_location_says_itself_what_it_streams(path: str, body: str, protocol: str) -> None:
    """By the directives that somebody wrote there."""
    found = streams_of(f"location {path} {{ {body} }}", http=MAP)

    assert list(found.values()) == [(protocol, "explicit")]


SILENT = {
    "a plain proxy": f"location / {{ {PASS} }}",
    "an interface": f"location /api/ {{ {PASS} proxy_set_header Host $host; proxy_http_version 1.1; proxy_set_header Connection ''; }}",
    "php": r"location / { try_files $uri /index.php; } location ~ \.php$ { fastcgi_pass unix:/run/php.sock; fastcgi_read_timeout 300; }",
    "patience alone": f"location / {{ proxy_read_timeout 1h; {PASS} }}",
    "files with a boilerplate": f"location /static/ {{ {UP} {PASS} }}",
    "pictures with a boilerplate": rf"location ~* \.(png|css|js)$ {{ {UP} {PASS} }}",
    "a calendar in PHP": "location /events { fastcgi_pass 127.0.0.1:9000; }",
    "files by a telling name": "location /events { root /srv; }",
    "a check of rights": f"location = /auth {{ internal; {UP} {PASS} }}",
    "upgrade refused": f"location /x {{ if ($http_upgrade) {{ return 400; }} {PASS} }}",
    "buffering that may be asked for": f"location /x {{ add_header X-Accel-Buffering yes; {PASS} }}",
    "upgrade taken away": f"location /x {{ proxy_set_header Upgrade ''; {PASS} }}",
    "an answer by nginx": "location /ws { return 404; }",
    "a bare port": "location / { proxy_pass http://10.0.0.1:8888; }",
    "buffering off for all": f"proxy_buffering off; location / {{ {PASS} }}",
    "an unknown variable": "location / { proxy_pass http://$arg_backend; }",
}


@pytest.mark.parametrize("server", SILENT.values(), ids=SILENT.keys())
def test_an_ordinary_site_stays_silent(server: str) -> None:
    """Nothing there tells of a stream."""
    assert streams_of(server) == {}


INFERRED = {
    "a path": (f"location /socket.io/ {{ {PASS} }}", {"/socket.io/": "websocket"}),
    "a pattern": (rf"location ~ ^/api/v\d+/chat/completions$ {{ {PASS} }}", {r"^/api/v\d+/chat/completions$": "sse"}),
    "an upstream by its port": ("location / { proxy_pass http://127.0.0.1:11434; }", {"/": "ndjson"}),
    "an upstream by its name": ("location / { proxy_pass http://homeassistant:8123; }", {"/": "websocket"}),
    "below a prefix": (
        f"location / {{ {PASS} }} location /notebooks/ {{ proxy_pass http://jupyter:8888/; }}",
        {"/notebooks/": "websocket"},
    ),
    "where the application's own path goes": (
        r"location / { proxy_pass http://mattermost:8065; } location ~ /api/v[0-9]+/(users/)?websocket$ { proxy_pass http://mattermost:8065; }",
        {r"/api/v[0-9]+/(users/)?websocket$": "websocket"},
    ),
    "through try_files": (
        "location / { try_files $uri @app; } location @app { proxy_pass http://uptime-kuma:3001; }",
        {"@app": "websocket"},
    ),
    "by variables": (
        "location / { set $app jellyfin; set $port 8096; proxy_pass http://$app:$port; }",
        {"/": "websocket"},
    ),
    "by a variable behind the name": ("location / { proxy_pass http://ollama:11434$request_uri; }", {"/": "ndjson"}),
    "an upstream's telling name": ("location /x { proxy_pass http://ws_backend; }", {"/x": "websocket"}),
    "patience on a telling path": (f"location /ws/ {{ proxy_read_timeout 1h; {PASS} }}", {"/ws/": "websocket"}),
    "patience with PHP": (
        "location /events { fastcgi_pass 127.0.0.1:9000; fastcgi_read_timeout 1h; }",
        {"/events": "sse"},
    ),
    "sse in PHP": ("location /sse { fastcgi_pass 127.0.0.1:9000; }", {"/sse": "sse"}),
}


@pytest.mark.parametrize(("server", "expected"), INFERRED.values(), ids=INFERRED.keys())
def test_paths_and_upstreams_tell(server: str, expected: dict[str, str]) -> None:
    """Of inferred streams nothing is certain."""
    found = streams_of(server, http="upstream ws_backend { server 127.0.0.1:3000; }")

    assert found == {path: (protocol, "inferred") for path, protocol in expected.items()}


def test_the_servers_of_a_group_tell_too() -> None:
    """A name of one's own for the group hides nothing."""
    found = streams_of(
        "location / { proxy_pass http://models; }", http="upstream models { server gpu-1:11434; server gpu-2:11434; }"
    )

    assert found == {"/": ("ndjson", "inferred")}


def test_inherited_upgrade_headers_count_where_they_can_be_meant() -> None:
    """On the telling path and at the root, not on every interface of the server."""
    found = streams_of(
        f"{UP} location / {{ {PASS} }} location /ws {{ {PASS} }} location /api/ {{ {PASS} }} location /sse {{ {PASS} }}"
    )

    assert found == {"/": ("websocket", "explicit"), "/ws": ("websocket", "explicit"), "/sse": ("sse", "inferred")}


def test_an_inherited_header_counts_in_the_only_location() -> None:
    """There is nothing else that it could be meant for."""
    assert streams_of(f"{UP} location /app/ {{ {PASS} }}") == {"/app/": ("websocket", "explicit")}


def test_a_location_may_carry_several_protocols() -> None:
    """The surest first; an application's socket and its completions come through the same root."""
    signs = signs_of(f"location / {{ {UP} proxy_pass http://open-webui:8080; }}")
    place = next(signs.http.servers[0].locations.all())

    assert [(each.protocol, each.confidence.value, each.mixed) for each in signs.all_of(place)] == [
        ("websocket", "explicit", True),
        ("sse", "inferred", True),
    ]


DECLARING = {
    "inside": "location /x {\n # proxycfg: protocol=sse heartbeat=15s\n %s }",
    "behind the brace": "location /x { # proxycfg: protocol=sse heartbeat=15s\n %s }",
    "on the line above": "# proxycfg: protocol=sse heartbeat=15s\nlocation /x { %s }",
    "above another comment": "# proxycfg: protocol=sse heartbeat=15s\n# the feed\nlocation /x { %s }",
    "at the end of a line": "location /x {\n %s # proxycfg: protocol=sse heartbeat=15s\n }",
    "before the brace": "location /x # proxycfg: protocol=sse heartbeat=15s\n { %s }",
}


@pytest.mark.parametrize("server", DECLARING.values(), ids=DECLARING.keys())
def test_a_comment_declares_the_location_that_it_stands_at(server: str) -> None:
    """Wherever people put it."""
    signs = signs_of("location /other { proxy_pass http://a; }\n" + server % PASS)
    found = {place.name: signs.of(place) for place in signs.http.servers[0].locations.all()}

    assert signs.problems == []
    assert found["/other"] is None
    stream = found["/x"]
    assert isinstance(stream, Stream)
    assert (stream.protocol, stream.confidence, stream.heartbeat) == ("sse", Confidence.DECLARED, 15.0)
    assert stream.span is not None


def test_a_comment_inside_a_nested_location_is_that_ones() -> None:
    """The innermost block around it."""
    found = streams_of(f"location / {{ {PASS} location /x {{\n # proxycfg: protocol=sse\n {PASS} }} }}")

    assert found == {"/x": ("sse", "declared")}


def test_ordinary_requests_can_be_declared_too() -> None:
    """Which silences what would have been taken for a stream."""
    assert streams_of(f"location /events {{\n # proxycfg: protocol=http\n {PASS} }}") == {
        "/events": ("http", "declared")
    }


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("# proxycfg: protocol=sse\nlocation /a { return 204; }\n # proxycfg: protocol=see\n", "`see` is no protocol"),
        ("# proxycfg: protocol=sse\n", "this declares nothing"),
        ("# proxycfg: protocol=sse\n\nlocation /x { return 204; }", "this declares nothing"),
    ],
)
def test_a_declaration_that_goes_astray_is_told(server: str, said: str) -> None:
    """With its place; silence would leave a stream unguarded."""
    problems = signs_of(server).problems

    assert len(problems) == 1
    assert problems[0].message.startswith(said)
    assert problems[0].excerpt.strip().startswith("# proxycfg:")


def test_options_declare_the_location_that_requests_end_in() -> None:
    """Or the one written so."""
    server = rf"location / {{ {PASS} }} location ~ ^/feed/\d+$ {{ {PASS} }} location = /exact {{ {PASS} }}"

    for option, path in (
        ("/feed/7=sse", r"^/feed/\d+$"),
        (r"^/feed/\d+$=sse", r"^/feed/\d+$"),
        ("/exact=sse", "/exact"),
        ("/any/where=sse", "/"),
    ):
        assert streams_of(server, declared=(declared_by_option(option),)) == {path: ("sse", "declared")}


def test_a_prefix_of_a_spec_declares_every_location_that_takes_a_part_of_it() -> None:
    """With and without the slash, and what is below."""
    declared = Declared(path="/events", kind="prefix", protocol="sse", hosts=("a.example.com",))
    server = f"server_name a.example.com; location = /events {{ {PASS} }} location /events/ {{ {PASS} }} location / {{ {PASS} }}"

    assert streams_of(server, declared=(declared,)) == {"/events": ("sse", "declared"), "/events/": ("sse", "declared")}


@pytest.mark.parametrize(
    ("names", "hosts", "meant"),
    [
        ("a.example.com", ("a.example.com",), True),
        ("*.example.com", ("a.example.com",), True),
        (".example.com", ("example.com",), True),
        ("a.example.com", ("*.example.com",), True),
        ("a.example.com", ("b.example.com",), False),
        ("_", ("a.example.com",), True),
        ("a.*", ("a.example.com",), True),
        ("~^a[.]", ("a.example.com",), True),
        ("~^b[.]", ("a.example.com",), False),
        ("a.example.com", (), True),
    ],
)
def test_a_spec_speaks_of_its_own_hosts(names: str, hosts: tuple[str, ...], meant: bool) -> None:
    """Patterns on either side."""
    declared = Declared(path="/x", kind="exact", protocol="sse", hosts=hosts)

    assert bool(streams_of(f"server_name {names}; location /x {{ {PASS} }}", declared=(declared,))) is meant


def test_what_no_location_answers_to_is_told() -> None:
    """A slip in an option is not a clean bill."""
    lost = declared_by_option("/gone=sse")
    signs = signs_of("location /static { root /srv; }", declared=(lost,))

    assert signs.unmatched == [lost]
