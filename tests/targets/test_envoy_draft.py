"""Configs of Envoy as drafts of specs: what becomes a field, and what is told as lost, or withheld."""

from __future__ import annotations

import textwrap

import pytest

from proxycfg.adopt import Adopted, adopt
from proxycfg.errors import InvalidInput
from proxycfg.source import Source
from proxycfg.spec import Route
from proxycfg.targets.envoy.bootstrap import load
from proxycfg.targets.envoy.draft import draft_of

CLUSTER = """\
name: app
connect_timeout: 1s
load_assignment:
  endpoints:
  - lb_endpoints:
    - endpoint: {address: {socket_address: {address: app-1, port_value: 8000}}}
    - endpoint: {address: {socket_address: {address: 10.0.0.2, port_value: 8000}}}
"""
ROUTER = '{name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}'
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def adopted(
    routes: str, *, cluster: str = CLUSTER, filters: str = ROUTER, domains: str = "[a.example]", chain: str = "{}"
) -> Adopted:
    """What a bootstrap of one virtual host comes to; ``routes`` are the elements of a list, in flow or block style."""
    text = f"""\
static_resources:
  listeners:
  - name: main
    address: {{socket_address: {{address: 0.0.0.0, port_value: 8443}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": {HCM}
          stat_prefix: main
          http_filters: [{filters}]
          route_config:
            virtual_hosts:
            - name: main
              domains: {domains}
              routes:
{textwrap.indent(routes, " " * 14)}
  clusters:
  - {textwrap.indent(cluster, "    ").lstrip()}
"""
    if chain != "{}":
        text = text.replace("    - filters:", f"    - transport_socket: {chain}\n      filters:")
    config = load([Source("envoy.yaml", text)])
    assert not config.problems
    return adopt(draft_of(config, "1.40", stated=False), [])


def route(routes: str, *, cluster: str = CLUSTER, filters: str = ROUTER) -> Route:
    """The one route that is carried over."""
    (found,) = adopted(routes, cluster=cluster, filters=filters).spec.routes
    return found


@pytest.mark.parametrize(
    ("match", "kind", "path"),
    [
        ("{prefix: /api/}", "prefix", "/api/"),
        ("{path: /x}", "exact", "/x"),
        ("{path_separated_prefix: /x}", "prefix", "/x"),
        ("{safe_regex: {regex: '/rooms/[0-9]+'}}", "regex", "/rooms/[0-9]+"),
    ],
)
def test_matches(match: str, kind: str, path: str) -> None:
    """Each in the way of a spec that takes the same paths."""
    found = route(f"- {{match: {match}, route: {{cluster: app}}}}")

    assert (kind, path) == (found.kind, found.path)
    assert ["app-1:8000", "10.0.0.2:8000"] == [server.address for server in found.upstream.servers]


@pytest.mark.parametrize(
    ("action", "strip"),
    [
        ("prefix_rewrite: /", "/api"),
        ("prefix_rewrite: /api/", None),
        ("regex_rewrite: {pattern: {regex: '^/api(/|$)'}, substitution: /}", "/api"),
    ],
)
def test_a_prefix_is_removed_as_before(action: str, strip: str | None) -> None:
    """By the text in place of it, or by a regular expression."""
    assert strip == route(f"- {{match: {{prefix: /api/}}, route: {{cluster: app, {action}}}}}").strip


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ("{match: {prefix: /in}, route: {cluster: app, prefix_rewrite: /other}}", "puts /other in place of /in"),
        (
            "{match: {prefix: /in, headers: [{name: x-beta, present_match: true}]}, route: {cluster: app}}",
            "hangs on the header x-beta",
        ),
        (
            "{match: {prefix: /in, query_parameters: [{name: k}]}, route: {cluster: app}}",
            "hangs on arguments of the query",
        ),
        (
            "{match: {prefix: /in, runtime_fraction: {default_value: {numerator: 5}}}, route: {cluster: app}}",
            "hangs on chance",
        ),
    ],
)
def test_what_would_be_another_route_is_written_as_a_comment(one: str, said: str) -> None:
    """With the reason above it."""
    made = adopted(f"- {one}\n- {{match: {{prefix: /else}}, route: {{cluster: app}}}}")

    assert ["/else"] == [each.path for each in made.spec.routes]
    assert any(said in each.what for each in made.lost)
    assert "  # - path: /in\n" in made.text


