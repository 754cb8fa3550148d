"""A protocol that does not fit what the spec says of its route is told, at the field that says so, and as surely as that is."""

from __future__ import annotations

import pytest

from proxycfg.finding import Severity
from proxycfg.mismatch import mismatches
from tests.specs import load

PAGES = 'cors: {origins: ["https://a.example"]}'


def _spec(routes: str) -> str:
    return f"upstreams: {{a: http://10.0.0.1:1, g: grpc://10.0.0.1:2}}\nroutes: [{routes}]\n"


TOLD = {
    "grpc-with-cors": (f"{{path: /x, protocol: grpc, upstream: g, {PAGES}}}", "grpc-from-browsers", PAGES[6:], "explicit"),
    "socket-by-header": (
        f"{{path: /x, protocol: websocket, upstream: a, auth: {{by: header, name: X-Key}}, {PAGES}}}",
        "header-out-of-reach", "{by: header, name: X-Key}", "explicit",
    ),
    "events-by-header": (
        f"{{path: /x, protocol: sse, upstream: a, auth: {{by: header, name: X-Key}}, {PAGES}}}",
        "header-out-of-reach", "{by: header, name: X-Key}", "explicit",
    ),
    "web-uploads": (
        "{path: /x, protocol: grpc-web, upstream: a, upload: {stream: true}}", "no-stream-from-the-client", "{stream: true}", "explicit",
    ),
    "heartbeat-of-a-poll": ("{path: /x, protocol: poll, upstream: a, heartbeat: 5s}", "heartbeat-without-a-stream", "5s", "explicit"),
    "heartbeat-of-a-long-poll": (
        "{path: /x, protocol: long-poll, upstream: a, heartbeat: 5s}", "heartbeat-without-a-stream", "5s", "explicit",
    ),
    "socket-for-events": ("{path: /events, protocol: websocket, upstream: a}", "socket-for-one-way", "/events", "inferred"),
    "no-way-back": ("{path: /x, protocol: sse, upstream: a, methods: [GET]}", "no-way-back", "[GET]", "inferred"),
    "polled-too-often": (
        "{path: /x, protocol: poll, upstream: a, cache: 5s, limits: {rate: 2}}", "polled-below-cache", "{rate: 2}", "inferred",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TOLD)
def test_it_is_told_at_its_place(case: str) -> None:
    """One finding, no error, where the words stand that do not fit."""
    route, rule, words, confidence = TOLD[case]
    text = _spec(route)

    (finding,) = mismatches(load(text), "nginx")

    line = text.splitlines()[finding.span.line - 1]
    assert (finding.rule, line[finding.span.column - 1 : finding.span.end_column - 1]) == (rule, words)
    assert (confidence, "protocol-mismatch") == (finding.confidence, finding.category)
    assert finding.severity is not Severity.ERROR


QUIET = {
    "grpc-for-services": "{path: /x, protocol: grpc, upstream: g}",
    "web-for-browsers": f"{{path: /x, protocol: grpc-web, upstream: a, {PAGES}}}",
    "socket-by-cookie": f"{{path: /x, protocol: websocket, upstream: a, auth: {{by: cookie, name: s}}, {PAGES}}}",
    "events-by-header-of-programs": "{path: /x, protocol: sse, upstream: a, auth: {by: header, name: X-Key}}",
    "posts-by-header": f"{{path: /x, protocol: ndjson, upstream: a, auth: {{by: header, name: X-Key}}, {PAGES}}}",
    "heartbeat-of-a-stream": "{path: /x, protocol: sse, upstream: a, heartbeat: 5s}",
    "socket": "{path: /ws, protocol: websocket, upstream: a}",
    "socket-of-no-telling-name": "{path: /x, protocol: websocket, upstream: a}",
    "events": "{path: /events, protocol: sse, upstream: a}",
    "a-way-back": "{path: /x, protocol: sse, upstream: a, methods: [GET]}, {path: /y, upstream: a, methods: [POST]}",
    "poll-as-often-as-it-changes": "{path: /x, protocol: poll, upstream: a, cache: 1s, limits: {rate: 1}}",
    "poll-without-limits": "{path: /x, protocol: poll, upstream: a, cache: 5s}",
    "poll-without-cache": "{path: /x, protocol: poll, upstream: a, cache: false, limits: {rate: 9}}",
}


@pytest.mark.parametrize("case", QUIET)
def test_what_fits_is_not_told(case: str) -> None:
    """Nothing to say."""
    assert list(mismatches(load(_spec(QUIET[case])), "nginx")) == []


def test_a_heartbeat_under_defaults_is_for_the_streams() -> None:
    """It stands there for all routes, and says nothing of those that have no use for it."""
    text = _spec("{path: /x, protocol: poll, upstream: a}") + "defaults: {heartbeat: 5s}\n"

    assert list(mismatches(load(text), "nginx")) == []


def test_a_route_away_from_the_upstream_is_no_way_back() -> None:
    """What another application takes does not reach this one."""
    routes = "{path: /x, protocol: sse, upstream: a, methods: [GET]}, {path: /y, protocol: grpc, upstream: g}"

    assert ["no-way-back"] == [finding.rule for finding in mismatches(load(_spec(routes)), "nginx")]
