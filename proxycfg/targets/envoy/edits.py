"""Changes to the text of a bootstrap: one field of a message written or rewritten, and nothing else touched.

YAML in block style gets a line of its own, with the indent of its neighbours; flow style and JSON get an entry behind the last one. What is an
alias, or has an anchor that aliases repeat, is not edited: the text stands there once and means several things.
"""

from __future__ import annotations

import json
import re
from typing import Any

from proxycfg.source import Edit, Span
from proxycfg.targets.envoy.tree import Message, camel, snake

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*")
_OTHERWISE = re.compile(r"(?i)(?:[-+.]*[0-9][-+.0-9a-fxo_:]*|true|false|null|yes|no|on|off|y|n)")
"""Plain words that YAML takes for something else than text."""


def set_field(message: Message, path: tuple[str, ...], value: Any) -> Edit | None:
    """Write a field, and the messages on the way to it; None where that is no matter of one small edit.

    :param value: plain data; text is written without quotes where YAML lets it.
    """
    name, *deeper = path
    if not message.doc.trees.counted_alike:
        return None
    found = message.field(name)
    if found is None:
        for step in reversed(deeper):
            value = {step: value}
        return _added(message, name, value)
    if deeper:
        inner = message.message(name)
        return set_field(inner, tuple(deeper), value) if inner is not None else None
    if found.value.kind != "scalar" or isinstance(value, (dict, list)) or _at(message, found.value.span) in {"*", "&"}:
        return None
    quoted = _at(message, found.value.span) in {'"', "'"}
    return Edit(found.value.span, json.dumps(value) if quoted else spelled(value))


def spelled(value: Any) -> str:
    """Plain data as YAML, on one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{spelled(name)}: {spelled(each)}' for name, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(spelled, value))}]"
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and not _OTHERWISE.fullmatch(value) else json.dumps(value)
    return json.dumps(value)


def _added(message: Message, name: str, value: Any) -> Edit | None:
    span = message.span
    children = [(key, node) for key, node in message.node.children.values() if key is not None]
    quoted = bool(children) and _at(message, children[-1][0].span) == '"'
    if any(key.raw.isalnum() and key.raw != snake(key.raw) for key, _ in children):
        name, value = camel(name), _in_camel(value)
    entry = f"{json.dumps(name)}: {json.dumps(value)}" if quoted else f"{spelled(name)}: {spelled(value)}"
    ending = message.doc.trees.ending
    if _at(message, span) == "{":
        if not children:
            inside = span._replace(column=span.column + 1, end_line=span.line, end_column=span.column + 1)
            return Edit(inside, entry)
        key, last = children[-1]
        at = _end(last.span)
        lead = _lead(message, key.span)
        gap = " " if lead.strip() else f"{ending}{lead}"
        return Edit(at, f",{gap}{entry}")
    if not children or span[1:3] != children[0][0].span[1:3]:
        # An alias, an anchor, or a tag.
        return None
    lines = message.doc.trees.lines
    indent = ending + " " * (children[0][0].span.column - 1)
    entry = indent.join(_in_block(name, value))
    for key, node in children:
        if key.span.line == node.span.end_line and (node.kind == "scalar" or _at(message, node.span) in {"{", "["}):
            end = len(lines[key.span.line - 1]) + 1
            place = Span(span.file, key.span.line, end, key.span.line, end)
            return Edit(place, f"{indent}{entry}")
    first = children[0][0].span
    return Edit(first._replace(end_line=first.line, end_column=first.column), f"{entry}{indent}")


_WIDE = 60
"""Characters of a message that still looks well on one line."""


def _in_block(name: str, value: Any) -> list[str]:
    """A field on lines of its own."""
    flow = spelled(value)
    if not isinstance(value, dict) or len(flow) <= _WIDE:
        return [f"{spelled(name)}: {flow}"]
    return [f"{spelled(name)}:", *(f"  {line}" for key, each in value.items() for line in _in_block(key, each))]


def _in_camel(value: Any) -> Any:
    """The names of fields in data; those of maps, with dots in them, stay."""
    if isinstance(value, dict):
        return {camel(name) if name.isidentifier() else name: _in_camel(each) for name, each in value.items()}
    return [_in_camel(each) for each in value] if isinstance(value, list) else value


def _end(span: Span) -> Span:
    return span._replace(line=span.end_line, column=span.end_column)


def _at(message: Message, span: Span) -> str:
    """The character that a span begins with."""
    return message.doc.trees.lines[span.line - 1][span.column - 1 : span.column]


def _lead(message: Message, span: Span) -> str:
    return message.doc.trees.lines[span.line - 1][: span.column - 1]
