"""The behavior that the settings at Cloudflare are meant to give each route, plan by plan.

Where Cloudflare does not say what it does, or says different things, the aim is a range. What of a need is out of a plan's reach becomes
a finding in :mod:`proxycfg.targets.cloudflare.lacks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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


def aims_of(spec: Spec, plan: Plan) -> dict[str, Behavior]:
    """Route name → its aim."""
    raised = rules.read_timeout(spec, plan)
    zone = _Zone(
        silence=Between(facts.SILENCE, facts.SILENCE_AT_MOST) if raised is None else exactly(float(raised)),
        upload=float((rules.max_upload(spec) or 0) * facts.MB if plan.enterprise else 0) or float(plan.upload),
        sockets=YES if any(route.protocol.name == "websocket" for route in spec.routes) else EITHER,
        versions=Between(frozenset({"1.1", "2"} | (set(spec.listen.http) & {"3"})), HTTP_VERSIONS),
    )
    return {route.name: _aim(route, spec, plan, zone) for route in spec.routes}


class _Zone(NamedTuple):
    """What all routes of a zone share."""

    silence: Between[float]
    upload: float
    sockets: Between[bool]
    versions: Between[frozenset[str]]


def _aim(route: Route, spec: Spec, plan: Plan, zone: _Zone) -> Behavior:
    name = route.protocol.name
    kept = ruled(route, plan)
    silence = zone.silence
    # A tunnel of frames is not looked into.
    prompt = name == "websocket" or (kept and rules.prompt(route))
    return Behavior(
        # By default a prefix of some types is held for inspection, which rules for streams switch off.
        response_buffering=NO if prompt else EITHER,
        stalls_on=exactly(frozenset()) if prompt else Between(frozenset(), TRANSPORTS),
        request_buffering=NO if kept or not rules.passes_uploads(route) else EITHER,
        compression=NO if prompt else EITHER,
        caching=_caching(route, kept=kept),
        upstream_http_version=_upstream_version(route, spec),
        upgrade=zone.sockets,
        upstream_connection_header=Between("", ANYTHING),
        connect_timeout=Between(*facts.CONNECT),
        upstream_idle_timeout=silence,
        client_idle_timeout=Between(min(silence.low, facts.CLIENT_IDLE), max(silence.high, facts.CLIENT_IDLE)),
        # Nothing is said of clients that do not read.
        send_timeout=Between(0.0, FOREVER),
        total_timeout=exactly(FOREVER),
        # Messages of a WebSocket are no request's body.
        request_body_limit=exactly(FOREVER if name == "websocket" else zone.upload),
        retries=EITHER,
        retries_non_idempotent=EITHER,
        # The body of an origin's 502 or 504 is replaced, unless Enterprise passes it through.
        error_interception=NO if plan.enterprise else YES,
        honors_x_accel_buffering=EITHER,
        forwards_x_accel_buffering=YES,
        # `br, gzip`, whatever the client said, and no rule can change it.
        accept_encoding_forwarded=YES,
        client_http_versions=zone.versions,
        grpc=_grpc(route, spec),
        session_affinity=exactly("none"),
        query_logged=YES,
        abort_propagates=NO if route.cache else EITHER,
        max_streams=exactly(FOREVER),
    )


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
