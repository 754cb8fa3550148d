"""What is in force where a config says nothing: the defaults of the directives that decide how a stream fares, from 1.18 to 1.31.

Each row has its source: ``doc: MODULE`` is a page of nginx's documentation, ``changes V`` its change log, ``source: FILE`` the code where the two
are silent or wrong. Sizes that nginx counts in memory pages (``4k|8k`` in the documentation) are those of pages of 4 KiB, which x86-64 has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from proxycfg.targets.nginx.facts import parse

Version = tuple[int, ...]
Value = tuple[str, ...] | None

_ALWAYS: Version = ()
"""Before every version."""


class Row(NamedTuple):
    """A default, and the version from which it holds."""

    since: Version
    value: Value
    source: str


def default(name: str, version: str, context: str = "location") -> Value:
    """The arguments that nginx acts on where the directive is absent; for lists such as ``proxy_set_header`` one string an item.

    None if that version has no such directive, if its absence means that nothing is done (``proxy_pass``), or if the table does not have it.

    :param version: such as ``1.26`` (the newest of that line) or ``1.29.7``.
    :param context: ``upstream`` for the directives of that block, some of which have namesakes elsewhere; all others are one.
    """
    number = parse(version)
    found: Value = None
    for row in table().get((name, context == "upstream"), ()):
        if row.since <= number:
            found = row.value
    return found


def source(name: str, version: str, context: str = "location") -> str:
    """Where the default is from; empty if the table does not have it."""
    number = parse(version)
    rows = [row for row in table().get((name, context == "upstream"), ()) if row.since <= number]
    return rows[-1].source if rows else ""


@cache
def table() -> Mapping[tuple[str, bool], tuple[Row, ...]]:
    """The rows by name, and whether they are of an ``upstream`` block; the oldest first."""
    made: dict[tuple[str, bool], tuple[Row, ...]] = {}
    for name, row in _rows():
        key = (name.removeprefix("upstream "), name.startswith("upstream "))
        made[key] = (*made.get(key, ()), row)
    return made


def _rows() -> Iterator[tuple[str, Row]]:
    for page, values in _DOCUMENTED.items():
        for name, text in values.items():
            yield name, Row(_ALWAYS, tuple(text.split()), f"doc: {page}")
    for maker, endings in _MAKERS.items():
        for ending in endings.split():
            yield f"{maker}_{ending}", Row(_ALWAYS, tuple(_OF_MAKERS[ending].split()), f"doc: ngx_http_{maker}_module")
    for name, rows in _CHANGING.items():
        for row in rows:
            yield name, row


# ---- the same in every version ----

_DOCUMENTED = {
    "ngx_core_module": {
        "worker_connections": "512",
        "worker_processes": "1",
    },
    "ngx_http_core_module": {
        # Requests.
        "client_body_buffer_size": "8k",
        "client_body_timeout": "60s",
        "client_header_buffer_size": "1k",
        "client_header_timeout": "60s",
        "client_max_body_size": "1m",
        "ignore_invalid_headers": "on",
        "large_client_header_buffers": "4 8k",
        "merge_slashes": "on",
        "underscores_in_headers": "off",
        # Connections.
        "keepalive_disable": "msie6",
        "keepalive_timeout": "75s",
        "lingering_close": "on",
        "lingering_time": "30s",
        "lingering_timeout": "5s",
        "reset_timedout_connection": "off",
        "resolver_timeout": "30s",
        "send_timeout": "60s",
        "tcp_nodelay": "on",
        "tcp_nopush": "off",
        # Responses.
        "absolute_redirect": "on",
        "aio": "off",
        "chunked_transfer_encoding": "on",
        "default_type": "text/plain",
        "etag": "on",
        "limit_rate": "0",
        "limit_rate_after": "0",
        "output_buffers": "2 32k",
        "postpone_output": "1460",
        "recursive_error_pages": "off",
        "satisfy": "all",
        "sendfile": "off",
        "server_tokens": "on",
    },
    "ngx_http_v2_module": {
        "http2_body_preread_size": "64k",
        "http2_chunk_size": "8k",
        "http2_max_concurrent_streams": "128",
    },
    "ngx_http_ssl_module": {
        "ssl_buffer_size": "16k",
        "ssl_early_data": "off",
    },
    "ngx_http_upstream_module": {
        "upstream keepalive_timeout": "60s",
    },
    # What holds a response up, or changes it.
    "ngx_http_gzip_module": {
        "gzip": "off",
        "gzip_buffers": "32 4k",
        "gzip_comp_level": "1",
        "gzip_http_version": "1.1",
        "gzip_min_length": "20",
        "gzip_proxied": "off",
        "gzip_types": "text/html",
        "gzip_vary": "off",
    },
    "ngx_http_gunzip_module": {"gunzip": "off"},
    "ngx_http_sub_module": {"sub_filter_once": "on", "sub_filter_types": "text/html"},
    "ngx_http_addition_module": {"addition_types": "text/html"},
    "ngx_http_ssi_module": {"ssi": "off", "ssi_types": "text/html"},
    "ngx_http_xslt_module": {"xslt_types": "text/xml"},
    "ngx_http_image_filter_module": {"image_filter": "off"},
    "ngx_http_slice_module": {"slice": "0"},
    "ngx_http_charset_module": {"charset": "off"},
    "ngx_http_mirror_module": {"mirror": "off", "mirror_request_body": "on"},
    "ngx_http_auth_request_module": {"auth_request": "off"},
    "ngx_http_limit_conn_module": {"limit_conn_dry_run": "off", "limit_conn_status": "503"},
    "ngx_http_limit_req_module": {"limit_req_dry_run": "off", "limit_req_status": "503"},
    "ngx_http_proxy_module": {
        "proxy_cache_convert_head": "on",
        "proxy_cache_key": "$scheme$proxy_host$request_uri",
        "proxy_cookie_domain": "off",
        "proxy_cookie_path": "off",
        "proxy_redirect": "default",
    },
    "ngx_http_fastcgi_module": {"fastcgi_keep_conn": "off"},
}
"""Page → directive → arguments. One that came later than 1.18 is below."""

_OF_MAKERS = {
    # Responses.
    "buffering": "on",
    "buffer_size": "4k",
    "buffers": "8 4k",
    "busy_buffers_size": "8k",
    "cache": "off",
    "cache_background_update": "off",
    "cache_lock": "off",
    "cache_lock_age": "5s",
    "cache_lock_timeout": "5s",
    "cache_methods": "GET HEAD",
    "cache_revalidate": "off",
    "cache_use_stale": "off",
    "force_ranges": "off",
    "intercept_errors": "off",
    "limit_rate": "0",
    "max_temp_file_size": "1024m",
    "store": "off",
    "temp_file_write_size": "8k",
    # Requests.
    "pass_request_body": "on",
    "pass_request_headers": "on",
    "request_buffering": "on",
    # Timers, tries, the connection.
    "connect_timeout": "60s",
    "read_timeout": "60s",
    "send_timeout": "60s",
    "next_upstream": "error timeout",
    "next_upstream_timeout": "0",
    "next_upstream_tries": "0",
    "ignore_client_abort": "off",
    "socket_keepalive": "off",
    "ssl_server_name": "off",
    "ssl_verify": "off",
}
"""What the modules that talk to origins have in common, by the end of the name."""

_UNBUFFERED = "buffer_size connect_timeout intercept_errors next_upstream next_upstream_timeout next_upstream_tries read_timeout send_timeout"
_BUFFERED = f"""{_UNBUFFERED} buffering buffers busy_buffers_size cache cache_background_update cache_lock cache_lock_age cache_lock_timeout
    cache_methods cache_revalidate cache_use_stale force_ranges ignore_client_abort limit_rate max_temp_file_size pass_request_body
    pass_request_headers request_buffering socket_keepalive store temp_file_write_size"""

_MAKERS = {
    "proxy": f"{_BUFFERED} ssl_server_name ssl_verify",
    "fastcgi": _BUFFERED,
    "uwsgi": f"{_BUFFERED} ssl_server_name ssl_verify",
    "scgi": _BUFFERED,
    "grpc": f"{_UNBUFFERED} socket_keepalive ssl_server_name ssl_verify",
    "memcached": "buffer_size connect_timeout next_upstream next_upstream_timeout next_upstream_tries read_timeout send_timeout socket_keepalive",
}

# ---- not the same ----


def _since(version: str, value: Value, source: str) -> Row:
    return Row(tuple(int(part) for part in version.split(".")), value, source)


def _new(version: str, text: str, source: str) -> tuple[Row, ...]:
    """A directive that came in that version."""
    return (_since(version, tuple(text.split()), source),)


_HTTP_HOST = (_since("1.29.5", ("HTTP_HOST $host$is_request_port$request_port",), "changes 1.29.5"),)
_PROTOCOLS = (
    Row(_ALWAYS, ("TLSv1", "TLSv1.1", "TLSv1.2"), "source: src/http/modules/ngx_http_ssl_module.c"),
    _since("1.23.4", ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"), "changes 1.23.4"),
    _since("1.27.3", ("TLSv1.2", "TLSv1.3"), "changes 1.27.3"),
)

_CHANGING: Mapping[str, tuple[Row, ...]] = {
    "access_log": (Row(_ALWAYS, ("logs/access.log combined",), "doc: ngx_http_log_module"),),
    "add_header_inherit": _new("1.29.3", "on", "doc: ngx_http_headers_module"),
    "add_trailer_inherit": _new("1.29.3", "on", "doc: ngx_http_headers_module"),
    "fastcgi_param": _HTTP_HOST,
    "grpc_set_header": (Row(_ALWAYS, ("Content-Length $content_length",), "doc: ngx_http_grpc_module"),),
    "grpc_ssl_protocols": _PROTOCOLS,
    "http2": _new("1.25.1", "off", "doc: ngx_http_v2_module"),
    "http3": _new("1.25.0", "on", "doc: ngx_http_v3_module"),
    "http3_max_concurrent_streams": _new("1.25.0", "128", "doc: ngx_http_v3_module"),
    "http3_stream_buffer_size": _new("1.25.0", "64k", "doc: ngx_http_v3_module"),
    "keepalive_min_timeout": _new("1.27.4", "0", "doc: ngx_http_core_module"),
    "keepalive_requests": (
        Row(_ALWAYS, ("100",), "source: src/http/ngx_http_core_module.c"),
        _since("1.19.10", ("1000",), "changes 1.19.10"),
    ),
    "keepalive_time": _new("1.19.10", "1h", "doc: ngx_http_core_module"),
    "max_headers": _new("1.29.8", "1000", "doc: ngx_http_core_module"),
    "proxy_cookie_flags": _new("1.19.3", "off", "doc: ngx_http_proxy_module"),
    "proxy_http_version": (
        Row(_ALWAYS, ("1.0",), "source: src/http/modules/ngx_http_proxy_module.c"),
        _since("1.29.7", ("1.1",), "changes 1.29.7"),
    ),
    "proxy_pass_trailers": _new("1.27.2", "off", "doc: ngx_http_proxy_module"),
    "proxy_set_header": (
        Row(_ALWAYS, ("Host $proxy_host", "Connection close"), "doc: ngx_http_proxy_module"),
        _since("1.29.7", ("Host $proxy_host",), "changes 1.29.7"),
    ),
    "proxy_ssl_protocols": _PROTOCOLS,
    "quic_gso": _new("1.25.0", "off", "doc: ngx_http_v3_module"),
    "quic_retry": _new("1.25.0", "off", "doc: ngx_http_v3_module"),
    "scgi_param": _HTTP_HOST,
    "sendfile_max_chunk": (
        Row(_ALWAYS, ("0",), "source: src/http/ngx_http_core_module.c"),
        _since("1.21.4", ("2m",), "changes 1.21.4"),
    ),
    "ssl_protocols": _PROTOCOLS,
    # 16k by the documentation.
    "tunnel_buffer_size": _new("1.31.0", "4k", "source: src/http/modules/ngx_http_tunnel_module.c"),
    "tunnel_connect_timeout": _new("1.31.0", "60s", "doc: ngx_http_tunnel_module"),
    "tunnel_next_upstream": _new("1.31.0", "error timeout", "doc: ngx_http_tunnel_module"),
    "tunnel_next_upstream_timeout": _new("1.31.0", "0", "doc: ngx_http_tunnel_module"),
    "tunnel_next_upstream_tries": _new("1.31.0", "0", "doc: ngx_http_tunnel_module"),
    "tunnel_read_timeout": _new("1.31.0", "60s", "doc: ngx_http_tunnel_module"),
    "tunnel_send_timeout": _new("1.31.0", "60s", "doc: ngx_http_tunnel_module"),
    "tunnel_socket_keepalive": _new("1.31.0", "off", "doc: ngx_http_tunnel_module"),
    "upstream keepalive": (_since("1.29.7", ("32", "local"), "changes 1.29.7"),),
    "upstream keepalive_requests": (
        Row(_ALWAYS, ("100",), "source: src/http/modules/ngx_http_upstream_keepalive_module.c"),
        _since("1.19.10", ("1000",), "changes 1.19.10"),
    ),
    "upstream keepalive_time": _new("1.19.10", "1h", "doc: ngx_http_upstream_module"),
    "upstream resolver_timeout": _new("1.27.3", "30s", "doc: ngx_http_upstream_module"),
    "uwsgi_param": _HTTP_HOST,
    "uwsgi_ssl_protocols": _PROTOCOLS,
}
