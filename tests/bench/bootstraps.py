"""Bootstraps of Envoy of any size: routes as people write them, and the shapes that make a reader slow."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Shape = Callable[[int], str]
ROUTES_PER_HOST = 10

_HEAD = """\
# Of a measurement.
static_resources:
  listeners:
  - name: edge
    address: {socket_address: {address: 0.0.0.0, port_value: 10000}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          stream_idle_timeout: 300s
          common_http_protocol_options:
            idle_timeout: 3600s
          http_filters:
          - name: envoy.filters.http.buffer
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
              max_request_bytes: 1048576
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
"""
_HOST = """\
            - name: {name}
              domains: ["{domain}"]
              retry_policy: {{retry_on: "connect-failure,reset", num_retries: 2}}
              routes:
"""
_ROUTES = (
    """\
              # Events of {number}.
              - match:
                  prefix: /service-{number}/events
                route:
                  cluster: {cluster}
                  timeout: {timeout}
                  idle_timeout: 900s
                typed_per_filter_config:
                  envoy.filters.http.buffer:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute
                    disabled: true
""",
    """\
              - match:
                  path_separated_prefix: /service-{number}/ws
                route:
                  cluster: {cluster}
                  timeout: {timeout}
                  upgrade_configs:
                  - upgrade_type: websocket
""",
    """\
              - match:
                  prefix: /service-{number}/
                  headers:
                  - name: x-version
                    string_match: {{exact: v2}}
                route:
                  cluster: {cluster}
                  timeout: {timeout}
                  prefix_rewrite: /
                request_headers_to_add:
                - header: {{key: x-edge, value: "yes"}}
""",
    """\
              - match:
                  safe_regex:
                    regex: "/service-{number}/v[0-9]+/.*"
                route:
                  cluster: {cluster}
                  timeout: {timeout}
""",
)
_CLUSTER = """\
  - name: {name}
    type: STRICT_DNS
    connect_timeout: 2s
    circuit_breakers:
      thresholds:
      - max_connections: 20000
        max_requests: 20000
    load_assignment:
      cluster_name: {name}
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: {name}.internal, port_value: 8000}}}}}}
"""


def _route(number: int, cluster: str, timeout: str) -> str:
    return _ROUTES[number % len(_ROUTES)].format(number=number, cluster=cluster, timeout=timeout)


def _whole(hosts: Iterable[str], clusters: int) -> str:
    made = "".join(_CLUSTER.format(name=f"service{number}") for number in range(clusters))
    return f"{_HEAD}{''.join(hosts)}  clusters:\n{made}"


def plain(count: int) -> str:
    """Ten routes a virtual host, and a cluster for each of those: the shape that is told in full."""
    clusters = -(-count // ROUTES_PER_HOST)
    return _whole(
        (
            _HOST.format(name=f"host{host}", domain=f"h{host}.example.com")
            + "".join(
                _route(number, f"service{host}", "0s")
                for number in range(host * ROUTES_PER_HOST, min(count, (host + 1) * ROUTES_PER_HOST))
            )
            for host in range(clusters)
        ),
        clusters,
    )


def one_host(count: int) -> str:
    """All of one virtual host, to one cluster."""
    return _whole(
        [_HOST.format(name="all", domain="*") + "".join(_route(number, "service0", "0s") for number in range(count))], 1
    )


def unlike(count: int) -> str:
    """Each with a timeout and a cluster of its own."""
    routes = "".join(_route(number, f"service{number}", f"{number + 1}s") for number in range(count))
    return _whole([_HOST.format(name="all", domain="*") + routes], count)


SHAPES: dict[str, Shape] = {"routes of one virtual host": one_host, "routes, none like another": unlike}
"""What may be slow though ``plain`` is not."""
