"""Findings that are known already: by what they say and where, not by line numbers, so that unrelated edits change nothing."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from proxycfg.errors import InvalidInput, Problem
from proxycfg.finding import Finding
from proxycfg.record import record, replace
from proxycfg.report import Report
from proxycfg.source import Source, Span

VERSION = 1


def fingerprints(report: Report) -> Iterator[tuple[Finding, str]]:
    """Each finding with what it is known by: rule, file, route, and the words that it underlines, blanks and line breaks being all the same.

    Where two are alike in all that, the first, the second … are told apart by their order.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for finding in report.findings:
        text = report.line(finding.span.file, finding.span.line)
        end = finding.span.end_column - 1 if finding.span.end_line == finding.span.line else len(text)
        words = " ".join(text[finding.span.column - 1 : end].split())
        key = (
            finding.rule,
            posixpath.normpath(finding.span.file),
            finding.route_host or "",
            finding.route_path or "",
            words,
        )
        seen[key] += 1
        yield (
            finding,
            hashlib.sha256("\0".join((*key, str(seen[key]))).encode(errors="surrogateescape")).hexdigest()[:32],
        )


@record(frozen=True, slots=True)
class Baseline:
    """Fingerprint → rule of every finding that is known."""

    known: Mapping[str, str]

    def hide(self, report: Report) -> tuple[Report, int]:
        """The report without what is known, and how many known findings are there no more."""
        found = list(fingerprints(report))
        new = tuple(finding for finding, fingerprint in found if fingerprint not in self.known)
        here = {fingerprint for _, fingerprint in found}
        gone = sum(fingerprint not in here for fingerprint in self.known)
        return replace(report, findings=new, known=len(found) - len(new)), gone


def to_text(report: Report) -> str:
    """A baseline of all findings of a report, as a file: one line each, so that its history can be read."""
    entries = [
        {
            "fingerprint": fingerprint,
            "rule": finding.rule,
            "file": posixpath.normpath(finding.span.file),
            "message": finding.message,
        }
        for finding, fingerprint in fingerprints(report)
    ]
    lines = ",\n".join(f"    {json.dumps(entry, ensure_ascii=False)}" for entry in entries)
    return f'{{\n  "version": {VERSION},\n  "findings": [{f"{chr(10)}{lines}{chr(10)}  " if entries else ""}]\n}}\n'


def read(source: Source) -> Baseline:
    """A baseline from its file.

    :raises InvalidInput: if it is none.
    """
    wrong = InvalidInput(
        [Problem(Span.whole(source.name), "this is no baseline", "write one with --baseline FILE --write-baseline")]
    )
    try:
        body: Any = json.loads(source.text)
        if body["version"] != VERSION:
            raise wrong
        return Baseline({str(entry["fingerprint"]): str(entry["rule"]) for entry in body["findings"]})
    except (ValueError, KeyError, TypeError, RecursionError):
        raise wrong from None
