"""Configs of nginx as drafts of specs: what becomes a field, and what is told as lost, directive by directive."""

from __future__ import annotations

import re

import pytest

from proxycfg.adopt import Adopted, adopt
from proxycfg.errors import InvalidInput
from proxycfg.spec import Route
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.draft import draft_of, whole

UPSTREAM = "upstream app { server 10.0.0.1:80; server 10.0.0.2:80; }"


def adopted(locations: str, *, http: str = UPSTREAM, server: str = "listen 80; server_name a.example;") -> Adopted:
    """What a config of one server comes to."""
    text = f"events {{}}\nhttp {{\n{http}\nserver {{\n{server}\n{locations}\n}}\n}}\n"
    return adopt(draft_of(load_texts({"nginx.conf": text}), "1.30", stated=False), [])


def route(locations: str, *, http: str = UPSTREAM, server: str = "listen 80; server_name a.example;") -> Route:
    """The one route that is carried over."""
    (found,) = adopted(locations, http=http, server=server).spec.routes
    return found


def lost(locations: str, *, http: str = UPSTREAM, server: str = "listen 80; server_name a.example;") -> list[str]:
    """What is told as lost, without the places."""
    return [each.what for each in adopted(locations, http=http, server=server).lost]


@pytest.mark.parametrize(
    ("location", "kind", "path"),
    [
        ("= /x", "exact", "/x"),
        ("/x", "prefix", "/x"),
        ("^~ /x/", "prefix", "/x/"),
        (r"~ ^/x(/|$)", "prefix", "/x"),
        (r"~ ^/rooms/\d+/events$", "regex", r"/rooms/\d+/events"),
        (r"~* \.json$", "regex", r"(?i).*\.json"),
        ("~ ^/a|/b$", "regex", ".*(?:^/a|/b$).*"),
    ],
)
def test_locations_become_matches(location: str, kind: str, path: str) -> None:
    """Each in the way of a spec that takes the same paths."""
    found = route(f"location {location} {{ proxy_pass http://app; }}")

    assert (kind, path) == (found.kind, found.path)


@pytest.mark.parametrize("pattern", [r"^/a/\d+$", r"/b", r"\.php$", r"^/x|^/y", r"^/(?:a|b)/", r"/c.*", r"^(?:/z)\z"])
def test_a_pattern_matches_the_same_paths_as_a_whole(pattern: str) -> None:
    """Looked for anywhere by nginx, matched whole by a spec."""
    for path in (
        "/a/1",
        "/a/1/x",
        "/b",
        "/x/b/y",
        "/index.php",
        "/index.php5",
        "/x",
        "/y",
        "/z",
        "/zz",
        "/a/",
        "/c",
        "/d/c/e",
    ):
        anywhere = re.search(pattern.replace(r"\z", r"\Z"), path)

        assert bool(anywhere) == bool(re.fullmatch(whole(pattern), path)), path


@pytest.mark.parametrize(
    ("lines", "strip"),
    [
        ("location /api/ { proxy_pass http://app/; }", "/api"),
        ("location /api/v1/ { proxy_pass http://app/v1/; }", "/api"),
        ("location /api/ { proxy_pass http://app/api/; }", None),
        ("location /api/ { rewrite ^/api/(.*)$ /$1 break; proxy_pass http://app; }", "/api"),
        ("location /api { rewrite ^/api(/.*)$ $1 break; proxy_pass http://app; }", "/api"),
        ("location /api { proxy_pass http://app$request_uri; }", None),
    ],
)
def test_a_prefix_is_removed_as_before(lines: str, strip: str | None) -> None:
    """By the path of the proxy_pass, or by a rewrite."""
    assert strip == route(lines).strip


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "location /old/ { proxy_pass http://app/new/; }",
            "puts /new/ in place of /old/; a spec can only remove a prefix",
        ),
        ('location /in { auth_basic "x"; proxy_pass http://app; }', "decides who gets in"),
        ("location /in { allow 10.0.0.0/8; deny all; proxy_pass http://app; }", "`deny all` decides who gets in"),
        ("location /in { auth_request /auth; proxy_pass http://app; }", "`auth_request /auth` decides who gets in"),
        ('location /in { if ($http_x_key != "k") { return 401; } proxy_pass http://app; }', "decides who gets in"),
        ('location /in { if ($cookie_sid = "") { return 302 /login; } proxy_pass http://app; }', "decides who gets in"),
        (
            "location /in { limit_except GET { auth_basic x; } proxy_pass http://app; }",
            "`limit_except GET` decides who gets in",
        ),
        (
            "location /in { access_by_lua_block { ngx.exit(403) } proxy_pass http://app; }",
            "`access_by_lua_block` decides",
        ),
        ("location /in { rewrite_by_lua_file /x.lua; proxy_pass http://app; }", "`rewrite_by_lua_file /x.lua` decides"),
        ("location /in { js_access main.check; proxy_pass http://app; }", "`js_access main.check` decides"),
        ("location /in { auth_ldap x; proxy_pass http://app; }", "`auth_ldap x` decides"),
        (
            "location /in { if ($outside) { return 403; } proxy_pass http://app; }",
            "`if ($outside)` decides who gets in",
        ),
        (
            "location /in { if ($refused) { return 403; } proxy_pass http://app; }",
            "`if ($refused)` decides who gets in",
        ),
        (
            "location /in { set $bad 1; if ($bad) { return 403; } proxy_pass http://app; }",
            "`if ($bad)` decides who gets in",
        ),
    ],
)
def test_what_would_be_another_route_is_written_as_a_comment(lines: str, said: str) -> None:
    """A route without its login, or with another path, is in force for nobody."""
    maps = 'geo $outside { default 1; 10.0.0.0/8 0; } map $outside $refused { 1 yes; default ""; }'
    made = adopted(f"location /else {{ proxy_pass http://app; }}\n{lines}", http=f"{UPSTREAM} {maps}")

    assert ["/else"] == [each.path for each in made.spec.routes]
    assert 1 == len(made.withheld)
    assert any(said in each.what for each in made.lost)
    assert re.search(r"^  # Not in force: .*\n(?:  #.*\n)*?  # - path: /(?:in|old/)$", made.text, re.MULTILINE)


