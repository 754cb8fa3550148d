"""The behavior that the settings at Cloudflare are meant to give each route, plan by plan.

Where Cloudflare does not say what it does, or says different things, the aim is a range. What of a need is out of a plan's reach becomes
a finding in :mod:`proxycfg.targets.cloudflare.lacks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxycfg.behavior import ANYTHING, EITHER, FOREVER, HTTP_VERSIONS, NO, TRANSPORTS, YES, Behavior, Between, exactly
from proxycfg.targets.cloudflare import facts, rules

if TYPE_CHECKING:
    from proxycfg.spec import Route, Spec
    from proxycfg.targets.cloudflare.facts import Plan


def plan_of(spec: Spec) -> Plan:
    """The plan of the zone: the spec's, or the one with the tightest limits."""
    named = spec.targets.cloudflare
    return facts.PLANS[named.plan if named else "free"]


def origin_secure(route: Route, spec: Spec) -> bool:
    """Whether the next hop is spoken to over TLS: the origin, or the listener of the hop behind Cloudflare."""
    return route.upstream.secure if rules.alone(spec) else spec.secure


def ruled(route: Route, plan: Plan) -> bool:
    """Whether a rule can be made for the route alone."""
    return plan.regexes or route.kind != "regex"


def aim_of(route: Route, spec: Spec, plan: Plan) -> Behavior:
    """The aim of one route."""
    name = route.protocol.name
    kept = ruled(route, plan)
    prompt = kept and name in rules.PROMPT
    silence = _silence(spec, plan)
    return Behavior(
        # By default a prefix of some types is held for inspection, which rules for streams switch off.
        response_buffering=NO if prompt or name == "websocket" else EITHER,
        stalls_on=exactly(frozenset()) if prompt or name == "websocket" else Between(frozenset(), TRANSPORTS),
        request_buffering=NO if not rules.passes_uploads(route) or kept else EITHER,
        compression=NO if prompt or name == "websocket" else EITHER,
        caching=_caching(route, kept=kept),
        upstream_http_version=_upstream_version(route, spec),
        upgrade=YES if any(each.protocol.name == "websocket" for each in spec.routes) else EITHER,
        upstream_connection_header=Between("", ANYTHING),
        connect_timeout=Between(*facts.CONNECT),
        upstream_idle_timeout=silence,
        client_idle_timeout=Between(min(silence.low, facts.CLIENT_IDLE), max(silence.high, facts.CLIENT_IDLE)),
        # Nothing is said of clients that do not read.
        send_timeout=Between(0.0, FOREVER),
        total_timeout=exactly(FOREVER),
        request_body_limit=exactly(body_limit(route, spec, plan)),
        retries=EITHER,
        retries_non_idempotent=EITHER,
        # The body of an origin's 502 or 504 is replaced, unless Enterprise passes it through.
        error_interception=NO if plan.enterprise else YES,
        honors_x_accel_buffering=EITHER,
        forwards_x_accel_buffering=YES,
        # `br, gzip`, whatever the client said, and no rule can change it.
        accept_encoding_forwarded=YES,
        client_http_versions=Between(frozenset({"1.1", "2"} | (set(spec.listen.http) & {"3"})), HTTP_VERSIONS),
        grpc=_grpc(route, spec),
        session_affinity=exactly("none"),
        query_logged=YES,
        abort_propagates=NO if route.cache else EITHER,
        max_streams=exactly(FOREVER),
    )


def _silence(spec: Spec, plan: Plan) -> Between[float]:
    raised = rules.read_timeout(spec, plan)
    return Between(facts.SILENCE, facts.SILENCE_AT_MOST) if raised is None else exactly(float(raised))


def body_limit(route: Route, spec: Spec, plan: Plan) -> float:
    """Bytes of the largest request that gets through; messages of a WebSocket are no request's body."""
    if route.protocol.name == "websocket":
        return FOREVER
    raised = rules.max_upload(spec) if plan.enterprise else None
    return float(raised * facts.MB if raised else plan.upload)


def _caching(route: Route, *, kept: bool) -> Between[Any]:
    if route.cache:
        return YES if kept else EITHER
    # Without a rule, what the path ends in decides.
    return NO if kept and route.protocol.streams else EITHER


def _upstream_version(route: Route, spec: Spec) -> Between[str]:
    if route.protocol.name == "websocket" or not origin_secure(route, spec):
        return exactly("1.1")
    if rules.alone(spec) and (rules.tunnelled(spec) or route.upstream.http_version == "2"):
        return exactly(route.upstream.http_version)
    # What the origin agrees to in the handshake.
    return Between("1.1", "2")


def _grpc(route: Route, spec: Spec) -> Between[bool]:
    if not origin_secure(route, spec):
        return NO
    return YES if route.protocol.name == "grpc" and not rules.tunnelled(spec) else EITHER
