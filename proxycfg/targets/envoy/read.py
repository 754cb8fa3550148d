"""A route of Envoy → what it does, property by property, and the field or default that decides it.

One function a property, in the order of :mod:`proxycfg.behavior`. What a route does is a matter of its own fields, of its virtual host and route
configuration, of the connection manager and listener in front, of the cluster behind, and of the version's defaults; Envoy's sources and the
measurements in ``tests/containers`` say how they play together. What the config leaves open is a range.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any

from proxycfg.behavior import ANYTHING, EITHER, FOREVER, NO, YES, Behavior, Between, exactly
from proxycfg.collector import held_off
from proxycfg.protocols import protocols
from proxycfg.reading import Evidence, Reading, ReadRoute
from proxycfg.source import Span
from proxycfg.targets.envoy import defaults
from proxycfg.targets.envoy.matchers import header_matches, matches_text
from proxycfg.targets.envoy.place import ANY_NUMBER, Detour, Place, Reader, Why, has
from proxycfg.targets.envoy.routes import HCM, Door, Route
from proxycfg.targets.envoy.tree import Field, Message

Found = tuple[Between[Any], Why]
PropertyReader = Callable[[Place], Found]
ANY_TEXT: Between[str] = Between("", ANYTHING)


@held_off()
def read(reader: Reader, protocol_of: Callable[[Route], str | None] = lambda _: None) -> list[tuple[Route, ReadRoute]]:
    """Every route that hands requests to an origin, and what it does, in the order of the file."""
    return [(route, read_route(reader, route, protocol_of(route))) for route in reader.world.routes() if route.proxied]


def read_route(
    reader: Reader,
    route: Route,
    protocol: str | None = None,
    *,
    door: Door | None = None,
    or_else: Sequence[Route] = (),
) -> ReadRoute:
    """A route.

    :param door: the one that clients come through; None for all that lead to it.
    :param or_else: where some of its requests end instead, by chance.
    """
    places = [place for each in (route, *or_else) for place in reader.places(each, protocol, door)]
    found = {name: _joined(name, function, places) for name, function in PROPERTIES}
    return ReadRoute(
        host=route.host.host,
        path=route.path,
        kind=route.kind,
        span=route.message.span,
        reading=Reading(Behavior(**{name: value for name, (value, _) in found.items()}), _Told(found)),
        protocol=protocol,
        not_understood=tuple(dict.fromkeys(span for place in places for span in _not_understood(place))),
    )


class _Told(Mapping[str, Evidence]):
    """Evidence that is put into words when somebody asks for it."""

    __slots__ = ("_found",)

    def __init__(self, found: Mapping[str, Found]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> Evidence:
        return self._found[name][1].evidence()

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return repr(dict(self))


def _joined(name: str, function: PropertyReader, places: Sequence[Place]) -> Found:
    """A property over all places that a request may come through: clients choose the door, and chance the cluster behind it."""
    if len(places) == 1:
        return _either_way(name, function, places[0])
    doors: dict[int, list[Found]] = {}
    for place in places:
        doors.setdefault(id(place.door), []).append(_either_way(name, function, place))
    by_chance = _BY_CHANCE.get(name, Between.hull)
    return _over([_over(found, by_chance) for found in doors.values()], _JOINS.get(name, Between.hull))


def _either_way(name: str, function: PropertyReader, place: Place) -> Found:
    """A property of requests that pass the route, and of those that a filter sends past it."""
    found = function(place)
    if place.detour is None or name in _BODIES:
        return found
    joined = (_word if name == "session_affinity" else Between.hull)(found[0], function(place.detour)[0])
    return found if joined == found[0] else (joined, place.detour.why)


_BODIES = frozenset(("request_buffering", "request_body_limit", "retries_non_idempotent", "upgrade"))
"""Properties of requests that no filter sends on by itself."""


def _over(found: Sequence[Found], join: Callable[[Between[Any], Between[Any]], Between[Any]]) -> Found:
    value, why = found[0]
    for other, decided_by in found[1:]:
        joined = join(value, other)
        value, why = joined, decided_by if joined != value else why
    return value, why


def _word(one: Between[Any], other: Between[Any]) -> Between[Any]:
    return one if one == other else ANY_TEXT


def _spread(one: Between[float], other: Between[float]) -> Between[float]:
    """All on one of them, or some on each."""
    return Between(min(one.low, other.low), one.high + other.high)


_BY_CHANCE: Mapping[str, Callable[[Between[Any], Between[Any]], Between[Any]]] = {
    "max_streams": _spread,
    "session_affinity": _word,
}
# Through one door or the other: clients can choose.
_JOINS: Mapping[str, Callable[[Between[Any], Between[Any]], Between[Any]]] = {
    "client_http_versions": Between.both,
    "stalls_on": Between.both,
    "upgrade": Between.both,
    "grpc": Between.both,
    "session_affinity": _word,
}


# ---- the properties ----


def _shared(function: PropertyReader) -> PropertyReader:
    """For a property in which all routes agree that go through one door, to one cluster, with one priority: worked out once for them."""
    name = function.__name__

    @wraps(function)
    def once(place: Place) -> Found:
        cluster = place.origin.message
        if cluster is None:
            return function(place)
        key = name, type(place), id(place.door), cluster.key, place.action.text("priority")
        found: Found | None = place.reader.found.get(key)
        if found is None:
            found = place.reader.found[key] = function(place)
        return found

    return once


def response_buffering(place: Place) -> Found:
    """Envoy passes each piece on; only filters collect answers."""
    return place.effect("holds_response", "http_filters: none collects answers")


def stalls_on(place: Place) -> Found:
    """Where a filter collects answers, or a compressor keeps what it has not flushed."""
    served = place.door.transports if place.door is not None else frozenset[str]()
    held, why = response_buffering(place)
    stalls, stalls_by = place.effect("stalls", "http_filters: none holds small events back")
    if place.door is None:
        return Between(
            frozenset(), frozenset({"http/1.1", "http/1.1+tls", "2", "3"}) if held.high or stalls.high else frozenset()
        ), why
    surely = served if held.low or stalls.low else frozenset()
    perhaps = served if held.high or stalls.high else frozenset()
    return Between(surely, perhaps), why if held.high else stalls_by


def request_buffering(place: Place) -> Found:
    """Only filters collect requests."""
    return place.effect("holds_request", "http_filters: none collects requests")


def compression(place: Place) -> Found:
    """A compressor whose content types take in the stream's."""
    if place.protocol == "websocket":
        return NO, place.reader.stated("an upgraded connection is never compressed")
    value, why = place.effect("compresses", "http_filters: no compressor takes this content type")
    all_of_them = [found for each, found in place.effects if each.kind in {"compressor", "gzip"}]
    if len(all_of_them) > 1 and any(not each.compresses.low or each.takes_accept_encoding.high for each in all_of_them):
        # The client's favorite among them is chosen, though it takes another type, or never saw what the client accepts.
        value = Between(low=False, high=value.high)
    return value, why


