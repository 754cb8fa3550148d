"""Values as `terraform fmt` lays them out: what the generator writes, and fixes write into what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from proxycfg.targets.cloudflare import quote

_NAME = re.compile("[A-Za-z_][A-Za-z0-9_-]*")
_INLINE = 80
"""Characters up to which an object stands on one line."""


def attributes(fields: Mapping[str, Any], indent: int) -> Iterator[str]:
    """The lines of a mapping's attributes, one each where it has room, as version 5 of the provider has them."""
    rows = [(_key(name), list(_expression(value, indent))) for name, value in fields.items()]
    margin = " " * indent
    for at, (name, lines) in enumerate(rows):
        # Those that stand on one line, one below the other, have their signs below each other.
        width = max(len(other) for other, _ in _run(rows, at)) if len(lines) == 1 else len(name)
        yield f"{margin}{name:<{width}} = {lines[0]}"
        yield from lines[1:]


def _run(rows: list[tuple[str, list[str]]], at: int) -> list[tuple[str, list[str]]]:
    first = last = at
    while first > 0 and len(rows[first - 1][1]) == 1:
        first -= 1
    while last + 1 < len(rows) and len(rows[last + 1][1]) == 1:
        last += 1
    return rows[first : last + 1]


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else quote.hcl(name)


def _expression(value: Any, indent: int) -> Iterator[str]:
    """The lines of a value; the first one has no margin, for it stands behind its name."""
    margin = " " * indent
    if isinstance(value, Mapping):
        line = flat(value)
        if len(line) <= _INLINE:
            yield line
            return
        yield "{"
        yield from attributes(value, indent + 2)
        yield f"{margin}}}"
    else:
        yield flat(value)


def flat(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(name)} = {flat(each)}' for name, each in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(flat, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return quote.hcl(value) if isinstance(value, str) else str(value)


def blocks(fields: Mapping[str, Any], indent: int) -> Iterator[str]:
    """The same with a block for every mapping, as version 4 has them."""
    plain = {name: value for name, value in fields.items() if not _holds_mappings(value)}
    yield from attributes(plain, indent)
    margin = " " * indent
    for name, value in fields.items():
        if name not in plain:
            for each in [value] if isinstance(value, Mapping) else value:
                yield f"{margin}{name} {{"
                yield from blocks(each, indent + 2)
                yield f"{margin}}}"


def _holds_mappings(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(each, Mapping) for each in value))
