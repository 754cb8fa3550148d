"""What a zone does to each of its places, property by property, and what decides it.

What a config does not say is Cloudflare's default, by its documentation; where pages differ, or nothing is said, the value is a range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from proxycfg.behavior import (
    ANYTHING,
    EITHER,
    FOREVER,
    HTTP_VERSIONS,
    NO,
    TRANSPORTS,
    YES,
    Behavior,
    Between,
    exactly,
    properties,
)
from proxycfg.reading import Evidence, Reading, ReadRoute
from proxycfg.targets.cloudflare import facts
from proxycfg.targets.cloudflare.effect import met, possible
from proxycfg.targets.cloudflare.places import POSTED, Place, Request, matching, places_of, request_at
from proxycfg.targets.cloudflare.rules_language import HOST

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.targets.cloudflare.effect import Met
    from proxycfg.targets.cloudflare.facts import Plan
    from proxycfg.targets.cloudflare.value import Value
    from proxycfg.targets.cloudflare.zone import Rule, Zone

Told = tuple[Between[Any], Evidence]
"""A property's value, and what decides it."""


class Choice(NamedTuple):
    """What a setting may be at a place.

    :param value: None for Cloudflare's default.
    """

    value: Value | None
    evidence: Evidence


class Reader:
    """Reads the places of one zone.

    :param texts: of the files, for evidence in their words.
    """

    def __init__(self, zone: Zone, texts: Mapping[str, str]) -> None:
        """Places are read one by one."""
        self.zone = zone
        self._lines: dict[str, list[str]] = {}
        self.texts = texts

    @cached_property
    def places(self) -> list[Place]:
        """All of them."""
        return places_of(self.zone)

    def request(self, place: Place, protocol: str | None) -> Request:
        """What is known of a request there."""
        return request_at(place, self.zone.names, protocol, {})

    def route(self, place: Place, protocol: str | None) -> ReadRoute:
        """A place, read for a protocol."""
        return ReadRoute(
            host=place.host_title,
            path=place.title,
            kind=place.kind,
            span=place.span,
            reading=self.reading(self.request(place, protocol), protocol, place),
            protocol=protocol,
        )

    def reading(self, request: Request, protocol: str | None, place: Place | None = None) -> Reading:
        """What happens to a request."""
        view = View(self, request, protocol, place)
        told = {name: _READ[name](view) for name in properties()}
        return Reading(
            Behavior(**{name: each[0] for name, each in told.items()}), {name: each[1] for name, each in told.items()}
        )

    def line(self, span: Span) -> str:
        """What stands at a place, if that is one line; the line that it begins with otherwise."""
        lines = self._lines.get(span.file)
        if lines is None:
            lines = self._lines[span.file] = self.texts.get(span.file, "").split("\n")
        if not 0 < span.line <= len(lines):
            return ""
        end = span.end_column - 1 if span.end_line == span.line else None
        return lines[span.line - 1][span.column - 1 : end].strip()


