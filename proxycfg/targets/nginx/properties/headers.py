"""Which HTTP is spoken with clients and with the origin, and which headers pass: handshakes, trailers, encodings."""

from __future__ import annotations

from collections.abc import Iterable

from proxycfg.behavior import EITHER, NO, YES, Between, exactly
from proxycfg.reading import Evidence
from proxycfg.targets.nginx import facts
from proxycfg.targets.nginx.place import ANY_TEXT, BUFFERED_MODULES, Found, Place, remembered
from proxycfg.targets.nginx.properties.buffering import throttled
from proxycfg.targets.nginx.variables import CALL, HANDSHAKE, PLAIN, names_in


def upstream_http_version(place: Place) -> Found:
    """``proxy_http_version``; ``grpc_pass`` speaks HTTP/2. FastCGI, uwsgi and SCGI are no HTTP: what they can do lies between 1.0 and 1.1."""
    return place.http_version


@remembered
def upgrade(place: Place) -> Found:
    """A WebSocket handshake passes if both its headers are set, in HTTP/1.1, and nothing that it needs is dropped."""
    if place.module not in {"proxy", "uwsgi", "scgi"}:
        return NO, place.hard_wired
    passed, why = _handshake_passes(place)
    if passed.high:
        clients = place.clients.versions
        if "1.1" not in clients.high:
            return NO, _listening(place)
        if "1.1" not in clients.low:
            return Between(low=False, high=True), _listening(place)
    return passed, why


_HANDSHAKE = 1024
"""Bytes of an answer to a WebSocket handshake, at most; under a lower ``limit_rate`` its end is never sent."""


def _handshake_passes(place: Place) -> Found:
    passed, why = YES, place.hard_wired
    if place.module == "proxy":
        version, why = place.http_version
        if version.high in {"1.0", "2"} and version.exact:
            return NO, why
        passed = YES if version.exact else EITHER
    for name, token in (("connection", "upgrade"), ("upgrade", "websocket")):
        has, by = _carries(place, name, token)
        if not has.high:
            return NO, by
        if not has.low or passed.low:
            why = by
        passed = Between(passed.low and has.low, high=True)
    for dropped in (*_needed_headers(place), *_hidden_headers(place), *_other_method(place)):
        return NO, dropped
    limited_by = throttled(place, _HANDSHAKE, "limit_rate")
    if limited_by is not None:
        return EITHER, place.why(limited_by)
    return passed, why


def _carries(place: Place, name: str, token: str) -> Found:
    """Whether a handshake reaches the origin with that token in a header."""
    found = place.header(name, HANDSHAKE)
    if found is None:
        if place.module == "proxy":
            return NO, place.default(
                f"proxy_set_header {name.title()} {_default_connection(place) if name == 'connection' else ''}".rstrip()
            )
        return _passes_headers(place)
    values, line = found
    if values is None:
        return EITHER, place.why(line)
    has = [[word.strip().lower() for word in value.split(",")] for value in values]
    # A second Upgrade, even of the same, is one that servers may refuse.
    sure = all(words == [token] if name == "upgrade" else token in words for words in has)
    return Between(sure, any(token in words for words in has)), place.why(line)


def _passes_headers(place: Place) -> Found:
    """Whether the client's own headers reach the origin."""
    return place.flag(f"{place.module}_pass_request_headers")


def _needed_headers(place: Place) -> Iterable[Evidence]:
    """What takes the key or the version from a handshake."""
    passes, why = _passes_headers(place)
    for name in ("sec-websocket-key", "sec-websocket-version"):
        found = place.header(name, HANDSHAKE)
        if found is None and not passes.low:
            yield why
        elif found is not None and found[0] == frozenset({""}):
            yield place.why(found[1])


def _hidden_headers(place: Place) -> Iterable[Evidence]:
    """What takes the answer's Upgrade or Accept header away, without which a client does not take it for a 101."""
    passed = _names(place, f"{place.module}_pass_header")
    for line in place.lines(f"{place.module}_hide_header"):
        if line.args and line.args[0].lower() in {"upgrade", "sec-websocket-accept"} - passed:
            yield place.why(line)


