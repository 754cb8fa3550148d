"""Specs for the nginx target: every protocol on every kind of listener and origin, and every option once.

Origins are addresses of this machine, for nginx looks names up when it reads a config.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxycfg.source import Source
from proxycfg.spec import Spec
from proxycfg.specfile import load
from proxycfg.target import Output
from proxycfg.targets.nginx import TARGET
from tests.specs import REGEX_EDGES

ORIGINS = """\
upstreams:
  plain: http://127.0.0.1:8000
  pair: {servers: ["http://127.0.0.1:8000", "http://127.0.0.2:8000"]}
  two: {servers: ["http://127.0.0.1:8000"], http: 2}
  secure: {servers: ["https://127.0.0.1:8443"], tls: {ca: CA, sni: origin.example.com}}
  calls: grpc://127.0.0.1:50051
  secure_calls: {servers: ["grpcs://127.0.0.1:50051"], tls: {ca: CA, sni: origin.example.com}}
  socket: unix:/run/app.sock
"""
"""Every kind of origin."""

HTTP_PROTOCOLS = ("sse", "ndjson", "websocket", "grpc-web", "connect", "long-poll", "poll", "http")
OVER_HTTP2 = ("sse", "ndjson", "grpc-web", "connect", "long-poll", "poll", "http", "grpc")
NOT_TRANSLATED = ("grpc-web", "connect")

LISTENERS = {
    "clear": "{port: 8080}",
    "clear-1": '{port: 8080, http: ["1.1"]}',
    "clear-2": '{port: 8080, http: ["2"]}',
    "tls": "{port: 8443, tls: {certificate: CERT, key: KEY}}",
    "tls-1": '{port: 8443, tls: {certificate: CERT, key: KEY}, http: ["1.1"]}',
    "tls-2": '{port: 8443, tls: {certificate: CERT, key: KEY}, http: ["2"]}',
    "tls-3": '{port: 8443, tls: {certificate: CERT, key: KEY}, http: ["1.1", "2", "3"]}',
}


def every_route() -> str:
    """Each protocol towards each origin that can serve it, some with settings that change timers and retries."""
    lines = []
    for origin in ("plain", "pair", "secure", "socket"):
        lines += [f"{{path: /{origin}/{name}, protocol: {name}, upstream: {origin}}}" for name in HTTP_PROTOCOLS]
    lines += [f"{{path: /two/{name}, protocol: {name}, upstream: two}}" for name in OVER_HTTP2]
    lines += [f"{{path: /{origin}.S/, protocol: grpc, upstream: {origin}}}" for origin in ("calls", "secure_calls")]
    lines += [f"{{path: /calls/{name}, protocol: {name}, upstream: calls}}" for name in NOT_TRANSLATED]
    lines += [
        "{path: /beat, protocol: sse, upstream: pair, heartbeat: 90s, retry: true}",
        "{path: /tried, protocol: http, upstream: pair, retry: {attempts: 3}}",
        "{path: /once, protocol: http, upstream: pair, retry: false}",
        "{path: /patient, protocol: websocket, upstream: plain, idle_timeout: 60d}",
        "{path: /short, protocol: sse, upstream: plain, max_duration: 5m, idle_timeout: 1500ms}",
        "{path: /upload, protocol: http, upstream: plain, upload: {stream: true, max_bytes: 1500000}}",
        "{path: /asked, protocol: sse, upstream: plain, headers: {request: {accept-encoding: null}}}",
        "{path: /, upstream: plain}",
    ]
    return ORIGINS + "routes:\n" + "".join(f"  - {line}\n" for line in lines)


def only_grpc() -> str:
    """A spec whose cleartext port may speak HTTP/2 alone."""
    return "upstreams: {calls: grpc://127.0.0.1:50051}\nroutes: [{path: /a.B/, protocol: grpc, upstream: calls}]\n"


def whole(text: str, version: str, layout: str = "full", listen: str = "clear") -> str:
    """A spec for a version, a layout and a listener."""
    about = f'targets: {{nginx: {{version: "{version}", layout: {layout}}}}}\n'
    return about + ("" if listen == "clear" and "listen:" in text else f"listen: {LISTENERS[listen]}\n") + text


def combinations(version: str) -> Iterator[tuple[str, str]]:
    """Name and text of the matrix for one version."""
    for listen in LISTENERS:
        for layout in ("full", "site"):
            yield f"all-{listen}-{layout}", whole(every_route(), version, layout, listen)
            yield f"grpc-{listen}-{layout}", whole(only_grpc(), version, layout, listen)


# ---- options ----


def _one(route: str, upstream: str = "http://127.0.0.1:8000", more: str = "") -> str:
    return f"{more}upstreams: {{a: {upstream}}}\nroutes:\n  - {{upstream: a, {route}}}\n"


_TWO = '{servers: ["http://127.0.0.1:8000", "http://127.0.0.2:8000"], '
_HTTPS = '{servers: ["https://127.0.0.1:8443"], tls: '
_LONG_NAME = "X-" + "n" * 126
_LONG_UPSTREAM = "a-." * 20 + "x"
_VALUES = r"""
    X-Dollar: "$host ${host} $$ $1 $"
    X-Quotes: "\"double\" 'single' \\ \\\\ \\n \\\""
    X-Config: "; } server { return 200; } # not a comment"
    X-Unicode: "é 漢字 🚀"
    X-Space: "  two  "
    X-Removed: null
    X-Empty: ""