def test_a_route_behind_one_that_turns_clients_away_is_withheld() -> None:
    """Unless that asks for the web origin alone, which a spec can say."""
    guard = "- {match: {prefix: /in, headers: [{name: x-key, invert_match: true, string_match: {exact: k}}]}, direct_response: {status: 401}}\n"
    rest = "- {match: {prefix: /in}, route: {cluster: app}}\n- {match: {prefix: /else}, route: {cluster: app}}"
    made = adopted(guard + rest)

    assert ["/else"] == [each.path for each in made.spec.routes]
    assert any("turns clients away by x-key" in each.what for each in made.lost)
    origin = guard.replace("x-key", "origin").replace("exact: k", 'exact: "https://a.example"')
    assert ("https://a.example",) == adopted(origin + rest).spec.routes[0].cors


@pytest.mark.parametrize("kind", ["jwt_authn.v3.JwtAuthentication", "ext_authz.v3.ExtAuthz", "basic_auth.v3.BasicAuth"])
def test_a_login_withholds_every_route(kind: str) -> None:
    """And then there is nothing to carry over."""
    login = f'{{name: login, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.{kind}}}}}'
    with pytest.raises(InvalidInput, match="the filter login decides who gets in"):
        adopted("- {match: {prefix: /}, route: {cluster: app}}", filters=f"{login}, {ROUTER}")


@pytest.mark.parametrize(
    "kind", ["lua.v3.Lua", "wasm.v3.Wasm", "ext_proc.v3.ExternalProcessor", "of_somebody.v1.Login"]
)
def test_a_program_may_be_a_login(kind: str) -> None:
    """Nobody sees what it lets in; a filter that is known to turn nobody away is told, and no more."""
    program = f'{{name: program, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.{kind}}}}}'
    with pytest.raises(InvalidInput, match="the filter program may decide who gets in"):
        adopted("- {match: {prefix: /}, route: {cluster: app}}", filters=f"{program}, {ROUTER}")
    fault = (
        '{name: fault, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault}}'
    )
    made = adopted("- {match: {prefix: /}, route: {cluster: app}}", filters=f"{fault}, {ROUTER}")

    assert ["the filter fault is not carried over"] == [each.what for each in made.lost]


def test_a_route_that_is_never_reached_is_told() -> None:
    """In a spec it would come first, for it is longer."""
    made = adopted("- {match: {prefix: /}, route: {cluster: app}}\n- {match: {path: /x}, route: {cluster: app}}")

    assert ["/"] == [each.path for each in made.spec.routes]
    assert ["path /x is never reached: prefix / comes first"] == [each.what for each in made.lost]


def test_methods_headers_and_hosts() -> None:
    """What is the same for every request."""
    one = (
        "- {match: {prefix: /, headers: [{name: ':method', string_match: {exact: POST}}]}, route: {cluster: app, host_rewrite_literal: b.example},"
        " request_headers_to_add: [{header: {key: X-Tenant, value: acme}}, {header: {key: X-Id, value: '%REQ(x-y)%'}}],"
        " response_headers_to_remove: [X-Powered-By]}"
    )
    made = adopted(one)
    (found,) = made.spec.routes

    assert ("POST",) == found.methods
    assert {"X-Tenant": "acme", "Host": "b.example"} == found.rewrites.request
    assert {"X-Powered-By": None} == found.rewrites.response
    assert ["X-Id: %REQ(x-y)% is told anew for each request; headers of a spec are the same for all"] == [
        each.what for each in made.lost
    ]


