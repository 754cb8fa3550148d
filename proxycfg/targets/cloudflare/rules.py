"""What is set up at the edge for the routes of a spec: rules, phase by phase, and settings of the zone.

All of it is plain data in the shape of the Rulesets API, which :mod:`proxycfg.targets.cloudflare.write` prints as JSON and as Terraform.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from proxycfg.behavior import FOREVER, NO
from proxycfg.headers import CREDENTIALS
from proxycfg.record import record
from proxycfg.spec import POLL_RATE, is_address
from proxycfg.targets.cloudflare import facts, quote
from proxycfg.targets.cloudflare.where import Places

if TYPE_CHECKING:
    from proxycfg.spec import Route, Spec
    from proxycfg.targets.cloudflare.facts import Plan


@record(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. ``parameters`` are the API's; ``rate`` is its ``ratelimit``, empty for none; ``why`` is told beside it."""

    ref: str
    description: str
    expression: str
    action: str
    parameters: Mapping[str, Any]
    rate: Mapping[str, Any]
    why: str


@record(frozen=True, slots=True)
class Ruleset:
    """The rules of one phase, with what the phase is about."""

    phase: str
    title: str
    why: str
    rules: tuple[Rule, ...]


@record(frozen=True, slots=True)
class Setting:
    """A setting of the whole zone, and why it has that value."""

    id: str
    value: str | int
    why: str


@record(frozen=True, slots=True)
class Told:
    """What a rule does for a route: its action with parameters; what else must hold of the request; its description and reason."""

    action: str
    parameters: Mapping[str, Any]
    description: str
    why: str
    also: str = ""
    rate: Mapping[str, Any] = {}

    @property
    def key(self) -> str:
        """What two routes must have in common to share a rule."""
        return json.dumps([self.action, self.parameters, self.also, self.rate], sort_keys=True)


@record(frozen=True, slots=True)
class Phase:
    """A phase that may hold rules of a spec, and how those of a route are found."""

    name: str
    title: str
    why: str
    told: Callable[[Route], Iterator[Told]]


def alone(spec: Spec) -> bool:
    """Whether nothing of ours stands between Cloudflare and the origins: then Cloudflare does what a hop behind it would do better."""
    return len(spec.chain) < 2  # noqa: PLR2004 - Cloudflare, and a hop behind it


def tunnelled(spec: Spec) -> bool:
    """Whether cloudflared carries requests to the origins, or to the hop in front of them."""
    named = spec.targets.cloudflare
    return named is not None and named.tunnel


def rulesets(spec: Spec, plan: Plan) -> tuple[Ruleset, ...]:
    """Every phase that has a rule for some route, in the order in which a request meets them."""
    made = (_ruleset(phase, spec, plan) for phase in _phases(spec, plan))
    return tuple(ruleset for ruleset in made if ruleset.rules)


def _phases(spec: Spec, plan: Plan) -> Iterator[Phase]:
    yield Phase(
        "http_config_settings",
        "delivery",
        "What reads, changes or challenges a stream is off where one flows.",
        _delivery,
    )
    if alone(spec) and not tunnelled(spec):
        yield Phase(
            "http_request_origin",
            "origins",
            "Where the servers listen.",
            partial(_origin, plan=plan, several=by_rule(spec, plan)),
        )
    yield Phase(
        "http_request_firewall_custom", "firewall",
        "What the spec refuses is answered with 403, and what it lets through with no challenge.",
        partial(_firewall if alone(spec) else _exempt, plan=plan),
    )  # fmt: skip
    if alone(spec):
        yield Phase("http_ratelimit", "rates", "How often one client address may begin.", partial(_rate, plan=plan))
        yield Phase("http_request_late_transform", "request headers", "Headers towards the origins.", _request_headers)
    yield Phase(
        "http_request_cache_settings", "cache", "Streams are never answered from a store, and never end in one.", _cache
    )
    yield Phase(
        "http_response_cache_settings", "cache control",
        "Says the same to every cache between here and the client. no-transform keeps whatever changes bodies off.", _cache_control,
    )  # fmt: skip
    if alone(spec):
        yield Phase(
            "http_response_headers_transform", "response headers", "Headers towards clients.", _response_headers
        )
    yield Phase(
        "http_response_compression",
        "compression",
        "An encoder holds small messages back until it has enough of them.",
        _compression,
    )


