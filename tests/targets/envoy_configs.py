"""Bootstraps for tests: an ordinary one, with what a test says in each of its parts; and what is read out of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from proxycfg.explain import Explained
from proxycfg.finding import Fix
from proxycfg.fix import apply
from proxycfg.reading import ReadRoute
from proxycfg.request import Asked
from proxycfg.source import Edit, Source
from proxycfg.targets.envoy.bootstrap import Config, load
from proxycfg.targets.envoy.explain import explain_config
from proxycfg.targets.envoy.place import Reader
from proxycfg.targets.envoy.read import read
from proxycfg.targets.envoy.routes import read_world

Data = dict[str, Any]

_FILTERS = "type.googleapis.com/envoy.extensions.filters.http"
ROUTER: Data = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_FILTERS}.router.v3.Router"}}
UPSTREAMS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
FILTER_CONFIG = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
WEBSOCKET: list[Data] = [{"upgrade_type": "websocket"}]


def http_filter(kind: str, message: str, name: str = "", /, **fields: Any) -> Data:
    """An HTTP filter: the package of its type, and the message's name."""
    typed = {"@type": f"{_FILTERS}.{kind}.v3.{message}", **fields}
    return {"name": name or f"envoy.filters.http.{kind}", "typed_config": typed}


def per_route(kind: str, message: str, **fields: Any) -> Data:
    """A filter's settings of a route."""
    return {"@type": f"{_FILTERS}.{kind}.v3.{message}", **fields}


def options(**fields: Any) -> Data:
    """A cluster's HttpProtocolOptions; HTTP/1.1 unless they say otherwise."""
    said = {"explicit_http_config": {"http_protocol_options": {}}} if not fields.keys() & _PROTOCOLS else {}
    return {
        "typed_extension_protocol_options": {UPSTREAMS: {"@type": f"type.googleapis.com/{UPSTREAMS}", **said, **fields}}
    }


_PROTOCOLS = {"explicit_http_config", "auto_config", "use_downstream_protocol_config"}
TWO = options(explicit_http_config={"http2_protocol_options": {}})


def cluster(name: str = "origin", port: int = 8000, **fields: Any) -> Data:
    """A cluster of one server."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {"name": name, "load_assignment": {"cluster_name": name, "endpoints": endpoints}, **fields}


def bootstrap(
    *,
    route: Mapping[str, Any] | None = None,
    around: Mapping[str, Any] | None = None,
    match: Mapping[str, Any] | None = None,
    routes: list[Data] | None = None,
    host: Mapping[str, Any] | None = None,
    table: Mapping[str, Any] | None = None,
    hcm: Mapping[str, Any] | None = None,
    filters: list[Data] | None = None,
    chain: Mapping[str, Any] | None = None,
    listener: Mapping[str, Any] | None = None,
    upstream: Mapping[str, Any] | None = None,
    clusters: list[Data] | None = None,
    whole: Mapping[str, Any] | None = None,
    port: int = 10000,
) -> Data:
    """One listener, one virtual host for all hosts, one route ``/``, one cluster; each with the fields that are given.

    :param route: fields of the route's action, ``around`` of the route itself.
    """
    one = {"match": match or {"prefix": "/"}, "route": {"cluster": "origin", **(route or {})}, **(around or {})}
    hosts = [{"name": "all", "domains": ["*"], "routes": routes or [one], **(host or {})}]
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "http_filters": [*(filters or []), ROUTER],
        "route_config": {"virtual_hosts": hosts, **(table or {})},
        **(hcm or {}),
    }
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    door = {
        "name": "in",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [network], **(chain or {})}],
        **(listener or {}),
    }
    known = clusters or [cluster(**(upstream or {}))]
    made = {"static_resources": {"listeners": [door], "clusters": known}, **(whole or {})}
    return copy.deepcopy(made)


def config_of(data: Data | str, name: str = "envoy.json") -> Config:
    """A config, read."""
    return load([Source(name, data if isinstance(data, str) else json.dumps(data, indent=2))])


def routes_of(data: Data | str, version: str = "1.40", protocol: str | None = None) -> list[ReadRoute]:
    """What its routes do."""
    config = config_of(data)
    assert not config.problems, config.problems
    return [told for _, told in read(Reader(read_world(config), version), lambda _: protocol)]


def value(data: Data | str, name: str, protocol: str | None = None, version: str = "1.40") -> Any:
    """A property of its one route, as JSON spells it."""
    (route,) = routes_of(data, version, protocol)
    return route.reading.to_json()[name]["value"]  # type: ignore[index]


def explained(data: Data | str, *urls: str, protocol: str | None = None, **more: Any) -> list[Explained]:
    """Where URLs end."""
    return explain_config(config_of(data), "1.40", Asked(urls=urls, **more), protocol)


def edited(text: str, edit: Edit) -> str:
    """A text after a change to it."""
    return apply({edit.span.file: text}, [Fix("", safe=True, edits=(edit,))]).texts[edit.span.file]
