"""Which route a request ends in, held against Envoy itself: domains, paths, headers, arguments, cookies, and what is made of a path before."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from proxycfg.request import Request
from proxycfg.targets.envoy.journey import follow
from proxycfg.targets.envoy.routes import World, read_world
from tests.engines import ENVOY, Proxies
from tests.engines.ports import free_ports
from tests.targets.envoy_configs import Data, bootstrap, config_of


def says(name: str, **match: Any) -> Data:
    """A route that answers with its name."""
    told = {"header": {"key": "x-route", "value": name}}
    return {"name": name, "match": match, "direct_response": {"status": 200}, "response_headers_to_add": [told]}


def regex(pattern: str) -> Data:
    """A matcher by a pattern."""
    return {"safe_regex": {"regex": pattern}}


def header(name: str, **how: Any) -> list[Data]:
    """A matcher of one header."""
    return [{"name": name, **how}]


ROUTES = [
    says("connect", connect_matcher={}),
    says("exact", path="/exact"),
    says("folded", path="/Folded", case_sensitive=False),
    says("segments", path_separated_prefix="/seg"),
    says("regex", **regex("/r/[0-9]+(/.*)?")),
    says("upper", **regex("/R/[A-Z]{2,3}")),
    says("post", prefix="/m", headers=header(":method", string_match={"exact": "POST"})),
    says("present", prefix="/h", headers=header("x-there", present_match=True)),
    says("absent", prefix="/h", headers=header("x-gone", present_match=True, invert_match=True)),
    says("prefixed", prefix="/p", headers=header("x-word", string_match={"prefix": "ab", "ignore_case": True})),
    says("not-word", prefix="/p", headers=header("x-word", string_match={"exact": "zz"}, invert_match=True)),
    says("empty", prefix="/q", headers=header("x-word", string_match={"exact": ""}, treat_missing_header_as_empty=True)),
    says("number", prefix="/n", headers=header("x-number", range_match={"start": 3, "end": 7})),
    says("contains", prefix="/c", headers=header("x-word", string_match={"contains": "mid"})),
    says("pattern", prefix="/c", headers=header("x-word", string_match=regex("[a-c]+"))),
    says("argument", prefix="/a", query_parameters=[{"name": "k", "string_match": {"exact": "v"}}]),
    says("any-argument", prefix="/a", query_parameters=[{"name": "k", "present_match": True}]),
    says("cookie", prefix="/k", cookies=[{"name": "sid", "string_match": {"exact": "me"}}]),
    says("grpc", prefix="/g", grpc={}),
    says("never", prefix="/f", runtime_fraction={"default_value": {"numerator": 0}}),
    says("shadow", prefix="/shadow/longer"),
    says("shadowed", prefix="/shadow/longer/than"),
    says("rest", prefix="/", headers=header("x-nothing", present_match=False)),
]  # fmt: skip


def host(name: str, *domains: str) -> Data:
    """A virtual host with the routes, each by its own name too."""
    return {"name": name, "domains": list(domains), "routes": ROUTES}


HOSTS = [
    host("exact", "a.example"), host("tail", "*.example"), host("longer-tail", "*.b.example"), host("head", "a.*"), host("longer-head", "a.c.*"),
    host("port", "p.test:81"), host("dash", "*-x.test"), host("rest", "*"),
]  # fmt: skip
CLEAN = {"normalize_path": True, "merge_slashes": True, "strip_any_host_port": True, "strip_trailing_host_dot": True}
MANAGERS: dict[str, Data] = {
    "as it comes": {},
    "cleaned": CLEAN,
    "escaped slashes refused": {"path_with_escaped_slashes_action": "REJECT_REQUEST"},
    "escaped slashes undone": {"path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD", **CLEAN},
}
TABLES: dict[str, Data] = {
    "ports ignored": {"ignore_port_in_host_matching": True},
    "without parameters": {"ignore_path_parameters_in_path_matching": True},
}


class Asked(NamedTuple):
    """A request."""

    host: str
    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()


PATHS = (
    "/", "/exact", "/exact/", "/EXACT", "/folded", "/FOLDED/", "/seg", "/seg/", "/seg/x", "/segment", "/r/12", "/r/12/x", "/r/x", "/R/AB", "/R/ab",
    "/exact?x=1", "/a?k=v", "/a?k=w", "/a?x=1&k=v", "/a?k", "/a", "/a?k=w&k=v", "/shadow/longer/than/this", "/f/x", "//exact", "/x/../exact", "/./exact",
    "/%65xact", "/seg%2Fx", "/seg/..;/x", "/seg;v=1/x", "/seg;v=1", "/exact%2f", "/a%20b", "/x/..", "/x/.", "/seg\\x", "/exact/..%2f",
)  # fmt: skip
NAMES = (
    "a.example", "A.Example", "x.example", "x.b.example", "b.example", ".example", "a.other", "a.c.d", "a.c.", "a.", "p.test", "p.test:81", "p.test:82",
    "one-x.test", "-x.test", "none", "a.example:81", "a.example.",
)  # fmt: skip
WORDS = (
    ("x-there", "1"), ("x-gone", "1"), ("x-word", "ABc"), ("x-word", "zz"), ("x-word", ""), ("x-word", "amidst"), ("x-word", "abcabc"), ("x-number", "3"),
    ("x-number", "7"), ("x-number", "x"), ("cookie", "a=b; sid=me"), ("cookie", "sid=you"), ("content-type", "application/grpc"),
    ("content-type", "application/grpc+proto"), ("content-type", "application/grpc-web"),
)  # fmt: skip
REQUESTS = [
    *(Asked("a.example", path) for path in PATHS),
    *(Asked(name, "/exact") for name in NAMES),
    *(Asked("none", path, headers=(word,)) for path in ("/h", "/p", "/q", "/n", "/c", "/k", "/g") for word in (*WORDS, ("x-other", "1"))),
    Asked("none", "/m", "POST"), Asked("none", "/m"),
]  # fmt: skip


def table(**more: Any) -> Data:
    """The virtual hosts, each of which tells its name beside its route's."""
    hosts = [
        {**each, "response_headers_to_add": [{"header": {"key": "x-host", "value": each["name"]}}]} for each in HOSTS
    ]
    return {"virtual_hosts": hosts, **more}


