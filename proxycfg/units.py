"""Durations and sizes as people write them, and as numbers."""

from __future__ import annotations

import re

_DIGITS = "[0-9]{1,18}"
DURATION = (
    rf"(?=[0-9])(?:({_DIGITS})d)?(?:({_DIGITS})h)?(?:({_DIGITS})m(?!s))?"
    rf"(?:({_DIGITS}(?:\.{_DIGITS})?)s)?(?:({_DIGITS})ms)?"
)
"""A duration as a regular expression that editors understand too."""
SIZE = rf"({_DIGITS}) ?([KkMmGg]?[Bb]?|[KkMmGg][Ii][Bb])"
"""A size, likewise."""
_FACTORS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "kib": 2**10, "mib": 2**20, "gib": 2**30,
            "kb": 10**3, "mb": 10**6, "gb": 10**9}  # fmt: skip

YEAR = 365 * 24 * 3600
"""The longest duration that every target can hold (nginx keeps milliseconds in 32 bits on some platforms: 24 days; a year is
clipped by the targets that need it)."""


def short(text: str, length: int = 60) -> str:
    """The text, or its beginning where it is too long for a message."""
    return text if len(text) <= length else f"{text[:length]}…"


def counted(number: int, what: str) -> str:
    """``1 route``, ``2 routes``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def parse_duration(text: str) -> float:
    """Seconds from ``90s``, ``5m``, ``1h30m``, ``500ms`` or ``1d``.

    :raises ValueError: if the text is anything else, with what is accepted.
    """
    match = re.fullmatch(DURATION, text)
    if not match:
        raise ValueError(f"`{short(text)}` is not a duration: write 30s, 5m, 1h, 1h30m or 500ms")
    days, hours, minutes, seconds, millis = (float(group or 0) for group in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds + millis / 1000


def parse_size(text: str) -> int:
    """Bytes from ``512``, ``64KiB``, ``16MiB`` (powers of two) or ``16MB`` (powers of ten); ``16m`` is 16MiB, as in nginx.

    :raises ValueError: if the text is anything else, with what is accepted.
    """
    match = re.fullmatch(SIZE, text)
    if not match:
        raise ValueError(f"`{short(text)}` is not a size: write 1048576, 64KiB, 16MiB or 1GiB")
    return int(match[1]) * _FACTORS[match[2].lower()]


def show_duration(seconds: float) -> str:
    """A duration as people write it: ``90s``, ``1h``, ``500ms``, ``never``."""
    if seconds == float("inf"):
        return "never"
    millis = round(seconds * 1000)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if millis and millis % size == 0:
            return f"{millis // size}{unit}"
    return f"{millis}ms"


def show_size(size: float) -> str:
    """A size as people write it: ``16MiB``, ``unlimited``."""
    if size == float("inf"):
        return "unlimited"
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size and size % factor == 0:
            return f"{int(size // factor)}{unit}"
    return f"{int(size)} bytes"