def _ruleset(phase: Phase, spec: Spec, plan: Plan) -> Ruleset:
    by_host = plan.rate_by_host or phase.name != "http_ratelimit"
    places = Places(spec, regexes=plan.regexes, hosts=by_host)
    alike: dict[str, tuple[Told, list[Route]]] = {}
    for route in spec.routes:
        for told in phase.told(route):
            alike.setdefault(told.key, (told, []))[1].append(route)
    rules: dict[str, Rule] = {}
    groups = list(alike.values())
    if phase.name == "http_ratelimit":
        groups = _fit(groups, plan.rates)
    for told, routes in groups:
        for expression in places.expressions(routes, told.also):
            # Named after a route and not after its place, a rule stays the same rule when others come and go.
            stem = f"proxycfg_{phase.title.replace(' ', '_')}_{routes[0].name}"
            ref = next(name for name in chain([stem], (f"{stem}_{n}" for n in count(2))) if name not in rules)
            rules[ref] = Rule(
                ref=ref,
                description=told.description,
                expression=expression,
                action=told.action,
                parameters=told.parameters,
                rate=told.rate,
                why=told.why,
            )
    return Ruleset(phase.name, phase.title, phase.why, tuple(rules.values()))


def _fit(groups: list[tuple[Told, list[Route]]], most: int) -> list[tuple[Told, list[Route]]]:
    """As many rate limits as the plan has: those of the spec before the usual one of polls, and the most generous where all have to share it."""
    if len(groups) > most:
        groups = [(told, routes) for told, routes in groups if not all(map(usual_rate, routes))] or groups
    if len(groups) > most:
        loosest = max(
            (told for told, _ in groups), key=lambda told: told.rate["requests_per_period"] / told.rate["period"]
        )
        groups = [(loosest, [route for _, routes in groups for route in routes])]
    return groups


def usual_rate(route: Route) -> bool:
    """Whether a rate is the one that polls have where the spec says nothing."""
    return route.protocol.name == "poll" and (route.rate, route.burst) == (POLL_RATE, round(4 * POLL_RATE))


# ---- a route in a phase ----


def prompt(route: Route) -> bool:
    """Whether answers come in pieces that must not wait: their protocol wants nothing buffered."""
    want = route.protocol.wants(route).get("response_buffering")
    return want is not None and want.accepted == NO


def _delivery(route: Route) -> Iterator[Told]:
    if not route.protocol.streams:
        return
    # A challenge is a page of HTML, which no EventSource, WebSocket or gRPC client can answer.
    parameters: dict[str, Any] = {"bic": False, "security_level": "essentially_off"}
    said = ["no challenge"]
    if prompt(route):
        parameters |= {
            "response_body_buffering": "none",
            "automatic_https_rewrites": False,
            "content_converter": False,
            "disable_rum": True,
            "disable_zaraz": True,
            "email_obfuscation": False,
            "fonts": False,
            "rocket_loader": False,
        }
        said.append("deliver at once")
    if passes_uploads(route):
        parameters["request_body_buffering"] = "none"
        said.append("pass uploads on")
    why = "Clients of streams cannot solve a challenge, so none is put to them: limits and logins are what protects these paths."
    if len(said) > 1:
        why += " Without buffering the WAF does not see the bodies."
    yield Told("set_config", parameters, ", ".join(said), why)


def passes_uploads(route: Route) -> bool:
    """Whether the origin must see a request's body as it comes."""
    return route.upload_stream and route.protocol.name != "websocket"


def _origin(route: Route, *, plan: Plan, several: bool) -> Iterator[Told]:
    server, upstream = route.upstream.servers[0], route.upstream
    usual = 443 if upstream.secure else 80
    parameters: dict[str, Any] = {}
    origin: dict[str, Any] = {}
    if several and not is_address(server.host):
        origin["host"] = server.host
    if server.port != usual and not server.socket:
        origin["port"] = server.port
    if origin:
        parameters["origin"] = origin
    if plan.enterprise and upstream.secure and upstream.tls.sni:
        parameters["sni"] = {"value": upstream.tls.sni}
    if parameters:
        why = f"Without it Cloudflare goes to port {usual} of what the host's DNS record leads to, and asks for the client's host."
        yield Told("route", parameters, f"the servers of {upstream.name}", why)


def by_rule(spec: Spec, plan: Plan) -> bool:
    """Whether rules choose among several origins: Enterprise has such."""
    return plan.enterprise and len({upstream.servers[0].host for upstream in spec.used_upstreams}) > 1