def _other_method(place: Place) -> Iterable[Evidence]:
    line = place.line(f"{place.module}_method")
    if line is not None and line.args and "$" not in line.args[0] and line.args[0].upper() != "GET":
        yield place.why(line)


def _names(place: Place, directive: str) -> set[str]:
    return {line.args[0].lower() for line in place.lines(directive) if line.args}


def _default_connection(place: Place) -> str:
    """What the proxy module sends as ``Connection`` if nothing is set: ``close`` before 1.29.7, in HTTP/1.x."""
    version, _ = place.http_version
    return "" if facts.has(place.version, "keepalive_by_default") or version.low == "2" else "close"


@remembered
def upstream_connection_header(place: Place) -> Found:
    """What is set as ``Connection``, for a request without ``Upgrade``; maps are folded."""
    found = place.header("connection", PLAIN)
    if found is not None:
        values, line = found
        if values is None or len(values) > 1:
            return ANY_TEXT, place.why(line)
        return exactly(next(iter(values))), place.why(line)
    if place.module in {"proxy", "grpc"}:
        text = _default_connection(place) if place.module == "proxy" else ""
        return exactly(text), place.default(f"{place.module}_set_header Connection {text or _EMPTY}")
    passes, why = _passes_headers(place) if place.module in BUFFERED_MODULES else (NO, place.hard_wired)
    return (ANY_TEXT if passes.high else exactly("")), why


_EMPTY = '""'


def accept_encoding_forwarded(place: Place) -> Found:
    """The client's, unless another is set."""
    found = place.headers.get("accept-encoding")
    if found:
        text, line = found[-1]
        names = names_in(text)
        if "http_accept_encoding" in names:
            return YES, place.why(line)
        if any("http_accept_encoding" in place.reader.variables.reach(name) for name in names):
            return EITHER, place.why(line)
        values = place.values(text)
        return (EITHER if values is None else NO), place.why(line)
    if place.module not in {*BUFFERED_MODULES, "grpc"}:
        return NO, place.hard_wired
    if place.module == "grpc":
        return YES, place.default("grpc_set_header: Accept-Encoding passes")
    passes, why = _passes_headers(place)
    return passes, place.default(f"{place.module}_set_header: Accept-Encoding passes") if why.kind == "default" else why


def client_http_versions(place: Place) -> Found:
    """What the server's listeners speak."""
    return place.clients.versions, _listening(place)


def _listening(place: Place) -> Evidence:
    clients = place.clients
    if clients.decided_by is not None:
        return place.around(clients.decided_by)
    if not clients.versions.exact:
        return place.reader.stated("listen of the server around this fragment, which is not at hand")
    return place.default("listen 80")


def grpc(place: Place) -> Found:
    """HTTP/2 on both sides and trailers: ``grpc_pass``, or ``proxy_pass`` over HTTP/2 that asks for trailers and passes them."""
    clients = place.clients.versions
    speaks = Between("2" in clients.low, "2" in clients.high)
    if place.module == "grpc":
        return (YES, place.hard_wired) if speaks.low else (speaks, _listening(place))
    if place.module != "proxy":
        return NO, place.hard_wired
    version, why = place.http_version
    if version.high != "2":
        return NO, why
    trailers, trailers_by = place.flag("proxy_pass_trailers")
    if not trailers.high:
        return NO, trailers_by
    found = place.header("te", CALL)
    if found is None:
        return NO, place.default('proxy_set_header TE ""')
    values, line = found
    if values is not None and "trailers" not in values:
        return NO, place.why(line)
    sure = version.low == "2" and trailers.low and values == frozenset({"trailers"})
    passes = Between(sure and speaks.low, speaks.high)
    return passes, why if passes.exact and passes.low else _listening(place)
