"""How a location of nginx meets the hops around it: what matters only where it is not alone (:mod:`proxycfg.chain`)."""

from __future__ import annotations

from functools import cache
from urllib.parse import urlsplit

from proxycfg.behavior import EITHER, NO, YES, Behavior, Between, exactly
from proxycfg.chain import Seam
from proxycfg.targets.nginx.place import Place, Reader
from proxycfg.targets.nginx.read import behavior_under
from proxycfg.targets.nginx.scope import Level
from proxycfg.targets.nginx.servers import Listen, Location


def seam_of(reader: Reader, location: Location, level: Level, listener: Listen | None, protocol: str | None) -> Seam:
    """The seam of a location for requests that end with these settings of it.

    :param listener: the one that clients come through; None for all of the server's.
    """
    clients = reader.sockets.of(location.server, listener)
    place = Place(reader, location, level, clients, protocol, telling=False)

    @cache
    def under(released: bool, plain: bool) -> Behavior:  # noqa: FBT001 - the two conditions of a chain
        return behavior_under(reader, location, level, clients, protocol, released=released, plain=plain)

    return Seam(
        relays=False,
        transports=clients.transports,
        secure=_secure(place),
        speaks_1_0=YES,
        compresses_1_0=exactly(place.plain("gzip_http_version")[0] == "1.0"),
        unbuffers=_unbuffers(place),
        sees_client=exactly(bool(place.lines("set_real_ip_from"))),
        chooses=_chooses(place),
        under=under,
        host=_host(place),
        replaces=_replaces(place, location),
    )


def _passed(place: Place) -> str:
    """What the ``*_pass`` names."""
    handler = place.handler
    return handler.args[0] if handler is not None and handler.args else ""


def _secure(place: Place) -> Between[bool]:
    scheme = _passed(place).partition("://")[0]
    return EITHER if "$" in scheme else exactly(scheme in {"https", "grpcs"})


def _unbuffers(place: Place) -> Between[bool]:
    """Whether the header is added, and says ``no``."""
    for line in place.added_headers:
        if line.args and line.args[0].lower() == "x-accel-buffering":
            values = place.values(line.args[1] if len(line.args) > 1 else "")
            said = {value.lower() for value in values or ()}
            return EITHER if values is None or len(said) > 1 else exactly(said == {"no"})
    return NO


def _chooses(place: Place) -> Between[bool]:
    groups = place.groups
    if not groups:
        return EITHER
    return Between(all(group.servers.low > 1 for group in groups), any(group.servers.high > 1 for group in groups))


def _host(place: Place) -> str:
    """The name that the next hop is called by: by default the one in ``*_pass``."""
    found = place.headers.get("host")
    text = found[-1][0] if found else "$proxy_host"
    if text == "$proxy_host":
        named = urlsplit(_passed(place)).hostname if "://" in _passed(place) else _passed(place).partition(":")[0]
        return "" if not named or "$" in named else named
    # A variable other than that is, nearly always, the client's own word.
    return "" if "$" in text else text.partition(":")[0]


def _replaces(place: Place, location: Location) -> tuple[str, str]:
    """A path in ``proxy_pass`` stands for what the location matched."""
    passed = _passed(place)
    if place.module != "proxy" or "$" in passed or location.kind not in {"prefix", "no-regex", "exact"}:
        return ("", "")
    path = urlsplit(passed).path
    return (location.name, path) if path else ("", "")
