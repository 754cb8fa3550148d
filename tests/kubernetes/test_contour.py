"""Contour: what its defaults and its objects come to, property by property."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kubernetes.manifests import evidence, lowered, repaired, route_of, routes_of, told, value

PROXY = """\
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: chat, namespace: chat}
spec:
  virtualhost:
    fqdn: chat.example.com
    tls: {secretName: chat}
  routes:
    - conditions:
        - prefix: /events
      services:
        - {name: api, port: 8000}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: api
  namespace: chat
  annotations: {"projectcontour.io/max-requests": "64", "projectcontour.io/upstream-protocol.h2c": "8000"}
spec: {ports: [{port: 8000}]}
"""


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("total_timeout", 15.0),
        ("upstream_idle_timeout", 300.0),
        ("connect_timeout", 2.0),
        ("upgrade", False),
        ("retries", False),
        ("compression", False),
        ("query_logged", True),
        ("max_streams", 1024),
    ],
)
def test_silence_is_what_contour_and_envoy_set(name: str, wanted: Any) -> None:
    """Envoy's own timeouts, no WebSockets, a log with queries."""
    assert value(name, "/events", PROXY) == wanted
    assert evidence(name, "/events", PROXY).kind == "default"


def test_answers_of_json_are_compressed() -> None:
    """Gzip is on for all but streams of events."""
    assert value("compression", "/events", PROXY, protocol="http") != value(
        "compression", "/events", PROXY, protocol="sse"
    )


@pytest.mark.parametrize(
    ("more", "name", "wanted", "said"),
    [
        ("timeoutPolicy: {response: infinity}", "total_timeout", None, "response: infinity"),
        ("timeoutPolicy: {response: 1h}", "total_timeout", 3600.0, "response: 1h"),
        # Zero is silence: Envoy's default counts.
        ("timeoutPolicy: {response: 0s}", "total_timeout", 15.0, "response: 0s"),
        ("timeoutPolicy: {idle: infinite}", "upstream_idle_timeout", None, "idle: infinite"),
        ("enableWebsockets: true", "upgrade", True, "enableWebsockets: true"),
        ("retryPolicy: {count: 3}", "retries_non_idempotent", True, ""),
        ("retryPolicy: {count: -1}", "retries", False, "count: -1"),
        ("retryPolicy: {count: 2, retryOn: [connect-failure]}", "retries", False, "retryOn: [connect-failure]"),
        ("loadBalancerPolicy: {strategy: Cookie}", "session_affinity", "cookie", "strategy: Cookie"),
        (
            "loadBalancerPolicy: {strategy: RequestHash, requestHashPolicies: [{hashSourceIP: true}]}",
            "session_affinity",
            "ip",
            "",
        ),
    ],
)
def test_a_route_says_it_itself(more: str, name: str, wanted: Any, said: str) -> None:
    """In its own words, at its own place."""
    text = PROXY.replace("name: api, port: 8000", "name: api, port: 8000, protocol: tls") + f"      {more}\n"
    found = evidence(name, "/events", text)

    assert value(name, "/events", text) == wanted
    if said:
        assert (found.text, found.span.line if found.span else 0) == (said, text.count("\n"))


def test_annotations_of_a_service_count() -> None:
    """Its limits and its protocol."""
    assert value("max_streams", "/events", PROXY, SERVICE) == 64
    assert value("upstream_http_version", "/events", PROXY, SERVICE) == "2"


def test_what_is_included_is_below_its_prefix() -> None:
    """And answers for the host of its root."""
    child = PROXY.replace("name: chat,", "name: api,").replace(
        "  virtualhost:\n    fqdn: chat.example.com\n    tls: {secretName: chat}\n", ""
    )
    root = PROXY.partition("  routes:")[0] + "  includes: [{name: api, conditions: [{prefix: /v1}]}]\n"
    found = route_of("/v1/events", root, child)

    assert (found.host, str(found.span)) == ("chat.example.com", "2.yaml:6:7")


def test_a_proxy_whose_root_is_not_at_hand_is_read_and_told() -> None:
    """For any host."""
    text = PROXY.replace("  virtualhost:\n    fqdn: chat.example.com\n    tls: {secretName: chat}\n", "")
    (made,) = lowered(text).envoys

    assert route_of("/events", text).host is None
    assert any("no HTTPProxy at hand includes HTTPProxy chat/chat" in line for line in made.config.assumed)


def test_the_more_specific_route_comes_first() -> None:
    """As Contour sorts them, not as they are written."""
    text = PROXY.replace("  routes:\n", "  routes:\n    - services: [{name: web, port: 80}]\n")

    assert [each.path for each in routes_of(text)] == ["/events", "/"]


def test_proxies_that_include_each_other_end() -> None:
    """Contour refuses them; here nothing is read twice."""
    text = PROXY + "  includes: [{name: chat}]\n"

    assert [each.path for each in routes_of(text)] == ["/events"]


def test_the_timeout_that_nobody_wrote_is_told_at_the_route() -> None:
    """There is no other line to look at."""
    assert told(PROXY)["stream-ended-by-timeout"] == "chat.yaml:9:7"


@pytest.mark.parametrize(
    ("path", "more", "rule", "fixed"),
    [
        ("/events", "timeoutPolicy: {response: 0s}", "stream-ended-by-timeout", "timeoutPolicy: {response: infinity}"),
        ("/ws", "enableWebsockets: false", "websocket-not-allowed", "enableWebsockets: true"),
    ],
)
def test_a_fix_is_one_of_the_manifest(path: str, more: str, rule: str, fixed: str) -> None:
    """Where it was written, and nothing else."""
    text = PROXY.replace("/events", path)

    assert repaired(rule, text + f"      {more}\n") == text + f"      {fixed}\n"


SETTINGS = """\
apiVersion: projectcontour.io/v1alpha1
kind: ContourConfiguration
metadata: {name: contour}
spec:
  envoy:
    timeouts: {streamIdleTimeout: infinity, connectTimeout: 7s}
    listener: {compression: {algorithm: disabled}}
"""


@pytest.mark.parametrize(
    "text",
    [SETTINGS, SETTINGS.replace("Configuration", "Deployment").replace("  envoy:", "  runtimeSettings:\n   envoy:")],
)
def test_the_installation_decides_where_no_route_does(text: str) -> None:
    """As its own object has it."""
    assert value("upstream_idle_timeout", "/events", PROXY, text) is None
    assert value("connect_timeout", "/events", PROXY, text) == 7.0
    assert value("compression", "/events", PROXY, text, protocol="http") is False
    assert evidence("upstream_idle_timeout", "/events", PROXY, text).text == "streamIdleTimeout: infinity"
