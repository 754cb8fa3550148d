"""Two measurements side by side: which routes fare otherwise, and in which properties. Pure.

Two configs on one engine, or one config on two versions of it (what changes for my streams if I upgrade?): a route is the same by its host, its
path, how that matches, and its protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxycfg.behavior import Answer, properties
from proxycfg.measured import Found, Measured
from proxycfg.record import record

Key = tuple[str | None, str, str, str]


@record(frozen=True, slots=True, kw_only=True)
class Change:
    """One route in both, or in one of them.

    :param before: as it was measured first; None where it is new.
    :param after: as it was measured then; None where it is gone.
    :param values: by property, what was found before and after, where these exclude each other.
    :param unsure: properties of which something was learned in one of them alone.
    """

    before: Measured | None
    after: Measured | None
    values: Mapping[str, tuple[Found, Found]]
    unsure: tuple[str, ...] = ()

    @property
    def either(self) -> Measured:
        """One of the two."""
        found = self.after or self.before
        assert found
        return found

    @property
    def matters(self) -> bool:
        """Whether anything changes: the verdict, a value, or that there is such a route."""
        return not (self.before and self.after) or self.before.verdict != self.after.verdict or bool(self.values)


def compare(before: Sequence[Measured], after: Sequence[Measured]) -> list[Change]:
    """Every route of either, in the order of the second, those that are gone at the end."""
    first = {_key(route): route for route in before}
    second = {_key(route): route for route in after}
    return [_change(first.get(key), second.get(key)) for key in dict.fromkeys((*second, *first))]


def _key(route: Measured) -> Key:
    return (route.tried.host, route.tried.path, route.tried.kind, route.tried.protocol)


def _change(before: Measured | None, after: Measured | None) -> Change:
    if not (before and after):
        return Change(before=before, after=after, values={})
    values = {}
    for name in properties():
        if name in before.known & after.known:
            one, other = _found(before, name), _found(after, name)
            # Ranges that overlap may be one value: a timer is never measured to the millisecond.
            if one.value.within(other.value) is Answer.NO:
                values[name] = (one, other)
    unsure = tuple(name for name in properties() if name in before.known ^ after.known)
    return Change(before=before, after=after, values=values, unsure=unsure)


def _found(route: Measured, name: str) -> Found:
    reading = route.route.reading
    return Found(getattr(reading.behavior, name), reading.evidence[name].text)
