"""How text becomes part of a rule's expression, of Terraform and of YAML without becoming any of them.

An expression is quoted once for the Rules language, and as a whole once more for the file that it stands in. JSON needs nothing of ours:
:func:`json.dumps` writes it.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from proxycfg.targets.cloudflare.rules_language import EACH, Address, Among, Call, Compare, Field, Joined, Named, Not
from proxycfg.template import Quoted

_BARE = "/!$&'()*+,;=:@-._~"
"""What RFC 3986 lets a path hold as it is."""
_BROWSERS = _BARE + "[]|"
"""What browsers leave as it is (the URL standard's path percent-encode set)."""
_HCL = re.compile(r'["\\]|[$%](?=\{)|[^ -~\u00a0-\ud7ff\ue000-\U0010ffff]')
_YAML = re.compile(r"[^ !#-\[\]-~]")
_LAST_OF_FOUR_DIGITS = "\uffff"


# ---- the Rules language ----


def text(value: str) -> str:
    """A quoted string of the Rules language: two characters are special in one."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def raw(value: str) -> str:
    """A raw string, in which nothing is special, between more signs than any quote in it has behind it.

    For regular expressions, which have rules of their own in a quoted one.
    """
    longest = max((len(found) for found in re.findall('"(#*)', value)), default=-1)
    signs = "#" * (longest + 1)
    return f'r{signs}"{value}"{signs}'


def one_of(values: tuple[str, ...]) -> str:
    """``eq "a"``, or ``in {"a" "b"}``: what stands behind a field that has one of the values."""
    return f"eq {text(values[0])}" if len(values) == 1 else f"in {{{' '.join(map(text, values))}}}"


def paths(value: str) -> tuple[str, ...]:
    """A path as it may travel: percent-encoded as RFC 3986 has it, with hex digits of either case, or as browsers write it.

    Cloudflare decodes letters, digits and ``-._~`` and leaves the rest as the client wrote it (rules/normalization).
    """
    strict = quote(value, safe=_BARE)
    return tuple(
        dict.fromkeys(
            [strict, re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), strict), quote(value, safe=_BROWSERS)]
        )
    )


def expression(node: Any) -> str:
    """The expression whose tree this is."""
    if isinstance(node, Not):
        return f"not {_within(node.inner)}"
    if isinstance(node, Joined):
        return f" {node.operator} ".join(map(_within, node.parts))
    if isinstance(node, Compare):
        return f"{expression(node.value)} {node.operator} {_operand(node)}"
    if isinstance(node, Call):
        return f"{node.name}({', '.join(map(expression, node.arguments))}){_spell_way(node.way)}"
    return f"{node.name}{_spell_way(node.way)}" if isinstance(node, Field) else _scalar(node.value)


def _within(node: Any) -> str:
    return f"({expression(node)})" if isinstance(node, (Joined, Not)) else expression(node)


def _operand(node: Compare) -> str:
    operand = node.operand
    if isinstance(operand, Named):
        return f"${operand.name}"
    if isinstance(operand, Among):
        return f"{{{' '.join(map(_item, operand.items))}}}"
    # In a regular expression the backslashes are its own.
    return raw(operand.value) if node.operator == "matches" else _scalar(operand.value)


def _item(item: Any) -> str:
    between = isinstance(item, tuple) and not isinstance(item, Address)
    return "..".join(map(_scalar, item)) if between else _scalar(item)


def _scalar(value: Any) -> str:
    if isinstance(value, Address):
        return value.text
    return str(value).lower() if isinstance(value, (bool, int)) else text(value)


def _spell_way(way: tuple[str | int, ...]) -> str:
    return "".join(EACH if step == EACH else f"[{_scalar(step)}]" for step in way)


# ---- files ----


def hcl(value: str) -> Quoted:
    """A quoted template of HCL that is exactly ``value``: without an interpolation, whatever it holds."""
    return Quoted('"' + _HCL.sub(lambda found: _in_quotes(found.group()), value) + '"')


def yaml(value: str) -> Quoted:
    """A double-quoted scalar of YAML."""
    return Quoted('"' + _YAML.sub(lambda found: _in_quotes(found.group()), value) + '"')


def _in_quotes(char: str) -> str:
    """A character as both languages escape it.

    A dollar that is written so begins no interpolation of HCL. Doubled, as HCL's own pages have it, python-hcl2 does not read it where no
    brace closes what looks like one.
    """
    if char in '"\\':
        return "\\" + char
    if "\ud800" <= char <= "\udfff":
        # Half a character, which neither language has a way to write.
        return "\\uFFFD"
    return f"\\u{ord(char):04X}" if char <= _LAST_OF_FOUR_DIGITS else f"\\U{ord(char):08X}"


def comment(value: str) -> Quoted:
    """Text behind a ``#``: one line, whatever it holds."""
    return Quoted("".join(char if char.isascii() and char.isprintable() else "?" for char in value))
