"""What a spec asks that Envoy cannot give, or gives otherwise than one would think: each a finding at its place in the YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from proxycfg import remarks
from proxycfg.behavior import FOREVER, Between
from proxycfg.spec import DEFAULT_KEEPALIVE
from proxycfg.targets.envoy import facts
from proxycfg.targets.envoy.aim import counts_bodies, max_streams

if TYPE_CHECKING:
    from proxycfg.finding import Finding
    from proxycfg.spec import Route, Spec, Upstream

ENVOY = "envoy"

# ---- the whole ----


def of_spec(spec: Spec, version: str, body_limits: Mapping[str, float]) -> Iterator[Finding]:
    """What concerns no single route."""
    where = spec.span_of("targets", "envoy", "version")
    newest, oldest = (".".join(map(str, each)) for each in (facts.NEWEST, facts.OLDEST))
    if facts.parse(version) < facts.OLDEST:
        yield remarks.ENVOY_VERSION_TOO_OLD.on(
            ENVOY, where,
            f"Envoy {version} lacks fields that this config needs, and gets no security fixes any more", f"use {oldest} or newer",
        )  # fmt: skip
    elif facts.parse(version)[:2] > facts.NEWEST:
        yield remarks.ENVOY_VERSION_UNKNOWN.on(
            ENVOY, where,
            f"Envoy {version} is newer than {newest}, the newest that this config was tried on",
            f"run `envoy --mode validate -c envoy.yaml` with it, or write {newest}",
        )  # fmt: skip
    rounded = sum(1 for route in spec.routes if body_limits[route.name] not in (FOREVER, route.body_limit))
    if rounded:
        yield remarks.BODY_LIMITS_ROUNDED.on(
            ENVOY, spec.span_of("routes"),
            f"Envoy needs a filter for each body limit: with more than {facts.BODY_LIMITS} of them, {rounded} are rounded "
            "up to powers of two",
            f"use at most {facts.BODY_LIMITS} different values of upload.max_bytes",
        )  # fmt: skip
    for upstream in spec.used_upstreams:
        yield from _of_upstream(upstream, spec)


def _of_upstream(upstream: Upstream, spec: Spec) -> Iterator[Finding]:
    name = upstream.name
    if upstream.named and any(server.socket for server in upstream.servers):
        yield remarks.SOCKET_BESIDE_NAMES.on(
            ENVOY, spec.span_of("upstreams", name, "servers"),
            f"Envoy resolves the names of upstream `{name}` and then passes its unix sockets over: they get no request",
            "write IP addresses for the other servers, or make the sockets an upstream of their own",
        )  # fmt: skip
    if upstream.secure and upstream.tls.verify and ("*" in origin_name(upstream) or not origin_name(upstream)):
        yield remarks.ORIGIN_NAME_UNKNOWN.on(
            ENVOY, spec.span_of("upstreams", name, "tls", "sni"),
            f"there is no one name to ask upstream `{name}` for and to check in its certificate: every handshake fails",
            "write the name in the origin's certificate as tls.sni",
        )  # fmt: skip
    if max_streams(upstream, spec) < spec.streams:
        yield remarks.UPSTREAM_CONNECTIONS_BELOW_SCALE.on(
            ENVOY, spec.span_of("upstreams", name, "max_connections"),
            f"max_connections {upstream.max_connections} × {len(upstream.servers)} server(s) of upstream `{name}` holds fewer "
            f"streams than scale.streams ({spec.streams}): Envoy answers the rest with 503 at once",
            "raise max_connections, add servers, or lower scale.streams",
        )  # fmt: skip
    if upstream.max_connections and upstream.named:
        yield remarks.ADDRESSES_COUNTED_AS_ONE_SERVER.on(
            ENVOY, spec.span_of("upstreams", name, "max_connections"),
            f"a name that stands for several addresses counts as one server: upstream `{name}` takes "
            f"{upstream.max_connections} connections for each name, and they share them",
            "list the addresses one by one, or write the sum",
        )  # fmt: skip
    if upstream.max_connections and upstream.affinity:
        yield remarks.AFFINITY_WAITS_FOR_ITS_SERVER.on(
            ENVOY, spec.span_of("upstreams", name, "max_connections"),
            f"a client of upstream `{name}` whose own server has its {upstream.max_connections} connections waits in silence "
            "for one, although others are free",
            "raise max_connections, or give up affinity",
        )  # fmt: skip
    one = upstream.http_version == "1.1"
    if upstream.keepalive != DEFAULT_KEEPALIVE and not (one and upstream.keepalive == 0):
        after = f"{facts.ORIGIN_KEEPALIVE:g} s" if one else "an hour"
        yield remarks.IDLE_CONNECTIONS_NOT_COUNTED.on(
            ENVOY, spec.span_of("upstreams", name, "keepalive"),
            f"Envoy cannot count idle connections: those of upstream `{name}` close after {after}, however many they are",
            "leave keepalive out" + (", or write 0 to close every one at once" if one else ""),
        )  # fmt: skip


def origin_name(upstream: Upstream) -> str:
    """The name, or address, that an origin's certificate must hold."""
    return upstream.tls.sni or next((server.host for server in upstream.servers if server.host), "")


