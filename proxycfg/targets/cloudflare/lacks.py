"""What Cloudflare cannot keep of a spec, plan by plan: each a finding at its place in the YAML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxycfg import remarks
from proxycfg.finding import Finding
from proxycfg.source import Span
from proxycfg.spec import Route, Spec
from proxycfg.targets.cloudflare import facts
from proxycfg.targets.cloudflare.facts import Plan
from proxycfg.targets.cloudflare.rules import Ruleset
from proxycfg.units import counted, show_duration

CLOUDFLARE = "cloudflare"


def lacks(spec: Spec, plan: Plan, rulesets: Sequence[Ruleset]) -> Iterator[Finding]:
    """The findings about a spec."""
    yield from _of_rules(spec, plan, rulesets)
    limit = facts.SILENCE_ENTERPRISE if plan.enterprise else facts.SILENCE
    for route in spec.routes:
        field, quiet = _silence(route)
        if quiet >= limit:
            yield _too_quiet(route, plan, field, quiet, limit)


def _of_rules(spec: Spec, plan: Plan, rulesets: Sequence[Ruleset]) -> Iterator[Finding]:
    where = _plan_span(spec)
    for ruleset in rulesets:
        most = plan.most(ruleset.phase)
        if len(ruleset.rules) > most:
            yield remarks.RULES_BEYOND_PLAN.on(
                CLOUDFLARE, where,
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
    for route in spec.routes:
        if route.kind == "regex" and not plan.regexes:
            yield remarks.REGEX_BEYOND_PLAN.about(
                route, CLOUDFLARE, route.match_span,
                f"rules have regular expressions from the Business plan on, so there is none for {route.title}",
                "write the route as path or exact",
            )  # fmt: skip


def _plan_span(spec: Spec) -> Span:
    """The place of the plan: under `targets`, or at the hop."""
    return (
        spec.span_of("targets", CLOUDFLARE, "plan")
        if "cloudflare" in spec.targets.model_fields_set
        else spec.span_of("chain", 0)
    )


def _silence(route: Route) -> tuple[str, float]:
    """The longest that the spec asks the edge to bear, and the field that says so: a heartbeat is heard there, unless more is asked for."""
    if route.heartbeat and route.idle_timeout <= route.protocol.silence(route.heartbeat):
        return "heartbeat", route.heartbeat
    return "idle_timeout", route.idle_timeout


def _too_quiet(route: Route, plan: Plan, field: str, quiet: float, limit: float) -> Finding:
    return remarks.SILENCE_BEYOND_PLAN.about(
        route, CLOUDFLARE, route.span_of(field),
        f"Cloudflare ({plan.name}) ends an exchange after {show_duration(limit)} of silence at the latest, and {route.title} may be silent "
        f"for {show_duration(quiet)}",
        "let the origin send something every 30s, state it as `heartbeat: 30s`, and leave idle_timeout out",
    )  # fmt: skip
