"""A stage: a real proxy with a config, an instrumented origin behind it, and clients in front.

Three kinds of config stand on it. *generated* is what proxycfg makes. *stock* is what people write first: pass everything on and leave the rest to
the engine's defaults. *careless* adds the lines that get copied around. Each scenario must pass on the first, and the negatives say where it
must fail on the others, so that no scenario passes for lack of teeth.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from proxycfg import specfile
from proxycfg.generate import generate
from proxycfg.origin import Origin
from proxycfg.source import Source
from tests.clients.http import Client, Transport
from tests.clients.tls import Authority
from tests.engines import RunningProxy, StartProxy, free_port

Kind = Literal["generated", "stock", "careless"]

NGINX_LAPSE = 40
"""How much faster nginx's clock runs on a lapsed stage: its stock 60 s pass in 1.5 s."""
ENVOY_SCALE = 100
"""By how much Envoy's durations are divided on a lapsed stage: its stock 15 s and 300 s are 0.15 s and 3 s then."""
HOST = "chat.example.com"


@dataclass(frozen=True)
class Stage:
    """What a scenario plays on; of a chain, ``engine`` is the innermost hop's and ``proxy`` the outermost."""

    engine: str
    origin: Origin
    web: Origin
    proxy: RunningProxy
    port: int
    secure: bool
    ca: Path
    admin_port: int
    hops: int = 1

    def client(self, transport: Transport, *, timeout: float = 10.0, host: str = HOST) -> Client:
        """A client of the proxy; the timeout is generous because in lock-step it is never used up."""
        return Client(("127.0.0.1", self.port), transport, ca=self.ca, host=host, timeout=timeout)


def fresh(stem: str = "k") -> str:
    """A key that no other exchange of the session has."""
    return f"{stem}-{uuid.uuid4().hex[:12]}"


SPEC = """\
listen:
  port: {port}
{tls}
targets: {{nginx: {{version: "{version}"}}, envoy: {{}}}}
scale: {{streams: 500}}
upstreams:
  # Two servers, so that a request that is sent twice is seen to be.
  pair: {{servers: ["http://127.0.0.1:{origin}", "http://127.0.0.2:{origin}"]}}
  one: http://127.0.0.1:{origin}
  agents: grpc://127.0.0.1:{origin}
  web: http://127.0.0.1:{web}
routes:
{routes}
"""

HTTP_ROUTES = """\
  - {path: /events, protocol: sse, upstream: pair}
  - {path: /v1/chat/completions, protocol: sse, upstream: pair}
  - {path: /lines, protocol: ndjson, upstream: pair}
  - {path: /socket, protocol: websocket, upstream: pair}
  - {path: /long, protocol: long-poll, upstream: pair}
  - {path: /poll, protocol: poll, upstream: pair, cache: 2s}
  - {path: /connect/test.Streams, protocol: connect, upstream: one, strip_prefix: /connect}
  - {path: /, protocol: http, upstream: pair}
"""
GRPC_ROUTES = """\
  - {path: /test.Streams/, protocol: grpc, upstream: agents}
"""
WEB_ROUTES = """\
  - {{path: /web/test.Streams, protocol: grpc-web, upstream: {upstream}, strip_prefix: /web}}
"""


def grpc_alone(engine: str, *, secure: bool) -> bool:
    """Before 1.25.1 a cleartext port of nginx speaks HTTP/1.1 or HTTP/2, so gRPC gets a spec of its own there."""
    return engine == "nginx-1.22" and not secure


def spec_text(
    engine: str, port: int, origin: Origin, web: Origin, authority: Authority | None, *, only_grpc: bool
) -> str:
    """The spec of a generated stage."""
    tls = f"  tls: {{certificate: {authority.cert}, key: {authority.key}}}" if authority else ""
    # Envoy translates gRPC-Web for a plain gRPC origin; nginx passes it to one that speaks it.
    web_routes = WEB_ROUTES.format(upstream="agents" if engine.startswith("envoy") else "web")
    routes = HTTP_ROUTES + web_routes + ("" if grpc_alone(engine, secure=authority is not None) else GRPC_ROUTES)
    version = engine.removeprefix("nginx-") if engine.startswith("nginx") else "1.30"
    routes = GRPC_ROUTES if only_grpc else routes
    return SPEC.format(port=port, tls=tls, version=version, origin=origin.port, web=web.port, routes=routes)


def generated(engine: str, text: str) -> str:
    """The main file that proxycfg makes of the spec for the engine; the spec must leave nothing to complain about."""
    target = engine.split("-", maxsplit=1)[0]
    made = generate(specfile.load(Source("routes.yaml", text)), [target])
    errors = [finding for finding in made.findings if finding.severity == "error"]
    assert not errors, errors
    return made.files[made.main[target]]


def stock_nginx(
    engine: str, port: int, origin_port: int, web_port: int, authority: Authority | None, *, careless: bool
) -> str:
    """`proxy_pass` and nothing else, as most first configs have it; the careless one cures buffering and adds what gets copied around.

    gRPC-Web goes to the origin that speaks it, so that what fails there is the delivery.
    """
    old = engine == "nginx-1.22"
    secure = f"ssl_certificate {authority.cert}; ssl_certificate_key {authority.key};" if authority else ""
    # A cleartext port of 1.22 would speak HTTP/2 alone.
    listen = f"listen 127.0.0.1:{port}{' ssl' if authority else ''}{' http2' if old and authority else ''};"
    cured = "proxy_http_version 1.1; proxy_buffering off;"
    extra = (
        f"{cured} proxy_next_upstream error timeout non_idempotent; proxy_ignore_client_abort on;" if careless else ""
    )
    return f"""\
error_log /var/log/nginx/error.log warn;
events {{}}
http {{
    upstream pair {{ server 127.0.0.1:{origin_port}; server 127.0.0.2:{origin_port}; }}
    server {{
        {listen}
        {"" if old else "http2 on;"}
        {secure}
        location / {{
            proxy_pass http://pair;
            {extra}
        }}
        location /web/ {{
            proxy_pass http://127.0.0.1:{web_port};
            {extra}
        }}
    }}
}}
"""


