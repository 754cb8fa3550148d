"""What was measured of a route, held against its need: the verdict, and the findings as lint has them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from proxycfg.behavior import Answer, Behavior, Between, properties, value_to_json
from proxycfg.faults import SHORT_OF_NEED, Fault
from proxycfg.finding import Category, Confidence, Finding, Kind, Severity
from proxycfg.need import INDIFFERENT, Need, shortfalls
from proxycfg.reading import Evidence, Reading, ReadRoute
from proxycfg.record import field, record
from proxycfg.rules import rules
from proxycfg.source import Span
from proxycfg.timeline import Timeline

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
class Measured:
    """One route as it was measured.

    :param known: the properties that something was learned about.
    :param reason: why there is no verdict; empty where there is one.
    """

    request: str
    target: str
    route: ReadRoute
    known: frozenset[str]
    need: Need
    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]
    timeline: Timeline


def measured(
    judged: Judged, need: Need, timeline: Timeline, *, request: str, host: str, path: str, protocol: str, span: Span
) -> Measured:
    """Hold what was judged against the need of the route.

    :param span: what findings point at: the place in a config, or the URL.
    """
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
        host=host,
        path=path,
        kind="url",
        span=span,
        reading=Reading(behavior, evidence),
        protocol=protocol,
        confidence=Confidence.DECLARED,
    )
    target = judged.target or "unknown"
    findings = [] if judged.skipped else sorted(_findings(judged, need, route, target), key=lambda each: each.order)
    grave = any(finding.severity is not Severity.INFO for finding in findings)
    return Measured(
        request=request,
        target=target,
        route=route,
        known=frozenset(judged.found),
        need=need,
        verdict="skipped" if judged.skipped else "fail" if grave else "pass",
        reason=judged.skipped,
        findings=tuple(findings),
        timeline=timeline,
    )


def _findings(judged: Judged, need: Need, route: ReadRoute, target: str) -> Iterator[Finding]:
    told: set[str] = set()
    for complaint in judged.complaints:
        told.update(complaint.tells)
        first, _, why = complaint.fault.page.partition("\n\n")
        yield _finding(complaint.fault, complaint.message, " ".join(why.split()) or first, route, target)
    for name, answer in shortfalls(need, route.reading.behavior).items():
        if answer is not Answer.NO or name in told or name not in judged.found:
            continue
        want = need.wants[name]
        message = f"{name} is {_shown(name, route.reading.behavior)}, needed is {value_to_json(name, want.accepted)}: {judged.found[name].text}"
        yield _finding(_rule_of(name, str(route.protocol)), message, want.why, route, target, want.category)


def _shown(name: str, behavior: Behavior) -> object:
    return value_to_json(name, getattr(behavior, name))


def _finding(
    kind: Kind, message: str, why: str, route: ReadRoute, target: str, category: Category | None = None
) -> Finding:
    return Finding(
        rule=kind.name,
        category=category or kind.category,
        severity=kind.severity,
        message=message,
        why=why,
        span=route.span,
        target=target,
        protocol=route.protocol,
        route_host=route.host,
        route_path=route.path,
    )


def _rule_of(name: str, protocol: str) -> Kind:
    """The rule of lint whose page explains a property that falls short."""
    owners: Sequence[Kind] = [rule for rule in rules().values() if name in rule.properties and rule.concerns(protocol)]
    return owners[0] if owners else SHORT_OF_NEED
