"""The nginx target: the aims lie within the needs, the text says what is aimed at, and nginx reads it without a word.

What a running nginx makes of it is in ``test_nginx_running.py``.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from proxycfg.behavior import FOREVER
from proxycfg.errors import InvalidInput
from proxycfg.finding import Finding
from proxycfg.headers import CREDENTIALS
from proxycfg.need import need_of, shortfalls
from proxycfg.spec import Route, Spec
from proxycfg.target import Output
from proxycfg.targets.nginx import facts, quote
from proxycfg.targets.nginx.aim import offered
from tests.clients.tls import make_authority
from tests.targets import nginx_engine
from tests.targets.nginx_specs import (
    LISTENERS,
    OPTIONS,
    combinations,
    every_route,
    only_grpc,
    spec_of,
    text_of,
    whole,
    written,
)
from tests.targets.nginx_tree import SITE_IN, Config, Node, seconds
from tests.work import calls

VERSIONS = ("1.18", *nginx_engine.VERSIONS)


@dataclass(frozen=True)
class Made:
    """A spec, what became of it, and that file read by somebody else."""

    spec: Spec
    output: Output
    config: Config

    def location(self, path: str, host: str = "x.example") -> Node:
        """Where a path ends."""
        found = self.config.location(host, path)
        assert found is not None
        return found

    def rules(self) -> set[str]:
        """The findings, apart from the one that every site file has."""
        return {finding.rule for finding in self.output.findings} - {"site-layout-leaves-limits"}


def make(text: str, version: str = "1.30", layout: str = "full", listen: str = "clear") -> Made:
    """All that a test looks at."""
    spec = spec_of(whole(text, version, layout, listen))
    output = written(spec)
    return Made(spec, output, Config(text_of(output), facts.parse(version)))


def option(name: str, version: str = "1.30", layout: str = "full") -> Made:
    """One of the small specs."""
    return make(OPTIONS[name], version, layout)


def host_of(route: Route) -> str:
    """A host that the route answers for."""
    return route.hosts[0].replace("*.", "any.").replace("*", "other.example")


# ---- aims ----

OUT_OF_REACH = {
    "total_timeout": "max-duration-not-enforced",
    "upstream_idle_timeout": "idle-timeout-cut",
    "client_idle_timeout": "idle-timeout-cut",
    "caching": "cache-not-kept",
    "max_streams": "upstream-connections-below-scale",
    "grpc": "grpc-without-http2",
    "upgrade": "websocket-without-http1",
}
"""Property → the finding that speaks of its shortfall."""


def lacking(route: Route, version: str, listens: frozenset[str]) -> set[str]:
    """What nginx cannot give a route of ``every_route``, told from nginx's side."""
    name, origin = route.protocol.name, route.upstream
    new_upstream = facts.parse(version) >= (1, 29, 4)
    rules = {
        "grpc-without-http2": name == "grpc" and "2" not in listens,
        "websocket-without-http1": name == "websocket" and "1.1" not in listens,
        "cache-not-kept": name == "poll" and origin.http_version == "2" and not new_upstream,
        "max-duration-not-enforced": route.max_duration != FOREVER,
        "idle-timeout-cut": route.idle_timeout > 24 * 86400,
        f"{name}-not-translated": name in ("grpc-web", "connect") and origin.speaks_grpc,
        "retry-may-start-a-stream-twice": route.protocol.streams and route.attempts > 1 and len(origin.servers) > 1,
    }
    return {rule for rule, is_so in rules.items() if is_so}


