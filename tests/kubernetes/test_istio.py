"""Istio: what istiod's defaults and its objects come to, property by property."""

from __future__ import annotations

from typing import Any

import pytest

from proxycfg.kubernetes.lower import lower
from proxycfg.source import Source
from tests.kubernetes.manifests import evidence, linted, lowered, repaired, route_of, routes_of, told, value

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: chat, namespace: chat}
spec:
  hosts: [chat.example.com]
  gateways: [public]
  http:
    - match:
        - uri: {prefix: /events}
      route:
        - destination: {host: chat-api, port: {number: 8000}}
"""
GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: chat}
spec:
  selector: {istio: ingressgateway}
  servers:
    - port: {number: 443, name: https, protocol: HTTPS}
      tls: {mode: SIMPLE, credentialName: chat}
      hosts: ["*.example.com"]
    - port: {number: 80, name: http, protocol: HTTP}
      tls: {httpsRedirect: true}
      hosts: ["*.example.com"]
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: chat-api, namespace: chat}
spec:
  ports: [{name: PORT, port: 8000}]
"""
RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: chat}
spec:
  host: chat-api.chat.svc.cluster.local
  trafficPolicy:
"""
FILTER = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: idle, namespace: chat}
spec:
  configPatches:
    - applyTo: NETWORK_FILTER
      match: {context: CONTEXT, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}
      patch:
        operation: MERGE
        value:
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
            stream_idle_timeout: 60s
"""


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("total_timeout", None),
        ("upstream_idle_timeout", None),
        ("connect_timeout", 10.0),
        ("upgrade", True),
        ("retries_non_idempotent", False),
        ("session_affinity", "none"),
        ("query_logged", {"between": [False, True]}),
        ("client_http_versions", ["1.1", "2"]),
    ],
)
def test_silence_is_what_istiod_sets(name: str, wanted: Any) -> None:
    """No timeouts, WebSockets for all, retries that no origin notices; whether requests are logged is MeshConfig's to say."""
    texts = ROUTE, GATEWAY, SERVICE.replace("PORT", "http-api")

    assert value(name, "/events", *texts, protocol="sse") == wanted
    assert evidence(name, "/events", *texts).kind == "default"


def test_a_default_says_who_sets_it() -> None:
    """Not Envoy, whose own are others."""
    assert evidence("total_timeout", "/events", ROUTE, GATEWAY).text == "timeout: 0s (set by Istio 1.31)"


@pytest.mark.parametrize(
    ("more", "name", "wanted", "said"),
    [
        ("timeout: 1m30s", "total_timeout", 90.0, "timeout: 1m30s"),
        ("retries: {attempts: 2, retryOn: '5xx'}", "retries_non_idempotent", True, "retryOn: 5xx"),
        ("retries: {attempts: 2, retryOn: '503'}", "retries_non_idempotent", True, "retryOn: 503"),
        ("retries: {attempts: 0}", "retries", False, "attempts: 0"),
        ("retries: {attempts: 3, perTryTimeout: 5s}", "retries", False, ""),
        ("headers: {request: {remove: [accept-encoding]}}", "accept_encoding_forwarded", False, "accept-encoding"),
    ],
)
def test_a_route_says_it_itself(more: str, name: str, wanted: Any, said: str) -> None:
    """In its own words, at its own place."""
    text = ROUTE + f"      {more}\n"
    found = evidence(name, "/events", text, GATEWAY)

    assert value(name, "/events", text, GATEWAY, protocol="sse") == wanted
    if said:
        assert said in found.text
        assert found.span is not None
        assert found.span.line == text.count("\n")


@pytest.mark.parametrize(
    ("policy", "name", "wanted"),
    [
        ("    connectionPool: {tcp: {maxConnections: 50}}\n", "max_streams", 50),
        ("    connectionPool: {tcp: {connectTimeout: 300ms}}\n", "connect_timeout", 0.3),
        ("    connectionPool: {http: {h2UpgradePolicy: UPGRADE}}\n", "upstream_http_version", "2"),
        ("    loadBalancer: {consistentHash: {httpCookie: {name: user, ttl: 0s}}}\n", "session_affinity", "cookie"),
        ("    loadBalancer: {consistentHash: {useSourceIp: true}}\n", "session_affinity", "ip"),
        (
            "    portLevelSettings: [{port: {number: 8000}, connectionPool: {tcp: {maxConnections: 7}}}]\n",
            "max_streams",
            7,
        ),
        (
            "    portLevelSettings: [{port: {number: 9000}, connectionPool: {tcp: {maxConnections: 7}}}]\n",
            "max_streams",
            2**32 - 1,
        ),
    ],
)
def test_a_destination_rule_decides_for_its_service(policy: str, name: str, wanted: Any) -> None:
    """Found by the name of the service, however much of it each says."""
    assert value(name, "/events", ROUTE, GATEWAY, SERVICE.replace("PORT", "http"), RULE + policy) == wanted


