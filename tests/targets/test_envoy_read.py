"""What is read out of Envoy's fields: each property, by the field that decides it, its absence and its zero."""

from __future__ import annotations

from typing import Any

import pytest

from proxycfg.behavior import ANYTHING
from tests.targets.envoy_configs import (
    FILTER_CONFIG,
    TLS,
    TWO,
    WEBSOCKET,
    bootstrap,
    cluster,
    explained,
    http_filter,
    options,
    per_route,
    routes_of,
    value,
)

BUFFER = http_filter("buffer", "Buffer", max_request_bytes=1000)
GZIP = http_filter(
    "compressor",
    "Compressor",
    compressor_library={
        "name": "gzip",
        "typed_config": {"@type": "x/envoy.extensions.compression.gzip.compressor.v3.Gzip"},
    },
)
ZSTD = {"name": "zstd", "typed_config": {"@type": "x/envoy.extensions.compression.zstd.compressor.v3.Zstd"}}
EVENTS = {"common_config": {"content_type": ["text/event-stream"]}}
EVENTS_OFF = {"common_config": {**EVENTS["common_config"], "enabled": {"default_value": False, "runtime_key": "off"}}}
TAKES_EVENTS = http_filter("compressor", "Compressor", **{**GZIP["typed_config"], "response_direction_config": EVENTS})
OPEN = {"between": [False, True]}
SECURE = {
    "transport_socket": {
        "name": "tls",
        "typed_config": {"@type": TLS, "common_tls_context": {"alpn_protocols": ["h2,http/1.1"]}},
    }
}
NO_ALPN = {"transport_socket": {"name": "tls", "typed_config": {"@type": TLS, "common_tls_context": {}}}}
SERVERS = {
    "endpoints": [
        {
            "lb_endpoints": [
                {"endpoint": {"address": {"socket_address": {"address": f"127.0.0.{at}", "port_value": 80}}}}
                for at in (2, 3)
            ]
        }
    ]
}
GET: list[dict[str, Any]] = [{"name": ":method", "string_match": {"exact": "GET"}}]
COOKIE: list[dict[str, Any]] = [{"cookie": {"name": "sid", "ttl": "0s"}}]


def lua(code: str) -> dict[str, Any]:
    """A filter with a script."""
    return http_filter("lua", "Lua", default_source_code={"inline_string": code})


def log(**fields: Any) -> dict[str, Any]:
    """A connection manager with an access log."""
    typed = {"@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", **fields}
    return {"access_log": [{"name": "stdout", "typed_config": typed}]}


def form(text: str) -> dict[str, Any]:
    """A connection manager whose log has a format."""
    return log(log_format={"text_format_source": {"inline_string": text}})