@pytest.mark.parametrize("listen", LISTENERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_an_aim_lies_within_the_need_or_a_finding_says_where_not(version: str, listen: str) -> None:
    """Exactly what is out of nginx's reach is told, each at its route, and with what to do."""
    for text in (every_route(), only_grpc()):
        spec = spec_of(whole(text, version, listen=listen))
        output = written(spec)
        told: dict[str, list[Finding]] = {}
        for finding in output.findings:
            told.setdefault(finding.route_path or "", []).append(finding)
        for route in spec.routes:
            short = shortfalls(need_of(route), output.aims[route.name])
            rules = {finding.rule for finding in told.get(route.path, [])}

            assert rules == lacking(route, version, offered(spec, version)), route.title
            for name in short:
                assert OUT_OF_REACH.get(name) in rules or (name == "client_http_versions" and rules), (
                    route.title,
                    name,
                )
        for finding in output.findings:
            assert finding.why
            assert finding.span.column > 1


@pytest.mark.parametrize("listen", LISTENERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_concerns_the_whole_is_told_once(version: str, listen: str) -> None:
    """HTTP versions that are not there, or cannot be switched off, memory that grows, and what a site file leaves to the main one."""
    parsed = facts.parse(version)
    for layout in ("full", "site"):
        made = make(every_route(), version, layout, listen)
        about_all = [finding.rule for finding in made.output.findings if finding.route_path is None]

        expected = {
            "http-versions-not-kept": "http" in LISTENERS[listen]
            and offered(made.spec, version) != set(made.spec.listen.http),
            "long-streams-grow-memory": parsed < (1, 26, 1),
            "http3-port-not-shared": listen == "tls-3" and layout == "site" and parsed >= (1, 25),
            "site-layout-leaves-limits": layout == "site",
        }
        assert sorted(about_all) == sorted(rule for rule, is_so in expected.items() if is_so)


# ---- the text ----


@pytest.mark.parametrize("layout", ["full", "site"])
@pytest.mark.parametrize("listen", LISTENERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_text_says_what_is_aimed_at(version: str, listen: str, layout: str) -> None:
    """Read by somebody else, every route's own location gives each property its aimed value."""
    made = make(every_route(), version, layout, listen)

    for route in made.spec.routes:
        seen = made.config.behavior("any.example", route.path)
        aim = made.output.aims[route.name]
        assert {name: _plain(getattr(aim, name).low) for name in seen} == seen, route.title
        assert aim.max_streams.low >= min(made.spec.streams, 10_000_000)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_text_of_an_option_says_what_is_aimed_at(name: str) -> None:
    """The same for every option, host and kind of match."""
    made = option(name)

    for route in made.spec.routes:
        if route.kind == "regex":
            continue
        seen = made.config.behavior(host_of(route), route.path)
        aim = made.output.aims[route.name]
        assert {name: _plain(getattr(aim, name).low) for name in seen} == seen, route.title


def _plain(value: Any) -> Any:
    return set(value) if isinstance(value, frozenset) else value


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_comes_out_for_every_version_and_layout(name: str) -> None:
    """No option has a version or a layout in which it cannot be written, and each file is read by somebody else."""
    for version in VERSIONS:
        for layout in ("full", "site"):
            assert (
                option(name, version, layout).config.servers
                if name in FEW
                else written(spec_of(whole(OPTIONS[name], version, layout))).files
            )


FEW = {"headers", "hosts", "cors", "strip", "limits", "trusted", "https-checked", "unicode-paths"}
"""Options whose text is read for all versions; reading all of them would take a minute."""

LACKING = {
    "https-address": {"origin-name-unknown"},
    "https-names": {"origin-names-differ", "origin-names-resolved-once"},
    "limits-edges": {"streams-per-client-cut"},
    "retry-stream": {"retry-may-start-a-stream-twice"},
    "retry-grpc": {"retry-may-start-a-stream-twice"},
    "cache": {"cache-rounded"},
    "max-connections": {"upstream-connections-below-scale"},
}
"""Option → what nginx cannot do of it, with the newest version."""


NAMED = "upstreams: {a: {servers: ['http://origin.example:8000', 'http://[::1]:1', 'http://127.0.0.1:2']}}\nroutes: [{path: /x, upstream: a}]\n"


def _following(version: str, layout: str = "full") -> Made:
    about = f"targets: {{nginx: {{version: '{version}', layout: {layout}, resolver: [127.0.0.11, '::1']}}}}\n"
    spec = spec_of(about + NAMED)
    output = written(spec)
    return Made(spec, output, Config(text_of(output), facts.parse(version)))


@pytest.mark.parametrize("layout", ["full", "site"])
def test_a_dns_server_lets_nginx_follow_names(layout: str) -> None:
    """Names alone, and beside other sites without a word to them."""
    text = text_of(_following("1.27.3", layout).output)

    assert [
        "origin.example:8000 resolve max_fails=5",
        '"[::1]:1" max_fails=5',
        "127.0.0.1:2 max_fails=5",
    ] == re.findall(r" server (\S+:.*);", text)
    outside, inside = re.split(r"upstream \w+ {", text)
    assert (layout == "full", layout == "site") == tuple(
        "resolver 127.0.0.11 [::1];" in part for part in (outside, inside)
    )
    assert "origin-names-resolved-once" not in _following("1.27.3", layout).rules()


def test_a_dns_server_without_effect_is_told_at_its_place() -> None:
    """An older nginx looks names up when it starts, whatever stands there."""
    made = _following("1.26")

    (finding,) = (each for each in made.output.findings if each.rule == "origin-names-resolved-once")
    assert "use nginx 1.27.3 or newer" in finding.why
    assert "targets: {nginx: {version: '1.26', layout: full, resolver: ["[: finding.span.column].endswith("resolver: [")
    assert "resolve" not in re.sub("#.*", "", text_of(made.output))


@pytest.mark.parametrize(
    ("tls", "route", "said"),
    [
        ("", "path: /x", ["$proxycfg_hsts"]),
        (", hsts: 30d", "path: /x", ["$proxycfg_hsts"]),
        (", hsts: false", "path: /x", []),
        ("", "path: /x, headers: {response: {strict-transport-security: null}}", []),
        (
            "",
            "path: /x, headers: {response: {Strict-Transport-Security: max-age=5}}",
            ["$proxycfg_hsts", '"max-age=5"'],
        ),
    ],
    ids=["default", "shorter", "none", "removed", "own"],
)
def test_the_promise_of_https_is_the_owners(tls: str, route: str, said: list[str]) -> None:
    """A year where nobody says otherwise, in the server and wherever headers are added; the route's own stands alone there."""
    listen = f"listen: {{port: 8443, tls: {{certificate: /c, key: /k{tls}}}}}\n"
    text = text_of(
        written(spec_of(f"{listen}upstreams: {{a: 'http://127.0.0.1:1'}}\nroutes: [{{{route}, upstream: a}}]\n"))
    )
    found = re.findall(r"add_header (?i:strict-transport-security) (\S+) always;", text)

    assert said == list(dict.fromkeys(found))
    assert ('"" "max-age=2592000";' in text) == ("30d" in tls)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_has_the_findings_that_it_should(name: str) -> None:
    """And no others."""
    assert option(name).rules() == LACKING.get(name, set())


@pytest.mark.parametrize(
    ("version", "rules"),
    [
        ("1.17.10", {"nginx-version-too-old"}), ("1.18.0", set()), ("1.31.9", set()), ("1.32", {"nginx-version-unknown"}),
        ("2.0.1", {"nginx-version-unknown"}),
    ],
)  # fmt: skip
def test_a_version_that_is_not_known_is_told_at_its_place(version: str, rules: set[str]) -> None:
    """Too old for the config, or newer than what is known."""
    made = option("minimal", version)

    assert made.rules() & {"nginx-version-too-old", "nginx-version-unknown"} == rules
    for finding in made.output.findings:
        if finding.rule in rules:
            assert finding.span.column == 1 + whole("", version).index(f'"{version}"')


@pytest.mark.parametrize(("rate", "told"), [("0.02", ["rate-rounded"]), ("90/m", []), ("10", [])])
def test_a_rate_that_nginx_rounds_is_told(rate: str, told: list[str]) -> None:
    """It counts whole requests a second or a minute."""
    made = make(
        f"upstreams: {{a: http://127.0.0.1:1}}\nroutes: [{{upstream: a, path: /x, limits: {{rate: {rate}}}}}]\n"
    )

    assert told == [finding.rule for finding in made.output.findings]


def test_findings_point_at_what_they_speak_of() -> None:
    """Line and column of the value in the YAML, or of the route."""
    text = whole(every_route(), "1.22")
    lines = text.splitlines()

    for finding in written(spec_of(text)).findings:
        if finding.route_path:
            assert finding.route_path in lines[finding.span.line - 1], finding


# ---- matching ----


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a", "= /a"),
        ("/a/", "~ ^(?:/a.*)\\z"),
        ("/a/b/c", "~ ^(?:/a.*)\\z"),
        ("/b", None),
        ("/a\n", None),
    ],
)
def test_exact_comes_before_regex_and_regex_before_prefix(path: str, expected: str | None) -> None:
    """As contract section 5 has it; a line feed at the end of a path is no end of the path."""
    made = option("precedence")
    found = made.config.location("x.example", path)
    assert found is not None
    proxied = bool(found.all("proxy_pass"))

    assert (" ".join(found.args) if proxied else None) == expected


@pytest.mark.parametrize("count", [facts.PATTERNS, facts.PATTERNS + 1])
def test_a_prefix_ends_at_a_segment_in_a_list_and_in_a_tree(count: int) -> None:
    """Few prefixes are patterns, many are pairs of an exact and a plain prefix; both match the same."""
    routes = "".join(f"  - {{path: /svc{i}, upstream: a, idle_timeout: {i + 1}s}}\n" for i in range(count))
    made = make("upstreams: {a: http://127.0.0.1:1}\nroutes:\n" + routes)

    for path, timeout in {"/svc7": "8s", "/svc7/": "8s", "/svc7/x": "8s", "/svc77": "78s", "/svc7x": None}.items():
        found = made.location(path).all("proxy_read_timeout")
        assert (found[0].args[0] if found else None) == timeout
    tree = any(node.args[0] == "=" and node.args[1] == "/svc7" for node in made.config.servers[0].all("location"))
    assert tree == (count > facts.PATTERNS)


def test_many_prefixes_beside_a_regex_stay_patterns() -> None:
    """The exact half of a pair would come before the regular expression, which has precedence over prefixes."""
    routes = "".join(f"  - {{path: /svc{i}, upstream: a}}\n" for i in range(facts.PATTERNS + 1))
    made = make(
        "upstreams: {a: http://127.0.0.1:1}\nroutes:\n"
        + routes
        + "  - {regex: '/svc[0-9]', upstream: a, idle_timeout: 99s}\n"
    )

    assert made.location("/svc7").all("proxy_read_timeout")[0].args == ("99s",)


def test_groups_lose_their_names() -> None:
    """Nginx would make a variable of each, even of `args`, which it uses itself; in brackets there is no group."""
    assert option("regex").location("/a/v1;x.y").args[1] == r"^(?:/([^/]+)/v[0-9]{1,3};x\.y)\z"
    assert quote.without_names(r"(?P<a>x)[(?P<b>]\(?P<c>(?:d)") == r"(x)[(?P<b>]\(?P<c>(?:d)"


# ---- single decisions ----


def lines(node: Node, name: str) -> dict[str, tuple[str, ...]]:
    """First argument → the others, of all directives of a name."""
    return {line.args[0]: line.args[1:] for line in node.all(name)}


def test_header_values_arrive_as_they_are() -> None:
    """Dollar signs come out of a variable; quotes, backslashes and what looks like config are text."""
    made = option("headers")
    wanted = made.spec.routes[0].rewrites
    location = made.location("/x")
    dollar = made.config.map("$proxycfg_dollar")
    assert (dollar.name, dollar.block and dollar.block[0].args) == ("geo", ("$",))

    sent = {
        name: rest[0].replace("${proxycfg_dollar}", "$") for name, rest in lines(location, "proxy_set_header").items()
    }
    added = {name: rest[0].replace("${proxycfg_dollar}", "$") for name, rest in lines(location, "add_header").items()}
    for name, value in wanted.request.items():
        assert sent[name] == (value or "")
    assert added == {name: value for name, value in wanted.response.items() if value}
    assert {*lines(location, "proxy_hide_header")} >= set(wanted.response)


def test_what_a_spec_says_of_a_header_wins_over_what_we_would_say() -> None:
    """No header is sent twice, whatever its case."""
    location = option("headers-own").location("/x")
    sent = lines(location, "proxy_set_header")
    added = [line.args[0].lower() for line in location.all("add_header")]

    assert sent["Host"] == ("other.example",)
    assert sent["Accept-Encoding"] == ("gzip",)
    assert sent["X-Forwarded-For"] == ("",)
    assert sorted(name for name in added if name != "vary") == [
        *("access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods"),
        *("access-control-allow-origin", "access-control-expose-headers", "access-control-max-age"),
        *("set-cookie", "x-accel-buffering"),
    ]
    assert not location.all("proxy_pass_header")


@pytest.mark.parametrize(
    ("header", "value"),
    [("request: {Host: null}", "Host"), ("response: {Server: null}", "Server"), ("response: {Date: x}", "Date")],
)
def test_headers_that_nginx_writes_itself_are_findings(header: str, value: str) -> None:
    """And are left alone: a second Server header would help nobody."""
    made = make(f"upstreams: {{a: http://127.0.0.1:1}}\nroutes: [{{path: /x, upstream: a, headers: {{{header}}}}}]\n")
    (finding,) = made.output.findings

    assert (finding.rule, value in finding.message) == ("header-owned-by-the-proxy", True)
    location = made.location("/x")
    assert not location.all("add_header")
    assert lines(location, "proxy_set_header")["Host"] != ("",)


def test_a_limit_counts_each_route_for_itself() -> None:
    """Routes share the zones, so the key holds the route; numbers beyond nginx's own are cut, with a finding."""
    made = option("limits")
    location = made.location("/x")
    zones = {node.name: node.args for node in made.config.http.block or () if node.name.startswith("limit_")}

    assert zones["limit_req_zone"] == (
        "$proxycfg_route:$binary_remote_addr",
        "zone=proxycfg_90_per_minute:2m",
        "rate=90r/m",
    )
    assert zones["limit_conn_zone"] == ("$proxycfg_route:$binary_remote_addr", "zone=proxycfg_streams:2m")
    assert location.all("set")[0].args == ("$proxycfg_route", made.spec.routes[0].name)
    assert location.all("limit_req")[0].args == ("zone=proxycfg_90_per_minute", "burst=3", "nodelay")
    assert location.all("limit_conn")[0].args == ("proxycfg_streams", "5")
    edges = option("limits-edges").location("/x")
    assert edges.all("limit_req")[0].args == ("zone=proxycfg_1000000_per_second",)
    assert edges.all("limit_conn")[0].args == ("proxycfg_streams", "65535")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("retry", ("error", "timeout")), ("retry-stream", ("error",)), ("https", ("off",)), ("minimal", ("off",))],
)
def test_retries_never_replay_a_slow_stream(name: str, expected: tuple[str, ...]) -> None:
    """`timeout` would start a stream that is slow to begin on one server after the other; one server has no other."""
    assert option(name).location("/x").all("proxy_next_upstream")[0].args == expected


