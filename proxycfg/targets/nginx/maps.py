"""``map`` and ``geo``: the variables of the config, each out of something in the request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg import reasons
from proxycfg.headers import CREDENTIALS, EXPOSED
from proxycfg.record import record
from proxycfg.targets.nginx import facts, quote
from proxycfg.targets.nginx.names import Names
from proxycfg.template import Quoted

if TYPE_CHECKING:
    from proxycfg.spec import Route, Spec, Upstream

EMPTY = Quoted('""')


@record(frozen=True, slots=True)
class Map:
    """One ``map`` or ``geo``: a variable out of a key. ``default`` and the values may hold variables already quoted."""

    kind: str
    key: str
    variable: str
    default: Quoted
    lines: tuple[tuple[Quoted, Quoted], ...]
    why: str


def maps_of(spec: Spec, version: str, names: Names, upstreams: tuple[Upstream, ...], *, alone: bool) -> tuple[Map, ...]:
    """Every variable that the spec's routes and upstreams need, in the order of their use."""
    made: list[Map] = []
    if any(quote.needs_dollar(value) for route in spec.routes for value in _set_values(route)):
        made.append(
            Map("geo", "", quote.DOLLAR, Quoted('"$"'), (), "A literal dollar sign, for which nginx has no escape.")
        )
    if not facts.has(version, "request_port_variables"):
        made.append(_port())
    made.append(_asked())
    made.append(_unclear())
    made.append(_reason())
    if any(route.methods for route in spec.routes):
        made.append(_allowed())
    if spec.hsts:
        made.append(_hsts(spec))
    made += _forwarded(spec, version)
    if any(route.protocol.name == "websocket" for route in spec.routes):
        made += _upgrade()
    for upstream in upstreams:
        made += _affinity(upstream, names.keys[upstream.name], secure=spec.secure)
    made += _stripped(names)
    made += _credentials(names)
    made += _cors(spec, names, alone=alone)
    return tuple(made)


REQUEST_ID = Quoted("$proxycfg_request_id")


def request_id(spec: Spec) -> Quoted:
    """The name of a request in logs, answers and towards origins."""
    return REQUEST_ID if spec.trusted_proxies else Quoted("$request_id")


def asked_host(version: str) -> Quoted:
    """The host and port that the client asked for: ``$host`` has no port, and ``$http_host`` is whatever the client likes."""
    new = facts.has(version, "request_port_variables")
    return Quoted("$host$is_request_port$request_port" if new else "$host$proxycfg_port")


def _set_values(route: Route) -> Iterator[str | None]:
    yield from route.rewrites.request.values()
    yield from route.rewrites.response.values()


def _port() -> Map:
    suffix = Quoted(r'"~^(?:\[[^]]*\]|[^:]*)(?<proxycfg_suffix>:[0-9]+)$"'), Quoted("$proxycfg_suffix")
    why = "The port that the client asked for. $host has none, and $http_host is whatever the client likes."
    return Map("map", "$http_host", "$proxycfg_port", EMPTY, (suffix,), why)


def _asked() -> Map:
    asked = Quoted(r'"~^(?<proxycfg_line>\S+ [^?\s]*)"'), Quoted("$proxycfg_line")
    why = "Method and path as they came, without the query: a token in a query must not reach a log."
    return Map("map", "$request", "$proxycfg_asked", Quoted("-"), (asked,), why)


def _forwarded(spec: Spec, version: str) -> Iterator[Map]:
    """Forwarded headers count only from trusted proxies; from anybody else they are replaced."""
    if not spec.trusted_proxies:
        return
    networks = tuple((quote.word(network), Quoted("1")) for network in spec.trusted_proxies)
    why = "Whether the peer is a proxy that we trust."
    yield Map("geo", "$realip_remote_addr", "$proxycfg_trusted", Quoted("0"), networks, why)
    chain = '"$proxycfg_chain, $realip_remote_addr"'
    scheme = "The scheme, host and port that the client used, as a trusted proxy tells them."
    for header, taken, value, otherwise, reason in (
        ("for", "(?<proxycfg_chain>.+)", chain, "$remote_addr",
         "A trusted proxy's chain goes on, with its own address added; anybody else's is dropped."),
        ("proto", "(?<proxycfg_scheme>https?)", "$proxycfg_scheme", "$scheme", scheme),
        ("host", "(?<proxycfg_host>.+)", "$proxycfg_host", str(asked_host(version)), ""),
        ("port", "(?<proxycfg_told_port>[0-9]+)", "$proxycfg_told_port", '""', ""),
    ):  # fmt: skip
        line = Quoted(f'"~^1:{taken}$"'), Quoted(value)
        key = f'"$proxycfg_trusted:$http_x_forwarded_{header}"'
        yield Map("map", key, f"$proxycfg_forwarded_{header}", Quoted(otherwise), (line,), reason)
    line = Quoted(r'"~^1:(?<proxycfg_id>[A-Za-z0-9._:+=@/-]{1,128})$"'), Quoted("$proxycfg_id")
    why = "The name that a trusted proxy gave the request, so that one name is in all logs."
    yield Map("map", '"$proxycfg_trusted:$http_x_request_id"', str(REQUEST_ID), Quoted("$request_id"), (line,), why)


