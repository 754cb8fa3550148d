"""An explanation for people: a tree of all routes, or one table a route with the line that decides each property."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

from proxycfg.behavior import Answer, properties
from proxycfg.explain import Explained, Explanation, Passed, ordinary_need
from proxycfg.finding import Confidence
from proxycfg.need import Need, shortfalls
from proxycfg.reading import Evidence, ReadRoute
from proxycfg.reports.style import Style, harmless
from proxycfg.source import Span
from proxycfg.values import needed, shown, value_of

WIDE = 10_000
"""Columns where lines are not to be broken."""
_NARROWEST = 60
_ROOM = 40
"""Columns that what decides a property needs beside it; with less it stands below."""
_MARKS = {Answer.YES: "✓", Answer.MAYBE: "?", Answer.NO: "✗"}
_VERDICTS = {Answer.YES: "green", Answer.MAYBE: "yellow", Answer.NO: "red"}
_MATCHES = {"prefix": "", "exact": "= ", "no-regex": "^~ ", "regex": "~ ", "regex-i": "~* "}


def explanation_to_text(
    explanation: Explanation, *, tables: bool, width: int | None = None, color: bool = False
) -> str:
    """The whole report; ``tables`` asks for every property of every route, otherwise routes without a request are a tree.

    :param width: columns of the terminal; None not to break lines.
    """
    printer = _Printer(explanation, max(_NARROWEST, width or WIDE), Style(color))
    return "\n".join(map(harmless, printer.report(tables=tables))).rstrip() + "\n"


def _not_understood_around(routes: Sequence[Explained]) -> Mapping[Passed, None]:
    """What is not understood and concerns whole servers, more than one of them if there are more: it stands around them."""
    whole = Counter(each.server for each in routes)
    places: dict[Passed, Counter[Passed | None]] = {}
    for each in routes:
        for unknown in dict.fromkeys(each.not_understood):
            places.setdefault(unknown, Counter())[each.server] += 1
    return {
        unknown: None
        for unknown, servers in places.items()
        if len(servers) >= min(2, len(whole)) and all(count == whole[server] for server, count in servers.items())
    }


class _Printer:
    def __init__(self, explanation: Explanation, width: int, style: Style) -> None:
        self.explanation = explanation
        self.width = width
        self.style = style
        self.need = explanation.need

    def report(self, *, tables: bool) -> Iterable[str]:
        told = self.explanation
        yield from self.wrapped(f"{told.target} {told.version}", f"({told.said_by})", "dim")
        for sentence in told.assumed:
            yield from self.wrapped("assumed:", sentence, "yellow")
        yield ""
        if not told.routes:
            yield "No route here hands requests to an origin."
        elif tables:
            for explained in told.routes:
                yield from self.table(explained)
                yield ""
        else:
            yield from self.tree()

    def wrapped(self, first: str, rest: str, how: str, indent: str = "") -> list[str]:
        """A word and a sentence, continued below the sentence's beginning."""
        hang = " " * (len(indent) + len(first) + 1)
        lines = textwrap.wrap(rest, max(20, self.width - len(hang)), break_long_words=False, break_on_hyphens=False)
        head, *more = lines or [""]
        return [f"{indent}{self.style.paint(first, how)} {head}", *(f"{hang}{line}" for line in more)]

    # ---- all routes ----

    def tree(self) -> Iterable[str]:
        routes = [each for each in self.explanation.routes if each.route]
        shared = _not_understood_around(routes)
        for unknown in shared:
            place = _place(unknown.span) if unknown.span else ""
            yield from self.cell(f"{self.style.paint('not understood:', 'yellow')} ", unknown.what, place, "    ")
        if shared:
            yield ""
        rows = [self.row(each, each.route, shared) for each in routes if each.route]
        heads = ("route", "events", "silence", "origin", "")
        place_width = max(len(place) for *_, place in rows)
        room = self.width - 4 - place_width
        widths = [max(len(head), *(len(row[at]) for row in rows)) for at, head in enumerate(heads)]
        others = sum(widths[1:]) + 2 * 4
        apart = room - others < min(widths[0], 24)
        widths[0] = min(widths[0], max(12, (self.width - 4 if apart else room) - others))
        server: object = ()
        for each, row in zip(routes, rows, strict=True):
            assert each.route
            if each.server != server:
                if server != ():
                    yield ""
                server = each.server
                yield from self.heading(each, each.route)
                yield self.style.paint(f"  {_cells(heads, widths)}".rstrip(), "dim")
            path, *cells, place = row
            line = f"  {_cells([path, *cells], widths)}"
            if len(path) > widths[0]:
                yield f"  {path}"
                line = f"  {_cells(['', *cells], widths)}"
            painted = self.style.paint_in(line, cells[0], _flow_color(each.route))
            if apart:
                yield painted.rstrip()
                yield f"      {self.style.paint(place, 'dim')}"
            else:
                yield f"{painted}  {self.style.paint(place, 'dim')}"
        yield ""
        yield from self.legend(routes)

    def heading(self, explained: Explained, route: ReadRoute) -> Iterable[str]:
        host = self.style.paint(route.host or "(any host)", "bold")
        if explained.server is None:
            yield host
            return
        place = _place(explained.server.span) if explained.server.span else ""
        yield from self.cell(f"{host}  ", explained.server.what, place, "    ")

    def row(self, explained: Explained, route: ReadRoute, shared: Container[Passed]) -> tuple[str, ...]:
        """The cells of a route; what is ``shared`` with the others is said above."""
        behavior = route.reading.behavior
        name = f"{_MATCHES.get(route.kind, '')}{route.path}"
        unknown = [each for each in explained.not_understood if each not in shared]
        extras = [
            *([f"{route.protocol}{_GUESS.get(route.confidence, '')}"] if route.protocol else []),
            *(["WebSocket passes"] if behavior.upgrade.low and route.protocol != "websocket" else []),
            *(["gRPC passes"] if behavior.grpc.low and route.protocol != "grpc" else []),
            *(["cached"] if behavior.caching.high else []),
            *([f"{len(unknown)} not understood"] if unknown else []),
            *([f"spec: {explained.made_from}"] if explained.made_from else []),
        ]
        return (
            name,
            _flow(route),
            shown(behavior.upstream_idle_timeout, "s"),
            f"HTTP/{shown(behavior.upstream_http_version, '')}",
            ", ".join(extras),
            _place(route.span),
        )

    def legend(self, routes: Sequence[Explained]) -> Iterable[str]:
        flows = {_flow(each.route) for each in routes if each.route}
        if flows - {"flow"}:
            yield from self.wrapped(
                "events stall:",
                "small ones are held back over the transports named (1.1, TLS, 2, 3), or over all",
                "dim",
            )
        yield from self.wrapped("silence:", "of the origin, until the stream is cut", "dim")
        yield from self.wrapped(
            "more:", "--path P or --url URL shows one route and what decides it, --full all of them", "dim"
        )

    # ---- one route ----

    def table(self, explained: Explained) -> Iterable[str]:
        paint = self.style.paint
        if explained.request is not None:
            yield paint(explained.request, "bold")
            for step in explained.steps:
                yield from self.step("→", step)
        route = explained.route
        if route is None:
            yield f"  {paint('no origin gets this:', 'red')} {explained.answer}"
            yield from self.after(explained)
            return
        if explained.request is None:
            title = f"{_MATCHES.get(route.kind, '')}{route.path}"
            yield f"{paint(title, 'bold')} on {route.host or 'any host'}  {paint(_place(route.span), 'dim')}"
        if explained.made_from:
            yield f"  = {explained.made_from} of the spec"
        if explained.because:
            yield from self.wrapped(
                f"taken for {route.protocol}:", f"{explained.because} ({route.confidence})", "dim", "  "
            )
        if self.need:
            yield from self.verdict(explained)
        yield ""
        yield from self.properties(explained, route)
        yield from self.after(explained)

    def verdict(self, explained: Explained) -> Iterable[str]:
        """All verdicts in one line."""
        answers = [explained.verdicts.get(name, Answer.YES) for name in properties() if needed(name, self.need) != "-"]
        short, perhaps = answers.count(Answer.NO), answers.count(Answer.MAYBE)
        how = "red" if short else "yellow" if perhaps else "green"
        said = [f"{count} {word}" for count, word in ((short, "fall short"), (perhaps, "may")) if count]
        summary = (
            f"of {len(answers)} properties {', '.join(said)}"
            if said
            else f"all {len(answers)} properties are fit for it"
        )
        yield f"  {self.style.paint(f'{self.explanation.protocol}:', how)} {summary}"

    def step(self, sign: str, step: Passed) -> Iterable[str]:
        place = _place(step.span) if step.span else ""
        yield from self.cell(f"  {sign} ", step.what, place, " " * 4)

    def cell(self, before: str, text: str, place: str, indent: str) -> Iterable[str]:
        """A text behind what stands before it, with its place at its end, or below where the line is too long."""
        room = self.width - len(indent)
        shown = " ".join(text.split())
        if len(shown) + 2 + len(place) <= room:
            yield f"{before}{shown}  {self.style.paint(place, 'dim')}".rstrip() if place else f"{before}{shown}"
            return
        pieces = textwrap.wrap(shown, max(20, room), break_on_hyphens=False) or [""]
        yield f"{before}{pieces[0]}"
        for piece in pieces[1:]:
            yield f"{indent}{piece}"
        if place:
            yield f"{indent}{self.style.paint(place, 'dim')}"

    def properties(self, explained: Explained, route: ReadRoute) -> Iterable[str]:
        verdicts, need = self.verdicts(explained, route)
        names = list(properties())
        values = {name: value_of(route, name) for name in names}
        needs = {name: needed(name, self.need) for name in names} if self.need else {}
        columns = [("", 1), ("property", max(map(len, names))), ("value", _fit(values.values(), 24))]
        if needs:
            columns.append(
                (
                    f"{self.explanation.protocol} needs",
                    _fit([*needs.values(), f"{self.explanation.protocol} needs"], 24),
                )
            )
        widths = [size for _, size in columns]
        heads = _cells([head for head, _ in columns], widths)
        below = self.width - len(heads) - 4 < _ROOM
        yield self.style.paint(f"  {heads}{'' if below else '  decided by'}".rstrip(), "dim")
        for name in names:
            answer = verdicts.get(name, Answer.YES)
            judged = needed(name, need) != "-"
            mark = (_MARKS[answer] if self.need else "!" if answer is not Answer.YES else "") if judged else ""
            line = f"  {_cells([mark, name, values[name], *([needs[name]] if needs else [])], widths)}"
            how = _VERDICTS[answer] if mark else ""
            painted = self.style.paint(line, how) if how in {"red", "yellow"} else self.style.paint_in(line, mark, how)
            before, indent = f"{painted}  ", " " * (len(line) + 2)
            if below:
                yield painted.rstrip()
                before = indent = " " * 7
            yield from self.cell(before, *_decided(route.reading.evidence[name]), indent)
            if self.need and judged and answer is not Answer.YES:
                word = "falls short:" if answer is Answer.NO else "may fall short:"
                yield from self.wrapped(word, need.wants[name].why, how, " " * 7)
        if not self.need and any(name in need.wants for name in verdicts):
            yield ""
            yield from self.wrapped(
                "!",
                "would hurt a stream of events; --protocol X holds each property against what X needs",
                "yellow",
                "  ",
            )

    def verdicts(self, explained: Explained, route: ReadRoute) -> tuple[Mapping[str, Answer], Need]:
        """What falls short, and of which need: that of the protocol, or of an event stream, which is hurt by most."""
        if self.need:
            return explained.verdicts, self.need
        need = ordinary_need("sse")
        return shortfalls(need, route.reading.behavior), need

    def after(self, explained: Explained) -> Iterable[str]:
        said = [
            *(("not chosen:", step) for step in explained.near),
            *(("not understood:", each) for each in explained.not_understood),
        ]
        if said or explained.assumed:
            yield ""
        for word, step in said:
            how = "yellow" if word == "not understood:" else "dim"
            yield from self.cell(
                f"  {self.style.paint(word, how)} ", step.what, _place(step.span) if step.span else "", "      "
            )
        for sentence in explained.assumed:
            yield from self.wrapped("assumed:", sentence, "yellow", "  ")