@pytest.mark.parametrize(
    ("port", "version"), [("http", "1.1"), ("grpc-chat", "2"), ("http2", "2"), ("api", {"between": ["1.1", "2"]})]
)
def test_a_port_says_what_the_service_speaks(port: str, version: Any) -> None:
    """By the beginning of its name; without a protocol it is what the client speaks."""
    assert value("upstream_http_version", "/events", ROUTE, GATEWAY, SERVICE.replace("PORT", port)) == version


def test_what_a_service_speaks_that_is_not_at_hand_is_left_open() -> None:
    """And said to hang on it."""
    assert value("upstream_http_version", "/events", ROUTE, GATEWAY) == {"between": ["1.1", "2"]}
    assert "Service chat-api is not at hand" in evidence("upstream_http_version", "/events", ROUTE, GATEWAY).text


@pytest.mark.parametrize(("context", "seconds"), [("GATEWAY", 60.0), ("ANY", 60.0), ("SIDECAR_INBOUND", None)])
def test_an_envoy_filter_is_put_in_where_it_belongs(context: str, seconds: float | None) -> None:
    """Its fields are Envoy's own, at their own place."""
    text = FILTER.replace("CONTEXT", context)

    assert value("upstream_idle_timeout", "/events", ROUTE, GATEWAY, text) == seconds
    if seconds:
        found = evidence("upstream_idle_timeout", "/events", ROUTE, GATEWAY, text)
        assert found.span is not None
        assert str(found.span) == "3.yaml:13:13"


def test_an_envoy_filter_for_some_workloads_is_told_and_not_put_in() -> None:
    """Which pods have these labels is not in a manifest of routes."""
    text = FILTER.replace("CONTEXT", "ANY").replace(
        "  configPatches", "  workloadSelector: {labels: {app: x}}\n  configPatches"
    )
    (made,) = lowered(ROUTE, GATEWAY, text).envoys

    assert value("upstream_idle_timeout", "/events", ROUTE, GATEWAY, text) is None
    assert any("NETWORK_FILTER of EnvoyFilter chat/idle is not put in" in line for line in made.config.assumed)


def test_a_filter_that_is_patched_in_has_its_effect() -> None:
    """One that collects requests blocks handshakes as well."""
    text = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: chat}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
    - applyTo: HTTP_FILTER
      match: {context: GATEWAY}
      patch:
        operation: INSERT_BEFORE
        value:
          name: envoy.filters.http.buffer
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 1024}
"""

    assert value("request_buffering", "/events", ROUTE, GATEWAY, text) is True
    assert value("request_body_limit", "/events", ROUTE, GATEWAY, text) == 1024
    assert value("upgrade", "/events", ROUTE, GATEWAY, text) is False


def test_a_gateway_that_is_not_at_hand_is_taken_to_be_ordinary() -> None:
    """Which is said."""
    (made,) = lowered(ROUTE).envoys

    assert any("gateway public is not at hand" in line for line in made.config.assumed)
    assert len(routes_of(ROUTE)) == 1


def test_routes_without_a_gateway_are_the_sidecars() -> None:
    """One hop of those who call."""
    (made,) = lowered(ROUTE.replace("  gateways: [public]\n", "")).envoys

    assert [each.text("name") for each in made.config.listeners] == ["sidecars of the mesh"]


def test_a_port_that_only_redirects_is_no_way_in() -> None:
    """Nothing streams there."""
    (made,) = lowered(ROUTE, GATEWAY).envoys

    assert [each.text("name") for each in made.config.listeners] == ["Gateway chat/public https"]


def test_what_is_delegated_is_said() -> None:
    """Its routes are another object's."""
    text = ROUTE.replace(
        "      route:\n        - destination: {host: chat-api, port: {number: 8000}}\n",
        "      delegate: {name: other}\n",
    )
    (made,) = lowered(text).envoys

    assert any("what is delegated is not followed" in line for line in made.config.assumed)


def test_a_timeout_that_somebody_wrote_is_found_at_its_place() -> None:
    """And the one that istiod sets tells nothing of the route."""
    text = ROUTE + "      timeout: 15s\n"

    assert told(text, GATEWAY)["stream-ended-by-timeout"] == "chat.yaml:12:7"
    assert not linted(ROUTE, GATEWAY).findings