@pytest.fixture(scope="module")
def listeners(proxies: Proxies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[int, Data]]]:
    """One Envoy with a listener for each way of treating a request: its port, and its config alone."""
    folder: Path = tmp_path_factory.mktemp("envoy-routing")
    folder.chmod(0o755)
    made: dict[str, Data] = {}
    ports = dict(zip([*MANAGERS, *TABLES], free_ports(len(MANAGERS) + len(TABLES)), strict=True))
    for name, port in ports.items():
        how = {**MANAGERS.get(name, {}), "route_config": table(**TABLES.get(name, {}))}
        made[name] = bootstrap(hcm=how, port=port, listener={"name": name})
    parts = [each["static_resources"] for each in made.values()]
    whole = {"listeners": [part["listeners"][0] for part in parts], "clusters": parts[0]["clusters"]}
    (folder / "envoy.json").write_text(json.dumps({"static_resources": whole}))
    with proxies.scope() as start:
        start(ENVOY[-1], folder, ready_port=next(iter(ports.values())))
        yield {name: (ports[name], config) for name, config in made.items()}


def ended(port: int, asked: Asked) -> str:
    """Where a request ends: virtual host and route, or the status of a refusal."""
    connection = http.client.HTTPConnection("127.0.0.1", port, 5)
    with contextlib.closing(connection):
        connection.putrequest(asked.method, asked.path, skip_host=True, skip_accept_encoding=True)
        for name, value in (("Host", asked.host), *asked.headers):
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        found = answer.getheader("x-host"), answer.getheader("x-route")
    return f"{found[0]}: {found[1]}" if all(found) else str(answer.status)


def predicted(world: World, asked: Asked) -> str:
    """Where it should."""
    name, _, said = asked.host.partition(":")
    # A client that names no port means the scheme's.
    request = Request("http", name, int(said or 80), asked.path, asked.method, dict(asked.headers))
    journey = follow(world, request, door=world.doors[0][0])
    if journey.route is None or journey.host is None:
        return journey.answer[:3]
    return f"{journey.host.message.text('name')}: {journey.route.name}"


@pytest.mark.xdist_group("envoy-routing")
@pytest.mark.parametrize("name", [*MANAGERS, *TABLES])
def test_a_request_ends_where_envoy_sends_it(name: str, listeners: dict[str, tuple[int, Data]]) -> None:
    """Every request, one after another."""
    port, config = listeners[name]
    world = read_world(config_of(config))
    wrong = [
        f"{asked.method} {asked.host} {asked.path} {dict(asked.headers)}: {told}, but Envoy says {real}"
        for asked in REQUESTS
        if (real := ended(port, asked)) != (told := predicted(world, asked))
    ]

    assert not wrong, "\n".join(wrong)
