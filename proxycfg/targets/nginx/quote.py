"""How text becomes part of an nginx config without becoming config.

nginx reads a double-quoted word up to the next bare quote. Inside it a backslash before a quote, a backslash, t, r or n makes
one character of the two; before anything else it stands for itself, and nothing else is special, not even a newline. Where a
directive takes variables, ``$`` starts one, and there is no escape for it: the literal sign comes out of a variable that
holds it.
"""

from __future__ import annotations

import re

from proxycfg.template import Quoted

DOLLAR = "$proxycfg_dollar"

_BARE = re.compile(r"[A-Za-z0-9_/*][A-Za-z0-9_./:*-]*")
# `\.` stays as one writes it; two backslashes in a row, or one before a letter that nginx translates, are doubled.
_TRANSLATED = re.compile(r"""\\(?=["'\\trn]|$)|(?<=\\)\\""")
_NAMED_GROUP = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\(\?P<\w+>", re.DOTALL)


def word(text: str) -> Quoted:
    """A literal word for an argument in which nginx expands no variables: names, paths, regular expressions."""
    if isinstance(text, Quoted):
        return text
    # What nobody would quote by hand stays bare.
    if _BARE.fullmatch(text):
        return Quoted(text)
    return Quoted('"' + _TRANSLATED.sub(r"\\\\", text).replace('"', '\\"') + '"')


def literal(text: str) -> Quoted:
    """A literal word for an argument in which nginx expands variables: header values and the like."""
    if isinstance(text, Quoted):
        return text
    return Quoted(str(word(text)).replace("$", "${" + DOLLAR[1:] + "}"))


def needs_dollar(text: str | None) -> bool:
    """Whether :func:`literal` of the text refers to the variable that holds a dollar sign."""
    return text is not None and "$" in text


def file(path: str) -> Quoted:
    """The path of a file: nginx takes ``engine:…`` and ``data:…`` for other things than files."""
    return word(f"./{path}" if re.match(r"[A-Za-z0-9_+.-]+:", path) else path)


def pattern(text: str) -> str:
    """The regular expression that matches exactly ``text``."""
    return re.sub(r"([^A-Za-z0-9_/\x80-\U0010ffff-])", r"\\\1", text)


MOST_SPELLED = 3000
"""Characters of a regular expression; nginx takes 4,095 for an argument, quotes and all."""


def spelled(path: str) -> str:
    """The regular expression that matches what decodes to ``path``: each character itself or encoded, slashes once or repeatedly.

    Of a path that would become too long for nginx, only the path as it stands.
    """
    found = "".join("/+" if char == "/" else f"(?:{pattern(char)}|{_encoded(char)})" for char in path)
    return found if len(found.encode()) <= MOST_SPELLED else pattern(path)


def _encoded(char: str) -> str:
    return "".join(
        f"%{re.sub('[a-f]', lambda digit: f'[{digit[0]}{digit[0].upper()}]', f'{byte:02x}')}" for byte in char.encode()
    )


def without_names(regex: str) -> str:
    """The same expression with its groups unnamed: nginx makes a variable of each name, even of one that it uses itself."""
    return _NAMED_GROUP.sub(lambda found: found[1] or "(", regex)


def seconds(value: float) -> Quoted:
    """A duration as nginx reads it: whole seconds, or milliseconds where there is a fraction."""
    # 0 is not "never" but "at once".
    millis = max(1, round(value * 1000))
    return Quoted(f"{millis // 1000}s" if millis % 1000 == 0 else f"{millis}ms")


def size(value: float) -> Quoted:
    """A size as nginx reads it: bytes, or k or m where nothing is lost; 0 for no limit."""
    if value == float("inf"):
        return Quoted("0")
    for factor, unit in ((2**20, "m"), (2**10, "k")):
        if value % factor == 0:
            return Quoted(f"{int(value // factor)}{unit}")
    return Quoted(str(int(value)))
