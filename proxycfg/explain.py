"""What a config does to its routes: the verb behind ``proxycfg explain``. Pure; files come through the lookup of the config that is passed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proxycfg.behavior import Answer
from proxycfg.errors import Problem
from proxycfg.need import Need, need_of, shortfalls
from proxycfg.protocols import protocols
from proxycfg.reading import ReadRoute
from proxycfg.source import Span
from proxycfg.spec import ordinary


@dataclass(frozen=True, slots=True)
class Passed:
    """One thing on a request's way: what, and the directive's place."""

    what: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One route, alone or as the end of a request.

    :param request: the URL that was asked for; None where every route is listed.
    :param route: None where no origin gets the request; ``answer`` then says what the proxy does itself.
    :param near: other places that nearly matched, and why they did not win.
    :param verdicts: with a protocol, the properties that fall short of its need (``NO``) or may (``MAYBE``).
    """

    request: str | None
    route: ReadRoute | None
    answer: str = ""
    steps: tuple[Passed, ...] = ()
    near: tuple[Passed, ...] = ()
    verdicts: Mapping[str, Answer] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """One element of ``routes`` (contract section 4)."""
        body: dict[str, object] = {}
        if self.request is not None:
            body["request"] = self.request
            body["proxied"] = self.route is not None
            body["steps"] = [
                {"what": step.what, "location": step.span.to_json() if step.span else None} for step in self.steps
            ]
        if self.route is None:
            return {
                **body,
                "host": None,
                "path": None,
                "match": None,
                "protocol": None,
                "confidence": None,
                "behavior": None,
                "answer": self.answer,
            }
        body |= self.route.to_json()
        if self.verdicts:
            body["shortfalls"] = {name: answer.value for name, answer in self.verdicts.items()}
        return body


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that was asked for, and what had to be assumed or could not be read."""

    target: str
    version: str
    routes: tuple[Explained, ...]
    assumed: tuple[str, ...]
    problems: tuple[Problem, ...]
    protocol: str | None = None
    need: Need | None = None

    def to_json(self) -> dict[str, object]:
        """``explain --format json``."""
        return {
            "version": 1,
            "target": self.target,
            "target_version": self.version,
            "routes": [route.to_json() for route in self.routes],
            "assumed": list(self.assumed),
            "problems": [
                {
                    "file": p.span.file,
                    "line": p.span.line,
                    "column": p.span.column,
                    "message": p.message,
                    "instead": p.instead,
                }
                for p in self.problems
            ],
        }


def ordinary_need(protocol: str) -> Need:
    """What an ordinary route of a protocol asks: no settings but the defaults of the spec."""
    return need_of(ordinary(protocols()[protocol]))


def judged(explained: Explained, need: Need | None) -> Explained:
    """The same, with the verdict on every property."""
    if need is None or explained.route is None:
        return explained
    verdicts = shortfalls(need, explained.route.reading.behavior)
    return Explained(explained.request, explained.route, explained.answer, explained.steps, explained.near, verdicts)


def explain(
    target: str,
    version: str,
    routes: Sequence[Explained],
    *,
    protocol: str | None,
    assumed: Sequence[str],
    problems: Sequence[Problem],
) -> Explanation:
    """Put an explanation together; with a protocol every route is held against its need."""
    need = ordinary_need(protocol) if protocol else None
    judged_routes = tuple(judged(route, need) for route in routes)
    return Explanation(target, version, judged_routes, tuple(assumed), tuple(problems), protocol, need)
