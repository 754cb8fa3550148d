"""Colours for text that was made without them: places, severities, carets and differences."""

from __future__ import annotations

import re

import click

_SEVERITIES = {"error": "red", "warning": "yellow", "info": "blue"}
_HEAD = re.compile(r"(?P<place>\S[^\n]*?:\d+:\d+): (?:(?P<severity>error|warning|info)(?P<rule>\[[^]\n]*\]))?")
_DIFFERENCE = {"+": "green", "-": "red", "@": "cyan"}


def message(text: str) -> str:
    """A problem or a finding: its place in bold, its severity in red, yellow or blue, carets in red, the remedy in cyan."""
    return "\n".join(map(_message_line, text.split("\n")))


def _message_line(line: str) -> str:
    if line.startswith("  | ") and not line.removeprefix("  | ").strip(" ^"):
        return click.style(line, fg="red")
    if line.startswith("  = "):
        return click.style(line, fg="cyan")
    if found := _HEAD.match(line):
        place, severity, rule = found.groups()
        told = click.style(severity, fg=_SEVERITIES[severity], bold=True) + rule if severity else ""
        return f"{click.style(place, bold=True)}: {told}{line[found.end() :]}"
    return line


def difference(text: str) -> str:
    """A unified diff: what comes in green, what goes in red."""
    return "\n".join(
        click.style(line, bold=True) if line.startswith(("--- ", "+++ "))
        else click.style(line, fg=_DIFFERENCE[line[0]]) if line[:1] in _DIFFERENCE
        else line
        for line in text.split("\n")
    )  # fmt: skip
