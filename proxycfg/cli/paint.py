"""Colours for text that was made without them: places, severities, carets and differences."""

from __future__ import annotations

import re

from proxycfg.reports.style import Style

_paint = Style(on=True).paint
_SEVERITIES = {"error": "red", "warning": "yellow", "info": "blue"}
_HEAD = re.compile(r"(?P<place>\S[^\n]*?:\d+:\d+): (?:(?P<severity>error|warning|info)(?P<rule>\[[^]\n]*\]))?")
_DIFFERENCE = {"+": "green", "-": "red", "@": "cyan"}


def message(text: str) -> str:
    """A problem or a finding: its place in bold, its severity in red, yellow or blue, carets in red, the remedy in cyan."""
    return "\n".join(map(_message_line, text.split("\n")))


def _message_line(line: str) -> str:
    if line.startswith("  | ") and not line.removeprefix("  | ").strip(" ^"):
        return _paint(line, "red")
    if line.startswith("  = "):
        return _paint(line, "cyan")
    if found := _HEAD.match(line):
        place, severity, rule = found.groups()
        told = _paint(severity, _SEVERITIES[severity]) + rule if severity else ""
        return f"{_paint(place, 'bold')}: {told}{line[found.end() :]}"
    return line


def difference(text: str) -> str:
    """A unified diff: what comes in green, what goes in red."""
    return "\n".join(
        _paint(line, "bold") if line.startswith(("--- ", "+++ "))
        else _paint(line, _DIFFERENCE[line[0]]) if line[:1] in _DIFFERENCE
        else line
        for line in text.split("\n")
    )  # fmt: skip
