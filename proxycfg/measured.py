"""What was measured of a route, held against its need: the verdict, and the findings as lint has them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from proxycfg.behavior import Answer, Behavior, Between, properties
from proxycfg.faults import SHORT_OF_NEED, Fault
from proxycfg.finding import Category, Confidence, Finding, Kind, Severity
from proxycfg.need import INDIFFERENT, Need, shortfalls
from proxycfg.reading import Evidence, Reading, ReadRoute
from proxycfg.record import field, record
from proxycfg.rule import cap
from proxycfg.rules import rules
from proxycfg.source import Span
from proxycfg.timeline import Timeline
from proxycfg.values import needed, shown

Verdict = Literal["pass", "fail", "skipped"]


@record(frozen=True, slots=True)
class Found:
    """The value of a property, and how that is known, in words."""

    value: Between[Any]
    text: str


@record(frozen=True, slots=True)
class Complaint:
    """Something that went wrong, in words, and the properties that it says all about."""

    fault: Fault
    message: str
    tells: tuple[str, ...] = ()


@record(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a judge makes of a recorded timeline.

    :param found: by property; what is not there could not be known.
    :param unknown: by property, why it could not.
    :param skipped: why there is nothing to judge; empty where there is.
    :param target: the kind of hop that answered, as far as it says so itself; empty where it does not.
    """

    found: Mapping[str, Found]
    unknown: Mapping[str, str] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()
    skipped: str = ""
    target: str = ""


@record(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was tried: a request, and the place that it is about.

    :param request: as a URL that may be shown.
    :param kind: how the place matches, as ``explain`` says it; ``url`` where there is no config.
    :param span: what findings point at where no line decides: the place in a config, or the URL.
    :param target: the kind of hop; empty where only the answer tells.
    :param predicted: what was read out of the config, where there is one.
    :param reproduce: the command that does the same again.
    """

    request: str
    host: str | None
    path: str
    kind: str
    span: Span
    protocol: str
    confidence: Confidence = Confidence.DECLARED
    target: str = ""
    predicted: Reading | None = None
    reproduce: str = ""


@record(frozen=True, slots=True)
class Disagreement:
    """A property that was measured to be something else than what was read out of the config: a bug of this program.

    :param decided_by: the line or default that was taken to decide it.
    """

    name: str
    predicted: Between[Any]
    measured: Found
    decided_by: Evidence


@record(frozen=True, slots=True, kw_only=True)
class Measured:
    """One route as it was measured.

    :param known: the properties that something was learned about.
    :param reason: why there is no verdict; empty where there is one.
    :param disagreements: where the measurement contradicts the reading.
    """

    tried: Tried
    target: str
    route: ReadRoute
    known: frozenset[str]
    need: Need
    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]
    timeline: Timeline
    disagreements: tuple[Disagreement, ...] = ()


def measured(judged: Judged, need: Need, timeline: Timeline, tried: Tried) -> Measured:
    """Hold what was judged against the need of the route, and against what was read."""
    behavior = Behavior(
        **{name: judged.found[name].value if name in judged.found else INDIFFERENT[name] for name in properties()}
    )
    evidence = {
        name: Evidence(
            "measured", judged.found[name].text if name in judged.found else judged.unknown.get(name, "not measured")
        )
        for name in properties()
    }
    route = ReadRoute(
        host=tried.host,
        path=tried.path,
        kind=tried.kind,
        span=tried.span,
        reading=Reading(behavior, evidence),
        protocol=tried.protocol,
        confidence=tried.confidence,
    )
    target = tried.target or judged.target or "unknown"
    findings: list[Finding] = []
    if not judged.skipped:
        findings = sorted(_findings(judged, need, route, tried, target), key=lambda each: each.order)
    grave = any(finding.severity is not Severity.INFO for finding in findings)
    return Measured(
        tried=tried,
        target=target,
        route=route,
        known=frozenset(judged.found),
        need=need,
        verdict="skipped" if judged.skipped else "fail" if grave else "pass",
        reason=judged.skipped,
        findings=tuple(findings),
        timeline=timeline,
        disagreements=tuple(_disagreements(judged, tried.predicted)),
    )


def _disagreements(judged: Judged, predicted: Reading | None) -> Iterator[Disagreement]:
    """Properties whose measured and predicted ranges have no value in common."""
    for name in properties() if predicted else ():
        assert predicted
        said: Between[Any] = getattr(predicted.behavior, name)
        if name in judged.found and judged.found[name].value.within(said) is Answer.NO:
            yield Disagreement(name, said, judged.found[name], predicted.evidence[name])


def _findings(judged: Judged, need: Need, route: ReadRoute, tried: Tried, target: str) -> Iterator[Finding]:
    def made(kind: Kind, category: Category, message: str, why: str, decided: Sequence[str]) -> Finding:
        read = tried.predicted.evidence if tried.predicted else {}
        spans = (read[name].span for name in decided if name in read)
        return Finding(
            rule=kind.name,
            category=category,
            severity=cap(kind.severity, tried.confidence),
            confidence=tried.confidence,
            message=message,
            why=why,
            span=next((span for span in spans if span), tried.span),
            target=target,
            protocol=tried.protocol,
            route_host=tried.host,
            route_path=tried.path,
        )

    told: set[str] = set()
    for complaint in judged.complaints:
        told.update(complaint.tells)
        _, _, why = complaint.fault.page.partition("\n\n")
        yield made(complaint.fault, complaint.fault.category, complaint.message, " ".join(why.split()), complaint.tells)
    for name, answer in shortfalls(need, route.reading.behavior).items():
        if answer is Answer.NO and name not in told:
            want, is_ = need.wants[name], shown(judged.found[name].value, properties()[name].unit)
            message = f"{name} is {is_}, needed is {needed(name, need)}: {judged.found[name].text}"
            yield made(_rule_of(name, tried.protocol), want.category, message, want.why, (name,))


def _rule_of(name: str, protocol: str) -> Kind:
    """The rule of lint whose page explains a property that falls short."""
    owners: Sequence[Kind] = [rule for rule in rules().values() if name in rule.properties and rule.concerns(protocol)]
    return owners[0] if owners else SHORT_OF_NEED
