"""What is read out of Envoy's configs against Envoy itself: the properties that are most often got wrong, on real streams.

All configs run side by side in one Envoy, each behind a port of its own; each is measured for the properties that it is about, and compared with what
proxycfg says of the very same text.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from proxycfg.behavior import Behavior
from proxycfg.lab.origin import Blackhole, Origin
from proxycfg.targets.envoy.place import Reader
from proxycfg.targets.envoy.read import PROPERTIES
from proxycfg.targets.envoy.routes import read_world
from tests.clients.tls import make_authority
from tests.differential.envoy.bench import EnvoyBench
from tests.differential.envoy.trials import Check, Place, Trial, examine, settled, together
from tests.engines import ENVOY, Proxies, RunningProxy
from tests.engines.ports import free_ports
from tests.targets.envoy_configs import (
    FILTER_CONFIG,
    TLS,
    TWO,
    WEBSOCKET,
    Data,
    cluster,
    config_of,
    http_filter,
    options,
    per_route,
    routes_of,
)

OFF: list[dict[str, Any]] = [{"upgrade_type": "websocket", "enabled": False}]
STREAMING = {"timeout": "0s"}
_LIBRARY = "type.googleapis.com/envoy.extensions.compression"


def compressor(kind: str = "gzip", **fields: Any) -> dict[str, Any]:
    """A compressor."""
    message = {"gzip": "Gzip", "zstd": "Zstd"}[kind]
    library = {"name": kind, "typed_config": {"@type": f"{_LIBRARY}.{kind}.compressor.v3.{message}"}}
    return http_filter("compressor", "Compressor", compressor_library=library, **fields)


def lua(code: str) -> dict[str, Any]:
    """A script."""
    return http_filter("lua", "Lua", default_source_code={"inline_string": code})


def off(name: str) -> dict[str, Any]:
    """A route on which a filter is off."""
    return {"typed_per_filter_config": {name: {"@type": FILTER_CONFIG, "disabled": True}}}


def log(form: str | None) -> dict[str, Any]:
    """A connection manager that keeps a log, in a format or in the default one."""
    typed: dict[str, Any] = {"@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"}
    if form is not None:
        typed["log_format"] = {"text_format_source": {"inline_string": f"{form}\n"}}
    return {"access_log": [{"name": "stdout", "typed_config": typed}]}


def secure(*alpn: str) -> dict[str, Any]:
    """A filter chain with TLS."""
    files = {"certificate_chain": {"filename": "CERTIFICATE"}, "private_key": {"filename": "KEY"}}
    common = {"tls_certificates": [files], **({"alpn_protocols": list(alpn)} if alpn else {})}
    return {"transport_socket": {"name": "tls", "typed_config": {"@type": TLS, "common_tls_context": common}}}


def servers(**fields: Any) -> list[dict[str, Any]]:
    """A cluster of four servers."""
    made = cluster("origin", **fields)
    (group,) = made["load_assignment"]["endpoints"]
    address = {"port_value": 8000}
    group["lb_endpoints"] = [
        {"endpoint": {"address": {"socket_address": {"address": f"127.0.2.{n}", **address}}}} for n in (1, 2, 3, 4)
    ]
    return [made]


SIMPLE = "type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig"
EVENTS = {"common_config": {"content_type": ["text/event-stream"]}}
BUFFER = http_filter("buffer", "Buffer", max_request_bytes=65536)
COOKIE: list[dict[str, Any]] = [{"cookie": {"name": "sid"}}]
BREAKERS: Mapping[str, Any] = {"thresholds": [{"max_requests": 3}]}
CODEC = {"codec_type": "HTTP1"}

TRIALS: dict[str, Trial] = {
    # Timers.
    "the route's timeout cuts a stream that talks": Trial({"route": {"timeout": "2s"}}, ("total_timeout",), "sse"),
    "zero is never": Trial({"route": STREAMING}, ("total_timeout", "upstream_idle_timeout"), "sse"),
    "less than a millisecond is never": Trial({"route": {"timeout": "0.0005s"}}, ("total_timeout",), "sse"),
    "max_stream_duration, though empty, lifts the timeout": Trial({"route": {"timeout": "1s", "max_stream_duration": {}}}, ("total_timeout",), "sse"),
    "max_stream_duration of the route": Trial({"route": {"max_stream_duration": {"max_stream_duration": "2s"}}}, ("total_timeout",), "sse"),
    "max_stream_duration of the connection manager": Trial(
        {"route": STREAMING, "hcm": {"common_http_protocol_options": {"max_stream_duration": "2s"}}}, ("total_timeout",), "sse",
    ),
    "max_stream_duration of the connection manager, lifted": Trial(
        {"route": {"max_stream_duration": {"max_stream_duration": "0s"}}, "hcm": {"common_http_protocol_options": {"max_stream_duration": "1s"}}},
        ("total_timeout",), "sse",
    ),
    "max_stream_duration of the cluster, which nothing lifts": Trial(
        {"route": {"max_stream_duration": {"max_stream_duration": "0s"}}, "upstream": options(common_http_protocol_options={"max_stream_duration": "2s"})},
        ("total_timeout",), "sse",
    ),
    "stream_idle_timeout": Trial(
        {"route": STREAMING, "hcm": {"stream_idle_timeout": "2s"}}, ("upstream_idle_timeout", "client_idle_timeout", "total_timeout"), "sse",
    ),
    "idle_timeout of the route over it": Trial({"route": {**STREAMING, "idle_timeout": "0s"}, "hcm": {"stream_idle_timeout": "1s"}}, ("upstream_idle_timeout",), "sse"),
    "idle_timeout of the route over none": Trial({"route": {**STREAMING, "idle_timeout": "2s"}, "hcm": {"stream_idle_timeout": "0s"}}, ("upstream_idle_timeout",), "sse"),
    "per_try_idle_timeout ends with the attempt's time": Trial(
        {"route": {**STREAMING, "retry_policy": {"per_try_idle_timeout": "2s", "per_try_timeout": "1s"}}}, ("upstream_idle_timeout",), "sse",
    ),
    "per_try_idle_timeout goes on": Trial({"route": {**STREAMING, "retry_policy": {"per_try_idle_timeout": "2s"}}}, ("upstream_idle_timeout",), "sse"),
    "per_try_idle_timeout does not, behind a per_try_timeout as long": Trial(
        {"route": {**STREAMING, "retry_policy": {"per_try_timeout": "1s", "per_try_idle_timeout": "1s"}}}, ("upstream_idle_timeout", "send_timeout"), "sse",
    ),
    "per_try_idle_timeout goes on where the per_try_timeout is not set": Trial(
        {"route": {"timeout": "3s", "retry_policy": {"per_try_timeout": "3s", "per_try_idle_timeout": "1s"}}}, ("upstream_idle_timeout",), "sse",
    ),
    "per_try_idle_timeout of the cluster does not": Trial(
        {"route": STREAMING, "upstream": options(retry_policy={"retry_on": "5xx", "per_try_idle_timeout": "1s"})}, ("upstream_idle_timeout",), "sse",
    ),
    "per_try_idle_timeout of the route goes on beside a policy of the cluster": Trial(
        {
            "route": {**STREAMING, "retry_policy": {"per_try_idle_timeout": "2s"}},
            "upstream": options(retry_policy={"retry_on": "5xx", "per_try_idle_timeout": "1s"}),
        },
        ("upstream_idle_timeout",), "sse",
    ),
    "per_try_timeout does not": Trial({"route": {**STREAMING, "retry_policy": {"per_try_timeout": "1s"}}}, ("upstream_idle_timeout", "total_timeout"), "sse"),
    "per_try_timeout ends a poll": Trial({"route": {**STREAMING, "retry_policy": {"per_try_timeout": "2s"}}}, ("upstream_idle_timeout",), "long-poll"),
    "idle connections and their age": Trial(
        {"route": STREAMING, "hcm": {"common_http_protocol_options": {"idle_timeout": "1s", "max_connection_duration": "1s"}, "drain_timeout": "1s"}},
        ("upstream_idle_timeout", "total_timeout"), "sse",
    ),
    "connect_timeout": Trial({"upstream": {"port": 8001, "connect_timeout": "2s"}}, ("connect_timeout",)),
    "who stops reading": Trial({"route": {**STREAMING, "idle_timeout": "2s"}}, ("send_timeout",)),
    "who stops reading a full connection": Trial(
        {
            "route": STREAMING, "hcm": CODEC,
            "listener": {"per_connection_buffer_high_watermark_timeout": "2s", "per_connection_buffer_limit_bytes": 32768},
        },
        ("send_timeout",),
    ),
    # WebSockets.
    "no upgrade": Trial({}, ("upgrade",)),
    "an upgrade of the connection manager": Trial({"hcm": {"upgrade_configs": WEBSOCKET}}, ("upgrade",)),
    "an upgrade of the route alone": Trial({"route": {"upgrade_configs": WEBSOCKET}}, ("upgrade",)),
    "an upgrade that the connection manager has off, and the route on": Trial({"hcm": {"upgrade_configs": OFF}, "route": {"upgrade_configs": WEBSOCKET}}, ("upgrade",)),
    "an upgrade that the route has off": Trial({"hcm": {"upgrade_configs": WEBSOCKET}, "route": {"upgrade_configs": OFF}}, ("upgrade",)),
    "an upgrade behind a buffer": Trial({"hcm": {"upgrade_configs": WEBSOCKET}, "filters": [BUFFER]}, ("upgrade",)),
    "an upgrade with a chain of its own": Trial(
        {"hcm": {"upgrade_configs": [{"upgrade_type": "websocket", "filters": [http_filter("router", "Router")]}]}, "filters": [BUFFER]}, ("upgrade",),
    ),
    "an upgrade behind a compressor": Trial({"hcm": {"upgrade_configs": WEBSOCKET}, "filters": [compressor()]}, ("upgrade",)),
    "an upgrade with an idle timer": Trial({"hcm": {"upgrade_configs": WEBSOCKET}, "route": {"timeout": "1s", "idle_timeout": "2s"}}, ("upgrade",), "websocket"),
    # Bodies.
    "nothing is held": Trial({"route": STREAMING}, ("response_buffering", "request_buffering", "stalls_on", "abort_propagates"), "sse"),
    "a buffer": Trial({"route": STREAMING, "filters": [BUFFER]}, ("response_buffering", "request_buffering", "request_body_limit"), "sse"),
    "a buffer that is off": Trial({"route": STREAMING, "filters": [BUFFER], "around": off("envoy.filters.http.buffer")}, ("request_buffering",), "sse"),
    "a buffer that is off by another name": Trial({"route": STREAMING, "filters": [BUFFER], "around": off("buffer")}, ("request_buffering",), "sse"),
    "a buffer that the host has off and the route on": Trial(
        {
            "route": STREAMING, "filters": [BUFFER], "host": off("envoy.filters.http.buffer"),
            "around": {"typed_per_filter_config": {"envoy.filters.http.buffer": per_route("buffer", "BufferPerRoute", buffer={"max_request_bytes": 1024})}},
        },
        ("request_buffering",), "sse",
    ),
    "a disabled filter that a route switches on": Trial(
        {
            "route": STREAMING, "filters": [{**BUFFER, "disabled": True}],
            "around": {"typed_per_filter_config": {"envoy.filters.http.buffer": {"@type": FILTER_CONFIG, "config": {}}}},
        },
        ("request_buffering",), "sse",
    ),
    "a script that reads answers": Trial(
        {"route": STREAMING, "filters": [lua("function envoy_on_response(h)\n  local b = h:body()\nend")]}, ("response_buffering", "stalls_on", "request_buffering"), "sse",
    ),
    "a script that takes pieces": Trial(
        {"route": STREAMING, "filters": [lua("function envoy_on_response(h)\n  for c in h:bodyChunks() do end\nend")]}, ("response_buffering", "stalls_on"), "sse",
    ),
    "a script that reads requests": Trial(
        {"route": STREAMING, "filters": [lua("function envoy_on_request(h)\n  local b = h:body()\nend")]}, ("response_buffering", "request_buffering"), "sse",
    ),
    "body_size_limit": Trial({"filters": [http_filter("body_size_limit", "BodySizeLimit", max_request_bytes=8192)]}, ("request_body_limit", "request_buffering")),
    # Compression.
    "a compressor leaves events alone": Trial({"route": STREAMING, "filters": [compressor()]}, ("compression", "stalls_on"), "sse"),
    "a compressor of events flushes them": Trial({"route": STREAMING, "filters": [compressor(response_direction_config=EVENTS)]}, ("compression", "stalls_on"), "sse"),
    "a compressor by pattern": Trial(
        {"route": STREAMING, "filters": [compressor(response_direction_config={"common_config": {"content_type_matcher": [{"prefix": "text/"}]}})]}, ("compression",), "sse",
    ),
    "a compressor that the route has off": Trial(
        {
            "route": STREAMING, "filters": [compressor(response_direction_config=EVENTS)],
            "around": {"typed_per_filter_config": {"envoy.filters.http.compressor": per_route("compressor", "CompressorPerRoute", disabled=True)}},
        },
        ("compression",), "sse",
    ),
    "a compressor that keeps Accept-Encoding": Trial(
        {"filters": [compressor(response_direction_config={"remove_accept_encoding_header": True})]}, ("accept_encoding_forwarded",),
    ),
    "a compressor of zstd, for clients that take gzip": Trial(
        {"route": STREAMING, "filters": [compressor("zstd", response_direction_config=EVENTS)]}, ("stalls_on",), "sse",
    ),
    "a cache": Trial({"filters": [http_filter("cache", "CacheConfig", typed_config={"@type": SIMPLE})]}, ("caching",)),
    "a cache that the route has off": Trial(
        {"filters": [http_filter("cache", "CacheConfig", typed_config={"@type": SIMPLE})], "around": off("envoy.filters.http.cache")}, ("caching",),
    ),
    # Versions.
    "clients in clear": Trial({}, ("client_http_versions", "upstream_http_version", "upstream_connection_header", "forwards_x_accel_buffering", "accept_encoding_forwarded")),
    "clients of HTTP/1.1": Trial({"hcm": CODEC}, ("client_http_versions",)),
    "clients of TLS": Trial({"chain": secure("h2", "http/1.1"), "route": STREAMING}, ("client_http_versions", "stalls_on"), "sse", secure=True),
    "clients of TLS without ALPN": Trial({"chain": secure()}, ("client_http_versions",), secure=True),
    "an origin of HTTP/2": Trial({"upstream": TWO}, ("upstream_http_version", "grpc")),
    "an origin of HTTP/2, as of old": Trial({"upstream": {"http2_protocol_options": {}}}, ("upstream_http_version", "grpc")),
    "an origin that speaks as the client": Trial({"upstream": options(use_downstream_protocol_config={"http_protocol_options": {}, "http2_protocol_options": {}})}, ("upstream_http_version",)),
    "gRPC to HTTP/1.1": Trial({}, ("grpc",)),
    "gRPC from HTTP/1.1": Trial({"upstream": TWO, "hcm": CODEC}, ("grpc",)),
    # Retries.
    "no retries": Trial({}, ("retries", "retries_non_idempotent", "error_interception")),
    "retries on 5xx": Trial({"route": {"retry_policy": {"retry_on": "5xx"}}}, ("retries", "retries_non_idempotent")),
    "retries on gateway errors, of the host": Trial({"host": {"retry_policy": {"retry_on": "gateway-error"}}}, ("retries", "retries_non_idempotent")),
    "retries of the host, switched off": Trial({"host": {"retry_policy": {"retry_on": "5xx"}}, "route": {"retry_policy": {}}}, ("retries",)),
    "retries of the cluster, which the route cannot switch off": Trial({"upstream": options(retry_policy={"retry_on": "5xx"}), "route": {"retry_policy": {}}}, ("retries",)),
    "retries of GET alone": Trial(
        {"route": {"retry_policy": {"retry_on": "5xx", "retriable_request_headers": [{"name": ":method", "string_match": {"exact": "GET"}}]}}},
        ("retries", "retries_non_idempotent"),
    ),
    "retries of POST alone": Trial(
        {"route": {"retry_policy": {"retry_on": "5xx", "retriable_request_headers": [{"name": ":method", "string_match": {"prefix": "PO"}}]}}},
        ("retries", "retries_non_idempotent"),
    ),
    "retries on reset": Trial({"route": {"retry_policy": {"retry_on": "reset"}}}, ("retries", "retries_non_idempotent")),
    "retries while nobody has seen it": Trial({"route": {"retry_policy": {"retry_on": "connect-failure,refused-stream,reset-before-request"}}}, ("retries",)),
    "retries on a word that nobody knows": Trial({"route": {"retry_policy": {"retry_on": "whenever"}}}, ("retries",)),
    "retries, none of them": Trial({"route": {"retry_policy": {"retry_on": "5xx", "num_retries": 0}}}, ("retries",)),
    # Logs, headers, affinity, limits.
    "no log": Trial({}, ("query_logged",)),
    "the default log": Trial({"hcm": log(None)}, ("query_logged",)),
    "a log of the path": Trial({"hcm": log("%REQ(:PATH)%")}, ("query_logged",)),
    "a log of the path without its query": Trial({"hcm": log("%PATH(NQ:ORIG_OR_PATH)% %REQ(USER-AGENT)%")}, ("query_logged",)),
    "a log of the path by its name": Trial({"hcm": log("%PATH%")}, ("query_logged",)),
    "Accept-Encoding taken away": Trial({"around": {"request_headers_to_remove": ["accept-encoding"]}}, ("accept_encoding_forwarded",)),
    "X-Accel-Buffering taken away": Trial({"host": {"response_headers_to_remove": ["x-accel-buffering"]}}, ("forwards_x_accel_buffering",)),
    "turns": Trial({"clusters": servers()}, ("session_affinity",)),
    "a hash policy that nobody heeds": Trial({"clusters": servers(), "route": {"hash_policy": COOKIE}}, ("session_affinity",)),
    "a hash of a cookie": Trial({"clusters": servers(lb_policy="RING_HASH"), "route": {"hash_policy": COOKIE}}, ("session_affinity",)),
    "a hash of a header": Trial({"clusters": servers(lb_policy="MAGLEV"), "route": {"hash_policy": [{"header": {"header_name": "x-session"}}]}}, ("session_affinity",)),
    "a hash of the address": Trial(
        {"clusters": servers(lb_policy="RING_HASH"), "route": {"hash_policy": [{"connection_properties": {"source_ip": True}}]}}, ("session_affinity",),
    ),
    "a hash of an argument": Trial({"clusters": servers(lb_policy="RING_HASH"), "route": {"hash_policy": [{"query_parameter": {"name": "room"}}]}}, ("session_affinity",)),
    "streams by requests": Trial({"route": STREAMING, "upstream": {"circuit_breakers": BREAKERS}}, ("max_streams",), "sse"),
    "streams by connections": Trial({"route": STREAMING, "upstream": {"circuit_breakers": {"thresholds": [{"max_connections": 3}]}}}, ("max_streams",), "sse"),
    "streams of another priority": Trial({"route": {**STREAMING, "priority": "HIGH"}, "upstream": {"circuit_breakers": BREAKERS}}, ("max_streams",), "sse"),
}  # fmt: skip


CACHES = {
    "cache": http_filter("cache", "CacheConfig", typed_config={"@type": SIMPLE}),
    "cache_v2": http_filter(
        "cache_v2",
        "CacheV2Config",
        typed_config={
            "@type": SIMPLE.replace("cache.simple", "cache_v2.simple").replace("CacheConfig", "CacheV2Config")
        },
    ),
}
PAST: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "the route's timeout, and its retries": (
        {"route": {"timeout": "1s", "retry_policy": {"retry_on": "5xx,reset", "per_try_idle_timeout": "1s"}}},
        ("total_timeout", "upstream_idle_timeout", "retries"),
    ),
    "retries of the virtual host": ({"host": {"retry_policy": {"retry_on": "5xx,reset"}}}, ("retries",)),
    "not past those of the cluster": ({"upstream": options(retry_policy={"retry_on": "5xx,reset"})}, ("retries",)),
    "headers that are taken away": (
        {
            "around": {
                "request_headers_to_remove": ["accept-encoding"],
                "response_headers_to_remove": ["x-accel-buffering"],
            }
        },
        ("accept_encoding_forwarded", "forwards_x_accel_buffering"),
    ),
    "a hash": ({"clusters": servers(lb_policy="RING_HASH"), "route": {"hash_policy": COOKIE}}, ("session_affinity",)),
    "not past a hash of the cluster": (
        {"clusters": servers(lb_policy="RING_HASH", **options(hash_policy=COOKIE))},
        ("session_affinity",),
    ),
    "not past the route's idle timer": (
        {"route": {"timeout": "1s", "idle_timeout": "2s"}},
        ("upstream_idle_timeout", "total_timeout", "send_timeout"),
    ),
    "not past the longest life of a stream": (
        {"route": {"timeout": "1s", "max_stream_duration": {"max_stream_duration": "2s"}}},
        ("total_timeout",),
    ),
    "not past the cluster's": (
        {"route": {"timeout": "1s"}, "upstream": options(common_http_protocol_options={"max_stream_duration": "2s"})},
        ("total_timeout",),
    ),
    "the client's version": (
        {
            "upstream": options(use_downstream_protocol_config={"http2_protocol_options": {}}),
            "hcm": {"codec_type": "HTTP2"},
        },
        ("upstream_http_version",),
    ),
    "a priority": ({"route": {"priority": "HIGH"}, "upstream": {"circuit_breakers": BREAKERS}}, ("max_streams",)),
    "a plain route": ({}, ("caching", "abort_propagates", "response_buffering")),
}
BEHIND: dict[str, tuple[Data, tuple[str, ...]]] = {
    "a compressor": (compressor(response_direction_config=EVENTS), ("compression", "accept_encoding_forwarded")),
    "a script": (
        lua("function envoy_on_request(handle)\n  handle:headers():remove('accept-encoding')\nend\nfunction envoy_on_response(handle)\n  handle:body()\nend"),
        ("response_buffering", "accept_encoding_forwarded"),
    ),
    "headers": (
        http_filter("header_mutation", "HeaderMutation", mutations={"request_mutations": [{"remove": "accept-encoding"}], "response_mutations": [{"remove": "x-accel-buffering"}]}),
        ("accept_encoding_forwarded", "forwards_x_accel_buffering"),
    ),
}  # fmt: skip
for _kind, _cache in CACHES.items():
    TRIALS |= {
        f"{_kind} past {name}": Trial({**how, "filters": [_cache]}, measure, "sse", detoured=True)
        for name, (how, measure) in PAST.items()
    }
    TRIALS |= {
        f"{_kind} before {name}": Trial({"filters": [_cache, behind]}, measure, "sse", detoured=True)
        for name, (behind, measure) in BEHIND.items()
    }
    TRIALS |= {
        f"{_kind} behind {name}": Trial({"filters": [behind, _cache]}, measure, "sse", detoured=True)
        for name, (behind, measure) in BEHIND.items()
    }


def predicted(trial: Trial, text: str) -> Behavior:
    """What proxycfg says of the one route of a config, or of those of its requests alone that go past it."""
    if not trial.detoured:
        (route,) = routes_of(text, protocol=trial.protocol or None)
        return route.reading.behavior
    world = read_world(config_of(text))
    (place,) = Reader(world, "1.40").places(next(world.routes()), trial.protocol)
    assert place.detour is not None
    return Behavior(**{name: function(place.detour)[0] for name, function in PROPERTIES})


@pytest.fixture(scope="module")
def checks(proxies: Proxies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, list[Check]]]:
    """Every config measured, all at once."""
    folder = tmp_path_factory.mktemp("envoy-reading")
    folder.chmod(0o755)
    authority = make_authority(folder)
    authority.key.chmod(0o644)
    origin, blackhole, control, *ports = free_ports(3 + len(TRIALS))
    place = Place(origin, blackhole, control, tuple(ports), str(authority.cert), str(authority.key))
    configs = {name: settled(trial.how, number, place) for number, (name, trial) in enumerate(TRIALS.items())}
    (folder / "envoy.json").write_text(json.dumps(together(list(configs.values()), place)))

    async def all_of_them(proxy: RunningProxy) -> dict[str, list[Check]]:
        behind = Origin(place.origin)
        await behind.open()
        hole = Blackhole(place.blackhole)
        bench = EnvoyBench(behind, {port: port for port in ports}, place.control, lambda: [proxy.logs()])
        await bench.open()
        gate = asyncio.Semaphore(24)

        async def one(name: str, number: int) -> tuple[str, list[Check]]:
            trial = TRIALS[name]
            async with gate:
                behavior = predicted(trial, json.dumps(configs[name], indent=2))
                return name, await examine(bench, trial, ports[number], behavior)

        try:
            return dict(await asyncio.gather(*(one(name, number) for number, name in enumerate(TRIALS))))
        finally:
            bench.close()
            hole.close()
            await behind.close()

    with proxies.scope() as start:
        yield asyncio.run(all_of_them(start(ENVOY[-1], folder, ready_port=control)))


@pytest.mark.xdist_group("envoy-reading")
@pytest.mark.parametrize("name", TRIALS)
def test_envoy_does_what_is_read(name: str, checks: Mapping[str, list[Check]]) -> None:
    """Every property that the config is about."""
    wrong = [check for check in checks[name] if not check.agrees]

    assert wrong == []
