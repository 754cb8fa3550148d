"""What is read out of nginx configs: small ones, each with the properties that facts or measurements give it, on an old nginx and on a new one.

The ids begin with the scenario in which the behavior was measured on real nginx (A01, K02 …), with the section of the documentation or source
that says so (``doc``, ``source``), with ``differential`` where random configs told, or with ``house`` for what is ours to decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from proxycfg.behavior import ANYTHING, EITHER, FOREVER, NO, TRANSPORTS, YES, Between, exactly, properties
from proxycfg.reading import Evidence, ReadRoute
from proxycfg.source import Source
from proxycfg.targets.nginx import config as nginx_config
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.place import seconds, size
from proxycfg.targets.nginx.properties import PROPERTIES
from proxycfg.targets.nginx.read import host_of, read, read_location
from proxycfg.targets.nginx.servers import read_http
from tests.targets.nginx_tree import SITE_IN

OLD, NEW = "1.22", "1.30"
NOTHING: frozenset[str] = frozenset()
TLS_1 = frozenset({"http/1.1+tls"})
CLEAR_1 = frozenset({"http/1.1"})
ANY = Between("", ANYTHING)

H11 = "proxy_http_version 1.1; proxy_set_header Connection '';"
H10 = "proxy_http_version 1.0;"
OFF = "proxy_buffering off;"
UP = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
MAP_EMPTY = "map $http_upgrade $up { default upgrade; '' ''; }"
MAP_CLOSE = "map $http_upgrade $up { default upgrade; '' close; }"
WITH_MAP = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $up;"
PAIR = "upstream u { server 127.0.0.1:81; server 127.0.0.1:82; %s }"
ONE = "upstream u { server 127.0.0.1:81; %s }"
ZONE = "proxy_cache_path /tmp/c keys_zone=z:1m;"
PASS = "proxy_pass http://127.0.0.1:81;"


@dataclass(frozen=True)
class Case:
    """A location, what is around it, and what some of its properties are; two values where the versions differ."""

    name: str
    body: str
    wanted: Mapping[str, Any]
    http: str = ""
    server: str = ""
    listen: str = "listen 80;"
    handler: str = PASS
    main: str = ""
    location: str = "/x"
    other: str = ""
    expected: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The whole config."""
        return (
            f"{self.main} events {{}} http {{ {self.http} {self.other} server {{ {self.listen} {self.server} "
            f"location {self.location} {{ {self.handler} {self.body} }} }} }}"
        )


def case(name: str, body: str, parts: Mapping[str, str] | None = None, **wanted: Any) -> Case:
    """One case; ``parts`` are the fields of :class:`Case` that differ from the usual."""
    return Case(name, body, wanted, **(parts or {}))


def http(text: str, **more: str) -> dict[str, str]:
    """What stands in ``http``."""
    return {"http": text, **more}


def to(text: str, **more: str) -> dict[str, str]:
    """A location that goes to the upstream ``u``."""
    return {"http": text, "handler": "proxy_pass http://u;", **more}


def tls(**more: str) -> dict[str, str]:
    """A TLS listener."""
    return {"listen": "listen 443 ssl;", **more}


def handled(text: str, **more: str) -> dict[str, str]:
    """Another handler."""
    return {"handler": text, **more}


EITHER_SET = Between(NOTHING, CLEAR_1)

