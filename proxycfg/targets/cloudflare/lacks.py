"""What Cloudflare cannot keep of a spec, plan by plan, or gives otherwise than one would think: each a finding at its place in the YAML."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from proxycfg import remarks
from proxycfg.behavior import FOREVER
from proxycfg.spec import default_body_limit, is_address
from proxycfg.targets.cloudflare import facts, rules
from proxycfg.targets.cloudflare.aim import origin_secure, ruled
from proxycfg.units import counted, show_duration, show_size

if TYPE_CHECKING:
    from proxycfg.behavior import Behavior
    from proxycfg.finding import Finding
    from proxycfg.source import Span
    from proxycfg.spec import Route, Spec, Upstream
    from proxycfg.targets.cloudflare.facts import Plan
    from proxycfg.targets.cloudflare.rules import Ruleset

CLOUDFLARE = "cloudflare"
_BEHIND = "put nginx or Envoy behind Cloudflare (`chain: [cloudflare, nginx]`)"


def lacks(spec: Spec, plan: Plan, rulesets: Sequence[Ruleset], aims: Mapping[str, Behavior]) -> Iterator[Finding]:
    """The findings about a spec; ``aims`` are by route name."""
    yield from _of_rules(spec, plan, rulesets)
    yield from _of_zone(spec, plan)
    yield from _of_grpc(spec)
    if not rules.tunnelled(spec):
        yield from _of_way(spec, plan)
    if rules.alone(spec):
        yield from _of_origins(spec, plan)
    elif not spec.trusted_proxies:
        yield remarks.EDGE_NOT_TRUSTED.on(
            CLOUDFLARE, spec.span_of("chain", 1),
            f"{spec.chain[1]} stands behind Cloudflare and trusts no proxy, so it takes Cloudflare's addresses for those of clients",
            "write Cloudflare's networks (https://www.cloudflare.com/ips/) into trusted_proxies",
        )  # fmt: skip
    for route in spec.routes:
        yield from _of_route(route, plan, aims[route.name])
        if rules.alone(spec):
            yield from _of_route_alone(route)


# ---- rules ----


def _of_rules(spec: Spec, plan: Plan, rulesets: Sequence[Ruleset]) -> Iterator[Finding]:
    for ruleset in rulesets:
        most = plan.most(ruleset.phase)
        if len(ruleset.rules) > most:
            yield remarks.RULES_BEYOND_PLAN.on(
                CLOUDFLARE, _plan_span(spec),
                f"the routes need {counted(len(ruleset.rules), 'rule')} of {ruleset.phase}, and the plan {plan.name} has {most}: Cloudflare "
                "refuses all of them",
                "give routes the same settings, put them below one path, or choose a larger plan",
            )  # fmt: skip
        if any(len(rule.expression) > facts.LONGEST_EXPRESSION for rule in ruleset.rules):
            yield remarks.EXPRESSION_TOO_LONG.on(
                CLOUDFLARE, spec.span_of("routes"),
                f"an expression in {ruleset.phase} is longer than the {facts.LONGEST_EXPRESSION} characters that Cloudflare takes",
                "put what streams below a path, or a host, of its own",
            )  # fmt: skip
    if rules.alone(spec):
        yield from _of_rates([route for route in spec.routes if route.rate is not None and ruled(route, plan)], plan)


def _of_rates(limited: Sequence[Route], plan: Plan) -> Iterator[Finding]:
    for route in limited:
        count, period = rules.counted_rate(route.rate or 0, route.burst, plan)
        if route.protocol.streams and count < facts.RECONNECTING:
            yield remarks.RATE_BELOW_RECONNECTS.about(
                route, CLOUDFLARE, route.span_of("limits"),
                f"{counted(count, 'request')} of one address in {period} s reach {route.title}, and {facts.RECONNECTING} clients of an office "
                "come back at once after a restart at the edge: the rest of them is refused",
                f"let {facts.RECONNECTING} begin at once: limits.burst",
            )  # fmt: skip
    if len({(route.rate, route.burst) for route in limited}) <= plan.rates:
        return
    stated = [route for route in limited if not rules.usual_rate(route)]
    if len({(route.rate, route.burst) for route in stated}) > plan.rates:
        message = "all routes get the most generous of theirs"
    else:
        message = f"polls such as {next(route.title for route in limited if rules.usual_rate(route))} are not limited"
    yield remarks.RATE_LIMITS_BEYOND_PLAN.on(
        CLOUDFLARE, stated[0].span_of("limits"),
        f"the plan {plan.name} has {counted(plan.rates, 'rule')} for rate limits, and the routes have more different ones: {message}",
        "give the routes one rate and burst, leave limits to the hop behind, or choose a larger plan",
    )  # fmt: skip


def _plan_span(spec: Spec) -> Span:
    """The place of the plan: under `targets`, or at the hop."""
    return spec.span_of("targets", CLOUDFLARE, "plan") if spec.targets.cloudflare else spec.span_of("chain", 0)


# ---- the zone ----


def _of_zone(spec: Spec, plan: Plan) -> Iterator[Finding]:
    streams = [route for route in spec.routes if route.protocol.streams]
    if streams and plan.name == "free":
        yield remarks.BOT_FIGHT_MODE.on(
            CLOUDFLARE, _plan_span(spec),
            "the free plan's Bot Fight Mode challenges every client that is a program, and no rule can exempt streams from it",
            "keep it off for this zone (Security, Bots)",
        )  # fmt: skip
    if not plan.enterprise:
        yield remarks.ERROR_PAGES_REPLACED.on(
            CLOUDFLARE, _plan_span(spec),
            f"on the plan {plan.name} Cloudflare puts its own page in place of an origin's 502 and 504",
            "let the application answer 500 or 503 instead",
        )  # fmt: skip
    missing = sorted({"1.1", "2"} - set(spec.listen.http))
    if rules.alone(spec) and missing:
        yield remarks.HTTP_VERSIONS_NOT_KEPT.on(
            CLOUDFLARE, spec.span_of("listen", "http"),
            f"Cloudflare serves HTTP/{' and HTTP/'.join(missing)} as well", "add what clients get anyway",
        )  # fmt: skip


def _of_grpc(spec: Spec) -> Iterator[Finding]:
    routes = [route for route in spec.routes if route.protocol.name == "grpc"]
    if not routes:
        return
    first, more = routes[0], _more(routes)
    yield remarks.GRPC_SWITCHED_BY_HAND.about(
        first, CLOUDFLARE, first.span_of("protocol"),
        f"Cloudflare answers calls to {first.title}{more} with 403 until gRPC is switched on in the dashboard, for which there is no API; and "
        "Access lets every call pass from then on",
        "switch it on under Network, try a call, and let the origin ask for credentials",
    )  # fmt: skip
    if rules.tunnelled(spec):
        yield remarks.GRPC_THROUGH_TUNNEL.about(
            first, CLOUDFLARE, spec.span_of("targets", CLOUDFLARE, "tunnel"),
            f"Cloudflare does not support gRPC through a tunnel to a public host, so calls to {first.title}{more} may end without a status",
            "reach the gRPC server without the tunnel, or use grpc-web or connect",
        )  # fmt: skip
    for route in routes:
        secure = origin_secure(route, spec)
        port = route.upstream.servers[0].port if rules.alone(spec) else spec.listen.port
        if secure and (port == facts.GRPC_PORT or rules.tunnelled(spec)):
            continue
        found = f"port {port}" if secure else "cleartext"
        yield remarks.GRPC_ORIGIN_UNREACHABLE.about(
            route, CLOUDFLARE, _origin_span(route.upstream, spec),
            f"Cloudflare speaks gRPC over TLS to port {facts.GRPC_PORT} of an origin, and to nothing else: with {found} every call to "
            f"{route.title} fails",
            "write a grpcs:// URL with that port" if rules.alone(spec) else "give the hop behind listen.tls and that port",
        )  # fmt: skip


def _more(routes: Sequence[object]) -> str:
    return f" and {len(routes) - 1} more" if len(routes) > 1 else ""


# ---- the way to the origins ----


def _origin_span(upstream: Upstream, spec: Spec) -> Span:
    return upstream.span if rules.alone(spec) else spec.span_of("listen")


def _of_way(spec: Spec, plan: Plan) -> Iterator[Finding]:
    """Whether Cloudflare can reach what is behind it, and how well hidden from others; a tunnel does away with both."""
    if not rules.alone(spec):
        if not spec.secure:
            yield _in_cleartext(spec.chain[1], spec.span_of("listen"), "give it listen.tls")
        return
    lost = list(filter(_out_of_reach, spec.used_upstreams))
    if lost:
        yield remarks.ORIGIN_OUT_OF_REACH.on(
            CLOUDFLARE, lost[0].span,
            f"upstream `{lost[0].name}`{_more(lost)} ({lost[0].servers[0].address}) has no address on the internet, so Cloudflare cannot "
            "reach it",
            f"write `targets: {{cloudflare: {{tunnel: true}}}}`, or {_BEHIND}",
        )  # fmt: skip
    for upstream in spec.used_upstreams:
        if not upstream.secure and not upstream.speaks_grpc and not _out_of_reach(upstream):
            yield _in_cleartext(f"upstream `{upstream.name}`", upstream.span, "write an https:// URL")
    yield from _of_hosts(spec, plan)


def _in_cleartext(whom: str, span: Span, remedy: str) -> Finding:
    return remarks.ORIGIN_IN_CLEARTEXT.on(
        CLOUDFLARE, span,
        f"Cloudflare reaches {whom} in cleartext, across the internet, and only with the zone's SSL mode Flexible", f"{remedy}, or use a tunnel",
    )  # fmt: skip


def _out_of_reach(upstream: Upstream) -> bool:
    """Whether nobody but a neighbor knows one of its servers; a socket has no host at all."""
    return not all(
        ipaddress.ip_address(host).is_global
        if is_address(host)
        else "." in host and not host.endswith((".local", ".internal", ".svc"))
        for host in (server.host for server in upstream.servers)
    )


def _of_hosts(spec: Spec, plan: Plan) -> Iterator[Finding]:
    for hosts, routes in spec.servers:
        origins = {route.upstream.servers[0].host: route for route in routes}
        by_rule = rules.by_rule(spec, plan) and not any(map(is_address, origins))
        if len(origins) > 1 and not by_rule:
            first, second, *_ = origins.values()
            yield remarks.ORIGINS_NOT_TOLD_APART.about(
                second, CLOUDFLARE, second.span_of("upstream"),
                f"the routes of {_host(hosts[0])} lead to {len(origins)} origins, such as `{first.upstream.name}` and "
                f"`{second.upstream.name}`, and Cloudflare sends them all to the one of its DNS record",
                f"give each origin a host of its own, write `tunnel: true`, or {_BEHIND}",
            )  # fmt: skip


def _host(host: str) -> str:
    return "any host" if host == "*" else host


def _of_origins(spec: Spec, plan: Plan) -> Iterator[Finding]:
    """What the spec says of origins that Cloudflare does not ask."""
    for upstream in spec.used_upstreams:
        name = upstream.name
        if len(upstream.servers) > 1 or upstream.affinity:
            yield remarks.SERVERS_NOT_BALANCED.on(
                CLOUDFLARE, spec.span_of("upstreams", name, "affinity" if upstream.affinity else "servers"),
                f"nothing chooses among the servers of upstream `{name}`: no affinity is kept, and no failed one passed over",
                _BEHIND,
            )  # fmt: skip
        if upstream.max_connections:
            yield remarks.CONNECTIONS_NOT_LIMITED.on(
                CLOUDFLARE, spec.span_of("upstreams", name, "max_connections"),
                f"Cloudflare opens as many connections to upstream `{name}` as there are clients", f"let the origin refuse, or {_BEHIND}",
            )  # fmt: skip
        if field := _unasked(upstream, spec, plan):
            yield remarks.ORIGIN_CERTIFICATE_REFUSED.on(
                CLOUDFLARE, spec.span_of("upstreams", name, "tls", field),
                f"{'cloudflared' if rules.tunnelled(spec) else 'Cloudflare'} checks the certificate of upstream `{name}` otherwise than "
                f"tls.{field} says",
                "use a certificate of Cloudflare's Origin CA for the hosts of the routes, or tunnel: true with its ca and sni",
            )  # fmt: skip
    prompt = [route for route in spec.routes if rules.prompt(route) and route.protocol.name != "grpc"]
    if prompt:
        yield remarks.ORIGIN_ASKED_TO_COMPRESS.about(
            prompt[0], CLOUDFLARE, prompt[0].span,
            f"Cloudflare asks the origin of {prompt[0].title}{_more(prompt)} for br or gzip, whatever the client said",
            "leave the stream's content type out of what the application compresses",
        )  # fmt: skip


def _unasked(upstream: Upstream, spec: Spec, plan: Plan) -> str:
    """The field of an upstream's `tls` that has no effect, if any."""
    tls = upstream.tls
    if not upstream.secure:
        return ""
    if rules.tunnelled(spec):
        # cloudflared could be told not to look, for good; the edge looks or not with its SSL mode.
        return "" if tls.verify else "verify"
    if tls.verify and tls.ca:
        return "ca"
    return "sni" if tls.sni and not plan.enterprise else ""