def test_grpc_retries_are_limited_like_any() -> None:
    """The number of tries stands in both modules."""
    location = option("retry-grpc").location("/x")

    assert location.all("grpc_next_upstream")[0].args == ("error",)
    assert location.all("grpc_next_upstream_tries")[0].args == ("2",)


@pytest.mark.parametrize(("version", "expected"), [("1.18", None), ("1.26", None), ("1.29.6", None), ("1.30", "0")])
def test_no_keepalive_means_none(version: str, expected: str | None) -> None:
    """From 1.29.7 on nginx keeps 32 idle connections unless it is told not to; before, 0 was a mistake."""
    upstream = option("keepalive-none", version).config.http.all("upstream")[0]

    assert next((line.args[0] for line in upstream.all("keepalive")), None) == expected


@pytest.mark.parametrize(("name", "expected"), [("minimal", 4), ("grpcs", 55)])
def test_idle_origin_connections_close_before_the_origin_closes_them(name: str, expected: int) -> None:
    """Uvicorn and Node hang up after five seconds; a request on its way then would get a 502."""
    upstream = option(name).config.http.all("upstream")[0]

    assert seconds(upstream.all("keepalive_timeout")[0].args[0]) == expected


def test_names_of_upstreams_never_meet_names_of_ours_or_each_other() -> None:
    """Nginx compares upstreams without case, and has one space of names for all shared zones."""
    for name in ("alike-names", "names-of-ours"):
        made = option(name)
        upstreams = made.config.http.all("upstream")
        assert len({node.args[0].lower() for node in upstreams}) == len(upstreams) == 3
        zones = [node.all("zone")[0].args[0] for node in upstreams]
        assert all(zone.startswith("proxycfg_upstream_") for zone in zones)
    # Each route still goes to its own.
    passed = [option("alike-names").location(path).all("proxy_pass")[0].args[0] for path in ("/a", "/b", "/c")]
    assert passed == ["http://api", "http://API_2", "http://Api_2_2"]


