"""What Cloudflare cannot keep of a spec, plan by plan: told wherever a spec names it, so that nothing is dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg import remarks
from proxycfg.finding import Finding
from proxycfg.spec import Route, Spec
from proxycfg.targets.cloudflare import facts
from proxycfg.units import show_duration

CLOUDFLARE = "cloudflare"


def lacks(spec: Spec) -> Iterator[Finding]:
    """The findings about a spec that has Cloudflare among its targets or in its chain; none otherwise."""
    named = spec.targets.cloudflare
    if named is None and "cloudflare" not in spec.chain:
        return
    place = ("targets", "cloudflare") if "cloudflare" in spec.targets.model_fields_set else ("chain", 0)
    yield remarks.CLOUDFLARE_NOT_WRITTEN.on(
        CLOUDFLARE, spec.span_of(*place), "Cloudflare's own settings are not generated yet: only its limits are checked here",
        "bypass the cache and switch compression off for these routes by hand (Cache Rules, Compression Rules)",
    )  # fmt: skip
    plan = named.plan if named else "free"
    limit = facts.SILENCE_ENTERPRISE if plan == "enterprise" else facts.SILENCE
    for route in spec.routes:
        field, quiet = _silence(route)
        if quiet >= limit:
            yield _too_quiet(route, plan, field, quiet, limit)


def _silence(route: Route) -> tuple[str, float]:
    """The longest that the spec asks the edge to bear, and the field that says so: a heartbeat is heard there, unless more is asked for."""
    if route.heartbeat and route.idle_timeout <= route.protocol.silence(route.heartbeat):
        return "heartbeat", route.heartbeat
    return "idle_timeout", route.idle_timeout


def _too_quiet(route: Route, plan: str, field: str, quiet: float, limit: float) -> Finding:
    return remarks.SILENCE_BEYOND_PLAN.about(
        route, CLOUDFLARE, route.span_of(field),
        f"Cloudflare ({plan}) ends an exchange after {show_duration(limit)} of silence at the latest, and {route.title} may be silent "
        f"for {show_duration(quiet)}",
        "let the origin send something every 30s, state it as `heartbeat: 30s`, and leave idle_timeout out",
    )  # fmt: skip
