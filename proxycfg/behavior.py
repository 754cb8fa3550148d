"""What one hop does to one route: the vocabulary that generator, linter and checker share.

A :class:`Behavior` has one field a property, each a :class:`Between`: the values that are possible. A point is a
certainty, a wider range is what a config leaves open; a :class:`~proxycfg.need.Need` is a behavior too, its ranges being what a
protocol can live with. So the three questions of the project are one comparison: does this range lie within that one?

Each field says all about itself in its :class:`Property`: meaning, unit, how it joins along a chain, and what a hop that changes
nothing would show. Chain, docs, JSON and diff loop over :func:`properties`; none of them names a property.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Annotated, Any, Generic, TypeVar, get_args, get_type_hints

from proxycfg.record import names, record

T = TypeVar("T")

FOREVER = math.inf
"""No limit, never: a duration, size or count that JSON prints as ``null``."""

Transports = frozenset[str]
TRANSPORTS: Transports = frozenset({"http/1.1", "http/1.1+tls", "2", "3"})
"""The client transports over which delivery can differ (contract section 4, ``stalls_on``)."""
HTTP_VERSIONS: frozenset[str] = frozenset({"1.1", "2", "3"})
ANYTHING = "\U0010ffff"
"""Above every header value: ``Between("", ANYTHING)`` is any value at all."""


class Answer(Enum):
    """Whether a range lies within another: surely, surely not, or for part of it."""

    YES = "yes"
    NO = "no"
    MAYBE = "maybe"


@record(frozen=True, slots=True)
class Between(Generic[T]):
    """The values from ``low`` to ``high``, both included, in the order of their type.

    Numbers and HTTP versions order as usual, False before True, sets by inclusion. Keeping both ends means that "5 s met with a
    variable" stays *at most 5 s* instead of becoming unknown.
    """

    low: T
    high: T

    @property
    def exact(self) -> bool:
        """Whether only one value is possible."""
        return self.low == self.high

    def within(self, wanted: Between[T]) -> Answer:
        """Whether every, no, or only some value of this range lies in ``wanted``."""
        if _le(wanted.low, self.low) and _le(self.high, wanted.high):
            return Answer.YES
        return Answer.MAYBE if _le(_join(self.low, wanted.low), _meet(self.high, wanted.high)) else Answer.NO

    def hull(self, other: Between[T]) -> Between[T]:
        """Either of the two, nobody knows which."""
        return Between(_meet(self.low, other.low), _join(self.high, other.high))

    def both(self, other: Between[T]) -> Between[T]:
        """The two together: what is so by either of them."""
        return Between(_join(self.low, other.low), _join(self.high, other.high))

    def clamp(self, wish: T) -> T:
        """The value of this range nearest to ``wish``: how a target picks a point of a need."""
        nearest: T = _meet(_join(wish, self.low), self.high)
        return nearest


def exactly(value: T) -> Between[T]:
    """The range that holds one value."""
    return Between(value, value)


def at_least(value: float) -> Between[float]:
    """From ``value`` to no limit."""
    return Between(value, FOREVER)


NO, YES, EITHER = exactly(False), exactly(True), Between(False, True)


def _le(a: Any, b: Any) -> bool:
    return bool(a <= b)


def _join(a: Any, b: Any) -> Any:
    return a | b if isinstance(a, frozenset) else max(a, b)


def _meet(a: Any, b: Any) -> Any:
    return a & b if isinstance(a, frozenset) else min(a, b)


Along = Callable[[Any, Any], Any]


def any_hop(a: bool, b: bool) -> bool:
    """One hop that does it is enough."""
    return a or b


def every_hop(a: bool, b: bool) -> bool:
    """Only if every hop does it."""
    return a and b


def smallest(a: float, b: float) -> float:
    """The first to run out decides."""
    return min(a, b)


@record(frozen=True, slots=True)
class Property:
    """What one property means.

    :param doc: one sentence, as contract section 4 words it.
    :param unit: ``""`` for switches and words, else ``s``, ``bytes`` or ``streams``.
    :param along: how two hops join; None where the answer hangs on more than their values, so that the chain must be walked.
    :param transparent: what a hop shows that changes nothing.
    :param walked: what the answer hangs on as well, or then (:mod:`proxycfg.chain`).
    """

    doc: str
    transparent: Any
    along: Along | None = None
    unit: str = ""
    walked: str = ""


_SWITCH = Between[bool]
_NUMBER = Between[float]


@record(frozen=True, slots=True, kw_only=True)
class Behavior:
    """All properties of one route on one hop. No field has a default: silence is always somebody's decision."""

    response_buffering: Annotated[
        _SWITCH,
        Property(
            "the hop's response buffering is on for this route, before any header from the origin",
            transparent=False,
            along=any_hop,
            walked="unless a hop behind it says X-Accel-Buffering: no, and it obeys",
        ),
    ]
    stalls_on: Annotated[
        Between[Transports],
        Property(
            "client transports that this listener serves and over which small events are held back",
            transparent=frozenset(),
            walked="what the outermost hop holds back; all, if a hop behind holds them back over what the one before it speaks",
        ),
    ]
    request_buffering: Annotated[
        _SWITCH, Property("the request body is collected before the origin sees it", False, any_hop)
    ]
    compression: Annotated[
        _SWITCH,
        Property(
            "this hop may compress the stream's content type",
            transparent=False,
            along=any_hop,
            walked="if those before it pass Accept-Encoding on",
        ),
    ]
    caching: Annotated[
        _SWITCH,
        Property(
            "the response can be stored or answered from store",
            transparent=False,
            along=any_hop,
            walked="unless a hop behind it says X-Accel-Buffering: no, which keeps the answer out of nginx's",
        ),
    ]
    upstream_http_version: Annotated[
        Between[str],
        Property(
            "what the hop speaks to the next",
            transparent="1.1",
            walked="the innermost hop's",
        ),
    ]
    upgrade: Annotated[
        _SWITCH,
        Property(
            "a WebSocket handshake reaches the origin and is tunnelled",
            transparent=True,
            along=every_hop,
            walked="and the next one speaks HTTP/1.1",
        ),
    ]
    upstream_connection_header: Annotated[
        Between[str],
        Property(
            "what the origin sees as Connection on a plain request; the empty string is none",
            transparent="",
            walked="the innermost hop's",
        ),
    ]
    connect_timeout: Annotated[
        _NUMBER,
        Property(
            "to reach the origin",
            transparent=FOREVER,
            unit="s",
            walked="the innermost hop's, for the others reach the next hop; or the silence that one before it bears meanwhile",
        ),
    ]
    upstream_idle_timeout: Annotated[
        _NUMBER, Property("silence from the origin that gets the stream cut", FOREVER, smallest, "s")
    ]
    client_idle_timeout: Annotated[
        _NUMBER,
        Property(
            "silence from the client that gets the stream cut (uploads, WebSocket, gRPC bidi)",
            transparent=FOREVER,
            unit="s",
            walked="the first to run out decides, of the hops up to the first that collects requests",
        ),
    ]
    send_timeout: Annotated[
        _NUMBER,
        Property(
            "a client that stops reading is dropped after this",
            transparent=FOREVER,
            unit="s",
            walked="the first to run out decides, of the hops up to the first that collects answers",
        ),
    ]
    total_timeout: Annotated[_NUMBER, Property("hard limit on the whole exchange", FOREVER, smallest, "s")]
    request_body_limit: Annotated[
        _NUMBER, Property("larger requests, or whole upload streams, are refused", FOREVER, smallest, "bytes")
    ]
    retries: Annotated[_SWITCH, Property("a request may be sent to an origin twice", False, any_hop)]
    retries_non_idempotent: Annotated[
        _SWITCH, Property("a request may be sent twice even if it is a POST", False, any_hop)
    ]
    error_interception: Annotated[
        _SWITCH, Property("an origin error body is replaced by this hop's page", False, any_hop)
    ]
    honors_x_accel_buffering: Annotated[
        _SWITCH,
        Property(
            "the origin can switch buffering off by header",
            transparent=False,
            walked="only if every hop that buffers obeys the header, and sees it",
        ),
    ]
    forwards_x_accel_buffering: Annotated[
        _SWITCH,
        Property(
            "the next hop outwards still sees X-Accel-Buffering",
            transparent=True,
            walked="only if every hop does it, from the one on that says it by itself",
        ),
    ]
    accept_encoding_forwarded: Annotated[
        _SWITCH, Property("the origin may compress because the client's Accept-Encoding passes", True, every_hop)
    ]
    client_http_versions: Annotated[
        Between[frozenset[str]],
        Property(
            "the HTTP versions that clients can speak to this hop",
            transparent=HTTP_VERSIONS,
            walked="the outermost hop's",
        ),
    ]
    grpc: Annotated[
        _SWITCH,
        Property(
            "native gRPC passes, trailers and all",
            transparent=True,
            along=every_hop,
            walked="and the next one speaks HTTP/2",
        ),
    ]
    session_affinity: Annotated[
        Between[str],
        Property(
            "which origin a reconnect lands on",
            transparent="none",
            walked="that of the hop that chooses among origins, if it still sees what it goes by",
        ),
    ]
    query_logged: Annotated[_SWITCH, Property("the access log keeps the query string", False, any_hop)]
    abort_propagates: Annotated[_SWITCH, Property("the origin learns that the client left", True, every_hop)]
    max_streams: Annotated[
        _NUMBER,
        Property("concurrent streams this hop can hold for the route, by its own limits", FOREVER, smallest, "streams"),
    ]

    def to_json(self) -> dict[str, object]:
        """Every property by its contract name, with the value as JSON."""
        return {name: value_to_json(name, getattr(self, name)) for name in properties()}


