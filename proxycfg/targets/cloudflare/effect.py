"""What the rules of a phase set for a request of which only part is known: the order of rules and their stacking, as Cloudflare has it.

Cache rules and configuration rules stack: every rule that matches takes effect, and of two that set the same thing the later one wins
(cache/how-to/cache-rules/order; of configuration rules nothing else is said). Of compression rules only the last that matches
counts (rules/compression-rules).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from proxycfg.targets.cloudflare.rules_language import Expression, Known, Unreadable, holds, parse

WHOLE = frozenset({"http_response_compression"})
"""Phases in which a rule that matches replaces all of an earlier one."""


class Rule(NamedTuple):
    """A rule that sets something; ``expression`` is None for one that cannot be read, so that nobody knows when it matches."""

    expression: Expression | None
    parameters: Mapping[str, Any]
    source: Any = None


class Possible(NamedTuple):
    """A value that a setting may have, and the rule that sets it: its place in the list, or -1 where none does."""

    value: Any
    rule: int


NOTHING = Possible(None, -1)
"""That no rule sets it."""


def rule_of(fields: Mapping[str, Any]) -> Rule | None:
    """A rule as the API has it; None for one that is switched off or sets nothing."""
    parameters = fields.get("action_parameters")
    if fields.get("enabled") is False or not isinstance(parameters, Mapping):
        return None
    try:
        expression = parse(str(fields.get("expression", "")))
    except Unreadable:
        expression = None
    return Rule(expression, parameters, fields.get("ref"))


def settled(rules: Sequence[Rule], known: Known, *, whole: bool = False) -> dict[str, tuple[Possible, ...]]:
    """What each setting may be for a request: one value where that is certain, the last rule's first.

    A setting that no rule can touch is not named; where perhaps none does, the last possibility has no rule.

    :param whole: a rule that matches replaces all that earlier ones have set, and not only what it sets itself.
    """
    later_first = list(_matching(rules, known))[::-1]
    return _replaced(later_first) if whole else _stacked(later_first)


def _matching(rules: Sequence[Rule], known: Known) -> Iterator[tuple[int, Rule, bool]]:
    """The rules that match or may, each with its place and whether it surely does."""
    for at, rule in enumerate(rules):
        answer = None if rule.expression is None else holds(rule.expression, known)
        if answer is not False:
            yield at, rule, answer is True


def _stacked(rules: Sequence[tuple[int, Rule, bool]]) -> dict[str, tuple[Possible, ...]]:
    found: dict[str, list[Possible]] = {}
    done: set[str] = set()
    for at, rule, certain in rules:
        for name, value in rule.parameters.items():
            if name not in done:
                found.setdefault(name, []).append(Possible(value, at))
        done |= set(rule.parameters) if certain else set()
    return {name: (*values, *([] if name in done else [NOTHING])) for name, values in found.items()}


def _replaced(rules: Sequence[tuple[int, Rule, bool]]) -> dict[str, tuple[Possible, ...]]:
    last = next((place for place, (_, _, certain) in enumerate(rules) if certain), None)
    counting = rules if last is None else rules[: last + 1]
    names = dict.fromkeys(name for _, rule, _ in counting for name in rule.parameters)
    found: dict[str, tuple[Possible, ...]] = {}
    for name in names:
        values = [Possible(rule.parameters[name], at) for at, rule, _ in counting if name in rule.parameters]
        unset = last is None or len(values) < len(counting)
        found[name] = (*values, *([NOTHING] if unset else []))
    return found
