"""How text becomes part of an Envoy config without becoming config.

Every string of the file is a double-quoted YAML scalar of printable ASCII. Some fields read their text once more, as a format
with ``%COMMAND%``, as a regular expression, or as a URL path: those have an escape of their own here, applied before the quotes.
"""

from __future__ import annotations

import math
import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from proxycfg.template import Quoted

_UNPRINTABLE = re.compile(r'[^ !#-\[\]-~]')


def text(value: str) -> Quoted:
    """A double-quoted scalar that every YAML reader turns back into exactly ``value``."""
    return Quoted('"' + _UNPRINTABLE.sub(_escape, value) + '"')


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    if char in '"\\':
        return "\\" + char
    # YAML takes a surrogate pair for two broken characters, so JSON's way of writing those beyond U+FFFF is of no use.
    if 0xD800 <= ord(char) <= 0xDFFF:  # noqa: PLR2004 - half a character is none
        return "\\uFFFD"
    return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"  # noqa: PLR2004


def seconds(value: float) -> Quoted:
    """A duration: seconds with an ``s``. Envoy counts milliseconds and takes 0 for "off", so what is shorter becomes 1 ms."""
    millis = math.ceil(round(value * 1000, 3))
    return Quoted(f"{millis // 1000}s" if millis % 1000 == 0 else f"{millis / 1000:.3f}".rstrip("0") + "s")


def comment(value: str) -> Quoted:
    """Text behind a ``#``: one line, whatever it holds."""
    return Quoted("".join(char if char.isascii() and char.isprintable() else "?" for char in value))


def literal(value: str) -> str:
    """Text that a substitution format prints as it is."""
    return value.replace("%", "%%")


def pattern(value: str) -> str:
    """The RE2 expression that matches exactly ``value``."""
    return re.sub(r"([^A-Za-z0-9_/-])", r"\\\1", value)


def path(value: str) -> str:
    """A path as Envoy sees it after normalising: percent-encoded where a URL must be, and nowhere else.

    So ``/caf\\u00e9``, ``/caf%C3%A9`` and what a browser sends for them are one path, as they are to nginx.
    """
    return quote_from_bytes(unquote_to_bytes(value), safe="/!$&'()*+,;=:@-._~|[]^`{}\\")