def caching(place: Place) -> Found:
    """A cache filter, or a script that keeps answers."""
    return place.effect("caches", "http_filters: none keeps answers")


@_shared
def upstream_http_version(place: Place) -> Found:
    """The cluster's HttpProtocolOptions, or the fields that they replaced; HTTP/1.1 without either."""
    cluster, options = place.origin.message, place.origin.options
    if cluster is None:
        return Between("1.1", "3"), place.no_cluster
    for name, version in (
        ("http_protocol_options", "1.1"),
        ("http2_protocol_options", "2"),
        ("http3_protocol_options", "3"),
    ):
        said = options.field("explicit_http_config", name)
        if said is not None:
            return exactly(version), Why(said, block="cluster")
    same = options.field("use_downstream_protocol_config")
    if same is not None:
        return _as_the_client(
            place, three=options.has("use_downstream_protocol_config", "http3_protocol_options")
        ), Why(same, block="cluster")
    negotiated = options.field("auto_config")
    if negotiated is not None:
        return Between("1.1", "3" if options.has("auto_config", "http3_protocol_options") else "2"), Why(
            negotiated, block="cluster"
        )
    old = cluster.field("protocol_selection")
    if old is not None and old.value.raw in {"USE_DOWNSTREAM_PROTOCOL", "1"}:
        return _as_the_client(place, three=False), Why(old, block="cluster")
    old = cluster.field("http2_protocol_options")
    if old is not None:
        return exactly("2"), Why(old, block="cluster")
    return exactly("1.1"), place.reader.stated(f"explicit_http_config: HTTP/1.1 {place.reader.default_of}")


def _as_the_client(place: Place, *, three: bool) -> Between[str]:
    if isinstance(place, Detour):
        # The filter is the client.
        return exactly("1.1")
    clients = place.door.versions if place.door is not None else frozenset({"1.1", "2", "3"})
    found = [each if three or each != "3" else "2" for each in clients]
    return Between(min(found), max(found))


def upgrade(place: Place) -> Found:
    """Whether the route, or else the connection manager, allows it, and nothing in the filters' chain for it waits for a body."""
    allowed, why = _allowed(place)
    if not allowed.high:
        return NO, why
    if place.door is not None and "1.1" not in place.door.versions:
        options, name = (
            ("http3_protocol_options", "allow_extended_connect")
            if place.door.quic
            else ("http2_protocol_options", "allow_connect")
        )
        if not place.hcm.flag(options, name):
            said = place.hcm.field(options, name) or place.door.versions_field()
            return NO, Why(said, block=HCM) if said else place.reader.stated(
                f"{options}: {name}: false {place.reader.default_of}"
            )
        # Browsers send no key over HTTP/2, and an origin of HTTP/1.1 asks for one.
        return EITHER, Why(place.hcm.field(options, name), block=HCM)
    for dropped in place.hcm.messages("http_protocol_options", "ignore_http_11_upgrade"):
        if matches_text(dropped, "websocket"):
            return NO, Why(Field(None, dropped.node), block=HCM)
    blocked, blocked_by = place.effect("blocks_handshake", "", handshake=True)
    if blocked.low:
        return NO, blocked_by
    version, version_by = upstream_http_version(place)
    if version.high != "1.1":
        # Over HTTP/2 it becomes an extended CONNECT, which few origins know.
        return EITHER, version_by
    if blocked.high and allowed.low:
        return EITHER, blocked_by
    return allowed, why