class View:
    """What is in force for one request."""

    def __init__(self, reader: Reader, request: Request, protocol: str | None, place: Place | None) -> None:
        """Rules are evaluated when they are asked for."""
        self.reader = reader
        self.zone = reader.zone
        self.request = request
        self.protocol = protocol
        self.place = place
        self._met: dict[str, list[Met]] = {}
        self._page: tuple[Any, list[Any]] | None = None

    @property
    def plan(self) -> Plan | None:
        """The zone's."""
        return self.zone.plan

    def rules(self, phase: str) -> list[Met]:
        """The rules of a phase that match or may, in order, and whether surely."""
        known = self._met.get(phase)
        if known is None:
            known = self._met[phase] = met(self.zone.rules.get(phase, ()), self.request)
        return known

    def parameter(self, phase: str, action: str, *path: str) -> Iterator[Choice]:
        """What the rules of a phase may set, the last first, up to the first that surely does."""
        for each in possible(self.rules(phase), action, *path):
            if each is None:
                yield Choice(None, Evidence("default", ""))
            else:
                yield Choice(each.value, self._said(each.rule, path, each.value))

    def _said(self, rule: Rule, path: tuple[str, ...], value: Value) -> Evidence:
        holder = rule.parameters.get(*path[:-1]) if rule.parameters is not None else None
        start = holder.key(path[-1]) if holder is not None else None
        span = value.span
        if start is not None and start.file == span.file and start.line == span.line and start <= span:
            span = span._replace(line=start.line, column=start.column)
        own = self.place is not None and (self.place.host is not None or self.place.path is not None)
        text = self.reader.line(span) if span.line == span.end_line else path[-1]
        return Evidence("config" if own else "inherited", text, span, "" if own else "ruleset")

    def setting(self, name: str) -> Choice | None:
        """A setting of the zone; None where the config does not set it."""
        found = self.zone.settings.get(name)
        return Choice(found.value, Evidence("inherited", found.text, found.span, "zone")) if found else None

    def page(self, name: str) -> Iterator[Choice]:
        """What Page Rules may set."""
        if self._page is None:
            self._page = matching(self.zone.page_rules, self.request)
        sure, maybe = self._page
        for rule in [*maybe, *([sure] if sure else [])]:
            value = rule.actions.get(name)
            if value is not None:
                yield Choice(value, Evidence("config", f"{name} = {value.data if value.known else '…'}", value.span))
            elif rule is sure:
                yield Choice(None, Evidence("default", ""))

    def config(self, name: str) -> list[Choice]:
        """What a setting may be that configuration rules, Page Rules and the zone can set, in that order."""
        by_rules = list(self.parameter("http_config_settings", "set_config", name))
        if by_rules[-1].value is not None:
            # A rule surely sets it, so that what lies behind does not count.
            return by_rules
        found = [choice for choice in (*by_rules, *self.page(name)) if choice.value is not None]
        zone = self.setting(_ZONE_NAMES.get(name, name))
        if zone is not None:
            found.append(zone)
        return found or [Choice(None, Evidence("default", ""))]


_ZONE_NAMES = {"bic": "browser_check"}
"""Settings that a rule spells otherwise than the zone."""


def _default(text: str) -> Evidence:
    return Evidence("default", text)


def _joined(told: list[Told]) -> Told:
    """What one of several values can be, and the first that says so: where they differ, all of it is possible."""
    first, *others = told
    low, high = first[0].low, first[0].high
    for other, _ in others:
        low = low & other.low if isinstance(low, frozenset) else min(low, other.low)
        high = high | other.high if isinstance(high, frozenset) else max(high, other.high)
    return Between(low, high), first[1]


def _switch(choices: list[Choice], meaning: Mapping[str, Between[Any]], unset: Told) -> Told:
    """What words mean; anything else is open."""
    told: list[Told] = []
    for choice in choices:
        if choice.value is None:
            told.append(unset)
        else:
            said = choice.value.text() if choice.value.known else None
            word = said.lower() if said is not None else ""
            told.append((meaning.get({"true": "on", "false": "off"}.get(word, word), EITHER), choice.evidence))
    return _joined(told)


_ON = {"on": YES, "off": NO}


# ---- delivery ----


def _held_whole(view: View) -> Told | None:
    """Enterprise's setting that waits for all of an answer, if it may be on."""
    choices = [each for each in view.page("response_buffering") if each.value is not None]
    zone = view.setting("response_buffering")
    if zone is not None and not choices:
        choices = [zone]
    if not choices or (view.plan is not None and not view.plan.enterprise):
        return None
    told = _switch(choices, _ON, (NO, _default("")))
    return told if told[0].high else None


_FRAMES = "a WebSocket's frames pass as they are"


def _response_buffering(view: View) -> Told:
    if view.protocol == "websocket":
        return NO, _default(_FRAMES)
    whole = _held_whole(view)
    if whole is not None:
        return whole
    unset = (
        EITHER,
        _default("response_body_buffering: standard, which holds the beginning of some answers for inspection"),
    )
    choices = list(view.parameter("http_config_settings", "set_config", "response_body_buffering"))
    return _switch(choices, {"none": NO, "standard": EITHER}, unset)