# ---- one route ----


def of_route(route: Route, version: str, missed: Mapping[str, Between[Any]]) -> Iterator[Finding]:
    """What of a route's need, and of its settings, is out of reach."""
    yield from _of_need(route, missed)
    yield from _of_limits(route, version)
    yield from _of_headers(route)
    if route.protocol.name == "connect" and route.upstream.speaks_grpc:
        yield remarks.CONNECT_BRIDGE_UNFINISHED.about(
            route, ENVOY, route.span_of("protocol"),
            f"Envoy calls the filter that turns Connect into gRPC for {route.title} work in progress, outside its "
            "security policy",
            "let the server speak Connect itself, and write its URL as http:// or with `http: 2`",
        )  # fmt: skip
    if route.kind == "regex" and (not route.path.isascii() or set(route.path) & set(' %"<>`')):
        yield remarks.REGEX_SEES_ENCODED_PATH.about(
            route, ENVOY, route.match_span,
            "Envoy matches a regex against the path as it travels, percent-encoded, where nginx decodes it first",
            "write such characters encoded, or match around them",
        )  # fmt: skip


def _of_need(route: Route, missed: Mapping[str, Between[Any]]) -> Iterator[Finding]:
    if route.protocol.name == "grpc" and {"client_http_versions", "grpc"} & set(missed):
        yield remarks.GRPC_WITHOUT_HTTP2.about(
            route, ENVOY, route.span_of("protocol"),
            f"the listener offers no HTTP/2: no gRPC client can connect to {route.title}", 'add "2" to listen.http',
        )  # fmt: skip
    elif {"client_http_versions", "upgrade"} & set(missed):
        yield remarks.WEBSOCKET_WITHOUT_HTTP1.about(
            route, ENVOY, route.span_of("protocol"),
            f"the listener offers no HTTP/1.1, without which no client can open the socket {route.title}",
            'add "1.1" to listen.http',
        )  # fmt: skip


def _of_limits(route: Route, version: str) -> Iterator[Finding]:
    if route.per_client:
        yield remarks.STREAMS_PER_CLIENT_NOT_LIMITED.about(
            route, ENVOY, route.span_of("limits", "per_client"),
            "Envoy has no limit on the concurrent streams of one client, so one address can hold every stream of "
            f"{route.title}",
            "count them in the application, put nginx (limit_conn) in front, or limit how fast they start: limits.rate",
        )  # fmt: skip
    # A limit that nobody wrote is not missed.
    if route.body_limit not in (FOREVER, route.protocol.body_limit) and not counts_bodies(route, version):
        queried = facts.has(version, "body_size_limit")
        yield remarks.BODY_NOT_LIMITED.about(
            route, ENVOY, route.span_of("upload", "max_bytes"),
            f"bodies of any size pass to {route.title}: "
            + ("the filter that limits them logs the query, and this route's credential travels there" if queried
               else f"Envoy {version} can only count a body by holding all of it"),
            "limit it in the application" + (", or move the credential into a header" if queried else ", or use Envoy 1.40"),
        )  # fmt: skip


def _of_headers(route: Route) -> Iterator[Finding]:
    for side in ("request", "response"):
        rewrites: Mapping[str, str | None] = getattr(route.rewrites, side)
        for name, value in rewrites.items():
            where = route.span_of("headers", side, name)
            if name.lower().startswith("x-envoy-"):
                yield remarks.HEADER_OWNED_BY_THE_PROXY.about(
                    route, ENVOY, where,
                    f"Envoy reads and writes the {side} header {name} itself, so {route.title} goes without this line",
                    "remove it: timeouts, retries and limits have fields of their own",
                )  # fmt: skip
            elif name.lower() == "host" and (side == "response" or not value):
                yield remarks.HEADER_OWNED_BY_THE_PROXY.about(
                    route, ENVOY, where,
                    f"the {side} header Host of {route.title} stays as it is: " +
                    ("a request cannot be without one" if side == "request" else "Envoy does not touch it"),
                    "write the host name to send, or remove the line",
                )  # fmt: skip