# ---- routes ----


def _of_route(route: Route, plan: Plan, aim: Behavior) -> Iterator[Finding]:
    """What the plan does to a route, whatever stands behind Cloudflare."""
    if route.kind == "regex" and not plan.regexes:
        yield remarks.REGEX_BEYOND_PLAN.about(
            route, CLOUDFLARE, route.match_span,
            f"rules have regular expressions from the Business plan on, so there is none for {route.title}",
            "write the route as path or exact",
        )  # fmt: skip
    field, quiet = _silence(route)
    limit = facts.CLIENT_IDLE if plan.enterprise else facts.SILENCE
    if quiet >= limit:
        ends = "may close a client's connection" if plan.enterprise else "ends an exchange"
        yield remarks.SILENCE_BEYOND_PLAN.about(
            route, CLOUDFLARE, route.span_of(field),
            f"Cloudflare ({plan.name}) {ends} after {show_duration(limit)} of silence at the latest, and {route.title} may be silent for "
            f"{show_duration(quiet)}",
            "let the origin send something every 30s, state it as `heartbeat: 30s`, and leave idle_timeout out",
        )  # fmt: skip
    most = aim.request_body_limit.low
    if route.body_limit > most:
        yield _too_large(route, plan, most)
    if route.auth and route.auth.by == "query":
        yield remarks.QUERY_IN_EDGE_LOGS.about(
            route, CLOUDFLARE, route.span_of("auth"),
            f"Cloudflare's logs hold the query, and with it the credential `{route.auth.name}` of {route.title}",
            "leave ClientRequestURI out of Logpush jobs, let it live for minutes, or send it in a header or cookie",
        )  # fmt: skip
    if route.cache and route.cache != math.ceil(route.cache):
        yield remarks.CACHE_ROUNDED.about(
            route, CLOUDFLARE, route.span_of("cache"),
            f"Cloudflare caches for whole seconds: {show_duration(math.ceil(route.cache))} for {route.title}, not {show_duration(route.cache)}",
            "write whole seconds",
        )  # fmt: skip


