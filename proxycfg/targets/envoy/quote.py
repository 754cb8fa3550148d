"""How text becomes part of an Envoy config without becoming config.

Every string of a spec is a double-quoted YAML scalar of printable ASCII. Some fields read their text once more, as a format
with ``%COMMAND%``, as a regular expression or as a path on the wire: those have an escape of their own here, applied before the
quotes.
"""

from __future__ import annotations

import math
import re
from urllib.parse import quote

from proxycfg.template import Quoted

_TO_ESCAPE = re.compile(r"[^ !#-\[\]-~]")
_LAST_OF_FOUR_DIGITS = "\uffff"
_PATH_CHARACTERS = "/!$&'()*+,;=:@[]~"
"""What Envoy's normaliser leaves bare in a path, beside letters, digits, ``-._`` (measured on 1.40, every ASCII character)."""


def text(value: str) -> Quoted:
    """A double-quoted scalar that every YAML reader turns back into exactly ``value``."""
    return Quoted('"' + _TO_ESCAPE.sub(_escaped, value) + '"')


def _escaped(match: re.Match[str]) -> str:
    char = match.group()
    if char in '"\\':
        return "\\" + char
    if "\ud800" <= char <= "\udfff":
        # Half a character, which YAML has no way to write.
        return "\\uFFFD"
    # Not JSON's pair of escapes beyond U+FFFF: to YAML those are two broken characters.
    return f"\\u{ord(char):04X}" if char <= _LAST_OF_FOUR_DIGITS else f"\\U{ord(char):08X}"


def seconds(value: float) -> Quoted:
    """A duration: seconds with an ``s``, rounded up to the milliseconds that Envoy counts, since 0 means "off"."""
    millis = math.ceil(round(value * 1000, 3))
    return Quoted(f"{millis // 1000}s" if millis % 1000 == 0 else f"{millis / 1000:.3f}".rstrip("0") + "s")


def comment(value: str) -> Quoted:
    """Text behind a ``#``: one line, whatever it holds."""
    return Quoted("".join(char if char.isascii() and char.isprintable() else "?" for char in value))


def literal(value: str) -> str:
    """A substitution format that yields ``value``."""
    return value.replace("%", "%%")


def path(value: str) -> str:
    """A path as Envoy sees it once it has normalised a request: percent-encoded where it must be, and nowhere else."""
    return quote(value, safe=_PATH_CHARACTERS)


def pattern(value: str) -> str:
    """The RE2 expression that matches exactly ``value``."""
    return re.sub(r"([^A-Za-z0-9_/%-])", r"\\\1", value)


def either_case(expression: str) -> str:
    """The same expression, in which the hex digits of percent-encoded characters may be of either case."""
    return re.sub(r"((?:%[0-9A-F]{2})+)", r"(?i:\1)", expression)