CASES: dict[str, tuple[dict[str, Any], str, str | None, object]] = {
    # Timers: absent, zero, a value; the route's before the connection manager's.
    "no timeout": ({}, "total_timeout", "sse", 15),
    "timeout 0": ({"route": {"timeout": "0s"}}, "total_timeout", "sse", None),
    "timeout of less than a millisecond": ({"route": {"timeout": "0.0005s"}}, "total_timeout", "sse", None),
    "timeout": ({"route": {"timeout": "2.5s"}}, "total_timeout", "sse", 2.5),
    "timeout as seconds and nanos": ({"route": {"timeout": {"seconds": 2, "nanos": 500000000}}}, "total_timeout", "sse", 2.5),
    "timeout and a WebSocket": ({"route": {"timeout": "2s"}}, "total_timeout", "websocket", None),
    "an empty max_stream_duration": ({"route": {"timeout": "2s", "max_stream_duration": {}}}, "total_timeout", "sse", None),
    "max_stream_duration of the route": ({"route": {"max_stream_duration": {"max_stream_duration": "9s"}}}, "total_timeout", "sse", 9),
    "max_stream_duration of the connection manager": (
        {"route": {"timeout": "0s"}, "hcm": {"common_http_protocol_options": {"max_stream_duration": "7s"}}}, "total_timeout", "sse", 7,
    ),
    "max_stream_duration lifted by the route": (
        {"route": {"max_stream_duration": {"max_stream_duration": "0s"}}, "hcm": {"common_http_protocol_options": {"max_stream_duration": "7s"}}},
        "total_timeout", "sse", None,
    ),
    "max_stream_duration of the cluster, which the route cannot lift": (
        {"route": {"max_stream_duration": {"max_stream_duration": "0s"}}, "upstream": options(common_http_protocol_options={"max_stream_duration": "5s"})},
        "total_timeout", "sse", 5,
    ),
    "max_stream_duration and a WebSocket": (
        {"hcm": {"common_http_protocol_options": {"max_stream_duration": "7s"}}}, "total_timeout", "websocket", 7,
    ),
    "max_grpc_timeout": ({"route": {"max_grpc_timeout": "0s"}}, "total_timeout", "grpc", None),
    "request_timeout and an upload": (
        {"route": {"timeout": "0s"}, "hcm": {"request_timeout": "5s"}}, "total_timeout", "grpc", {"between": [5, None]},
    ),
    "request_timeout and events": ({"route": {"timeout": "0s"}, "hcm": {"request_timeout": "5s"}}, "total_timeout", "sse", None),
    "idle of QUIC": (
        {"hcm": {"codec_type": "HTTP3", "stream_idle_timeout": "0s"}, "listener": {"udp_listener_config": {"quic_options": {}}}},
        "upstream_idle_timeout", None, {"between": [300, None]},
    ),
    "idle of QUIC, kept awake": (
        {
            "hcm": {"codec_type": "HTTP3", "stream_idle_timeout": "0s"},
            "listener": {"udp_listener_config": {"quic_options": {"quic_protocol_options": {"connection_keepalive": {"max_interval": "30s"}}}}},
        },
        "upstream_idle_timeout", None, None,
    ),
    "idle by default": ({}, "upstream_idle_timeout", None, 300),
    "idle of the connection manager": ({"hcm": {"stream_idle_timeout": "2s"}}, "client_idle_timeout", None, 2),
    "idle off in the connection manager": ({"hcm": {"stream_idle_timeout": "0s"}}, "upstream_idle_timeout", None, None),
    "idle off in the route": ({"hcm": {"stream_idle_timeout": "2s"}, "route": {"idle_timeout": "0s"}}, "upstream_idle_timeout", None, None),
    "idle of the route over none": ({"hcm": {"stream_idle_timeout": "0s"}, "route": {"idle_timeout": "3s"}}, "upstream_idle_timeout", None, 3),
    "idle of an attempt": ({"route": {"retry_policy": {"per_try_idle_timeout": "4s"}}}, "upstream_idle_timeout", "sse", 4),
    "idle of an attempt whose time is over before": (
        {"route": {"retry_policy": {"per_try_idle_timeout": "4s", "per_try_timeout": "3s"}}}, "upstream_idle_timeout", "sse", 300,
    ),
    "idle of an attempt whose time is over later": (
        {"route": {"retry_policy": {"per_try_idle_timeout": "4s", "per_try_timeout": "5s"}}}, "upstream_idle_timeout", "sse", {"between": [4, 300]},
    ),
    # The timer of an attempt's beginning takes the idle one away, though the answer goes on; one as long as the route's timeout is not set.
    "idle of an attempt that may take as long": (
        {"route": {"timeout": "0s", "retry_policy": {"per_try_timeout": "4s", "per_try_idle_timeout": "4s"}}}, "upstream_idle_timeout", "sse", 300,
    ),
    "idle of an attempt that may take longer": (
        {"route": {"timeout": "0s", "retry_policy": {"per_try_timeout": "9s", "per_try_idle_timeout": "4s"}}}, "upstream_idle_timeout", "sse", {"between": [4, 300]},
    ),
    "idle of an attempt that may take as long as the route": (
        {"route": {"timeout": "9s", "retry_policy": {"per_try_timeout": "9s", "per_try_idle_timeout": "4s"}}}, "upstream_idle_timeout", "sse", 4,
    ),
    "idle of an attempt that may take longer than the default": (
        {"route": {"retry_policy": {"per_try_timeout": "20s", "per_try_idle_timeout": "4s"}}}, "upstream_idle_timeout", "sse", 4,
    ),
    "idle of an attempt, and a poll": (
        {"route": {"timeout": "0s", "retry_policy": {"per_try_timeout": "9s", "per_try_idle_timeout": "4s"}}}, "upstream_idle_timeout", "long-poll", 4,
    ),
    "idle of an attempt whose route's timeout the client says": (
        {"route": {"max_grpc_timeout": "0s", "retry_policy": {"per_try_timeout": "4s", "per_try_idle_timeout": "4s"}}},
        "upstream_idle_timeout", "grpc", {"between": [4, 300]},
    ),
    "idle of an attempt, by the cluster": ({"upstream": options(retry_policy={"retry_on": "5xx", "per_try_idle_timeout": "4s"})}, "upstream_idle_timeout", "sse", 300),
    "idle of an attempt, by both": (
        {"route": {"retry_policy": {"per_try_idle_timeout": "9s"}}, "upstream": options(retry_policy={"retry_on": "5xx", "per_try_idle_timeout": "4s"})},
        "upstream_idle_timeout", "sse", 9,
    ),
    "idle of an attempt and a WebSocket": ({"route": {"retry_policy": {"per_try_idle_timeout": "4s"}}}, "upstream_idle_timeout", "websocket", 300),
    "timeout of an attempt and a poll": ({"route": {"retry_policy": {"per_try_timeout": "4s"}}}, "upstream_idle_timeout", "long-poll", 4),
    "timeout of an attempt and events": ({"route": {"retry_policy": {"per_try_timeout": "4s"}}}, "upstream_idle_timeout", "sse", 300),
    "idle connections": (
        {"hcm": {"common_http_protocol_options": {"idle_timeout": "1s", "max_connection_duration": "1s"}}}, "upstream_idle_timeout", None, 300,
    ),
    "connect by default": ({}, "connect_timeout", None, 5),
    "connect": ({"upstream": {"connect_timeout": "0.25s"}}, "connect_timeout", None, 0.25),
    "who stops reading": ({}, "send_timeout", None, 300),
    "who stops reading, and the idle timer of an attempt": ({"route": {"retry_policy": {"per_try_idle_timeout": "4s"}}}, "send_timeout", "sse", 4),
    "who stops reading over HTTP/1.1": (
        {"listener": {"per_connection_buffer_high_watermark_timeout": "60s"}, "hcm": {"codec_type": "HTTP1"}}, "send_timeout", None, 60,
    ),
    "who stops reading over either": (
        {"listener": {"per_connection_buffer_high_watermark_timeout": "60s"}}, "send_timeout", None, {"between": [60, 300]},
    ),
    # Bodies.
    "plain": ({}, "response_buffering", None, False),
    "buffer": ({"filters": [BUFFER]}, "request_buffering", None, True),
    "buffer's limit": ({"filters": [BUFFER]}, "request_body_limit", None, 1000),
    "buffer and responses": ({"filters": [BUFFER]}, "response_buffering", None, False),
    "buffer, off for the route": (
        {"filters": [BUFFER], "around": {"typed_per_filter_config": {"envoy.filters.http.buffer": per_route("buffer", "BufferPerRoute", disabled=True)}}},
        "request_buffering", None, False,
    ),
    "buffer, off by another name": (
        {"filters": [BUFFER], "around": {"typed_per_filter_config": {"buffer": per_route("buffer", "BufferPerRoute", disabled=True)}}},
        "request_buffering", None, True,
    ),
    "buffer, off for the host and on again for the route": (
        {
            "filters": [BUFFER],
            "host": {"typed_per_filter_config": {"envoy.filters.http.buffer": {"@type": FILTER_CONFIG, "disabled": True}}},
            "around": {"typed_per_filter_config": {"envoy.filters.http.buffer": per_route("buffer", "BufferPerRoute", buffer={"max_request_bytes": 7})}},
        },
        "request_body_limit", None, 7,
    ),
    "a disabled filter": ({"filters": [{**BUFFER, "disabled": True}]}, "request_buffering", None, False),
    "a disabled filter, on for the route": (
        {
            "filters": [{**BUFFER, "disabled": True}],
            "around": {"typed_per_filter_config": {"envoy.filters.http.buffer": {"@type": FILTER_CONFIG, "config": {}}}},
        },
        "request_buffering", None, True,
    ),
    "buffer, not in the chain of upgrades": (
        {"filters": [BUFFER], "hcm": {"upgrade_configs": [{"upgrade_type": "websocket", "filters": [http_filter("router", "Router")]}]}}, "upgrade", None, True,
    ),
    "buffer and a handshake": ({"filters": [BUFFER], "hcm": {"upgrade_configs": WEBSOCKET}}, "upgrade", None, False),
    "body_size_limit": ({"filters": [http_filter("body_size_limit", "BodySizeLimit", max_request_bytes="2048")]}, "request_body_limit", None, 2048),
    "ext_proc that streams": (
        {"filters": [http_filter("ext_proc", "ExternalProcessor", processing_mode={"response_body_mode": "STREAMED"})]}, "response_buffering", None, False,
    ),
    "ext_proc that buffers": (
        {"filters": [http_filter("ext_proc", "ExternalProcessor", processing_mode={"response_body_mode": "BUFFERED"})]}, "response_buffering", None, True,
    ),
    "ext_proc that observes": (
        {"filters": [http_filter("ext_proc", "ExternalProcessor", observability_mode=True, processing_mode={"response_body_mode": "BUFFERED"})]},
        "response_buffering", None, False,
    ),
    "ext_proc, another mode for the route": (
        {
            "filters": [http_filter("ext_proc", "ExternalProcessor", processing_mode={"response_body_mode": "BUFFERED"})],
            "around": {"typed_per_filter_config": {"envoy.filters.http.ext_proc": per_route("ext_proc", "ExtProcPerRoute", overrides={"processing_mode": {}})}},
        },
        "response_buffering", None, False,
    ),
    "ext_authz": ({"filters": [http_filter("ext_authz", "ExtAuthz")]}, "request_buffering", None, False),
    "ext_authz with the body": (
        {"filters": [http_filter("ext_authz", "ExtAuthz", with_request_body={"max_request_bytes": 1024})]}, "request_body_limit", None, 1024,
    ),
    "ext_authz with a part of the body": (
        {"filters": [http_filter("ext_authz", "ExtAuthz", with_request_body={"max_request_bytes": 1024, "allow_partial_message": True})]},
        "request_body_limit", None, None,
    ),
    "a script that reads answers whole": ({"filters": [lua("function envoy_on_response(h)\n  local b = h:body()\nend")]}, "response_buffering", None, True),
    "a script that may": ({"filters": [lua("function envoy_on_response(h)\n  if h then h:body() end\nend")]}, "response_buffering", None, OPEN),
    "a script that only says so": ({"filters": [lua("function envoy_on_response(h)\n  -- h:body()\nend")]}, "response_buffering", None, False),
    "a script that takes pieces": ({"filters": [lua("function envoy_on_response(h)\n  for c in h:bodyChunks() do end\nend")]}, "response_buffering", None, False),
    "a script that reads requests whole": ({"filters": [lua("function envoy_on_request(h)\n  local b = h:body()\nend")]}, "request_buffering", None, True),
    "a filter that nobody knows": ({"filters": [http_filter("acme", "Thing")]}, "response_buffering", None, OPEN),
    "wasm": ({"filters": [http_filter("wasm", "Wasm")]}, "request_buffering", None, OPEN),
    "cache": ({"filters": [http_filter("cache", "CacheConfig")]}, "caching", None, True),
    "cache that is switched off": ({"filters": [http_filter("cache", "CacheConfig", disabled=True)]}, "caching", None, False),
    # A cache sends GET and HEAD to the cluster past the route, and lets the others pass.
    "cache and the timeout": ({"filters": [http_filter("cache", "CacheConfig")]}, "total_timeout", "sse", {"between": [15, None]}),
    "cache and a timeout that is off": ({"filters": [http_filter("cache_v2", "CacheV2Config")], "route": {"timeout": "0s"}}, "total_timeout", "sse", None),
    "cache and the idle timer": ({"filters": [http_filter("cache", "CacheConfig")], "route": {"idle_timeout": "9s"}}, "upstream_idle_timeout", "sse", 9),
    "cache and gRPC": ({"filters": [http_filter("cache", "CacheConfig")]}, "total_timeout", "grpc", 15),
    "cache and a WebSocket": ({"filters": [http_filter("cache", "CacheConfig")], "route": {"hash_policy": COOKIE}, "upstream": {"lb_policy": "MAGLEV"}}, "session_affinity", "websocket", "cookie"),
    "cache and POST alone": (
        {"filters": [http_filter("cache", "CacheConfig")], "match": {"prefix": "/", "headers": [{"name": ":method", "string_match": {"exact": "POST"}}]}},
        "total_timeout", "sse", 15,
    ),
    "cache and retries": ({"filters": [http_filter("cache", "CacheConfig")], "host": {"retry_policy": {"retry_on": "5xx"}}}, "retries", "sse", OPEN),
    "cache and retries of a POST": (
        {"filters": [http_filter("cache", "CacheConfig")], "host": {"retry_policy": {"retry_on": "5xx"}}}, "retries_non_idempotent", "sse", True,
    ),
    "cache and who leaves": ({"filters": [http_filter("cache", "CacheConfig")]}, "abort_propagates", "sse", OPEN),
    "compressors that both take it": ({"filters": [TAKES_EVENTS, TAKES_EVENTS]}, "compression", "sse", True),
    "compressors of which one takes it": ({"filters": [TAKES_EVENTS, GZIP]}, "compression", "sse", OPEN),
    "streams of each server by chance": (
        {"upstream": {"lb_policy": "RANDOM", "load_assignment": SERVERS, "circuit_breakers": {"per_host_thresholds": [{"max_connections": 20}]}}},
        "max_streams", "sse", {"between": [20, 40]},
    ),
    "streams of each server in turn": (
        {"upstream": {"load_assignment": SERVERS, "circuit_breakers": {"per_host_thresholds": [{"max_connections": 20}]}}}, "max_streams", "sse", 40,
    ),
    "cache before a compressor": ({"filters": [http_filter("cache", "CacheConfig"), TAKES_EVENTS]}, "compression", "sse", OPEN),
    "cache behind a compressor": ({"filters": [TAKES_EVENTS, http_filter("cache", "CacheConfig")]}, "compression", "sse", True),
    # Compression.
    "compressor and events": ({"filters": [GZIP]}, "compression", "sse", False),
    "compressor and ordinary answers": ({"filters": [GZIP]}, "compression", "http", OPEN),
    "compressor of events": (
        {"filters": [http_filter("compressor", "Compressor", response_direction_config=EVENTS)]}, "compression", "sse", True,
    ),
    "compressor by pattern": (
        {"filters": [http_filter("compressor", "Compressor", response_direction_config={"common_config": {"content_type_matcher": [{"prefix": "text/"}]}})]},
        "compression", "sse", True,
    ),
    "compressor, off for the route": (
        {
            "filters": [http_filter("compressor", "Compressor", response_direction_config=EVENTS)],
            "around": {"typed_per_filter_config": {"envoy.filters.http.compressor": per_route("compressor", "CompressorPerRoute", disabled=True)}},
        },
        "compression", "sse", False,
    ),
    "compressor of events, flowing": ({"filters": [http_filter("compressor", "Compressor", response_direction_config=EVENTS)]}, "stalls_on", "sse", []),
    "zstd of events": (
        {"filters": [http_filter("compressor", "Compressor", response_direction_config=EVENTS, compressor_library=ZSTD)]},
        "stalls_on", "sse", {"between": [[], ["2", "http/1.1"]]},
    ),
    "upgrade behind a script that reads answers": (
        {"hcm": {"upgrade_configs": WEBSOCKET}, "filters": [lua("function envoy_on_response(h)\n  local b = h:body()\nend")]}, "upgrade", None, False,
    ),
    "compressor that is off and keeps no header": (
        {"filters": [http_filter("compressor", "Compressor", response_direction_config={**EVENTS_OFF, "remove_accept_encoding_header": True})]},
        "accept_encoding_forwarded", None, True,
    ),
    "compressor that is off": (
        {"filters": [http_filter("compressor", "Compressor", response_direction_config=EVENTS_OFF)]}, "compression", "sse", False,
    ),
    "compressor that is off, and that a route switches on": (
        {
            "filters": [http_filter("compressor", "Compressor", response_direction_config=EVENTS_OFF)],
            "around": {"typed_per_filter_config": {
                "envoy.filters.http.compressor": per_route("compressor", "CompressorPerRoute", overrides={"response_direction_config": {}}),
            }},
        },
        "compression", "sse", True,
    ),
    "compressor that keeps Accept-Encoding": (
        {"filters": [http_filter("compressor", "Compressor", response_direction_config={"remove_accept_encoding_header": True})]},
        "accept_encoding_forwarded", None, False,
    ),
    # Versions, upgrades, gRPC.
    "clients in clear": ({}, "client_http_versions", None, ["1.1", "2"]),
    "clients of TLS": ({"chain": SECURE}, "client_http_versions", None, ["1.1", "2"]),
    "clients of TLS without ALPN": ({"chain": NO_ALPN}, "client_http_versions", None, ["1.1"]),
    "clients by codec": ({"hcm": {"codec_type": "HTTP2"}}, "client_http_versions", None, ["2"]),
    "origin by default": ({}, "upstream_http_version", None, "1.1"),
    "origin of HTTP/2": ({"upstream": TWO}, "upstream_http_version", None, "2"),
    "origin of HTTP/2, as of old": ({"upstream": {"http2_protocol_options": {}}}, "upstream_http_version", None, "2"),
    "origin as the client": ({"upstream": options(use_downstream_protocol_config={})}, "upstream_http_version", None, {"between": ["1.1", "2"]}),
    "origin by ALPN": ({"upstream": options(auto_config={})}, "upstream_http_version", None, {"between": ["1.1", "2"]}),
    "no upgrade": ({}, "upgrade", None, False),
    "upgrade of the connection manager": ({"hcm": {"upgrade_configs": WEBSOCKET}}, "upgrade", None, True),
    "upgrade of the route alone": ({"route": {"upgrade_configs": [{"upgrade_type": "WebSocket"}]}}, "upgrade", None, True),
    "upgrade off in the route": ({"hcm": {"upgrade_configs": WEBSOCKET}, "route": {"upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}]}}, "upgrade", None, False),
    "upgrade to HTTP/2": ({"hcm": {"upgrade_configs": WEBSOCKET}, "upstream": TWO}, "upgrade", None, OPEN),
    "upgrade over HTTP/2 alone": ({"hcm": {"upgrade_configs": WEBSOCKET, "codec_type": "HTTP2"}}, "upgrade", None, False),
    "grpc": ({"upstream": TWO}, "grpc", None, True),
    "grpc to HTTP/1.1": ({}, "grpc", None, False),
    "grpc from HTTP/1.1": ({"upstream": TWO, "hcm": {"codec_type": "HTTP1"}}, "grpc", None, False),
    # Retries.
    "no retries": ({}, "retries", None, False),
    "retries on 5xx": ({"route": {"retry_policy": {"retry_on": "5xx"}}}, "retries_non_idempotent", None, True),
    "retries before anybody saw it": ({"route": {"retry_policy": {"retry_on": "connect-failure,refused-stream,reset-before-request"}}}, "retries", None, False),
    "retries of the host": ({"host": {"retry_policy": {"retry_on": "gateway-error"}}}, "retries", None, True),
    "retries of the host, switched off": ({"host": {"retry_policy": {"retry_on": "gateway-error"}}, "route": {"retry_policy": {}}}, "retries", None, False),
    "retries of the cluster": ({"upstream": options(retry_policy={"retry_on": "reset"}), "route": {"retry_policy": {}}}, "retries", None, True),
    "retries by a word that nobody knows": ({"route": {"retry_policy": {"retry_on": "whenever"}}}, "retries", None, False),
    "no number of retries": ({"route": {"retry_policy": {"retry_on": "5xx", "num_retries": 0}}}, "retries", None, False),
    "retries by codes": ({"route": {"retry_policy": {"retry_on": "retriable-status-codes", "retriable_status_codes": [503]}}}, "retries", None, True),
    "retries by no codes": ({"route": {"retry_policy": {"retry_on": "retriable-status-codes"}}}, "retries", None, False),
    "retries of gRPC": ({"route": {"retry_policy": {"retry_on": "unavailable"}}}, "retries", "grpc", True),
    "retries of GET alone": ({"route": {"retry_policy": {"retry_on": "5xx", "retriable_request_headers": GET}}}, "retries", None, True),
    "retries of GET alone, and a POST": ({"route": {"retry_policy": {"retry_on": "5xx", "retriable_request_headers": GET}}}, "retries_non_idempotent", None, False),
    "retries of GET, or by a header": (
        {"route": {"retry_policy": {"retry_on": "5xx", "retriable_request_headers": [*GET, {"name": "x-again", "present_match": True}]}}},
        "retries_non_idempotent", None, OPEN,
    ),
    "retries of GET that answers with a header": (
        {"route": {"retry_policy": {"retry_on": "retriable-headers", "retriable_headers": [{"name": "x-again"}], "retriable_request_headers": GET}}},
        "retries_non_idempotent", None, False,
    ),
    "retries of gRPC, of events": ({"route": {"retry_policy": {"retry_on": "unavailable"}}}, "retries", "sse", False),
    # Affinity, logs, headers, limits.
    "hash without a hashing policy": ({"route": {"hash_policy": COOKIE}}, "session_affinity", None, "none"),
    "hash by cookie": ({"route": {"hash_policy": COOKIE}, "upstream": {"lb_policy": "RING_HASH"}}, "session_affinity", None, "cookie"),
    "hash by address": (
        {"route": {"hash_policy": [{"connection_properties": {"source_ip": True}}]}, "upstream": {"lb_policy": "maglev"}}, "session_affinity", None, "ip",
    ),
    "hash by several": (
        {"route": {"hash_policy": [*COOKIE, {"header": {"header_name": "x"}}]}, "upstream": {"lb_policy": "RING_HASH"}}, "session_affinity", None,
        {"between": ["", ANYTHING]},
    ),
    "stateful session": (
        {"filters": [http_filter("stateful_session", "StatefulSession", session_state={"name": "c", "typed_config": {"@type": "x/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState"}})]},
        "session_affinity", None, "cookie",
    ),
    "no log": ({}, "query_logged", None, False),
    "the default format": ({"hcm": log()}, "query_logged", None, True),
    "the path": ({"hcm": form("%REQ(:PATH)%")}, "query_logged", None, True),
    "the path it was rewritten from": ({"hcm": form("%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):50%")}, "query_logged", None, True),
    "the path without its query": ({"hcm": form("%PATH(NQ:ORIG_OR_PATH)%")}, "query_logged", None, False),
    "the path with its query": ({"hcm": form("%PATH(WQ)%")}, "query_logged", None, True),
    "other things": ({"hcm": form("%REQ(USER-AGENT)% %RESPONSE_CODE%")}, "query_logged", None, False),
    "Accept-Encoding taken away": ({"around": {"request_headers_to_remove": ["Accept-Encoding"]}}, "accept_encoding_forwarded", None, False),
    "Accept-Encoding taken away by the host": ({"host": {"request_headers_to_remove": ["accept-encoding"]}}, "accept_encoding_forwarded", None, False),
    "X-Accel-Buffering taken away": ({"table": {"response_headers_to_remove": ["x-accel-buffering"]}}, "forwards_x_accel_buffering", None, False),
    "streams by default": ({}, "max_streams", None, 1024),
    "streams": ({"upstream": {"circuit_breakers": {"thresholds": [{"max_requests": 5, "max_connections": 9}]}}}, "max_streams", None, 5),
    "streams by connections": ({"upstream": {"circuit_breakers": {"thresholds": [{"max_requests": 50, "max_connections": 9}]}}}, "max_streams", None, 9),
    "streams by connections of HTTP/2": (
        {"upstream": {**TWO, "circuit_breakers": {"thresholds": [{"max_requests": 50, "max_connections": 9}]}}}, "max_streams", None, 50,
    ),
    "streams of another priority": (
        {"route": {"priority": "HIGH"}, "upstream": {"circuit_breakers": {"thresholds": [{"max_requests": 5}]}}}, "max_streams", None, 1024,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_property_is_what_the_fields_say(name: str) -> None:
    """The value, absent fields and zeros told apart."""
    how, of, protocol, expected = CASES[name]

    assert value(bootstrap(**how), of, protocol) == expected


@pytest.mark.parametrize("name", CASES)
def test_evidence_has_a_place_or_is_a_default(name: str) -> None:
    """Every property of every case says what decides it."""
    how, _, protocol, _ = CASES[name]
    (route,) = routes_of(bootstrap(**how), protocol=protocol)

    for evidence in route.reading.evidence.values():
        assert evidence.text
        assert (evidence.kind == "default") == (evidence.span is None)


def test_a_weighted_route_may_go_to_either_cluster() -> None:
    """What differs between its clusters is a range."""
    shares = {"clusters": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]}
    routes = [{"match": {"prefix": "/"}, "route": {"weighted_clusters": shares}}]
    data = bootstrap(routes=routes, clusters=[cluster("a", connect_timeout="1s"), cluster("b", connect_timeout="2s")])

    assert value(data, "connect_timeout") == {"between": [1, 2]}


@pytest.mark.parametrize(
    ("how", "answer"),
    [
        ({"host": {"require_tls": "EXTERNAL_ONLY"}}, "301 (require_tls: EXTERNAL_ONLY)"),
        ({"host": {"require_tls": "ALL"}}, "301 (require_tls: ALL)"),
        ({"host": {"require_tls": "NONE"}}, ""),
        # Before anybody asks for whom the path is.
        ({"host": {"domains": ["other.test"]}, "hcm": {"path_with_escaped_slashes_action": "REJECT_REQUEST"}}, "400"),
    ],
)
def test_what_is_answered_before_a_route_is_chosen(how: dict[str, Any], answer: str) -> None:
    """Redirects to TLS, and paths that are refused."""
    (found,) = explained(bootstrap(**how), "http://chat.test:10000/a%2Fb")

    assert (found.answer or "").startswith(answer)
    assert bool(found.answer) == bool(answer)


def test_chance_is_not_choice() -> None:
    """Which of a route's clusters gets a handshake or a call, no client can choose."""
    shares = {"clusters": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]}
    routes = [{"match": {"prefix": "/"}, "route": {"weighted_clusters": shares, "upgrade_configs": WEBSOCKET}}]
    data = bootstrap(routes=routes, clusters=[cluster("a"), cluster("b", **TWO)])

    assert value(data, "grpc") == {"between": [False, True]}
    assert value(data, "upgrade") == {"between": [False, True]}


def test_streams_of_a_weighted_route_spread() -> None:
    """All may be on the smaller cluster, or both full."""
    shares = {"clusters": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]}
    few, more = ({"circuit_breakers": {"thresholds": [{"max_requests": most}]}} for most in (4, 5))
    routes = [{"match": {"prefix": "/"}, "route": {"weighted_clusters": shares}}]
    data = bootstrap(routes=routes, clusters=[cluster("a", **few), cluster("b", **more)])

    assert value(data, "max_streams") == {"between": [4, 9]}


def test_path_parameters_go_from_every_segment() -> None:
    """Where the route configuration says so."""
    routes = [{"match": {"path": "/chat/room"}, "route": {"cluster": "origin"}}]
    table = {"ignore_path_parameters_in_path_matching": True}
    (found,) = explained(bootstrap(routes=routes, table=table), "http://chat.test:10000/chat;v=1/room;w")

    assert not found.answer


def test_a_cluster_that_is_not_at_hand_leaves_open_what_it_decides() -> None:
    """It is listed, and its properties are open."""
    (route,) = routes_of(bootstrap(clusters=[cluster("other")]))
    told = route.reading.to_json()

    assert told["connect_timeout"]["value"] == {"between": [0, None]}  # type: ignore[index]
    assert len(route.not_understood) == 1


def test_older_versions_have_other_defaults() -> None:
    """Streams of an HTTP/2 connection to an origin were without limit before 1.36."""
    breakers = {"circuit_breakers": {"thresholds": [{"max_requests": 5000, "max_connections": 2}]}}
    data = bootstrap(upstream={**TWO, **breakers})

    assert value(data, "max_streams", version="1.36") == 2048
    assert value(data, "max_streams", version="1.35") == 5000


def test_a_script_that_may_ask_for_the_body_may_limit_it() -> None:
    """Under a condition it stops at Envoy's buffer, else it does not; one that always asks always does."""
    asks = "local size = h:body():length()"

    def limit(code: str) -> Any:
        script = {"inline_string": f"function envoy_on_request(h)\n  {code}\nend"}
        return value(
            bootstrap(filters=[http_filter("lua", "Lua", default_source_code=script)], hcm={"codec_type": "HTTP1"}),
            "request_body_limit",
        )

    assert limit(asks) == 2**20
    assert limit(f"if h:headers():get('x') then {asks} end") == {"between": [2**20, None]}


@pytest.mark.parametrize(("duration", "told"), [("0s", True), ("0.0009s", True), ("3600s", False)])
def test_a_longest_life_of_zero_is_told(duration: str, told: bool) -> None:
    """Of where a request ends: only a quick one gets there."""
    hcm = {"common_http_protocol_options": {"max_connection_duration": duration}}
    (found,) = explained(bootstrap(hcm=hcm), "http://chat.test:10000/")
    assert any("as soon as they are there" in each for each in found.assumed) == told
