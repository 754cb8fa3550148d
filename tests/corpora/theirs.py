"""What crossplane makes of a file, and where its reading departs from nginx's: each departure a rule with a name."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import crossplane

from proxycfg.targets.nginx.syntax import Tree

_LUA_KNOWN_TO_CROSSPLANE = frozenset(
    f"{phase}_by_lua_block"
    for phase in (
        "access", "balancer", "body_filter", "content", "header_filter", "init", "init_worker", "log", "rewrite", "set", "ssl_certificate",
        "ssl_session_fetch", "ssl_session_store",
    )
)  # fmt: skip


class Line(NamedTuple):
    """A directive, as far as both can tell: name, arguments, line."""

    name: str
    args: tuple[str, ...]
    line: int


def theirs(text: str) -> list[Line] | None:
    """Crossplane's directives, in the order of the file; None where it cannot read it."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        payload = crossplane.parse(file.name, single=True, check_ctx=False, check_args=False)
    return list(_flat(payload["config"][0]["parsed"])) if payload["status"] == "ok" else None


def _flat(statements: Sequence[dict[str, Any]]) -> Iterator[Line]:
    for statement in statements:
        # It reports comments among arguments as directives, though none were asked for.
        if "comment" in statement:
            continue
        name = _unescaped(statement["directive"])
        lua = name.endswith("_by_lua_block")
        # Lua is an argument to it, or, in phases that it does not know, nginx directives.
        known = name in _LUA_KNOWN_TO_CROSSPLANE
        args = statement["args"][:-1] if lua and known else statement["args"]
        yield Line(name, tuple(map(_unescaped, args)), statement["line"])
        if not lua:
            yield from _flat(statement.get("block", ()))


def _unescaped(word: str) -> str:
    r"""It takes no backslash away but before the word's own quote; nginx does before ``"'\trn``."""
    made = {"t": "\t", "r": "\r", "n": "\n"}
    return re.sub(r"""\\(["'\\trn])""", lambda found: made.get(found[1], found[1]), word)


def ours(tree: Tree) -> list[Line]:
    """Our directives, each written as crossplane would: an ``if`` without its parentheses."""
    return [
        Line(
            directive.name,
            _without_parentheses(directive.args) if directive.name == "if" else directive.args,
            directive.span.line,
        )
        for directive in tree.walk()
    ]


def _without_parentheses(args: tuple[str, ...]) -> tuple[str, ...]:
    if not args or not args[0].startswith("(") or not args[-1].endswith(")"):
        return args
    words = list(args)
    words[0] = words[0][1:].lstrip()
    words[-1] = words[-1][:-1].rstrip()
    return tuple(words[int(not words[0]) : len(words) - int(not words[-1])])


def departure(mine: list[Line], their: list[Line], text: str) -> str:
    """The name of crossplane's defect that explains why the two differ; empty if none does."""
    if _glued(mine) == _glued(their):
        return "braced-variable: the space behind `${name}` does not end the word"
    if re.search(r"_by_lua_block\b", text) and _until_lua(mine) == _until_lua(their):
        return "lua: long brackets, escapes or comments of Lua are not known, and braces in them count"
    return ""


def _glued(lines: list[Line]) -> list[tuple[str, int]]:
    # One argument with a space in it, or two: the same text either way.
    return [(" ".join((line.name, *line.args)).replace("} ", "}"), line.line) for line in lines]


def _until_lua(lines: list[Line]) -> list[Line]:
    first = next((at for at, line in enumerate(lines) if line.name.endswith("_by_lua_block")), len(lines))
    return lines[:first]