def _cells(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{size}}" for cell, size in zip(cells, widths, strict=False))


def _fit(cells: Iterable[str], most: int) -> int:
    return min(most, max(map(len, cells)))


def _place(span: Span) -> str:
    return f"{span.file}:{span.line}"


def _flow(route: ReadRoute) -> str:
    stalls = route.reading.behavior.stalls_on
    if stalls.high == frozenset():
        return "flow"
    word = "stall" if stalls.low else "may stall"
    over = stalls.low or stalls.high
    served = route.reading.behavior.client_http_versions.high
    if {_TRANSPORTS[each] for each in over} >= {"TLS" if "http/1.1+tls" in over else "1.1", *(served - {"1.1"})}:
        return word
    return f"{word} ({', '.join(sorted(_TRANSPORTS[each] for each in over))})"


_GUESS = {Confidence.INFERRED: " (inferred)"}
_TRANSPORTS = {"http/1.1": "1.1", "http/1.1+tls": "TLS", "2": "2", "3": "3"}


def _flow_color(route: ReadRoute) -> str:
    stalls = route.reading.behavior.stalls_on
    return "green" if not stalls.high else "red" if stalls.low else "yellow"


_DEFAULT = re.compile(r"(.*) \((default of [^()]*)\)")


def _decided(evidence: Evidence) -> tuple[str, str]:
    """What decides, and where it stands."""
    if evidence.span is None:
        found = _DEFAULT.fullmatch(evidence.text)
        return (found[1], found[2]) if found else (evidence.text, "")
    inherited = f" (from {evidence.block or 'the location around'})" if evidence.kind == "inherited" else ""
    return f"{evidence.text}{inherited}", _place(evidence.span)
