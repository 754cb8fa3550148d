"""The Worker's project: what it is started for, and that values of a spec are data in it and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg.errors import InvalidInput
from proxycfg.spec import Spec
from proxycfg.targets.cloudflare import worker
from tests.specs import load_data

HOSTILE = (
    "*/", "`${process.exit()}`", '"; export default {}; "', "<" + "/script>", "\\", "\\u0022", "'", "\N{ROCKET}", "__proto__",
    '"],"relay":"events"', "${HOSTS}", "\ufeff", "import('x')",
)  # fmt: skip
"""What would be code, or the end of a string, where a value is pasted into JavaScript or JSON."""

texts = st.lists(st.one_of(st.sampled_from(HOSTILE), st.characters(exclude_categories=["Cs"])), max_size=6).map("".join)


def spec_of(routes: Sequence[Mapping[str, Any]], *, hosts: list[str] | None = None, **cloudflare: str) -> Spec:
    """A spec with a Worker."""
    whole = {
        "hosts": hosts or ["chat.example.com"],
        "targets": {"cloudflare": {"worker": True, **cloudflare}},
        "upstreams": {"a": "http://a:1", "g": "grpcs://g:443"},
        "routes": routes,
    }
    return load_data(whole)


def table(text: str) -> Any:
    """The table of routes, once all the rest of its file is what it always is."""
    before, mark, rest = text.partition("export const HOSTS = ")
    assert (before, mark != "") == (HEADING, True)
    data, end = json.JSONDecoder().raw_decode(rest)
    assert (rest[end:], text.isascii()) == (";\n", True)
    return data


HEADING = """\
// What flows where, from the spec: data, and nothing else.

/** @type {{hosts: string[], routes: import("./match.js").Route[]}[]} */
"""


def route(path: str, protocol: str = "sse", kind: str = "path") -> dict[str, str]:
    """A route of a spec."""
    return {kind: path, "protocol": protocol, "upstream": "g" if protocol == "grpc" else "a"}


def patterns(*routes: Mapping[str, Any], hosts: list[str] | None = None, **cloudflare: str) -> tuple[str, ...]:
    """What the Worker is started for."""
    return worker.patterns(spec_of(list(routes), hosts=hosts, **cloudflare))


# ---- data, not code ----


@given(path=texts, header=texts)
def test_values_are_data(path: str, header: str) -> None:
    """Whatever stands in a spec: the table holds it as it is, and no other file but wrangler's knows the spec."""
    routes = [{**route(f"/{path}"), "headers": {"request": {"X-A": header}}}, route(f"/{path}", "ndjson", "exact")]
    try:
        spec = spec_of(routes)
    except InvalidInput:
        return
    _holds_data_alone(spec)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_data(text: str) -> None:
    """Those that specs do let through."""
    _holds_data_alone(spec_of([route(f"/a{text}b"), route(f"/a{text}b", "ndjson", "exact")]))


def _holds_data_alone(spec: Spec) -> None:
    files = worker.files(spec)

    (group,) = table(files["src/routes.js"])
    assert {row["path"] for row in group["routes"]} == {
        each.path.rstrip("/") if each.kind == "prefix" else each.path for each in spec.routes
    }
    assert all(row.keys() == {"title", "kind", "path", "relay", "heartbeat"} for row in group["routes"])
    plain = worker.files(spec_of([route("/plain")]))
    assert {name: text for name, text in files.items() if name not in {"src/routes.js", "wrangler.jsonc"}} == {
        name: text for name, text in plain.items() if name not in {"src/routes.js", "wrangler.jsonc"}
    }
    settings, usual = json.loads(files["wrangler.jsonc"]), json.loads(plain["wrangler.jsonc"])
    assert {**settings, "routes": usual["routes"]} == usual
    assert all(set(row) <= set(usual["routes"][0]) for row in settings["routes"] if isinstance(row, dict))


def test_the_same_spec_gives_the_same_bytes() -> None:
    """And the main file comes first, which wrangler reads."""
    routes = [route("/events"), route("/lines", "ndjson")]

    assert worker.files(spec_of(routes)) == worker.files(spec_of(routes))
    assert next(iter(worker.files(spec_of(routes)))) == "wrangler.jsonc"


@pytest.mark.parametrize(("own", "expected"), [(None, 15.0), ("1s", 2.0), ("20ms", 1.0), ("10s", 15.0), ("1h", 15.0)])
def test_silence_is_no_longer_than_a_route_promises(own: str | None, expected: float) -> None:
    """An origin's own heartbeat comes first, and the Worker's where it does not."""
    spec = spec_of([{**route("/events"), **({"heartbeat": own} if own else {})}])

    ((row,),) = [group["routes"] for group in table(worker.files(spec)["src/routes.js"])]
    assert row["heartbeat"] == expected


# ---- what it is started for ----


def test_it_is_started_for_streams_alone() -> None:
    """With whatever query; the wildcard takes in a path that begins alike, which the code leaves alone."""
    found = patterns(
        route("/events"), route("/v1/lines", "ndjson", "exact"), route("/ws", "websocket"), route("/x.Y/", "grpc"), route("/web", "grpc-web"),
        route("/rpc", "connect"), route("/poll", "poll"), route("/long", "long-poll"), route("/", "http"),
    )  # fmt: skip

    assert found == ("chat.example.com/events*", "chat.example.com/v1/lines*")


