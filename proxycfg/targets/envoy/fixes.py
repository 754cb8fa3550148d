"""What to write instead: for each property that falls short the change that a person would make, in words and as an edit.

A change goes into the route wherever Envoy lets a route decide, so that no other is affected. What a cluster or a listener decides for many is
changed only by unsafe fixes, or said in words alone; filters that may guard the route are never switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from proxycfg.behavior import FOREVER, Between
from proxycfg.finding import Fix
from proxycfg.rule import Case
from proxycfg.source import Edit
from proxycfg.targets.envoy.defaults import STREAM_IDLE_TIMEOUT
from proxycfg.targets.envoy.edits import set_field, spelled
from proxycfg.targets.envoy.filters import Filter
from proxycfg.targets.envoy.place import UO, Place, Reader
from proxycfg.targets.envoy.routes import Route
from proxycfg.targets.envoy.tree import Message

OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
"""A filter's settings of a route that switch it off."""
ONLY_BEFORE = "connect-failure,refused-stream"
"""Conditions of a retry that no origin meets which has seen the request."""


class Change(NamedTuple):
    """One field to be written.

    :param words: what to write, in the config's own words, or a sentence.
    :param where: the message that it belongs to; None where there are only words.
    :param safe: nothing but the route is affected.
    """

    words: str
    where: Message | None = None
    path: tuple[str, ...] = ()
    value: Any = None
    safe: bool = True


class Fixer:
    """Fixes for the streams of one config."""

    def __init__(self, reader: Reader) -> None:
        """``reader`` says what is in force."""
        self._reader = reader

    def fix(self, case: Case, wishes: tuple[str, ...]) -> Fix | None:
        """A change after which the properties of ``wishes`` are as the stream's need has them; None if there is none for one of them."""
        changes: dict[str, Change] = {}
        for change in (each for wish in wishes for each in self._changes(case, wish)):
            # Two places of a route ask for the same one.
            changes.setdefault(change.words, change)
        edits: list[Edit] = []
        for change in changes.values():
            edit = set_field(change.where, change.path, change.value) if change.where is not None else None
            if edit is None:
                return None
            edits.append(edit)
        safe = not case.stream.mixed and all(change.safe for change in changes.values())
        return Fix(f"write {', '.join(changes)}", safe, tuple(edits)) if edits else None

    def words(self, case: Case, name: str) -> str:
        """What to write, as a sentence."""
        said = dict.fromkeys(change.words for change in self._changes(case, name))
        if not said:
            return ""
        written = [words for words in said if words.startswith("`")]
        sentences = [words for words in said if words not in written]
        return " ".join([*([f"Write {', and '.join(written)}."] if written else []), *sentences])

    def _changes(self, case: Case, name: str) -> Iterator[Change]:
        route = case.subject
        assert isinstance(route, Route)
        make = _CHANGES.get(name)
        if make is not None:
            for place in self._reader.places(route, case.protocol):
                yield from make(case, place)


def duration(seconds: float) -> str:
    """As Envoy spells it; never is zero."""
    return "0s" if seconds == FOREVER else f"{seconds:g}s"


# ---- timers ----


def _idle(case: Case, place: Place) -> Iterator[Change]:
    wanted = case.need.accepted.upstream_idle_timeout.low
    for block, holder in (
        ("this route", place.action),
        ("the virtual host", place.route.host.message),
    ):
        if not holder.has("retry_policy"):
            continue
        for name in ("per_try_idle_timeout", *(["per_try_timeout"] if case.protocol == "long-poll" else [])):
            value = holder.seconds("retry_policy", name)
            if value and value < wanted and case.protocol != "websocket":
                words = f"`{name}: {duration(wanted)}` in the retry policy of {block}"
                yield Change(words, holder, ("retry_policy", name), duration(wanted), safe=holder is place.action)
        break
    value = place.action.seconds("idle_timeout")
    outer = place.hcm.seconds("stream_idle_timeout")
    if value is None:
        value = STREAM_IDLE_TIMEOUT.value if outer is None else outer
    if 0 < value < wanted:
        yield _of_action(place, ("idle_timeout",), duration(wanted))


def _total(case: Case, place: Place) -> Iterator[Change]:
    most = case.need.accepted.total_timeout.high
    of_cluster = place.origin.options.seconds("common_http_protocol_options", "max_stream_duration")
    if of_cluster and of_cluster < most:
        yield Change("Leave `max_stream_duration` out of the options of the cluster: no route can lift it.")
        return
    own = ("max_stream_duration", "max_stream_duration")
    if (
        most != FOREVER
        or place.action.has("max_stream_duration")
        or place.action.has("max_grpc_timeout")
        or place.hcm.seconds("common_http_protocol_options", "max_stream_duration")
    ):
        yield _of_action(place, own, duration(most))
    elif case.protocol != "websocket":
        yield _of_action(place, ("timeout",), duration(most))


def _of_action(place: Place, path: tuple[str, ...], value: Any) -> Change:
    shown: Any = value
    for step in reversed(path[1:]):
        shown = {step: shown}
    return Change(f"`{path[0]}: {spelled(shown)}` in this route", place.action, path, value)


# ---- filters ----

_SAFELY_OFF = frozenset(("buffer", "compressor", "gzip", "cache", "cache_v2", "file_system_buffer"))
"""Filters that guard nothing."""