def _allowed(place: Place) -> Found:
    for where, block in ((place.action, ""), (place.hcm, HCM)):
        entry = place.upgrade_entry(where)
        if entry is not None:
            said = entry.field("enabled") if entry.flag("enabled") is False else entry.field("upgrade_type")
            return (NO if entry.flag("enabled") is False else YES), Why(said, block=block)
    if place.door is None:
        return EITHER, place.elsewhere
    return NO, place.reader.stated(f"upgrade_configs: none {place.reader.default_of}")


def upstream_connection_header(place: Place) -> Found:
    """Envoy takes hop-by-hop headers away, and sets none on a plain request."""
    return exactly(""), place.reader.stated("Envoy sends no Connection header with a plain request")


@_shared
def connect_timeout(place: Place) -> Found:
    """The cluster's."""
    return place.cluster_seconds(defaults.CONNECT_TIMEOUT, "connect_timeout")


def _off(value: float) -> float:
    """A timer whose zero is off."""
    return value or FOREVER


def _stream_idle(place: Place) -> Found:
    """The route's ``idle_timeout``, or else the connection manager's ``stream_idle_timeout``: any byte of either side restarts it."""
    own = place.action.seconds("idle_timeout")
    if own is not None:
        return exactly(_off(own)), Why(place.action.field("idle_timeout"))
    if place.door is None:
        return ANY_NUMBER, place.elsewhere
    outer = place.hcm.seconds("stream_idle_timeout")
    if outer is not None:
        return exactly(_off(outer)), Why(place.hcm.field("stream_idle_timeout"), block=HCM)
    return exactly(defaults.STREAM_IDLE_TIMEOUT.value), place.reader.silence(defaults.STREAM_IDLE_TIMEOUT)


def _least(first: Found, others: Iterable[Found]) -> Found:
    """The first timer to run out."""
    value, why = first
    for other, decided_by in others:
        if other.high < value.high or other.low < value.low:
            value, why = Between(min(value.low, other.low), min(value.high, other.high)), decided_by
    return value, why


def _retry_policy(place: Place) -> tuple[Message, str] | None:
    """The policy that counts: the cluster's, or else the route's, or else the virtual host's; each as a whole."""
    if has(place, "cluster_retry_policy"):
        of_cluster = place.origin.options.message("retry_policy")
        if of_cluster is not None:
            return of_cluster, "cluster"
    return _policy_of_route(place)


def _policy_of_route(place: Place) -> tuple[Message, str] | None:
    own = place.action.message("retry_policy")
    if own is not None:
        return own, ""
    return next(((holder.of(said), level) for level, holder, said in place.named("retry_policy")), None)


def upstream_idle_timeout(place: Place) -> Found:
    """The stream's idle timer, and that of an attempt, which goes on after the answer has begun; a poll also waits for its headers."""
    return _least(_stream_idle(place), (*_tries(place, polled=place.protocol == "long-poll"), *_quic_idle(place)))


def _quic_idle(place: Place) -> Iterator[Found]:
    """A stream of HTTP/3 ends with its connection, whose silence has a limit of its own unless one of its ends keeps it awake."""
    if place.door is None or not place.door.quic:
        return
    path = ("udp_listener_config", "quic_options")
    if place.door.listener.has(*path, "quic_protocol_options", "connection_keepalive"):
        return
    value = place.door.listener.seconds(*path, "idle_timeout")
    said = place.door.listener.field(*path, "idle_timeout")
    if value is None:
        yield Between(defaults.QUIC_IDLE_TIMEOUT.value, FOREVER), place.reader.silence(defaults.QUIC_IDLE_TIMEOUT)
    elif value:
        yield Between(value, FOREVER), Why(said, block="listener")