def test_a_site_keeps_its_names_to_itself() -> None:
    """Beside other sites every name starts with ours, upstreams as well."""
    made = option("cors", layout="site")

    for node in made.config.http.block or ():
        if node.name in ("upstream", "log_format", "map", "geo"):
            assert node.args[-1 if node.name in ("map", "geo") else 0].lstrip("$").startswith("proxycfg"), node


def test_an_address_stands_in_brackets_and_any_host_depends_on_the_layout() -> None:
    """Nginx compares names with the Host header, where IPv6 addresses have brackets."""
    names = option("address-hosts").config.servers[0].all("server_name")[0].args
    assert names == ("127.0.0.1", "[::1]", "[::2]")
    assert option("minimal").config.servers[0].all("server_name")[0].args == ("_",)
    assert option("minimal", layout="site").config.servers[0].all("server_name")[0].args == ("~^",)


def test_a_private_answer_is_not_shared() -> None:
    """Authorization, cookies, and what `auth` names."""
    bypass = {
        name: option(name).location("/x").all("proxy_cache_bypass")[0].args
        for name in ("cache", "auth-header", "auth-query-poll")
    }

    assert bypass == {
        "cache": ("$proxycfg_private_any",),
        "auth-header": ("$proxycfg_private_x_api_key",),
        "auth-query-poll": ("$proxycfg_private_access_token",),
    }
    header = option("auth-header").config.map("$proxycfg_private_x_api_key")
    assert header.args[0] == "".join(f"$http_{name.lower().replace('-', '_')}" for name in CREDENTIALS)