def test_a_guard_of_the_server_withholds_all_of_its_routes() -> None:
    """Client certificates, above all; and then there is nothing to carry over."""
    with pytest.raises(InvalidInput, match="ssl_verify_client on` decides who gets in"):
        adopted("location / { proxy_pass http://app; }", server="listen 443 ssl; ssl_verify_client on;")


@pytest.mark.parametrize(
    "condition", ['if ($host != "a.example") { return 444; }', "if ($request_method = OPTIONS) { return 204; }"]
)
def test_a_condition_on_the_url_guards_nothing(condition: str) -> None:
    """It is told as lost, and the route is carried over."""
    assert any(
        "routes of a spec hang on host and path alone" in each
        for each in lost(f"location / {{ {condition} proxy_pass http://app; }}")
    )


@pytest.mark.parametrize(
    ("group", "affinity"),
    [
        ("ip_hash;", ("ip", None)),
        ("hash $cookie_sid consistent;", ("cookie", "sid")),
        ("hash $http_x_session;", ("header", "x-session")),
        ("hash $arg_room;", ("hash", "room")),
        ("hash $request_uri;", ("hash", None)),
        ("hash $remote_addr;", ("ip", None)),
        ("least_conn;", None),
    ],
)
def test_clients_keep_their_server(group: str, affinity: tuple[str, str | None] | None) -> None:
    """Whatever ties them to it."""
    found = route("location / { proxy_pass http://app; }", http=UPSTREAM.replace("{", f"{{ {group}", 1)).affinity

    assert affinity == ((found.by, found.name) if found else None)


def test_servers_that_are_not_equal_are_told() -> None:
    """A backup, a server that is down, and a weight."""
    group = "upstream app { server a:1; server b:1 weight=5; server c:1 backup; server d:1 down; keepalive 9; }"
    made = adopted("location / { proxy_pass http://app; }", http=group)
    (found,) = made.spec.upstreams.values()

    assert ["a:1", "b:1"] == [server.address for server in found.servers]
    assert 9 == found.keepalive
    assert 3 == len(made.lost)


def test_max_conns_counts_for_each_worker_without_a_zone() -> None:
    """So it is carried over only where the number of workers is known."""
    group = "upstream app { zone app 64k; server a:1 max_conns=50; server b:1 max_conns=50; }"

    assert 50 == route("location / { proxy_pass http://app; }", http=group).upstream.max_connections
    alone = group.replace("zone app 64k; ", "")
    assert 50 == route("location / { proxy_pass http://app; }", http=alone).upstream.max_connections


def test_timers_and_sizes_never_become_narrower() -> None:
    """What is longer than a protocol needs is stated; what is shorter is left to its default."""
    sse = "proxy_buffering off; add_header Content-Type text/event-stream;"

    assert 86400 == route(f"location /events {{ {sse} proxy_pass http://app; proxy_read_timeout 1d; }}").idle_timeout
    assert 3600 == route(f"location /events {{ {sse} proxy_pass http://app; proxy_read_timeout 10s; }}").idle_timeout
    assert 300 == route("location / { proxy_pass http://app; proxy_read_timeout 5m; }").idle_timeout
    assert 2**30 == route("location / { proxy_pass http://app; client_max_body_size 1g; }").body_limit
    assert 2**50 == route("location / { proxy_pass http://app; client_max_body_size 0; }").body_limit
    assert route("location / { proxy_pass http://app; proxy_request_buffering off; }").upload_stream