def _stalls_on(view: View) -> Told:
    buffered, compressed = _response_buffering(view), _compression(view)
    if view.protocol == "websocket" or (buffered[0] == NO and compressed[0] == NO):
        return exactly(frozenset()), buffered[1]
    if buffered[0] == YES:
        return exactly(TRANSPORTS), buffered[1]
    decides = compressed if buffered[0] == NO or (compressed[0].high and compressed[1].kind != "default") else buffered
    return Between(frozenset(), TRANSPORTS), decides[1]


def _request_buffering(view: View) -> Told:
    unset = NO, _default("request_body_buffering: standard, which passes a body on as it comes")
    choices = list(view.parameter("http_config_settings", "set_config", "request_body_buffering"))
    return _switch(choices, {"none": NO, "standard": NO, "full": YES}, unset)


def _compression(view: View) -> Told:
    if view.protocol == "websocket":
        return NO, _default(_FRAMES)
    told: list[Told] = []
    for choice in view.parameter("http_response_compression", "compress_response", "algorithms"):
        if choice.value is None:
            told.append(_by_type(view))
            continue
        names = [each.text("name") for each in choice.value.items]
        evidence = choice.evidence._replace(text=f"algorithms = {', '.join(name or '…' for name in names)}")
        if names == ["none"]:
            told.append((NO, evidence))
        elif not names or None in names or names[0] == "none":
            told.append((EITHER, evidence))
        elif names[0] in {"auto", "default"}:
            told.append((_by_type(view)[0], evidence))
        else:
            told.append((YES, evidence))
    return _joined(told)


def _by_type(view: View) -> Told:
    """What is compressed by default: some types."""
    name = view.protocol
    if name in _NOT_COMPRESSED:
        return NO, _default(f"{_NOT_COMPRESSED[name]} is not among the types that are compressed by default")
    return EITHER, _default("what is compressed by default hangs on the answer's Content-Type")


_NOT_COMPRESSED = {
    "sse": "text/event-stream", "ndjson": "application/x-ndjson", "grpc": "application/grpc", "grpc-web": "application/grpc-web",
    "connect": "application/connect+json",
}  # fmt: skip


# ---- the cache ----


def _caching(view: View) -> Told:
    told: list[Told] = []
    for choice in view.parameter("http_request_cache_settings", "set_cache_settings", "cache"):
        if choice.value is None:
            told.append(_by_page_rule(view))
        else:
            flag = choice.value.flag()
            told.append(_eligible(view, choice.evidence) if flag else (EITHER if flag is None else NO, choice.evidence))
    return _joined(told)


def _eligible(view: View, evidence: Evidence) -> Told:
    for mode in view.parameter("http_request_cache_settings", "set_cache_settings", "edge_ttl", "mode"):
        said = mode.value.text() if mode.value is not None else None
        if said == "bypass_by_default":
            # Only what the origin tells to store.
            return EITHER, mode.evidence
        break
    return (
        (NO, _default("only answers to GET are stored")) if view.protocol in POSTED | {"websocket"} else (YES, evidence)
    )


def _by_page_rule(view: View) -> Told:
    told: list[Told] = []
    for choice in view.page("cache_level"):
        said = choice.value.text() if choice.value is not None else None
        if said == "bypass":
            told.append((NO, choice.evidence))
        elif said == "cache_everything":
            told.append(_eligible(view, choice.evidence))
        elif choice.value is not None and said is None:
            told.append((EITHER, choice.evidence))
    return _joined(told) if told else _by_extension(view)


def _by_extension(view: View) -> Told:
    if view.protocol in POSTED | {"websocket"}:
        return NO, _default("only answers to GET are stored")
    extension = view.request.fields.get("http.request.uri.path.extension")
    if extension in facts.CACHED_EXTENSIONS:
        return YES, _default(f"what ends in .{extension} is stored by default")
    if view.request.whole and extension is not None:
        return NO, _default("what has no extension of a static file is not stored by default")
    return EITHER, _default("what a path ends in decides whether it is stored by default")