@pytest.mark.parametrize(
    ("policy", "affinity"),
    [
        ("cookie: {name: sid}", ("cookie", "sid")),
        ("header: {header_name: X-Room}", ("header", "X-Room")),
        ("query_parameter: {name: room}", ("hash", "room")),
        ("connection_properties: {source_ip: true}", ("ip", None)),
    ],
)
def test_clients_keep_their_server(policy: str, affinity: tuple[str, str | None]) -> None:
    """Where the cluster chooses by what is hashed."""
    found = route(
        f"- {{match: {{prefix: /}}, route: {{cluster: app, hash_policy: [{{{policy}}}]}}}}",
        cluster=f"{CLUSTER}lb_policy: RING_HASH\n",
    ).affinity

    assert found
    assert affinity == (found.by, found.name)


def test_origins_over_tls_and_http_2() -> None:
    """The certificate is checked as it is today."""
    more = """\
transport_socket:
  name: tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    sni: app.internal
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http2_protocol_options: {}}
"""
    found = route("- {match: {prefix: /files}, route: {cluster: app}}", cluster=CLUSTER + more).upstream

    assert ("https", "2", False, "app.internal") == (found.scheme, found.http_version, found.tls.verify, found.sni)


def test_timers_never_become_narrower() -> None:
    """What is longer than a protocol needs is stated; a timer that ends streams is left out, and told."""
    idle = route("- {match: {prefix: /}, route: {cluster: app, timeout: 0s, idle_timeout: 7200s}}")
    ended = adopted("- {match: {prefix: /events}, route: {cluster: app, timeout: 30s}}")

    assert 7200 == idle.idle_timeout
    assert "sse" == ended.spec.routes[0].protocol.name
    assert ["`timeout: 30s` ends every stream of prefix /events, and is left out"] == [each.what for each in ended.lost]


def test_weighted_clusters_and_servers_from_elsewhere_are_told() -> None:
    """A spec has one upstream for each route, and names its servers."""
    weighted = "- {match: {prefix: /in}, route: {weighted_clusters: {clusters: [{name: app, weight: 1}, {name: b, weight: 1}]}}}\n"
    made = adopted(f"{weighted}- {{match: {{prefix: /}}, route: {{cluster: app}}}}")

    assert ["prefix /in spreads requests over 2 clusters by weight; a spec has one upstream for each route"] == [
        each.what for each in made.lost
    ]
    with pytest.raises(InvalidInput, match=r"the servers of cluster app come from elsewhere \(type EDS\)"):
        adopted("- {match: {prefix: /}, route: {cluster: app}}", cluster="name: app\ntype: EDS\n")


@pytest.mark.parametrize("name", ["chat:8000", "outbound|8000||chat", "outbound|8000|v2|chat"])
def test_a_cluster_that_a_controller_names_after_a_service_is_that_service(name: str) -> None:
    """Its endpoints are not in the config; its name leads to them."""
    found = route(
        f"- {{match: {{prefix: /}}, route: {{cluster: '{name}'}}}}", cluster=f"name: '{name}'\ntype: EDS\n"
    ).upstream

    assert ["chat:8000"] == [server.address for server in found.servers]


def test_the_listener_with_its_certificate() -> None:
    """And no promise about HTTPS that nobody made."""
    tls = (
        '{name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, '
        "common_tls_context: {tls_certificates: [{certificate_chain: {filename: /c.pem}, private_key: {filename: /k.pem}}]}}}"
    )
    made = adopted(
        "- {match: {prefix: /}, route: {cluster: app}}",
        domains='[a.example, "*.b.example", "a.example:8443"]',
        chain=tls,
    )
    listen = made.spec.listen

    assert (8443, ("a.example", "*.b.example")) == (listen.port, made.spec.hosts)
    assert listen.tls
    assert ("/c.pem", "/k.pem", False) == (listen.tls.certificate, listen.tls.key, listen.tls.hsts)
