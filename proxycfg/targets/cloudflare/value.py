"""What stands in a config, whatever it is written in: values with their places, some of which nobody knows before Terraform runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from proxycfg.source import Span

Kind = Literal["text", "number", "bool", "null", "list", "map", "unknown"]

UNKNOWN = "\U000ff0f5"
"""Stands in a text for a part that nobody knows; a character for private use, so that no config has it."""


class Value(NamedTuple):
    """A value and its place.

    :param data: a text, number, truth value; a list of values; a mapping from names to :class:`Entry`. Of what is unknown: the name by which
        the config refers to it.
    """

    kind: Kind
    data: Any
    span: Span

    @property
    def known(self) -> bool:
        """Whether a scalar is known through and through."""
        return self.kind != "unknown" and not (self.kind == "text" and UNKNOWN in self.data)

    @property
    def entries(self) -> Mapping[str, Entry]:
        """What a mapping holds; nothing for anything else. A list of one stands for what is in it: so Terraform shows blocks."""
        if self.kind == "map":
            found: Mapping[str, Entry] = self.data
            return found
        if self.kind == "list" and len(self.data) == 1:
            only: Value = self.data[0]
            return only.data if only.kind == "map" else {}
        return {}

    @property
    def items(self) -> Sequence[Value]:
        """What a list holds; a mapping that stands alone is a list of one; nothing for a scalar."""
        if self.kind == "list":
            found: Sequence[Value] = self.data
            return found
        return [self] if self.kind == "map" else []

    def get(self, *path: str) -> Value | None:
        """What is at a path; None where nothing is, or null. What lies below the unknown is unknown."""
        found = self
        for name in path:
            if found.kind == "unknown":
                return found
            entry = found.entries.get(name)
            if entry is None or entry.value.kind == "null":
                return None
            found = entry.value
        return found

    def key(self, name: str) -> Span | None:
        """Where the name of an entry stands."""
        entry = self.entries.get(name)
        return entry.span if entry else None

    def text(self, *path: str) -> str | None:
        """The text at a path, if it is known; numbers and truth values as Terraform would write them."""
        found = self.get(*path)
        return words(found) if found is not None and found.known else None

    def flag(self, *path: str) -> bool | None:
        """The truth value at a path, if it is known; ``"on"`` and ``"true"`` are true."""
        said = (self.text(*path) or "").lower()
        return True if said in {"true", "on"} else False if said in {"false", "off"} else None

    def number(self, *path: str) -> float | None:
        """The number at a path, if it is known; a text that is one counts."""
        said = self.text(*path)
        if said is None:
            return None
        try:
            found = float(said)
        except ValueError:
            return None
        return found if abs(found) < float("inf") else None

    def walk(self) -> Iterator[Value]:
        """This value and all below it."""
        todo = [self]
        while todo:
            value = todo.pop()
            yield value
            if value.kind == "list":
                todo += reversed(value.data)
            elif value.kind == "map":
                todo += [entry.value for entry in reversed(value.data.values())]


class Entry(NamedTuple):
    """A name in a mapping, its place, and what is behind it."""

    span: Span
    value: Value


def words(value: Value) -> str | None:
    """A scalar as text; None for anything else."""
    if value.kind == "text":
        return str(value.data)
    if value.kind == "bool":
        return "true" if value.data else "false"
    if value.kind == "number":
        return str(int(value.data)) if float(value.data).is_integer() and abs(value.data) < 2**53 else str(value.data)
    return None


def scalar(data: object, span: Span) -> Value:
    """A scalar of plain data; anything else is unknown."""
    if isinstance(data, bool):
        return Value("bool", data, span)
    if isinstance(data, (int, float)):
        return Value("number", data, span)
    if isinstance(data, str):
        return Value("text", data, span)
    return Value("null" if data is None else "unknown", data and "", span)
