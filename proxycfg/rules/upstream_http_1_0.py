"""A stream goes to its origin by HTTP/1.0.

**What it sees.** `proxy_http_version 1.0`, by a directive, or by default before nginx 1.29.7, where a stream needs HTTP/1.1.

**Why it hurts.** HTTP/1.0 has no `Upgrade`: strict origins, such as Python's websockets, answer 505, lenient ones, such as Node and aiohttp, let the
handshake pass. It has no chunks either: an answer whose end is not known ends with the connection, so that a client cannot tell an end from a cut,
and a request body of unknown length is collected before it is sent.

**Instead.** `proxy_http_version 1.1;`, which does no harm to any version.

**When it is fine.** If only nginx 1.29.7 or newer runs the config: say so with `--nginx-version`.

**Measured.** `tests/containers/`: the defaults of nginx 1.22 beside those of 1.30. Its configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_http_version>, <https://nginx.org/en/CHANGES>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule(
    "upstream_http_version",
    category=Category.UPSTREAM_HTTP_VERSION,
    severity=Severity.ERROR,
    protocols=("websocket", "sse", "ndjson", "connect", "grpc-web", "long-poll"),
)
def upstream_http_1_0(case: Case) -> Iterator[Complaint]:
    """HTTP/1.0 where a stream needs more."""
    short = case.shortfalls["upstream_http_version"]
    if short.value.low != "1.0":
        return
    handshake = case.protocol == "websocket"
    if case.route.reading.evidence["upstream_http_version"].text.startswith(("fastcgi", "uwsgi", "scgi")):
        return
    if handshake:
        severity = Severity.ERROR if short.sure else Severity.WARNING
        why = "Upgrade exists only in HTTP/1.1: strict origins refuse the handshake, such as Python's websockets (505)."
    else:
        # What this holds back, the rules about buffering say; here it is about the ends of answers.
        severity = Severity.WARNING if short.sure and case.protocol != "long-poll" else Severity.INFO
        why = "Without chunks an end and a cut look the same, and bodies of unknown length are collected first."
    if short.only_older:
        message = (
            f"on nginx older than 1.29.7, {case.title} goes to its origin by HTTP/1.0, the default there; "
            "nothing says which version runs this"
        )
    else:
        message = f"{case.title} goes to its origin by HTTP/1.0: {short.evidence.text}"
    yield Complaint(
        severity=severity,
        message=message,
        why=why,
        span=short.span,
        wishes=("upstream_http_version",),
    )
