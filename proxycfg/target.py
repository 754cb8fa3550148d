"""A target: a kind of hop the tool writes for, as a record of functions; and how any target picks its aim."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from proxycfg.behavior import Answer, Behavior, Between, exactly, properties
from proxycfg.record import record

if TYPE_CHECKING:
    from proxycfg.finding import Finding
    from proxycfg.need import Need
    from proxycfg.spec import Spec


@record(frozen=True, slots=True)
class Output:
    """What a target wrote.

    :param files: path inside the target's folder → text, the main file first.
    :param findings: what the target cannot keep of the spec, each with its place in the YAML.
    :param aims: route name → the behavior that the files are meant to give it.
    """

    files: Mapping[str, str]
    findings: tuple[Finding, ...]
    aims: Mapping[str, Behavior]


@record(frozen=True, slots=True, kw_only=True)
class Target:
    """One kind of hop.

    ``write`` gives the files without their heading, which :mod:`proxycfg.generate` puts above each; ``version`` says which
    version of the proxy a spec's output is for.
    """

    name: str
    title: str
    version: Callable[[Spec], str]
    write: Callable[[Spec], Output]


def choose_aim(
    need: Need, can: Mapping[str, Between[Any]], wish: Mapping[str, Any]
) -> tuple[Behavior, dict[str, Between[Any]]]:
    """The point that a target aims at, and the properties in which it cannot meet the need.

    :param can: what the target is able to do where that is less than everything, property by property.
    :param wish: the value that the target would choose if the need left it the choice; every property has one.

    The wish is moved into what the need accepts, then into what the target can do; where the two do not meet, what the target
    can do wins and the property is returned as out of reach, with the range that was needed.
    """
    aim: dict[str, Between[Any]] = {}
    missed: dict[str, Between[Any]] = {}
    for name in properties():
        accepted: Between[Any] = getattr(need.accepted, name)
        value = accepted.clamp(wish[name])
        if name in can:
            value = can[name].clamp(value)
        aim[name] = exactly(value)
        if aim[name].within(accepted) is not Answer.YES:
            missed[name] = accepted
    return Behavior(**aim), missed
