"""Dataclasses, as far as they are used here, at a fraction of what they cost a start.

The standard ones import ``inspect``, and compile six functions for each class when its module is imported: with some fifty classes that
was nearly a third of what it took to lint one file (docs/decisions/0008-what-reading-may-import.md). Here a class compiles its ``__init__``
when its first instance is made, and shares the rest with all others. Type checkers see dataclasses.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")
_set = object.__setattr__


class _Field(NamedTuple):
    """What a record says of a field; ``...`` stands for no default."""

    default: Any = ...
    default_factory: Callable[[], Any] | None = None
    repr: bool = True
    compare: bool = True


def field(
    *,
    default: Any = ...,
    default_factory: Callable[[], Any] | None = None,
    repr: bool = True,  # noqa: A002 - as dataclasses spell it
    compare: bool = True,
) -> Any:
    """A field that is made anew for each record, or is left out of its text or of comparisons; as in dataclasses."""
    return _Field(default, default_factory, repr, compare)


@dataclass_transform(field_specifiers=(field,))
def record(
    *, frozen: bool = False, slots: bool = False, kw_only: bool = False, eq: bool = True
) -> Callable[[type[T]], type[T]]:
    """Make a class with annotations a record, as ``@dataclass`` does with these arguments.

    ``kw_only`` counts for inherited fields, too; ``super()`` without arguments does not work in a class with slots.
    """

    def made(cls: Any) -> Any:
        body = dict(cls.__dict__)
        own = {name: body.pop(name, ...) for name, hint in body.get("__annotations__", {}).items() if _is_field(hint)}
        told = {name: each if isinstance(each, _Field) else _Field(each) for name, each in own.items()}
        fields: dict[str, _Field] = {**getattr(cls, "__record__", {}), **told}
        if slots:
            body = {name: each for name, each in body.items() if name not in {"__dict__", "__weakref__"}}
            cls = type(cls)(cls.__name__, cls.__bases__, {**body, "__slots__": tuple(own)})
        else:
            for name in own:
                # It would stand in for a field that is not set.
                if name in cls.__dict__:
                    delattr(cls, name)
        methods: dict[str, Any] = {"__record__": fields, "__init__": _first(fields, frozen=frozen, kw_only=kw_only)}
        methods["__repr__"] = _repr
        if eq:
            values = attrgetter(*(name for name, each in fields.items() if each.compare))
            methods |= {"__eq__": _eq(values), "__hash__": _hash(values) if frozen else None}
        if frozen:
            methods |= {"__setattr__": _refuse, "__delattr__": _refuse, "__setstate__": _restore}
        for name, method in methods.items():
            if name not in body:
                setattr(cls, name, method)
        return cls

    return made


def _restore(made: Any, state: Any) -> None:
    """What comes out of a pickle or a copy: values by name, those of slots apart."""
    for part in state if isinstance(state, tuple) else (state,):
        for name, value in (part or {}).items():
            _set(made, name, value)


def replace(made: T, **changes: Any) -> T:
    """The record with other values for some fields."""
    return type(made)(**{name: getattr(made, name) for name in names(type(made))} | changes)


def names(cls: type) -> list[str]:
    """The names of a record's fields, in order."""
    return list(cls.__record__)  # type: ignore[attr-defined]


def _is_field(hint: str) -> bool:
    return not hint.startswith("ClassVar")


def _first(fields: dict[str, _Field], *, frozen: bool, kw_only: bool) -> Callable[..., None]:
    """An ``__init__`` that compiles the real one, and gives its place to it."""

    def first(self: Any, *args: Any, **values: Any) -> None:
        init = _init(fields, frozen=frozen, kw_only=kw_only)
        # A subclass that is no record of its own has no `__init__` to replace.
        owner: Any = next(each for each in type(self).__mro__ if each.__dict__.get("__init__") is first)
        owner.__init__ = init
        init(self, *args, **values)

    return first


def _init(fields: dict[str, _Field], *, frozen: bool, kw_only: bool) -> Any:
    parameters, lines = ["*"] if kw_only else [], []
    known: dict[str, Any] = {"_set": _set}
    for name, each in fields.items():
        value = name
        known[f"_{name}_"] = each.default_factory or each.default
        if each.default_factory:
            parameters.append(f"{name}=...")
            value = f"_{name}_() if {name} is ... else {name}"
        else:
            parameters.append(name if each.default is ... else f"{name}=_{name}_")
        lines.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    # The names are those of a class in this package.
    exec(f"def __init__(self, {', '.join(parameters)}):\n " + "\n ".join(lines), known)  # noqa: S102
    return known["__init__"]


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, each in type(self).__record__.items() if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(values: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def eq(self: Any, other: Any) -> Any:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    return eq


def _hash(values: Callable[[Any], Any]) -> Callable[[Any], int]:
    return lambda self: hash(values(self))


def _refuse(self: object, *_: object) -> NoReturn:
    raise AttributeError(f"a {type(self).__qualname__} is not changed: make another one with replace()")
