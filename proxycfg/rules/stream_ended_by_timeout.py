"""A stream is cut while it talks.

**What it sees.** A route of Envoy whose streams have a longest life: its `timeout`, which is 15 seconds where nothing is said, or a
`max_stream_duration` of the route, the connection manager or the cluster. Under a minute it is an error, up to five minutes a warning, up to an
hour worth knowing; more is taken for a choice. A timeout that somebody wrote for what only looks like a stream is worth knowing. Of gRPC and
Connect, whose calls are mostly short, the default alone is worth knowing, unless somebody declared streams. A poll may take as long as a minute at
most, so only less than that is told.

**Why it hurts.** `timeout` runs from the end of the request to the end of the answer, however many events flow meanwhile. When it fires, HTTP/1.1
clients see a body without its end, HTTP/2 clients a reset; before the first byte it is a 504. For a WebSocket it bounds the handshake alone.

**Instead.**

```yaml
route:
  cluster: app
  timeout: 0s
  idle_timeout: 3600s
```

A `max_stream_duration` of the connection manager is lifted by one of the route, of `0s`; one of the cluster cannot be lifted by a route.

**When it is fine.** If clients are to come anew now and then: state `max_duration` in the spec of the route.

**Measured.** Envoy 1.40 cut a stream of events at its timeout, and let it run without. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/faq/configuration/timeouts>,
<https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/route/v3/route_components.proto>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.behavior import FOREVER, Between
from proxycfg.finding import Category, Confidence, Severity
from proxycfg.rule import Case, Complaint, Shortfall, route_rule
from proxycfg.units import show_duration

_RPC = frozenset({"grpc", "grpc-web", "connect"})
_CUT, _SHORT, _CHOSEN = 60.0, 300.0, 3600.0
"""Seconds: below the first a stream is hardly begun; from the last on somebody wants clients to come anew."""


@route_rule("total_timeout", category=Category.TOTAL_TIMEOUT, severity=Severity.ERROR, targets=("envoy",))
def stream_ended_by_timeout(case: Case) -> Iterator[Complaint]:
    """A longest life that is shorter than what flows."""
    short = case.shortfalls["total_timeout"]
    severity = _severity(case, short)
    if severity is None:
        return
    yield Complaint(
        severity=severity,
        message=f"{case.title} {short.will} end after {show_duration(_lasts(short))}, whatever flows: {short.evidence.text}",
        why=short.because(
            "The timer counts the whole answer, and no traffic restarts it."
            if case.protocol != "websocket"
            else "It counts the whole life of the connection, and no traffic restarts it."
        ),
        span=short.span,
        wishes=("total_timeout",),
    )


def _lasts(short: Shortfall) -> float:
    """Seconds that are surely over at the end; those that may be where it may go on."""
    value: Between[float] = short.value
    return value.low if value.high == FOREVER else value.high


def _severity(case: Case, short: Shortfall) -> Severity | None:
    lasts = _lasts(short)
    if not short.sure:
        return Severity.INFO if short.evidence.span is not None and not case.partial else None
    if "total_timeout" in case.asked:
        return Severity.ERROR if lasts < short.wanted.low else Severity.WARNING
    by_default = short.evidence.span is None
    if case.protocol == "long-poll":
        return None if lasts >= _CUT else Severity.WARNING if by_default else Severity.INFO
    if case.protocol in _RPC and case.stream.confidence is not Confidence.DECLARED:
        # Calls are short unless somebody says otherwise; who set a timeout knows them.
        return Severity.INFO if by_default else None
    if lasts >= _CHOSEN:
        return None
    guessed = case.stream.confidence is Confidence.INFERRED and not by_default
    if case.stream.mixed or not case.stream.silent or guessed:
        # Who chose a timeout for what only looks like a stream knows what goes there.
        return Severity.INFO
    return Severity.ERROR if lasts < _CUT else Severity.WARNING if lasts < _SHORT else Severity.INFO