CASES = [
    # ---- response_buffering, stalls_on ----
    case("A01-defaults", "", response_buffering=True, stalls_on=(CLEAR_1, NOTHING)),
    case("A02-http-1.0-buffered", H10, stalls_on=CLEAR_1, response_buffering=True),
    case("A03-http-1.1-buffered", H11, stalls_on=NOTHING, response_buffering=True),
    case("A05-unbuffered", OFF, stalls_on=NOTHING, response_buffering=False),
    case("A06-unbuffered-1.0", OFF + H10, stalls_on=NOTHING),
    case("A11-gzip-buffered", H11 + "gzip on; gzip_types text/event-stream;", stalls_on=CLEAR_1, compression=True),
    case("A11b-gzip-unbuffered", OFF + "gzip on; gzip_types text/event-stream;", stalls_on=NOTHING, compression=True),
    case("A11e-gzip-of-everything-unbuffered", OFF + "gzip on; gzip_types *;", stalls_on=NOTHING, compression=True),
    case("A11c-gzip-default-types", OFF + "gzip on;", compression=False, stalls_on=NOTHING),
    case("A11-gzip-other-types", H11 + "gzip on; gzip_types text/css application/json;", compression=False, stalls_on=NOTHING),
    case("doc-gzip-types-are-no-globs", H11 + "gzip on; gzip_types text/*;", compression=False),
    case("doc-gzip-types-have-no-case", H11 + "gzip on; gzip_types Text/Event-Stream;", compression=True),
    case("A11-gzip-types-of-the-server", H11 + "gzip on;", {"server": "gzip_types text/event-stream;"}, compression=True, stalls_on=CLEAR_1),
    case("doc-gzip-types-are-replaced-as-a-list", H11 + "gzip_types text/css;", {"server": "gzip on; gzip_types *;"}, compression=False),
    case("A32-gzip-off-in-the-location", H11 + "gzip off;", http("gzip on; gzip_types *;"), compression=False, stalls_on=NOTHING),
    case("source-gzip-disabled-for-all", H11 + "gzip on; gzip_types *; gzip_disable .;", compression=False),
    case("source-gzip-disabled-for-msie6", H11 + "gzip on; gzip_types *; gzip_disable msie6;", compression=True),
    case("source-gzip-disabled-for-some", H11 + "gzip on; gzip_types *; gzip_disable Firefox;", compression=EITHER, stalls_on=EITHER_SET),
    case("A11f-gzip-proxied-is-for-via", H11 + "gzip on; gzip_types *; gzip_proxied any;", compression=True),
    case("house-brotli-like-gzip", H11 + "brotli on; brotli_types text/event-stream;", compression=True, stalls_on=CLEAR_1),
    case("house-brotli-other-types", H11 + "brotli on;", compression=False),
    case("A07-x-accel-is-honoured", H10, honors_x_accel_buffering=True, response_buffering=True),
    case("A08-x-accel-is-ignored", H10 + "proxy_ignore_headers X-Accel-Buffering;", honors_x_accel_buffering=False),
    case("A08-names-have-no-case", H10 + "proxy_ignore_headers Expires x-accel-buffering;", honors_x_accel_buffering=False),
    case("A09-x-accel-when-unbuffered", OFF, honors_x_accel_buffering=True),
    case(
        "doc-ignored-headers-are-replaced-as-a-set", "proxy_ignore_headers Expires;", {"server": "proxy_ignore_headers X-Accel-Buffering;"},
        honors_x_accel_buffering=True,
    ),
    case("A18-postpone-output", H11 + "postpone_output 0;", stalls_on=NOTHING),
    case("A22-limit-rate-unbuffered", OFF + "limit_rate 100;", stalls_on=NOTHING),
    case("A22b-proxy-limit-rate-buffered", H11 + "proxy_limit_rate 100;", stalls_on=EITHER_SET),
    case("house-a-limit-rate-that-events-keep-below", H11 + "limit_rate 1m;", stalls_on=NOTHING),
    case("A27-http-2-upstream", "proxy_http_version 2;", stalls_on=NOTHING, upstream_http_version="2"),
    case("A27c-http-2-upstream-tls", "proxy_http_version 2;", tls(), stalls_on=TLS_1),
    case("A32-location-over-server", "proxy_buffering on;" + H10, {"server": OFF}, response_buffering=True, stalls_on=CLEAR_1),
    case("A32-inherited-from-http", "", http(OFF), response_buffering=False, stalls_on=NOTHING),
    case("H02c-tls-http-1.1", H11, tls(), stalls_on=TLS_1),
    case("H02h-tls-defaults", "", tls(), stalls_on=TLS_1),
    case("H02e-tls-small-buffer", H11 + "", tls(server="ssl_buffer_size 4k;"), stalls_on=TLS_1),
    case("H02-tls-unbuffered", OFF, tls(), stalls_on=NOTHING),
    case("H01-tls-http-2", H11, {"listen": "listen 443 ssl http2;"}, stalls_on=TLS_1),
    case("H01c-tls-http-2-over-1.0", H10, {"listen": "listen 443 ssl http2;"}, stalls_on=frozenset({"http/1.1+tls", "2"})),
    case("H02h-all-listeners-of-the-server", H10, {"listen": "listen 80; listen 443 ssl;"}, stalls_on=frozenset({"http/1.1", "http/1.1+tls"})),
    case("A15-sub-filter-within-lines", OFF + "sub_filter hello bye; sub_filter_types text/event-stream;", stalls_on=NOTHING),
    case("A15c-sub-filter-at-the-end-of-events", OFF + "sub_filter '\\n\\nid' x; sub_filter_types text/event-stream;", stalls_on=CLEAR_1),
    case("A15d-sub-filter-default-types", OFF + "sub_filter '\\n\\nid' x;", stalls_on=NOTHING),
    case("house-sub-filter-with-a-variable", OFF + "sub_filter $x y; sub_filter_types *;", stalls_on=EITHER_SET),
    case("doc-image-filter-takes-all-bodies", OFF + "image_filter test;", stalls_on=CLEAR_1),
    case("doc-xslt-takes-xml", OFF + "xslt_stylesheet a.xslt;", stalls_on=NOTHING),
    case("doc-addition-takes-html", OFF + "add_before_body /a;", stalls_on=NOTHING),
    case("doc-addition-takes-all", OFF + "add_before_body /a; addition_types *;", stalls_on=CLEAR_1),
    case("house-lua-body-filter", OFF + "body_filter_by_lua_block { x() }", stalls_on=EITHER_SET),
    case("house-modsecurity", OFF + "modsecurity on;", stalls_on=EITHER_SET, request_buffering=True),
    case("house-modsecurity-off", OFF + "modsecurity off;", {"server": "modsecurity on;"}, stalls_on=NOTHING),
    case("source-fastcgi-buffered", "", handled("fastcgi_pass 127.0.0.1:9000;"), stalls_on=CLEAR_1, response_buffering=True),
    case("source-fastcgi-unbuffered", "fastcgi_buffering off;", handled("fastcgi_pass 127.0.0.1:9000;"), stalls_on=NOTHING),
    case("source-uwsgi-buffered", OFF, handled("uwsgi_pass 127.0.0.1:9000;"), stalls_on=CLEAR_1, response_buffering=True),
    case("source-grpc-is-never-buffered", "gzip on; gzip_types *;", handled("grpc_pass 127.0.0.1:9000;"), stalls_on=NOTHING, compression=True),
    case("O14-gzip-of-grpc", "gzip on; gzip_types application/grpc;", handled("grpc_pass 127.0.0.1:9000;"), compression=True),
    case("doc-event-streams-are-no-grpc", "gzip on; gzip_types text/event-stream;", handled("grpc_pass 127.0.0.1:9000;"), compression=False),
    # ---- request_buffering ----
    case("E01-request-buffered", H11, request_buffering=True),
    case("E02-off-with-the-default-version", "proxy_request_buffering off;", request_buffering=(True, False)),
    case("E03-off-with-1.1", H11 + "proxy_request_buffering off;", request_buffering=False),
    case("E02-off-with-1.0", H10 + "proxy_request_buffering off;", request_buffering=True),
    case("E06-off-with-mirror", H11 + "proxy_request_buffering off; mirror /m;", request_buffering=True),
    case("E06b-mirror-without-body", H11 + "proxy_request_buffering off; mirror /m; mirror_request_body off;", request_buffering=False),
    case("doc-mirror-off", H11 + "proxy_request_buffering off; mirror off;", {"server": "mirror /m;"}, request_buffering=False),
    case("E07-off-with-auth-request", H11 + "proxy_request_buffering off; auth_request /a;", request_buffering=False),
    case("source-off-with-set-body", H11 + "proxy_request_buffering off; proxy_set_body x;", request_buffering=True),
    case("source-off-without-body", H11 + "proxy_request_buffering off; proxy_pass_request_body off;", request_buffering=True),
    case("source-off-over-http-2", "proxy_request_buffering off; proxy_http_version 2;", request_buffering=False),
    case("source-grpc-streams-bodies", "", handled("grpc_pass 127.0.0.1:9000;"), request_buffering=False),
    case("source-grpc-with-mirror", "mirror /m;", handled("grpc_pass 127.0.0.1:9000;"), request_buffering=True),
    case("source-fastcgi-streams-chunks", "fastcgi_request_buffering off;", handled("fastcgi_pass 127.0.0.1:9000;"), request_buffering=False),
    case("source-uwsgi-cannot", "uwsgi_request_buffering off;", handled("uwsgi_pass 127.0.0.1:9000;"), request_buffering=True),
    case("source-scgi-cannot", "scgi_request_buffering off;", handled("scgi_pass 127.0.0.1:9000;"), request_buffering=True),
    # ---- caching ----
    case("A16-cache", H11 + "proxy_cache z;", http(ZONE), caching=True, abort_propagates=EITHER),
    case("A16-cache-valid", H11 + "proxy_cache z; proxy_cache_valid 200 1m;", http(ZONE), caching=True, abort_propagates=EITHER),
    case("A16b-cache-unbuffered", OFF + "proxy_cache z;", http(ZONE), caching=False, abort_propagates=EITHER),
    case("doc-cache-off-in-the-location", H11 + "proxy_cache off;", http(ZONE + "proxy_cache z;"), caching=False, abort_propagates=True),
    case("A16-cache-inherited", H11, http(ZONE + "proxy_cache z; proxy_cache_valid 1m;"), caching=True, abort_propagates=EITHER),
    case("house-cache-by-variable", H11 + "proxy_cache $z;", http(ZONE + "map $uri $z { default off; /a z; }"), caching=EITHER),
    case("house-cache-by-a-map-that-never-does", H11 + "proxy_cache $z;", http(ZONE + "map $uri $z { default off; }"), caching=False),
    case("house-cache-by-set", H11 + "set $z z; proxy_cache $z;", http(ZONE), caching=True),
    case("source-never-stored", H11 + "proxy_cache z; proxy_no_cache 1;", http(ZONE), caching=False, abort_propagates=EITHER),
    case("source-stored-for-some", H11 + "proxy_cache z; proxy_no_cache $http_authorization;", http(ZONE), caching=True),
    case(
        "source-no-time-to-keep-it", H11 + "proxy_cache z; proxy_ignore_headers Cache-Control Expires X-Accel-Expires;", http(ZONE),
        caching=False,
    ),
    case("source-cache-control-ignored", H11 + "proxy_cache z; proxy_ignore_headers Cache-Control;", http(ZONE), caching=EITHER),
    case("A16f-store", "proxy_store on;", caching=True, abort_propagates=False),
    case("A16f-store-unbuffered", OFF + "proxy_store on;", caching=False, abort_propagates=False),
    case("source-inner-store-ends-outer-cache", "proxy_store on;", http(ZONE + "proxy_cache z;"), caching=True, abort_propagates=False),
    case("source-inner-cache-ends-outer-store", "proxy_cache z;", http(ZONE, server="proxy_store on;"), caching=True, abort_propagates=EITHER),
    case("source-grpc-has-no-cache", "", handled("grpc_pass 127.0.0.1:9000;", http="proxy_cache z;"), caching=False, abort_propagates=True),
    case("source-fastcgi-cache", "fastcgi_cache z;", handled("fastcgi_pass 127.0.0.1:9;", http="fastcgi_cache_path /t keys_zone=z:1m;"), caching=True),
    # ---- what the origin gets ----
    case("B01-defaults", "", upstream_http_version=("1.0", "1.1"), upstream_connection_header=("close", "")),
    case("B02-1.1-alone", "proxy_http_version 1.1;", upstream_http_version="1.1", upstream_connection_header=("close", "")),
    case("B03-1.1-and-empty", H11, upstream_connection_header=""),
    case("B03b-1.0-explicit", H10, upstream_http_version="1.0", upstream_connection_header=("close", "")),
    case("C02-constant-upgrade", UP, upstream_connection_header="upgrade"),
    case("C02b-client-decides", "proxy_set_header Connection $http_connection;", upstream_connection_header=ANY),
    case("C03-map-close", WITH_MAP, http(MAP_CLOSE), upstream_connection_header="close"),
    case("B04g-map-empty", WITH_MAP, http(MAP_EMPTY), upstream_connection_header=""),
    case("house-set-twice-is-a-list", "proxy_set_header Connection ''; proxy_set_header connection upgrade;", upstream_connection_header="upgrade"),
    case("B05-a-header-of-the-location-drops-the-others", "proxy_set_header Host x;", {"server": H11}, upstream_connection_header=("close", "")),
    case("B05b-none-in-the-location", "", {"server": H11}, upstream_connection_header="", upstream_http_version="1.1"),
    case("source-grpc-sends-none", "", handled("grpc_pass 127.0.0.1:9;", http=UP), upstream_connection_header="", upstream_http_version="2"),
    case("source-http-2-sends-none", "proxy_http_version 2;", {"main": ""}, upstream_http_version="2"),
    case("source-fastcgi-hands-on-the-clients", "", handled("fastcgi_pass 127.0.0.1:9;"), upstream_connection_header=ANY),
    case(
        "source-fastcgi-set", "fastcgi_param HTTP_CONNECTION '';", handled("fastcgi_pass 127.0.0.1:9;"), upstream_connection_header="",
        upstream_http_version=Between("1.0", "1.1"),
    ),
    case("B01-accept-encoding-passes", "", accept_encoding_forwarded=True),
    case("doc-accept-encoding-blanked", "proxy_set_header Accept-Encoding '';", accept_encoding_forwarded=False),
    case("doc-accept-encoding-blanked-above", "", http("proxy_set_header accept-encoding '';"), accept_encoding_forwarded=False),
    case("B05-accept-encoding-blanked-in-vain", "proxy_set_header Host x;", http("proxy_set_header Accept-Encoding '';"), accept_encoding_forwarded=True),
    case("doc-accept-encoding-handed-on", "proxy_set_header Accept-Encoding $http_accept_encoding;", accept_encoding_forwarded=True),
    case("doc-no-client-headers", "proxy_pass_request_headers off;", accept_encoding_forwarded=False, upgrade=False),
    case("doc-fastcgi-accept-encoding", "fastcgi_param HTTP_ACCEPT_ENCODING '';", handled("fastcgi_pass 127.0.0.1:9;"), accept_encoding_forwarded=False),
    # ---- upgrade ----
    case("C01-no-upgrade", "", upgrade=False),
    case("C02-upgrade", UP, upgrade=True),
    case("C03-upgrade-by-map", WITH_MAP, http(MAP_CLOSE), upgrade=True),
    case("B04g-upgrade-by-map-with-empty", WITH_MAP, http(MAP_EMPTY), upgrade=True),
    case("C02b-connection-of-the-client", UP.replace("Connection upgrade", "Connection $http_connection"), upgrade=True),
    case("C04-without-the-version", UP.replace("proxy_http_version 1.1;", ""), upgrade=(False, True)),
    case("C04b-with-1.0", UP.replace("1.1", "1.0"), upgrade=False),
    case("C05-without-upgrade", "proxy_http_version 1.1; proxy_set_header Connection upgrade;", upgrade=False),
    case("C05b-without-connection", "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;", upgrade=False),
    case("C05c-with-an-empty-connection", H11 + "proxy_set_header Upgrade $http_upgrade;", upgrade=False),
    case("C06-server-level-headers-dropped", "proxy_set_header Host x;", {"server": UP}, upgrade=False),
    case("B05b-server-level-headers", "", {"server": UP}, upgrade=True),
    case("P48-over-http-2", UP.replace("1.1", "2"), upgrade=False),
    case("C09b-tls-with-http-2", UP, {"listen": "listen 443 ssl http2;"}, upgrade=True),
    case("H04-cleartext-http-2-only", UP, {"listen": "listen 80 http2;"}, upgrade=(False, True)),
    case("C10-gzip-around-a-tunnel", UP + "gzip on; gzip_types *;", upgrade=True),
    case("C14-pass-inside-if", UP, {"handler": "if ($http_upgrade = websocket) { proxy_pass http://127.0.0.1:81; }"}, upgrade=True),
    case("house-a-map-that-lets-only-websocket-through", WITH_MAP.replace("$http_upgrade", "$ws"),
         http(MAP_EMPTY + "map $http_upgrade $ws { default ''; websocket websocket; }"), upgrade=True),
    case("house-a-map-of-something-else", WITH_MAP, http("map $http_origin $up { default ''; a upgrade; }"), upgrade=EITHER),
    case("house-upgrade-twice", UP + "proxy_set_header Upgrade websocket;", upgrade=EITHER),
    case("house-a-key-taken-away", UP + "proxy_set_header Sec-WebSocket-Key '';", upgrade=False),
    case("house-an-answer-without-upgrade", UP + "proxy_hide_header Upgrade;", upgrade=False),
    case("house-hidden-and-passed", UP + "proxy_hide_header Upgrade; proxy_pass_header Upgrade;", upgrade=True),
    case("doc-another-method", UP + "proxy_method POST;", upgrade=False),
    case("source-fastcgi-never", "", handled("fastcgi_pass 127.0.0.1:9;"), upgrade=False),
    case("source-grpc-never", "", handled("grpc_pass 127.0.0.1:9;"), upgrade=False),
    case("source-uwsgi-by-itself", "", handled("uwsgi_pass 127.0.0.1:9;"), upgrade=True),
    # ---- timers ----
    case("D01-defaults", "", connect_timeout=60, upstream_idle_timeout=60, client_idle_timeout=60, send_timeout=60, total_timeout=FOREVER),
    case("D01-read-timeout", "proxy_read_timeout 2s;", upstream_idle_timeout=2),
    case("Z01-zero-is-at-once", "proxy_read_timeout 0; proxy_connect_timeout 0;", upstream_idle_timeout=0, connect_timeout=0),
    case("Z07-long", "proxy_read_timeout 8760h;", upstream_idle_timeout=8760 * 3600),
    case("Z08-bare-seconds", "proxy_read_timeout 2;", upstream_idle_timeout=2),
    case("Z09-milliseconds", "proxy_read_timeout 2500ms;", upstream_idle_timeout=2.5),
    case("doc-composed", "proxy_read_timeout 1h30m;", upstream_idle_timeout=5400),
    case("doc-composed-with-spaces", "proxy_read_timeout '1h 30m';", upstream_idle_timeout=5400),
    case("D04-send-timeout", "send_timeout 2s; proxy_send_timeout 1s;", send_timeout=2),
    case("D07-client-body-timeout", "client_body_timeout 1s;", client_idle_timeout=1),
    case("C08-other-timers", UP + "client_body_timeout 1s; send_timeout 1s; proxy_send_timeout 1s; proxy_read_timeout 60s;",
         client_idle_timeout=Between(1.0, 60.0), upstream_idle_timeout=60),
    case("D05-keepalive-timers", "keepalive_timeout 1s; proxy_read_timeout 9s;", upstream_idle_timeout=9),
    case("O02-grpc-read-timeout", "grpc_read_timeout 2s;", handled("grpc_pass 127.0.0.1:9;"), upstream_idle_timeout=2, client_idle_timeout=60),
    case("P31-another-module's-timer", "proxy_read_timeout 2s;", handled("grpc_pass 127.0.0.1:9;"), upstream_idle_timeout=60),
    case("doc-uwsgi-timers", "uwsgi_read_timeout 7; uwsgi_connect_timeout 3;", handled("uwsgi_pass 127.0.0.1:9;"), upstream_idle_timeout=7, connect_timeout=3),
    case("source-quic-idle", "proxy_read_timeout 1h;", {"listen": "listen 443 ssl; listen 443 quic;"}, upstream_idle_timeout=(3600, Between(75.0, 3600.0))),
    case("source-quic-idle-long-enough", "proxy_read_timeout 1h;", {"listen": "listen 443 quic;", "server": "keepalive_timeout 2h;"}, upstream_idle_timeout=3600),
    # ---- bodies ----
    case("E05-body-limit", "client_max_body_size 1k;", request_body_limit=1024),
    case("doc-default-body-limit", "", request_body_limit=2**20),
    case("doc-no-body-limit", "client_max_body_size 0;", {"server": "client_max_body_size 8m;"}, request_body_limit=FOREVER),
    case("O08-grpc-body-limit", "client_max_body_size 3g;", handled("grpc_pass 127.0.0.1:9;"), request_body_limit=3 * 2**30),
    # ---- retries ----
    case("F01-two-servers", "", to(PAIR % ""), retries=True, retries_non_idempotent=False),
    case("F02-non-idempotent", "proxy_next_upstream error timeout non_idempotent;", to(PAIR % ""), retries=True, retries_non_idempotent=True),
    case("F03-off", "proxy_next_upstream off;", to(PAIR % ""), retries=False, retries_non_idempotent=False),
    case("F04-status-codes", "proxy_next_upstream http_502 non_idempotent;", to(PAIR % ""), retries=True, retries_non_idempotent=True),
    case("source-only-non-idempotent", "proxy_next_upstream non_idempotent;", to(PAIR % ""), retries=False, retries_non_idempotent=False),
    case("source-off-and-more", "proxy_next_upstream error off;", to(PAIR % ""), retries=False),
    case("F05-one-server", "", to(ONE % "keepalive 0;"), retries=False),
    case("B04d-one-server-with-a-pool", H11, to(ONE % "keepalive 4;"), retries=True),
    case("B04-one-server-with-the-default-pool", "", to(ONE % ""), retries=(False, True)),
    case("B04f-a-pool-that-close-defeats", WITH_MAP, to(MAP_CLOSE + ONE % ""), retries=False),
    case("house-a-pool-that-others-may-fill", WITH_MAP, to(MAP_CLOSE + ONE % "keepalive 4;"), retries=EITHER),
    case("source-one-try-and-a-pool", H11 + "proxy_next_upstream_tries 1;", to(PAIR % "keepalive 4;"), retries=True),
    case("F05-an-address", "", retries=False),
    case("F07-one-try", "proxy_next_upstream_tries 1;", to(PAIR % "keepalive 0;"), retries=False),
    case("F08-a-time-for-tries", "proxy_next_upstream_timeout 500ms;", to(PAIR % ""), retries=True),
    case("F01-inherited", "", to(PAIR % "", server="proxy_next_upstream off;"), retries=False),
    case("F01-a-server-that-is-down", "", to("upstream u { server 127.0.0.1:81; server 127.0.0.1:82 down; keepalive 0; }"), retries=False),
    case("doc-a-backup-server", "", to("upstream u { server 127.0.0.1:81; server 127.0.0.1:82 backup; }"), retries=True),
    case("doc-a-name-may-be-several", "", handled("proxy_pass http://api:8000;"), retries=EITHER),
    case("O12-grpc-two-servers", "", to(PAIR % "", handler="grpc_pass u;"), retries=True, retries_non_idempotent=False),
    case("house-unknown-origin", "", handled("proxy_pass http://$arg_to;"), retries=EITHER, session_affinity=ANY),
    # ---- errors ----
    case("G-intercept-off", "error_page 500 /e;", error_interception=False),
    case("P108-intercept-with-page", "proxy_intercept_errors on; error_page 500 /e;", error_interception=True),
    case("doc-intercept-without-page", "proxy_intercept_errors on;", error_interception=False),
    case("doc-page-of-the-server", "proxy_intercept_errors on;", {"server": "error_page 404 502 @e;"}, error_interception=True),
    case("doc-pages-are-replaced-as-a-list", "proxy_intercept_errors on; error_page 301 /e;", {"server": "error_page 502 @e;"}, error_interception=False),
    case("doc-page-with-its-own-status", "proxy_intercept_errors on; error_page 504 =200 @e;", error_interception=True),
    case("doc-grpc-intercept", "grpc_intercept_errors on; error_page 502 @e;", handled("grpc_pass 127.0.0.1:9;"), error_interception=True),
    case("doc-another-module's-intercept", "grpc_intercept_errors on; error_page 502 @e;", error_interception=False),
    # ---- X-Accel-Buffering outwards ----
    case("B08-hidden", "", forwards_x_accel_buffering=False),
    case("N02-passed", "proxy_pass_header X-Accel-Buffering;", forwards_x_accel_buffering=True),
    case("source-passed-and-hidden", "proxy_hide_header X-Accel-Buffering; proxy_pass_header x-accel-buffering;", forwards_x_accel_buffering=True),
    case("N04-added", "add_header X-Accel-Buffering no;", forwards_x_accel_buffering=True, response_buffering=True),
    case("doc-added-without-a-value", "add_header X-Accel-Buffering '';", forwards_x_accel_buffering=False),
    case("doc-added-sometimes", "add_header X-Accel-Buffering $x;", http("map $uri $x { default ''; /a no; }"), forwards_x_accel_buffering=EITHER),
    case("B06-added-headers-are-replaced", "add_header A b;", {"server": "add_header X-Accel-Buffering no;"}, forwards_x_accel_buffering=False),
    case("B06e-added-headers-merged", "add_header A b; add_header_inherit merge;", {"server": "add_header X-Accel-Buffering no;"},
         forwards_x_accel_buffering=True),
    case("doc-added-headers-not-inherited", "add_header_inherit off;", {"server": "add_header X-Accel-Buffering no;"},
         forwards_x_accel_buffering=False),
    case("doc-passed-headers-are-replaced-as-a-list", "proxy_pass_header Server;", {"server": "proxy_pass_header X-Accel-Buffering;"},
         forwards_x_accel_buffering=False),
    # ---- clients ----
    case("H04-cleartext", "", client_http_versions={"1.1"}),
    case("H04-cleartext-http2-parameter", "", {"listen": "listen 80 http2;"}, client_http_versions=({"2"}, {"1.1", "2"})),
    case("doc-tls-http2-parameter", "", {"listen": "listen 443 ssl http2;"}, client_http_versions={"1.1", "2"}),
    case("doc-http2-directive", "", {"listen": "listen 443 ssl;", "server": "http2 on;"}, client_http_versions=({"1.1"}, {"1.1", "2"})),
    case("doc-http2-directive-of-http", "", http("http2 on;", listen="listen 80;"), client_http_versions=({"1.1"}, {"1.1", "2"})),
    case("P59-http2-of-the-default-server-counts-in-cleartext", "", {"listen": "listen 80;", "server": "http2 on;", "other": "server { listen 80; }"},
         client_http_versions={"1.1"}),
    case("doc-and-not-over-tls", "", {"listen": "listen 443 ssl;", "server": "http2 on;", "other": "server { listen 443 ssl; }"},
         client_http_versions=({"1.1"}, {"1.1", "2"})),
    case("P59-http2-off-in-this-server", "", {"server": "http2 off;", "http": "http2 on;"}, client_http_versions={"1.1"}),
    case("doc-parameters-are-the-socket's", "", {"listen": "listen 443;", "other": "server { listen 443 ssl http2; }"},
         client_http_versions={"1.1", "2"}, stalls_on=(frozenset({"http/1.1+tls", "2"}), TLS_1)),
    case("doc-another-address-is-another-socket", "", {"listen": "listen 80;", "other": "server { listen 127.0.0.1:80 http2; }"},
         client_http_versions={"1.1"}),
    case("doc-quic", "", {"listen": "listen 443 ssl; listen 443 quic;"}, client_http_versions=({"1.1"}, {"1.1", "3"})),
    case("doc-quic-switched-off", "", {"listen": "listen 443 ssl; listen 443 quic;", "server": "http3 off;"}, client_http_versions={"1.1"}),
    case("doc-no-listen", "", {"listen": ""}, client_http_versions={"1.1"}),
    case("doc-unix-socket", H10, {"listen": "listen unix:/run/x.sock;"}, client_http_versions={"1.1"}, stalls_on=CLEAR_1),
    case("doc-ssl-on", H11, {"listen": "listen 443;", "server": "ssl on;"}, stalls_on=(TLS_1, NOTHING)),
    # ---- gRPC ----
    case("O01-grpc-over-http-2", "", handled("grpc_pass 127.0.0.1:9;", listen="listen 443 ssl http2;"), grpc=True),
    case("O05-grpc-without-http-2", "", handled("grpc_pass 127.0.0.1:9;", listen="listen 443 ssl;"), grpc=False),
    case("O04-proxy-pass-1.1", H11, {"listen": "listen 443 ssl http2;"}, grpc=False),
    case("O04b-proxy-pass-2", "proxy_http_version 2;", {"listen": "listen 443 ssl http2;"}, grpc=False),
    case("O04d-proxy-pass-2-with-trailers", "proxy_http_version 2; proxy_set_header TE trailers; proxy_pass_trailers on;",
         {"listen": "listen 443 ssl http2;"}, grpc=True),
    case("O04d-trailers-of-the-client", "proxy_http_version 2; proxy_set_header TE $http_te; proxy_pass_trailers on;",
         {"listen": "listen 443 ssl http2;"}, grpc=True),
    # ---- affinity ----
    case("doc-ip-hash", "", to(PAIR % "ip_hash;"), session_affinity="ip"),
    case("doc-hash-of-the-address", "", to(PAIR % "hash $binary_remote_addr consistent;"), session_affinity="ip"),
    case("doc-hash-of-a-cookie", "", to(PAIR % "hash $cookie_sid;"), session_affinity="cookie"),
    case("doc-hash-of-a-header", "", to(PAIR % "hash $http_x_session consistent;"), session_affinity="header"),
    case("doc-hash-of-the-path", "", to(PAIR % "hash $request_uri consistent;"), session_affinity="hash"),
    case("doc-hash-of-an-argument", "", to(PAIR % "hash $arg_room;"), session_affinity="hash"),
    case("doc-hash-of-two", "", to(PAIR % "hash $remote_addr$http_user_agent;"), session_affinity="hash"),
    case("house-hash-of-a-map", "", to("map $cookie_sid $key { default $cookie_sid; '' $request_id; }" + PAIR % "hash $key;"), session_affinity="cookie"),
    case("doc-sticky-cookie", "", to(PAIR % "sticky cookie srv;"), session_affinity="cookie"),
    case("doc-least-conn", "", to(PAIR % "least_conn;"), session_affinity="none"),
    case("doc-round-robin", "", to(PAIR % ""), session_affinity="none"),
    case("source-the-last-method-counts", "", to(PAIR % "ip_hash; least_conn;"), session_affinity="none"),
    case("doc-an-address", "", session_affinity="none"),
    case("house-groups-by-map", "", handled("proxy_pass http://$to;", http=PAIR % "ip_hash;" + "map $uri $to { default u; }"), session_affinity="ip"),
    case("house-groups-that-differ", "", handled("proxy_pass http://$to;", http=PAIR % "ip_hash;" + "map $uri $to { default u; /a 10.0.0.1; }"), session_affinity=ANY),
    case("house-a-group-by-set", "set $to u;", handled("proxy_pass http://$to;", http=PAIR % "ip_hash;"), session_affinity="ip", retries=True),
    # ---- logs ----
    case("P128-default", "", query_logged=True),
    case("P128-combined", "access_log /l combined;", query_logged=True),
    case("P128-no-format", "access_log /l;", query_logged=True),
    case("P128-off", "access_log off;", query_logged=False),
    case("doc-off-above", "", http("access_log off;"), query_logged=False),
    case("doc-logs-are-replaced-as-a-list", "access_log /l;", http("access_log off;"), query_logged=True),
    case("P128-path-only", "access_log /l f;", http("log_format f '$remote_addr $uri $status';"), query_logged=False),
    case("P128-request-uri", "access_log /l f;", http("log_format f '$request_method $request_uri';"), query_logged=True),
    case("P128-args", "access_log /l f;", http("log_format f escape=json '{\"q\":\"$args\"}';"), query_logged=True),
    case("P128-one-argument", "access_log /l f;", http("log_format f '$uri $arg_token';"), query_logged=EITHER),
    case("P128-in-braces", "access_log /l f;", http("log_format f '${request}';"), query_logged=True),
    case("P128-referer-is-another's", "access_log /l f;", http("log_format f '$uri $http_referer';"), query_logged=False),
    case("P128-one-of-several", "access_log /a f; access_log /b;", http("log_format f '$uri';"), query_logged=True),
    case("house-masked-by-map", "access_log /l f;", http(r"log_format f '$path'; map $request_uri $path { default -; ~^(?<p>[^?]*) $p; }"), query_logged=False),
    case("house-masked-in-part", "access_log /l f;",
         http(r"log_format f '$q'; map $args $q { default $args; ~^(token|key)= masked; }"), query_logged=False),
    case("house-kept-by-map", "access_log /l f;", http("log_format f '$q'; map $args $q { default $args; '' -; }"), query_logged=True),
    case("house-kept-by-set", "set $q $request_uri; access_log /l f;", http("log_format f '$q';"), query_logged=True),
    case("house-logged-on-a-condition", "access_log /l combined if=$bad;", http("map $status $bad { ~^[45] 1; default 0; }"), query_logged=EITHER),
    case("house-logged-on-a-condition-of-the-path", "access_log /l combined if=$log;", http("map $uri $log { /x 0; default 1; }"), query_logged=False),
    case("house-logged-on-no-condition", "access_log /l combined if=0;", query_logged=False),
    # ---- aborts ----
    case("G01-abort", "", abort_propagates=True),
    case("G02-ignored", "proxy_ignore_client_abort on;", abort_propagates=False),
    case("doc-ignored-above", "", http("proxy_ignore_client_abort on;"), abort_propagates=False),
    case("O01-grpc-abort", "", handled("grpc_pass 127.0.0.1:9;", http="proxy_ignore_client_abort on;"), abort_propagates=True),
    # ---- max_streams ----
    case("section-8-slots", "", max_streams=255),
    case("section-8-workers", "", {"main": "worker_processes 4;"}, max_streams=4 * 255),
    case("section-8-a-worker-a-core", "", {"main": "worker_processes auto;"}, max_streams=Between(255, FOREVER)),
    case("section-8-files", "", {"main": "worker_rlimit_nofile 102;"}, max_streams=Between(34, 50)),
    case("section-8-listeners", "", {"listen": "listen 80; listen 81; listen 127.0.0.1:80; listen [::]:80;"}, max_streams=254),
    case("I03-max-conns", "", to("upstream u { zone u 64k; server 127.0.0.1:81 max_conns=2; server 127.0.0.1:82 max_conns=3; }"), max_streams=5),
    case("P133-max-conns-per-worker", "", to("upstream u { server 127.0.0.1:81 max_conns=2; }", main="worker_processes 3;"), max_streams=Between(2, 6)),
    case("I03-one-server-without", "", to("upstream u { zone u 64k; server 127.0.0.1:81 max_conns=2; server 127.0.0.1:82; }"), max_streams=255),
    case("I01-limit-conn-of-the-server", "limit_conn all 2;", http("limit_conn_zone $server_port zone=all:1m;"), max_streams=2),
    case("differential-limit-conn-of-a-server-without-a-name", "limit_conn all 2;", http("limit_conn_zone $server_name zone=all:1m;"), max_streams=255),
    case("I01-limit-conn-of-a-client", "limit_conn one 2;", http("limit_conn_zone $binary_remote_addr zone=one:1m;"), max_streams=255),
    case("house-limit-conn-of-something", "limit_conn some 2;", http("limit_conn_zone $host zone=some:1m;"), max_streams=Between(2, 255)),
    case("doc-limit-conn-dry-run", "limit_conn all 2; limit_conn_dry_run on;", http("limit_conn_zone $server_port zone=all:1m;"), max_streams=255),
    # ---- blocks inside ----
    case("J03-settings-inside-if", H11 + "if ($a) { proxy_pass http://127.0.0.1:82; }", upstream_http_version="1.1", response_buffering=True),
    case("J03-gzip-inside-if", H11 + "gzip on; gzip_types *; if ($a) { gzip off; }", compression=EITHER, stalls_on=EITHER_SET),
    case("J03-log-inside-if", "if ($a) { access_log off; }", query_logged=EITHER),
    case("doc-if-that-answers", "if ($a) { access_log off; return 403; }", query_logged=True),
    case("doc-if-that-only-sets", "if ($a) { set $b 1; }", query_logged=True),
    case("doc-limit-except", "limit_except GET { proxy_pass http://u; }", http(PAIR % "ip_hash;"), session_affinity=ANY),
    case("doc-limit-except-that-denies", "limit_except GET { deny all; }", query_logged=True, session_affinity="none"),
    case("section-10-two-handlers", "grpc_pass 127.0.0.1:9;", upstream_http_version="2"),
    case("section-10-two-handlers-the-other-way", PASS + H11, handled("grpc_pass 127.0.0.1:9;"), upstream_http_version="1.1"),
    case("J04b-nested-with-its-own-pass", "", {"handler": f"{H11} {OFF} location /x/y {{ {PASS} }}"}, response_buffering=False, upstream_http_version="1.1"),
]  # fmt: skip