def test_what_a_query_holds_reaches_no_log() -> None:
    """The access log has the path alone; the error log of such a route is silent, since nginx puts the request into each line."""
    made = option("auth-query")

    assert made.location("/x").all("error_log")[0].args == ("/var/log/nginx/error.log", "emerg")
    assert not option("cors").location("/x").all("error_log")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_clients_own_port_reaches_the_origin(version: str) -> None:
    """By nginx's own variables where it has them: over HTTP/3 $http_host is empty."""
    host = lines(option("minimal", version).location("/x"), "proxy_set_header")["Host"][0]

    assert host == ("$host$is_request_port$request_port" if version == "1.30" else "$host$proxycfg_port")


@pytest.mark.parametrize(("scale", "processes"), [("scale-1", "auto"), ("scale-50001", "2"), ("scale-1000000", "20")])
def test_workers_and_slots_follow_the_scale(scale: str, processes: str) -> None:
    """Two slots a stream and a third more; files for twice the slots."""
    made = option(scale)
    slots = int(made.config.root.all("events")[0].all("worker_connections")[0].args[0])
    workers = 1 if processes == "auto" else int(processes)

    assert made.config.root.all("worker_processes")[0].args == (processes,)
    assert slots * workers >= 2.6 * made.spec.streams
    assert int(made.config.root.all("worker_rlimit_nofile")[0].args[0]) == 2 * slots


