"""Random bootstraps as people write them, from a seed: every field that decides a property, on every level that may hold it.

Ports, addresses and files are those of a made-up machine (:mod:`tests.differential.envoy.instrument` maps them to real ones): origins are at port
9000 of 127.0.0.2 and on. Envoy's clock cannot be hurried, so durations are a twentieth of what people write.
"""

from __future__ import annotations

import random
from typing import Any

from tests.differential.envoy.tree import HCM, Config, Data, copied

CLEAR, SECURE = (80, 8080, 10000), (443, 8443)
ORIGIN = 9000
TIMES = ("0.5s", "1.25s", "3s", "6s", "15s", "180s")
"""Far enough apart that a measured time tells which one it was."""
SIZES = (1024, 8192, 65536, 524288, 1048576)

_ANY = "type.googleapis.com/"
_FILTERS = f"{_ANY}envoy.extensions.filters.http"
UPSTREAMS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS = f"{_ANY}envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
ROUTER: Data = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_FILTERS}.router.v3.Router"}}
_FILTER_CONFIG = f"{_ANY}envoy.config.route.v3.FilterConfig"
CERTIFICATE, KEY, LOG = "/etc/envoy/tls/cert.pem", "/etc/envoy/tls/key.pem", "/var/log/envoy/access.log"

_PATHS = ("/", "/api", "/api/", "/api/v1/", "/events", "/events/", "/chat", "/v1/chat/completions", "/ws", "/ws/", "/socket", "/stream/",
          "/app", "/admin/", "/Assets/", "/poll", "/rpc", "/a", "/api/events", "/test.Streams/")  # fmt: skip
_REGEXES = (
    "/api/(v\\d+)/stream",
    ".*\\.(js|css)",
    "/ws.*",
    "/chat/[^/]+/?",
    ".*\\.json",
    "/(app|admin)/.*",
    ".*[A-Z].*",
)
_HOSTS = ("example.com", "www.example.com", "api.example.com", "*.example.com", "*.example.org", "chat.*", "*-live.example.net", "stream.example.net",
          "API.example.org", "*")  # fmt: skip
_SERVERS = (("example.com", "www.example.com"), ("*.example.com",), ("api.example.com",), ("*.example.net",))
_PROTOCOLS = ("sse", "sse", "sse", "websocket", "websocket", "grpc", "ndjson", "long-poll", "http", "")
_STATUSES = (500, 502, 503, 504, 403, 404, 409, 429)
_RETRY_ON = ("5xx", "gateway-error", "reset", "connect-failure", "refused-stream", "retriable-4xx", "reset-before-request", "envoy-ratelimited",
             "retriable-status-codes", "retriable-headers", "unavailable", "cancelled", "resource-exhausted", "deadline-exceeded", "internal")  # fmt: skip
_FORMATS: tuple[Any, ...] = (
    {
        "text_format_source": {
            "inline_string": "%START_TIME% %REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %RESPONSE_CODE%\n"
        }
    },
    {"text_format_source": {"inline_string": "%REQ(:PATH)% %DURATION%\n"}},
    {"text_format_source": {"inline_string": "%PATH(NQ:ORIG_OR_PATH)% %RESPONSE_FLAGS%\n"}},
    {"text_format_source": {"inline_string": "%REQ(:METHOD)% %REQ(USER-AGENT)% %RESPONSE_CODE%\n"}},
    {"json_format": {"path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%"}},
    {"json_format": {"path": "%PATH(NQ)%", "code": "%RESPONSE_CODE%", "host": "%REQ(:AUTHORITY)%"}},
)
_SCRIPTS = (
    'function envoy_on_request(handle)\n  handle:headers():add("x-edge", "1")\nend\n',
    "function envoy_on_request(handle)\n  local body = handle:body()\nend\n",
    "function envoy_on_response(handle)\n  local body = handle:body()\n  local size = body and body:length() or 0\nend\n",
    "function envoy_on_response(handle)\n  for chunk in handle:bodyChunks() do\n    local size = chunk:length()\n  end\nend\n",
    'function envoy_on_request(handle)\n  handle:headers():remove("accept-encoding")\nend\n',
    'function envoy_on_response(handle)\n  if handle:headers():get("content-type") == "application/json" then\n    local body = handle:body()\n  end\nend\n',
)


