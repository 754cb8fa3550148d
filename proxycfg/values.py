"""Values of properties as people read them, the same in every report."""

from __future__ import annotations

from typing import Any

from proxycfg.behavior import ANYTHING, Between, properties
from proxycfg.need import Need
from proxycfg.reading import ReadRoute
from proxycfg.units import show_duration, show_size


def value_of(route: ReadRoute, name: str) -> str:
    """A property of a route."""
    return shown(getattr(route.reading.behavior, name), properties()[name].unit)


def shown(value: Between[Any], unit: str) -> str:
    """A value, or the range of what is possible."""
    if value.exact:
        return _plain(value.low, unit)
    if isinstance(value.low, frozenset):
        sure = f"{_plain(value.low, unit)}, " if value.low else ""
        return f"{sure}perhaps {_plain(value.high - value.low, unit)}"
    if (value.low, value.high) == (0, float("inf")):
        return "not known"
    if (value.low, value.high) == (False, True):
        return "either"
    if value.high == ANYTHING:
        return "anything"
    return f"{_plain(value.low, unit)} to {_plain(value.high, unit)}"


def _plain(one: object, unit: str) -> str:
    if isinstance(one, bool):
        return "yes" if one else "no"
    if isinstance(one, frozenset):
        return ", ".join(sorted(one)) or "none"
    if isinstance(one, (int, float)):
        if unit == "s":
            return show_duration(one)
        if unit == "bytes":
            return show_size(one)
        return "no limit" if one == float("inf") else f"{one:g}"
    return str(one) or "none"


def needed(name: str, need: Need | None) -> str:
    """What a need asks of a property; a dash where it asks nothing."""
    want = need.wants.get(name) if need else None
    if want is None:
        return "-"
    accepted, unit = want.accepted, properties()[name].unit
    if (accepted.low, accepted.high) == (False, True):
        return "-"
    if isinstance(accepted.low, frozenset) and not accepted.exact:
        return f"{_plain(accepted.low, unit)} at least"
    if isinstance(accepted.low, (int, float)) and not isinstance(accepted.low, bool) and not accepted.exact:
        if accepted.high == float("inf"):
            return f"{_plain(accepted.low, unit)} or more"
        if accepted.low == 0:
            return f"{_plain(accepted.high, unit)} or less"
    return shown(accepted, unit)