def routes_of(text: str, version: str = NEW) -> list[ReadRoute]:
    """Every route of a config."""
    config = load_texts({"nginx.conf": text})
    assert not config.problems, config.problems
    return read(config, version)


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("of", CASES, ids=[each.name for each in CASES])
def test_a_small_config_is_read_as_nginx_takes_it(of: Case, version: str) -> None:
    """Each property as it was measured, or as nginx's documentation and source have it."""
    (route,) = routes_of(of.text(), version)

    for name, wanted in of.wanted.items():
        value = wanted[version == NEW] if isinstance(wanted, tuple) else wanted
        if not isinstance(value, Between):
            value = exactly(frozenset(value) if isinstance(value, set) else value)
        assert getattr(route.reading.behavior, name) == value, (name, route.reading.evidence[name])


def test_there_are_cases_for_every_property() -> None:
    """And enough of them; none has the name of another."""
    assert {name for each in CASES for name in each.wanted} == set(properties())
    assert len(CASES) == len({each.name for each in CASES})
    assert len(CASES) >= 120


def test_there_is_one_function_a_property_in_the_order_of_the_behavior() -> None:
    """So that a reader of behavior.py finds his way."""
    assert [name for name, _ in PROPERTIES] == list(properties())


# ---- evidence ----

EVIDENCE = """\
events {}
http {
    proxy_read_timeout 90s;
    upstream u { server 127.0.0.1:1; ip_hash; }
    server {
        listen 8080;
        client_max_body_size 5m;
        location /x {
            proxy_pass http://u;
            proxy_connect_timeout
                3s;  # a comment
            proxy_set_header Connection "";
        }
    }
}
"""


