"""What is set up for one zone: its settings, the rules of each phase in their order, Page Rules, and routes of Workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from proxycfg.errors import Problem
from proxycfg.record import field, record
from proxycfg.targets.cloudflare import facts
from proxycfg.targets.cloudflare.rules_language import (
    Call,
    Compare,
    Expression,
    Field,
    Joined,
    Literal,
    Not,
    Unreadable,
    parse,
)
from proxycfg.targets.cloudflare.value import UNKNOWN, Value

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.targets.cloudflare.terraform import Resource

OPEN = Field("proxycfg.unknown", ())
"""Stands in an expression for what nobody knows; a field that is none of Cloudflare's."""


class Rule(NamedTuple):
    """One rule of a phase, or what comes to one.

    :param expression: as a tree; :data:`OPEN` where it cannot be read, or hangs on what nobody knows.
    :param span: its expression's place.
    :param certain: whether it is on.
    """

    phase: str
    expression: Expression
    body: Value
    span: Span
    certain: bool

    @property
    def action(self) -> str:
        """What it does."""
        return self.body.text("action") or ""

    @property
    def parameters(self) -> Value | None:
        """How."""
        return self.body.get("action_parameters")


class Setting(NamedTuple):
    """A setting of the zone, its resource or line, and how it reads."""

    value: Value
    span: Span
    text: str


class PageRule(NamedTuple):
    """A Page Rule: the pattern of URLs, and what it sets; higher numbers come first."""

    target: str
    priority: float
    actions: Value
    span: Span
    certain: bool


@record()
class Zone:
    """One zone.

    :param key: what tells it from others: its id, or the name by which the config speaks of that.
    :param names: domains that are known to be its own.
    :param plan: as a resource or a comment says it.
    """

    key: str
    span: Span
    names: list[str] = field(default_factory=list)
    plan: facts.Plan | None = None
    plan_said_by: str = ""
    rules: dict[str, list[Rule]] = field(default_factory=dict)
    settings: dict[str, Setting] = field(default_factory=dict)
    page_rules: list[PageRule] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def of_type(self, *types: str) -> Iterator[Resource]:
        """The resources of some types."""
        return (each for each in self.resources if each.type in types)


def zones_of(resources: Iterable[Resource]) -> list[Zone]:
    """The zones that resources are about, in the order in which they are met."""
    found: dict[str, Zone] = {}
    named: list[tuple[Resource, str]] = []
    rest: list[Resource] = []
    for each in resources:
        if each.type == "cloudflare_zone":
            domain = each.body.text("zone") or each.body.text("name") or each.body.text("filter", "name") or ""
            named.append((each, domain))
            continue
        if each.name.startswith("data."):
            continue
        key = _key(each)
        if key is None:
            rest.append(each)
            continue
        zone = found.get(key)
        if zone is None:
            zone = found[key] = Zone(key, each.span)
        _add(zone, each)
    for resource, domain in named:
        data, own = "data." if resource.name.startswith("data.") else "", resource.name.removeprefix("data.")
        # A resource that `for_each` makes several of is spoken of without the key.
        stem = f"{resource.module}{data}cloudflare_zone.{own.partition('[')[0]}"
        keys = [key for key in found if key.startswith((f"{stem}.", f"{stem}["))]
        if not keys and len(found) == 1 and len(named) == 1:
            keys = list(found)
        for key in keys:
            zone = found[key]
            zone.resources.append(resource)
            zone.names += [domain] if domain else []
            said = resource.body.text("plan") or resource.body.text("plan", "legacy_id") or ""
            if said in facts.PLANS:
                zone.plan, zone.plan_said_by = facts.PLANS[said], str(resource.span)
    for each in rest:
        # What is an account's concerns every zone that stands beside it.
        for zone in found.values():
            zone.resources.append(each)
    return list(found.values())


def _key(resource: Resource) -> str | None:
    """What tells a resource's zone; None for an account's."""
    value = resource.body.get("zone_id")
    if value is None:
        return "" if resource.type in _OF_ZONES and resource.body.get("account_id") is None else None
    return str(value.data)