# ---- towards the origin ----


def _ssl(view: View) -> Choice | None:
    return next((each for each in view.config("ssl") if each.value is not None), None)


def _upstream_http_version(view: View) -> Told:
    if view.protocol == "websocket":
        return exactly("1.1"), _default("a WebSocket goes to the origin over HTTP/1.1")
    ssl = _ssl(view)
    if ssl is not None and ssl.value is not None and ssl.value.text() in {"off", "flexible"}:
        return exactly("1.1"), ssl.evidence
    most = view.setting("origin_max_http_version")
    if most is not None and most.value is not None and most.value.text() == "1":
        return exactly("1.1"), most.evidence
    if most is not None:
        return Between("1.1", "2"), most.evidence
    return Between("1.1", "2"), _default("origin_max_http_version: HTTP/2 where the origin agrees to it over TLS")


def _upgrade(view: View) -> Told:
    zone = view.setting("websockets")
    return _switch([zone], _ON, (YES, _default(""))) if zone else (YES, _default("websockets: on"))


def _connect_timeout(_view: View) -> Told:
    return Between(*facts.CONNECT), _default(
        "a handshake with the origin may take 15 to 19 s, by the page that is asked"
    )


def _upstream_idle_timeout(view: View) -> Told:
    usual = (
        Between(facts.SILENCE, facts.SILENCE_AT_MOST),
        _default("proxy_read_timeout: 100 to 125 s, by the page that is asked"),
    )
    if view.plan is not None and not view.plan.enterprise:
        return usual
    for choice in view.parameter("http_request_cache_settings", "set_cache_settings", "read_timeout"):
        seconds = choice.value.number() if choice.value is not None else None
        if seconds is not None and _caching(view)[0].high:
            return exactly(seconds), choice.evidence
        break
    zone = view.setting("proxy_read_timeout")
    if zone is None or zone.value is None:
        return usual
    seconds = zone.value.number()
    return (exactly(seconds) if seconds is not None else Between(1.0, facts.SILENCE_ENTERPRISE)), zone.evidence


def _client_idle_timeout(view: View) -> Told:
    silence, evidence = _upstream_idle_timeout(view)
    text = "a client's idle connection is closed after 400 s"
    low, high = min(silence.low, facts.CLIENT_IDLE), max(silence.high, facts.CLIENT_IDLE)
    return Between(low, high), evidence if evidence.kind != "default" else _default(text)


def _grpc(view: View) -> Told:
    ssl = _ssl(view)
    if ssl is not None and ssl.value is not None and ssl.value.text() in {"off", "flexible"}:
        return NO, ssl.evidence
    return EITHER, _default("gRPC is off until somebody switches it on in the dashboard, which no config shows")


# ---- limits ----


def _request_body_limit(view: View) -> Told:
    if view.protocol == "websocket":
        return exactly(FOREVER), _default("messages of a WebSocket are no request's body")
    zone = view.setting("max_upload")
    if zone is not None and zone.value is not None and (view.plan is None or view.plan.enterprise):
        number = zone.value.number()
        plain = [plan.upload for plan in facts.PLANS.values()]
        limit = Between(float(min(plain)), 5e9) if number is None else exactly(number * facts.MB)
        return limit, zone.evidence
    if view.plan is not None:
        return exactly(float(view.plan.upload)), _default(
            f"max_upload: {view.plan.upload // facts.MB} MB on the plan {view.plan.name}"
        )
    limits = [float(plan.upload) for plan in facts.PLANS.values()]
    return Between(min(limits), max(limits)), _default(
        "max_upload: 100 MB on Free and Pro, 200 on Business, 500 on Enterprise"
    )


def _error_interception(view: View) -> Told:
    zone = view.setting("origin_error_page_pass_thru")
    if zone is not None and (view.plan is None or view.plan.enterprise):
        return _switch([zone], {"on": NO, "off": YES}, (YES, _default("")))
    return YES, _default("origin_error_page_pass_thru: off, so pages of Cloudflare replace an origin's 502 and 504")


