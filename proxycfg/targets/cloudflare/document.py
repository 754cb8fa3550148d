"""YAML, JSON, JSON with comments, and TOML as values with their places; and the comments of all of them, and of HCL, that speak to us."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from proxycfg.source import Source, Span
from proxycfg.streams import MARK
from proxycfg.targets.cloudflare import hcl
from proxycfg.targets.cloudflare.value import Entry, Value, scalar

if TYPE_CHECKING:
    from proxycfg.yamldoc import Node

MAX_DEPTH = 64
"""Of nesting in JSON and YAML: a plan of nested modules has about twenty."""
MAX_VALUES = 2_000_000
"""Keys and values of a file: a plan of 10,000 resources has so many."""

_REMARK = r"//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/"
_JSON = re.compile(
    rf"""(?P<text>"(?:[^"\\\n]|\\.)*")|{_REMARK}|,(?=(?:\s|{_REMARK})*+[\]}}])|\t""",
)
"""What JSON has not: comments, commas at the end of a list, and the tabs that YAML takes for none of its blanks."""


def of_json(source: Source) -> Value:
    """JSON, with comments and commas at ends of lists.

    :raises InvalidInput: if it is none.
    """

    def blank(found: re.Match[str]) -> str:
        return found[0] if found["text"] is not None else re.sub(r"[^\n]", " ", found[0])

    return of_yaml(Source(source.name, _JSON.sub(blank, source.text.removeprefix("\ufeff"))))


def of_yaml(source: Source) -> Value:
    """YAML, its first document.

    :raises InvalidInput: if it is none.
    """
    from proxycfg.yamldoc import parse_trees  # noqa: PLC0415 - HCL is read without any YAML

    trees = parse_trees(source, depth=MAX_DEPTH, nodes=MAX_VALUES)
    return _of_node(trees.roots[0]) if trees.roots else Value("null", None, Span.whole(source.name))


def _of_node(node: Node) -> Value:
    if node.kind == "mapping":
        entries = {
            str(name): Entry(key.span if key is not None else value.span, _of_node(value))
            for name, (key, value) in node.children.items()
        }
        return Value("map", entries, node.span)
    if node.kind == "list":
        return Value("list", [_of_node(value) for _, value in node.children.values()], node.span)
    return scalar(node.value, node.span)


def of_toml(source: Source) -> Value:
    """TOML.

    :raises InvalidInput: if it is none.
    """
    from proxycfg import tomldoc  # noqa: PLC0415 - of a Worker's settings alone

    document = tomldoc.parse(source)

    def made(data: Any, path: tuple[str | int, ...]) -> Value:
        span = document.span_of(path)
        if isinstance(data, dict):
            entries = {
                name: Entry(document.key_span_of((*path, name)), made(value, (*path, name)))
                for name, value in data.items()
            }
            return Value("map", entries, span)
        if isinstance(data, list):
            return Value("list", [made(value, (*path, at)) for at, value in enumerate(data)], span)
        return scalar(data if isinstance(data, (str, int, float, bool)) else str(data), span)

    return made(document.data, ())


# ---- comments ----


class Comment(NamedTuple):
    """A comment that speaks to us, without its sign.

    :param line: the line that it speaks of: its own, or the next one that is no comment where it stands alone.
    :param removal: what to cut out of the text to be rid of it.
    """

    text: str
    span: Span
    line: int
    removal: Span


_STRINGS = r'"(?:[^"\\\n]|\\.)*"'
_LANGUAGES = {
    "json": re.compile(rf"{_STRINGS}|(//[^\n]*|/\*.*?\*/)", re.DOTALL),
    "toml": re.compile(rf'"{{3}}.*?"{{3}}|\'{{3}}.*?\'{{3}}|{_STRINGS}|\'[^\'\n]*\'|(#[^\n]*)', re.DOTALL),
    "yaml": re.compile(rf"{_STRINGS}|'[^'\n]*'|((?:^|(?<=\s))#[^\n]*)", re.MULTILINE),
}


def comments(source: Source, language: str) -> Iterator[Comment]:
    """Those of a text that speak to us, in order. ``language`` is ``json``, ``toml`` or ``yaml``."""
    if MARK not in source.text:
        return iter(())
    found = ((each.start(1), each.end(1)) for each in _LANGUAGES[language].finditer(source.text) if each[1])
    return _speaking(source, hcl.starts_of(source.text), found)


def comments_of_hcl(file: hcl.File) -> Iterator[Comment]:
    """Those of a file of HCL."""
    return _speaking(file.source, file.starts, iter(sorted(file.comments)))


def _speaking(source: Source, starts: tuple[int, ...], stretches: Iterator[tuple[int, int]]) -> Iterator[Comment]:
    text = source.text
    for start, end in stretches:
        body = re.sub(r"\A(?:#+|//+|/\*+)|\*/\Z", "", text[start:end]).strip()
        if not body.startswith(MARK):
            continue
        span = hcl.span_of(source.name, starts, start, end)
        lead = text[starts[span.line - 1] : start]
        if lead.strip():
            yield Comment(body, span, span.line, span._replace(column=len(lead.rstrip()) + 1))
            continue
        below = span.end_line + 1
        while below <= len(starts) and re.compile(r"[ \t]*(?:#|//)").match(text, starts[below - 1]):
            below += 1
        removal = (
            Span(source.name, span.line, 1, span.end_line + 1, 1)
            if span.end_line < len(starts)
            else span._replace(column=1)
        )
        yield Comment(body, span, below, removal)