@pytest.mark.parametrize(
    ("name", "kind", "line", "text"),
    [
        ("upstream_idle_timeout", "inherited", 3, "proxy_read_timeout 90s"),
        ("request_body_limit", "inherited", 7, "client_max_body_size 5m"),
        ("connect_timeout", "config", 10, "proxy_connect_timeout 3s"),
        ("upstream_connection_header", "config", 12, 'proxy_set_header Connection ""'),
        ("send_timeout", "default", None, "send_timeout 60s (default of 1.30)"),
        ("upstream_http_version", "default", None, "proxy_http_version 1.1 (default of 1.30)"),
        ("session_affinity", "config", 4, "ip_hash"),
        ("client_http_versions", "inherited", 6, "listen 8080"),
        ("total_timeout", "default", None, "nginx has no limit on a whole exchange"),
        ("query_logged", "default", None, "access_log logs/access.log combined (default of 1.30)"),
    ],
)
def test_every_answer_says_what_decides_it(name: str, kind: str, line: int | None, text: str) -> None:
    """The directive and its place, whether it stands in the route's own block, or the default and whose it is."""
    (route,) = routes_of(EVIDENCE)
    evidence = route.reading.evidence[name]

    assert (evidence.kind, evidence.span.line if evidence.span else None, evidence.text) == (kind, line, text)


