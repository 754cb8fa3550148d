"""A spec for each hop of a chain, so that the hops fit: each passes to the next, and what one hop alone should do, one alone does.

- *The next hop* is the upstream; the innermost passes to the origins. Between hops it is cleartext, HTTP/1.1 and, for gRPC, HTTP/2.
- *Timers* run out from the inside outwards: who stands next to the origin gives up first and can say so to the others, each of which bears
  a little more silence than the hop behind it.
- *Once*: retries and affinity where the origins are chosen; limits, CORS and short caches where clients are seen first; request headers
  and prefixes are changed where the origin gets them, headers of answers where the client does. What is logged is masked everywhere.
- *Trust*: a hop takes the client's address from the hop before it, if it is known where that one is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

from proxycfg import remarks
from proxycfg.behavior import FOREVER
from proxycfg.finding import Finding
from proxycfg.record import replace
from proxycfg.spec import DEFAULT_KEEPALIVE, ChainHop, Route, Spec, Upstream, is_address
from proxycfg.specmodel import Listen, Server, UpstreamTls

MARGIN = 5.0
"""Seconds of silence, and of a stream's life, that a hop bears longer than the one behind it: that one's last word is on its way for less."""


def own_hops(spec: Spec) -> tuple[ChainHop, ...]:
    """The hops that run what is generated: all but Cloudflare, which goes to wherever the zone's records lead."""
    return tuple(hop for hop in spec.hops if hop.target != "cloudflare")


def spec_of(spec: Spec, hop: ChainHop) -> Spec:
    """What a hop has to do of a spec; a hop that stands alone does all of it."""
    own = own_hops(spec)
    if hop not in own or len(own) == 1:
        return spec
    at = own.index(hop)
    inner = own[at + 1] if at + 1 < len(own) else None
    ways = _ways(spec, inner) if inner is not None else {}
    behind = len(own) - 1 - at
    return replace(
        spec,
        listen=_listen(hop) if at else spec.listen,
        trusted_proxies=tuple(dict.fromkeys([*spec.trusted_proxies, *_address_of(own[at - 1], hop)]))
        if at
        else spec.trusted_proxies,
        upstreams={upstream.name: upstream for upstream in ways.values()} if inner is not None else spec.upstreams,
        routes=tuple(_route(route, ways, first=not at, behind=behind) for route in spec.routes),
    )


def _listen(hop: ChainHop) -> Listen:
    """Where an inner hop listens: for the hop before it, on this machine alone if that one comes from there."""
    address = {"address": hop.at.host} if _is_local(hop) else {}
    return Listen.model_validate({**address, "port": hop.at.port, "http": ["1.1", "2"]})


def _ways(spec: Spec, inner: ChainHop) -> dict[bool, Upstream]:
    """The next hop as an upstream: for gRPC, which is HTTP/2 from end to end, and for all else."""
    span = spec.span_of("chain", spec.hops.index(inner))
    made: dict[bool, Upstream] = {}
    for grpc in (False, True):
        scheme: Literal["grpc", "http"] = "grpc" if grpc else "http"
        made[grpc] = Upstream(
            name=f"{inner.name}-grpc" if grpc else inner.name,
            servers=(Server(scheme=scheme, host=inner.at.host, port=inner.at.port),),
            scheme=scheme,
            http_version="2" if grpc else "1.1",
            tls=UpstreamTls.model_validate({}),
            affinity=None,
            max_connections=None,
            keepalive=DEFAULT_KEEPALIVE,
            span=span,
        )
    return made


def _route(route: Route, ways: dict[bool, Upstream], *, first: bool, behind: int) -> Route:
    """A route on one hop.

    :param ways: to the next hop; none on the innermost.
    :param behind: how many hops are behind it.
    """
    more = MARGIN * behind
    rewrites = route.rewrites.model_copy(
        update={
            "request": {} if ways else route.rewrites.request,
            "response": route.rewrites.response if first else {},
        }
    )
    made = replace(
        route,
        idle_timeout=route.idle_timeout + more,
        max_duration=route.max_duration if route.max_duration == FOREVER else route.max_duration + more,
        rewrites=rewrites,
    )
    if ways:
        upstream = ways[route.protocol.name == "grpc"]
        made = replace(made, upstream=upstream, attempts=1, strip=None)
    if not first:
        made = replace(made, cors=(), per_client=None, rate=None, burst=0, cache=0.0)
    return made


def _address_of(before: ChainHop, hop: ChainHop) -> tuple[str, ...]:
    """The network that the hop before comes from, as far as it is known: this machine's, or the address that it is reached at itself."""
    for server, said in ((hop.at, hop.said), (before.at, before.said)):
        if said and is_address(server.host):
            address = ipaddress.ip_address(server.host)
            if address.is_loopback:
                return ("127.0.0.0/8",) if address.version == 4 else ("::1/128",)  # noqa: PLR2004 - IP's versions
            if server is before.at:
                return (str(ipaddress.ip_network(address)),)
    return ()


def unconnected(spec: Spec, targets: Sequence[str]) -> Iterator[Finding]:
    """Findings about the way from one hop to the next."""
    # Networks on the internet are those of whoever stands before the chain.
    if any(ipaddress.ip_network(network).is_private for network in spec.trusted_proxies):
        return
    own = own_hops(spec)
    for before, hop in pairwise(own):
        why = instead = ""
        if not _address_of(before, hop):
            port = spec.listen.port if before is own[0] else before.at.port
            why = f"{hop.name} does not know where {before.name} is, so it takes {before.name}'s address for that of every client"
            instead = f"write `at: http://10.0.0.4:{port}` at {before.name}, with its address, or its network into trusted_proxies"
        elif before is not own[0] and before.target == "envoy" and _is_local(before):
            # ConnectionManagerUtility: for a peer at 127.0.0.1 Envoy forwards its machine's own address.
            why = f"{before.name} is reached over this machine's loopback and then forwards the machine's own address, which {hop.name} does not know"
            instead = "write the machine's address into trusted_proxies, such as 10.0.0.4/32"
        if why and hop.target in targets:
            yield remarks.OUTER_HOP_NOT_TRUSTED.on(
                hop.target, spec.span_of("chain", spec.hops.index(before)), why, instead
            )


def _is_local(hop: ChainHop) -> bool:
    return is_address(hop.at.host) and ipaddress.ip_address(hop.at.host).is_loopback
