"""How a route of Envoy meets the hops around it: what matters only where it is not alone (:mod:`proxycfg.chain`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from proxycfg.behavior import EITHER, NO, TRANSPORTS, YES, Behavior, Between, exactly
from proxycfg.chain import Seam
from proxycfg.record import replace
from proxycfg.targets.envoy.place import Place, Reader
from proxycfg.targets.envoy.read import read_route
from proxycfg.targets.envoy.routes import Door, Route


def seam_of(reader: Reader, route: Route, protocol: str | None, door: Door | None) -> Seam:
    """The seam of a route for requests that come through a door; None for any that leads there."""
    places = reader.places(route, protocol, door)
    usual = read_route(reader, route, protocol, door=door).reading.behavior
    plain = _uncompressed(usual, places)
    return Seam(
        relays=False,
        transports=reduce(Between.hull, map(_transports, places)),
        secure=reduce(Between.hull, map(_secure, places)),
        speaks_1_0=reduce(Between.hull, map(_speaks_1_0, places)),
        compresses_1_0=YES,
        unbuffers=_unbuffers(places[0]),
        sees_client=_seen(reader, route, places),
        chooses=_chooses(places),
        # No header of an answer changes how Envoy delivers it.
        under=lambda _released, uncompressed: plain if uncompressed else usual,
        host=route.action.text("host_rewrite_literal") or "",
        replaces=_replaces(route),
    )


def _uncompressed(usual: Behavior, places: Sequence[Place]) -> Behavior:
    """Without what a compressor keeps; a filter that nobody knows may keep something all the same."""
    if not usual.compression.high:
        return usual
    unknown = any(found.unknown for place in places for _, found in place.effects)
    stalls = usual.stalls_on if usual.response_buffering.high or unknown else exactly(frozenset[str]())
    return replace(usual, compression=NO, stalls_on=stalls)


def _transports(place: Place) -> Between[frozenset[str]]:
    return exactly(place.door.transports) if place.door is not None else Between(frozenset(), TRANSPORTS)


def _secure(place: Place) -> Between[bool]:
    cluster = place.origin.message
    return EITHER if cluster is None else exactly(cluster.has("transport_socket"))


def _speaks_1_0(place: Place) -> Between[bool]:
    if place.door is None:
        return EITHER
    return exactly("1.1" in place.door.versions and bool(place.hcm.flag("http_protocol_options", "accept_http_10")))


def _unbuffers(place: Place) -> Between[bool]:
    for _, message, _ in place.named("response_headers_to_add"):
        for each in message.messages("response_headers_to_add"):
            if (each.text("header", "key") or "").lower() == "x-accel-buffering":
                return exactly((each.text("header", "value") or "").lower() == "no")
    return NO


def _seen(reader: Reader, route: Route, places: Sequence[Place]) -> Between[bool]:
    """Whether the client's address is known behind a hop: through a filter chain for the sources that are believed, if the listener has one."""
    listeners = {id(place.door.listener) for place in places if place.door is not None}
    beside = [door for door in route.host.table.doors if id(door.listener) in listeners]
    found = [_sees_client(place) for door in beside for place in reader.places(route, None, door)]
    return YES if YES in found else reduce(Between.hull, found or map(_sees_client, places))


def _sees_client(place: Place) -> Between[bool]:
    """Whether the address comes out of ``X-Forwarded-For``, or from a detector: by itself Envoy takes the peer's if it is at the edge."""
    if place.door is None:
        return EITHER
    if place.hcm.has("original_ip_detection_extensions"):
        return YES
    if not place.hcm.flag("use_remote_address"):
        return YES
    return exactly(bool(place.hcm.number("xff_num_trusted_hops")))


def _chooses(places: Sequence[Place]) -> Between[bool]:
    if len(places) > 1 and len({id(place.origin.message) for place in places}) > 1:
        return YES
    return reduce(Between.hull, map(_several, places))


def _several(place: Place) -> Between[bool]:
    cluster = place.origin.message
    if cluster is None:
        return EITHER
    groups = cluster.messages("load_assignment", "endpoints")
    count = sum(len(group.messages("lb_endpoints")) for group in groups)
    if count > 1:
        return YES
    # A name may stand for several servers, a service for any number.
    return NO if count == 1 and (cluster.text("type") or "STATIC").upper() in {"STATIC", "0"} else EITHER


def _replaces(route: Route) -> tuple[str, str]:
    rewritten = route.action.text("prefix_rewrite")
    return (route.path, rewritten) if rewritten is not None and route.kind == "prefix" else ("", "")
