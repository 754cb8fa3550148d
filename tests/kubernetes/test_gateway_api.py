"""The Gateway API: three controllers, three meanings of silence; and the policies of Envoy Gateway."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kubernetes.manifests import evidence, lowered, repaired, route_of, routes_of, told, value

ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat, namespace: chat}
spec:
  parentRefs: [{name: public}]
  hostnames: [chat.example.com]
  rules:
    - matches:
        - path: {type: PathPrefix, value: /events}
      backendRefs: [{name: api, port: 8000}]
"""
GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: chat}
spec:
  gatewayClassName: CLASS
  listeners:
    - {name: https, port: 443, protocol: HTTPS, hostname: "*.example.com"}
"""
ISTIO, CONTOUR, ENVOY = (GATEWAY.replace("CLASS", name) for name in ("istio", "contour", "eg"))
POLICY = """\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: chat, namespace: chat}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: chat}]
"""
OF_GATEWAY = POLICY.replace("name: chat,", "name: all,").replace("HTTPRoute, name: chat", "Gateway, name: public")
CLIENTS = OF_GATEWAY.replace("BackendTrafficPolicy", "ClientTrafficPolicy")


@pytest.mark.parametrize(
    ("gateway", "total", "idle", "upgrades", "connect"),
    [(ISTIO, None, None, True, 10.0), (CONTOUR, 15.0, 300.0, True, 2.0), (ENVOY, 15.0, 300.0, True, 10.0)],
)
def test_silence_is_the_controllers(gateway: str, total: Any, idle: Any, *, upgrades: bool, connect: float) -> None:
    """The same route behind three gateways."""
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: api}\nspec: {ports: [{port: 8000, appProtocol: http}]}\n"
    found = route_of("/events", ROUTE, gateway, service).reading.to_json()

    assert [found[name]["value"] for name in ("total_timeout", "upstream_idle_timeout", "upgrade", "connect_timeout")] == [  # type: ignore[index]
        total, idle, upgrades, connect,
    ]  # fmt: skip


@pytest.mark.parametrize(("gateway", "total"), [(ISTIO, None), (CONTOUR, None), (ENVOY, None)])
def test_zero_is_never(gateway: str, total: Any) -> None:
    """As the API wants it."""
    assert value("total_timeout", "/events", ROUTE + "      timeouts: {request: 0s}\n", gateway) == total


def test_a_timeout_of_a_backend_counts_where_nothing_is_retried() -> None:
    """With retries it is one for each try."""
    text = ROUTE + "      timeouts: {request: 90s, backendRequest: 60s}\n"

    assert value("total_timeout", "/events", text, ENVOY) == 60.0
    assert value("total_timeout", "/events", text + "      retry: {attempts: 2}\n", ENVOY) == 90.0


@pytest.mark.parametrize(("request_for", "idle"), [("0s", None), ("30s", 3600.0), ("2h", 7200.0)])
def test_envoy_gateway_lets_no_stream_fall_silent_before_its_time(request_for: str, idle: float | None) -> None:
    """An hour at least, and never where the timeout is off."""
    assert (
        value("upstream_idle_timeout", "/events", ROUTE + f"      timeouts: {{request: {request_for}}}\n", ENVOY)
        == idle
    )


@pytest.mark.parametrize(
    ("policy", "name", "wanted"),
    [
        ("  timeout: {http: {requestTimeout: 0s}}\n", "total_timeout", None),
        ("  timeout: {http: {maxStreamDuration: 10m}}\n", "total_timeout", 600.0),
        ("  timeout: {http: {streamIdleTimeout: 1h}}\n", "upstream_idle_timeout", 3600.0),
        ("  timeout: {tcp: {connectTimeout: 2s}}\n", "connect_timeout", 2.0),
        ("  retry: {numRetries: 3}\n", "retries_non_idempotent", True),
        ("  retry: {numRetries: 3, retryOn: {triggers: [connect-failure]}}\n", "retries_non_idempotent", False),
        ("  requestBuffer: {limit: 1Mi}\n", "request_buffering", True),
        ("  requestBuffer: {limit: 1Mi}\n", "request_body_limit", 2**20),
        ("  requestBuffer: {limit: 1Mi}\n", "upgrade", False),
        ("  httpUpgrade: [{type: spdy/3.1}]\n", "upgrade", False),
        ("  circuitBreaker: {maxConnections: 10, maxParallelRequests: 20}\n", "max_streams", {"between": [10, 20]}),
        ("  loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP}}\n", "session_affinity", "ip"),
        ("  loadBalancer: {type: ConsistentHash, consistentHash: {type: Cookie, cookie: {name: u}}}\n", "session_affinity", "cookie"),
        ("  responseOverride: [{match: {statusCodes: [{type: Value, value: 500}]}}]\n", "error_interception", {"between": [False, True]}),
        ("  useClientProtocol: true\n", "upstream_http_version", {"between": ["1.1", "2"]}),
    ],
)  # fmt: skip
def test_a_policy_decides_at_its_own_place(policy: str, name: str, wanted: Any) -> None:
    """Evidence stands in the policy, not in the route."""
    found = evidence(name, "/events", ROUTE, ENVOY, POLICY + policy)

    assert value(name, "/events", ROUTE, ENVOY, POLICY + policy) == wanted
    assert found.span is None or found.span.file == "3.yaml"


def test_compression_is_of_what_the_compressor_takes() -> None:
    """Not of events."""
    policy = POLICY + "  compressor: [{type: Gzip}]\n"

    assert value("compression", "/events", ROUTE, ENVOY, policy, protocol="sse") is False
    assert value("compression", "/events", ROUTE, ENVOY, policy, protocol="long-poll") != value(
        "compression", "/events", ROUTE, ENVOY, protocol="long-poll"
    )


def test_a_policy_of_the_route_counts_instead_of_the_gateways() -> None:
    """Unless it is to be merged into it."""
    outer = OF_GATEWAY + "  timeout: {http: {requestTimeout: 60s}}\n"
    inner = POLICY + "  retry: {numRetries: 1}\n"

    assert value("total_timeout", "/events", ROUTE, ENVOY, outer) == 60.0
    assert value("total_timeout", "/events", ROUTE, ENVOY, outer, inner) == 15.0
    assert value("total_timeout", "/events", ROUTE, ENVOY, outer, inner + "  mergeType: StrategicMerge\n") == 60.0


@pytest.mark.parametrize(
    ("policy", "name", "wanted"),
    [
        ("  timeout: {http: {streamIdleTimeout: 90s}}\n", "upstream_idle_timeout", 90.0),
        ("  connection: {connectionLimit: {value: 100, maxStreamDuration: 30s}}\n", "total_timeout", 15.0),
        ("  tls: {alpnProtocols: [http/1.1]}\n", "client_http_versions", ["1.1"]),
    ],
)
def test_a_policy_for_clients_decides_for_a_listener(policy: str, name: str, wanted: Any) -> None:
    """For all routes behind it."""
    assert value(name, "/events", ROUTE, ENVOY, CLIENTS + policy) == wanted


def test_a_processor_that_collects_answers_is_seen() -> None:
    """An EnvoyExtensionPolicy says how bodies get to it."""
    policy = (
        POLICY.replace("BackendTrafficPolicy", "EnvoyExtensionPolicy")
        + "  extProc: [{processingMode: {response: {body: Buffered}}}]\n"
    )

    assert value("response_buffering", "/events", ROUTE, ENVOY, policy) is True


def test_grpc_is_spoken_behind_a_grpc_route() -> None:
    """And its streams are known for what they are."""
    text = ROUTE.replace("HTTPRoute", "GRPCRoute").replace(
        "path: {type: PathPrefix, value: /events}", "method: {service: chat.v1.Chat}"
    )
    found = route_of("/chat.v1.Chat/", text, ENVOY, protocol="grpc").reading.to_json()

    assert (found["upstream_http_version"]["value"], found["grpc"]["value"]) == ("2", True)  # type: ignore[index]
    assert told(text, ENVOY)["stream-ended-by-timeout"] == "chat.yaml:8:7"


def test_the_more_specific_route_comes_first() -> None:
    """As the API sorts them."""
    text = (
        ROUTE
        + "    - matches: [{path: {type: Exact, value: /events}}]\n    - matches: [{path: {value: /events/long}}]\n"
    )

    assert [(each.path, each.kind) for each in routes_of(text, ENVOY)] == [
        ("/events", "exact"), ("/events/long", "segments"), ("/events", "segments"),
    ]  # fmt: skip


@pytest.mark.parametrize("class_of", ["nginx", "cilium", "traefik"])
def test_other_controllers_are_told_and_not_guessed(class_of: str) -> None:
    """What silence means there is not known here."""
    found = lowered(ROUTE, GATEWAY.replace("CLASS", class_of))

    assert not found.envoys
    assert f"HTTPRoute chat/chat is not read: {class_of} is none of the controllers" in found.skipped[0].message


def test_a_class_names_its_controller() -> None:
    """Whatever it is called."""
    known = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: front}\n"
        "spec: {controllerName: istio.io/gateway-controller}\n"
    )
    (made,) = lowered(ROUTE, GATEWAY.replace("CLASS", "front"), known).envoys

    assert made.controller == "Istio 1.31"


def test_a_gateway_that_is_not_at_hand_leaves_its_controller_open() -> None:
    """Unless a policy tells."""
    assert "that is not at hand" in lowered(ROUTE).skipped[0].message
    assert [each.controller for each in lowered(ROUTE, POLICY).envoys] == ["Envoy Gateway 1.9"]


def test_a_fix_goes_into_the_route() -> None:
    """Where the API has a field for it."""
    text = f"{ROUTE}---\n{ENVOY}"

    assert "      timeouts: {request: 0s}\n" in repaired("stream-ended-by-timeout", text)
    assert "stream-ended-by-timeout" not in told(repaired("stream-ended-by-timeout", text))


def test_routes_of_several_objects_for_one_path_are_not_put_before_each_other() -> None:
    """The oldest object's counts, and their age is not in a manifest."""
    text = ROUTE.replace("    - matches", "    # proxycfg: protocol=sse\n    - matches")

    assert len(routes_of(text, text.replace("name: chat,", "name: other,"), ENVOY)) == 2
    assert "stream-route-shadowed" not in told(text, text.replace("name: chat,", "name: other,"), ENVOY)


def test_a_processor_has_the_time_that_its_policy_gives_it() -> None:
    """A fifth of a second, unless it says more."""
    text = ROUTE.replace("    - matches", "    # proxycfg: protocol=sse\n    - matches")
    policy = (
        POLICY.replace("BackendTrafficPolicy", "EnvoyExtensionPolicy")
        + "  extProc: [{processingMode: {response: {body: Streamed}}}]\n"
    )

    assert "processor-answers-late" in told(text, ENVOY, policy)
    assert "processor-answers-late" not in told(text, ENVOY, policy.replace("[{proc", "[{messageTimeout: 10s, proc"))