def _client_http_versions(view: View) -> Told:
    low, high = {"1.1", "2"}, set(HTTP_VERSIONS)
    evidence = _default("http2: on")
    for name, version in (("http2", "2"), ("http3", "3")):
        choice = view.setting(name)
        if choice is None or choice.value is None:
            continue
        flag = choice.value.flag()
        evidence = choice.evidence
        (high if flag is False else low).discard(version) if flag is not True else low.add(version)
        if flag is False:
            low.discard(version)
    return Between(frozenset(low), frozenset(high)), evidence


def _session_affinity(view: View) -> Told:
    for each in view.zone.of_type("cloudflare_load_balancer"):
        said = each.body.get("session_affinity")
        host = view.request.fields.get(HOST)
        name = each.body.text("name")
        if said is not None and (host is None or name in {None, host}):
            word = said.text() or ""
            kind = {"cookie": "cookie", "ip_cookie": "cookie", "header": "header", "none": "none"}.get(word)
            value = exactly(kind) if kind else Between("", ANYTHING)
            return value, Evidence("config", f"session_affinity = {word or '…'}", said.span)
    return exactly("none"), _default("no load balancer with session_affinity")


def _abort_propagates(view: View) -> Told:
    caching, evidence = _caching(view)
    if caching == YES and evidence.kind != "default":
        return NO, evidence
    return EITHER, _default("what becomes of the origin's exchange when a client leaves is written nowhere")


def _always(value: Between[Any], text: str) -> Callable[[View], Told]:
    told = value, _default(text)
    return lambda _view: told


_READ: Mapping[str, Callable[[View], Told]] = {
    "response_buffering": _response_buffering,
    "stalls_on": _stalls_on,
    "request_buffering": _request_buffering,
    "compression": _compression,
    "caching": _caching,
    "upstream_http_version": _upstream_http_version,
    "upgrade": _upgrade,
    "upstream_connection_header": _always(
        Between("", ANYTHING), "Cloudflare writes its own Connection, which is documented nowhere"
    ),
    "connect_timeout": _connect_timeout,
    "upstream_idle_timeout": _upstream_idle_timeout,
    "client_idle_timeout": _client_idle_timeout,
    "send_timeout": _always(Between(0.0, FOREVER), "nothing is said of clients that do not read"),
    "total_timeout": _always(exactly(FOREVER), "there is no limit on a whole exchange"),
    "request_body_limit": _request_body_limit,
    "retries": _always(EITHER, "whether a request is sent twice is written nowhere"),
    "retries_non_idempotent": _always(EITHER, "whether a request is sent twice is written nowhere"),
    "error_interception": _error_interception,
    "honors_x_accel_buffering": _always(EITHER, "whether X-Accel-Buffering does anything is written nowhere"),
    "forwards_x_accel_buffering": _always(YES, "headers of answers pass"),
    "accept_encoding_forwarded": _always(YES, "Cloudflare asks the origin for `br, gzip`, whatever the client said"),
    "client_http_versions": _client_http_versions,
    "grpc": _grpc,
    "session_affinity": _session_affinity,
    "query_logged": _always(YES, "logs hold the whole URL"),
    "abort_propagates": _abort_propagates,
    "max_streams": _always(exactly(FOREVER), "no limit is documented"),
}


def place_of(reader: Reader, request: Request) -> Place:
    """The most telling of the places that a request is in: an exact path, then the longest."""
    best: tuple[tuple[int, int, int], Place] | None = None
    for place in reader.places:
        names = [name for name in (place.host, place.path) if name is not None]
        if any(request.holds(name.says) is not True for name in names):
            continue
        path = place.path
        rank = (
            int(path is not None and path.kind == "exact"),
            len(path.text) if path else 0,
            int(place.host is not None),
        )
        if best is None or rank > best[0]:
            best = rank, place
    assert best is not None, "the last place is everything that no rule names"
    return best[1]
