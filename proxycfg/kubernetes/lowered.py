"""Messages of Envoy that a controller makes: built of nodes whose places are those of the manifest that asked for them."""

from __future__ import annotations

import re
from typing import Any

from proxycfg.source import Span
from proxycfg.targets.envoy.tree import Doc, Field, Message
from proxycfg.yamldoc import Lowered, Node

FOREVER = "infinity"
"""How Contour spells a timer that never ends."""


def made(value: Any, span: Span, said: str = "") -> Node:
    """Plain data as nodes that all stand at one place.

    :param span: where it is asked for, or nowhere (:meth:`Span.nowhere`) for what a controller supplies.
    :param said: as it stands there; empty for the words of Envoy.
    """
    if isinstance(value, Node):
        return value
    if isinstance(value, dict):
        children: dict[str | int, tuple[Node | None, Node]] = {
            name: (Node(span, name, raw=name), made(each, span, said)) for name, each in value.items()
        }
        return Lowered(span, {}, "mapping", children=children, said=said)
    if isinstance(value, list):
        return Lowered(
            span, [], "list", children={at: (None, made(each, span, said)) for at, each in enumerate(value)}, said=said
        )
    raw = str(value).lower() if isinstance(value, bool) else str(value)
    return Lowered(span, value, raw=raw, said=said)


class Block:
    """A message in the making."""

    def __init__(self, span: Span, supplied_by: str) -> None:
        """``span`` is where it is asked for; ``supplied_by`` is the controller, for what nobody asked for."""
        self.node = Node(span, {}, "mapping", children={})
        self.by = supplied_by

    def __bool__(self) -> bool:
        return bool(self.node.children)

    def put(self, name: str, value: Any, span: Span | None = None) -> None:
        """A field that is built already, or plain data at a place."""
        span = span or self.node.span
        node = value.node if isinstance(value, (Block, Message)) else made(value, span)
        self.node.children[name] = (Node(span, name, raw=name), node)

    def say(self, name: str, value: Any, said: Field) -> None:
        """A field that somebody asked for."""
        self.node.children[name] = (
            Node((said.key or said.value).span, name, raw=name),
            made(value, said.value.span, words(said)),
        )

    def supply(self, name: str, value: Any) -> None:
        """A field that the controller sets by itself, unless it is there."""
        self.node.children.setdefault(
            name, (Node(Span.nowhere(self.by), name, raw=name), made(value, Span.nowhere(self.by)))
        )

    def blocks(self, name: str, blocks: list[Block]) -> None:
        """A field that is a list of messages."""
        self.nodes(name, [each.node for each in blocks])

    def nodes(self, name: str, nodes: list[Node]) -> None:
        """The same, of nodes."""
        if nodes:
            listed = Node(self.node.span, [], "list", children={at: (None, node) for at, node in enumerate(nodes)})
            self.node.children[name] = (Node(self.node.span, name, raw=name), listed)

    def message(self, doc: Doc) -> Message:
        """The message that it has become."""
        return Message(self.node, doc)


def words(said: Field) -> str:
    """A field as it stands in its manifest, names of keys untouched."""
    name = f"{said.key.raw}: " if said.key else ""
    return f"{name}{said.text.partition(': ')[2]}" if said.key else said.text


_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float | None:
    """A duration as Go spells it, such as ``1h30m`` or ``500ms``; None if it is none."""
    if text == "0":
        return 0.0
    parts = list(_PART.finditer(text))
    if not parts or "".join(match[0] for match in parts) != text:
        return None
    return sum(float(match[1]) * _UNITS[match[2]] for match in parts)


def duration(value: float) -> str:
    """As Envoy spells it."""
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"


def told_duration(message: Message, *path: str) -> tuple[float, Field] | None:
    """A field that is a duration of Go, in seconds, with its place; None where it is absent, or none: that is a problem of the manifest."""
    said = message.field(*path)
    if said is None:
        return None
    value = seconds(said.value.raw) if said.value.kind == "scalar" else None
    if value is None:
        message.doc.complain(
            said.value.span, f"`{path[-1]}`: {said.value.raw or 'this'} is no duration", "write 3600s, 1h30m or 500ms"
        )
        return None
    return value, said
