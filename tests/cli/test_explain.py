"""``proxycfg explain``: what it takes, what it prints, and with which code it ends."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from proxycfg.behavior import properties
from proxycfg.commands import Exit
from proxycfg.starter import starter
from tests.cli.conftest import Cli, process, stdin

SITE = """\
upstream app { server 127.0.0.1:8000; }
server {
    listen 8080;
    server_name chat.example.com;
    gzip on;
    location / { return 404; }
    location /events { proxy_pass http://app; }
    location /ws/ {
        proxy_pass http://app;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
    }
}
"""
MAIN = f"events {{}}\nhttp {{\n{SITE}}}\n"


def told(cli: Cli, *arguments: str) -> dict[str, Any]:
    """What it says as JSON, where nothing is wrong."""
    code, out, err = cli("explain", *arguments, "--format", "json")
    assert (code, err) == (Exit.OK, "")
    return json.loads(out)


def ends(cli: Cli, *arguments: str) -> list[Any]:
    """For each request where it ends: the path of the route, or what nginx answers."""
    found = told(cli, *arguments)["routes"]
    return [route["path"] if route["proxied"] else route["answer"].split()[0] for route in found]


@pytest.fixture(autouse=True)
def config(cli: Cli) -> None:
    """An nginx.conf in the empty folder."""
    assert cli
    Path("nginx.conf").write_text(MAIN)


# ---- what it prints ----


def test_every_route_with_every_property(cli: Cli) -> None:
    """The shape that other programs rely on."""
    found = told(cli, "nginx.conf")
    (events, ws) = found["routes"]

    assert (found["version"], found["target"], found["errors"]) == (1, "nginx", [])
    assert (events["host"], events["path"], events["match"]["kind"]) == ("chat.example.com", "/events", "prefix")
    assert events["match"]["location"] == {
        "file": "nginx.conf", "start": {"line": 9, "column": 5}, "end": {"line": 9, "column": 21},
    }  # fmt: skip
    assert list(events["behavior"]) == list(properties())
    assert events["behavior"]["upstream_idle_timeout"] == {
        "value": 60, "origin": {"kind": "default", "location": None, "text": "proxy_read_timeout 60s (default of 1.30)"},
    }  # fmt: skip
    assert ws["behavior"]["upgrade"]["value"] is True
    assert (ws["protocol"], ws["confidence"]) == ("websocket", "explicit")
    assert "request" not in events


def test_a_request_ends_in_one_route(cli: Cli) -> None:
    """In the order given; one that no origin gets is told, too."""
    routes = told(
        cli, "nginx.conf", "--url", "http://chat.example.com:8080/events/1?x=y", "--url", "http://chat.example.com:8080/ws", "--path", "/"
    )["routes"]  # fmt: skip

    assert [(each["request"], each["proxied"], each["path"]) for each in routes] == [
        ("http://chat.example.com:8080/events/1?x=y", True, "/events"),
        ("http://chat.example.com:8080/ws", False, None),
        ("http://chat.example.com:8080/", False, None),
    ]
    assert [each.get("answer") for each in routes] == [None, "301 to /ws/ (the same path with a slash)", "404"]
    assert [step["what"] for step in routes[0]["steps"]] == [
        "server chat.example.com (listen 8080)",
        "location /events",
    ]
    assert [step["what"] for step in routes[0]["near"]] == ["location /: matches, but /events is longer"]


def test_a_path_is_asked_of_the_server_that_hands_it_on(cli: Cli) -> None:
    """Not of the one that redirects everybody to TLS; a host narrows it."""
    Path("nginx.conf").write_text(
        "http { server { listen 80; server_name a.example; return 301 https://$host$request_uri; }\n"
        "server { listen 443 ssl; server_name a.example; location /x { proxy_pass http://a; } }\n"
        "server { listen 443 ssl; server_name b.example; location / { proxy_pass http://b; } } }"
    )

    assert [each["request"] for each in told(cli, "nginx.conf", "--path", "/x")["routes"]] == ["https://a.example/x"]
    assert [each["path"] for each in told(cli, "nginx.conf", "--path", "/x", "--host", "b.example")["routes"]] == ["/"]
    assert [each["host"] for each in told(cli, "nginx.conf", "--host", "B.example")["routes"]] == ["b.example"]
    assert "https://b.example/x" in told(cli, "nginx.conf", "--path", "/x")["routes"][0]["assumed"][0]


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ([], "/get"), (["--method", "post"], "/post"), (["--protocol", "grpc"], "/post"), (["--url", "ws://a.example:8080/x"], "/upgrade"),
        (["--header", "X-Mode: b"], "/header"), (["--method", "PUT"], "403"),
    ],
)  # fmt: skip
def test_a_request_is_what_its_protocol_sends(cli: Cli, more: list[str], end: str) -> None:
    """Method and headers decide where it ends."""
    Path("nginx.conf").write_text(
        "http { server { listen 8080; location /x {\n"
        "if ($http_x_mode = b) { rewrite ^ /header last; }\n"
        "if ($http_upgrade) { rewrite ^ /upgrade last; }\n"
        "if ($request_method = POST) { rewrite ^ /post last; }\n"
        "if ($request_method = PUT) { return 403; }\n"
        "rewrite ^ /get last; }\n"
        + "".join(f"location /{name} {{ proxy_pass http://a; }}\n" for name in ("get", "post", "upgrade", "header"))
        + "} }"
    )
    asked = [] if "--url" in more else ["--url", "http://a.example:8080/x"]

    assert ends(cli, "nginx.conf", *asked, *more) == [end]


def test_a_protocol_adds_need_and_verdict(cli: Cli) -> None:
    """For every property that the protocol cares about."""
    route = told(cli, "nginx.conf", "--path", "/events", "--protocol", "sse")["routes"][0]
    idle, upgrade = route["behavior"]["upstream_idle_timeout"], route["behavior"]["upgrade"]

    assert (route["protocol"], route["confidence"]) == ("sse", "declared")
    assert (idle["need"], idle["verdict"]) == ({"between": [3600, None]}, "fail")
    assert idle["why"]
    assert "verdict" not in upgrade


def test_a_listener_decides_how_a_stream_fares(cli: Cli) -> None:
    """The scheme picks it, so the same location differs."""
    Path("nginx.conf").write_text(
        "http { server { listen 80; listen 443 ssl; http2 on; location / { proxy_pass http://a; } } }"
    )
    plain, secure = told(cli, "nginx.conf", "--url", "http://a/", "--url", "https://a/", "--nginx-version", "1.26")[
        "routes"
    ]

    assert plain["behavior"]["stalls_on"]["value"] != secure["behavior"]["stalls_on"]["value"]


def test_the_same_file_in_two_servers_is_two_routes(cli: Cli) -> None:
    """Each with what is in force around it."""
    Path("part.conf").write_text("location / { proxy_pass http://a; }")
    Path("nginx.conf").write_text(
        "http { server { listen 81; proxy_read_timeout 5s; include part.conf; }\n"
        "server { listen 82; proxy_read_timeout 7s; include part.conf; } }"
    )
    routes = told(cli, "nginx.conf", "--url", "http://a:81/", "--url", "http://a:82/")["routes"]

    assert [route["behavior"]["upstream_idle_timeout"]["value"] for route in routes] == [5, 7]


# ---- what it takes ----


def test_a_folder_a_file_and_standard_input_are_the_same(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the name of the file."""
    behaviors = [[route["behavior"] for route in told(cli, ".")["routes"]]]
    behaviors.append([route["behavior"] for route in told(cli, "nginx.conf")["routes"]])
    stdin(monkeypatch, MAIN.encode())
    behaviors.append([route["behavior"] for route in told(cli, "-")["routes"]])
    texts = [json.dumps(each).replace("<stdin>", "nginx.conf") for each in behaviors]

    assert texts[0] == texts[1] == texts[2]


def test_a_dump_is_taken_apart(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The output of ``nginx -T``, whatever stands before it; its files keep their names, and the version of ``nginx -V`` counts."""
    dump = (
        "nginx version: nginx/1.22.1\nnginx: configuration file /etc/nginx/nginx.conf test is successful\n"
        "# configuration file /etc/nginx/nginx.conf:\nhttp { include conf.d/*.conf; }\n\n"
        f"# configuration file /etc/nginx/conf.d/a.conf:\n{SITE}\n"
    )
    stdin(monkeypatch, dump.encode())
    found = told(cli, "-")

    assert [route["match"]["location"]["file"] for route in found["routes"]] == ["/etc/nginx/conf.d/a.conf"] * 2
    assert (found["target_version"], found["target_version_from"]) == ("1.22.1", "<stdin>:1")


def test_a_site_file_is_read_with_what_is_assumed(cli: Cli) -> None:
    """Nginx's defaults stand around it."""
    Path("site").write_text(SITE)
    found = told(cli, "site")

    assert [route["path"] for route in found["routes"]] == ["/events", "/ws/"]
    assert found["assumed"] == [
        "site has no http block: it is read as a file that nginx.conf includes in its http block, with nginx's defaults around it"
    ]


@pytest.mark.parametrize("name", ["conf.d/a.conf", "sites-enabled/a", "a.conf", "http.d/a.conf"])
def test_a_folder_of_sites(cli: Cli, name: str) -> None:
    """Where distributions keep them; backups are not sites."""
    Path("nginx.conf").unlink()
    Path("etc").mkdir()
    (Path("etc") / name).parent.mkdir(exist_ok=True)
    (Path("etc") / name).write_text(SITE)
    (Path("etc") / f"{name}.bak").write_text("nonsense {")

    assert len(told(cli, "etc")["routes"]) == 2


def test_sites_join_the_main_file_that_is_given_with_them(cli: Cli) -> None:
    """What it says in http holds for them; what it includes anyway is not read twice."""
    Path("nginx.conf").write_text("http { proxy_read_timeout 9s; include in.conf; }")
    Path("in.conf").write_text("server { listen 1; location /in { proxy_pass http://a; } }")
    Path("out.conf").write_text("server { listen 2; location /out { proxy_pass http://a; } }")
    found = told(cli, "nginx.conf", "in.conf", "out.conf")

    assert [(each["path"], each["behavior"]["upstream_idle_timeout"]["value"]) for each in found["routes"]] == [
        ("/in", 9),
        ("/out", 9),
    ]
    assert found["assumed"] == ["out.conf: not included by the main file, read as if its http block did so at its end"]


def test_site_files_without_a_main_file_are_read_together(cli: Cli) -> None:
    """The upstreams of the one are those of the other."""
    Path("up.conf").write_text("upstream app { ip_hash; server 10.0.0.1; server 10.0.0.2; }")
    Path("site.conf").write_text("server { location / { proxy_pass http://app; } }")
    (route,) = told(cli, "up.conf", "site.conf")["routes"]

    assert route["behavior"]["session_affinity"]["value"] == "ip"


def test_two_main_files_are_two_configurations(cli: Cli) -> None:
    """A request ends in the first of them in which an origin gets it."""
    Path("other.conf").write_text("http { server { listen 9000; location /other { proxy_pass http://b; } } }")

    assert [each["path"] for each in told(cli, "nginx.conf", "other.conf")["routes"]] == ["/events", "/ws/", "/other"]
    assert ends(cli, "nginx.conf", "other.conf", "--path", "/other", "--path", "/events") == ["/other", "/events"]


def test_a_generated_config_names_the_route_of_the_spec(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its protocol, and the version that it was made for."""
    del monkeypatch
    Path("starter.yaml").write_text(starter())
    process("generate", "starter.yaml", "--target", "nginx", "--out", "made")
    found = told(cli, "made/nginx/nginx.conf")

    assert {(route["spec_route"], route["protocol"], route["confidence"]) for route in found["routes"]} == {
        ("/v1/chat/completions", "sse", "declared"), ("/voice/ws", "websocket", "declared"), ("/chat.v1.ChatService/", "grpc", "declared"),
        ("/jobs", "poll", "declared"), ("/", "http", "declared"),
    }  # fmt: skip
    assert found["target_version"] == "1.30"


# ---- which version ----


@pytest.mark.parametrize(
    ("head", "options", "version", "said_by"),
    [
        ("", [], "1.30", "the newest stable one; --nginx-version states another"),
        ("# nginx 1.22", [], "1.22", "nginx.conf:1"),
        ("\n  # nginx/1.26.3 (Debian)", [], "1.26.3", "nginx.conf:2"),
        ("# nginx version: 1.18.0", [], "1.18.0", "nginx.conf:1"),
        ("# since nginx 1.9 this is so", [], "1.30", "the newest stable one; --nginx-version states another"),
        ("# nginx 1.22", ["--nginx-version", "1.26.2"], "1.26.2", "--nginx-version"),
        ("# nginx 1.22", ["--nginx-binary", "./nginx"], "1.24.0", "`./nginx -v`"),
    ],
)
def test_the_version(cli: Cli, head: str, options: list[str], version: str, said_by: str) -> None:
    """As somebody states it, as a binary or a comment says, or the newest stable one."""
    Path("nginx.conf").write_text(f"{head}\n{MAIN}")
    Path("nginx").write_text("#!/bin/sh\ntest \"$1\" = -v && echo 'nginx version: nginx/1.24.0' >&2\n")
    Path("nginx").chmod(stat.S_IRWXU)
    found = told(cli, "nginx.conf", *options)

    assert (found["target_version"], found["target_version_from"], found["assumed"]) == (version, said_by, [])


@pytest.mark.parametrize("minor", range(18, 32))
def test_defaults_are_those_of_the_version(cli: Cli, minor: int) -> None:
    """What nginx speaks to origins changed in 1.29.7, and with it what reaches them and what flows."""
    (route,) = told(cli, "nginx.conf", "--path", "/events", "--nginx-version", f"1.{minor}")["routes"]
    (old,) = told(cli, "nginx.conf", "--path", "/events", "--nginx-version", f"1.{minor}.6")["routes"]

    def found(of: Any) -> tuple[Any, ...]:
        names = ("upstream_http_version", "upstream_connection_header")
        return (*(of["behavior"][name]["value"] for name in names), of["behavior"][names[0]]["origin"]["text"])

    before, after = ("1.0", "close"), ("1.1", None)
    assert found(route)[:2] == (after if minor >= 29 else before)
    assert found(old)[:2] == (after if minor >= 30 else before)
    assert found(old)[2] == f"proxy_http_version {found(old)[0]} (default of 1.{minor}.6)"


def test_a_version_that_is_not_known_becomes_the_nearest(cli: Cli) -> None:
    """Told, as it is no more than a guess."""
    Path("nginx.conf").write_text(f"# nginx 1.10\n{MAIN}")
    found = told(cli, "nginx.conf")

    assert (found["target_version"], found["assumed"]) == (
        "1.18",
        ["nginx.conf:1 says nginx 1.10, which is not known here: read as 1.18"],
    )


def test_no_program_is_run_because_a_file_says_so(cli: Cli) -> None:
    """Settings may lie in the folder of somebody who must not be trusted."""
    Path(".proxycfg.toml").write_text('[explain]\nnginx-binary = "./nginx"\n')
    Path("nginx").write_text("#!/bin/sh\ntouch ran\n")
    Path("nginx").chmod(stat.S_IRWXU)
    code, _, err = cli("explain", "nginx.conf")

    assert (code, Path("ran").exists()) == (Exit.USAGE, False)
    assert "nginx-binary" in err


# ---- what is wrong ----


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nginx.conf", "--nginx-version", "1.17"], "--nginx-version: 1.17 is not known: write one from 1.18 to 1.31, such as 1.26 or 1.26.2"),
        (["nginx.conf", "--nginx-version", "2.0"], "--nginx-version: 2.0 is not known"),
        (["nginx.conf", "--nginx-version", "new"], "--nginx-version: new is not a version"),
        (["nginx.conf", "--nginx-version", "1.26.2.1"], "--nginx-version: 1.26.2.1 is not a version"),
        (["nginx.conf", "--nginx-binary", "./nowhere"], "--nginx-binary ./nowhere: cannot run it: No such file or directory"),
        (["nginx.conf", "--nginx-binary", sys.executable], "is not a version"),
        (["nginx.conf", "--nginx-binary", "x", "--nginx-version", "1.26"], "leave one out"),
        (["nginx.conf", "--url", "/events"], "--url: '/events' is not a URL such as https://"),
        (["nginx.conf", "--path", "events"], "--path events: must start with /"),
        (["nginx.conf", "--protocol", "sze"], "--protocol sze: not known; write one of "),
        (["nginx.conf", "--format", "xml"], "--format xml: not known; write one of text, json"),
        (["nginx.conf", "--header", "x"], "--header 'x': write `Name: value`"),
        (["nowhere.conf"], "nowhere.conf:1:1: cannot read: No such file or directory"),
        (["empty"], "empty:1:1: no config in this folder: looked for *.conf"),
        (["binary"], "binary:2:2: a NUL byte: this is no text"),
        (["text"], "text:1:1: this is no config of nginx"),
        (["template"], "template:2:17: this is a template of a config"),
        (["pipe"], "pipe:1:1: cannot read: not a plain file"),
        ([], "which configs? Give their paths"),
    ],
)  # fmt: skip
def test_bad_usage_and_unreadable_input(cli: Cli, arguments: list[str], said: str) -> None:
    """Exit code 2, and one clear message; nothing on standard output."""
    Path("empty").mkdir()
    Path("binary").write_bytes(b"\x7fELF\n\x01\x00\x02")
    Path("text").write_text("Dear Sir,\nhello: world\n")
    Path("template").write_text("location / {\n    proxy_pass {{ $BASE }}/;\n}\n")
    os.mkfifo("pipe")
    code, out, err = cli("explain", *arguments)

    assert (code, out) == (Exit.USAGE, "")
    assert said in err
    assert "Traceback" not in err


def test_what_is_wrong_is_a_part_of_the_json(cli: Cli) -> None:
    """Beside the words on standard error."""
    code, out, err = cli("explain", "nowhere.conf", "--format", "json")

    assert code == Exit.USAGE
    assert json.loads(out)["errors"][0]["message"] == "cannot read: No such file or directory"
    assert err.startswith("nowhere.conf:1:1: cannot read")


@pytest.mark.parametrize(
    "damage", ["server { listen 80; location / { proxy_pass http://a; } ", 'server { server_name "a; }', "} }"]
)
def test_damage_is_told_and_the_rest_explained(cli: Cli, damage: str) -> None:
    """Nginx would not start with it."""
    Path("nginx.conf").write_text(f"events {{}}\nhttp {{\n{damage}\n")
    code, out, err = cli("explain", "nginx.conf", "--format", "json")

    assert code == Exit.USAGE
    assert err.startswith("nginx.conf:")
    assert {each["file"] for each in json.loads(out)["errors"]} == {"nginx.conf"}


def test_what_is_wrong_in_many_places_is_told_once(cli: Cli) -> None:
    """With some of the places."""
    Path("nginx.conf").write_text("http {\n" + "server { include x; }\n" * 9 + "}\n")
    err = cli("explain", "nginx.conf")[2]

    assert err.count("cannot read x") == 1
    assert (
        "= the same at nginx.conf:3:18, nginx.conf:4:18, nginx.conf:5:18, nginx.conf:6:18, nginx.conf:7:18 and 3 more"
        in err
    )


def test_a_file_that_is_missing_is_told(cli: Cli) -> None:
    """The rest is explained."""
    Path("nginx.conf").write_text("http { include nowhere.conf; server { location / { proxy_pass http://a; } } }")
    code, out, err = cli("explain", "nginx.conf")

    assert code == Exit.OK
    assert err.startswith("nginx.conf:1:16: cannot read nowhere.conf")
    assert "HTTP/1.1" in out


@pytest.mark.parametrize(("options", "found"), [([], False), (["--root", "."], True), (["--allow-outside"], True)])
def test_nothing_outside_the_folder_is_opened_unless_it_is_allowed(cli: Cli, options: list[str], found: bool) -> None:
    """Configs come from strangers."""
    Path("sub").mkdir()
    Path("secret.conf").write_text("location /secret { proxy_pass http://a; }")
    Path("sub/nginx.conf").write_text(f"http {{ server {{ include {Path.cwd()}/secret.conf; }} }}")
    code, out, err = cli("explain", "sub/nginx.conf", *options)

    assert code == Exit.OK
    assert ("/secret" in out, "outside" in err) == (found, not found)


@pytest.mark.parametrize("text", ["", "# nothing\n", "events {}\n", "http {}\n", "http { server { } }\n"])
def test_a_config_without_routes(cli: Cli, text: str) -> None:
    """Nothing to tell is told."""
    Path("nginx.conf").write_text(text)
    code, out, err = cli("explain", "nginx.conf")

    assert (code, err) == (Exit.OK, "")
    assert "No route here hands requests to an origin." in out


@pytest.mark.parametrize("text", ["", "events {}", "http {}", "http { server { } }"])
def test_a_request_to_a_config_without_routes(cli: Cli, text: str) -> None:
    """It is answered, by nobody."""
    Path("nginx.conf").write_text(text)
    routes = told(cli, "nginx.conf", "--path", "/x", "--url", "http://a/")["routes"]

    assert [route["proxied"] for route in routes] == [False, False]


# ---- what people see ----


def test_the_table_says_what_decides(cli: Cli) -> None:
    """Property, value, the words of the config and their place, or the version's default."""
    lines = [" ".join(line.split()) for line in cli("explain", "nginx.conf", "--path", "/ws/x")[1].splitlines()]

    assert "http://chat.example.com:8080/ws/x" in lines
    assert "upgrade yes proxy_set_header Upgrade $http_upgrade nginx.conf:13" in lines
    assert "client_http_versions 1.1 listen 8080 (from server) nginx.conf:5" in lines
    assert "! upstream_idle_timeout 1m proxy_read_timeout 60s default of 1.30" in lines
    assert "not chosen: location /: matches, but /ws/ is longer nginx.conf:8" in lines


def test_the_table_holds_a_route_against_a_protocol(cli: Cli) -> None:
    """What falls short, and what that does to the stream."""
    out = cli("explain", "nginx.conf", "--path", "/events", "--protocol", "sse")[1]
    lines = [" ".join(line.split()) for line in out.splitlines()]

    assert "✗ upstream_idle_timeout 1m 1h or more proxy_read_timeout 60s default of 1.30" in lines
    assert "falls short: a pause that the application allows cuts the stream" in lines
    assert "✓ caching no no proxy_cache off default of 1.30" in lines


def test_what_is_not_understood_is_never_silent(cli: Cli) -> None:
    """In the tree and in the table, with its place."""
    Path("nginx.conf").write_text(
        "http { server { location / { proxy_pass http://a; some_module on; } location /b { proxy_pass http://a; } } }"
    )

    assert "1 not understood" in cli("explain", "nginx.conf")[1]
    assert "not understood: some_module on  nginx.conf:1" in cli("explain", "nginx.conf", "--path", "/")[1]
    assert len(told(cli, "nginx.conf")["routes"][0]["not_understood"]) == 1


@pytest.mark.parametrize("servers", [1, 2])
def test_what_is_not_understood_around_all_servers_is_told_once(cli: Cli, servers: int) -> None:
    """Above the tree; a row counts what it has of its own, a server's own lines among it if there are others."""
    server = "server { %s location /a { proxy_pass http://a; } location /b { proxy_pass http://a; this_one on; } }\n"
    Path("nginx.conf").write_text(
        "http { some_module on;\n"
        + "".join(server % f"listen {80 + n}; of_server_{n} on;" for n in range(servers))
        + "}"
    )
    above, _, tree = cli("explain", "nginx.conf")[1].partition("route ")

    assert above.count("not understood: some_module on  nginx.conf:1\n") == 1
    assert ("of_server_0" in above) == (servers == 1)
    counted = ["1 not", "2 not"] * 2 if servers == 2 else ["1 not"]
    assert counted == re.findall(r"\d not(?= understood)", tree)


def test_colour_is_for_those_who_want_it(cli: Cli) -> None:
    """Not in a pipe, unless it is asked for."""
    assert "\x1b[" not in cli("explain", "nginx.conf", "--full")[1]
    assert "\x1b[31" in cli("explain", "nginx.conf", "--full", "--color", "--protocol", "sse")[1]


def test_verbose_tells_what_was_read_and_assumed(cli: Cli) -> None:
    """On standard error; the result is the same."""
    Path("nginx.conf").write_text("events {}\nhttp { include sites/*.conf; }\n")
    Path("sites").mkdir()
    Path("sites/chat.conf").write_text("server {\n location / { proxy_pass http://127.0.0.1:1; }\n}\n")
    quiet, loud = cli("explain", "nginx.conf"), cli("explain", "nginx.conf", "-v")
    lines = loud[2].splitlines()

    assert (quiet[:2], "") == (loud[:2], quiet[2])
    assert ["read nginx.conf: 2 lines", "read sites/chat.conf: 3 lines, included"] == lines[:2]
    assert lines[2].startswith("nginx 1.")
    assert any(line.startswith("assumed: ") for line in cli("explain", "sites/chat.conf", "-v")[2].splitlines())


def test_another_name_of_a_protocol_is_understood(cli: Cli) -> None:
    """Enough to say what it is called here."""
    assert (
        "--protocol ws: not known; did you mean websocket? write one of"
        in cli("explain", "nginx.conf", "--protocol", "ws")[2]
    )


@pytest.mark.parametrize(
    "inside",
    [
        "listen 99999;",
        "listen [;",
        "server_name a=b:1m //x;",
        "server_name ~(;",
        "server_name *.;",
        'listen 80 ssl http2; server_name "";',
        "listen unix:/x;",
    ],
)
def test_odd_listeners_and_names_are_asked_all_the_same(cli: Cli, inside: str) -> None:
    """What nobody could write into a URL must not keep a path from being followed."""
    Path("nginx.conf").write_text(f"http {{ server {{ {inside} location / {{ proxy_pass http://a; }} }} }}")

    assert ends(cli, "nginx.conf", "--path", "/x y") == ["/"]
    assert cli("explain", "nginx.conf", "--full")[0] == Exit.OK


@pytest.mark.parametrize("cut", range(0, len(MAIN), 9))
def test_a_config_that_ends_early_is_answered_or_refused(cli: Cli, cut: int) -> None:
    """With a place, and never with a traceback."""
    Path("nginx.conf").write_text(MAIN[:cut])
    code, out, err = cli("explain", "nginx.conf", "--path", "/events")

    assert code in {Exit.OK, Exit.USAGE}
    assert (code == Exit.USAGE) == err.startswith("nginx.conf:")
    assert out or err
