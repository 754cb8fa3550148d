"""Messages of Envoy's API as YAML and JSON spell them (proto3 JSON), each field with its place.

What a field holds is read where it is asked for: Envoy takes ``snake_case`` and ``lowerCamelCase``, numbers and switches as text, durations as
``15s`` or as seconds and nanos. A field that is absent and one that is zero are two things: every reader gives None for the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from proxycfg.errors import MAX_PROBLEMS, Problem
from proxycfg.record import replace
from proxycfg.units import short

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.yamldoc import Node, Trees

_DURATION = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,9}))?s")
_NUMBER = re.compile(
    r"(0[xX][0-9a-fA-F]{1,16})|(0[0-7]{1,22})|([0-9]{1,20})|[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE]\+?[0-9]{1,2})?"
)
_YES = frozenset(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"))
_NO = frozenset(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"))
_SHOWN = 100
"""Characters of a field that is quoted as evidence."""


class Doc(NamedTuple):
    """A file's trees, and what is wrong in them as far as it is read."""

    trees: Trees
    problems: list[Problem]

    def complain(self, span: Span, message: str, instead: str) -> None:
        """Note what Envoy would refuse, once."""
        problem = Problem(span, message, instead, self.trees.excerpt(span))
        if len(self.problems) < MAX_PROBLEMS and problem not in self.problems:
            self.problems.append(problem)


class Field(NamedTuple):
    """A field of a message: its key (None for an element of a list) and its value."""

    key: Node | None
    value: Node

    @property
    def span(self) -> Span:
        """From the key to the end of the value."""
        start, end = (self.key or self.value).span, self.value.span
        return end._replace(line=start.line, column=start.column)

    @property
    def text(self) -> str:
        """The field on one line, or the beginning of it; as it stands where it was asked for, if a control plane has made it."""
        said = getattr(self.value, "said", "")
        if said:
            return short(said, _SHOWN)
        by = "" if self.span.stands else f" (set by {self.span.file})"
        name = f"{snake(self.key.raw)}: " if self.key else ""
        return short(name + _flow(self.value, _SHOWN), _SHOWN) + by


def _flow(node: Node, room: int) -> str:
    if node.kind == "scalar":
        return " ".join(node.raw.split()) or '""'
    parts: list[str] = []
    for key, value in node.children.values():
        if room <= 0:
            break
        part = f"{snake(key.raw)}: {_flow(value, room)}" if key else _flow(value, room)
        room -= len(part) + 2
        parts.append(part)
    return f"{{{', '.join(parts)}}}" if node.kind == "mapping" else f"[{', '.join(parts)}]"


def _whole(text: str) -> int | None:
    """A whole number in any of the ways that Envoy takes; None if it is none."""
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    for group, base in zip(match.groups(), (16, 8, 10), strict=True):
        if group:
            return int(group, base)
    value = float(text)
    return int(value) if value.is_integer() else None