def _without(effect: str, *, handshake: bool = False) -> Callable[[Case, Place], Iterator[Change]]:
    def changes(_: Case, place: Place) -> Iterator[Change]:
        for each, found in place.handshake_effects if handshake else place.effects:
            value: Between[bool] = getattr(found, effect)
            if value.high:
                yield _switched_off(place, each, effect)

    return changes


def _switched_off(place: Place, each: Filter, effect: str) -> Change:
    if each.kind == "ext_proc":
        mode = "request_body_mode" if effect in {"holds_request", "blocks_handshake"} else "response_body_mode"
        return Change(
            f"`{mode}: FULL_DUPLEX_STREAMED` or `NONE` for {each.name} in this route (ExtProcPerRoute, overrides)"
        )
    if each.kind == "ext_authz":
        words = f"`check_settings: {{disable_request_body_buffering: true}}` for {each.name} in this route (ExtAuthzPerRoute)"
        return Change(words)
    if each.kind == "lua":
        return Change(
            f"`bodyChunks()` for `body()` in the script of {each.name}, or switch it off in this route (LuaPerRoute)"
        )
    words = f"`typed_per_filter_config: {{{each.name}: …}}` in this route, with `disabled: true` (FilterConfig)"
    if each.said is not None or each.kind not in _SAFELY_OFF:
        # Somebody has settings for it, or it may be there for a reason that concerns the route.
        return Change(words)
    return Change(words, place.route.message, ("typed_per_filter_config", each.name), OFF)


def _body_limit(case: Case, place: Place) -> Iterator[Change]:
    wanted = case.need.accepted.request_body_limit.low
    for each, found in place.effects:
        if (found.limit is not None and found.limit < wanted) or found.limited:
            yield _switched_off(place, each, "holds_request")


# ---- upgrades and versions ----


def _upgrade(case: Case, place: Place) -> Iterator[Change]:
    entry = place.upgrade_entry(place.action)
    if entry is not None and entry.flag("enabled") is False:
        yield Change(
            "`enabled: true` at websocket among the upgrade_configs of this route", entry, ("enabled",), value=True
        )
    elif entry is None:
        outer = place.upgrade_entry(place.hcm)
        if outer is None or outer.flag("enabled") is False:
            yield _of_action(place, ("upgrade_configs",), [{"upgrade_type": "websocket"}])
    yield from _without("blocks_handshake", handshake=True)(case, place)


def _upstream_version(case: Case, place: Place) -> Iterator[Change]:
    cluster = place.origin.message
    two = case.protocol == "grpc"
    version = "http2_protocol_options" if two else "http_protocol_options"
    words = f"`explicit_http_config: {{{version}: {{}}}}` in the HttpProtocolOptions of the cluster"
    if cluster is None:
        return
    if cluster.has(UO[0]):
        if place.origin.options.has("explicit_http_config", version):
            return
        # One of several kinds of options stands there.
        yield Change(words)
        return
    made = {"@type": f"type.googleapis.com/{UO[1]}", "explicit_http_config": {version: {}}}
    yield Change(words, cluster, UO, made, safe=False)


def _two(case: Case, place: Place) -> Iterator[Change]:
    """HTTP/2 on both sides."""
    yield from _upstream_version(case, place)
    door = place.door
    if door is None or door.versions & {"2", "3"}:
        return
    if door.codec != "AUTO":
        yield Change("`codec_type: AUTO` in the connection manager", place.hcm, ("codec_type",), "AUTO", safe=False)
    elif door.tls is not None:
        path = ("common_tls_context", "alpn_protocols")
        words = "`alpn_protocols: [h2, http/1.1]` in the TLS context of the listener"
        yield Change(words, door.tls, path, ["h2", "http/1.1"], safe=False)


def _one(_: Case, place: Place) -> Iterator[Change]:
    """HTTP/1.1 for clients."""
    if place.door is not None and place.door.codec != "AUTO":
        yield Change("`codec_type: AUTO` in the connection manager", place.hcm, ("codec_type",), "AUTO", safe=False)


# ---- retries, limits, logs ----


def _retries(_: Case, place: Place) -> Iterator[Change]:
    if place.origin.options.has("retry_policy"):
        yield Change(f"`retry_on: {ONLY_BEFORE}` in the options of the cluster")
    else:
        yield _of_action(place, ("retry_policy", "retry_on"), ONLY_BEFORE)


_MANY = 10_000
"""Streams that most machines carry."""


def _streams(case: Case, _: Place) -> Iterator[Change]:
    wanted = 2 * max(int(case.need.accepted.max_streams.low), _MANY)
    yield Change(
        f"`circuit_breakers: {{thresholds: [{{max_connections: {wanted}, max_requests: {wanted}}}]}}` in the cluster"
    )


def _logged(_case: Case, _place: Place) -> Iterator[Change]:
    yield Change("`%PATH(NQ:ORIG_OR_PATH)%` in its format, which leaves the query out")


_CHANGES: dict[str, Callable[[Case, Place], Iterator[Change]]] = {
    "upstream_idle_timeout": _idle,
    "total_timeout": _total,
    "response_buffering": _without("holds_response"),
    "stalls_on": _without("stalls"),
    "request_buffering": _without("holds_request"),
    "compression": _without("compresses"),
    "caching": _without("caches"),
    "error_interception": _without("replaces_errors"),
    "request_body_limit": _body_limit,
    "upgrade": _upgrade,
    "upstream_http_version": _upstream_version,
    "grpc": _two,
    "client_http_versions": _one,
    "retries_non_idempotent": _retries,
    "max_streams": _streams,
    "query_logged": _logged,
}