def stock_envoy(
    port: int, admin_port: int, origin_port: int, authority: Authority | None, *, careless: bool, lapse: bool
) -> str:
    """A route, a cluster and Envoy's defaults; on a lapsed stage these are written out, divided like everything else."""
    retry = ', retry_policy: {retry_on: "5xx,reset", num_retries: 2}' if careless else ""
    timeout = f", timeout: {15 / ENVOY_SCALE}s" if lapse else ""
    idle = f"stream_idle_timeout: {300 // ENVOY_SCALE}s" if lapse else "stream_idle_timeout: 300s"
    tls = ""
    if authority:
        tls = f"""
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_certificates: [{{certificate_chain: {{filename: "{authority.cert}"}}, private_key: {{filename: "{authority.key}"}}}}]"""
    endpoint = "{endpoint: {address: {socket_address: {address: 127.0.0.%d, port_value: %d}}}}"
    endpoints = ", ".join(endpoint % (last, origin_port) for last in (1, 2))
    return f"""\
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin_port}}}}}}}
static_resources:
  listeners:
  - name: in
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          {idle}
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: pair{timeout}{retry}}}}}]}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}{tls}
  clusters:
  - name: pair
    type: STATIC
    load_assignment: {{cluster_name: pair, endpoints: [{{lb_endpoints: [{endpoints}]}}]}}
"""


_PEERS = (
    "connect_timeout",
    "request_headers_timeout",
    "listener_filters_timeout",
    "connection_keepalive",
    "fill_interval",
    "interval:",
)
"""Lines of durations within which a peer has to do something, or that Envoy does not take so short: they stay, on a busy machine too."""


def divided(text: str) -> str:
    """An Envoy config with its timers divided: its clock cannot be sped up, but its durations are data."""

    def scaled(found: re.Match[str]) -> str:
        return f"{float(found[1]) / ENVOY_SCALE:.9f}".rstrip("0").rstrip(".") + "s"

    return "".join(
        line if any(name in line for name in _PEERS) else re.sub(r"(?<=: )(\d+(?:\.\d+)?)s\b", scaled, line)
        for line in text.splitlines(keepends=True)
    )


class Stages:
    """The stages of one module, each set up when it is first asked for."""

    def __init__(
        self, start: StartProxy, origin: Origin, web: Origin, authority: Authority, folder: Callable[[], Path]
    ) -> None:
        """``web`` is an origin that speaks gRPC-Web by itself; ``folder`` makes a new folder that the engines can read."""
        self._start = start
        self._origin = origin
        self._web = web
        self._authority = authority
        self._folder = folder
        self._stages: dict[tuple[object, ...], Stage] = {}

    def get(
        self,
        engine: str,
        kind: Kind = "generated",
        *,
        secure: bool = False,
        lapse: bool = False,
        grpc: bool = False,
        alone: str = "",
    ) -> Stage:
        """A stage for ``engine``; ``grpc`` asks for one that serves gRPC, which may have to be one of its own.

        ``alone`` names a scenario that nobody shares its stage with.
        """
        only_grpc = grpc and kind == "generated" and grpc_alone(engine, secure=secure)
        key = (engine, kind, secure, lapse, only_grpc, alone)
        if key not in self._stages:
            self._stages[key] = self._set_up(engine, kind, secure=secure, lapse=lapse, only_grpc=only_grpc)
        return self._stages[key]

    def _set_up(self, engine: str, kind: Kind, *, secure: bool, lapse: bool, only_grpc: bool) -> Stage:
        port, admin_port = free_port(), free_port()
        authority = self._authority if secure else None
        is_envoy = engine.startswith("envoy")
        if kind == "generated":
            text = generated(engine, spec_text(engine, port, self._origin, self._web, authority, only_grpc=only_grpc))
            if is_envoy:
                # Several run side by side here, in one network.
                text = re.sub(r"(port_value: )9901\b", rf"\g<1>{admin_port}", text)
                if lapse:
                    text = divided(text)
                    # The hour of silence that a stream is allowed without a heartbeat.
                    assert "idle_timeout: 36s" in text
        elif is_envoy:
            text = stock_envoy(port, admin_port, self._origin.port, authority, careless=kind == "careless", lapse=lapse)
        else:
            text = stock_nginx(engine, port, self._origin.port, self._web.port, authority, careless=kind == "careless")
        folder = self._folder()
        (folder / ("envoy.yaml" if is_envoy else "nginx.conf")).write_text(text)
        proxy = self._start(
            engine,
            folder,
            name=f"{kind}-{'tls' if secure else 'plain'}{'-lapsed' if lapse else ''}",
            time_lapse=NGINX_LAPSE if lapse and not is_envoy else None,
            ready_port=port,
        )
        return Stage(engine, self._origin, self._web, proxy, port, secure, self._authority.ca, admin_port)
