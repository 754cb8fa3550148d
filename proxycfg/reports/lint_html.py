"""The result of a lint as one HTML page, with nothing from elsewhere: to be kept as an artifact of a build."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from proxycfg.finding import Finding
from proxycfg.report import Report
from proxycfg.reports.lint_text import summary

_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; background: #fff; }
article { border-left: 4px solid #999; padding: .2rem 1rem; margin: 1.2rem 0; background: #f6f8fa; overflow-wrap: anywhere; }
.error { border-color: #cf222e; } .warning { border-color: #bf8700; } .info { border-color: #0969da; }
h2 { font-size: 1rem; margin: .4rem 0; } pre { overflow-x: auto; } mark { background: #ffd8b5; color: inherit; }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117; } article { background: #161b22; } mark { background: #7d4e00; } }
"""


def render(report: Report) -> str:
    """A page that begins with the summary."""
    body = "\n".join(_body(report))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>proxycfg lint</title>\n'
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n<h1>proxycfg lint</h1>\n<p>{escape(summary(report))}</p>\n{body}\n</body>\n</html>\n"
    )


def _body(report: Report) -> Iterator[str]:
    for problem in report.errors:
        yield f'<article class="error"><h2>{escape(str(problem.span))}: {escape(problem.message)}</h2><p>{escape(problem.instead)}</p></article>'
    for finding in report.findings:
        yield "\n".join(_finding(finding, report))


def _finding(finding: Finding, report: Report) -> Iterator[str]:
    span = finding.span
    line = report.line(span.file, span.line)
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    head, marked, tail = line[: span.column - 1], line[span.column - 1 : end], line[end:]
    yield f'<article class="{finding.severity}"><h2>{escape(str(span))}: {escape(finding.message)}</h2>'
    yield f"<pre>{span.line} | {escape(head)}<mark>{escape(marked)}</mark>{escape(tail)}</pre>"
    yield f"<p>{escape(finding.why)}</p>"
    if finding.related:
        places = "".join(f"<li>{escape(str(place.span))}: {escape(place.message)}</li>" for place in finding.related)
        yield f"<ul>{places}</ul>"
    if finding.fix:
        yield f"<p>Fix: {escape(finding.fix.title)}</p>"
    rule = report.rules.get(finding.rule)
    if rule:
        yield f"<details><summary><code>{escape(rule.name)}</code> ({finding.severity})</summary><pre>{escape(rule.page)}</pre></details>"
    yield "</article>"
