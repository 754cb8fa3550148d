"""What the rules of a phase set for a request of which only part is known: the order of rules and their stacking, as Cloudflare has it.

Cache rules and configuration rules stack: every rule that matches takes effect, and of two that set the same thing the later one wins
(cache/how-to/cache-rules/order; of configuration rules nothing else is said). Of compression rules only the last that matches
counts (rules/compression-rules).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.places import Request
    from proxycfg.targets.cloudflare.value import Value
    from proxycfg.targets.cloudflare.zone import Rule

_WHOLE = frozenset({"http_response_compression"})
"""Phases in which a rule that matches replaces all of an earlier one, and not only what it sets itself."""


class Met(NamedTuple):
    """A rule that a request meets, and whether it surely does."""

    rule: Rule
    surely: bool


class Given(NamedTuple):
    """A value that a setting may have, and the rule that gives it."""

    rule: Rule
    value: Value


def met(rules: Iterable[Rule], request: Request) -> list[Met]:
    """The rules that match or may, in their order."""
    answers = ((rule, request.holds(rule.expression)) for rule in rules)
    return [Met(rule, answer is True and rule.certain) for rule, answer in answers if answer is not False]


def possible(rules: Sequence[Met], action: str, *path: str) -> Iterator[Given | None]:
    """What the rules of a phase may set at a path of their parameters: the last rule's first, down to the first that surely does.

    One value alone is certain. None stands for Cloudflare's default: that perhaps none of them sets it.

    :param rules: that the request meets.
    :param action: of the rules that count; those that name none do, too.
    """
    for rule, surely in reversed(rules):
        parameters = rule.parameters if rule.action in {action, ""} else None
        value = parameters.get(*path) if parameters is not None else None
        if value is None and rule.phase not in _WHOLE:
            continue
        yield None if value is None else Given(rule, value)
        if surely:
            return
    yield None
