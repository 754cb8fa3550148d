"""Random bootstraps as people write them, from a seed: every field that decides a property, on every level that may hold it.

Ports, addresses and files are those of a made-up machine (:mod:`tests.differential.envoy.instrument` maps them to real ones): origins are at port
9000 of 127.0.0.2 and on. Envoy's clock cannot be hurried, so durations are a twentieth of what people write.
"""

from __future__ import annotations

import random
from typing import Any

from tests.differential.envoy.tree import HCM, Config, Data

CLEAR, SECURE = (80, 8080, 10000), (443, 8443)
ORIGIN = 9000
TIMES = ("0.5s", "1.25s", "3s", "6s", "15s", "180s")
"""Far enough apart that a measured time tells which one it was."""
SIZES = (1024, 8192, 65536, 524288, 1048576)

_ANY = "type.googleapis.com/"
_FILTERS = f"{_ANY}envoy.extensions.filters.http"
UPSTREAMS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS = f"{_ANY}envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
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
_PROTOCOLS = ("sse", "sse", "sse", "websocket", "websocket", "grpc", "ndjson", "long-poll", "http", "")


class Generator:
    """One config out of one seed, for one version."""

    def __init__(self, seed: int, version: str) -> None:
        """Made by :func:`make`."""
        self.random = random.Random(f"envoy/{version}/{seed}")
        self.config = Config({})
        self.clusters: list[str] = []

    def chance(self, probability: float) -> bool:
        """Whether something is to be, so often."""
        return self.random.random() < probability

    def pick(self, *choices: Any) -> Any:
        """One of them."""
        return self.random.choice(choices)

    def often(self, into: Data, probability: float, **fields: Any) -> None:
        """Put fields into a message, each so often."""
        for name, value in fields.items():
            if self.chance(probability):
                into[name] = value() if callable(value) else value

    def time(self) -> str:
        """A duration, which may be none."""
        return "0s" if self.chance(0.2) else str(self.pick(*TIMES))

    # ---- the whole ----

    def make(self) -> Config:
        """The config."""
        names = ("origin", "app", "chat", "stream_backend", "api.internal")
        made = [self._cluster(name) for name in self.random.sample(names, self.pick(1, 2, 2, 3))]
        self.clusters = [each["name"] for each in made]
        ports = [*self.random.sample(CLEAR, self.pick(1, 1, 2)), *self.random.sample(SECURE, self.pick(0, 0, 1))]
        doors = [self._listener(port) for port in ports]
        data: Data = {}
        if self.chance(0.5):
            data["admin"] = {"address": _socket("127.0.0.1", 9901)}
        data["static_resources"] = {"listeners": doors, "clusters": made}
        self.config.data = data
        return self.config

    # ---- clusters ----

    def _cluster(self, name: str) -> Data:
        made: Data = {"name": name}
        self.often(made, 0.5, connect_timeout=lambda: self.pick(*TIMES))
        self.often(made, 0.5, type="STATIC")
        made["load_assignment"] = {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _socket("127.0.0.2", ORIGIN)}}]}],
        }
        return made

    # ---- listeners ----

    def _listener(self, port: int) -> Data:
        made: Data = {"name": f"listener_{port}", "address": _socket("0.0.0.0", port)}
        made["filter_chains"] = [self._chain(port)]
        return made

    def _chain(self, port: int) -> Data:
        chain: Data = {
            "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": self._manager()}]
        }
        if port in SECURE:
            files = {"certificate_chain": {"filename": CERTIFICATE}, "private_key": {"filename": KEY}}
            common: Data = {"tls_certificates": [files]}
            self.often(
                common, 0.8, alpn_protocols=lambda: self.pick(["h2", "http/1.1"], ["h2,http/1.1"], ["http/1.1"], ["h2"])
            )
            chain["transport_socket"] = {
                "name": "envoy.transport_sockets.tls",
                "typed_config": {"@type": _TLS, "common_tls_context": common},
            }
        return chain

    def _manager(self) -> Data:
        made: Data = {"@type": HCM, "stat_prefix": self.pick("ingress_http", "edge", "in")}
        self.often(made, 0.15, codec_type=lambda: self.pick("AUTO", "AUTO", "HTTP1", "auto"))
        self.often(made, 0.35, stream_idle_timeout=self.time)
        made["route_config"] = self._table()
        made["http_filters"] = [
            *self._filters(),
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_FILTERS}.router.v3.Router"}},
        ]
        return made

    def _filters(self) -> list[Data]:
        made: list[Data] = []
        if self.chance(0.2):
            made.append(
                {
                    "name": "envoy.filters.http.buffer",
                    "typed_config": {"@type": f"{_FILTERS}.buffer.v3.Buffer", "max_request_bytes": self.pick(*SIZES)},
                }
            )
        return made

    # ---- routes ----

    def _table(self) -> Data:
        made: Data = {}
        self.often(made, 0.7, name="local_route")
        hosts: list[Data] = []
        free = list(_HOSTS)
        for number in range(self.pick(1, 1, 2, 3)):
            domains = [free.pop(self.random.randrange(len(free))) for _ in range(self.pick(1, 1, 1, 2))]
            hosts.append({"name": f"host_{number}", "domains": domains, "routes": self._routes()})
        if self.chance(0.5) and "*" in free:
            hosts[-1]["domains"] = ["*"]
        made["virtual_hosts"] = hosts
        return made

    def _routes(self) -> list[Data]:
        made = [self._route() for _ in range(self.pick(1, 2, 3, 4, 5))]
        # People put the one for everything at the end.
        made.sort(key=lambda route: route["match"].get("prefix") == "/" and self.chance(0.9))
        return made

    def _route(self) -> Data:
        route: Data = {"match": self._match()}
        self.often(route, 0.25, name=lambda: f"route_{self.random.randrange(100)}")
        kind = self.random.random()
        if kind < 0.06:
            route["direct_response"] = {"status": self.pick(200, 403, 404, 503), "body": {"inline_string": "no\n"}}
        elif kind < 0.12:
            route["redirect"] = self._redirect()
        else:
            route["route"] = self._action()
            protocol = self.pick(*_PROTOCOLS)
            if protocol:
                self.config.protocols[id(route)] = protocol
        return route

    def _redirect(self) -> Data:
        made: Data = {"path_redirect": "/elsewhere"}
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
        return made

    def _action(self) -> Data:
        made: Data = {"cluster": self.pick(*self.clusters)}
        self.often(made, 0.6, timeout=self.time)
        self.often(made, 0.25, idle_timeout=self.time)
        return made


def _socket(address: str, port: int) -> Data:
    return {"socket_address": {"address": address, "port_value": port}}


def make(seed: int, version: str) -> Config:
    """The config of that seed for that version."""
    return Generator(seed, version).make()
