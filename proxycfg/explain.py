"""What a config does to its routes: the verb behind ``proxycfg explain``. Pure; files come through the lookup of the config that is passed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxycfg.behavior import Answer, properties, value_to_json
from proxycfg.chain import Seam
from proxycfg.errors import Problem
from proxycfg.finding import Confidence
from proxycfg.need import Need, need_of, shortfalls
from proxycfg.protocols import protocols
from proxycfg.reading import ReadRoute
from proxycfg.record import field, record, replace
from proxycfg.source import Span
from proxycfg.streams import Stream


@record(frozen=True, slots=True)
class Passed:
    """One thing on a request's way: what, and the directive's place."""

    what: str
    span: Span | None

    def to_json(self) -> dict[str, object]:
        """What, and the place."""
        return {"what": self.what, "location": self.span.to_json() if self.span else None}


@record(frozen=True, slots=True)
class Explained:
    """One route, alone or as the end of a request.

    :param request: the URL that was asked for; None where every route is listed.
    :param route: None where no origin gets the request; ``answer`` then says what the proxy does itself.
    :param server: the server of the route: its names and listeners.
    :param near: other places that nearly matched, and why they did not win.
    :param assumed: what had to be assumed to follow the request.
    :param because: why the route is taken to carry its protocol, as the end of a sentence; empty where nobody guessed.
    :param made_from: the route of the spec, in a config that this program has generated.
    :param not_understood: directives that matter here and are not modelled.
    :param seam: of a request's end, how the hop meets its neighbours there.
    :param deciding: of a chain, the names of the hops that decide each property.
    :param verdicts: with a protocol, the properties that fall short of its need (``NO``) or may (``MAYBE``).
    """

    request: str | None
    route: ReadRoute | None
    answer: str = ""
    server: Passed | None = None
    steps: tuple[Passed, ...] = ()
    near: tuple[Passed, ...] = ()
    assumed: tuple[str, ...] = ()
    because: str = ""
    made_from: str = ""
    not_understood: tuple[Passed, ...] = ()
    verdicts: Mapping[str, Answer] = field(default_factory=dict)
    seam: Seam | None = field(default=None, repr=False, compare=False)
    deciding: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_json(self, need: Need | None = None) -> dict[str, object]:
        """One element of ``routes`` (contract section 4)."""
        body: dict[str, object] = {}
        if self.request is not None:
            body = {
                "request": self.request,
                "proxied": self.route is not None,
                "steps": [step.to_json() for step in self.steps],
                "near": [step.to_json() for step in self.near],
                "assumed": list(self.assumed),
            }
        if self.route is None:
            nothing = dict.fromkeys(("host", "path", "match", "protocol", "confidence", "behavior"))
            return {**body, **nothing, "answer": self.answer}
        verdicts = self._verdicts(need) if need else {}
        hops = {name: {"hops": list(by)} for name, by in self.deciding.items()}
        body |= self.route.to_json({name: {**hops.get(name, {}), **verdicts.get(name, {})} for name in properties()})
        body["server"] = self.server.to_json() if self.server else None
        body["not_understood"] = [each.to_json() for each in self.not_understood]
        if self.because:
            body["protocol_because"] = self.because
        if self.made_from:
            body["spec_route"] = self.made_from
        return body

    def _verdicts(self, need: Need) -> dict[str, dict[str, object]]:
        return {
            name: {
                "need": value_to_json(name, want.accepted),
                "verdict": VERDICTS[self.verdicts.get(name, Answer.YES)],
                "why": want.why,
            }
            for name, want in need.wants.items()
        }


VERDICTS = {Answer.YES: "pass", Answer.MAYBE: "may fail", Answer.NO: "fail"}


@record(frozen=True, slots=True)
class Explanation:
    """All that was asked for, and what had to be assumed or could not be read.

    :param said_by: who says the version.
    """

    target: str
    version: str
    said_by: str
    routes: tuple[Explained, ...]
    assumed: tuple[str, ...]
    problems: tuple[Problem, ...]
    protocol: str | None = None
    need: Need | None = None

    def to_json(self) -> dict[str, object]:
        """``explain --format json``."""
        return {
            "target": self.target,
            "target_version": self.version,
            "target_version_from": self.said_by,
            "routes": [route.to_json(self.need) for route in self.routes],
            "assumed": list(self.assumed),
            "errors": [problem.to_json() for problem in self.problems],
        }


def ordinary_need(protocol: str) -> Need:
    """What an ordinary route of a protocol asks: no settings but the defaults of the spec."""
    from proxycfg.spec import ordinary  # noqa: PLC0415 - most runs name no protocol

    return need_of(ordinary(protocols()[protocol]))


def judged(explained: Explained, need: Need | None) -> Explained:
    """The same, with the verdict on every property."""
    if need is None or explained.route is None:
        return explained
    return replace(explained, verdicts=shortfalls(need, explained.route.reading.behavior))


# ---- what the targets' readers put it together from ----


def read_as(stream: Stream | None, protocol: str | None) -> str | None:
    """The protocol by which a route is read, ``protocol`` where somebody named one: a guess from a name decides no property."""
    return protocol or (stream.protocol if stream and stream.confidence is not Confidence.INFERRED else None)


def taken_for(route: ReadRoute, stream: Stream | None, protocol: str | None) -> tuple[ReadRoute, str]:
    """A route with what it carries, ``protocol`` where somebody named one; and why it is taken to, where nobody did."""
    if protocol:
        return replace(route, confidence=Confidence.DECLARED), ""
    if stream is None:
        return route, ""
    return replace(route, protocol=stream.protocol, confidence=stream.confidence), stream.why


def some_of(words: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"{', '.join(words[:_SHOWN])}{more}"


_SHOWN = 3


def beside(best: Explained, others: Sequence[str], what: str) -> Explained:
    """Where a path ends first, with the URLs by which other servers, or whatever ``what`` calls them, answer it as well."""
    if best.route is None or not others:
        return best
    said = f"other {what} answer this path, too: {some_of(others)} (--host or --url asks them)"
    return replace(best, assumed=(*best.assumed, said))


def explain(
    target: str,
    version: str,
    routes: Sequence[Explained],
    *,
    protocol: str | None = None,
    said_by: str = "",
    assumed: Sequence[str] = (),
    problems: Sequence[Problem] = (),
) -> Explanation:
    """Put an explanation together; with a protocol every route is held against its need."""
    need = ordinary_need(protocol) if protocol else None
    judged_routes = tuple(judged(route, need) for route in routes)
    return Explanation(target, version, said_by, judged_routes, tuple(assumed), tuple(problems), protocol, need)
