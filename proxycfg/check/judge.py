"""From the values that the lab's probes give of a route to what a report says of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from proxycfg.behavior import FOREVER, Between, properties
from proxycfg.measured import Found, Judged
from proxycfg.timeline import event_of

if TYPE_CHECKING:
    from proxycfg.lab.probe import Values

_WORDS: Mapping[str, tuple[str, str]] = {
    "response_buffering": (
        "a piece of an answer that ends with its connection was held back",
        "a piece of an answer came through at once",
    ),
    "request_buffering": (
        "an upload reached the origin when it was complete",
        "an upload reached the origin with its first piece",
    ),
    "compression": ("the answer came compressed", "the answer came as the origin sent it"),
    "caching": ("the same request, asked twice, reached the origin once", "each request reached the origin"),
    "upgrade": (
        "101 came back, and a message reached the origin",
        "a handshake did not reach the origin as one",
    ),
    "retries": ("a request that failed came to an origin again", "no kind of failure sent a request again"),
    "retries_non_idempotent": ("a POST that failed came to an origin again", "no kind of failure sent a POST again"),
    "error_interception": (
        "an error of the origin came with another body",
        "errors came with the origin's own body",
    ),
    "honors_x_accel_buffering": (
        "the origin's X-Accel-Buffering changed what was held back",
        "the origin's X-Accel-Buffering changed nothing",
    ),
    "forwards_x_accel_buffering": ("X-Accel-Buffering came through", "X-Accel-Buffering was taken away"),
    "accept_encoding_forwarded": (
        "the origin saw the client's Accept-Encoding",
        "the origin did not see the client's Accept-Encoding",
    ),
    "grpc": ("a call's grpc-status came in trailers", "a call did not end with grpc-status in trailers"),
    "query_logged": ("an access log has the query", "no access log has the query"),
    "abort_propagates": (
        "the origin's connection ended when the client left",
        "the origin's connection stayed when the client left",
    ),
}
"""Property → how it is known that it is so, and that it is not."""


def judge(told: Iterable[Mapping[str, Any]], probes: Iterable[str], *, more: frozenset[str] = frozenset()) -> Judged:
    """What the probes of one route gave.

    :param told: what the lab said of each.
    :param probes: those that were tried.
    :param more: transports that the listener may serve and that no client here speaks.
    """
    from proxycfg.probes.kits import EVERY  # noqa: PLC0415 - needs the extra `lab`, which the lab itself has been asked for by now

    values: Values = {}
    failed: dict[str, str] = {}
    for each in told:
        if "skipped" in each:
            failed[each["probe"]] = each["skipped"]
        else:
            values.update(EVERY[each["probe"]].judge(tuple(map(event_of, each["timeline"]))))
    # A timer that has not run out may yet send the request again.
    if values.get("retries") is False and values.get("retried_silence", False) is not False:
        values["retries"] = values["retried_silence"]
    found = {
        name: _found(name, value, more)
        for name, value in values.items()
        if name in properties() and not (name == "retries" and value is None)
    }
    unknown = {name: "the probes that were tried do not show it" for name in properties() if name not in found}
    tried = set(probes)
    nothing = tried and set(failed) >= tried
    return Judged(
        found=found,
        unknown=unknown,
        skipped=f"nothing could be measured: {next(iter(failed.values()))}" if nothing else "",
    )


def _found(name: str, value: Any, more: frozenset[str]) -> Found:
    from proxycfg.lab.probe import range_of  # noqa: PLC0415 - as above

    between = range_of(value)
    if name == "stalls_on":
        between = Between(between.low, between.high | more)
    if name in _WORDS:
        return Found(between, _WORDS[name][not between.low])
    return Found(between, _said(name, between))


def _said(name: str, value: Between[Any]) -> str:
    if properties()[name].unit == "s":
        if value.high == FOREVER:
            return f"nothing was cut in {value.low:g} s" if value.low else "nothing was cut"
        return f"cut between {value.low:.1f} and {value.high:.1f} s"
    return {
        "stalls_on": "small events, one by one, over each transport",
        "upstream_http_version": "the origin was asked so",
        "upstream_connection_header": "the origin saw it on a plain request",
        "request_body_limit": "bodies of one byte more were refused"
        if value.high != FOREVER
        else "no announced body was refused",
        "client_http_versions": "the listener was asked over each",
        "session_affinity": "requests that differ in one thing went to other servers, or not",
        "max_streams": "so many were held open at once",
    }.get(name, "measured")