@cache
def camel(name: str) -> str:
    """``idle_timeout`` as JSON spells it: ``idleTimeout``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def snake(name: str) -> str:
    """``idleTimeout`` as the documentation spells it; names with dots and the like are keys of maps, and stay."""
    return _HUMP.sub(lambda match: "_" + match[1].lower(), name) if name.isalnum() and not name.islower() else name


class Message:
    """A message, or a map, and the fields that stand in it."""

    __slots__ = ("doc", "node")

    def __init__(self, node: Node, doc: Doc) -> None:
        """``node`` is a mapping; anything else is a message without fields."""
        self.node = node
        self.doc = doc

    @property
    def key(self) -> int:
        """The same for a message and its aliases, and for no other."""
        return id(self.node.children)

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.node.span

    # ---- fields ----

    def field(self, *path: str) -> Field | None:
        """The field at the end of a path of names; None if any of them is absent, or null."""
        node, found = self.node, None
        for name in path:
            if node.kind != "mapping":
                return None
            found = node.children.get(name) or node.children.get(camel(name))
            if found is None:
                return None
            node = found[1]
            if node.kind == "scalar" and node.value is None:
                return None
        return Field(*found) if found else None

    def has(self, *path: str) -> bool:
        """Whether the field is there."""
        return self.field(*path) is not None

    def message(self, *path: str) -> Message | None:
        """A field that is a message."""
        found = self.field(*path)
        if found is None:
            return None
        if found.value.kind != "mapping":
            self.doc.complain(found.value.span, f"`{path[-1]}` must be a mapping", "write its fields, as `name: value`")
            return None
        return Message(found.value, self.doc)

    def messages(self, *path: str) -> list[Message]:
        """A field that is a list of messages; one that is to be the only one may stand there by itself."""
        found = self.field(*path)
        if found is None:
            return []
        if found.value.kind == "mapping":
            return [Message(found.value, self.doc)]
        made: list[Message] = []
        for _, node in found.value.children.values():
            if node.kind == "mapping":
                made.append(Message(node, self.doc))
            else:
                self.doc.complain(
                    node.span, f"each of `{path[-1]}` must be a mapping", "write its fields, as `name: value`"
                )
        if found.value.kind == "scalar":
            self.doc.complain(found.value.span, f"`{path[-1]}` must be a list", "start each of its elements with `- `")
        return made

    def texts(self, *path: str) -> list[Field]:
        """A field that is a list of words."""
        found = self.field(*path)
        if found is None or found.value.kind == "mapping":
            return []
        if found.value.kind == "scalar":
            return [found]
        return [Field(*each) for each in found.value.children.values() if each[1].kind == "scalar"]

    def items(self) -> Iterator[tuple[str, Field]]:
        """The entries of a map."""
        for name, pair in self.node.children.items():
            yield str(name), Field(*pair)

    def of(self, found: Field) -> Message:
        """A field's value as a message."""
        return Message(found.value, self.doc)

    def only(self, *names: str) -> Message:
        """This message as if no other fields stood in it."""
        children = {key: pair for key, pair in self.node.children.items() if snake(str(key)) in names}
        return Message(replace(self.node, children=children), self.doc)

    # ---- values ----

    def text(self, *path: str) -> str | None:
        """A field that is text, or the name of an enum."""
        found = self.field(*path)
        return found.value.raw if found and found.value.kind == "scalar" else None

    def flag(self, *path: str) -> bool | None:
        """A field that is a switch."""
        found = self.field(*path)
        if found is None:
            return None
        if found.value.raw in _YES:
            return True
        if found.value.raw not in _NO:
            self.doc.complain(found.value.span, f"`{path[-1]}` must be true or false", "write true or false")
        return False

    def number(self, *path: str) -> int | None:
        """A field that is a count or a size; ``inf`` of what is none."""
        found = self.field(*path)
        if found is None:
            return None
        value = _whole(found.value.raw) if found.value.kind == "scalar" else None
        if value is None:
            self.doc.complain(found.value.span, f"`{path[-1]}` must be a whole number", "write its digits alone")
        return value

    def seconds(self, *path: str) -> float | None:
        """A field that is a duration, in seconds: whole milliseconds, as Envoy's timers have them."""
        found = self.field(*path)
        if found is None:
            return None
        if found.value.kind == "mapping":
            whole = Message(found.value, self.doc)
            return (whole.number("seconds") or 0) + (whole.number("nanos") or 0) // 1_000_000 / 1000
        match = _DURATION.fullmatch(found.value.raw)
        if found.value.kind != "scalar" or not match or match[1]:
            shown = short(found.value.raw) or "this"
            self.doc.complain(
                found.value.span, f"`{path[-1]}`: {shown} is no duration", "write seconds and an s: 3600s, 0.25s, 0s"
            )
            return None
        return int(match[2]) + int((match[3] or "").ljust(3, "0")[:3]) / 1000

    # ---- any ----

    @property
    def type(self) -> str:
        """The full name of the message in an ``Any``; empty where none is said."""
        return (self.text("@type") or "").rpartition("/")[2]

    def any(self, *path: str) -> Message | None:
        """A field that holds any message, out of the wrapping that control planes put round it."""
        return (found := self.message(*path)) and found.unwrapped()

    def unwrapped(self) -> Message:
        """The message itself, where this is an ``Any`` of a ``TypedStruct``, or holds its fields in ``value``."""
        if not self.type.endswith(".TypedStruct"):
            return self
        inner = self.message("value")
        return Typed(inner.node if inner else self.node, self.doc, (self.text("type_url") or "").rpartition("/")[2])


class Typed(Message):
    """A message out of a ``TypedStruct``, which says its type elsewhere."""

    __slots__ = ("_type",)

    def __init__(self, node: Node, doc: Doc, name: str) -> None:
        """``name`` is the full name of the type."""
        super().__init__(node, doc)
        self._type = name

    @property
    def type(self) -> str:
        """The full name of the message."""
        return self._type


class _Nothing:
    """Stands for a mapping without fields."""

    kind, raw, value = "mapping", "", None

    def __init__(self) -> None:
        self.children: dict[str, object] = {}


EMPTY = Message(_Nothing(), None)  # type: ignore[arg-type] # it has no field that could be wrong
"""A message that says nothing."""