# ---- what nginx would stop at ----


@pytest.mark.parametrize(
    ("route", "upstream", "said"),
    [
        ("path: /x, headers: {request: {X: '" + "v" * 4090 + "$'}}", "http://127.0.0.1:1", "words of up to 4095 bytes"),
        ("path: '/" + "é." * 1000 + "'", "http://127.0.0.1:1", "words of up to 3995 bytes"),
        (
            "path: /x, protocol: grpc, headers: {response: {" + "X" * 47 + ": v}}",
            "grpc://127.0.0.1:1",
            "gRPC module takes 46",
        ),
        ("exact: /.proxycfg/error", "http://127.0.0.1:1", "answers errors from below"),
    ],
)
def test_a_value_that_nginx_cannot_read_is_told_with_its_place(route: str, upstream: str, said: str) -> None:
    """Instead of a config that nginx refuses."""
    with pytest.raises(InvalidInput, match=said) as caught:
        make(f"upstreams: {{a: {upstream}}}\nroutes:\n  - {{upstream: a, {route}}}\n")

    assert caught.value.problems[0].span.line == 5


def test_a_path_is_never_taken_for_a_key_engine() -> None:
    """Nginx loads code for `engine:…`, and reads `data:…` itself."""
    text = "listen: {port: 8443, tls: {certificate: 'data:x', key: 'engine:dynamic:x'}}\nupstreams: {a: http://127.0.0.1:1}\n"
    server = make(text + "routes: [{path: /, upstream: a}]\n").config.servers[0]

    assert server.all("ssl_certificate")[0].args == ("./data:x",)
    assert server.all("ssl_certificate_key")[0].args == ("./engine:dynamic:x",)


