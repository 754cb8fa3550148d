"""What a bootstrap of Envoy needs around it, and the requests that lead to its routes."""

from __future__ import annotations

from proxycfg.source import Source
from proxycfg.stage import Stage
from proxycfg.targets.envoy.bootstrap import load
from proxycfg.targets.envoy.stage import stage

MAIN = "/etc/envoy/envoy.yaml"
BOOTSTRAP = """\
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 9901}}}}}}
static_resources:
  listeners:
  - name: web
    address: {{socket_address: {{address: 0.0.0.0, port_value: 8443}}}}
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates:
            - certificate_chain: {{filename: /etc/certs/tls.crt}}
              private_key: {{filename: /etc/certs/tls.key}}
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: /data/logs/access.log
          route_config:
            virtual_hosts:
            - name: app
              domains: ["*.example.com"]
              routes:
{routes}
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: app
    type: STRICT_DNS
    load_assignment:
      cluster_name: app
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: app.internal, port_value: 8443}}}}}}
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 3000}}}}}}
        - endpoint: {{address: {{pipe: {{path: /var/run/app.sock}}}}}}
"""


def staged(*routes: str, given: dict[str, bytes] | None = None) -> Stage:
    """The stage of a bootstrap with these routes."""
    text = BOOTSTRAP.format(routes="\n".join(f"              - {route}" for route in routes))
    config = load([Source(MAIN, text)])
    return stage(config, "1.40", {MAIN: text.encode()}, MAIN, (given or {}).get, lambda kind: kind.encode())


def test_what_a_bootstrap_names_is_supplied() -> None:
    """Origins of every kind, certificates, and folders for logs; not what it listens on."""
    found = staged('{match: {prefix: "/"}, route: {cluster: app}}', given={"/etc/certs/tls.crt": b"own"})

    assert (found.names, found.loopback, found.sockets) == (
        ("app.internal",),
        (("127.0.0.1", 3000),),
        ("/run/app.sock",),
    )
    assert {path: data for path, data in found.files.items() if path != MAIN} == {
        "/etc/certs/tls.crt": b"own",
        "/etc/certs/tls.key": b"key",
    }
    assert 8443 in found.ports
    assert "/data/logs" in found.writable
    assert found.listens == (8443,)
    assert found.lacks == ()
    assert [(each.what, each.name) for each in found.supplied] == [
        ("key", "/etc/certs/tls.key"), ("upstream name", "app.internal:8443"), ("upstream address", "127.0.0.1:3000"),
        ("upstream socket", "/run/app.sock"),
    ]  # fmt: skip


def test_each_route_has_a_request_that_ends_there() -> None:
    """Prefixes, paths, expressions, and conditions on headers and queries; one that is shadowed has none."""
    found = staged(
        '{match: {path: "/exact"}, route: {cluster: app}}',
        '{match: {prefix: "/v1/", headers: [{name: x-beta, string_match: {exact: "1"}}]}, route: {cluster: app}}',
        '{match: {safe_regex: {regex: "/files/[0-9]+/(a|b)"}}, route: {cluster: app}}',
        '{match: {prefix: "/q", query_parameters: [{name: stream, string_match: {exact: "true"}}]}, route: {cluster: app}}',
        '{match: {prefix: "/"}, route: {cluster: app}}',
        '{match: {prefix: "/hidden"}, route: {cluster: app}}',
    )

    assert [[entry.url for entry in route.entries] for route in found.routes] == [
        ["https://www.example.com:8443/exact"],
        ["https://www.example.com:8443/v1/"],
        ["https://www.example.com:8443/files/0/a"],
        ["https://www.example.com:8443/q?stream=true"],
        ["https://www.example.com:8443/"],
        [],
    ]
    assert found.routes[1].entries[0].headers == (("x-beta", "1"),)
    assert found.routes[-1].why_not
    assert all(route.complete for route in found.routes[:-1])
