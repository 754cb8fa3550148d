"""Notes to the linter in comments of a config: ``# proxycfg: ignore[RULE, …] why``. What declares streams is read by :mod:`proxycfg.streams`."""

from __future__ import annotations

import re

from proxycfg.errors import Problem
from proxycfg.record import record
from proxycfg.source import Span
from proxycfg.streams import DECLARES, MARK


@record(frozen=True, slots=True, kw_only=True)
class Note:
    """One comment that silences rules.

    :param line: the line it speaks of: its own, or the next one where it stands alone.
    :param removal: what to cut out of the text to be rid of it, blanks and line included.
    """

    span: Span
    line: int
    ignored: tuple[str, ...]
    removal: Span


def read_note(text: str, span: Span, line: int, removal: Span) -> Note | Problem | None:
    """The note in a comment of that text (without ``#``); None if it is an ordinary comment, or declares a stream.

    A comment that is meant for us and makes no sense is a problem: silence would leave somebody believing in it.
    """
    body = text.strip()
    if not body.startswith(MARK):
        return None
    body = body.removeprefix(MARK).strip()
    if body.startswith(DECLARES):
        return None
    match = re.match(r"ignore\[([^\]]*)\]", body)
    names = tuple(name.strip() for name in match[1].split(",")) if match else ()
    if not names or not all(names):
        instead = "write `# proxycfg: ignore[RULE] reason`, or `# proxycfg: protocol=sse heartbeat=15s`"
        return Problem(span, f"this note is not understood: {body or 'nothing follows'}", instead)
    return Note(span=span, line=line, ignored=names, removal=removal)