def test_headers_that_are_the_same_for_every_request() -> None:
    """Set, removed, or told as lost; those that every route gets anyway are passed over."""
    lines = """location / {
        proxy_pass http://app;
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Tenant acme;
        proxy_set_header Cookie "";
        proxy_set_header X-Trace $request_id;
        proxy_set_header Authorization $http_authorization;
        add_header X-Frame-Options DENY always;
        proxy_hide_header X-Powered-By;
    }"""
    made = adopted(lines)
    (found,) = made.spec.routes

    assert {"X-Tenant": "acme", "Cookie": None} == found.rewrites.request
    assert {"X-Frame-Options": "DENY", "X-Powered-By": None} == found.rewrites.response
    assert ["`proxy_set_header X-Trace $request_id`: headers of a spec are the same for every request"] == [
        each.what for each in made.lost
    ]


def test_a_public_origin_keeps_its_host() -> None:
    """Without a Host header of its own nginx sends the name in the proxy_pass, which the origin knows itself by."""
    found = route("location / { proxy_pass https://api.example.com; }")

    assert {"Host": "api.example.com"} == found.rewrites.request
    assert ("api.example.com", False) == (found.upstream.sni, found.upstream.tls.verify)


def test_limits_methods_and_a_cache() -> None:
    """What counts for each client address, what a location lets through, and for how long polls share an answer."""
    http = (
        f"{UPSTREAM} limit_req_zone $binary_remote_addr zone=r:1m rate=90r/m; limit_conn_zone $binary_remote_addr zone=c:1m;"
        "proxy_cache_path /tmp/c keys_zone=k:1m;"
    )
    lines = """location /jobs {
        # proxycfg: protocol=poll
        limit_req zone=r burst=7;
        limit_conn c 3;
        limit_except GET { deny all; }
        proxy_cache k;
        proxy_cache_valid 200 2s;
        proxy_pass http://app;
    }"""
    found = route(lines, http=http)

    assert (1.5, 7, 3, ("GET",), 2.0) == (found.rate, found.burst, found.per_client, found.methods, found.cache)


def test_a_limit_of_all_clients_is_told() -> None:
    """A spec counts for each address."""
    http = f"{UPSTREAM} limit_req_zone $server_name zone=r:1m rate=9r/s;"

    assert lost("location / { limit_req zone=r; proxy_pass http://app; }", http=http) == [
        "`limit_req zone=r`: limits of a spec are one rate for each client address"
    ]


def test_the_listener_of_most_routes_with_its_certificate() -> None:
    """And no promise about HTTPS that nobody made."""
    server = "listen 80; listen 443 ssl; listen [::]:443 ssl; server_name a.example b.example; ssl_certificate /c.pem; ssl_certificate_key /k.pem;"
    made = adopted("location / { proxy_pass http://app; }", server=server)
    listen = made.spec.listen

    assert (443, "::", ("a.example", "b.example")) == (listen.port, listen.address, made.spec.hosts)
    assert listen.tls
    assert ("/c.pem", "/k.pem", False) == (listen.tls.certificate, listen.tls.key, listen.tls.hsts)
    assert any("a spec has one listener, which is port 443 here" in each.what for each in made.lost)


def test_what_answers_by_itself_is_told() -> None:
    """Files, redirects, FastCGI, and a named location that stands behind files."""
    lines = """
        location /static { root /srv; }
        location /moved { return 301 /new; }
        location ~ \\.php$ { fastcgi_pass unix:/run/php.sock; }
        location / { try_files $uri @app; }
        location @app { proxy_pass http://app; }
    """
    made = adopted(lines)

    assert ["/"] == [each.path for each in made.spec.routes]
    assert [
        "`location /static` answers by itself (root /srv); a spec has only origins",
        "`location /moved` answers by itself (return 301 /new); a spec has only origins",
        "`fastcgi_pass unix:/run/php.sock`: a spec has origins of HTTP and gRPC alone",
        "`try_files $uri @app`: files are served before the origin is asked",
    ] == [each.what for each in made.lost]


def test_nothing_unknown_is_passed_over() -> None:
    """A directive that becomes nothing, and that nothing else takes care of, is told with its place."""
    made = adopted("location / { proxy_pass http://app; sub_filter a b; mirror /m; }")

    assert ["nginx.conf:6:37", "nginx.conf:6:53"] == [str(each.span) for each in made.lost]
    assert ["`sub_filter a b` is not carried over", "`mirror /m` is not carried over"] == [
        each.what for each in made.lost
    ]


@pytest.mark.parametrize("host", ["${DOMAIN}", "a b", "-x"])
def test_a_host_that_is_none_withholds_its_routes(host: str) -> None:
    """The loader of specs has the last word."""
    server = f"listen 80; server_name '{host}';"
    with pytest.raises(InvalidInput, match="hosts of /"):
        adopted("location / { proxy_pass http://app; }", server=server)


def test_websocket_headers_make_a_websocket_route() -> None:
    """And its route serves ordinary requests, too."""
    lines = 'location /ws { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }'

    assert "websocket" == route(lines).protocol.name
