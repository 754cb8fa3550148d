"""nginx configurations of any size: sites as people write them, and the shapes that make a reader slow."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

Shape = Callable[[int], str]

SNIPPETS = {
    "proxy.conf": """\
# Shared headers.
proxy_http_version 1.1;
proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_connect_timeout 5s;
proxy_next_upstream error timeout http_502;
""",
    "stream.conf": """\
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Host $host;
proxy_buffering off;
proxy_cache off;
proxy_read_timeout 3600s;
gzip off;
""",
    "headers.conf": """\
add_header X-Content-Type-Options "nosniff" always;
add_header X-Frame-Options "DENY" always;
""",
}
MAIN = """\
worker_processes auto;
events {{ worker_connections 4096; }}
http {{
    sendfile on;
    keepalive_timeout 65s;
    log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent';
    map $http_upgrade $connection_upgrade {{
        default upgrade;
        ''      close;
    }}
    limit_req_zone $binary_remote_addr zone=per_ip:10m rate=20r/s;
{}}}
"""


def site(number: int, folder: str = "snippets/") -> str:
    """One site of about 80 lines; it depends on its number alone."""
    draw = random.Random(number)
    name = f"site_{number:05d}"
    upstream = f"{name}_backend"
    log = draw.choice(["access_log off;", f"access_log logs/{name}.log main;"])
    lines = [
        f"# {name}, ticket OPS-{draw.randint(100, 9999)}", f"upstream {upstream} {{",
        *(f"    server 10.0.{number % 250}.{draw.randint(1, 250)}:8080 max_fails={draw.randint(1, 3)};" for _ in range(draw.randint(2, 4))),
        f"    keepalive {draw.choice((16, 32, 64))};", "}", "server {", "    listen 8080;",
        f"    server_name {name}.example.com www.{name}.example.com;", f"    {log}", f"    include {folder}headers.conf;",
        f"    client_max_body_size {draw.choice((1, 8, 16))}m;", f"    set $tenant '{name}';",
    ]  # fmt: skip
    if draw.random() < 0.5:
        lines += ["    gzip on;", "    gzip_types text/css application/json text/event-stream;"]
    for block in draw.sample(_blocks(draw, name, upstream, folder), 8):
        head, *inside = block
        lines += ["", f"    # for {name}", f"    {head} {{", *(f"        {line}" for line in inside), "    }"]
    return "\n".join([*lines, "}", ""])


def _blocks(draw: random.Random, name: str, upstream: str, folder: str) -> list[list[str]]:
    to = f"proxy_pass http://{upstream};"
    wait = f"proxy_read_timeout {draw.choice((30, 60, 90, 3600))}s;"
    return [
        [f"location /api/v{draw.randint(1, 3)}/", f"include {folder}proxy.conf;", "limit_req zone=per_ip burst=20 nodelay;", wait, to],
        [f"location = /events/{name}", f"include {folder}stream.conf;", f"proxy_pass http://{upstream}/events;"],
        ["location = /feed", "proxy_http_version 1.1;", "proxy_set_header Host $http_host;", wait, to],
        ["location /ws", "proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;",
         "proxy_set_header Connection $connection_upgrade;", wait, to],
        ["location ~ ^/v1/(chat/completions|responses)$", f"include {folder}stream.conf;", "proxy_request_buffering off;", to],
        ["location /upload", f"client_max_body_size {draw.choice((50, 200))}m;", f"include {folder}proxy.conf;", to],
        [r"location ~* \.(?:css|js|woff2?|svg|png)$", "expires 30d;", f"root /srv/www/{name}/public;", "try_files $uri =404;"],
        ["location /admin/", 'auth_basic "restricted: staff only";', "auth_basic_user_file htpasswd;", "allow 10.0.0.0/8;", "deny all;",
         f"include {folder}proxy.conf;", to],
        [f"location = /old-{draw.randint(1, 99)}", "return 301 $scheme://$host/new;"],
        ["location /legacy", 'if ($request_method !~ "^(GET|HEAD|POST)$") {', "    return 405;", "}",
         f"rewrite ^/legacy/(.*)$ /{draw.choice('abcdef')}/$1 break;", to],
        ["location = /healthz", "access_log off;", "return 200 'ok; site={\"n\": \"" + name + "\"}\\n';"],
        ["location /", f"root /srv/www/{name};", "index index.html;", "try_files $uri $uri/ /index.html;"],
    ]  # fmt: skip


def write_sites(folder: Path, count: int) -> Path:
    """Sites in files of their own, included by one ``nginx.conf``, which is returned."""
    _write_snippets(folder)
    (folder / "sites").mkdir(exist_ok=True)
    for number in range(count):
        (folder / "sites" / f"{number:05d}.conf").write_text(site(number))
    main = folder / "nginx.conf"
    main.write_text(MAIN.format("    include sites/*.conf;\n"))
    return main


def write_one(folder: Path) -> Path:
    """An ``nginx.conf`` with one site in it, about 80 lines beside the snippets that it includes."""
    _write_snippets(folder)
    main = folder / "nginx.conf"
    main.write_text(MAIN.format(site(1)))
    return main


def _write_snippets(folder: Path) -> None:
    (folder / "snippets").mkdir(parents=True)
    for name, text in SNIPPETS.items():
        (folder / "snippets" / name).write_text(text)


# ---- one file, one thing that is large ----


def flat(count: int) -> str:
    """Sites in one file, what they include written out."""
    return MAIN.format("".join(_written_out(site(number)) for number in range(count)))


def _written_out(text: str) -> str:
    for name, snippet in SNIPPETS.items():
        text = text.replace(f"include snippets/{name};", snippet)
    return text


def _server(lines: Iterator[str], http: str = "") -> str:
    return MAIN.format(f"{http}server {{\nlisten 80;\n{''.join(lines)}}}\n")


def locations(count: int) -> str:
    """Prefixes of one server."""
    return _server(f"location /service-{number}/ {{\nproxy_pass http://10.0.0.1:80;\n}}\n" for number in range(count))


def regexes(count: int) -> str:
    """Regular expressions of one server."""
    return _server(f"location ~ ^/s{number}/(a|b)$ {{\nproxy_pass http://10.0.0.1:80;\n}}\n" for number in range(count))


def settings(count: int) -> str:
    """Locations of which none is like another."""
    return _server(
        f"location /s{number}/ {{\nproxy_pass http://10.0.0.1:80;\nproxy_read_timeout {number}s;\n}}\n"
        for number in range(1, count + 1)
    )


def servers(count: int) -> str:
    """Names of one socket."""
    return MAIN.format(
        "".join(
            f"server {{\nlisten 80;\nserver_name h{number}.example.com;\nlocation / {{\nproxy_pass http://10.0.0.1:80;\n}}\n}}\n"
            for number in range(count)
        )
    )


def entries(count: int) -> str:
    """Lines of one map, which is asked for."""
    lines = "".join(f"/path/{number} value-{number % 10};\n" for number in range(count))
    return _server(
        iter(["location / {\nproxy_set_header Connection $chosen;\nproxy_pass http://10.0.0.1:80;\n}\n"]),
        f"map $uri $chosen {{\n{lines}}}\n",
    )


def includes(count: int) -> str:
    """One snippet, again and again."""
    return _server(
        f"location /s{number}/ {{\ninclude snippets/stream.conf;\nproxy_pass http://10.0.0.1:80;\n}}\n"
        for number in range(count)
    )


SHAPES: dict[str, tuple[Shape, int]] = {
    "sites in one file of 10 MB": (flat, 4_000),
    "locations of one server": (locations, 100_000),
    "regular expressions of one server": (regexes, 100_000),
    "locations all different": (settings, 10_000),
    "names on one socket": (servers, 50_000),
    "lines of a map": (entries, 100_000),
    "includes of one snippet": (includes, 100_000),
}
"""What may be slow though sites are not: how it is made, and the largest number of it that is measured.

A tenth of that is what growth counts from, and takes a tenth of a second at least: less would drown in noise.
"""
