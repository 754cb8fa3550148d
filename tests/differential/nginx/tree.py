"""A config as a tree that can be printed, pruned and instrumented: one directive a line, so that a line names a directive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from proxycfg.targets.nginx.config import matches
from proxycfg.targets.nginx.syntax import Directive, parse


@dataclass(eq=False)
class Node:
    """A directive; ``args`` are words as they are written, quotes and all.

    :param block: what stands inside; None for a plain directive.
    :param file: for an ``include``, the file that ``block`` is then the content of.
    :param place: file and line, once printed.
    """

    name: str
    args: tuple[str, ...] = ()
    block: list[Node] | None = None
    file: str = ""
    place: str = ""

    def all(self, name: str) -> list[Node]:
        """The directives of that name in this block, includes not looked into."""
        return [node for node in self.block or () if node.name == name]

    def walk(self) -> Iterator[Node]:
        """This one and everything inside."""
        yield self
        for node in self.block or ():
            yield from node.walk()


@dataclass(eq=False)
class Config:
    """A whole config: what its main file says, and what the declared protocol of each location is, by the location's node."""

    top: list[Node]
    protocols: dict[int, str] = field(default_factory=dict)
    """``id`` of a location → what it carries, as a user would declare it."""

    def files(self) -> dict[str, str]:
        """Every file's text; nodes learn their places."""
        texts: dict[str, str] = {}
        _print("nginx.conf", self.top, texts)
        return texts

    def walk(self) -> Iterator[Node]:
        """Every directive."""
        for node in self.top:
            yield from node.walk()


def _print(file: str, nodes: list[Node], texts: dict[str, str]) -> None:
    lines: list[str] = []
    texts[file] = ""
    _lines(file, nodes, 0, lines, texts)
    texts[file] = "".join(f"{line}\n" for line in lines)


def _lines(file: str, nodes: list[Node], depth: int, lines: list[str], texts: dict[str, str]) -> None:
    indent = "    " * depth
    for node in nodes:
        node.place = f"{file}:{len(lines) + 1}"
        head = indent + " ".join([node.name, *node.args])
        if node.file:
            lines.append(head + ";")
            _print(node.file, node.block or [], texts)
        elif node.block is None:
            lines.append(head + ";")
        else:
            lines.append(head + " {")
            _lines(file, node.block, depth + 1, lines, texts)
            lines.append(indent + "}")


def d(name: str, *args: str) -> Node:
    """A plain directive."""
    return Node(name, args)


def b(name: str, *args: str, block: list[Node]) -> Node:
    """A block."""
    return Node(name, args, block)


def parsed(texts: dict[str, str], protocols: dict[str, str] | None = None) -> Config:
    """The tree of files that were printed before; ``protocols`` by place. Includes name their files in full."""
    made = Config(_read("nginx.conf", texts))
    for node in made.walk():
        if protocols and node.place in protocols:
            made.protocols[id(node)] = protocols[node.place]
    return made


def _read(file: str, texts: dict[str, str]) -> list[Node]:
    def node(directive: Directive) -> Node:
        words = [directive.text.text[word.start : word.end] for word in directive.words]
        made = Node(words[0], tuple(words[1:]), place=f"{file}:{directive.span.line}")
        if directive.name == "include":
            made.file = next(name for name in texts if matches(name.split("/"), directive.args[0].split("/")))
            made.block = _read(made.file, texts)
        elif directive.block is not None:
            made.block = [node(each) for each in directive.block]
        return made

    return [node(each) for each in parse(file, texts[file]).directives]