def test_evidence_is_a_mapping_of_every_property() -> None:
    """In the order of the behavior, equal where it says the same, and fit for print."""
    one, other = routes_of(EVIDENCE)[0].reading, routes_of(EVIDENCE)[0].reading

    assert list(one.evidence) == list(properties())
    assert len(one.evidence) == len(properties())
    assert one == other
    assert all(isinstance(evidence, Evidence) for evidence in one.evidence.values())
    assert "proxy_read_timeout 90s" in repr(one.evidence)
    assert set(one.to_json()) == set(properties())


def test_a_file_that_is_included_twice_is_read_in_each_of_its_contexts() -> None:
    """The same directive is the route's own in one, and inherited in the other."""
    texts = {
        "nginx.conf": f"events {{}} http {{ server {{ include s.conf; location /a {{ {PASS} }} }} server {{ location /b {{ {PASS} include s.conf; }} }} }}",
        "s.conf": "proxy_read_timeout 7s;",
    }
    first, second = read(load_texts(texts), NEW)

    assert [route.reading.evidence["upstream_idle_timeout"].kind for route in (first, second)] == [
        "inherited",
        "config",
    ]
    assert {route.reading.behavior.upstream_idle_timeout for route in (first, second)} == {exactly(7.0)}
    assert {str(route.reading.evidence["upstream_idle_timeout"].span) for route in (first, second)} == {"s.conf:1:1"}


