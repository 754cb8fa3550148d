"""Requests and where they end: the same table for our reading of nginx and for nginx itself.

A case is the servers of an http block, which listen on ``PORT``, and requests with their ends: the name of the upstream that gets the
request, the status that nginx answers with itself, or ``file`` where it looks for one (none is there).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Asked(NamedTuple):
    """One request, and its end. ``target`` is sent as it stands."""

    target: str
    end: str
    host: str = "a.example"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Case:
    """Servers, and requests to them."""

    name: str
    servers: str
    asked: tuple[Asked, ...]
    http: str = ""
    since: str = "1.18"
    upstreams: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Upstreams are made for the names that are used."""
        names = re.findall(r"(?:proxy|grpc)_pass \w+://([a-z]\w*)", self.servers + self.http)
        object.__setattr__(self, "upstreams", frozenset(names))


def server(inside: str, names: str = "a.example", listen: str = "PORT") -> str:
    """A server."""
    return f"server {{ listen {listen}; server_name {names}; {inside} }}\n"


def to(place: str, name: str, more: str = "") -> str:
    """A location that hands its requests to an upstream."""
    return f"location {place} {{ {more} proxy_pass http://{name}; }}\n"


def case(name: str, servers: str, *asked: Asked | tuple[str, ...], http: str = "", since: str = "1.18") -> Case:
    """A case, its requests in short."""
    return Case(name, servers, tuple(Asked(*each) for each in asked), http, since)


GET = ("GET",)
WEBSOCKET = (("Upgrade", "websocket"), ("Connection", "Upgrade"))