class Generator:
    """One config out of one seed, for one version."""

    def __init__(self, seed: int, version: str) -> None:
        """Made by :func:`make`."""
        self.random = random.Random(f"envoy/{version}/{seed}")
        self.config = Config({})
        self.clusters: list[str] = []
        self.mirrored = ""
        self.apart = False
        """Whether handshakes of the connection manager at hand pass filters of their own."""
        self.filters: dict[str, str] = {}
        """The filters of the connection manager at hand: name → kind."""

    def chance(self, probability: float) -> bool:
        """Whether something is to be, so often."""
        return self.random.random() < probability

    def pick(self, *choices: Any) -> Any:
        """One of them."""
        return copied(self.random.choice(choices))

    def often(self, into: Data, probability: float, **fields: Any) -> None:
        """Put fields into a message, each so often."""
        for name, value in fields.items():
            if self.chance(probability):
                into[name] = value() if callable(value) else copied(value)

    def time(self) -> Any:
        """A duration, which may be none; as people write it, or as an object."""
        said = "0s" if self.chance(0.2) else str(self.pick(*TIMES))
        return {"seconds": int(said[:-1])} if "." not in said and self.chance(0.05) else said

    def some(self, *times: str) -> str:
        """A duration that is one."""
        return str(self.pick(*(times or TIMES)))

    # ---- the whole ----

    def make(self) -> Config:
        """The config."""
        names = ("origin", "app", "chat", "stream_backend", "api.internal")
        made = [self._cluster(name) for name in self.random.sample(names, self.pick(1, 2, 2, 3))]
        self.clusters = [each["name"] for each in made]
        if self.chance(0.1):
            self.mirrored = "shadow"
            made.append(self._cluster("shadow"))
        ports = [*self.random.sample(CLEAR, self.pick(1, 1, 2)), *self.random.sample(SECURE, self.pick(0, 0, 1))]
        doors = [self._listener(port) for port in ports]
        data: Data = {}
        if self.chance(0.5):
            data["admin"] = {"address": _socket("127.0.0.1", 9901)}
        data["static_resources"] = {"listeners": doors, "clusters": made}
        self.config.data = data
        self.config.camel = self.chance(0.12)
        return self.config

    # ---- clusters ----

    def _cluster(self, name: str) -> Data:
        made: Data = {"name": name}
        self.often(made, 0.5, connect_timeout=self.some)
        kind = self.random.random()
        if kind < 0.25:
            made["type"] = self.pick("STATIC", "STATIC", "static", 0)
        elif kind < 0.45:
            made |= {"type": self.pick("STRICT_DNS", "LOGICAL_DNS"), "dns_lookup_family": "V4_ONLY"}
        named = made.get("type") in {"STRICT_DNS", "LOGICAL_DNS"}
        self.often(
            made, 0.35, lb_policy=lambda: self.pick("ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "RING_HASH", "MAGLEV")
        )
        hosts = ["localhost"] if named else [f"127.0.0.{number + 2}" for number in range(self.pick(1, 1, 1, 2, 3))]
        made["load_assignment"] = {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _socket(host, ORIGIN)}} for host in hosts]}],
        }
        self.often(made, 0.35, circuit_breakers=self._breakers)
        self.often(
            made, 0.12, outlier_detection=lambda: {"consecutive_5xx": self.pick(3, 5), "base_ejection_time": "30s"}
        )
        self.often(made, 0.12, per_connection_buffer_limit_bytes=lambda: self.pick(32768, 65536, 1048576))
        if self.chance(0.1):
            made["upstream_connection_options"] = {"tcp_keepalive": {"keepalive_time": 60}}
        protocol = self.random.random()
        if protocol < 0.4:
            options = self._options()
            made["typed_extension_protocol_options"] = {UPSTREAMS: {"@type": _ANY + UPSTREAMS, **options}}
        elif protocol < 0.47:
            made["http2_protocol_options"] = {}
        return made

    def _options(self) -> Data:
        kind = self.random.random()
        if kind < 0.4:
            made: Data = {"explicit_http_config": {"http2_protocol_options": {}}}
            self.often(
                made["explicit_http_config"]["http2_protocol_options"],
                0.2,
                max_concurrent_streams=lambda: self.pick(4, 100),
            )
        elif kind < 0.85:
            made = {"explicit_http_config": {"http_protocol_options": {}}}
        else:
            made = {"use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": {}}}
        common: Data = {}
        self.often(common, 0.3, max_stream_duration=self.time)
        self.often(common, 0.3, idle_timeout=self.time)
        if common:
            made["common_http_protocol_options"] = common
        self.often(made, 0.12, retry_policy=self._retries)
        self.often(made, 0.06, hash_policy=self._hashes)
        return made

    def _breakers(self) -> Data:
        each: Data = {}
        self.often(each, 0.2, priority=lambda: self.pick("DEFAULT", "DEFAULT", "HIGH"))
        self.often(each, 0.5, max_connections=lambda: self.pick(4, 12, 30, 1000, 10000))
        self.often(each, 0.5, max_requests=lambda: self.pick(4, 12, 30, 1000, 10000))
        self.often(each, 0.25, max_pending_requests=lambda: self.pick(50, 1000))
        self.often(each, 0.2, max_retries=lambda: self.pick(3, 10))
        made: Data = {"thresholds": [each]}
        if self.chance(0.15):
            made["per_host_thresholds"] = [{"max_connections": self.pick(5, 20, 100)}]
        return made

    # ---- listeners ----

    def _listener(self, port: int) -> Data:
        made: Data = {"name": f"listener_{port}", "address": _socket("0.0.0.0", port)}
        self.often(made, 0.15, per_connection_buffer_limit_bytes=lambda: self.pick(*SIZES))
        self.often(made, 0.06, per_connection_buffer_high_watermark_timeout=self.time)
        codec = self.pick("HTTP1", "AUTO", "auto", "HTTP2") if self.chance(0.2) else ""
        if port not in SECURE:
            made["filter_chains"] = [self._chain(port, codec)]
            return made
        made["listener_filters"] = [
            {
                "name": "envoy.filters.listener.tls_inspector",
                "typed_config": {"@type": f"{_ANY}envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"},
            }
        ]
        named = self.random.sample(_SERVERS, self.pick(0, 0, 1, 2))
        chains = [{"filter_chain_match": {"server_names": list(names)}, **self._chain(port, codec)} for names in named]
        if not chains or self.chance(0.5):
            chains.append(self._chain(port, codec))
        elif self.chance(0.6):
            made["default_filter_chain"] = self._chain(port, codec)
        made["filter_chains"] = chains
        return made

    def _chain(self, port: int, codec: str) -> Data:
        filters: list[Data] = []
        if self.chance(0.08):
            limit = {"stat_prefix": "limit", "max_connections": self.pick(6, 20, 5000)}
            kind = f"{_ANY}envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit"
            filters.append({"name": "envoy.filters.network.connection_limit", "typed_config": {"@type": kind, **limit}})
        filters.append({"name": "envoy.filters.network.http_connection_manager", "typed_config": self._manager(codec)})
        chain: Data = {"filters": filters}
        if port in SECURE:
            files = {"certificate_chain": {"filename": CERTIFICATE}, "private_key": {"filename": KEY}}
            common: Data = {"tls_certificates": [files]}
            offers = self.pick(["h2", "http/1.1"], ["h2,http/1.1"], ["http/1.1"], ["h2"])
            self.often(common, 0.8, alpn_protocols=offers)
            if codec == "HTTP2":
                common["alpn_protocols"] = ["h2"]
            chain["transport_socket"] = {
                "name": "envoy.transport_sockets.tls",
                "typed_config": {"@type": _TLS, "common_tls_context": common},
            }
        return chain

    def _manager(self, codec: str) -> Data:
        made: Data = {"@type": HCM, "stat_prefix": self.pick("ingress_http", "edge", "in")}
        if codec:
            made["codec_type"] = codec
        self.often(made, 0.35, stream_idle_timeout=self.time)
        self.often(made, 0.08, request_timeout=self.time)
        self.often(made, 0.08, drain_timeout=self.some, delayed_close_timeout="1s", request_headers_timeout="15s")
        common: Data = {}
        self.often(common, 0.12, max_stream_duration=self.time, idle_timeout=self.time)
        self.often(common, 0.08, max_connection_duration=self.some, headers_with_underscores_action="REJECT_REQUEST")
        if common:
            made["common_http_protocol_options"] = common
        if self.chance(0.15):
            two: Data = {}
            self.often(
                two,
                0.4,
                max_concurrent_streams=lambda: self.pick(60, 100),
                initial_stream_window_size=lambda: self.pick(65536, 1048576),
                allow_connect=True,
            )
            made["http2_protocol_options"] = two
        self.often(made, 0.15, use_remote_address=True, normalize_path=True, merge_slashes=True)
        self.often(made, 0.06, strip_any_host_port=True, strip_trailing_host_dot=True)
        self.often(
            made,
            0.08,
            path_with_escaped_slashes_action=lambda: self.pick(
                "REJECT_REQUEST", "UNESCAPE_AND_FORWARD", "KEEP_UNCHANGED", "UNESCAPE_AND_REDIRECT"
            ),
        )
        if "strip_any_host_port" not in made:
            self.often(made, 0.06, strip_matching_host_port=True)
        self.often(made, 0.5, access_log=lambda: [self._log() for _ in range(self.pick(1, 1, 1, 2))])
        filters = self._filters()
        self.apart = False
        self.filters = {each["name"]: _kind(each) for each in filters}
        self.often(made, 0.4, upgrade_configs=lambda: self._upgrades(filters=True))
        made["route_config"] = self._table()
        made["http_filters"] = [*filters, copied(ROUTER)]
        return made

    def _log(self) -> Data:
        kind, config = self.pick(
            ("file", {"@type": f"{_ANY}envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": LOG}),
            ("stdout", {"@type": f"{_ANY}envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"}),
        )
        self.often(config, 0.6, log_format=lambda: self.pick(*_FORMATS))
        made: Data = {"name": f"envoy.access_loggers.{kind}", "typed_config": config}
        if self.chance(0.1):
            comparison = {"op": "GE", "value": {"default_value": 400, "runtime_key": "access_log.min"}}
            made["filter"] = {"status_code_filter": {"comparison": comparison}}
        return made

    def _upgrades(self, *, filters: bool = False) -> list[Data]:
        entry: Data = {"upgrade_type": self.pick("websocket", "websocket", "websocket", "WebSocket", "CONNECT")}
        self.often(entry, 0.3, enabled=lambda: self.chance(0.5))
        if filters and self.chance(0.1):
            entry["filters"] = [copied(ROUTER)]
            self.apart = True
        return [entry]

    # ---- filters ----

    def _filters(self) -> list[Data]:
        kinds = (
            self._buffer,
            self._compressor,
            self._lua,
            self._size_limit,
            self._mutation,
            self._harmless,
            self._harmless,
            self._bridge,
        )
        made: dict[str, Data] = {}
        for _ in range(self.pick(0, 0, 1, 1, 2, 3)):
            each = self.random.choice(kinds)()
            self.often(each, 0.08, disabled=True)
            made.setdefault(each["name"], each)
        return list(made.values())

    def _filter(self, kind: str, message: str, **fields: Any) -> Data:
        name = f"envoy.filters.http.{kind}" if self.chance(0.85) else f"my_{kind}"
        return {"name": name, "typed_config": {"@type": f"{_FILTERS}.{kind}.v3.{message}", **fields}}

    def _buffer(self) -> Data:
        return self._filter("buffer", "Buffer", max_request_bytes=self.pick(*SIZES))

    def _size_limit(self) -> Data:
        return self._filter("body_size_limit", "BodySizeLimit", max_request_bytes=self.pick(*SIZES))

    def _compressor(self) -> Data:
        kind, message = self.pick(("gzip", "Gzip"), ("gzip", "Gzip"), ("brotli", "Brotli"), ("zstd", "Zstd"))
        library = {
            "name": kind,
            "typed_config": {"@type": f"{_ANY}envoy.extensions.compression.{kind}.compressor.v3.{message}"},
        }
        fields: Data = {"compressor_library": library}
        common: Data = {}
        types = (
            ["text/event-stream"],
            ["application/json", "text/html"],
            ["application/x-ndjson", "text/event-stream"],
        )
        if self.chance(0.35):
            common["content_type"] = self.pick(*types)
        elif self.chance(0.2):
            common["content_type_matcher"] = [
                self.pick({"prefix": "text/"}, {"exact": "application/json"}, {"suffix": "+json"})
            ]
        self.often(common, 0.1, enabled={"default_value": False, "runtime_key": "compression"}, min_content_length=100)
        response: Data = {"common_config": common} if common else {}
        self.often(response, 0.15, remove_accept_encoding_header=True, disable_on_etag_header=True)
        if response:
            fields["response_direction_config"] = response
        return self._filter("compressor", "Compressor", **fields)

    def _lua(self) -> Data:
        return self._filter("lua", "Lua", default_source_code={"inline_string": self.pick(*_SCRIPTS)})

    def _mutation(self) -> Data:
        mutations: Data = {}
        self.often(mutations, 0.5, request_mutations=lambda: [{"remove": self.pick("accept-encoding", "x-debug")}])
        self.often(mutations, 0.5, response_mutations=lambda: [{"remove": self.pick("x-accel-buffering", "server")}])
        return self._filter("header_mutation", "HeaderMutation", mutations=mutations)

    def _bridge(self) -> Data:
        kind, message = self.pick(
            ("grpc_http1_bridge", "Config"), ("grpc_web", "GrpcWeb"), ("grpc_stats", "FilterConfig")
        )
        return self._filter(kind, message)

    def _harmless(self) -> Data:
        bucket = {"max_tokens": 100, "tokens_per_fill": 100, "fill_interval": "1s"}
        whole = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
        limits = {"stat_prefix": "limit", "token_bucket": bucket, "filter_enabled": whole, "filter_enforced": whole}
        anybody = {"policies": {"anybody": {"permissions": [{"any": True}], "principals": [{"any": True}]}}}
        gzip = {
            "name": "gzip",
            "typed_config": {"@type": f"{_ANY}envoy.extensions.compression.gzip.decompressor.v3.Gzip"},
        }
        health = {"name": ":path", "string_match": {"exact": "/healthz"}}
        kind, message, fields = self.pick(
            ("cors", "Cors", {}),
            ("local_ratelimit", "LocalRateLimit", limits),
            ("rbac", "RBAC", {"rules": anybody}),
            ("decompressor", "Decompressor", {"decompressor_library": gzip}),
            ("health_check", "HealthCheck", {"pass_through_mode": False, "headers": [health]}),
            ("json_to_metadata", "JsonToMetadata", {"response_rules": {"rules": [{"selectors": [{"key": "model"}], "on_present": {"metadata_namespace": "llm", "key": "model"}}]}}),
        )  # fmt: skip
        return self._filter(kind, message, **fields)

    def _overrides(self) -> Data:
        """What a level says of the filters in front of it."""
        made: Data = {}
        for name, kind in self.filters.items():
            if self.chance(0.35):
                made[name] = self._override(kind)
        if self.chance(0.05):
            made["buffer"] = {"@type": _FILTER_CONFIG, "disabled": True}
        return made

    def _override(self, kind: str) -> Data:
        own: dict[str, tuple[str, Data]] = {
            "buffer": ("BufferPerRoute", self.pick({"disabled": True}, {"buffer": {"max_request_bytes": self.pick(*SIZES)}})),
            "body_size_limit": ("BodySizeLimitPerRoute", {"max_request_bytes": self.pick(*SIZES)}),
            "compressor": (
                "CompressorPerRoute",
                self.pick({"disabled": True}, {"disabled": True}, {"overrides": {"response_direction_config": {"remove_accept_encoding_header": True}}}, {"overrides": {"response_direction_config": {}}}),
            ),
            "lua": ("LuaPerRoute", self.pick({"disabled": True}, {"source_code": {"inline_string": self.pick(*_SCRIPTS)}})),
        }  # fmt: skip
        if kind in own and kind != "body_size_limit" and self.chance(0.6):
            message, fields = own[kind]
            return {"@type": f"{_FILTERS}.{kind}.v3.{message}", **fields}
        return {"@type": _FILTER_CONFIG, **self.pick({"disabled": True}, {"disabled": True}, {"config": {}})}

    # ---- routes ----

    def _headers(self, level: Data, probability: float) -> None:
        """Headers that are set, or taken away."""
        self.often(
            level,
            probability,
            request_headers_to_remove=lambda: [self.pick("accept-encoding", "x-debug", "Accept-Encoding")],
        )
        self.often(
            level,
            probability,
            response_headers_to_remove=lambda: [self.pick("x-accel-buffering", "server", "x-powered-by")],
        )
        if self.chance(probability):
            how = self.pick(
                "APPEND_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS"
            )
            header = self.pick({"key": "accept-encoding", "value": "identity"}, {"key": "x-edge", "value": "yes"})
            level["request_headers_to_add"] = [{"header": header, "append_action": how}]
        if self.chance(probability):
            level["response_headers_to_add"] = [{"header": {"key": "x-served-by", "value": "edge"}}]

    def _table(self) -> Data:
        made: Data = {}
        self.often(made, 0.7, name="local_route")
        self.often(made, 0.05, ignore_port_in_host_matching=True, ignore_path_parameters_in_path_matching=True)
        self._headers(made, 0.04)
        if self.chance(0.08) and (said := self._overrides()):
            made["typed_per_filter_config"] = said
        hosts: list[Data] = []
        free = list(_HOSTS)
        for number in range(self.pick(1, 1, 2, 3)):
            domains = [free.pop(self.random.randrange(len(free))) for _ in range(self.pick(1, 1, 1, 2))]
            if self.chance(0.08):
                domains.append(f"port{number}.example.com:{self.pick(*CLEAR, *SECURE)}")
            hosts.append(self._host(f"host_{number}", domains))
        if self.chance(0.5) and "*" in free:
            hosts[-1]["domains"] = ["*"]
        made["virtual_hosts"] = hosts
        return made

    def _host(self, name: str, domains: list[str]) -> Data:
        made: Data = {"name": name, "domains": domains}
        self.often(made, 0.04, require_tls=lambda: self.pick("ALL", "ALL", "EXTERNAL_ONLY", "NONE"))
        self.often(made, 0.2, retry_policy=self._retries)
        self.often(made, 0.06, request_body_buffer_limit=lambda: self.pick(*SIZES))
        self._headers(made, 0.06)
        if self.chance(0.15) and (said := self._overrides()):
            made["typed_per_filter_config"] = said
        made["routes"] = self._routes()
        return made

    def _routes(self) -> list[Data]:
        made = [self._route() for _ in range(self.pick(1, 2, 3, 4, 5))]
        # People put the one for everything at the end.
        made.sort(key=lambda route: route["match"].get("prefix") == "/" and self.chance(0.9))
        return made

    def _route(self) -> Data:
        route: Data = {"match": self._match()}
        self.often(route, 0.25, name=lambda: f"route_{self.random.randrange(100)}")
        self._headers(route, 0.06)
        kind = self.random.random()
        if kind < 0.06:
            route["direct_response"] = {"status": self.pick(200, 403, 404, 503), "body": {"inline_string": "no\n"}}
        elif kind < 0.12:
            route["redirect"] = self._redirect()
        else:
            route["route"] = self._action()
            protocol = "grpc" if "grpc" in route["match"] else self.pick(*_PROTOCOLS)
            # Where handshakes have filters of their own, other requests tell nothing of sockets.
            if protocol and not (protocol == "websocket" and self.apart):
                self.config.protocols[id(route)] = protocol
        if self.chance(0.3) and (said := self._overrides()):
            route["typed_per_filter_config"] = said
        self.often(route, 0.05, request_body_buffer_limit=lambda: self.pick(*SIZES))
        return route

    def _redirect(self) -> Data:
        made: Data = {"path_redirect": "/elsewhere"}
        self.often(made, 0.3, https_redirect=True)
        self.often(
            made, 0.3, response_code=lambda: self.pick("FOUND", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT", "SEE_OTHER")
        )
        return made

    def _match(self) -> Data:
        kind = self.random.random()
        path = self.pick(*_PATHS)
        if kind < 0.55:
            made: Data = {"prefix": path}
        elif kind < 0.7:
            made = {"path": path}
        elif kind < 0.85:
            made = {"path_separated_prefix": path.rstrip("/") or "/api"}
        else:
            made = {"safe_regex": {"regex": self.pick(*_REGEXES)}}
        if "safe_regex" not in made:
            self.often(made, 0.08, case_sensitive=False)
        self.often(made, 0.12, headers=lambda: [self._header_match()])
        self.often(
            made,
            0.06,
            query_parameters=lambda: [
                self.pick(
                    {"name": "stream", "string_match": {"exact": "true"}}, {"name": "debug", "present_match": True}
                )
            ],
        )
        self.often(made, 0.05, grpc={})
        self.often(
            made,
            0.04,
            runtime_fraction=lambda: {"default_value": {"numerator": self.pick(0, 100), "denominator": "HUNDRED"}},
        )
        return made

    def _header_match(self) -> Data:
        return dict(self.pick(
            {"name": "x-beta", "present_match": True},
            {"name": "x-beta", "present_match": True, "invert_match": True},
            {"name": "x-mode", "string_match": {"exact": "live"}},
            {"name": "x-mode", "string_match": {"prefix": "li"}, "invert_match": True},
            {"name": "accept", "string_match": {"contains": "text/event-stream"}},
            {"name": ":method", "string_match": {"exact": "GET"}},
            {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD|POST"}}},
        ))  # fmt: skip

    def _action(self) -> Data:
        made: Data = {}
        if self.chance(0.06) and len(self.clusters) > 1:
            shares = [{"name": name, "weight": self.pick(0, 10, 50, 100)} for name in self.clusters]
            shares[0]["weight"] = 50
            made["weighted_clusters"] = {"clusters": shares}
        else:
            made["cluster"] = self.pick(*self.clusters)
        self.often(made, 0.06, prefix_rewrite="/v2", host_rewrite_literal="internal.example.com")
        self.often(made, 0.55, timeout=self.time)
        self.often(made, 0.25, idle_timeout=self.time)
        self.often(made, 0.12, max_stream_duration=self._duration)
        self.often(made, 0.2, retry_policy=lambda: {} if self.chance(0.15) else self._retries())
        self.often(made, 0.2, upgrade_configs=self._upgrades)
        self.often(made, 0.15, hash_policy=self._hashes)
        self.often(made, 0.05, priority="HIGH")
        if self.mirrored and self.chance(0.3):
            made["request_mirror_policies"] = [{"cluster": self.mirrored}]
        return made

    def _duration(self) -> Data:
        made: Data = {}
        self.often(made, 0.75, max_stream_duration=self.time)
        self.often(made, 0.2, grpc_timeout_header_max=self.time)
        return made

    def _retries(self) -> Data:
        made: Data = {"retry_on": ",".join(self.random.sample(_RETRY_ON, self.pick(1, 1, 2, 3)))}
        self.often(made, 0.5, num_retries=lambda: self.pick(0, 1, 2, 3))
        if "retriable-status-codes" in made["retry_on"]:
            self.often(made, 0.8, retriable_status_codes=lambda: self.random.sample(_STATUSES, 2))
        if "retriable-headers" in made["retry_on"]:
            self.often(made, 0.7, retriable_headers=[{"name": "x-again", "present_match": True}])
        self.often(made, 0.2, per_try_timeout=self.time)
        self.often(made, 0.12, per_try_idle_timeout=self.time)
        self.often(made, 0.06, retriable_request_headers=[{"name": ":method", "string_match": {"exact": "GET"}}])
        return made

    def _hashes(self) -> list[Data]:
        kinds: tuple[Data, ...] = (
            {"cookie": {"name": "sid"}},
            {"cookie": {"name": "sid", "ttl": "0s"}},
            {"header": {"header_name": "x-session"}},
            {"connection_properties": {"source_ip": True}},
            {"query_parameter": {"name": "room"}},
        )
        return self.random.sample(kinds, self.pick(1, 1, 1, 2))


def _kind(each: Data) -> str:
    return str(each["typed_config"]["@type"]).split(".")[-3]


def _socket(address: str, port: int) -> Data:
    return {"socket_address": {"address": address, "port_value": port}}


def make(seed: int, version: str) -> Config:
    """The config of that seed for that version."""
    return Generator(seed, version).make()