# ---- cost ----


def test_generation_is_linear() -> None:
    """Four times the routes take four times the calls, whatever the routes are."""

    def work(count: int) -> int:
        settings = "hosts: [{}.example], cors: {{origins: ['https://{}.example']}}, limits: {{rate: 5}}"
        several = "".join(
            f"  - {{path: /svc{i}, upstream: a{i % 50}, {settings.format(i % 20, i % 30)}}}\n" for i in range(count)
        )
        upstreams = "".join(
            f"  a{i}: {{servers: ['http://127.0.0.1:{i + 1}'], affinity: {{by: cookie, name: c}}}}\n" for i in range(50)
        )
        spec = spec_of(f"upstreams:\n{upstreams}routes:\n{several}")
        assert spec.servers
        return calls(lambda: written(spec))

    few, many = work(500), work(2000)

    assert many < 4.5 * few


# ---- the real nginx ----


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What each version says of every config: version → name → text. The versions work side by side."""
    folder = tmp_path_factory.mktemp("nginx")
    authority = make_authority(tmp_path_factory.mktemp("tls"), "origin.example.com")
    files = {"CERT": authority.cert, "KEY": authority.key, "CA": authority.ca}
    tls = authority.cert.parent

    def check(version: str) -> dict[str, str]:
        configs = {}
        for name, text in combinations(version):
            configs[name] = _main(text_of(written(spec_of(text, files))))
        for name, text in OPTIONS.items():
            for layout in ("full", "site"):
                spec = spec_of(whole(text, version, layout), files)
                configs[f"{name}-{layout}"] = _main(text_of(written(spec)), spec)
        return nginx_engine.check(version, configs, folder / version, tls)

    for version in nginx_engine.VERSIONS:
        nginx_engine.image(version)
    with ThreadPoolExecutor() as pool:
        return dict(zip(nginx_engine.VERSIONS, pool.map(check, nginx_engine.VERSIONS), strict=True))


def _main(text: str, spec: Spec | None = None) -> str:
    """A main file; around a site it holds what the finding says that it must hold."""
    if "\nevents {" in text:
        return text
    needed = ""
    if spec is not None:
        finding = next(f for f in written(spec).findings if f.rule == "site-layout-leaves-limits")
        needed = finding.why.partition("in http: ")[2]
    return SITE_IN.format(needed + "\n" + text)


@pytest.mark.engine
@pytest.mark.parametrize("version", nginx_engine.VERSIONS)
def test_nginx_reads_every_config_without_a_word(said: dict[str, dict[str, str]], version: str) -> None:
    """Each protocol, listener, layout and option: no error, and no warning either."""
    complaints = {name: text for name, text in said[version].items() if text}

    assert len(said[version]) == 4 * len(LISTENERS) + 2 * len(OPTIONS)
    assert not complaints