def _too_large(route: Route, plan: Plan, most: float) -> Finding:
    megabytes = f"{most / facts.MB:g} MB on the plan {plan.name}"
    if route.body_limit == FOREVER:
        return remarks.UPLOAD_STREAM_CUT.about(
            route, CLOUDFLARE, route.span_of("protocol"),
            f"Cloudflare lets {megabytes} through in one request, and a call to {route.title} is one, however long it streams",
            "let clients begin a new call before that, or state upload: {max_bytes: …}",
        )  # fmt: skip
    return remarks.UPLOAD_BEYOND_PLAN.about(
        route, CLOUDFLARE, route.span_of("upload"),
        f"Cloudflare refuses requests above {megabytes}, and {route.title} may take {show_size(route.body_limit)}",
        "send it in pieces, over a WebSocket, or to a host whose DNS record is not proxied",
    )  # fmt: skip


def _silence(route: Route) -> tuple[str, float]:
    """The longest that the spec asks the edge to bear, and the field that says so: a heartbeat is heard there, unless more is asked for."""
    if route.heartbeat and route.idle_timeout <= route.protocol.silence(route.heartbeat):
        return "heartbeat", route.heartbeat
    return "idle_timeout", route.idle_timeout


def _of_route_alone(route: Route) -> Iterator[Finding]:
    """What a hop behind Cloudflare would do."""
    name, title = route.protocol.name, route.title
    if route.strip:
        yield remarks.PREFIX_NOT_STRIPPED.about(
            route, CLOUDFLARE, route.span_of("strip_prefix"),
            f"Cloudflare passes the path of {title} on as it is: the origin gets it with {route.strip}", f"let the origin take it, or {_BEHIND}",
        )  # fmt: skip
    if route.browser_cors:
        yield remarks.CORS_LEFT_TO_THE_ORIGIN.about(
            route, CLOUDFLARE, route.span_of("cors"),
            f"rules cannot answer a preflight, so browsers get what the origin of {title} says about CORS", f"let it answer, or {_BEHIND}",
        )  # fmt: skip
    if route.max_duration != FOREVER:
        yield remarks.MAX_DURATION_NOT_ENFORCED.about(
            route, CLOUDFLARE, route.span_of("max_duration"),
            f"Cloudflare has no limit on the length of an exchange, so {title} is not ended after {show_duration(route.max_duration)}",
            "end the stream in the application, or put Envoy (max_stream_duration) behind",
        )  # fmt: skip
    if route.per_client:
        yield remarks.STREAMS_PER_CLIENT_NOT_LIMITED.about(
            route, CLOUDFLARE, route.span_of("limits", "per_client"),
            f"Cloudflare has no limit on the concurrent streams of one client, so one address can hold every stream of {title}",
            "count them in the application, or limit how fast they start: limits.rate",
        )  # fmt: skip
    if route.body_limit not in (FOREVER, default_body_limit(route.protocol, stream=route.upload_stream)):
        yield remarks.BODY_NOT_LIMITED.about(
            route, CLOUDFLARE, route.span_of("upload"),
            f"Cloudflare lets as much through as the plan has, not the {show_size(route.body_limit)} of {title}",
            f"limit the body in the application, or {_BEHIND}",
        )  # fmt: skip
    if name in ("grpc-web", "connect") and route.upstream.speaks_grpc:
        said, remark = {
            "grpc-web": ("gRPC-Web", remarks.GRPC_WEB_NOT_TRANSLATED),
            "connect": ("Connect", remarks.CONNECT_NOT_TRANSLATED),
        }[name]
        yield remark.about(
            route, CLOUDFLARE, route.span_of("protocol"),
            f"Cloudflare does not translate {said} into gRPC, and upstream `{route.upstream.name}` is a plain gRPC server: every call to "
            f"{title} fails",
            "put Envoy behind Cloudflare (`chain: [cloudflare, envoy]`), or use a server that speaks it itself",
        )  # fmt: skip
    for side in ("request", "response"):
        for header, value in getattr(route.rewrites, side).items():
            if not rules.header_kept(side, header, value):
                yield remarks.HEADER_OWNED_BY_THE_PROXY.about(
                    route, CLOUDFLARE, route.span_of("headers", side, header),
                    f"the {side} header {header} of {title} stays as it is: Cloudflare lets no rule touch it", "remove the line",
                )  # fmt: skip