def _tries(place: Place, *, polled: bool = False) -> Iterator[Found]:
    """The timers of an attempt; that of its answer's beginning only for what is ``polled``.

    When the latter runs out, the idle timer is taken away, though the answer goes on (``UpstreamRequest::onPerTryTimeout``; measured on 1.40). The
    policy of a cluster says when to try again, and none of its timers counts (``FilterUtility::finalTimeout``; measured, too).
    """
    policy, block = _policy_of_route(place) or (None, "")
    if policy is None or place.protocol == "websocket":
        return
    begins, idle = (policy.seconds(f"per_try_{name}timeout") or 0.0 for name in ("", "idle_"))
    whole = _whole_timeout(place)
    if whole and begins >= whole:
        # One as long as the route's is not set.
        begins = 0.0
    if begins and polled:
        yield exactly(begins), Why(policy.field("per_try_timeout"), block=block)
    if idle and (not begins or polled or whole is None):
        yield (
            (Between(idle, FOREVER) if whole is None and begins else exactly(idle)),
            Why(policy.field("per_try_idle_timeout"), block=block),
        )
    elif idle and idle < begins:
        # Silence that begins later is borne.
        yield Between(idle, FOREVER), Why(policy.field("per_try_idle_timeout"), block=block)


def _whole_timeout(place: Place) -> float | None:
    """Seconds that the router gives a request with all its attempts; 0 is no end, None what the client says."""
    if isinstance(place, Detour) or _timeout_off(place) is not None:
        return 0.0
    if place.protocol == "grpc" and place.action.has("max_grpc_timeout"):
        return None
    value = place.action.seconds("timeout")
    return defaults.ROUTE_TIMEOUT.value if value is None else value


def client_idle_timeout(place: Place) -> Found:
    """The same timer: it is one for both sides."""
    return _stream_idle(place)


def send_timeout(place: Place) -> Found:
    """For a client that reads nothing the idle timers of the stream and of the attempt run; over HTTP/1.1 that of the full connection, too."""
    idle, why = _least(_stream_idle(place), _tries(place))
    if isinstance(place, Detour):
        # The origin is never told to wait, and as long as it sends nothing is idle.
        idle = Between(idle.low, FOREVER)
    if place.door is None:
        return Between(0.0, idle.high), place.elsewhere
    name = "per_connection_buffer_high_watermark_timeout"
    full = place.door.listener.seconds(name)
    if not full or "1.1" not in place.door.versions:
        return idle, why
    first = exactly(min(full, idle.low))
    if first == idle:
        return idle, why
    said = Why(place.door.listener.field(name), block="listener")
    return (first if place.door.versions == {"1.1"} else Between(first.low, idle.high)), said


def total_timeout(place: Place) -> Found:
    """The route's ``timeout``, from the end of the request, unless it is an upgraded WebSocket; and the longest life of a stream."""
    return _least(_longest(place), (*_cluster_longest(place), *_route_timeout(place), *_request_timeout(place)))


def _longest(place: Place) -> Found:
    own = place.action.seconds("max_stream_duration", "max_stream_duration")
    if own is not None:
        return exactly(_off(own)), Why(place.action.field("max_stream_duration", "max_stream_duration"))
    if place.door is None:
        return ANY_NUMBER, place.elsewhere
    path = ("common_http_protocol_options", "max_stream_duration")
    outer = place.hcm.seconds(*path)
    if outer is not None:
        return exactly(_off(outer)), Why(place.hcm.field(*path), block=HCM)
    if _timeout_off(place):
        return exactly(FOREVER), Why(_timeout_off(place))
    return exactly(FOREVER), place.reader.stated(f"max_stream_duration: none {place.reader.default_of}")


def _cluster_longest(place: Place) -> Iterator[Found]:
    """A timer of its own, which a route cannot lift."""
    if place.origin.message is None:
        yield ANY_NUMBER, place.no_cluster
        return
    path = ("common_http_protocol_options", "max_stream_duration")
    value = place.origin.options.seconds(*path)
    if value:
        yield exactly(value), Why(place.origin.options.field(*path), block="cluster")


def _timeout_off(place: Place) -> Field | None:
    """The field that switches the route's timeout off: a zero, or any ``max_stream_duration``, even an empty one."""
    duration = place.action.field("max_stream_duration")
    if duration is not None:
        return duration
    return place.action.field("timeout") if place.action.seconds("timeout") == 0 else None


def _route_timeout(place: Place) -> Iterator[Found]:
    if place.protocol == "websocket" or isinstance(place, Detour) or _timeout_off(place) is not None:
        return
    old = place.action.field("max_grpc_timeout")
    if old is not None and place.protocol == "grpc":
        value = place.action.seconds("max_grpc_timeout")
        if value:
            yield exactly(value), Why(old)
        return
    value = place.action.seconds("timeout")
    if value is not None:
        yield exactly(value), Why(place.action.field("timeout"))
    else:
        yield exactly(defaults.ROUTE_TIMEOUT.value), place.reader.silence(defaults.ROUTE_TIMEOUT)


def _request_timeout(place: Place) -> Iterator[Found]:
    """How long a body may take that streams: until its end, or until the answer has begun, which is the origin's affair."""
    known = protocols().get(place.protocol or "")
    value = place.hcm.seconds("request_timeout")
    if value and known is not None and known.uploads and place.protocol != "websocket":
        yield Between(value, FOREVER), Why(place.hcm.field("request_timeout"), block=HCM)


