"""YAML or JSON as plain data, plus a span for every key and value in it; or, for what is not ours to judge, as a tree of nodes.

Built on PyYAML's event stream rather than its constructors, because three things matter here that they do not give:
a place for everything, no YAML 1.1 surprises (``on`` is a string, ``010`` is ten, ``1:30`` is a string), and bounded work on
hostile input (depth, aliases that multiply, duplicate keys).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, TypeAlias

import yaml

from proxycfg.errors import MAX_PROBLEMS, InvalidInput, Problem
from proxycfg.record import field, record
from proxycfg.source import Source, Span
from proxycfg.units import short

Path: TypeAlias = tuple[str | int, ...]
Plain: TypeAlias = dict[str, Any] | list[Any] | str | int | float | bool | None

MAX_DEPTH = 32
"""Deeper nesting than any config that a person writes."""
MAX_NODES = 1_000_000
"""Keys and values, each alias counted with all that it stands for: 100,000 routes need about that many."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INT = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"(?=.{1,300}\Z)[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_PAIR = re.compile(r"(?<!\\)\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
"""A character that JSON writes as two escapes, which YAML refuses; two others stand in for it, so that all places stay what they are."""
_STANDARD = "tag:yaml.org,2002:"
_TAGS = {"ScalarEvent": "str", "SequenceStartEvent": "seq", "MappingStartEvent": "map"}
"""The tags that change nothing but to say that text is text."""

_Children: TypeAlias = "dict[str | int, tuple[Node | None, Node]]"
_CHILDLESS: _Children = {}


@record(slots=True)
class Node:
    """A value with its place; ``children`` leads from a key or an index to (key node or None, value node).

    ``raw`` is a scalar's text before it became a number or a word; ``size`` counts the node and all below it. What an alias stands for has
    the same ``children`` as what the anchor is at.
    """

    span: Span
    value: Plain = None
    kind: str = "scalar"
    raw: str = ""
    children: _Children = field(default_factory=lambda: _CHILDLESS)
    size: int = 1


@record(slots=True)
class Lowered(Node):
    """A value that a program makes of one in another document; ``said`` is how it stands there, empty where nobody said it."""

    said: str = ""


@record(frozen=True, slots=True)
class Document:
    """A parsed document: ``data`` is plain Python, ``span_of`` answers where a part of it stands."""

    source: Source
    data: Plain
    lines: list[str]
    _root: Node

    def span_of(self, path: Path) -> Span:
        """Where the value at ``path`` stands, or its nearest parent that exists."""
        return self._find(path)[1].span

    def key_span_of(self, path: Path) -> Span:
        """Where the key that leads to ``path`` stands; the value itself for list items."""
        key, node = self._find(path)
        return (key or node).span

    def _find(self, path: Path) -> tuple[Node | None, Node]:
        found: tuple[Node | None, Node] = (None, self._root)
        for step in path:
            if step not in found[1].children:
                break
            found = found[1].children[step]
        return found

    def excerpt(self, span: Span) -> str:
        """The line of the source on which ``span`` starts."""
        return self.lines[span.line - 1] if 0 < span.line <= len(self.lines) else ""

    def problem(self, span: Span, message: str, instead: str = "") -> Problem:
        """A problem at ``span`` that shows the offending YAML."""
        return Problem(span, message, instead, self.excerpt(span))


def parse(source: Source) -> Document:
    """Parse one YAML (or JSON) document.

    :raises InvalidInput: with every problem found: syntax, duplicate keys, keys that are not strings, tags, a second
        document, nesting or aliases beyond the bounds.
    """
    reader = _Reader(source, depth=MAX_DEPTH, nodes=MAX_NODES)
    root = next(iter(reader.read()))
    if reader.problems:
        raise InvalidInput(reader.problems)
    return Document(source, root.value, reader.lines, root)


@record(frozen=True)
class Trees:
    """All documents of a text that a proxy is to read, not this program.

    :param roots: of each document; none for a text that says nothing.
    :param doubled: keys that stand twice in their mapping: the last one counts.
    """

    source: Source
    roots: tuple[Node, ...]
    doubled: tuple[Node, ...]
    lines: list[str]

    def excerpt(self, span: Span) -> str:
        """The line of the source on which ``span`` starts."""
        return self.lines[span.line - 1] if 0 < span.line <= len(self.lines) else ""

    @cached_property
    def ending(self) -> str:
        """What its lines end with."""
        return "\r\n" if "\r\n" in self.source.text else "\n"

    @cached_property
    def counted_alike(self) -> bool:
        r"""Whether its lines are those that edits count: YAML also ends them at a lone ``\r`` and at some characters of Unicode."""
        return re.search("\r(?!\n)|[\x85\u2028\u2029]", self.source.text) is None


def parse_trees(source: Source, *, depth: int, nodes: int) -> Trees:
    """Parse all documents, taking what other programs take as well: a key that is written twice, any tag.

    :param depth: of nesting, and ``nodes`` in all, aliases counted with what they stand for: beyond them it is an error.
    :raises InvalidInput: with every problem found.
    """
    reader = _Reader(source, depth=depth, nodes=nodes, lenient=True)
    roots = reader.read()
    if reader.problems:
        raise InvalidInput(reader.problems)
    return Trees(source, tuple(roots), tuple(reader.doubled), reader.lines)


def called(value: Any) -> str:
    """What a value is, in the words of a YAML file: ``a list``, ``the number 5``, ``the text `x```."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {short(str(value))}"
    return (
        f"the text `{short(value)}`" if isinstance(value, str) else "a mapping" if isinstance(value, dict) else "a list"
    )


def lines_of(text: str) -> list[str]:
    """The lines as YAML counts them; a break at the very end starts no further line."""
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    return lines[:-1] if lines[-1] == "" else lines


class _Reader:
    def __init__(self, source: Source, *, depth: int, nodes: int, lenient: bool = False) -> None:
        self.source = source
        self.depth = depth
        self.nodes = nodes
        self.lenient = lenient
        self.doubled: list[Node] = []
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node] = {}
        self.lines = lines_of(source.text)
        self.stack: list[Node] = []
        # For each collection on the stack, the key that waits for its value.
        self.keys: list[Node | None] = []
        self.total = 0

    def span(self, start: Any, end: Any) -> Span:
        last = len(self.lines)
        if start.line < last:
            return Span(self.source.name, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        # The end of the text is not a place that one can look at: the end of its last line is.
        line, column = max(1, last), len(self.lines[-1]) + 1 if last else 1
        return Span(self.source.name, line, column, line, column)

    def complain(self, span: Span, message: str, instead: str = "") -> None:
        excerpt = self.lines[span.line - 1] if 0 < span.line <= len(self.lines) else ""
        self.problems.append(Problem(span, message, instead, excerpt))

    def read(self) -> list[Node]:
        """The root of each document; of one that says nothing a node without a value, unless all is taken as it comes."""
        empty = Node(Span(self.source.name, 1, 1, 1, 1))
        if bad := re.search("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", self.source.text):
            before = lines_of(self.source.text[: bad.start()] + ".")
            line, column = len(before), len(before[-1])
            self.complain(
                Span(self.source.name, line, column, line, column + 1),
                f"character U+{ord(bad.group()):04X} is not allowed in YAML",
                "remove it; a file in another encoding must be saved as UTF-8",
            )
            return [empty]
        try:
            text = _PAIR.sub(r"\\ufffd\\ufffd", self.source.text) if self.lenient else self.source.text
            roots = self.build(yaml.parse(text, Loader=_Loader))
        except yaml.MarkedYAMLError as error:
            self.explain(error)
        except (yaml.YAMLError, ValueError) as error:
            self.complain(empty.span, f"not valid YAML: {error}", "check the file's encoding and content")
        else:
            return roots or ([] if self.lenient else [empty])
        return [empty]

    def explain(self, error: yaml.MarkedYAMLError) -> None:
        """PyYAML's error in words for people who do not know its grammar."""
        opened: Any = error.context_mark
        mark: Any = error.problem_mark or opened
        text = self.lines[mark.line] if mark.line < len(self.lines) else ""
        char = "\t" if "\t" in text[: len(text) - len(text.lstrip())] else text[mark.column : mark.column + 1]
        said = " ".join(filter(None, [error.context, error.problem]))
        for wording in _SYNTAX:
            if re.search(wording.said, said) and re.fullmatch(wording.char, char):
                message, instead = (text.replace("CHAR", char) for text in (wording.message, wording.instead))
                mark = opened if wording.at_start and opened else mark
                break
        else:
            message, instead = said, "check the indentation, quotes and colons around this place"
        if opened and opened.line != mark.line:
            message += f" (see line {opened.line + 1})"
        # The end of the text is not a place that one can look at: the end of its last line is.
        line = min(mark.line + 1, max(1, len(self.lines)))
        length = len(self.lines[line - 1]) if self.lines else 0
        column = min(mark.column, length) + 1 if line == mark.line + 1 else length + 1
        self.complain(Span(self.source.name, line, column, line, column + 1), f"not valid YAML: {message}", instead)

    def build(self, events: Iterator[Any]) -> list[Node]:
        roots: list[Node] = []
        documents = 0
        for event in events:
            name = type(event).__name__
            if name in ("StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"):
                continue
            where = self.span(event.start_mark, event.end_mark)
            if name == "DocumentStartEvent":
                documents += 1
                if documents > 1 and not self.lenient:
                    self.complain(where, "a second document starts here", "keep one document in the file")
                    return roots
                self.anchors.clear()
                continue
            if name in ("SequenceEndEvent", "MappingEndEvent"):
                node = self.close(where)
            else:
                node = self.open(event, name, where)
                if self.beyond_measure(where):
                    return roots
                if name in ("SequenceStartEvent", "MappingStartEvent"):
                    self.stack.append(node)
                    self.keys.append(None)
                    continue
            if self.stack:
                self.attach(self.stack[-1], node)
            else:
                roots.append(node)
        return roots

    def beyond_measure(self, where: Span) -> bool:
        """Whether reading on is pointless: hostile, or so broken that more problems help nobody."""
        if len(self.stack) >= self.depth:
            self.complain(
                where, f"nested more than {self.depth} levels deep", "close the brackets, or flatten the file"
            )
        elif self.total > self.nodes:
            self.complain(
                where,
                f"more than {self.nodes:,} values, counting what aliases repeat",
                "repeat less, or split the file",
            )
        else:
            return len(self.problems) >= MAX_PROBLEMS
        return True

    def close(self, where: Span) -> Node:
        node = self.stack.pop()
        self.keys.pop()
        inside = [child for _, child in node.children.values()]
        # PyYAML ends a block where the next thing starts: possibly many comments further down.
        in_block = (where.line, where.column) == (where.end_line, where.end_column)
        last = inside[-1].span if in_block and inside else where
        node.span = Span(node.span.file, node.span.line, node.span.column, last.end_line, last.end_column)
        node.size = 1 + sum(child.size for child in inside)
        return node

    def open(self, event: Any, name: str, where: Span) -> Node:
        if name == "AliasEvent":
            node = self.follow(event.anchor, where)
            self.total += node.size
            return node
        if event.tag not in (None, "!", _STANDARD + _TAGS[name]) and not self.lenient:
            self.complain(where, f"tag {event.tag.replace(_STANDARD, '!!')} has no meaning here", "remove the tag")
        if name == "ScalarEvent":
            node = Node(
                where, _scalar(event.value) if event.implicit[0] and not event.tag else event.value, raw=event.value
            )
        elif name == "SequenceStartEvent":
            node = Node(where, [], "list", children={})
        else:
            node = Node(where, {}, "mapping", children={})
        self.total += 1
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def follow(self, anchor: str, where: Span) -> Node:
        known = self.anchors.get(anchor)
        if known is None:
            instead = f"write &{anchor} before the value that it stands for, or put it in quotes"
            self.complain(where, f"alias *{anchor} refers to nothing above it", instead)
        elif any(node is known for node in self.stack):
            self.complain(
                where, f"alias *{anchor} stands inside the value that it refers to", "write out what is meant"
            )
        else:
            return Node(where, known.value, known.kind, known.raw, known.children, known.size)
        return Node(where)

    def attach(self, parent: Node, node: Node) -> None:
        if parent.kind == "list":
            assert isinstance(parent.value, list)
            parent.children[len(parent.value)] = (None, node)
            parent.value.append(node.value)
            return
        key = self.keys[-1]
        if key is None:
            if node.kind != "scalar" or not node.raw:
                self.complain(node.span, f"a key must be text, not {called(node.value)}", "write `name: value`")
                # Two keys that are no text are not the same key.
                node = Node(node.span, raw=f"key at {node.span}")
            self.keys[-1] = node
            return
        self.keys[-1] = None
        assert isinstance(parent.value, dict)
        # A key such as 200 or true: what stands in the text is what was meant.
        name = key.raw
        if name in parent.value and self.lenient:
            self.doubled.append(key)
        elif name in parent.value:
            first = parent.children[name][0]
            line = first.span.line if first else 0
            self.complain(key.span, f"key `{short(name)}` is written twice (first on line {line})", "keep one of them")
            return
        parent.value[name] = node.value
        parent.children[name] = (key, node)


@record(frozen=True, slots=True)
class _Syntax:
    """How to word one of PyYAML's errors: a pattern for what it says, one for the character that it stopped at."""

    said: str
    message: str
    instead: str
    char: str = "(?s:.?)"
    at_start: bool = False
    """Whether to point at the start of what was being read, instead of where it could not go on."""


_SYNTAX = (
    _Syntax("", "a tab where spaces are needed", "indent with spaces: YAML allows no tabs there", char="\t"),
    _Syntax("a tag|tag handle", "a value cannot start with a bare !", "put it in quotes", at_start=True),
    _Syntax("incompatible", "no such version of YAML", "remove the line"),
    _Syntax("a directive|directive", "a line cannot start with a bare %", "remove it, or put the value in quotes", at_start=True),
    _Syntax("an (alias|anchor)", "a value cannot start with a bare * or &", 'write "*.example.com", quoted', at_start=True),
    _Syntax("cannot start any token", "a value cannot start with CHAR", "put the value in quotes"),
    _Syntax("scalar found unexpected (end|doc)", "the quote that opens here is never closed", "close it", at_start=True),
    _Syntax("invalid Unicode", "half a character in an escape", "write the character itself"),
    _Syntax("unknown escape|hexa?decimal", "no such escape in double quotes", r"write \\ for a backslash, or use single quotes"),
    _Syntax("flow .* (did not|exp)", "the bracket that opens here is never closed", "close it", char="", at_start=True),
    _Syntax("flow sequence (did not|exp)", "`,` or `]` is missing here", "put a comma between items, and close the list"),
    _Syntax("flow mapping (did not|exp)", "`,` or `}` is missing here", "put a comma between fields, and close the braces"),
    _Syntax("unexpected ':'", "a space is missing after the colon", "write `name: value`"),
    _Syntax("node content", "a name or value is missing here", "write it, or remove the sign that is too many"),
    _Syntax("mapping (values|keys) are not allowed", "a colon that fits nothing here",
            "line the field up with its neighbours; put a value that holds a colon in quotes"),
    _Syntax("sequence entries are not allowed", "a list cannot start on this line", "put the first `- ` on a line of its own"),
    _Syntax("expected key|<document start>|block mapping expected", "this does not belong to what stands above",
            "line it up with its neighbours; put a value that holds quotes or a colon in quotes"),
    _Syntax("block scalar", "text after | or > belongs on the next line", "put a value that starts with | or > in quotes"),
    _Syntax("block collection", "this is not an item of the list above", "start it with `- `, or line it up"),
    _Syntax("find expected ':'", "this is neither `name: value` nor the end of a value", "write `name: value`", at_start=True),
)  # fmt: skip
"""The first that fits counts. PyYAML says the same in other words with libyaml and without it."""


def _scalar(text: str) -> Plain:
    """A plain scalar under YAML 1.2's core schema, so that what looks like text stays text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