CASES = (
    # ---- servers ----
    case(
        "names",
        server(to("/", "regex"), r"~^www\d+\.b\.example$")
        + server(to("/", "prefix"), "mail.*")
        + server(to("/", "longprefix"), "mail.b.*")
        + server(to("/", "suffix"), "*.b.example")
        + server(to("/", "longsuffix"), "*.deep.b.example")
        + server(to("/", "dot"), ".c.example")
        + server(to("/", "exact"), "www1.b.example Upper.Example"),
        Asked("/", "exact", "www1.b.example"),
        Asked("/", "suffix", "www2.b.example"),
        Asked("/", "suffix", "mail.b.example"),
        Asked("/", "prefix", "mail.d.example"),
        Asked("/", "longprefix", "mail.b.other"),
        Asked("/", "longsuffix", "x.deep.b.example"),
        Asked("/", "suffix", "deep.b.example"),
        Asked("/", "dot", "c.example"),
        Asked("/", "dot", "x.y.c.example"),
        Asked("/", "exact", "upper.example"),
        Asked("/", "exact", "UPPER.example."),
        Asked("/", "regex", "b.example"),
        Asked("/", "regex", "nobody"),
    ),
    case(
        "default_server",
        server(to("/", "one"), "one") + server(to("/", "two"), "two", "PORT default_server") + server(to("/", "three"), '""'),
        Asked("/", "one", "one"),
        Asked("/", "two", "nobody"),
    ),
    case(
        "names are regular expressions in the order of the file",
        server(to("/", "one"), r"~^(?<sub>.+)\.example$") + server(to("/", "two"), r"~^x\.example$"),
        Asked("/", "one", "x.example"),
    ),
    case(
        "a name's capture",
        server("location / { if ($sub = shop) { proxy_pass http://shop; } proxy_pass http://other; }", r"~^(?<sub>.+)\.example$"),
        Asked("/", "shop", "shop.example"),
        Asked("/", "other", "x.example"),
    ),
    case(
        "an address wins over every address",
        server(to("/", "every"), "a.example") + server(to("/", "exact"), "b.example", "127.0.0.1:PORT"),
        Asked("/", "exact", "a.example"),
        Asked("/", "exact", "b.example"),
    ),
    # ---- locations ----
    case(
        "kinds",
        server(
            to("/", "slash") + to("= /", "exactroot") + to("/a", "a") + to("= /a", "exact") + to("^~ /static/", "noregex")
            + to(r"~ \.js$", "js") + to(r"~* \.JPG$", "jpg") + to("~ ^/a/b", "ab") + to("/a/b/c/d", "abcd")
        ),
        ("/", "exactroot"),
        ("/?x=1", "exactroot"),
        ("/b", "slash"),
        ("/a", "exact"),
        ("/ab", "a"),
        ("/a/", "a"),
        ("/a/b/c/d", "ab"),
        ("/static/x.js", "noregex"),
        ("/x.js", "js"),
        ("/x.JS", "slash"),
        ("/x.jpg", "jpg"),
        ("/a/x.JpG", "jpg"),
        ("/A", "slash"),
    ),
    case(
        "nested",
        server(
            "location /a { proxy_pass http://a;" + to("/a/b", "ab") + to(r"~ \.js$", "ajs") + to("^~ /a/n", "an") + "}"
            + "location ^~ /s { proxy_pass http://s;" + to(r"~ \.js$", "sjs") + to("/s/t", "st") + "}"
            + r"location ~ ^/r { proxy_pass http://r;" + to(r"~ x$", "rx") + "}"
            + "location /bare { " + to("/bare/in", "inbare") + "}"
            + to(r"~ \.js$", "js") + to(r"~ \.css$", "css")
        ),
        ("/a/1", "a"),
        ("/a/b/1", "ab"),
        ("/a/b.js", "ajs"),
        ("/a/b.css", "css"),
        ("/a/n.css", "css"),
        ("/a/n.js", "js"),
        ("/s/x.js", "sjs"),
        ("/s/x.css", "s"),
        ("/s/t.css", "st"),
        ("/s/t.js", "sjs"),
        ("/r1", "r"),
        ("/rx", "rx"),
        ("/r.css", "r"),
        ("/bare/in", "inbare"),
        ("/bare/out", "file"),
    ),
    case(
        "a slash at the end",
        server(
            to("/ws/", "ws") + to("/both/", "slashed") + to("/both", "bare") + to("= /exact/", "exact") + to("/e/", "e") + to("= /e", "ee")
            + "location /static/ { root /nowhere; }" + to(r"~ ^/over$", "regex") + to("/over/", "over")
            + "location /out/ { proxy_pass http://out;" + to("/out/in/", "in") + "}"
            + "location /if/ { if ($arg_x) { proxy_pass http://ifx; } }"
        ),
        ("/ws", "301"),
        ("/ws/", "ws"),
        ("/both", "bare"),
        ("/both/", "slashed"),
        ("/exact", "301"),
        ("/e", "ee"),
        ("/static", "file"),
        ("/over", "301"),
        ("/out/in", "301"),
        ("/out", "301"),
        ("/if", "file"),
        ("/if/?x=1", "ifx"),
    ),
    case(
        "what is compared",
        server(to("/", "slash") + to('"/a b/"', "space") + to("/é", "accent") + to("/a/b", "ab") + to("= /q?x", "mark") + to("/%41", "percent")),
        ("/a%20b/", "space"),
        ("/%61/b", "ab"),
        ("//a///b", "ab"),
        ("/a%2Fb", "ab"),
        ("/x/../a/b", "ab"),
        ("/x/%2e%2e/a/./b", "ab"),
        ("/a/b/..", "slash"),
        ("/%C3%A9", "accent"),
        ("/q%3Fx", "mark"),
        ("/q?x", "slash"),
        ("/A", "slash"),
        ("/%2541", "percent"),
        ("/a/b%23c", "ab"),
        ("/..", "400"),
        ("/a/../../b", "400"),
        ("/a%00", "400"),
        ("/%zz", "400"),
    ),
    case(
        "slashes kept",
        server(to("/", "slash") + to("/a/b", "ab"), listen="PORT") .replace("location", "merge_slashes off; location", 1),
        ("//a/b", "slash"),
        ("/a//b", "slash"),
        ("/a/b", "ab"),
    ),
    case("no location", server(to("/a", "a")), ("/a", "a"), ("/b", "file")),
    case("internal", server(to("/", "slash") + to("/in", "inner", "internal;") + "location /try { try_files /nowhere /in; }"
                            + "location /re { rewrite ^ /in; }" + "location /deep { internal; proxy_pass http://deep;" + to("/deep/er", "deeper") + "}"),
         ("/in", "404"), ("/try", "inner"), ("/re", "inner"), ("/deep/er", "404")),
    # ---- the rewrite module ----
    case(
        "rewrite",
        server(
            "rewrite ^/server/(.*)$ /via/$1; rewrite ^/twice /via/x; rewrite ^/stop /via/ last; rewrite ^/via/n /other/n;"
            + to("/", "slash") + to("/via", "via") + to("/other", "other")
            + "location /last { rewrite ^/last/(.*)$ /via/$1 last; proxy_pass http://lasted; }"
            + "location /break { rewrite ^/break/(.*)$ /via/$1 break; proxy_pass http://broken; }"
            + "location /plain { rewrite ^/plain/(.*)$ /via/$1; proxy_pass http://plain; }"
            + "location /chain { rewrite ^/chain/(.*)$ /c/$1; rewrite ^/c/(.*)$ /other/$1; proxy_pass http://chain; }"
            + "location /same { rewrite ^/same$ /same; proxy_pass http://same; }"
            + "location /loop { rewrite ^/loop(.*)$ /loop$1x last; proxy_pass http://loop; }"
            + "location /nogroup { rewrite ^/nogroup /vi$1a last; }"
            + "location /redirect { rewrite ^ /via redirect; }"
            + "location /permanent { rewrite ^ /via permanent; }"
            + "location /absolute { rewrite ^ http://b.example/ ; }"
            + "location /stopped { rewrite ^ /via; break; proxy_pass http://stopped; }"
            + "location /after { break; rewrite ^ /via last; proxy_pass http://after; }"
            + "location /q { rewrite ^ /args?y=2 last; } location /q0 { rewrite ^ /args? last; }"
            + "location /args { if ($args = 'y=2&x=1') { proxy_pass http://joined; } if ($args = '') { proxy_pass http://dropped; } proxy_pass http://args; }"
        ),
        ("/server/1", "via"),
        ("/twice", "via"),
        ("/stop", "via"),
        ("/server/n", "other"),
        ("/last/1", "via"),
        ("/last/n", "via"),
        ("/last", "lasted"),
        ("/break/1", "broken"),
        ("/plain/1", "via"),
        ("/chain/1", "other"),
        ("/same", "500"),
        ("/loop", "500"),
        ("/nogroup", "via"),
        ("/redirect", "302"),
        ("/permanent", "301"),
        ("/absolute", "302"),
        ("/stopped", "via"),
        ("/after", "after"),
        ("/q?x=1", "joined"),
        ("/q0?x=1", "dropped"),
    ),
    case(
        "ten internal redirects, and one too many",
        server(
            "".join(f"location /ten{n}x {{ rewrite ^ /ten{n + 1}x last; }} location /el{n}x {{ rewrite ^ /el{n + 1}x last; }}" for n in range(10))
            + to("/ten10x", "ten") + "location /el10x { rewrite ^ /el11x last; }" + to("/el11x", "eleven")
        ),
        ("/ten0x", "ten"),
        ("/el0x", "500"),
    ),
    case(
        "return",
        server("if ($arg_gone) { return 410; }" + "location /r { return 204; proxy_pass http://never; } location /to { return http://x.example/; }"
               + "location /text { return 200 hello; } location /no { return 403; }" + to("/", "slash")),
        ("/", "slash"), ("/r", "204"), ("/to", "302"), ("/text", "200"), ("/no", "403"), ("/?gone=1", "410"), ("/?gone=0", "slash"),
    ),
    case("a server that returns", server("return 301 https://$host$request_uri;" + to("/", "slash")), ("/", "301")),
    case(
        "if",
        server(
            to("/", "slash")
            + "location /m { if ($request_method = POST) { proxy_pass http://post; } proxy_pass http://get; }"
            + "location /u { if ($http_upgrade = websocket) { proxy_pass http://ws; } proxy_pass http://plain; }"
            + "location /two { if ($arg_a) { proxy_pass http://first; } if ($arg_b) { proxy_pass http://second; } proxy_pass http://none; }"
            + "location /lost { if ($arg_a) { proxy_pass http://first; } if ($arg_b) { set $x 1; } }"
            + "location /w { if ($arg_a) { rewrite ^ /m last; } proxy_pass http://stay; }"
            + "location /nf { if (!-f $request_filename) { rewrite ^ /m last; } }"
            + "location /f { if (-f $request_filename) { return 403; } proxy_pass http://nofile; }"
            + "location /ne { if ($arg_a != '') { return 403; } proxy_pass http://empty; }"
            + 'location /re { if ($http_user_agent ~* "Foo  Bar/(\\d+)") { return 40$1; } if ($arg_a !~ ^x) { proxy_pass http://notx; } proxy_pass http://x; }'
            .replace("return 40$1", "return 403")
            + "location /set { set $to one; if ($arg_a) { set $to two; } if ($to = two) { proxy_pass http://two; } proxy_pass http://one; }"
            + "location /noflag { if ($arg_a) { rewrite ^ /m; } proxy_pass http://unflagged; }"
            + "location /tf { if ($arg_a) { set $x 1; } try_files /nowhere @named; proxy_pass http://tried; }"
            + to("@named", "named")
        ),
        Asked("/m", "get"),
        Asked("/m", "post", method="POST"),
        Asked("/u", "plain"),
        Asked("/u", "ws", headers=WEBSOCKET),
        ("/two", "none"), ("/two?a=1", "first"), ("/two?b=1", "second"), ("/two?a=1&b=1", "second"), ("/two?a=0", "none"),
        ("/lost?a=1", "first"), ("/lost?b=1", "file"), ("/lost?a=1&b=1", "500"),
        ("/w", "stay"), ("/w?a=1", "get"), ("/nf", "get"), ("/f", "nofile"), ("/ne", "empty"), ("/ne?a=1", "403"),
        ("/re", "notx"), ("/re?a=xy", "x"),
        Asked("/re", "403", headers=(("User-Agent", "a foo  bar/12"),)),
        ("/set", "one"), ("/set?a=1", "two"), ("/noflag", "unflagged"), ("/noflag?a=1", "get"),
        ("/tf", "named"), ("/tf?a=1", "tried"),
    ),
    case(
        "maps",
        server("location / { if ($kind = stream) { proxy_pass http://stream; } if ($site = one) { proxy_pass http://one; } proxy_pass http://other; }", "_ "),
        Asked("/", "other"),
        Asked("/", "stream", headers=(("Accept", "text/event-stream"),)),
        Asked("/", "stream", headers=(("Accept", "application/x-ndjson; q=1"),)),
        Asked("/", "one", "x.one.example"),
        Asked("/", "one", "ONE.example"),
        http="map $http_accept $kind { default page; TEXT/event-stream stream; ~*ndjson stream; }"
        "map $host $site { hostnames; .one.example one; default two; }",
    ),
    # ---- other ways on ----
    case(
        "try_files",
        server(
            to("/", "slash") + "location /spa { try_files $uri $uri/ /index.html; }" + "location /app { try_files $uri @app; }" + to("@app", "named")
            + "location /no { try_files $uri =404; proxy_pass http://never; } location /gone { try_files /x @nobody; }"
            + "location /q { try_files $uri /args?$args&z=1; }" + "location /args { if ($arg_z) { proxy_pass http://args; } }"
            + "location /again { try_files $uri /again; } location /out { try_files /x /in; " + to("/out/in", "outin") + "}"
            + "location /drop { try_files $uri /dropped; } location /dropped { if ($args = '') { proxy_pass http://dropped; } }"
        ),
        ("/spa/x", "slash"), ("/app/x", "named"), ("/no", "404"), ("/q?y=1", "args"), ("/again", "500"), ("/out/in", "outin"), ("/out", "slash"), ("/drop?x=1", "dropped"),
    ),
    case(
        "a named location changes the uri",
        server("location / { try_files /x @n; } location @n { rewrite ^/a(.*)$ /b$1 last; proxy_pass http://n; }" + to("/b", "b")),
        ("/x", "n"), ("/a1", "b"),
    ),
    case(
        "error_page",
        server(
            "error_page 403 /denied; error_page 418 = @teapot; error_page 410 http://x.example/;"
            + to("/", "slash") + to("@teapot", "teapot") + to("/denied", "denied")
            + "location /stream { return 418; proxy_pass http://never; }"
            + "location /no { return 403; } location /text { return 403 no; } location /gone { return 410; } location /other { return 404; }"
            + "location /own { error_page 404 =200 /denied; return 403; } location /own2 { error_page 404 =200 /denied; return 404; }"
            + "location /twice { error_page 403 /no; return 403; }"
            + "location /rec { recursive_error_pages on; error_page 404 /rec2; return 404; } location /rec2 { error_page 403 @teapot; recursive_error_pages on; return 403; }"
            + "location /deny { deny all; proxy_pass http://never; }"
            + "location /bare { error_page 404 /args; return 404; } location /args { if ($args = '') { proxy_pass http://dropped; } }"
            + "location /kept { error_page 404 @args; return 404; } location @args { if ($args = 'x=1') { proxy_pass http://kept; } }"
        ),
        ("/stream", "teapot"), ("/no", "denied"), ("/text", "403"), ("/gone", "302"), ("/other", "404"), ("/own", "403"), ("/own2", "denied"),
        ("/twice", "403"), ("/rec", "teapot"), ("/deny", "denied"), ("/bare", "dropped"), ("/bare?x=1", "dropped"), ("/kept?x=1", "kept"),
    ),
    case(
        "error_page of a server that returns",
        server("error_page 403 @n; if ($arg_no) { return 403; } " + to("/", "slash") + to("@n", "n")),
        ("/?no=1", "n"), ("/", "slash"),
    ),
    case(
        "error_page turns POST into GET",
        server("location / { error_page 404 /g; return 404; } location /g { if ($request_method = GET) { proxy_pass http://got; } proxy_pass http://posted; }"
               "location /n { error_page 404 @k; return 404; } location @k { if ($request_method = GET) { proxy_pass http://got; } proxy_pass http://posted; }"),
        Asked("/", "got", method="POST"), Asked("/n", "posted", method="POST"),
    ),
    case(
        "limit_except",
        server(
            "location /g { limit_except GET { deny all; } proxy_pass http://g; }"
             "location /p { limit_except GET { proxy_pass http://other; } proxy_pass http://p; }"
             "location /r { limit_except GET { allow all; } if ($arg_a) { return 403; } proxy_pass http://r; }"
             "location /s { satisfy any; limit_except GET { deny all; auth_basic x; } proxy_pass http://s; }"
        ),
        ("/g", "g"), Asked("/g", "g", method="HEAD"), Asked("/g", "403", method="POST"), Asked("/g", "403", method="OPTIONS"),
        ("/p", "p"), Asked("/p", "other", method="POST"), ("/r?a=1", "403"), Asked("/r?a=1", "r", method="POST"),
    ),
    case(
        "auth_request and mirror",
        server("auth_request /auth; location = /auth { internal; auth_request off; proxy_pass http://auth; }"
               "location /m { mirror /mirrored; proxy_pass http://m; } location /mirrored { internal; auth_request off; proxy_pass http://copy; }" + to("/", "slash")),
        ("/", "slash"), ("/m", "m"), ("/auth", "404"),
    ),
    case(
        "access",
        server("location /all { deny all; proxy_pass http://never; } location /lan { allow 127.0.0.1; deny all; proxy_pass http://lan; }"
                "location /in { deny all; " + to("/in/open", "open", "allow all;") + to("/in/shut", "shut") + "}"),
        ("/all", "403"), ("/lan", "lan"), ("/in/open", "open"), ("/in/shut", "403"),
    ),
)  # fmt: skip
"""Where nginx and our reading of it must agree."""


def config(cases: tuple[Case, ...], ports: Sequence[int], origin_port: int) -> str:
    """All cases in one configuration, each on a port of its own; the origin answers with the name of the upstream that it is."""
    names = sorted({name for each in cases for name in each.upstreams})
    upstreams = "".join(f"upstream {name} {{ server 127.0.0.1:{origin_port}; }}\n" for name in names)
    origin = f"server {{ listen 127.0.0.1:{origin_port}; return 200 $http_host; }}\n"
    servers = "".join(
        each.http + "\n" + each.servers.replace("PORT", str(port)) for each, port in zip(cases, ports, strict=True)
    )
    return (
        "worker_processes 1; events { worker_connections 256; }\n"
        "http { access_log off; server_names_hash_bucket_size 128; root /nowhere;\n"
        f"{upstreams}{origin}{servers}}}\n"
    )