# ---- which routes there are ----

MANY = f"""\
events {{}}
http {{
    server {{
        listen 80 default_server;
        location / {{ {PASS} }}
        location = /exact {{ {PASS} }}
        location ^~ /caret {{ {PASS} location ~ nested {{ {PASS} }} location /caret/dead {{ root /x; }} }}
        location ~* "^/re{{2}}" {{ {PASS} }}
        location ~ case {{ grpc_pass 127.0.0.1:9; }}
        location @named {{ {PASS} }}
        location /files {{ root /srv; }}
        location /answers {{ return 200; {PASS} }}
        location /if {{ if ($a) {{ {PASS} }} }}
        location /except {{ limit_except GET {{ {PASS} }} }}
    }}
    server {{ server_name _; return 301 https://x; location / {{ {PASS} }} location @later {{ {PASS} }} }}
    server {{ server_name "" a.example; location / {{ {PASS} }} }}
    server {{ server_name B.example *.b.example; location / {{ {PASS} }} }}
    server {{ server_name ~^; location / {{ {PASS} }} }}
    server {{ server_name ~^(www\\.)?c\\.example$; location / {{ {PASS} }} }}
}}
"""


def test_every_location_that_hands_requests_on_is_a_route() -> None:
    """Nested ones, named ones, and those whose inner blocks do; none that answers by itself."""
    found = [(route.host, route.kind, route.path) for route in routes_of(MANY)]

    assert sorted(found[:9]) == sorted(
        [
            (None, "prefix", "/"), (None, "exact", "/exact"), (None, "no-regex", "/caret"), (None, "regex", "nested"), (None, "regex-i", "^/re{2}"),
            (None, "regex", "case"), (None, "named", "@named"), (None, "prefix", "/if"), (None, "prefix", "/except"),
        ]
    )  # fmt: skip
    assert found[9:] == [
        (None, "named", "@later"), ("a.example", "prefix", "/"), ("b.example", "prefix", "/"), (None, "prefix", "/"),
        ("~^(www\\.)?c\\.example$", "prefix", "/"),
    ]  # fmt: skip