@pytest.mark.parametrize(
    ("path", "kind", "pattern"),
    [
        ("/", "path", "/*"), ("/a/", "path", "/a*"), ("/caf\u00e9 x", "exact", "/caf%C3%A9%20x*"), ("/a*b", "exact", "/a*"),
        ("/*", "exact", "/*"), ("/rooms/[0-9]+", "regex", "/*"),
    ],
)  # fmt: skip
def test_a_pattern_takes_in_its_route(path: str, kind: str, pattern: str) -> None:
    """Encoded as URLs are, and up to the first sign that a pattern cannot hold."""
    assert patterns(route(path, kind=kind)) == (f"chat.example.com{pattern}",)


def test_no_pattern_is_within_another() -> None:
    """Cloudflare counts patterns, and starts the Worker once either way."""
    assert patterns(route("/events"), route("/events/deep"), route("/eventsx"), route("/other")) == (
        "chat.example.com/events*",
        "chat.example.com/other*",
    )


def test_any_host_is_any_of_the_zone() -> None:
    """A pattern must name one; without the zone's name nothing can be said, and the spec's author is told."""
    whole = {"hosts": ["*"], "zone": "Example.com"}

    assert patterns(route("/events"), **whole) == ("*.example.com/events*", "example.com/events*")
    assert patterns(route("/events"), hosts=["*"]) == ()


@pytest.mark.parametrize(
    ("hosts", "zone", "routes"),
    [
        (["a.example.com"], "example.com", [{"pattern": "a.example.com/x*", "zone_name": "example.com"}]),
        (["example.com"], "example.com", [{"pattern": "example.com/x*", "zone_name": "example.com"}]),
        (["*.example.com"], "example.com", [{"pattern": "*.example.com/x*", "zone_name": "example.com"}]),
        (["a.example.com"], "0" * 32, [{"pattern": "a.example.com/x*", "zone_id": "0" * 32}]),
        (["a.example.com"], "", ["a.example.com/x*"]),
        # Another zone's: wrangler finds it by the host.
        (["notexample.com"], "example.com", ["notexample.com/x*"]),
    ],
)  # fmt: skip
def test_a_pattern_names_its_zone(hosts: list[str], zone: str, routes: list[object]) -> None:
    """As far as the spec knows it."""
    spec = spec_of([route("/x")], hosts=hosts, **({"zone": zone} if zone else {}))

    assert json.loads(worker.files(spec)["wrangler.jsonc"])["routes"] == routes


def test_wrangler_is_told_no_secret_and_opens_no_second_door() -> None:
    """No name on workers.dev, which is outside of the zone's firewall; no log of URLs, which may hold tokens."""
    settings = json.loads(worker.files(spec_of([route("/x")], zone="example.com", account="abc"))["wrangler.jsonc"])

    assert (settings["workers_dev"], settings["preview_urls"], settings["account_id"]) == (False, False, "abc")
    assert settings["observability"]["redact_query_string"] is True
    assert settings["observability"]["logs"]["invocation_logs"] is False
    assert "vars" not in settings
    assert settings["name"] == "streams-example-com"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("*", "streams"), ("chat.example.com", "streams-chat-example-com"), ("a." * 100 + "com", "streams" + "-a" * 28)],
)
def test_the_name_is_of_the_host(host: str, expected: str) -> None:
    """And one that Cloudflare takes."""
    assert worker.name(spec_of([route("/x")], hosts=[host])) == expected


# ---- what it cannot do ----


def _told(*routes: Mapping[str, Any], **options: Any) -> list[tuple[str, str | None]]:
    return [(finding.rule, finding.route_path) for finding in worker.lacks(spec_of(list(routes), **options))]


def test_what_it_cannot_do_is_told() -> None:
    """At its route."""
    assert _told(route("/events"), route("/lines", "ndjson"), hosts=["*"]) == [("worker-leaves-route", "/events")]
    assert _told(route("/[[:alpha:]]+", kind="regex")) == [("worker-leaves-route", "/[[:alpha:]]+")]
    assert _told(route("/"), route("/x.Y/", "grpc")) == [("worker-on-grpc", "/x.Y/")]
    assert _told(route("/"), {**route("/x.Y/", "grpc"), "hosts": ["rpc.example.com"]}, hosts=["*.example.com"]) == [
        ("worker-on-grpc", "/x.Y/")
    ]


def test_what_it_can_do_is_not() -> None:
    """A call beside the streams, a host that is known, an expression that JavaScript reads alike."""
    assert _told(route("/events"), route("/x.Y/", "grpc"), route("/[a-z]+/(?P<room>x)", kind="regex")) == [
        ("worker-on-grpc", "/x.Y/")
    ]
    assert _told(route("/events"), route("/x.Y/", "grpc"), zone="example.com") == []
    assert _told(route("/"), {**route("/x.Y/", "grpc"), "hosts": ["rpc.example.org"]}) == []


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/a", "/a"), ("(?i)/a", "(?i:/a)"), ("/(?P<x>a)(b)(?:c)", "/(a)(b)(?:c)"), (r"/\d\.[\w.\-]", r"/\d\.[\w.\-]"),
        ("/[]a]", None), ("/[^]a]", None), ("/[[:alpha:]]", None), (r"/\A", None), ("/\N{ROCKET}", None), (r"/[\x41]", None),
        ("/(?i:a)", "/(?i:a)"), ("/[(]", "/[(]"), (r"/\(?P<", r"/\(?P<"), ("/[a-z]{2,3}?$", "/[a-z]{2,3}?$"),
    ],
)  # fmt: skip
def test_expressions_for_javascript(pattern: str, expected: str | None) -> None:
    """Spelled so that they mean the same, or given up."""
    assert worker.in_javascript(pattern) == expected
