"""What a route asks of every hop: a behavior whose ranges are the values that the route can live with.

:func:`need_of` gives that behavior; a target picks a point of it (its aim); :func:`shortfalls` says where another behavior, read
or measured, lies outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from proxycfg.behavior import (
    ANYTHING,
    EITHER,
    FOREVER,
    HTTP_VERSIONS,
    NO,
    TRANSPORTS,
    Answer,
    Behavior,
    Between,
    at_least,
    differences,
    exactly,
    properties,
)
from proxycfg.finding import Category
from proxycfg.protocol import Want
from proxycfg.record import record

if TYPE_CHECKING:
    from proxycfg.spec import Terms

_ANY_NUMBER = at_least(0)

INDIFFERENT: Mapping[str, Between[Any]] = MappingProxyType(
    {
        "response_buffering": EITHER,
        "stalls_on": Between(frozenset(), TRANSPORTS),
        "request_buffering": EITHER,
        "compression": EITHER,
        "caching": EITHER,
        "upstream_http_version": Between("1.0", "3"),
        "upgrade": EITHER,
        "upstream_connection_header": Between("", ANYTHING),
        "connect_timeout": _ANY_NUMBER,
        "upstream_idle_timeout": _ANY_NUMBER,
        "client_idle_timeout": _ANY_NUMBER,
        "send_timeout": _ANY_NUMBER,
        "total_timeout": _ANY_NUMBER,
        "request_body_limit": _ANY_NUMBER,
        "retries": EITHER,
        "retries_non_idempotent": EITHER,
        "error_interception": EITHER,
        "honors_x_accel_buffering": EITHER,
        "forwards_x_accel_buffering": EITHER,
        "accept_encoding_forwarded": EITHER,
        "client_http_versions": Between(frozenset(), HTTP_VERSIONS),
        "grpc": EITHER,
        "session_affinity": Between("", ANYTHING),
        "query_logged": EITHER,
        "abort_propagates": EITHER,
        "max_streams": _ANY_NUMBER,
    }
)
"""Any value at all, by property: what a route does not care about, or what nobody knows."""


@record(frozen=True, slots=True)
class Need:
    """The acceptable behavior of a route, and for each property that matters, why."""

    accepted: Behavior
    wants: Mapping[str, Want]


def need_of(route: Terms) -> Need:
    """What ``route`` asks of every hop: its protocol's wants, then those of its own settings."""
    wants = {**route.protocol.wants(route), **_wants_of_settings(route)}
    return Need(Behavior(**{**INDIFFERENT, **{name: want.accepted for name, want in wants.items()}}), wants)


def _wants_of_settings(route: Terms) -> dict[str, Want]:
    """What the spec asks of a route whatever its protocol."""
    wants = {
        "retries_non_idempotent": Want(
            NO, Category.RETRIES, "a POST sent twice bills, books or prompts twice; no protocol asks for it"
        ),
        "request_body_limit": Want(
            at_least(route.body_limit),
            Category.BODY_SIZE,
            "a larger request is refused with 413, a streamed one cut in the middle",
        ),
        "max_streams": Want(
            at_least(route.streams),
            Category.CONNECTION_LIMITS,
            "clients beyond it are refused, or wait without an answer",
        ),
    }
    if route.max_duration != FOREVER:
        wants["total_timeout"] = Want(
            exactly(route.max_duration), Category.TOTAL_TIMEOUT, "the spec ends a stream after max_duration"
        )
    if route.attempts == 1:
        wants["retries"] = Want(
            NO, Category.RETRIES, "a request that an origin may have started must not start on another"
        )
    if route.auth and route.auth.by == "query":
        wants["query_logged"] = Want(
            NO, Category.TOKEN_IN_LOGS, "the credential in the query string would stand in every log line"
        )
    if affinity := route.affinity:
        wants["session_affinity"] = Want(
            exactly(affinity.by), Category.SESSION_AFFINITY, "a reconnect on another server does not know the session"
        )
    return wants


class Judge:
    """Comparisons of needs and behaviors, each made once: of thousands of routes most share both."""

    def __init__(self) -> None:
        """They are known by their identity, and so kept."""
        self._different: dict[tuple[int, int], tuple[Behavior, Behavior, bool]] = {}
        self._known: dict[tuple[int, int], tuple[Need, Behavior, dict[str, Answer]]] = {}

    def differ(self, one: Behavior, other: Behavior) -> bool:
        """Whether two behaviors do, in any property."""
        key = id(one), id(other)
        found = self._different.get(key)
        if found is None:
            found = self._different[key] = one, other, bool(differences(one, other))
        return found[2]

    def shortfalls(self, need: Need, behavior: Behavior) -> Mapping[str, Answer]:
        """The properties in which ``behavior`` may or does fall short of ``need``."""
        key = id(need), id(behavior)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = need, behavior, shortfalls(need, behavior)
        return found[2]


def shortfalls(need: Need, behavior: Behavior) -> dict[str, Answer]:
    """The properties in which ``behavior`` may (MAYBE) or does (NO) fall short of ``need``."""
    answers = {name: getattr(behavior, name).within(getattr(need.accepted, name)) for name in properties()}
    return {name: answer for name, answer in answers.items() if answer is not Answer.YES}