_OF_ZONES = frozenset(
    ("cloudflare_ruleset", "cloudflare_zone_setting", "cloudflare_zone_settings_override", "cloudflare_page_rule", "cloudflare_rate_limit",
     "cloudflare_workers_route", "cloudflare_worker_route", "cloudflare_bot_management", "cloudflare_load_balancer")
)  # fmt: skip
"""Resources that belong to a zone even where a plan does not know its id yet."""


def _add(zone: Zone, resource: Resource) -> None:
    zone.resources.append(resource)
    body, kind = resource.body, resource.type
    if kind == "cloudflare_ruleset":
        add_rules(zone, body.text("phase") or "", body.get("rules"), certain=resource.certain)
    elif kind == "cloudflare_zone_setting":
        name, value = body.text("setting_id"), body.get("value")
        if name and value is not None:
            zone.settings[name] = _setting(name, value)
    elif kind == "cloudflare_zone_settings_override":
        settings = body.get("settings")
        for name, entry in settings.entries.items() if settings is not None else ():
            known = _OLD_NAMES.get(name, name)
            zone.settings[known] = _setting(known, entry.value)
    elif kind == "cloudflare_page_rule":
        actions = body.get("actions")
        if actions is not None and body.text("status") != "disabled":
            zone.page_rules.append(
                PageRule(
                    body.text("target") or UNKNOWN,
                    body.number("priority") or 1,
                    actions,
                    resource.span,
                    resource.certain,
                )
            )


_OLD_NAMES = {"zero_rtt": "0rtt"}
"""Settings that version 4 of the provider spells otherwise, since a name begins with a letter."""


def _setting(name: str, value: Value) -> Setting:
    said = value.data if value.known and value.kind not in {"list", "map"} else "…"
    return Setting(value, value.span, f"{name} = {str(said).lower() if isinstance(said, bool) else said}")


def add_rules(zone: Zone, phase: str, rules: Value | None, *, certain: bool = True) -> None:
    """The rules of a phase, in their order."""
    for body in rules.items if rules is not None else ():
        if body.entries and (body.flag("enabled") is not False):
            enabled = body.get("enabled")
            rule = _rule(zone, phase, body, certain=certain and (enabled is None or enabled.known))
            zone.rules.setdefault(phase, []).append(rule)


def _rule(zone: Zone, phase: str, body: Value, *, certain: bool) -> Rule:
    said = body.get("expression")
    # An empty one is the default of a module's variable, which nobody applies.
    if said is None or said.kind != "text" or not said.data.strip():
        return Rule(phase, OPEN, body, said.span if said is not None else body.span, certain)
    try:
        expression = opened(parse(said.data))
    except Unreadable as error:
        if said.known:
            zone.problems.append(
                Problem(
                    said.span,
                    f"this expression cannot be read: {error}",
                    "see https://developers.cloudflare.com/ruleset-engine/rules-language/",
                )
            )
        expression = OPEN
    return Rule(phase, expression, body, said.span, certain)


def opened(node: Any) -> Any:
    """An expression in which every comparison with what nobody knows is open."""
    if isinstance(node, Compare):
        if _open(node.operand) or _open(node.value):
            return OPEN
        return node
    if isinstance(node, Not):
        return Not(opened(node.inner))
    if isinstance(node, Joined):
        return Joined(node.operator, tuple(map(opened, node.parts)))
    if isinstance(node, Call):
        return OPEN if any(map(_open, node.arguments)) else node
    return node


def _open(node: Any) -> bool:
    if isinstance(node, Literal):
        return isinstance(node.value, str) and UNKNOWN in node.value
    if isinstance(node, str):
        return UNKNOWN in node
    if isinstance(node, Call):
        return any(map(_open, node.arguments))
    if isinstance(node, Compare):
        return _open(node.operand) or _open(node.value)
    items = getattr(node, "items", None)
    return isinstance(items, tuple) and any(_open(item) for item in items)
