"""The config of cloudflared, which carries requests from Cloudflare to origins that nobody else can reach."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from proxycfg.record import record
from proxycfg.spec import DEFAULT_KEEPALIVE, is_address
from proxycfg.targets.cloudflare import rules

if TYPE_CHECKING:
    from proxycfg.spec import Route, Spec, Upstream


@record(frozen=True, slots=True, kw_only=True)
class Ingress:
    """One rule: the first one that matches takes the request. Empty, 0 and None leave the line out.

    :param path: a regular expression of Go, which is looked for anywhere in the path.
    :param http2: whether the service is spoken to over HTTP/2.
    """

    title: str
    hostname: str
    path: str
    service: str
    http2: bool
    server_name: str
    ca: str
    connections: int


class Tunnel(NamedTuple):
    """What the template prints."""

    ingress: tuple[Ingress, ...]
    grpc: bool


def tunnel(spec: Spec) -> Tunnel:
    """The rules for every host: those of a name before those of a pattern that covers it."""
    made: list[Ingress] = []
    for hosts, routes in spec.servers:
        for host in hosts:
            if rules.alone(spec):
                made += [_to_origin(route, host) for route in routes]
            else:
                made.append(_to_next_hop(spec, host))
    made.sort(key=lambda rule: _rank(rule.hostname))
    return Tunnel(tuple(made), any(route.protocol.name == "grpc" for route in spec.routes))


def _rank(hostname: str) -> tuple[bool, bool, int]:
    return not hostname, hostname.startswith("*."), -len(hostname)


def _to_origin(route: Route, host: str) -> Ingress:
    upstream = route.upstream
    return Ingress(
        title=route.title,
        hostname="" if host == "*" else host,
        path=_path(route),
        service=_service(upstream),
        http2=upstream.secure and upstream.http_version == "2",
        server_name=upstream.sni if upstream.secure and upstream.tls.verify and not is_address(upstream.sni) else "",
        ca=(upstream.tls.ca or "") if upstream.secure and upstream.tls.verify else "",
        connections=upstream.keepalive if upstream.keepalive != DEFAULT_KEEPALIVE else 0,
    )


def _to_next_hop(spec: Spec, host: str) -> Ingress:
    listen = spec.listen
    address = "127.0.0.1" if listen.address in ("0.0.0.0", "::") else listen.address  # noqa: S104 - what the spec says
    shown = f"[{address}]" if ":" in address else address
    return Ingress(
        title=f"everything, to {spec.chain[1]} on this machine; in a container, write its name instead",
        hostname="" if host == "*" else host,
        path="",
        service=f"http{'s' if spec.secure else ''}://{shown}:{listen.port}",
        http2=spec.secure and "2" in listen.http,
        # The certificate is for the name that clients know.
        server_name=host if spec.secure and "*" not in host else "",
        ca="",
        connections=0,
    )


def _path(route: Route) -> str:
    if route.kind == "regex":
        return f"^(?:{route.path})$"
    bare = route.path.rstrip("/") if route.kind == "prefix" else route.path
    literal = "".join(_literal(bare))
    if route.kind == "exact":
        return f"^{literal}$"
    return f"^{literal}(?:/|$)" if literal else ""


def _literal(text: str) -> Iterator[str]:
    for char in text:
        yield char if re.fullmatch(r"[\w/-]", char) or not char.isascii() else f"\\{char}"


def _service(upstream: Upstream) -> str:
    server = upstream.servers[0]
    if server.socket:
        return f"unix:{server.socket}"
    host = f"[{server.host}]" if ":" in server.host else server.host
    # Whatever is neither http nor https would be taken for raw TCP.
    return f"http{'s' if upstream.secure else ''}://{host}:{server.port}"
