"""What a rule is: one pitfall, one file in ``rules/``, whose docstring is its page.

There are three kinds. A *route rule* looks at one stream at a time and owns some properties: it is asked only where one of them falls short of
the route's need, and only about protocols that it names. An *idiom* looks at a whole config, at what no property tells. A *review* looks at
the notes that silenced nothing. Each is a function that yields complaints; confidence, suppression, merging and fixes are
:mod:`proxycfg.lint`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from proxycfg.behavior import Answer, Between
from proxycfg.errors import Problem
from proxycfg.finding import Category, Confidence, Fix, Kind, Related, Severity
from proxycfg.need import Judge, Need
from proxycfg.note import Note
from proxycfg.reading import Evidence, ReadRoute
from proxycfg.record import field, record
from proxycfg.source import Span
from proxycfg.streams import Declared, Stream

# ---- what rules look at ----


@record(frozen=True, kw_only=True)
class Case:
    """A route that streams, and what it asks for.

    :param route: as the config has it.
    :param stream: what flows through it, how surely, and what says so.
    :param asked: the properties of which a spec asks something else than the protocol does by itself.
    :param older: where the version is not known, the route as the oldest version in wide use reads it.
    :param partial: whether some of what stands there is not at hand, such as a file that cannot be included: then silence tells nothing.
    :param gaps_are_open: whether the reader leaves open all that what is not at hand decides: then what is sure is so in spite of it.
    :param told_only: whether silence tells nothing since the rest is set elsewhere, such as in a dashboard.
    :param subject: the target's own idea of the route, for its fixes and idioms.
    :param judge: of all the cases of a config.
    :param hint: what to write for a property to be as the route needs it, as a sentence in the target's words; empty where there is none.
    :param open: the severity of what may be so: how much it tells that the config leaves something open.
    """

    route: ReadRoute
    need: Need
    stream: Stream
    asked: frozenset[str] = frozenset()
    older: ReadRoute | None = None
    partial: bool = False
    gaps_are_open: bool = False
    told_only: bool = False
    subject: Any = field(default=None, repr=False, compare=False)
    judge: Judge = field(default_factory=Judge, repr=False, compare=False)
    hint: Callable[[Case, str], str] = field(default=lambda _case, _name: "", repr=False, compare=False)
    open: Severity = Severity.WARNING

    @property
    def protocol(self) -> str:
        """What it carries."""
        return self.stream.protocol

    @property
    def heartbeat(self) -> float | None:
        """Seconds between signs of life of a silent origin, where somebody said so."""
        return self.stream.heartbeat

    @property
    def title(self) -> str:
        """How messages name it."""
        return f"{self.route.path} ({self.protocol})"

    def value(self, name: str) -> Between[Any]:
        """What the config gives it."""
        found: Between[Any] = getattr(self.route.reading.behavior, name)
        return found

    @cached_property
    def shortfalls(self) -> Mapping[str, Shortfall]:
        """The properties in which it falls short, surely or perhaps, by the version that runs it or by the older one."""
        found = {name: Shortfall(self, name, answer) for name, answer in self._short(self.route).items()}
        if self.older is not None:
            for name, answer in self._short(self.older).items():
                if name not in found:
                    found[name] = Shortfall(self, name, answer, only_older=True)
        if self.partial:
            # What is written there stands; what is not may stand in the part that is missing.
            return {
                name: short
                for name, short in found.items()
                if short.evidence.kind == "config" or (self.gaps_are_open and short.sure)
            }
        if self.told_only:
            return {name: short for name, short in found.items() if short.evidence.kind != "default"}
        return found

    def _short(self, route: ReadRoute) -> Mapping[str, Answer]:
        return self.judge.shortfalls(self.need, route.reading.behavior)


def surest(cases: Sequence[Case]) -> Case | None:
    """The stream that is most surely one, for what concerns all of them."""
    return max(cases, key=lambda case: case.stream.confidence.rank, default=None)


@record(frozen=True, slots=True)
class Shortfall:
    """A property outside of what its route can live with.

    ``only_older`` says that the newest version would do, but not those that many still run.
    """

    case: Case
    name: str
    answer: Answer
    only_older: bool = False

    @property
    def route(self) -> ReadRoute:
        """The route as the version reads it that this is about."""
        return self.case.older if self.only_older and self.case.older is not None else self.case.route

    @property
    def value(self) -> Between[Any]:
        """What it is."""
        found: Between[Any] = getattr(self.route.reading.behavior, self.name)
        return found

    @property
    def wanted(self) -> Between[Any]:
        """What the route can live with."""
        found: Between[Any] = getattr(self.case.need.accepted, self.name)
        return found

    @property
    def evidence(self) -> Evidence:
        """What decides it."""
        return self.route.reading.evidence[self.name]

    @property
    def span(self) -> Span:
        """Where to look: the directive that decides it, or the route where silence does."""
        return self.evidence.span or self.case.route.span

    @property
    def why(self) -> str:
        """What happens outside of what is wanted."""
        return self.case.need.wants[self.name].why

    @property
    def sure(self) -> bool:
        """Whether it falls short whatever is open: the version, a variable."""
        return self.answer is Answer.NO and not self.only_older

    @property
    def will(self) -> str:
        """``will`` or ``may``."""
        return "will" if self.sure else "may"

    @property
    def severity(self) -> Severity:
        """An error, or what is said where the config leaves it open."""
        return Severity.ERROR if self.sure else self.case.open

    def because(self, *sentences: str) -> str:
        """The reasons, and behind them what to write instead."""
        return " ".join(filter(None, (*sentences, self.case.hint(self.case, self.name))))


@record(frozen=True, kw_only=True)
class Scene:
    """One config under review.

    :param files: the names of those that were read.
    :param routes: how many places hand requests to an origin, whether they stream or not.
    :param cases: those that do, in the order of the file.
    :param names: of all the directives in it: an idiom that waits for others is not asked.
    :param tree: the target's own idea of the config; the idioms of that target know its type.
    :param problems: what cannot be read; such a config never passes.
    :param unmatched: what was declared to stream, and is nowhere here.
    :param texts: the text of each file, by its name.
    :param fix: a change that gives a stream what it wants of these properties, where there is one.
    :param lowered: whether a program has made the config of other texts: a rule's own fix would be none of those.
    """

    target: str
    files: tuple[str, ...]
    routes: int
    cases: tuple[Case, ...]
    names: frozenset[str] = frozenset()
    tree: Any = field(default=None, repr=False)
    notes: tuple[Note, ...] = ()
    problems: tuple[Problem, ...] = ()
    unmatched: tuple[Declared, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    fix: Callable[[Case, tuple[str, ...]], Fix | None] = field(default=lambda _stream, _wishes: None, repr=False)
    lowered: bool = False


# ---- what rules say ----


@record(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What a rule has to say.

    :param severity: if the route is surely a stream; a guess lowers it. None: the rule's own.
    :param wishes: the properties that a fix should bring within the need, for the target to work out.
    :param fix: one that the rule has itself.
    :param case: which route, for idioms; a route rule's is known.
    """

    message: str
    why: str
    span: Span
    severity: Severity | None = None
    related: tuple[Related, ...] = ()
    wishes: tuple[str, ...] = ()
    fix: Fix | None = None
    case: Case | None = None