@pytest.mark.parametrize(
    ("more", "rule", "fixed"),
    [
        ("timeout: 15s", "stream-ended-by-timeout", "timeout: 0s"),
        ("retries: {attempts: 2, retryOn: 5xx}", "retry-on-stream", "retries: {attempts: 0, retryOn: 5xx}"),
    ],
)
def test_a_fix_is_one_of_the_manifest(more: str, rule: str, fixed: str) -> None:
    """Where it was written, and nothing else."""
    assert repaired(rule, ROUTE + f"      {more}\n") == ROUTE + f"      {fixed}\n"
    assert rule not in told(repaired(rule, ROUTE + f"      {more}\n"))


def test_a_comment_declares_all_that_a_rule_takes() -> None:
    """A rule with two matches is two routes of Envoy's."""
    text = ROUTE.replace(
        "    - match:", "    # proxycfg: protocol=sse\n    - match:\n        - uri: {prefix: /a}"
    ).replace("/events", "/b")
    found = [
        finding
        for finding in linted(text + "      timeout: 20s\n", GATEWAY).findings
        if finding.rule == "stream-ended-by-timeout"
    ]

    assert [(finding.severity, len(finding.related)) for finding in found] == [("error", 2)]


def test_a_match_is_envoys() -> None:
    """Path, headers and method."""
    text = ROUTE.replace(
        "{prefix: /events}",
        "{exact: /v1/events}\n          method: {exact: POST}\n          headers: {x-kind: {exact: stream}}",
    )

    assert route_of("/v1/events", text).kind == "exact"


def test_two_objects_of_one_name_are_two_variants() -> None:
    """As in a folder of examples: a cluster holds one of them, so none hides the other."""
    other = ROUTE.replace("/events", "/").replace("chat-api", "web")
    found = lower([Source("1.yaml", other), Source("2.yaml", ROUTE), Source("3.yaml", GATEWAY)])

    assert [len(each.envoys[0].rules) for each in found] == [1, 1]


def test_objects_for_one_host_are_not_put_before_each_other() -> None:
    """The oldest one comes first, and their age is not in a manifest."""
    other = (
        ROUTE.replace("name: chat,", "name: web,")
        .replace("/events", "/")
        .replace("    - match", "    # proxycfg: protocol=sse\n    - match")
    )
    (made,) = lowered(other, ROUTE.replace("    - match", "    # proxycfg: protocol=sse\n    - match"), GATEWAY).envoys

    assert any("several objects have routes for chat.example.com" in line for line in made.config.assumed)
    assert "stream-route-shadowed" not in told(other, ROUTE, GATEWAY)


def test_an_upgrade_to_http_2_hurts_a_socket() -> None:
    """The sidecar on the other side takes no extended CONNECT."""
    text = ROUTE.replace("/events", "/ws")
    rule = RULE + "    connectionPool: {http: {h2UpgradePolicy: UPGRADE}}\n"
    (found,) = [finding for finding in linted(text, GATEWAY, rule).findings if finding.rule == "websocket-over-http-2"]

    assert (str(found.span), "`h2UpgradePolicy: DO_NOT_UPGRADE`" in found.why) == ("3.yaml:7:46", True)


OPERATOR = """\
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh}
spec:
  meshConfig:
"""


@pytest.mark.parametrize(
    ("line", "name", "wanted"),
    [
        ("accessLogFile: /dev/stdout", "query_logged", True),
        ("connectTimeout: 3s", "connect_timeout", 3.0),
        ("defaultHttpRetryPolicy: {attempts: 2, retryOn: 5xx}", "retries_non_idempotent", True),
    ],
)
def test_the_mesh_decides_where_no_route_does(line: str, name: str, wanted: Any) -> None:
    """As an IstioOperator has it."""
    text = f"{OPERATOR}    {line}\n"
    (made,) = lowered(ROUTE, GATEWAY, text).envoys
    why = evidence(name, "/events", ROUTE, GATEWAY, text)

    assert value(name, "/events", ROUTE, GATEWAY, text, protocol="sse") == wanted
    assert why.span is not None
    assert why.span.file == "3.yaml"
    assert not any("its own MeshConfig" in each for each in made.config.assumed)


def test_the_mesh_may_leave_the_query_out_of_its_log() -> None:
    """By a format."""
    text = f"{OPERATOR}    accessLogFile: /dev/stdout\n    accessLogFormat: '%PROTOCOL%'\n"

    assert value("query_logged", "/events", ROUTE, GATEWAY, text) is False
