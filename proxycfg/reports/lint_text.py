"""The result of a lint for people: each finding with its line of the config, what it is about underlined, and what to write instead.

Each begins with ``file:line:column``, which terminals and editors turn into a link.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from proxycfg.errors import picture, printable
from proxycfg.finding import Finding, Severity
from proxycfg.report import Report
from proxycfg.source import Span

_MOST_RELATED = 5
"""Other places are shown up to here, and counted beyond."""
_COLORS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.INFO: "36;1"}


def report_to_text(report: Report, *, color: bool, statistics: bool = False) -> str:
    """All findings, then a summary."""
    paint = _paint if color else _plain
    if statistics:
        blocks = ["\n".join(_statistics(report))] if report.findings else []
    else:
        blocks = ["\n".join(_finding(finding, report, paint)) for finding in report.findings]
    return "\n\n".join([*blocks, summary(report)]) + "\n"


def _paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"


def _plain(text: str, _code: str) -> str:
    return text


_Painter = Callable[[str, str], str]


def _finding(finding: Finding, report: Report, paint: _Painter) -> Iterator[str]:
    code = _COLORS[finding.severity]
    head = paint(f"{finding.severity}[{finding.rule}]", code)
    yield f"{paint(printable(str(finding.span)), '1')}: {head} {printable(finding.message)}"
    margin = len(str(max(finding.span.line, *(place.span.line for place in finding.related), 1)))
    yield from _shown(finding.span, report, paint, code, margin)
    for place in finding.related[:_MOST_RELATED]:
        name = "" if place.span.file == finding.span.file else f"{place.span.file}:"
        yield from _shown(place.span, report, paint, "34", margin, printable(f"{name}{place.message}"))
    if (more := len(finding.related) - _MOST_RELATED) > 0:
        yield f"{' ' * margin} = … and {more} more places"
    yield f"{' ' * margin} {paint('=', '34')} {printable(finding.why)}"
    if finding.fix is not None:
        how = "" if finding.fix.safe else " (with --unsafe-fixes: it touches more than this route)"
        yield f"{' ' * margin} {paint('=', '34')} {paint('fix', '32')}: {printable(finding.fix.title)}{how}"


def _shown(span: Span, report: Report, paint: _Painter, code: str, margin: int, label: str = "") -> Iterator[str]:
    line = report.line(span.file, span.line)
    if not line.strip():
        return
    shown, carets = picture(line, span)
    if label:
        carets = carets.replace("^", "-")
    yield f"{paint(f'{span.line:>{margin}} |', '34')} {shown}"
    lead = carets[: len(carets) - len(carets.lstrip())]
    yield f"{' ' * margin} {paint('|', '34')} {lead}{paint(carets.strip(), code)}{' ' if label else ''}{label}"


def _statistics(report: Report) -> Iterator[str]:
    counts = Counter((finding.rule, finding.severity) for finding in report.findings)
    width = max(len(str(count)) for count in counts.values())
    for (rule, severity), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield f"{count:>{width}}  {severity:<7}  {rule}"


def summary(report: Report) -> str:
    """What was found in how much, in one line."""
    counts = Counter(finding.severity for finding in report.findings)
    parts = [_many(counts[severity], f"{severity}") for severity in _COLORS if counts[severity]]
    looked = f"{_many(len(report.files), 'file')}, {_many(report.routes, 'route')}"
    held = [f"{report.ignored} ignored by notes"] if report.ignored else []
    held += [f"{report.known} in the baseline"] if report.known else []
    fixable = sum(finding.fix is not None and finding.fix.safe for finding in report.findings)
    hint = f"; --fix repairs {fixable}" if fixable else ""
    found = ", ".join(parts) if parts else "nothing found"
    return f"{found} in {looked}{''.join(f', {part}' for part in held)}{hint}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 or noun == 'info' else 's'}"
