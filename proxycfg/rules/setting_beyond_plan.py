"""A setting that the zone's plan does not have.

**What it sees.** On a plan below Enterprise: `proxy_read_timeout`, `response_buffering`, `origin_h2_max_streams`, `origin_error_page_pass_thru`,
`max_upload`, a `read_timeout` in a cache rule, an origin's host, Host header or SNI in an origin rule; below Business: `matches` in an
expression; more rules in a phase than the plan has. What every zone of the plan has anyway, `off` or its own `max_upload`, is not told.

**Why it hurts.** The API refuses it, and with it all that is applied beside it; or it is taken and does nothing.

**Instead.** Remove it: heartbeats in place of timeouts, `wildcard` and `starts_with` in place of regular expressions, one rule with `or` in place
of several.

**When it is fine.** If the zone has another plan; say so: `# proxycfg: plan=enterprise`. Where nothing says the plan, this is silent.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/cache/how-to/cache-rules/settings/>, <https://developers.cloudflare.com/rules/origin-rules/>,
<https://developers.cloudflare.com/ruleset-engine/rules-language/operators/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.targets.cloudflare.facts import MB
from proxycfg.targets.cloudflare.rules_language import Compare

_SETTINGS = frozenset(
    ("proxy_read_timeout", "response_buffering", "origin_h2_max_streams", "origin_error_page_pass_thru", "max_upload")
)
_PARAMETERS = (("read_timeout",), ("origin", "host"), ("host_header",), ("sni", "value"))

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.targets.cloudflare.facts import Plan
    from proxycfg.targets.cloudflare.scene import CloudflareTree
    from proxycfg.targets.cloudflare.value import Value
    from proxycfg.targets.cloudflare.zone import Rule


@idiom(category=Category.HARDENING, severity=Severity.ERROR, targets=("cloudflare",))
def setting_beyond_plan(tree: CloudflareTree) -> Iterator[Complaint]:
    """Settings, parameters, operators and numbers of rules, held against the plan."""
    for zone in tree.zones:
        plan = zone.plan
        if plan is None:
            continue
        found: list[tuple[str, Span]] = []
        if not plan.enterprise:
            found += (
                (said.text, said.span)
                for name, said in zone.settings.items()
                if name in _SETTINGS and not _as_it_is(name, said.value, plan)
            )
        for phase, rules in zone.rules.items():
            if not plan.enterprise:
                found += (
                    (path[-1], value.span)
                    for rule in rules
                    for path in _PARAMETERS
                    if (value := _at(rule, path)) is not None
                )
            if not plan.regexes:
                found += (("`matches`", rule.span) for rule in rules if has_regex(rule.expression))
            if len(rules) > plan.most(phase):
                beyond = rules[plan.most(phase)]
                found.append((f"rule {plan.most(phase) + 1} of {phase}", beyond.span))
        for what, span in found:
            yield Complaint(
                message=f"the plan {plan.name} does not have this: {what}",
                why="The API refuses it, and what is applied beside it; or it does nothing.",
                span=span,
            )


def _as_it_is(name: str, value: Value, plan: Plan) -> bool:
    """Whether a setting says what every zone of the plan has."""
    return value.number() == plan.upload / MB if name == "max_upload" else value.flag() is False


def _at(rule: Rule, path: tuple[str, ...]) -> Value | None:
    return rule.parameters.get(*path) if rule.parameters is not None else None


def has_regex(node: Any) -> bool:
    """Whether an expression has a regular expression in it."""
    if isinstance(node, Compare) and node.operator == "matches":
        return True
    parts = node if isinstance(node, tuple) else ()
    return any(has_regex(part) for part in parts if isinstance(part, tuple))
