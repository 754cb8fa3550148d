"""A note that silences nothing.

**What it sees.** `# proxycfg: ignore[RULE]` where RULE has nothing to say, on that line or the one below.

**Why it hurts.** What it was for is gone, or has moved; the note stays behind and will hide the next finding there.

**Instead.** Remove the note, or move it to the line of the finding.

**When it is fine.** Where it is of use for some versions of nginx, or some renderings of a template, and not for others: then add it to the note,
`# proxycfg: ignore[RULE, unused-ignore]`. Rules that were left out by `--select` or `--ignore` do not count.

**Measured.** Not shown here: a comment does nothing to a stream.

**Sources.** None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from proxycfg.finding import Category, Fix, Severity
from proxycfg.note import Note
from proxycfg.rule import Complaint, review
from proxycfg.source import Edit


@review(category=Category.OPERATIONS, severity=Severity.WARNING)
def unused_ignore(unused: Sequence[tuple[Note, str]]) -> Iterator[Complaint]:
    """Each note, and each rule in it, that silenced nothing."""
    names = Counter(note.span for note, _ in unused)
    for note, name in unused:
        # With others in it that are of use, it is for a person to edit.
        whole = names[note.span] == len(note.ignored)
        fix = Fix("remove the note", safe=True, edits=(Edit(note.removal, ""),)) if whole else None
        yield Complaint(
            message=f"this note ignores {name}, which has nothing to say on line {note.line}",
            why="What it silenced is gone or has moved; it will hide the next finding there.",
            span=note.span,
            fix=fix,
        )