def request_body_limit(place: Place) -> Found:
    """Of filters that count bodies, or that collect them and must stop somewhere."""
    value: Between[float] = exactly(FOREVER)
    why = place.reader.stated("http_filters: none limits bodies")
    for each, found in place.effects:
        if found.limit is not None and found.limit < value.high:
            value, why = exactly(found.limit), place.of_filter(each, found, "limit")
        if found.limited:
            most = _buffer_size(place)
            if not found.holds_request.low:
                # It may let this request through as it comes.
                most = Between(most.low, FOREVER)
            if most.high < value.high or most.low < value.low:
                value, why = (
                    Between(min(value.low, most.low), min(value.high, most.high)),
                    place.of_filter(each, found, "limit"),
                )
        if found.unknown and value.low > 0:
            value, why = Between(0.0, value.high), place.of_filter(each, found, "limit")
    return (Between(0.0, value.high), place.elsewhere) if place.door is None else (value, why)


def _buffer_size(place: Place) -> Between[float]:
    """How much a filter can collect: what the connection can hold, for HTTP/2 a stream's window; a route can raise it."""
    if place.door is None:
        return ANY_NUMBER
    size = place.door.listener.number("per_connection_buffer_limit_bytes")
    low = high = defaults.CONNECTION_BUFFER.value if size is None else float(size)
    if place.door.versions - {"1.1"}:
        window = place.hcm.number("http2_protocol_options", "initial_stream_window_size")
        high = float(window or defaults.stream_window(place.version))
        low, high = (min(low, high), max(low, high)) if "1.1" in place.door.versions else (high, high)
    names = ("request_body_buffer_limit", "per_request_buffer_limit_bytes")
    for _, message, _said in place.named(*names):
        raised = [float(most) for name in names if (most := message.number(name)) is not None]
        return Between(max(low, *raised[:1]), max(high, *raised[:1])) if raised else Between(low, high)
    return Between(low, high)


_OF_HTTP = frozenset(("5xx", "gateway-error", "reset", "retriable-4xx", "envoy-ratelimited"))
"""Conditions that an origin meets which has seen the request; ``connect-failure``, ``refused-stream`` and ``reset-before-request`` it cannot."""
_OF_GRPC = frozenset(("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"))
"""What is read from ``grpc-status`` in the headers."""


def retries(place: Place) -> Found:
    """A policy with a condition that an origin which has seen the request can meet."""
    return _again(place, "GET")


def _again(place: Place, method: str) -> Found:
    """Whether a request of that method is sent a second time, which the origin has seen."""
    policy = _retry_policy(place)
    if policy is None:
        if place.origin.message is None:
            return EITHER, place.no_cluster
        return NO, place.reader.stated(f"retry_policy: none {place.reader.default_of}")
    message, block = policy
    said = message.field("retry_on")
    count = message.number("num_retries")
    if said is None or count == 0:
        found = message.field("num_retries") if said is not None else None
        return NO, Why(found or _itself(place, message, block), block=block)
    wanted = {word.strip() for word in said.value.raw.split(",")}
    why = Why(said, block=block)
    met = _met(message, wanted, place.protocol)
    asked = _retriable(message, method)
    return Between(met.low and asked.low, met.high and asked.high), why


def _met(policy: Message, wanted: set[str], protocol: str | None) -> Between[bool]:
    """Whether an origin that has seen a request can meet one of the conditions."""
    if wanted & _OF_HTTP or ("retriable-status-codes" in wanted and policy.has("retriable_status_codes")):
        return YES
    if "retriable-headers" in wanted and policy.has("retriable_headers"):
        return EITHER
    if wanted & _OF_GRPC:
        return {"grpc": YES, None: EITHER, "grpc-web": EITHER, "connect": EITHER}.get(protocol, NO)
    return NO


def _retriable(policy: Message, method: str) -> Between[bool]:
    """Whether a policy is for requests of that method: one of the headers that it asks for is enough."""
    matchers = policy.messages("retriable_request_headers")
    of_method = [each for each in matchers if each.text("name") == ":method"]
    if not matchers or any(header_matches(each, method) for each in of_method):
        return YES
    return NO if len(of_method) == len(matchers) else EITHER


def _itself(place: Place, message: Message, block: str) -> Field | None:
    """The field that holds a retry policy."""
    holder = {"": place.action, "virtual host": place.route.host.message}.get(block, place.origin.options)
    return holder.field("retry_policy") or Field(None, message.node)


def retries_non_idempotent(place: Place) -> Found:
    """Envoy makes no difference between methods, unless the policy asks for headers of the request."""
    again, why = _again(place, "POST")
    policy = _retry_policy(place)
    if policy is not None and not again.high and retries(place)[0].high:
        return NO, Why(policy[0].field("retriable_request_headers"), block=policy[1])
    return again, why


