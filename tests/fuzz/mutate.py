"""Configs that something happened to. Everything follows from the seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

MOST_LINES = 60
"""Of a config that is mutated: damage is local, and small texts leave time for many tries."""
LONGEST = 200_000
"""Characters that come out at most."""

_PIECES = (
    "{", "}", ";", "}}}}", "{{{{", '"', "'", "\\", "#", "$", "${", "${a", "~", "~*", "^~", "=", "@", "*", "\r\n", "\n", "\t", "\x00", "\ufeff", "\xa0",
    "\u200b", "é", "\udcff", "0", "-1", "99999999999999999999", "9" * 5000, "²", "٣", "1e9", "0x10", "1y", "off", "on", "default", "http {", "server {", "location / {",
    "location ~ (a+)+$ {", "location ~ ( {", "if ($a) {", "if (", "map $a $b {", "map $b $a {", "geo $a {", "upstream a {", "types {", "events {",
    "content_by_lua_block {", "[[", "]]", "--", "include *;", "include nginx.conf;", "include /etc/passwd;", "include ../*;", "listen 443 ssl;",
    "listen [::]:80;", "listen unix:/a;", "listen 99999;", "listen ²;", "listen :;", "listen a:²;", "return ²;", "proxy_read_timeout ²;", "proxy_next_upstream_tries ²;", "worker_connections ²;", "client_max_body_size ²;", "server_name ~^(?<a>.+)$;", "server_name *.*;", 'server_name "";', "return 301;",
    "return;", "rewrite ^ / last;", "rewrite ^(.*)$ $1$1;", "try_files $uri =404;", "try_files;", "error_page 404 /;", "error_page = /;", "set $a $a;",
    "set $a $b;", "proxy_pass http://$a;", "proxy_pass http://a;", "proxy_pass;", "proxy_pass http://[;", "grpc_pass grpc://a;", "fastcgi_pass a;",
    "proxy_buffering $a;", "proxy_read_timeout $a;", "proxy_read_timeout 1y1y;", "proxy_set_header Connection $a;", "proxy_set_header;",
    "proxy_http_version 3;", "proxy_cache a;", "keepalive -5;", "add_header A;", "gzip on;", "gzip_types *;", "limit_except GET {", "auth_request /;",
    "mirror /;", "# proxycfg: protocol=sse", "# proxycfg: ignore[x]", "# proxycfg:", "http2 on;", "access_log off;", "log_format a $request;",
    "split_clients $a $b {", "~^(.*)$ $1;", "default $b;", "hostnames;", "volatile;", "server a:1 weight=0;", "server;", "hash $a consistent;", "sticky cookie;",
)  # fmt: skip
"""What configs are made of, and what they should not be."""


def mutated(made: random.Random, texts: Sequence[str]) -> str:
    """One of the texts, or a window of it, after one to eight accidents."""
    lines = made.choice(texts).split("\n")
    if len(lines) > MOST_LINES:
        start = made.randrange(len(lines) - MOST_LINES)
        lines = lines[start : start + MOST_LINES] if made.random() < 0.8 else lines[: MOST_LINES * 4]
    text = "\n".join(lines)
    if made.random() < 0.3:
        text = f"events {{}} http {{ server {{ {text}"
    for _ in range(made.randint(1, 8)):
        text = made.choice(_ACCIDENTS)(made, text, texts)[:LONGEST]
    return text


def _stretch(made: random.Random, text: str) -> tuple[int, int]:
    start = made.randint(0, len(text))
    return start, min(len(text), start + int(made.expovariate(1 / 20)))


def _cut_off(made: random.Random, text: str, _texts: Sequence[str]) -> str:
    return text[: made.randint(0, len(text))]


def _removed(made: random.Random, text: str, _texts: Sequence[str]) -> str:
    start, end = _stretch(made, text)
    return text[:start] + text[end:]


def _inserted(made: random.Random, text: str, _texts: Sequence[str]) -> str:
    at, _ = _stretch(made, text)
    return text[:at] + made.choice(_PIECES) * made.choice((1, 1, 1, 2, 40)) + text[at:]


def _replaced(made: random.Random, text: str, _texts: Sequence[str]) -> str:
    start, end = _stretch(made, text)
    return text[:start] + made.choice(_PIECES) + text[end:]


def _random(made: random.Random, text: str, _texts: Sequence[str]) -> str:
    at, _ = _stretch(made, text)
    return text[:at] + chr(made.choice((made.randrange(128), made.randrange(0x3000)))) + text[at + 1 :]


def _repeated(made: random.Random, text: str, _texts: Sequence[str]) -> str:
    start, end = _stretch(made, text)
    return text[:end] + text[start:end] * made.choice((1, 2, 50, 300)) + text[end:]


def _moved(made: random.Random, text: str, _texts: Sequence[str]) -> str:
    start, end = _stretch(made, text)
    piece, rest = text[start:end], text[:start] + text[end:]
    at = made.randint(0, len(rest))
    return rest[:at] + piece + rest[at:]


def _grafted(made: random.Random, text: str, texts: Sequence[str]) -> str:
    other = made.choice(texts)
    start = made.randint(0, len(other))
    at = made.randint(0, len(text))
    return text[:at] + other[start : start + made.randint(1, 400)] + text[at:]


def _line_by_piece(made: random.Random, text: str, _texts: Sequence[str]) -> str:
    lines = text.split("\n")
    lines.insert(made.randint(0, len(lines)), made.choice(_PIECES))
    return "\n".join(lines)


def _word_by_word(made: random.Random, text: str, _texts: Sequence[str]) -> str:
    words = text.split(" ")
    one, other = made.randrange(len(words)), made.randrange(len(words))
    words[one], words[other] = words[other], words[one]
    return " ".join(words)


_ACCIDENTS: tuple[Callable[[random.Random, str, Sequence[str]], str], ...] = (
    _cut_off, _removed, _inserted, _inserted, _replaced, _random, _repeated, _moved, _grafted, _line_by_piece, _line_by_piece, _word_by_word,
)  # fmt: skip