@cache
def properties() -> dict[str, Property]:
    """Every property by name, in the order of contract section 4."""
    hints = get_type_hints(Behavior, include_extras=True)
    return {name: get_args(hints[name])[1] for name in names(Behavior)}


def transparent() -> Behavior:
    """The behavior of a hop that changes nothing."""
    return Behavior(**{name: exactly(prop.transparent) for name, prop in properties().items()})


def value_to_json(name: str, value: Between[Any]) -> object:
    """A property's value as contract section 4 spells it: ``null`` for never, ``{"between": [low, high]}`` for a range."""
    if value.exact:
        return _plain(name, value.low)
    return {"between": [_plain(name, value.low), _plain(name, value.high)]}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if value == FOREVER or (name == "upstream_connection_header" and value in ("", ANYTHING)):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


_WORDS = frozenset({"upstream_connection_header", "session_affinity"})


def either(name: str, one: Between[Any], other: Between[Any]) -> Between[Any]:
    """A property that is one or the other. Words have no order: where two are possible, any is."""
    value = one.hull(other)
    return Between("", ANYTHING) if name in _WORDS and not value.exact else value


def differences(one: Behavior, other: Behavior) -> dict[str, tuple[Between[Any], Between[Any]]]:
    """The properties in which two behaviors differ, with both values."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in properties()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