def error_interception(place: Place) -> Found:
    """An origin's error goes on as it is; ``local_reply_config`` is about Envoy's own."""
    return place.effect("replaces_errors", "http_filters: none replaces an origin's errors")


def honors_x_accel_buffering(place: Place) -> Found:
    """There is no buffer to switch off."""
    return NO, place.reader.stated("Envoy takes no notice of X-Accel-Buffering")


def forwards_x_accel_buffering(place: Place) -> Found:
    """Unless something removes it."""
    for level, message, _ in place.named("response_headers_to_remove"):
        for each in message.texts("response_headers_to_remove"):
            if each.value.raw.lower() == "x-accel-buffering":
                return NO, Why(each, block=level)
    taken, why = place.effect("takes_x_accel_buffering", "response_headers_to_remove: X-Accel-Buffering passes")
    return Between(not taken.high, not taken.low), why


def accept_encoding_forwarded(place: Place) -> Found:
    """Unless something removes it, or sets another."""
    for level, message, _ in place.named("request_headers_to_add"):
        for each in message.messages("request_headers_to_add"):
            if (each.text("header", "key") or "").lower() != "accept-encoding":
                continue
            how = (each.text("append_action") or "APPEND_IF_EXISTS_OR_ADD").upper()
            said = each.field("header")
            if how in {"OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS", "2", "3"} or each.flag("append") is False:
                return NO, Why(said, block=level)
    for level, message, _ in place.named("request_headers_to_remove"):
        for name in message.texts("request_headers_to_remove"):
            if name.value.raw.lower() == "accept-encoding":
                return NO, Why(name, block=level)
    for extension in place.hcm.messages("early_header_mutation_extensions"):
        mutations = extension.any("typed_config")
        for mutation in mutations.messages("mutations") if mutations is not None else []:
            if (mutation.text("remove") or "").lower() == "accept-encoding":
                return NO, Why(mutation.field("remove"), block=HCM)
    taken, why = place.effect("takes_accept_encoding", "request_headers_to_remove: Accept-Encoding passes")
    return Between(not taken.high, not taken.low), why


@_shared
def client_http_versions(place: Place) -> Found:
    """What the listener speaks, by its codec and the protocols that TLS offers."""
    if place.door is None:
        return Between(frozenset(), frozenset({"1.1", "2", "3"})), place.elsewhere
    return exactly(place.door.versions), _listening(place.door, place.reader)


def _listening(door: Door, reader: Reader) -> Why:
    said = door.versions_field()
    if said is not None:
        return Why(said, block=HCM if door.codec != "AUTO" else "listener")
    if door.quic:
        return Why(door.listener.field("udp_listener_config"), block="listener")
    offered = "no ALPN is offered" if door.secure else "HTTP/1.1, and HTTP/2 without an upgrade"
    return reader.stated(f"codec_type: AUTO, {offered} {reader.default_of}")


@_shared
def grpc(place: Place) -> Found:
    """HTTP/2 or 3 on both sides."""
    version, why = upstream_http_version(place)
    if version.high == "1.1":
        return NO, why
    clients = place.door.versions if place.door is not None else frozenset({"2"})
    if place.door is not None and not clients & {"2", "3"}:
        return NO, _listening(place.door, place.reader)
    return (YES if version.low != "1.1" and place.door is not None else EITHER), why


_AFFINITIES = (
    ("cookie", "cookie"),
    ("header", "header"),
    ("query_parameter", "hash"),
    ("filter_state", "hash"),
    ("connection_properties", "ip"),
)
_BY_HASH = frozenset(("RING_HASH", "MAGLEV", "2", "5"))
_NOT_BY_HASH = frozenset(
    (
        "RoundRobin",
        "LeastRequest",
        "Random",
        "PickFirst",
        "ClientSideWeightedRoundRobin",
        "WrrLocality",
        "ClusterProvided",
    )
)


def session_affinity(place: Place) -> Found:
    """A stateful session, or a hash policy where the cluster balances by hash."""
    for each, found in place.effects:
        if found.affinity:
            return exactly(found.affinity), place.of_filter(each, found, "affinity")
    cluster = place.origin.message
    if cluster is None:
        return ANY_TEXT, place.no_cluster
    policies, block = place.origin.options.messages("hash_policy"), "cluster"
    if not policies:
        policies, block = place.action.messages("hash_policy"), ""
    said = (place.origin.options if block else place.action).field("hash_policy")
    hashed, why = _hashes(place, cluster)
    if not hashed.high or not policies:
        return exactly("none"), why if not hashed.high else place.reader.stated(
            f"hash_policy: none {place.reader.default_of}"
        )
    kinds = {_kind_of(policy) for policy in policies}
    if len(kinds) > 1 or not hashed.low:
        return ANY_TEXT, Why(said, block=block)
    return exactly(kinds.pop()), Why(said, block=block)


def _kind_of(policy: Message) -> str:
    kind = next((kind for name, kind in _AFFINITIES if policy.has(name)), "hash")
    return "hash" if kind == "header" and (policy.text("header", "header_name") or "").startswith(":") else kind