def test_a_listener_narrows_what_is_read() -> None:
    """Through port 80 nothing of TLS is seen, and the other way round."""
    config = load_texts(
        {"nginx.conf": f"events {{}} http {{ server {{ listen 80; listen 443 ssl; location / {{ {PASS} {H11} }} }} }}"}
    )
    (http_block,) = read_http(config)
    server = http_block.servers[0]
    location = next(server.locations.all())
    clear, secure = server.listens

    assert read_location(location, http_block, NEW, listener=clear).behavior.stalls_on == exactly(NOTHING)
    assert read_location(location, http_block, NEW, listener=secure).behavior.stalls_on == exactly(TLS_1)
    assert read_location(location, http_block, NEW).behavior.stalls_on == exactly(TLS_1)


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        (None, {"client_idle_timeout": Between(60.0, 3600.0), "compression": NO}),
        ("websocket", {"client_idle_timeout": exactly(3600.0), "compression": EITHER}),
        ("sse", {"client_idle_timeout": exactly(60.0), "compression": NO}),
        ("ndjson", {"client_idle_timeout": exactly(60.0), "compression": EITHER}),
        ("http", {"client_idle_timeout": exactly(60.0), "compression": EITHER}),
        ("grpc-web", {"client_idle_timeout": exactly(60.0), "compression": NO}),
    ],
)
def test_a_known_protocol_decides_what_two_protocols_have_otherwise(
    protocol: str | None, expected: dict[str, Any]
) -> None:
    """The content type, and which silence of a client is meant."""
    body = f"{PASS} {UP} proxy_read_timeout 1h; gzip on; gzip_types application/x-ndjson;"
    config = load_texts({"nginx.conf": f"events {{}} http {{ server {{ location / {{ {body} }} }} }}"})

    (route,) = read(config, NEW, protocol_of=lambda _: protocol)

    assert route.protocol == protocol
    assert {name: getattr(route.reading.behavior, name) for name in expected} == expected