"""
_ORIGINS = 'cors: {origins: ["https://a.example", "http://localhost:3000"]}'

OPTIONS = {
    "minimal": _one("path: /x"),
    "exact": _one("exact: /x/y.z"),
    "exact-long": _one(f"exact: /{'x' * 2047}"),
    "regex": _one(r'regex: "/(?P<args>[^/]+)/v[0-9]{1,3};x\\.y"'),
    "regex-flags": _one('regex: "(?i:/a)[(?P<x>]"'),
    "regex-edges": "upstreams: {a: http://127.0.0.1:8000}\nroutes:\n"
    + "".join(f"  - {{regex: '{regex}', upstream: a}}\n" for regex in REGEX_EDGES),
    "unicode-paths": _one("path: /café/漢字 with space/$dollar/quote'\\"),
    "signs-in-paths": _one('path: "/a;b{c}d\\"e\'f(g)[h]*+.|^$\\\\"'),
    "both-families": _one("path: /x", more="listen: {address: '::'}\n"),
    "one-address": _one("path: /x}\n  - {upstream: a, path: /y, hosts: [b.example]", more="listen: {address: 127.0.0.1}\nhosts: [a.example]\n"),
    "both-families-http3": _one(
        "path: /x", more="listen: {address: '::', tls: {certificate: CERT, key: KEY}, http: ['1.1', '2', '3']}\n"
    ),
    "precedence": _one("path: /a}\n  - {upstream: a, path: /a/b}\n  - {upstream: a, exact: /a}\n  - {upstream: a, regex: /a.*"),
    "hosts": _one("path: /x", more="hosts: [a.example, b.example]\n"),
    "wildcard": _one("path: /x", more='hosts: ["*.a.example"]\n'),
    "address-hosts": _one("path: /x", more='hosts: [127.0.0.1, "::1", "[::2]"]\n'),
    "any-and-some": _one("path: /x}\n  - {upstream: a, path: /x, hosts: [b.example]", more='hosts: ["*", a.example]\n'),
    "several-servers": _one(
        "path: /x}\n  - {upstream: a, path: /y, hosts: [b.example]}\n  - {upstream: a, path: /, hosts: ['*.c.example']",
        more="hosts: [a.example]\n",
    ),
    "long-host": _one("path: /x}\n  - {upstream: a, path: /y, hosts: [b.example]", more=f"hosts: [{'.'.join(['h' * 62] * 4)}]\n"),
    "many-hosts": _one("path: /x", more=f"hosts: [{', '.join(f'h{i}.example' for i in range(300))}]\n"),
    "many-headers": _one("path: /x, headers: {response: {" + ", ".join(f"X-{i}: v" for i in range(300)) + "}}"),
    "strip": _one("path: /api, strip_prefix: true"),
    "strip-part": _one("path: /api/v1/x, strip_prefix: /api/v1"),
    "strip-exact": _one("exact: /api/x, strip_prefix: /api"),
    "strip-grpc": _one("path: /api/a.B, strip_prefix: /api, protocol: grpc", "grpc://127.0.0.1:1"),
    "strip-signs": _one("path: '/a b.c/é', strip_prefix: true"),
    "headers": "upstreams: {a: http://127.0.0.1:8000}\nroutes:\n- path: /x\n  upstream: a\n  headers:\n   request:"
    + _VALUES + "   response:" + _VALUES,
    "headers-own": _one(
        "path: /x, headers: {request: {host: other.example, Accept-Encoding: gzip, X-Forwarded-For: null}, "
        "response: {X-Accel-Buffering: 'no', access-control-max-age: '5', Vary: X, Set-Cookie: a=b}}, " + _ORIGINS
    ),
    "header-names": _one(
        f"path: /x, headers: {{request: {{\"!#$%&'*+.^_`|~\": v, {_LONG_NAME}: v}}, response: {{{_LONG_NAME}: v}}}}"
    ),
    "methods": _one("path: /x, methods: [GET, POST, DELETE]"),
    "methods-cors": _one(f"path: /x, methods: [POST], {_ORIGINS}"),
    "auth-cookie": _one("path: /x, protocol: sse, auth: {by: cookie, name: session}"),
    "auth-header": _one("path: /x, protocol: poll, auth: {by: header, name: X-Api-Key}"),
    "auth-query": _one("path: /x, protocol: websocket, auth: {by: query, name: token}"),
    "auth-query-poll": _one("path: /x, protocol: poll, auth: {by: query, name: access-token}"),
    "cors": _one(f"path: /x, protocol: sse, {_ORIGINS}"),
    "cors-any": _one("path: /x, protocol: sse, cors: {origins: ['*']}"),
    "cors-socket": _one(f"path: /x, protocol: websocket, {_ORIGINS}"),
    "cors-socket-any": _one("path: /x, protocol: websocket, cors: {origins: ['*']}"),
    "cors-grpc": _one(f"path: /x, protocol: grpc, {_ORIGINS}", "grpc://127.0.0.1:1"),
    "cors-long": _one(f"path: /{'long/' * 30}x, cors: {{origins: ['https://{'.'.join(['h' * 62] * 4)}:8443']}}"),
    "limits": _one("path: /x, protocol: sse, limits: {per_client: 5, rate: 90/m, burst: 3}"),
    "limits-edges": _one("path: /x, limits: {per_client: 1000000, rate: 1000000, burst: 0}"),
    "limits-slow": _one("path: /x, limits: {rate: 1/m}"),
    "retry": _one("path: /x, retry: {attempts: 4}", _TWO + "}"),
    "retry-stream": _one("path: /x, protocol: sse, retry: true", _TWO + "}"),
    "retry-grpc": _one("path: /x, protocol: grpc, retry: true", '{servers: ["grpc://127.0.0.1:1", "grpc://127.0.0.2:1"]}'),
    "cache": _one("path: /x, protocol: poll, cache: 1500ms"),
    "cache-long": _one("path: /x, protocol: poll, cache: 1h"),
    "cache-http2": _one("path: /x, protocol: poll", '{servers: ["http://127.0.0.1:1"], http: 2}'),
    "affinity-cookie": _one("path: /x, protocol: websocket", _TWO + "affinity: {by: cookie, name: Session_1}}"),
    "affinity-header": _one("path: /x, protocol: long-poll", _TWO + "affinity: {by: header, name: X-Session}}"),
    "affinity-ip": _one("path: /x, protocol: sse", _TWO + "affinity: {by: ip}}"),
    "affinity-argument": _one("path: /x, protocol: websocket", _TWO + "affinity: {by: hash, name: room}}"),
    "affinity-path": _one("path: /x, protocol: sse", _TWO + "affinity: {by: hash}}"),
    "unix": _one("path: /x", "'unix:///run/a-b_c@d+e.sock'"),
    "unix-mixed": _one("path: /x", '{servers: ["http://127.0.0.1:1", "unix:/run/a.sock"]}'),
    "https": _one("path: /x, protocol: sse", _HTTPS + "{verify: false}}"),
    "https-checked": _one("path: /x", _HTTPS + "{ca: CA, sni: origin.example.com}}"),
    "https-address": _one("path: /x", _HTTPS + "{ca: CA}}"),
    "https-names": _one("path: /x", '{servers: ["https://localhost", "https://127.0.0.1"], tls: {ca: CA}}'),
    "grpcs": _one("path: /a.B, protocol: grpc", '{servers: ["grpcs://127.0.0.1:1"], tls: {verify: false}}'),
    "max-connections": _one("path: /x, protocol: sse", _TWO + "max_connections: 10}"),
    "keepalive-none": _one("path: /x", "{servers: ['http://127.0.0.1:1'], keepalive: 0}"),
    "keepalive-many": _one("path: /x", "{servers: ['http://127.0.0.1:1'], keepalive: 100000}"),
    "many-servers": _one("path: /x", f"{{servers: [{', '.join(f'http://10.0.{i // 250}.{i % 250 + 1}' for i in range(1000))}]}}"),
    "trusted": _one("path: /x", more="trusted_proxies: [10.0.0.0/8, '::1/128', 'fd00::/8']\n"),
    "scale-1": _one("path: /x, protocol: sse", more="scale: {streams: 1}\n"),
    "scale-50001": _one("path: /x, protocol: sse", more="scale: {streams: 50001}\n"),
    "scale-1000000": _one("path: /x, protocol: sse, limits: {per_client: 9}", more="scale: {streams: 1000000}\n"),
    "alike-names": "upstreams: {api: 'http://127.0.0.1:1', API: 'http://127.0.0.1:2', Api_2: 'http://127.0.0.1:3'}\nroutes:\n"
    "  - {path: /a, upstream: api}\n  - {path: /b, upstream: API}\n  - {path: /c, upstream: Api_2}\n",
    "names-of-ours": "upstreams: {poll: 'http://127.0.0.1:1', tls: 'http://127.0.0.1:2', streams: 'http://127.0.0.1:3'}\nroutes:\n"
    "  - {path: /a, upstream: poll, protocol: poll}\n  - {path: /b, upstream: tls}\n"
    "  - {path: /c, upstream: streams, limits: {per_client: 3}}\n",
    "long-names": f"upstreams: {{{_LONG_UPSTREAM}: {_TWO}affinity: {{by: cookie, name: {'c' * 120}}}}}}}\n"
    f"routes: [{{path: /x, upstream: {_LONG_UPSTREAM}}}]\n",
    "many-cors": "upstreams: {a: http://127.0.0.1:1}\nroutes:\n"
    + "".join(f"  - {{path: /a-long-path-{i}, upstream: a, cors: {{origins: ['https://{i}.example']}}}}\n" for i in range(120)),
    "many-routes": "upstreams: {a: http://127.0.0.1:1}\nroutes:\n"
    + "".join(f"  - {{path: /svc{i}, upstream: a, protocol: sse}}\n" for i in range(250))
    + "".join(f"  - {{exact: {path}, upstream: a, protocol: sse}}\n" for path in ("/svc9", "/svc8/"))
    + "  - {path: /, upstream: a}\n",
    "defaults": "defaults: {protocol: sse, upstream: a, heartbeat: 10s}\nupstreams: {a: http://127.0.0.1:1}\n"
    "routes: [{path: /x}, {path: /y}]\n",
}  # fmt: skip


def spec_of(text: str, files: dict[str, Path] | None = None) -> Spec:
    """A settled spec; ``CERT``, ``KEY`` and ``CA`` stand for files that may not exist."""
    for name in ("CERT", "KEY", "CA"):
        text = text.replace(name, str((files or {}).get(name, f"/etc/tls/{name.lower()}.pem")))
    return load(Source("routes.yaml", text))


def written(spec: Spec) -> Output:
    """What the target makes of it."""
    return TARGET.write(spec)


def text_of(output: Output) -> str:
    """The one file."""
    (text,) = output.files.values()
    return text