def _unclear() -> Map:
    # Looked at anew for the error page, which has a path of its own: it must not be refused in turn.
    page = Quoted(r'"~^/\.proxycfg/error[^|]*\|"')
    pattern = Quoted(r'"~*\|[^?]*(?:/(?:\.|%2e){1,2}(?:[/?;]|%3b|\z)|%2f|%5c|%25(?:2e|2f|5c)|\\\\)"')
    why = "Dot segments (to Tomcat `..;` is one), escaped slashes, backslashes: locations are chosen by their meaning, and origins see them as sent."
    lines = ((Quoted("volatile"), Quoted("")), (page, Quoted("0")), (pattern, Quoted("1")))
    return Map("map", '"$uri|$request_uri"', "$proxycfg_unclear", Quoted("0"), lines, why)


def _allowed() -> Map:
    line = Quoted("405"), Quoted("$proxycfg_allow")
    return Map(
        "map", "$status", "$proxycfg_allowed", EMPTY, (line,), "The methods that the route has, for whom it refuses."
    )


def _reason() -> Map:
    lines = tuple((Quoted(str(status)), quote.word(reason)) for status, reason in reasons.BY_STATUS.items())
    return Map(
        "map",
        "$status",
        "$proxycfg_reason",
        Quoted("-"),
        lines,
        "Why nginx itself answers, for those who read the answer.",
    )


def _hsts(spec: Spec) -> Map:
    why = "Browsers that came once keep to HTTPS, so that nobody on the way talks them into plain HTTP; an origin may say otherwise."
    said = EMPTY, quote.word(spec.hsts)
    return Map("map", "$upstream_http_strict_transport_security", "$proxycfg_hsts", EMPTY, (said,), why)


def _upgrade() -> Iterator[Map]:
    websocket = Quoted("websocket")
    yield Map(
        "map", "$http_upgrade", "$proxycfg_upgrade", EMPTY, ((websocket, websocket),),
        "Only WebSocket is let through: `Upgrade: h2c` would open a tunnel past every rule below.",
    )  # fmt: skip
    yield Map(
        "map", "$http_upgrade", "$proxycfg_connection", EMPTY, ((websocket, Quoted("upgrade")),),
        "Empty, not `close`, for ordinary requests: `close` would end connection reuse towards the origin.",
    )  # fmt: skip


def affinity_key(upstream: Upstream, names: Names) -> Quoted | None:
    """What the upstream's servers are chosen by, where that is not their load."""
    if upstream.affinity is None:
        return None
    if upstream.affinity.by == "ip":
        return Quoted("$remote_addr")
    # The path is there in every request, so it needs no variable of ours.
    if upstream.affinity.by == "hash" and not upstream.affinity.name:
        return Quoted("$uri")
    return Quoted(f"$proxycfg_affinity_{names.keys[upstream.name]}")


def _affinity(upstream: Upstream, key: str, *, secure: bool) -> Iterator[Map]:
    affinity = upstream.affinity
    if affinity is None or not affinity.name:
        return
    variable = f"$proxycfg_affinity_{key}"
    if affinity.by == "cookie":
        cookie = f"$cookie_{affinity.name}"
        attributes = f"; Path=/; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
        fresh = Quoted(f'"{affinity.name}=$request_id{attributes}"')
        why = "A client without the cookie gets a random key, which becomes its cookie."
        yield Map("map", cookie, variable, Quoted(cookie), ((EMPTY, Quoted("$request_id")),), why)
        yield Map("map", cookie, f"$proxycfg_cookie_{key}", EMPTY, ((EMPTY, fresh),), "")
        return
    source = f"$arg_{affinity.name}" if affinity.by == "hash" else _header(affinity.name)
    said = "argument" if affinity.by == "hash" else "header"
    why = f"A client without the {said} is told apart by its address."
    yield Map("map", source, variable, Quoted(source), ((EMPTY, Quoted("$remote_addr")),), why)