# ---- fragments ----


def fragment(name: str, text: str) -> ReadRoute:
    """The only route of a file that is no whole config."""
    (route,) = read(nginx_config.load(Source(name, text), nginx_config.InMemory({})), NEW)
    return route


def test_of_a_site_file_the_main_file_is_left_open() -> None:
    """How many streams the workers hold is not known, and what the site itself limits is."""
    plain = fragment("site.conf", f"server {{ location / {{ {PASS} }} }}")
    limited = fragment(
        "site.conf",
        "upstream u { zone u 64k; server 127.0.0.1:1 max_conns=9; } server { location / { proxy_pass http://u; } }",
    )

    assert plain.reading.behavior.max_streams == Between(0.0, FOREVER)
    assert limited.reading.behavior.max_streams == Between(0.0, 9.0)
    assert plain.reading.behavior.client_http_versions == exactly(frozenset({"1.1"}))


@pytest.mark.parametrize("text", [f"location /x {{ {PASS} }}", PASS])
def test_of_a_snippet_the_listeners_are_left_open(text: str) -> None:
    """What clients can speak, and with it where a buffered stream stalls and whether gRPC passes, hangs on the server around it."""
    behavior = fragment("snippet.conf", text).reading.behavior

    assert behavior.client_http_versions == Between(NOTHING, frozenset({"1.1", "2", "3"}))
    assert behavior.stalls_on == Between(NOTHING, TLS_1)
    assert (
        fragment("snippet.conf", text.replace("proxy_pass http://127.0.0.1:81", "grpc_pass u")).reading.behavior.grpc
        == EITHER
    )
    assert fragment("snippet.conf", text + H10).reading.behavior.stalls_on.high in (TRANSPORTS, TLS_1)


# ---- what is not understood ----


@pytest.mark.parametrize(
    ("above", "inside", "expected"),
    [
        ("", "", []),
        ("frobnicate on;", "", ["frobnicate on"]),
        ("", "frobnicate on;", ["frobnicate on"]),
        (
            "access_by_lua_block { x() }",
            "body_filter_by_lua_block { y() }",
            ["access_by_lua_block", "body_filter_by_lua_block"],
        ),
        ("lua_package_path /x; log_by_lua_block { x() } more_set_headers 'A: b';", "", []),
        ("modsecurity on; modsecurity_rules_file /x;", "", ["modsecurity on"]),
        ("modsecurity off;", "pagespeed off;", []),
        ("", "perl x::y; js_body_filter a.b;", ["perl x::y", "js_body_filter a.b"]),
        ("vhost_traffic_status_zone; opentelemetry on; geoip2 /x { $y z; }", "", []),
        ("", "if ($a) { gzip off; frob; }", ["frob"]),
        ("brotli on;", "zstd on; sub_filter a b; slice 1m; mirror /m; limit_req zone=a; expires 1h;", []),
    ],
)
def test_what_matters_and_is_not_understood_is_owned_up_to(above: str, inside: str, expected: list[str]) -> None:
    """Inside the location and above it; what only watches, or is switched off, is not told."""
    text = f"events {{}} http {{ {above} server {{ location / {{ {PASS} {inside} }} location /other {{ {PASS} }} }} }}"
    route, other = routes_of(text)

    assert [text[span.column - 1 : span.end_column - 1] for span in route.not_understood] == expected
    assert len(other.not_understood) == len([name for name in expected if name in above])


def test_what_is_not_understood_in_an_upstream_is_told_too() -> None:
    """It decides which server gets a request."""
    text = "events {} http { upstream u { server 127.0.0.1:1; balancer_by_lua_block { x() } } server { location / { proxy_pass http://u; } } }"
    (route,) = routes_of(text)

    assert [span.column for span in route.not_understood] == [text.index("balancer") + 1]
    assert route.reading.behavior.session_affinity == ANY


# ---- numbers ----


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60", 60), ("60s", 60), ("500ms", 0.5), ("1m30s", 90), ("1h 1m", 3660), ("2d", 172800), ("1w", 604800), ("1M", 2592000), ("", None), ("x", None),
     ("-1", None), ("1x", None), ("1.5s", None)],
)  # fmt: skip
def test_durations_are_nginx_durations(text: str, expected: float | None) -> None:
    """A number of seconds, or parts with units; M is a month."""
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("10", 10),
        ("8k", 8192),
        ("8K", 8192),
        ("1m", 2**20),
        ("2g", 2**31),
        ("", None),
        ("1.5m", None),
        ("k", None),
    ],
)
def test_sizes_are_nginx_sizes(text: str, expected: int | None) -> None:
    """Bytes, or k, m and g."""
    assert size(text) == expected


@pytest.mark.parametrize(
    "name",
    ["x", "proxy_read_timeout", "client_max_body_size", "proxy_buffering", "gzip", "proxy_http_version", "proxy_cache"],
)
@pytest.mark.parametrize("value", ["", "$x", "nonsense", "'a b'", "on off"])
def test_what_nginx_would_not_start_with_is_left_open(name: str, value: str) -> None:
    """Never a traceback, and no value out of thin air."""
    routes = routes_of(f"events {{}} http {{ server {{ location / {{ {PASS} {name} {value}; }} }} }}")

    assert len(routes) == 1


def test_hosts_without_a_name_are_any_host() -> None:
    """Also by a pattern that takes all."""
    names = ["", "_", '""', "~^", "~.*", "~^(.*)$", "~^(.+)$", "_ a.example", "~^a"]
    text = (
        "events {} http { " + " ".join(f"server {{ server_name {name}; }}" for name in names if name) + " server { } }"
    )
    (block,) = read_http(load_texts({"nginx.conf": text}))

    assert [host_of(server) for server in block.servers] == [
        None,
        None,
        None,
        None,
        None,
        None,
        "a.example",
        "~^a",
        None,
    ]


def test_a_site_is_the_same_alone_and_in_its_main_file() -> None:
    """But for what the main file says."""
    site = f"server {{ listen 443 ssl; http2 on; server_name a.example; location /x {{ {PASS} {UP} }} }}"
    alone = fragment("site.conf", site).reading.behavior
    (inside,) = routes_of(SITE_IN.format(site))
    differing = {name for name in properties() if getattr(alone, name) != getattr(inside.reading.behavior, name)}

    assert differing == {"max_streams"}
    assert re.search("events", SITE_IN)
    assert alone.upgrade == YES


def test_one_tree_is_read_for_several_versions() -> None:
    """What is remembered for one version says nothing about another."""
    config = load_texts({"nginx.conf": f"events {{}} http {{ server {{ location /x {{ {PASS} }} }} }}"})
    https = read_http(config)
    versions = [
        read(config, version, https=https)[0].reading.behavior.upstream_http_version.low for version in (NEW, OLD, NEW)
    ]

    assert ["1.1", "1.0", "1.1"] == versions
