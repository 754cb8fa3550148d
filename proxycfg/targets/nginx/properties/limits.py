"""What ends a stream, refuses it or leaves no room for it: timers, sizes, numbers."""

from __future__ import annotations

from collections.abc import Iterable

from proxycfg.behavior import FOREVER, Between, exactly
from proxycfg.reading import Evidence
from proxycfg.targets.nginx.place import ANY_NUMBER, Found, Place, Workers, seconds, size
from proxycfg.targets.nginx.properties.buffering import reads_first
from proxycfg.targets.nginx.properties.headers import upgrade
from proxycfg.targets.nginx.syntax import Directive, number
from proxycfg.targets.nginx.upstreams import Group
from proxycfg.targets.nginx.variables import World


def connect_timeout(place: Place) -> Found:
    """``proxy_connect_timeout`` and its kind; 0 is at once, not never."""
    return place.seconds(f"{place.module}_connect_timeout")


def upstream_idle_timeout(place: Place) -> Found:
    """``proxy_read_timeout`` and its kind.

    Over QUIC a stream also ends with its connection, whose silence ``keepalive_timeout`` limits unless the client keeps it awake.
    """
    value, why = place.seconds(f"{place.module}_read_timeout")
    if place.clients.quic:
        # HTTP/3 reads the server's, whatever the location says.
        line = next(iter(place.server_level.in_force.get("keepalive_timeout", ())), None)
        text, said = (
            (line.args[0], place.around(line)) if line and line.args else place.reader.silence("keepalive_timeout")
        )
        idle = seconds(text.split()[0])
        if idle is not None and idle < value.high:
            return Between(min(idle, value.low), value.high), said
    return value, why


def client_idle_timeout(place: Place) -> Found:
    """``client_body_timeout``, for bodies; a WebSocket's silence is a matter of the read timeout, which traffic of either side restarts.

    Where a handshake would pass and nobody says what the route carries, it can be either.
    """
    body = _body_timeout(place)
    if place.protocol not in {None, "websocket"}:
        return body
    upgraded, _ = upgrade(place)
    if not upgraded.high:
        return body
    socket = place.seconds(f"{place.module}_read_timeout")
    if place.protocol == "websocket" and upgraded.low:
        return socket
    value = body[0].hull(socket[0])
    return value, (body[1] if body[0] == value else socket[1])


def _body_timeout(place: Place) -> Found:
    """A mirror that is asked while the body still comes takes the timer away until more of it has come.

    ``ngx_http_upstream_init`` does so over HTTP/1.1; measured on 1.22, 1.26 and 1.30.
    """
    value, why = place.seconds("client_body_timeout")
    mirrored = place.line("mirror")
    if mirrored is None or mirrored.args == ("off",) or reads_first(place)[0].low:
        return value, why
    if "1.1" not in place.clients.versions.high:
        return value, why
    return Between(value.low, FOREVER), place.why(mirrored)


def send_timeout(place: Place) -> Found:
    """``send_timeout``: it runs only while the client takes nothing."""
    return place.seconds("send_timeout")


def total_timeout(place: Place) -> Found:
    """Nginx has none."""
    return exactly(FOREVER), place.reader.stated("nginx has no limit on a whole exchange")


def request_body_limit(place: Place) -> Found:
    """``client_max_body_size``; 0 is no limit. That of the location that ``auth_request`` asks counts as well: it is held against the same length."""
    text, why = place.plain("client_max_body_size")
    value = _limit_of(text)
    asked = place.asks_first
    if asked is None:
        return value, why
    lines = asked.in_force.get("client_max_body_size")
    other = _limit_of(lines[0].args[0] if lines and lines[0].args else place.reader.silence("client_max_body_size")[0])
    if value.low <= other.low:
        return value, why
    return other, place.around(lines[0] if lines else place.lines("auth_request")[0])


def _limit_of(text: str) -> Between[float]:
    value = size(text)
    return ANY_NUMBER if value is None else exactly(float(value) if value else FOREVER)


def max_streams(place: Place) -> Found:
    """The smallest of the workers' slots, of ``limit_conn`` with a key that all clients share, and of ``max_conns``."""
    workers = place.reader.workers
    low, high, said = workers.streams.low, workers.streams.high, workers.decided_by
    why = place.around(said) if isinstance(said, Directive) else said
    for cap, decided_by in (*_limits(place), *_connections(place, workers)):
        if cap.low < low or cap.high < high:
            why = decided_by
        low, high = min(low, cap.low), min(high, cap.high)
    return Between(low, high), why


def _limits(place: Place) -> Iterable[tuple[Between[float], Evidence]]:
    if place.flag("limit_conn_dry_run")[0].low:
        return
    for line in place.lines("limit_conn"):
        zone = place.reader.zone(line.args[0]) if line.args else None
        most = number(line.args[1]) if len(line.args) > 1 else None
        if most is None or zone is None or not zone.args:
            continue
        key = zone.args[0]
        if place.reader.upstreams.is_per_client(key):
            continue
        world = {**_SERVER, "server_name": place.server_name} if "server_name" in key else _SERVER
        values = place.values(key, world)
        if values == frozenset({""}):
            # Requests with an empty key are not counted.
            continue
        shared = values is not None and len(values) == 1
        yield Between(float(most), float(most) if shared else FOREVER), place.why(line)


_SERVER: World = {
    "server_port": "80",
    "server_addr": "it",
    "hostname": "it",
    "nginx_version": "it",
    "pid": "it",
}
"""What is the same for all requests of a server."""


def _connections(place: Place, workers: Workers) -> Iterable[tuple[Between[float], Evidence]]:
    limited_by = next((group.limited_by for group in place.groups if group.limited_by), None)
    if limited_by is not None:
        caps = [_cap(group, workers) for group in place.groups]
        yield Between(min(cap.low for cap in caps), max(cap.high for cap in caps)), place.around(limited_by, own=True)


def _cap(group: Group, workers: Workers) -> Between[float]:
    if group.shared or group.most == FOREVER:
        return exactly(group.most)
    # Each worker counts for itself.
    return Between(group.most, group.most * workers.processes.high)
