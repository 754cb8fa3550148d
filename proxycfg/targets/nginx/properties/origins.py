"""What becomes of a request at the origins: which of them gets it, which gets it again, and what it learns when the client leaves."""

from __future__ import annotations

from functools import lru_cache

from proxycfg.behavior import EITHER, NO, YES, Between
from proxycfg.reading import Evidence
from proxycfg.targets.nginx.place import ANY_TEXT, BUFFERED_MODULES, Found, Place, remembered
from proxycfg.targets.nginx.properties.buffering import store_line, zone_of
from proxycfg.targets.nginx.properties.headers import upstream_connection_header
from proxycfg.targets.nginx.syntax import number
from proxycfg.targets.nginx.upstreams import Group, keeps_connections, takes_again


@remembered
def retries(place: Place) -> Found:
    """``proxy_next_upstream`` where there is another server to try, or a kept connection that may turn out broken."""
    wanted, why = _tried_on(place)
    if not wanted:
        return NO, why
    groups = place.groups
    if not groups:
        return EITHER, why
    tries, tries_by = place.plain(f"{place.module}_next_upstream_tries")
    if tries != "1" and all(group.servers.low > 1 for group in groups):
        return YES, why
    upstream = next((group.directive for group in groups if group.directive), None)
    why = tries_by if tries == "1" else place.around(upstream, own=True) if upstream else place.hard_wired
    # On a kept connection that the origin closes, a request goes out once more, tries or not.
    if "error" in wanted and all(_breaks(place, group).low for group in groups):
        return YES, why
    # A name may have several addresses.
    several = tries != "1" and any(group.servers.high > 1 for group in groups)
    return (
        EITHER if several or ("error" in wanted and any(_breaks(place, group).high for group in groups)) else NO
    ), why


def _breaks(place: Place, group: Group) -> Between[bool]:
    """Whether a request can go out twice because a kept connection breaks: of this location or, where the pool is shared, of any."""
    if not keeps_connections(group, place.version):
        return NO
    again = takes_again(group)
    return Between(again.low and _surely_reuses(place), again.high and (_reuses(place) or place.reader.is_fed(group)))


def _tried_on(place: Place) -> tuple[frozenset[str], Evidence]:
    """The conditions for another try, none where it is switched off."""
    name = f"{place.module}_next_upstream"
    line = place.line(name)
    if line is not None:
        return _conditions(line.args), place.why(line)
    text, why = place.reader.silence(name)
    return _conditions(tuple(text.split())), why


@lru_cache(1024)
def _conditions(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset() if "off" in words or words == ("non_idempotent",) else frozenset(words)


def _reuses(place: Place) -> bool:
    """Whether requests let the origin keep the connection; over HTTP/2 a ``Connection`` header says nothing of it (measured on 1.30)."""
    version, _ = place.http_version
    connection, _ = upstream_connection_header(place)
    return version.high == "2" or (version.high != "1.0" and "close" not in connection.low.lower())


def _surely_reuses(place: Place) -> bool:
    version, _ = place.http_version
    connection, _ = upstream_connection_header(place)
    return version.low == "2" or (version.low != "1.0" and connection.exact and "close" not in connection.low.lower())


def retries_non_idempotent(place: Place) -> Found:
    """A POST that was sent is sent again only with ``non_idempotent``."""
    again, why = retries(place)
    if not again.high:
        return NO, why
    wanted, why = _tried_on(place)
    if "non_idempotent" not in wanted:
        return NO, why
    collects = place.module in BUFFERED_MODULES and place.flag(f"{place.module}_request_buffering")[0].low
    if not collects and place.clients.versions.high & {"2", "3"}:
        # Over HTTP/2 and 3 a body that is passed on as it comes cannot be sent again, and over HTTP/1.1 a large one: the others go out again.
        return Between(False, again.high), why
    return again, why


def error_interception(place: Place) -> Found:
    """``proxy_intercept_errors`` with an ``error_page`` for any error code; and what a second try spoils."""
    if place.module in {"memcached", "tunnel"}:
        return NO, place.hard_wired
    on, why = place.flag(f"{place.module}_intercept_errors")
    if not on.high:
        return (EITHER, _tried_on(place)[1]) if _spoils_tries(place) else (on, why)
    pages = place.lines("error_page")
    if any((number(word) or 0) >= _FIRST_ERROR for page in pages for word in page.args[:-1]):
        return on, why
    return NO, place.why(pages[0]) if pages else place.default("error_page: none")


_FIRST_ERROR = 400


def _spoils_tries(place: Place) -> bool:
    """Whether a second try may end in nginx's own 502 in place of the origin's error.

    Over HTTP/2, a request that went out on a kept connection keeps the number of its stream when it goes to a new one; nginx then takes the answer
    for somebody else's (``ngx_http_grpc_body_output_filter``; measured on 1.22, 1.26 and 1.30).
    """
    if place.http_version[0].high != "2" or not any(word.startswith("http_") for word in _tried_on(place)[0]):
        return False
    if place.plain(f"{place.module}_next_upstream_tries")[0] == "1":
        return False
    several = (group for group in place.groups if group.servers.high > 1)
    return any(keeps_connections(group, place.version) for group in several)


def session_affinity(place: Place) -> Found:
    """The group's ``hash``, ``ip_hash`` or ``sticky``."""
    groups = place.groups
    if not groups:
        return ANY_TEXT, place.hard_wired
    first, *others = {group.affinity for group in groups}
    value = ANY_TEXT if others else first
    decided_by = next((group.chosen_by for group in groups if group.chosen_by), None)
    if decided_by is not None:
        return value, place.around(decided_by, own=True)
    return value, place.default("upstream: round robin")


def abort_propagates(place: Place) -> Found:
    """Unless ``proxy_ignore_client_abort`` says otherwise; for a store, and for a cache while the answer may still go into it, nginx reads on.

    So with a cache it hangs on the answer, even unbuffered, where nothing is stored in the end: measured on 1.22 and 1.30, a silent stream
    without ``Cache-Control`` runs on, one with ``no-cache`` ends at once.
    """
    if place.module not in BUFFERED_MODULES:
        return YES, place.hard_wired
    ignored, why = place.flag(f"{place.module}_ignore_client_abort")
    if ignored.low:
        return NO, why
    line = store_line(place)
    if line is not None and line.name.endswith("_store"):
        return NO, place.why(line)
    if line is not None and zone_of(place, line).high:
        return EITHER, place.why(line)
    return Between(not ignored.high, high=True), why