def _firewall(route: Route, plan: Plan) -> Iterator[Told]:
    """What a request may not be, in one rule of a route; and whom no bot may be taken for."""
    refused: list[str] = []
    said: list[str] = []
    if route.allowed_methods:
        refused.append(f"not http.request.method {quote.one_of(route.allowed_methods)}")
        said.append(f"refuse other methods than {', '.join(route.allowed_methods)}")
    if route.protocol.name == "websocket" and route.cors and "*" not in route.cors:
        # Programs send none, which is no other one.
        refused.append(f'any(not http.request.headers["origin"][*] {quote.one_of(route.cors)})')
        said.append("refuse handshakes from other sites")
    if refused:
        also = refused[0] if len(refused) == 1 else f"({' or '.join(refused)})"
        yield Told("block", {}, "; ".join(said), "As the spec says.", also=also)
    yield from _exempt(route, plan)


def _exempt(route: Route, plan: Plan) -> Iterator[Told]:
    """Super Bot Fight Mode, which takes every program for a bot; the free plan's Bot Fight Mode knows no exception."""
    if route.protocol.streams and plan.name != "free":
        yield Told(
            "skip", {"phases": ["http_request_sbfm"]}, "not a bot: a client of a stream",
            "Super Bot Fight Mode would challenge every client that is a program. Nothing else is skipped.",
            also=_with_credential(route),
        )  # fmt: skip


def _with_credential(route: Route) -> str:
    """The condition that a request has the credential of the route, where the spec names one: others may well be challenged."""
    if route.auth is None:
        return ""
    name = quote.text(route.auth.name.lower() if route.auth.by == "header" else route.auth.name)
    field = {"header": "http.request.headers", "cookie": "http.request.cookies", "query": "http.request.uri.args"}[
        route.auth.by
    ]
    return f"len({field}[{name}]) gt 0"


def _rate(route: Route, plan: Plan) -> Iterator[Told]:
    if route.rate is None:
        return
    requests, period = counted_rate(route.rate, route.burst, plan)
    yield Told(
        "block", {}, f"{requests} requests of one address in {period} s",
        "The rate of the spec over a period that the plan counts, and its burst. Each data center counts by itself"
        + ("." if plan.rate_by_host else ", and the plan cannot ask for the host: the paths are limited on every host of the zone."),
        rate={
            # There are no characteristics without the data center.
            "characteristics": ["cf.colo.id", "ip.src"],
            "period": period,
            "requests_per_period": requests,
            "mitigation_timeout": facts.RATE_BLOCK,
        },
    )  # fmt: skip


def counted_rate(rate: float, burst: int, plan: Plan) -> tuple[int, int]:
    """How many requests in how many seconds a rate and its burst are, over a period that the plan counts."""
    short, long = facts.RATE_PERIODS
    period = long if rate < 1 and plan.period >= long else short
    return math.ceil(round(rate * period, 6)) + burst, period


def _request_headers(route: Route) -> Iterator[Told]:
    yield Told(
        "rewrite", {"headers": {"Forwarded": {"operation": "remove"}}}, "not what a client says of itself",
        "Cloudflare passes a client's own Forwarded on, and applications believe it.",
    )  # fmt: skip
    yield from _headers(route.rewrites.request, "request")


def _response_headers(route: Route) -> Iterator[Told]:
    return _headers(route.rewrites.response, "response")


def _headers(rewrites: Mapping[str, str | None], side: str) -> Iterator[Told]:
    parameters = {
        name: {"operation": "remove"} if value is None else {"operation": "set", "value": value}
        for name, value in rewrites.items()
        if header_kept(side, name, value)
    }
    if parameters:
        yield Told("rewrite", {"headers": parameters}, f"{side} headers", "As the spec says.")


def header_kept(side: str, name: str, value: str | None) -> bool:
    """Whether a transform rule can set or remove that header."""
    lower = name.lower()
    if lower.startswith(facts.OWN_PREFIXES):
        return False
    if side == "response":
        return lower not in facts.FIXED_RESPONSE_HEADERS
    return lower not in facts.FIXED_REQUEST_HEADERS and (lower != "cookie" or value is None)


def _cache(route: Route) -> Iterator[Told]:
    if route.protocol.streams or route.cache:
        yield Told("set_cache_settings", {"cache": False}, "never from a store", "")
    if route.cache:
        # The later of two rules wins.
        yield Told(
            "set_cache_settings", {"cache": True, "edge_ttl": {"mode": "respect_origin"}}, "share answers for a moment",
            "Of requests without a credential. For how long, the rule of http_response_cache_settings says.", also=anonymous(route),
        )  # fmt: skip


def anonymous(route: Route) -> str:
    """The condition that a request has no credential, so that its answer may be anybody's."""
    names = [name.lower() for name in CREDENTIALS]
    also = ""
    if route.auth and route.auth.by == "header":
        names.append(route.auth.name.lower())
    if route.auth and route.auth.by == "query":
        also = f" and not {_with_credential(route)}"
    return f"not any(lower(http.request.headers.names[*])[*] {quote.one_of(tuple(dict.fromkeys(names)))}){also}"


