"""Rules and settings → Terraform for provider v5, and the same rules for the Rulesets API.

The provider's rules have the shape of the API's but for the names of cache directives, so both files are printed from one piece of data.
"""

from __future__ import annotations

import json
import re
import textwrap
from functools import cache
from typing import TYPE_CHECKING, Any

from proxycfg.target import Output
from proxycfg.targets.cloudflare import facts, quote, rules, worker
from proxycfg.targets.cloudflare.aim import aims_of, plan_of
from proxycfg.targets.cloudflare.lacks import lacks
from proxycfg.targets.cloudflare.layout import attributes
from proxycfg.targets.cloudflare.tunnel import tunnel
from proxycfg.template import Quoted, environment

if TYPE_CHECKING:
    from jinja2 import Environment

    from proxycfg.spec import Spec
    from proxycfg.targets.cloudflare.rules import Rule, Ruleset

_ZONE_ID = re.compile("[0-9a-f]{32}")
_COMMENT = 140
"""Characters of a line of comment, its margin included."""


@cache
def _environment() -> Environment:
    return environment(
        "cloudflare",
        {"q": quote.hcl, "y": quote.yaml, "comment": quote.comment, "why": _why, "rule": _rule, "value": _value},
    )


def write(spec: Spec) -> Output:
    """``main.tf`` with the files beside it; ``rulesets/PHASE.json``; ``cloudflared/config.yml`` and ``worker/`` where asked for."""
    plan = plan_of(spec)
    named = spec.targets.cloudflare
    rulesets = rules.rulesets(spec, plan)
    zone = named.zone if named else None
    by_id = zone is not None and _ZONE_ID.fullmatch(zone) is not None
    context = {
        "plan": plan.name,
        "provider": facts.PROVIDER,
        "zone_id": zone if by_id else "",
        "zone_name": "" if by_id else zone or "",
        "settings": rules.settings(spec, plan),
        "rulesets": rulesets,
        "grpc": any(route.protocol.name == "grpc" for route in spec.routes),
    }
    files = {
        f"{name}.tf": _environment().get_template(f"{name}.tf.j2").render(context)
        for name in ("main", "variables", "versions")
    }
    files |= {f"rulesets/{ruleset.phase}.json": _as_json(ruleset) for ruleset in rulesets}
    if rules.tunnelled(spec):
        files["cloudflared/config.yml"] = _environment().get_template("config.yml.j2").render(tunnel(spec)._asdict())
    if named and named.worker:
        files |= {f"worker/{path}": text for path, text in worker.files(spec).items()}
    aims = aims_of(spec, plan)
    findings = [*lacks(spec, plan, rulesets, aims), *(worker.lacks(spec) if named and named.worker else ())]
    return Output(files, tuple(findings), aims)


# ---- the API ----


def _as_json(ruleset: Ruleset) -> str:
    """The body of a PUT to the phase's entry point."""
    body = {"name": _name(ruleset), "rules": [_fields(rule) for rule in ruleset.rules]}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _name(ruleset: Ruleset) -> str:
    return f"proxycfg: {ruleset.title}"


def _fields(rule: Rule) -> dict[str, Any]:
    """A rule's fields in the order in which people read them; those with nothing in them are left out."""
    fields: dict[str, Any] = {
        "ref": rule.ref, "description": rule.description, "expression": rule.expression, "action": rule.action,
        "action_parameters": rule.parameters, "ratelimit": rule.rate,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value}


# ---- Terraform ----


def _rule(rule: Rule, indent: int) -> Quoted:
    """The attributes of a rule's object, one a line, aligned as `terraform fmt` has them."""
    fields = _fields(rule)
    if rule.action == "set_cache_control":
        # Terraform has no hyphens in the names of attributes.
        fields["action_parameters"] = {name.replace("-", "_"): each for name, each in rule.parameters.items()}
    return Quoted("\n".join(attributes(fields, indent)))


def _why(text: str, indent: int = 0) -> Quoted:
    """A reason as lines of comment, with no line feed behind the last."""
    margin = " " * indent + "# "
    return Quoted("\n".join(f"{margin}{line}" for line in textwrap.wrap(quote.comment(text), _COMMENT - len(margin))))


def _value(value: str | int) -> Quoted:
    """A setting's value."""
    return quote.hcl(value) if isinstance(value, str) else Quoted(str(value))
