"""What a configuration of nginx needs around it, and the requests that lead to its routes."""

from __future__ import annotations

import pytest

from proxycfg.stage import Stage
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.stage import stage

MAIN = "/etc/nginx/nginx.conf"


def staged(http: str, *, given: dict[str, bytes] | None = None, before: str = "") -> Stage:
    """The stage of a config with this in its http block."""
    text = f"{before}\nevents {{}}\nhttp {{\n{http}\n}}\n"
    return stage(
        load_texts({MAIN: text}),
        "1.30",
        [(MAIN, text.encode())],
        (given or {}).get,
        lambda kind: kind.encode(),
    )


def server(inside: str, more: str = "") -> str:
    """A server of port 80."""
    return f"server {{\nlisten 80;\n{more}\n{inside}\n}}"


def test_names_and_ports_of_every_kind_of_upstream_are_found() -> None:
    """Names get addresses, ports a listener, loopback and the file system an origin of their own."""
    found = staged(
        "upstream app { server app-1:9000; server 10.0.0.5; server unix:/var/run/app.sock; }\n"
        + server("location / { proxy_pass http://app; }\nlocation /x { grpc_pass grpcs://rpc.example.com; }\n"
                 "location /y { proxy_pass http://127.0.0.1:3000/z; }\nlocation /z { proxy_pass http://localhost:3001; }")
    )  # fmt: skip

    assert found.names == ("app-1", "rpc.example.com")
    assert {9000, 80, 443} <= set(found.ports)
    assert found.loopback == (("127.0.0.1", 3000), ("127.0.0.1", 3001))
    assert found.sockets == ("/run/app.sock",)
    assert [(each.what, each.name) for each in found.supplied] == [
        ("upstream name", "app-1:9000"), ("upstream address", "10.0.0.5:80"), ("upstream socket", "/run/app.sock"),
        ("upstream name", "rpc.example.com:443"), ("upstream address", "127.0.0.1:3000"), ("upstream address", "127.0.0.1:3001"),
    ]  # fmt: skip


def test_what_the_proxy_listens_on_itself_is_left_to_it() -> None:
    """A config that calls its own other server reaches it."""
    found = staged(
        "server { listen 127.0.0.1:8081; location / { return 200; } }\n"
        + server("location / { proxy_pass http://127.0.0.1:8081; }\nlocation /a { proxy_pass http://127.0.0.1:80; }")
    )

    assert found.loopback == ()


def test_missing_files_are_supplied_and_told() -> None:
    """Stand-ins for what is missing; given files as they are, but for whom nginx trusts behind it and for passwords."""
    found = staged(
        server(
            "location / { proxy_pass https://api; proxy_ssl_trusted_certificate /etc/nginx/ca.pem; "
            "auth_basic a; auth_basic_user_file users; }",
            "ssl_certificate tls/own.pem; ssl_certificate_key /etc/letsencrypt/live/a/privkey.pem; include nothing.inc; include none/*.conf;",
        ),
        given={"/etc/nginx/tls/own.pem": b"own", "/etc/nginx/ca.pem": b"theirs", "/etc/nginx/users": b"a:b"},
    )
    files = {path: data for path, data in found.files.items() if path != MAIN}

    assert files == {
        "/etc/nginx/tls/own.pem": b"own",
        "/etc/letsencrypt/live/a/privkey.pem": b"key",
        "/etc/nginx/nothing.inc": b"",
        "/etc/nginx/ca.pem": b"certificate",
        "/etc/nginx/users": b"htpasswd",
    }
    assert {each.what for each in found.supplied} == {
        "key",
        "empty include file",
        "certificate",
        "htpasswd",
        "upstream name",
    }


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ("access_log /data/logs/a.log;", "/data/logs"),
        ("access_log logs/a.log;", "/etc/nginx/logs"),
        ("error_log logs/e.log;", "/usr/share/nginx/logs"),
        ("proxy_cache_path /var/tmp/cache keys_zone=a:1m;", "/var/tmp/cache"),
        ("access_log /var/run/x/a.log;", "/run/x"),
    ],
)
def test_folders_that_are_written_to_can_be(line: str, folder: str) -> None:
    """Logs, caches and stores."""
    assert folder in staged(f"{line}\n{server('')}").writable


def test_what_cannot_be_had_is_named_with_its_place() -> None:
    """A module that the image lacks with an image that has it; a file in a folder that nothing is laid over."""
    found = staged(server("location / { content_by_lua_block { ngx.say(1) } }", "ssl_dhparam /etc/dh.pem;"))

    assert [(problem.span.line, problem.message.split(",")[0].split(":")[0]) for problem in found.lacks] == [
        (6, "/etc/dh.pem cannot be supplied"),
        (7, "content_by_lua_block is a directive of lua"),
    ]
    assert "openresty" in found.lacks[1].instead


def test_daemon_is_switched_off_unless_the_config_speaks_of_it() -> None:
    """The directive may stand once."""
    assert staged(server("")).command[-2:] == ("-g", "daemon off;")
    assert staged(server(""), before="daemon off;").command == ("nginx", "-c", MAIN)


def test_each_route_has_a_request_that_ends_there() -> None:
    """Prefixes, regular expressions, exact and named locations, and servers chosen by name."""
    found = staged(
        "server { listen 80; server_name a.example.com; location / { return 404; } }\n"
        "server { listen 8080; listen 8443 ssl; server_name *.example.org;\n"
        "location = /exact { proxy_pass http://up; }\nlocation ~ ^/api/v[12]/(stream|watch)$ { proxy_pass http://up; }\n"
        "location /files/ { try_files $uri @app; }\nlocation @app { proxy_pass http://up; }\n"
        "location /dead { return 403; }\nlocation ~* \\.(m3u8|ts)$ { proxy_pass http://up; }\n"
        "if ($request_method = POST) { return 405; } }"
    )

    assert [[entry.url for entry in route.entries] for route in found.routes] == [
        ["http://www.example.org:8080/exact", "https://www.example.org:8443/exact"],
        ["http://www.example.org:8080/api/v1/stream", "https://www.example.org:8443/api/v1/stream"],
        ["http://www.example.org:8080/proxycfg-check.m3u8", "https://www.example.org:8443/proxycfg-check.m3u8"],
        ["http://www.example.org:8080/files/", "https://www.example.org:8443/files/"],
    ]
    assert {route.posts for route in found.routes} == {False}
    assert [route.straight for route in found.routes] == [True, True, True, False]
    assert all(route.complete for route in found.routes)


def test_a_route_that_nothing_leads_to_says_so() -> None:
    """Shadowed by an earlier expression."""
    found = staged(server("location ~ ^/ { return 200; }\nlocation /hidden { proxy_pass http://up; }"))

    assert [(route.entries, bool(route.why_not)) for route in found.routes] == [((), True)]
