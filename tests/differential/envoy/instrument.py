"""What the lab adds to a bootstrap so that it can be measured, without changing what is measured.

Every route sets a header to its own place, which answers carry back and requests carry to the origin. Ports, addresses and files become those
of the lab. A listener of the lab's own answers at once: when it has, Envoy's worker has dealt with all that came before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.differential.envoy.generator import CERTIFICATE, KEY, LOG, ORIGIN, ROUTER, UPSTREAMS
from tests.differential.envoy.tree import HCM, Config, Data, clusters, copied, listeners, managers, routes

_LOGS = "type.googleapis.com/envoy.extensions.access_loggers"
_MANY = 1_000_000


@dataclass(frozen=True)
class Surroundings:
    """What stands for the made-up machine: the ports of clients, the port of the origins, the certificate, and the lab's own port.

    :param log: the file of access logs.
    :param limits: keep limits on the number of streams and of failures, which would be in the way of measuring many things at once.
    """

    ports: Mapping[int, int]
    origin: int
    control: int
    certificate: str
    key: str
    log: str
    limits: bool = False


def instrument(config: Config, around: Surroundings) -> Config:
    """The config that Envoy is started with."""
    data: Data = _files(copied(config.data), around)
    data.pop("admin", None)
    for place, route in routes(data):
        told = {"header": {"key": "x-loc", "value": place}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for name in ("request_headers_to_add", "response_headers_to_add"):
            route.setdefault(name, []).append(told)
    for listener in listeners(data):
        listener["address"]["socket_address"] |= {
            "address": "127.0.0.1",
            "port_value": around.ports[listener["address"]["socket_address"]["port_value"]],
        }
        # A client that stops reading is felt at once, and not when megabytes have gone into the kernel.
        small = {"level": "1", "name": "7", "int_value": "16384", "state": "STATE_PREBIND", "description": "SO_SNDBUF"}
        listener.setdefault("socket_options", []).append(small)
    for _, _, manager in managers(data):
        for host in manager.get("route_config", {}).get("virtual_hosts", []):
            host["include_attempt_count_in_response"] = True
            host["domains"] = [_mapped(domain, around) for domain in host.get("domains", [])]
    for cluster in clusters(data):
        for group in cluster.get("load_assignment", {}).get("endpoints", []):
            for each in group.get("lb_endpoints", []):
                at = each["endpoint"]["address"]["socket_address"]
                if at["port_value"] == ORIGIN:
                    at["port_value"] = around.origin
        for options in _two(cluster):
            # A stream that nobody reads must not stop the others on its connection.
            options["initial_connection_window_size"] = 2**31 - 1
        if not around.limits:
            _lift(cluster)
    for _, chain, manager in managers(data):
        for network in chain["filters"]:
            if "max_connections" in network["typed_config"] and not around.limits:
                network["typed_config"]["max_connections"] = _MANY
        for each in manager.get("http_filters", []):
            bucket = each["typed_config"].get("token_bucket")
            if bucket:
                bucket |= {"max_tokens": _MANY, "tokens_per_fill": _MANY}
    data.setdefault("static_resources", {}).setdefault("listeners", []).append(_own(around))
    return Config(data, camel=config.camel)


def _mapped(domain: str, around: Surroundings) -> str:
    return re.sub(r":(\d+)$", lambda found: f":{around.ports.get(int(found[1]), int(found[1]))}", domain)


def _files(node: Data, around: Surroundings) -> Data:
    names = {CERTIFICATE: around.certificate, KEY: around.key, LOG: around.log}

    def placed(value: object) -> object:
        if isinstance(value, dict):
            return {name: placed(each) for name, each in value.items()}
        if isinstance(value, list):
            return [placed(each) for each in value]
        return names.get(value, value) if isinstance(value, str) else value

    found = placed(node)
    assert isinstance(found, dict)
    return found


def _two(cluster: Data) -> Iterator[Data]:
    """The settings of HTTP/2 towards an origin, wherever a cluster has them."""
    said = cluster.get("typed_extension_protocol_options", {}).get(UPSTREAMS, {})
    for holder in (cluster, said.get("explicit_http_config", {}), said.get("use_downstream_protocol_config", {})):
        if "http2_protocol_options" in holder:
            yield holder["http2_protocol_options"]


def _lift(cluster: Data) -> None:
    cluster.pop("outlier_detection", None)
    most = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), _MANY)
    cluster["circuit_breakers"] = {"thresholds": [{"priority": name, **most} for name in ("DEFAULT", "HIGH")]}


def _own(around: Surroundings) -> Data:
    answer = {"status": 200, "body": {"inline_string": "0"}}
    logs = [
        {"name": "file", "typed_config": {"@type": f"{_LOGS}.file.v3.FileAccessLog", "path": around.log}},
        {"name": "stdout", "typed_config": {"@type": f"{_LOGS}.stream.v3.StdoutAccessLog"}},
    ]
    manager = {
        "@type": HCM,
        "stat_prefix": "lab",
        "access_log": logs,
        "http_filters": [ROUTER],
        "route_config": {
            "virtual_hosts": [
                {"name": "lab", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": answer}]}
            ]
        },
    }
    return {
        "name": "lab",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": around.control}},
        "filter_chains": [{"filters": [{"name": "lab", "typed_config": manager}]}],
    }
