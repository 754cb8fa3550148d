"""YAML or JSON as plain data, plus a span for every key and value in it.

Built on PyYAML's event stream rather than its constructors, because three things matter here that they do not give:
a place for everything, no YAML 1.1 surprises (``on`` is a string, ``010`` is ten, ``1:30`` is a string), and bounded work on
hostile input (depth, aliases that multiply, duplicate keys).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from proxycfg.errors import InvalidInput, Problem
from proxycfg.source import Source, Span

Path: TypeAlias = tuple[str | int, ...]
Plain: TypeAlias = dict[str, Any] | list[Any] | str | int | float | bool | None

MAX_DEPTH = 32
"""Deeper nesting than any config that a person writes."""
MAX_NODES = 2_000_000
"""Values after aliases are expanded: 10,000 routes need about 100,000."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(slots=True)
class _Node:
    """A value with its place; ``children`` holds (key node or None, value node)."""

    span: Span
    value: Plain = None
    kind: str = "scalar"
    children: list[tuple[_Node | None, _Node]] = field(default_factory=list)
    size: int = 1


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document: ``data`` is plain Python, ``span_of`` answers where a part of it stands."""

    source: Source
    data: Plain
    _root: _Node

    def span_of(self, path: Path) -> Span:
        """Where the value at ``path`` stands, or its nearest parent that exists."""
        return self._find(path)[1].span

    def key_span_of(self, path: Path) -> Span:
        """Where the key that leads to ``path`` stands; the value itself for list items."""
        key, node = self._find(path)
        return (key or node).span

    def _find(self, path: Path) -> tuple[_Node | None, _Node]:
        key: _Node | None = None
        node = self._root
        for step in path:
            if node.kind == "list" and isinstance(step, int) and 0 <= step < len(node.children):
                key, node = node.children[step]
            elif node.kind == "map" and (pair := _child(node, step)):
                key, node = pair
            else:
                break
        return key, node

    def excerpt(self, span: Span) -> str:
        """The line of the source on which ``span`` starts."""
        lines = self.source.text.splitlines()
        return lines[span.line - 1] if 0 < span.line <= len(lines) else ""

    def problem(self, span: Span, message: str, instead: str = "") -> Problem:
        """A problem at ``span`` that shows the offending YAML."""
        return Problem(span, message, instead, self.excerpt(span))


def _child(node: _Node, step: str | int) -> tuple[_Node, _Node] | None:
    for key, value in node.children:
        if key is not None and key.value == step:
            return key, value
    return None


def parse(source: Source) -> Document:
    """Parse one YAML (or JSON) document.

    :raises InvalidInput: with every problem found: syntax, duplicate keys, keys that are not strings, tags, a second
        document, nesting or aliases beyond the bounds.
    """
    reader = _Reader(source)
    root = reader.read()
    if reader.problems:
        raise InvalidInput(reader.problems)
    return Document(source, root.value, root)


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.anchors: dict[str, _Node] = {}
        self.lines = source.text.splitlines()

    def span(self, start: Any, end: Any) -> Span:
        return Span(self.source.name, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def complain(self, span: Span, message: str, instead: str = "") -> None:
        excerpt = self.lines[span.line - 1] if 0 < span.line <= len(self.lines) else ""
        self.problems.append(Problem(span, message, instead, excerpt))

    def read(self) -> _Node:
        nowhere = Span(self.source.name, 1, 1, 1, 1)
        if bad := re.search("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", self.source.text):
            line = self.source.text.count("\n", 0, bad.start()) + 1
            column = bad.start() - self.source.text.rfind("\n", 0, bad.start())
            self.complain(
                Span(self.source.name, line, column, line, column + 1),
                f"character U+{ord(bad.group()):04X} is not allowed in YAML",
                "remove it; a file in another encoding must be saved as UTF-8",
            )
            return _Node(nowhere)
        try:
            return self.build(yaml.parse(self.source.text, Loader=_Loader)) or _Node(nowhere)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = self.span(mark, mark) if mark else nowhere
            said = " ".join(filter(None, [error.context, error.problem])) or "not YAML"
            self.complain(where, f"not valid YAML: {said}", "check the indentation, quotes and colons around this place")
        except (yaml.YAMLError, ValueError) as error:
            self.complain(nowhere, f"not valid YAML: {error}", "check the file's encoding and content")
        return _Node(nowhere)

    def build(self, events: Iterator[Any]) -> _Node | None:
        stack: list[_Node] = []
        keys: list[_Node | None] = []
        root: _Node | None = None
        total = 0
        documents = 0
        for event in events:
            name = type(event).__name__
            if name in ("StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"):
                continue
            where = self.span(event.start_mark, event.end_mark)
            if name == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    self.complain(where, "a second document starts here", "keep one document in the file")
                    return root
                continue
            if name in ("SequenceEndEvent", "MappingEndEvent"):
                node = stack.pop()
                keys.pop()
                node.span = Span(node.span.file, node.span.line, node.span.column, where.end_line, where.end_column)
                node.size = 1 + sum(child.size for _, child in node.children)
                total = max(total, node.size)
            else:
                node = self.open(event, name, where, stack)
                if name == "AliasEvent":
                    total += node.size
                if len(stack) >= MAX_DEPTH or total > MAX_NODES:
                    self.complain(where, "nested or aliased beyond all measure", f"keep to {MAX_DEPTH} levels")
                    return root
                if name in ("SequenceStartEvent", "MappingStartEvent"):
                    stack.append(node)
                    keys.append(None)
                    continue
            if not stack:
                root = node
            else:
                self.attach(stack[-1], keys, node)
        return root

    def open(self, event: Any, name: str, where: Span, stack: list[_Node]) -> _Node:
        if name == "AliasEvent":
            known = self.anchors.get(event.anchor)
            if known is None or any(node is known for node in stack):
                self.complain(where, f"alias *{event.anchor} refers to nothing defined before it")
                return _Node(where)
            return _Node(where, known.value, known.kind, known.children, known.size)
        if event.tag and event.tag != "!" and not event.tag.startswith("tag:yaml.org,2002:"):
            self.complain(where, f"tag {event.tag} has no meaning here", "remove the tag")
        if name == "ScalarEvent":
            node = _Node(where, _scalar(event.value) if event.implicit[0] else event.value)
        elif name == "SequenceStartEvent":
            node = _Node(where, [], "list")
        else:
            node = _Node(where, {}, "map")
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def attach(self, parent: _Node, keys: list[_Node | None], node: _Node) -> None:
        if parent.kind == "list":
            assert isinstance(parent.value, list)
            parent.value.append(node.value)
            parent.children.append((None, node))
            return
        key = keys[-1]
        if key is None:
            if node.kind != "scalar":
                self.complain(node.span, "a key must be plain text", "write `name: value`")
                node = _Node(node.span, f"<{node.kind}>")
            elif not isinstance(node.value, str):
                # A key such as 200 or true: what stands in the text is what was meant.
                node = _Node(node.span, self.text(node.span))
            keys[-1] = node
            return
        keys[-1] = None
        assert isinstance(parent.value, dict)
        name = str(key.value)
        if name in parent.value:
            first = _child(parent, name)
            line = first[0].span.line if first else 0
            self.complain(key.span, f"key `{name}` is written twice (first on line {line})", "keep one of them")
            return
        parent.value[name] = node.value
        parent.children.append((key, node))

    def text(self, span: Span) -> str:
        line = self.lines[span.line - 1] if span.line <= len(self.lines) else ""
        return line[span.column - 1 : span.end_column - 1]


def _scalar(text: str) -> Plain:
    """A plain scalar under YAML 1.2's core schema, so that what looks like text stays text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and len(text) <= 18:
        return int(text)
    if _FLOAT.fullmatch(text) and len(text) <= 40:
        return float(text)
    return text