def _hashes(place: Place, cluster: Message) -> Found:
    """Whether the cluster balances by hash."""
    said = cluster.field("load_balancing_policy")
    if said is not None:
        for each in cluster.messages("load_balancing_policy", "policies"):
            config = each.any("typed_extension_config", "typed_config")
            kind = config.type.rpartition(".")[2] if config is not None else ""
            # The first that Envoy knows counts.
            return (YES if kind in {"RingHash", "Maglev"} else NO if kind in _NOT_BY_HASH else EITHER), Why(
                said, block="cluster"
            )
    said = cluster.field("lb_policy")
    if said is None:
        return NO, place.reader.stated(f"lb_policy: ROUND_ROBIN {place.reader.default_of}")
    return (YES if said.value.raw.upper() in _BY_HASH else NO), Why(said, block="cluster")


@_shared
def query_logged(place: Place) -> Found:
    """Whether a format holds the path with its query, as the default one does."""
    if place.door is None:
        return EITHER, place.elsewhere
    value, why = NO, place.reader.stated(f"access_log: none {place.reader.default_of}")
    for log in place.hcm.messages("access_log"):
        kept, said = _keeps_query(log, place)
        why = said if kept.high > value.high or kept.low > value.low or (not value.high and why.field is None) else why
        value = Between(value.low or kept.low, value.high or kept.high)
    return value, why


_HEADERS = re.compile(r"%(?:REQ|REQUEST_HEADER)\(([^)%]*)\)", re.IGNORECASE)
_PATH = re.compile(r"%PATH(?:\(([^)%]*)\))?(?::\d+)?%")


def _keeps_query(log: Message, place: Place) -> Found:
    config = log.any("typed_config")
    said = Why(log.field("name") or Field(None, log.node), block=HCM)
    if config is None:
        return EITHER, said
    kind = config.type.rpartition(".")[2]
    if kind == "HttpGrpcAccessLogConfig":
        kept = YES
    else:
        formats = [found for name in _FORMATS if (found := config.field(name)) is not None]
        if formats:
            said = Why(formats[0], block=HCM)
            kept = _any(_holds_query(text) for each in formats for text in _texts(each))
            if config.has("log_format", "text_format_source", "filename"):
                kept = EITHER
        elif kind in {"FileAccessLog", "StdoutAccessLog", "StderrAccessLog", "StreamAccessLog"}:
            kept, said = YES, place.reader.silence(defaults.ACCESS_LOG)
        else:
            # Others say in a language of their own what they keep.
            kept = NO if kind in {"TcpGrpcAccessLogConfig", "Config"} else EITHER
    if log.has("filter") and kept.high and not _of_every_request(log):
        return EITHER, Why(log.field("filter"), block=HCM)
    return kept, said


_FORMATS = ("log_format", "format", "json_format", "typed_json_format", "body", "attributes", "record")


def _of_every_request(log: Message) -> bool:
    return any(log.has("filter", name) for name in ("not_health_check_filter", "log_type_filter"))


def _any(found: Iterable[Between[bool]]) -> Between[bool]:
    values = list(found)
    return Between(any(each.low for each in values), any(each.high for each in values))


def _texts(said: Field) -> Iterator[str]:
    todo = [said.value]
    while todo:
        node = todo.pop()
        if node.kind == "scalar":
            yield node.raw
        todo.extend(each for _, each in node.children.values())


def _holds_query(text: str) -> Between[bool]:
    for match in _HEADERS.finditer(text):
        names = [name.strip().lower() for name in match[1].split("?")]
        if ":path" in names:
            return YES
    for match in _PATH.finditer(text):
        if (match[1] or "WQ").partition(":")[0].strip().upper() != "NQ":
            return YES
    return (
        YES
        if "%QUERY_PARAM" in text
        else EITHER
        if "x-envoy-original-path" in text.lower() and "%PATH" not in text
        else NO
    )


def abort_propagates(place: Place) -> Found:
    """A client's reset goes on to the origin at once; a cache that keeps the answer reads on."""
    if isinstance(place, Detour):
        return EITHER, place.why
    return YES, place.reader.stated("Envoy resets the origin's stream when the client is gone")


@_shared
def max_streams(place: Place) -> Found:
    """What the cluster's circuit breakers let through; with an HTTP/1.1 origin each stream takes a connection. And what listeners take."""
    cluster = place.origin.message
    if cluster is None:
        return ANY_NUMBER, place.no_cluster
    return _least(_requests(place, cluster), (*_connections(place, cluster), *_clients(place)))


def _threshold(place: Place, cluster: Message) -> Message | None:
    wanted = (
        {"HIGH", "1"} if (place.action.text("priority") or "DEFAULT").upper() in {"HIGH", "1"} else {"DEFAULT", "0"}
    )
    for each in cluster.messages("circuit_breakers", "thresholds"):
        if (each.text("priority") or "DEFAULT").upper() in wanted:
            return each
    return None