Check = Callable[[Case], Iterator[Complaint]]
Inspect = Callable[[Any], Iterator[Complaint]]
Review = Callable[[Sequence[tuple[Note, str]]], Iterator[Complaint]]


@record(frozen=True, slots=True, kw_only=True)
class Rule(Kind):
    """One pitfall; its slug is the file's name, its page says what it sees, why that hurts and what to write instead.

    :param properties: that it owns, for a route rule.
    :param protocols: that it speaks of; None for any that needs the property.
    :param directives: at least one of which must be there for an idiom to be asked; empty: always.
    """

    told_by = "lint"

    properties: tuple[str, ...] = ()
    protocols: frozenset[str] | None = None
    directives: frozenset[str] = frozenset()
    check: Check | None = None
    inspect: Inspect | None = None
    review: Review | None = None

    def concerns(self, protocol: str) -> bool:
        """Whether it speaks of that protocol."""
        return self.protocols is None or protocol in self.protocols


def route_rule(
    *properties: str,
    category: Category,
    severity: Severity,
    protocols: tuple[str, ...] | None = None,
    targets: tuple[str, ...] = ("nginx",),
) -> Callable[[Check], Rule]:
    """A rule about streams, one at a time, asked where one of its ``properties`` falls short."""

    def made(check: Check) -> Rule:
        return Rule(
            name=_slug(check), category=category, severity=severity, read_page=_page(check), targets=targets, properties=properties,
            protocols=None if protocols is None else frozenset(protocols), check=check,
        )  # fmt: skip

    return made


def idiom(
    *directives: str, category: Category, severity: Severity, targets: tuple[str, ...] = ("nginx",)
) -> Callable[[Inspect], Rule]:
    """A rule about a whole config, asked where one of the ``directives`` stands in it, or always."""

    def made(check: Inspect) -> Rule:
        return Rule(
            name=_slug(check), category=category, severity=severity, read_page=_page(check), targets=targets,
            directives=frozenset(directives), inspect=check,
        )  # fmt: skip

    return made


def review(*, category: Category, severity: Severity) -> Callable[[Review], Rule]:
    """A rule about the notes that silenced nothing, each with the name of the rule that it meant to silence."""

    def made(check: Review) -> Rule:
        return Rule(
            name=_slug(check), category=category, severity=severity, read_page=_page(check), targets=(), review=check
        )

    return made


def _slug(check: Callable[..., Any]) -> str:
    return check.__name__.replace("_", "-")


def _page(check: Callable[..., Any]) -> Callable[[], str]:
    def read() -> str:
        import inspect  # noqa: PLC0415 - dear, and a page is seldom asked for

        return inspect.cleandoc(check.__globals__["__doc__"] or "")

    return read


def cap(severity: Severity, confidence: Confidence) -> Severity:
    """The severity that a guess allows: a route that only looks like a stream never yields an error."""
    return Severity.WARNING if confidence is Confidence.INFERRED and severity is Severity.ERROR else severity