def _cache_control(route: Route) -> Iterator[Told]:
    if route.cache:
        seconds = math.ceil(route.cache)
        yield Told(
            "set_cache_control", {"s-maxage": {"operation": "set", "value": seconds, "cloudflare_only": True}},
            f"share answers for {seconds} s", "Told to Cloudflare alone: browsers hear what the origin says.",
            also=f"http.response.code eq 200 and {anonymous(route)}",
        )  # fmt: skip
    # gRPC has no caches, and its clients do not know the header.
    if prompt(route) and route.protocol.name != "grpc":
        directives = {"no-store": {"operation": "set"}, "no-transform": {"operation": "set"}}
        yield Told("set_cache_control", directives, "no-store, no-transform", "")


def _compression(route: Route) -> Iterator[Told]:
    if prompt(route):
        yield Told("compress_response", {"algorithms": [{"name": "none"}]}, "no compression", "")


# ---- the zone ----


def settings(spec: Spec, plan: Plan) -> tuple[Setting, ...]:
    """Settings of the whole zone that the routes need; what a plan does not have is left out, and told by ``lacks``."""
    return tuple(_settings(spec, plan))


def _settings(spec: Spec, plan: Plan) -> Iterator[Setting]:
    if any(route.protocol.name == "websocket" for route in spec.routes):
        yield Setting("websockets", "on", "Without it a handshake is refused.")
    yield Setting("0rtt", "off", "Early data can be replayed: a stream would begin twice.")
    yield Setting("always_online", "off", "A client of a stream has no use for an archived page in place of an error.")
    if "3" in spec.listen.http:
        yield Setting("http3", "on", "The spec offers it.")
    if "2" in spec.listen.http and plan.name != "free":
        # Free cannot switch it off, and refuses to be told that it is on.
        yield Setting("http2", "on", "Browsers open six HTTP/1.1 connections to a host, and gRPC has no other version.")
    if mode := ssl(spec):
        yield Setting(
            "ssl", mode, "The origins speak TLS; Flexible would reach them in cleartext, and gRPC not at all."
        )
    if speaks_http2(spec):
        yield Setting("origin_max_http_version", "2", "Some origin speaks HTTP/2; on Enterprise the default is 1.")
    if not plan.enterprise:
        return
    if speaks_http2(spec):
        yield Setting(
            "origin_h2_max_streams",
            facts.ORIGIN_STREAMS,
            "With Enterprise's default of 1 each stream would need its own connection.",
        )
    yield Setting("response_buffering", "off", "On, it holds whole answers.")
    yield Setting("origin_error_page_pass_thru", "on", "Clients get what the origin says, its 502 and 504 too.")
    if seconds := read_timeout(spec, plan):
        yield Setting(
            "proxy_read_timeout", seconds,
            "The longest silence of the routes and a second: the cut may come one early. It is the zone's: a rule could set it only "
            "for what may be cached.",
        )  # fmt: skip
    if megabytes := max_upload(spec):
        yield Setting("max_upload", megabytes, "MB of the largest request of the routes.")


def ssl(spec: Spec) -> str | None:
    """The zone's SSL mode, where Cloudflare goes to the origins itself and all of them speak TLS."""
    if not alone(spec) or tunnelled(spec) or not all(upstream.secure for upstream in spec.used_upstreams):
        return None
    return "strict" if all(upstream.tls.verify for upstream in spec.used_upstreams) else "full"


def speaks_http2(spec: Spec) -> bool:
    """Whether an origin is spoken to over HTTP/2: over TLS, as Cloudflare does it."""
    return any(upstream.http_version == "2" for upstream in spec.used_upstreams)


def read_timeout(spec: Spec, plan: Plan) -> int | None:
    """Seconds of `proxy_read_timeout`, where the plan has it and some route needs more than the default."""
    longest: float = max(route.idle_timeout for route in spec.routes)
    if not plan.enterprise or longest <= facts.SILENCE:
        return None
    return min(math.ceil(longest) + facts.SPARE_SECOND, int(facts.SILENCE_ENTERPRISE))


def max_upload(spec: Spec) -> int | None:
    """MB of `max_upload`, where a route needs more than Enterprise lets through by default."""
    limits: list[float] = [route.body_limit for route in spec.routes if route.body_limit != FOREVER]
    wanted = max(limits, default=0) / facts.MB
    if wanted <= facts.PLANS["enterprise"].upload / facts.MB:
        return None
    return next((step for step in facts.UPLOADS if step >= wanted), max(facts.UPLOADS))