def _header(name: str) -> str:
    """The variable that holds a request header."""
    return f"$http_{name.lower().replace('-', '_')}"


def _stripped(names: Names) -> Iterator[Map]:
    """The rest of the path as the client wrote it, query included, behind the prefix however that is spelled; always with a slash in front."""
    why = (
        "What is behind the prefix, in whatever letters it came (%61 is a), goes on as the client wrote it: what nginx has decoded, such as %3B, it "
        "would not encode again."
    )
    for prefix, key in names.stripped.items():
        spelled = quote.spelled(prefix)
        rest = quote.word(f"~^{spelled}(?<proxycfg_rest>/.*)$"), Quoted("$proxycfg_rest")
        alone = quote.word(rf"~^{spelled}(?<proxycfg_rest_query>(?:\?.*)?)$"), Quoted("/$proxycfg_rest_query")
        yield Map("map", "$request_uri", f"$proxycfg_rest_{key}", Quoted("$request_uri"), (rest, alone), why)
        why = ""


def _credentials(names: Names) -> Iterator[Map]:
    """Whether a request is somebody's own. One map, for nginx would take a token of "0" for none."""
    why = "A request with credentials is not answered from the shared cache, and its answer is not put there."
    for (kind, name), key in names.credentials.items():
        public = EMPTY
        headers = (*CREDENTIALS, *((name,) if kind == "header" else ()))
        subject = "".join(dict.fromkeys(map(_header, headers)))
        if kind == "query":
            subject += ":$args"
            public = quote.word(f"~*^:(?!(?:.*&)?{quote.pattern(name)}=.)")
        yield Map("map", f'"{subject}"', f"$proxycfg_private_{key}", Quoted("1"), ((public, EMPTY),), why)
        why = ""


def _cors(spec: Spec, names: Names, *, alone: bool) -> Iterator[Map]:
    browsers = dict.fromkeys(route.cors for route in spec.routes if route.browser_cors)
    sockets = dict.fromkeys(route.cors for route in spec.routes if route.cors and not route.browser_cors)
    if browsers:
        yield Map(
            "map", '"$request_method:$http_origin:$http_access_control_request_method"', "$proxycfg_preflight", Quoted("0"),
            ((Quoted('"~^OPTIONS:.+:[A-Z]+$"'), Quoted("1")),), "A browser asks first; the answer needs no origin server.",
        )  # fmt: skip
        yes = Quoted("1")
        for variable, answer in (
            ("methods", Quoted("$proxycfg_methods")),
            ("headers", Quoted("$http_access_control_request_headers")),
            ("age", Quoted("600")),
        ):
            yield Map("map", "$proxycfg_preflight", f"$proxycfg_asked_{variable}", EMPTY, ((yes, answer),), "")
        exposed = Quoted(f'"{", ".join(EXPOSED)}"')
        yield Map("map", "$proxycfg_preflight", "$proxycfg_exposed", exposed, ((yes, EMPTY),), "")
    why = "The web origins that may call a route."
    for origins in browsers:
        if "*" in origins:
            continue
        allowed = tuple((_origin(origin, alone=alone), Quoted("$http_origin")) for origin in origins)
        variable = f"$proxycfg_origin_{names.origins[origins]}"
        yield Map("map", "$http_origin", variable, EMPTY, allowed, why)
        credentials = f"$proxycfg_credentials_{names.origins[origins]}"
        yield Map("map", variable, credentials, Quoted('"true"'), ((EMPTY, EMPTY),), "")
        why = ""
    why = "CORS does not cover WebSocket: its Origin is checked here. Clients that are no browsers send none."
    for origins in sockets:
        if "*" in origins:
            continue
        allowed = tuple((_origin(origin, alone=alone), Quoted("0")) for origin in ("", *origins))
        yield Map("map", "$http_origin", f"$proxycfg_foreign_{names.origins[origins]}", Quoted("1"), allowed, why)
        why = ""


def _origin(origin: str, *, alone: bool) -> Quoted:
    """The key for a web origin: a long one is a pattern where the size of nginx's hash tables is not ours to set."""
    if alone or len(origin) <= facts.LONGEST_NAME:
        return quote.word(origin)
    return quote.word(f"~*^{quote.pattern(origin)}$")
