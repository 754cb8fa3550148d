"""What was measured, as one HTML page with nothing from elsewhere: for a build's artifacts, a ticket, or a reviewer.

It is read by eye, by keyboard, aloud and on paper, in light and in dark: each picture has its words, each colour a word beside it, and what
scrolls can be reached with Tab. There is no script in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from proxycfg import __version__
from proxycfg.behavior import Answer, properties
from proxycfg.finding import Finding
from proxycfg.measured import Disagreement, Measured
from proxycfg.need import shortfalls
from proxycfg.reading import Evidence
from proxycfg.reports import timeline_svg
from proxycfg.source import Span
from proxycfg.timeline import delivery, parts
from proxycfg.units import counted
from proxycfg.values import needed, shown, value_of

_STYLE = """\
:root { color-scheme: light dark; --text: #1f2328; --dim: #59636e; --back: #fff; --box: #f6f8fa; --line: #d1d9e0; --asked: #0969da; --came: #1a7f37;
  --said: #8250df; --gap: #fff1c2; --bad: #b42318; --good: #116329; --doubt: #7d4e00; --mark: #ffd8b5; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --dim: #9aa5b1; --back: #0d1117; --box: #161b22; --line: #3d444d; --asked: #58a6ff;
  --came: #3fb950; --said: #bc8cff; --gap: #3a2f0b; --bad: #ff8077; --good: #56d364; --doubt: #e3b341; --mark: #6b3f00; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; color: var(--text); background: var(--back); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; overflow-wrap: anywhere; } h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
a { color: var(--asked); } a.skip { position: absolute; left: -100rem; } a.skip:focus { position: static; }
:focus-visible { outline: 3px solid var(--asked); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
.scroll { overflow-x: auto; } td { overflow-wrap: anywhere; } tbody th { font-weight: 400; font-family: ui-monospace, monospace; }
.verdict { font-weight: 700; } .pass { color: var(--good); } .fail, .error { color: var(--bad); } .skipped, .warning, .may { color: var(--doubt); }
section { border-top: 2px solid var(--line); margin-top: 2rem; }
article { border-left: 4px solid currentColor; background: var(--box); padding: .3rem 1rem; margin: .8rem 0; }
article > * { color: var(--text); } article h3 { margin: .3rem 0; } pre { background: var(--box); padding: .6rem; overflow-x: auto; }
mark { background: var(--mark); color: inherit; } figure { margin: 1rem 0; } figcaption { color: var(--dim); }
@media print {
  body { max-width: none; font-size: 11px; } nav, a.skip { display: none; }
  section { break-before: page; } section:first-of-type { break-before: auto; } article, figure, tr { break-inside: avoid; }
  pre { white-space: pre-wrap; } .scroll { overflow: visible; } }
"""
_MARKS = {"pass": "✓", "fail": "✗", "skipped": "–"}
_WORDS = {Answer.YES: ("pass", "✓"), Answer.NO: ("fail", "✗"), Answer.MAYBE: ("may", "?")}
_LEGEND = "▶ sent, ○ the answer's head, bars: what came (the higher, the more at once), shaded: silence, ✗ cut"
_AROUND = 2
"""Lines of a config that are shown before and after the one that decides."""


def render(title: str, routes: Sequence[Measured], texts: Mapping[str, str]) -> str:
    """The page.

    :param title: the command that measured.
    :param texts: the configs that were read, by name: the lines that decide are shown.
    """
    counts = Counter(route.verdict for route in routes)
    words = ", ".join(f"{counts[each]} {each}" for each in ("fail", "skipped", "pass") if counts[each])
    heading = f"{title}: {words or 'nothing measured'}"
    body = "\n".join(line for number, route in enumerate(routes, 1) for line in _route(f"r{number}", route, texts))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(heading)}</title>\n"
        f"<style>\n{_STYLE}{timeline_svg.STYLE}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#routes">Skip to the routes</a>\n<header>\n<h1>{escape(heading)}</h1>\n'
        f"<p>Measured by proxycfg {escape(__version__)}.</p>\n</header>\n"
        f'{"".join(_overview(routes))}<main id="routes">\n{body}\n</main>\n</body>\n</html>\n'
    )


def _overview(routes: Sequence[Measured]) -> Iterator[str]:
    if len(routes) < 2:  # noqa: PLR2004 - a table of one row tells nothing
        return
    yield f'<nav aria-label="Routes">\n{_table("verdict", "route", "protocol", "findings")}\n'
    for number, route in enumerate(routes, 1):
        rules = ", ".join(finding.rule for finding in route.findings) or route.reason or "none"
        yield (
            f'<tr><td>{_verdict(route)}</td><td><a href="#r{number}">{escape(route.tried.request)}</a></td>'
            f"<td>{escape(route.tried.protocol)}</td><td>{escape(rules)}</td></tr>\n"
        )
    yield "</tbody>\n</table>\n</nav>\n"


def _table(*heads: str) -> str:
    """The beginning of a table."""
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return f"<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>"


def _scrolls(label: str) -> str:
    """The beginning of what may be wider than the page, and is scrolled by keyboard, too."""
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{label}">'


def _verdict(route: Measured) -> str:
    return f'<span class="verdict {route.verdict}">{_MARKS[route.verdict]} {route.verdict}</span>'


def _route(ident: str, route: Measured, texts: Mapping[str, str]) -> Iterator[str]:
    tried = route.tried
    yield f'<section id="{ident}" aria-labelledby="{ident}-h">'
    yield f'<h2 id="{ident}-h">{_verdict(route)} {escape(tried.request)} <small>({escape(tried.protocol)})</small></h2>'
    if route.reason:
        yield f"<p>{escape(route.reason)}</p>"
    for finding in route.findings:
        yield from _finding(finding, texts)
    for each in route.disagreements:
        yield from _disagreement(each, texts)
    yield from _pictures(ident, route)
    yield from _properties(route)
    yield from _decisions(route, texts)
    yield from _events(route)
    if tried.reproduce:
        yield f'<h3>How to measure this again</h3>\n<pre tabindex="0" role="group" aria-label="Command"><code>{escape(tried.reproduce)}</code></pre>'
    yield "</section>"


def _pictures(ident: str, route: Measured) -> Iterator[str]:
    """How messages arrive, and, folded away, what every other probe saw."""
    shown_part = delivery(route.timeline)
    for number, part in enumerate(parts(route.timeline), 1):
        if not any(event.exchange for event in part):
            continue
        figure = f"<figure>\n{_scrolls('Timeline')}\n{timeline_svg.picture(part, f'{ident}-{number}')}</div>\n"
        figure += f"<figcaption>{_LEGEND}</figcaption>\n</figure>"
        name = escape(str(part[0].facts.get("probe", "")))
        yield (
            figure
            if part == shown_part
            else f"<details><summary>What <code>{name}</code> saw</summary>\n{figure}</details>"
        )


def _finding(finding: Finding, texts: Mapping[str, str]) -> Iterator[str]:
    yield f'<article class="{finding.severity}"><h3>{finding.severity}: {escape(finding.message)}</h3>'
    yield f"<p>{_with_code(finding.why)}</p>"
    yield from _excerpt(finding.span, texts)
    rule = escape(finding.rule)
    yield f"<p><code>{rule}</code>, {finding.category.value}: <code>proxycfg rules {rule}</code> explains it.</p></article>"


def _with_code(text: str) -> str:
    """Prose in which what stands between backquotes is code."""
    return "".join(
        f"<code>{escape(part)}</code>" if odd % 2 else escape(part) for odd, part in enumerate(text.split("`"))
    )


def _disagreement(each: Disagreement, texts: Mapping[str, str]) -> Iterator[str]:
    unit = properties()[each.name].unit
    yield f'<article class="warning"><h3>A bug of proxycfg: {escape(each.name)} is not what it reads out of the config</h3>'
    yield (
        f"<p>Predicted {escape(shown(each.predicted, unit))} by <code>{escape(each.decided_by.text)}</code>, measured "
        f"{escape(shown(each.measured.value, unit))}: {escape(each.measured.text)}.</p>"
    )
    if each.decided_by.span:
        yield from _excerpt(each.decided_by.span, texts)
    yield "</article>"


def _properties(route: Measured) -> Iterator[str]:
    predicted = route.tried.predicted
    answers = shortfalls(route.need, route.route.reading.behavior)
    known = [name for name in properties() if name in route.known]
    if known:
        heads = ("property", *(("predicted",) if predicted else ()), "measured", "needed", "how that is known")
        yield f"<h3>What was learned</h3>\n{_scrolls('Properties')}\n{_table(*heads)}"
    for name in known:
        need = needed(name, route.need)
        kind, mark = _WORDS[answers.get(name, Answer.YES)] if need != "-" else ("", "")
        said = [shown(getattr(predicted.behavior, name), properties()[name].unit)] if predicted else []
        value = f'<span class="{kind}">{mark} {escape(value_of(route.route, name))}</span>'
        cells = [*map(escape, said), value, escape(need), escape(route.route.reading.evidence[name].text)]
        yield f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
    if known:
        yield "</tbody>\n</table>\n</div>"
    unknown = [name for name in properties() if name not in route.known]
    if unknown:
        yield f"<details><summary>Nothing was learned of {len(unknown)} of {len(properties())} properties</summary>\n<dl>"
        for name in unknown:
            yield f"<dt><code>{name}</code></dt><dd>{escape(route.route.reading.evidence[name].text)}</dd>"
        yield "</dl></details>"


def _decisions(route: Measured, texts: Mapping[str, str]) -> Iterator[str]:
    """The lines of the config that decide what was measured."""
    predicted = route.tried.predicted
    if predicted is None:
        return
    by_span: dict[Span, list[str]] = {}
    for name in properties():
        evidence: Evidence = predicted.evidence[name]
        if name in route.known and evidence.span and evidence.span.file in texts:
            by_span.setdefault(evidence.span, []).append(name)
    if by_span:
        yield "<details><summary>The lines that decide</summary>"
        for span, names in sorted(by_span.items()):
            yield f"<h3><code>{escape(str(span))}</code>: {escape(', '.join(names))}</h3>"
            yield from _excerpt(span, texts)
        yield "</details>"


def _excerpt(span: Span, texts: Mapping[str, str]) -> Iterator[str]:
    """A line of a config with those around it, and what is meant of it marked."""
    if span.file not in texts:
        return
    lines = texts[span.file].splitlines()
    first, last = max(1, span.line - _AROUND), min(len(lines), span.line + _AROUND)
    width = len(str(last))
    yield f'<pre tabindex="0" role="group" aria-label="{escape(str(span))}"><code>'
    for number in range(first, last + 1):
        line = lines[number - 1]
        text = escape(line)
        if number == span.line:
            end = span.end_column - 1 if span.end_line == span.line else len(line)
            head, middle, tail = line[: span.column - 1], line[span.column - 1 : end], line[end:]
            text = f"{escape(head)}<mark>{escape(middle)}</mark>{escape(tail)}"
        yield f"{number:>{width}} | {text}"
    yield "</code></pre>"


def _events(route: Measured) -> Iterator[str]:
    events = [event for event in route.timeline if event.exchange or event.what == "probe"]
    if len(events) < 2:  # noqa: PLR2004 - one is the beginning
        return
    yield f"<details><summary>The recording: {counted(len(events), 'event')}</summary>"
    yield f"{_scrolls('Recording')}\n{_table('seconds', 'exchange', 'what', 'facts')}"
    for event in events:
        facts = ", ".join(f"{name} {value}" for name, value in event.facts.items())
        yield f"<tr><td>{event.at:.3f}</td><td>{event.exchange}</td><td>{escape(event.what)}</td><td>{escape(facts)}</td></tr>"
    yield "</tbody>\n</table>\n</div></details>"
