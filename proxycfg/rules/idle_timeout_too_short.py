"""A pause of the origin ends the stream.

**What it sees.** A stream whose origin may be silent for longer than the proxy waits: `proxy_read_timeout`, `grpc_read_timeout` and their kind, 60
seconds by default; on Envoy the `idle_timeout` of the route, else the `stream_idle_timeout` of its connection manager, five minutes by default, or
the `per_try_idle_timeout` of a retry policy. Where a heartbeat is known, from a spec or from a comment such as `# proxycfg: protocol=sse
heartbeat=15s`, the timeout is held against it: a timeout that is not longer is an error, any other is fine. Where the longest silence to allow is
stated, by a spec or as in `# proxycfg: protocol=sse idle_timeout=5m`, a timeout below that is an error; a warning if the heartbeat is faster. Where
nothing is known, timeouts of up to a minute are a warning and those below five minutes worth knowing.

**Why it hurts.** The timer runs between two reads from the origin. When it fires, nginx cuts the connection in the middle of the stream: browsers
reconnect an EventSource every minute, WebSocket clients see 1006, gRPC calls end with UNAVAILABLE, and whatever was generated is lost.
For a WebSocket, traffic of either side restarts it; on Envoy it does so for every stream, but no PING of HTTP/2 or keepalive of gRPC counts.

**Instead.** Let the application send something every 15 to 30 seconds, and wait for several of these:

```nginx
proxy_read_timeout 1h;
```

A value of 0 does not switch nginx's timer off: it fires at once. On Envoy `0s` does, and `idle_timeout: 3600s` is what to write in the route.

**When it is fine.** If the application sends something more often than that; say so: `# proxycfg: protocol=sse heartbeat=15s`.

**Measured.** `tests/containers/`: a stream that is cut by a stock config during a pause, and survives it in a generated one. Its configs show it in
`tests/containers/test_rule_fixtures.py`, those of Envoy in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout>, `src/http/ngx_http_upstream.c`
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, Shortfall, route_rule
from proxycfg.units import show_duration

_STOCK = 60.0
"""Seconds: what nobody chose."""
_CHOSEN = 300.0
"""Seconds: who set this much has thought about silence, and knows the application better than a linter does."""


@route_rule(
    "upstream_idle_timeout", category=Category.IDLE_TIMEOUT, severity=Severity.ERROR, targets=("nginx", "envoy")
)
def idle_timeout_too_short(case: Case) -> Iterator[Complaint]:
    """A read timeout below the silence that the route may have."""
    short = case.shortfalls["upstream_idle_timeout"]
    severity = _severity(case, short)
    if severity is None:
        return
    allowed = case.stream.idle_timeout
    if allowed is not None:
        why = f"A silence of {show_duration(allowed)} is to be allowed: {case.stream.why}."
    elif case.heartbeat is not None:
        why = f"The origin sends something only every {show_duration(case.heartbeat)}."
    else:
        why = (
            "Nothing says how often the origin sends something. If it has a heartbeat, say so: "
            f"`# proxycfg: protocol={case.protocol} heartbeat=15s`."
        )
    yield Complaint(
        severity=severity,
        message=f"a silence of {show_duration(short.value.high)} cuts {case.title}: {short.evidence.text}",
        why=short.because(why),
        span=short.span,
        wishes=("upstream_idle_timeout",),
    )


def _severity(case: Case, short: Shortfall) -> Severity | None:
    lasts = short.value.high
    if lasts and not case.stream.silent:
        # A download talks until it ends.
        return None
    if not short.value.exact and lasts > _STOCK:
        # A variable: nothing says that it is short.
        return None
    if case.heartbeat is not None and lasts > case.heartbeat:
        return None if case.stream.idle_timeout is None else Severity.WARNING
    if case.heartbeat is not None or case.stream.idle_timeout is not None:
        return Severity.ERROR
    if not lasts:
        return Severity.ERROR
    if lasts <= _STOCK:
        # Headers that many carry along for everything say little about what really goes there.
        return Severity.INFO if case.stream.mixed else Severity.WARNING
    return Severity.INFO if lasts < _CHOSEN else None
