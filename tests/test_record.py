"""Records are what dataclasses are, as far as they go."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from functools import cached_property
from itertools import product
from typing import Any, ClassVar

import pytest

from proxycfg import record
from proxycfg.behavior import exactly
from proxycfg.explain import Passed

OPTIONS = [
    {"frozen": frozen, "slots": slots, "kw_only": kw_only, "eq": eq}
    for frozen, slots, kw_only, eq in product((False, True), repeat=4)
]


def _made(kind: Any, options: dict[str, bool]) -> Any:
    """The same class, by one of the two."""

    class Point:
        KIND: ClassVar[str] = "point"
        x: int
        label: str = "here"
        marks: list[int] = kind.field(default_factory=list)
        hidden: Any = kind.field(default=None, repr=False, compare=False)

        @property
        def double(self) -> int:
            return self.x * 2

    Point.__qualname__ = "Point"
    decorate = kind.dataclass if kind is dataclasses else kind.record
    return decorate(**options)(Point)


def _outcome(do: Callable[[], Any]) -> object:
    """What it gives, or that it is refused."""
    try:
        return do()
    except (AttributeError, TypeError):
        # Python 3.11 mistakes the one for the other where a frozen dataclass has slots.
        return "refused"


CALLS: tuple[Callable[[Any], Any], ...] = (
    lambda made: repr(made(x=1)),
    lambda made: repr(made(1)),
    lambda made: repr(made(1, "there", [2], 3)),
    lambda made: made(),
    lambda made: made(x=1, y=2),
    lambda made: made(x=1, marks=[1]).marks + made(x=1).marks,
    lambda made: made(x=1).marks is made(x=1).marks,
    lambda made: made(x=1, hidden=1) == made(x=1, hidden=2),
    lambda made: made(x=1) == made(x=2),
    lambda made: made(x=1) == 1,
    lambda made: len({made(x=1, marks=(), hidden=[]), made(x=1, marks=()), made(x=2, marks=())}),
    lambda made: hash(made(x=1, marks=[])) and None,
    lambda made: setattr(made(x=1), "x", 2),
    lambda made: delattr(made(x=1), "x"),
    lambda made: setattr(made(x=1), "other", 2),
    lambda made: hasattr(made(x=1), "__dict__"),
    lambda made: made(x=1).double,
    lambda made: made.KIND,
    lambda made: made.__name__,
)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_record_does_what_a_dataclass_does(options: dict[str, bool], call: Callable[[Any], Any]) -> None:
    """With the same arguments, of the decorator and of the class."""
    theirs, ours = _made(dataclasses, options), _made(record, options)

    assert _outcome(lambda: call(theirs)) == _outcome(lambda: call(ours))


def test_a_record_is_changed_by_making_another() -> None:
    """With the fields that are not named as they were."""
    made = _made(record, {"frozen": True, "slots": True})
    one = made(1, hidden="kept")
    other = record.replace(one, x=2)

    assert (one.x, other.x, other.label, other.hidden) == (1, 2, "here", "kept")
    assert record.names(made) == ["x", "label", "marks", "hidden"]


def test_fields_are_inherited() -> None:
    """Those of the base come first, whichever of the two is made first."""

    @record.record(frozen=True, kw_only=True)
    class Base:
        x: int

        @cached_property
        def twice(self) -> int:
            return self.x * 2

    @record.record(frozen=True, kw_only=True)
    class More(Base):
        y: int = 2

    class Plain(More):
        """No record of its own."""

    assert record.names(More) == ["x", "y"]
    assert (Plain(x=1).y, More(x=2).twice, Base(x=3).twice) == (2, 4, 6)
    assert Base(x=1) != More(x=1)


@pytest.mark.parametrize("carried", [lambda made: pickle.loads(pickle.dumps(made)), copy.deepcopy])
def test_a_frozen_record_is_carried_between_processes(carried: Callable[[Any], Any]) -> None:
    """With slots, and without."""
    with_slots, without = exactly(1.5), Passed("route", None)

    assert carried(with_slots) == with_slots
    assert carried(without) == without