def _requests(place: Place, cluster: Message) -> Found:
    threshold = _threshold(place, cluster)
    most = threshold.number("max_requests") if threshold is not None else None
    if threshold is None or most is None:
        return exactly(defaults.MAX_REQUESTS.value), place.reader.silence(defaults.MAX_REQUESTS)
    return exactly(float(most)), Why(threshold.field("max_requests"), block="cluster")


def _connections(place: Place, cluster: Message) -> Iterator[Found]:
    each_holds = _streams_each(place)
    threshold = _threshold(place, cluster)
    most = threshold.number("max_connections") if threshold is not None else None
    if threshold is None or most is None:
        yield _times(defaults.MAX_CONNECTIONS.value, each_holds), place.reader.silence(defaults.MAX_CONNECTIONS)
    else:
        yield _times(float(most), each_holds), Why(threshold.field("max_connections"), block="cluster")
    hosts = sum(len(group.messages("lb_endpoints")) for group in cluster.messages("load_assignment", "endpoints"))
    fixed = (cluster.text("type") or "STATIC").upper() in {"STATIC", "0"}
    in_turn = (cluster.text("lb_policy") or "ROUND_ROBIN").upper() in {"ROUND_ROBIN", "0"} and not cluster.has(
        "load_balancing_policy"
    )
    for limit in cluster.messages("circuit_breakers", "per_host_thresholds"):
        per_host = limit.number("max_connections")
        if per_host is not None:
            held = _times(float(per_host * max(1, hosts)), each_holds)
            if not in_turn:
                # One may be full before the others are, and is chosen all the same.
                held = Between(per_host * each_holds.low, held.high)
            # A name may have several addresses, or hosts come from elsewhere.
            yield held if fixed else Between(held.low, FOREVER), Why(limit.field("max_connections"), block="cluster")


def _streams_each(place: Place) -> Between[float]:
    """Streams that one connection to the origin carries."""
    version, _ = upstream_http_version(place)
    said = place.origin.options.number("explicit_http_config", "http2_protocol_options", "max_concurrent_streams")
    most = float(said or defaults.upstream_streams(place.version))
    return Between(1.0 if version.low == "1.1" else most, 1.0 if version.high == "1.1" else most)


def _times(count: float, each: Between[float]) -> Between[float]:
    return Between(count * each.low, count * each.high)


def _clients(place: Place) -> Iterator[Found]:
    """Connections of clients, each of which carries one stream of HTTP/1.1 and many of a later version."""
    if place.door is None:
        return
    many = bool(place.door.versions - {"1.1"})
    for limit in place.door.before:
        if limit.type.endswith(".ConnectionLimit"):
            most = limit.number("max_connections")
            if most is not None:
                yield (
                    Between(float(most), FOREVER if many else float(most)),
                    Why(limit.field("max_connections"), block="listener"),
                )
    for bootstrap in place.reader.config.bootstraps:
        for monitor in bootstrap.messages("overload_manager", "resource_monitors"):
            config = monitor.any("typed_config")
            most = config.number("max_active_downstream_connections") if config is not None else None
            if config is not None and most is not None and not place.door.listener.flag("ignore_global_conn_limit"):
                said = Why(config.field("max_active_downstream_connections"), block="overload manager")
                yield Between(float(most), FOREVER if many else float(most)), said


PROPERTIES: tuple[tuple[str, PropertyReader], ...] = tuple(
    (function.__name__, function)
    for function in (
        response_buffering, stalls_on, request_buffering, compression, caching, upstream_http_version, upgrade, upstream_connection_header,
        connect_timeout, upstream_idle_timeout, client_idle_timeout, send_timeout, total_timeout, request_body_limit, retries,
        retries_non_idempotent, error_interception, honors_x_accel_buffering, forwards_x_accel_buffering, accept_encoding_forwarded,
        client_http_versions, grpc, session_affinity, query_logged, abort_propagates, max_streams,
    )
)  # fmt: skip
"""Every property's reader, in the order of :class:`~proxycfg.behavior.Behavior`."""


# ---- what is not understood ----

_NOT_FOLLOWED = ("cluster_header", "cluster_specifier_plugin", "inline_cluster_specifier_plugin")


def _not_understood(place: Place) -> Iterator[Span]:
    """What matters to the route and is not modelled, or not at hand."""
    for each, found in place.effects:
        if found.unknown:
            yield (each.place.field("name") or Field(None, each.place.node)).span
    for name in _NOT_FOLLOWED:
        said = place.action.field(name)
        if said is not None:
            yield said.span
    if place.origin.message is None and place.action.has("cluster") and place.origin.said is not None:
        yield place.origin.said.span
    for holder in (place.route.host.table.message, place.route.host.message, place.route.message):
        said = holder.field("route_specifiers")
        if said is not None:
            yield said.span
