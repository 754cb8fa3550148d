"""A stack as the linter's rules see it: each stream on its way through all hops, with what it asks for.

What one hop knows to stream is a stream on all of them: an outer hop that says nothing of a path passes what an inner one calls an event stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from proxycfg.behavior import Answer, Between
from proxycfg.chain import Composed
from proxycfg.finding import Confidence, Fix, Related
from proxycfg.knowledge import Knowledge
from proxycfg.record import record, replace
from proxycfg.request import Asked
from proxycfg.rule import Case, Scene
from proxycfg.source import Span
from proxycfg.stack import NAMED, Reached, ReadHop, Stack, Way, follow, together
from proxycfg.streams import Declared, Stream

TARGET = "chain"
"""What findings about several hops are about."""


FixOf = Callable[[Case, tuple[str, ...]], Fix | None]
"""A change that gives a stream what it wants of these properties, where a hop has one."""
_Known = tuple[Case, FixOf]


@record(frozen=True, slots=True)
class Met:
    """A hop on a stream's way.

    :param at: its place, 0 for the outermost.
    :param case: the stream as the hop's own rules see it; None for a hop without a config.
    :param fix: the hop's own way to change what it does to its streams.
    """

    at: int
    reached: Reached
    case: Case | None
    fix: FixOf

    @property
    def name(self) -> str:
        """How reports call it."""
        return self.reached.hop.name

    def value(self, name: str) -> Between[Any]:
        """A property, as it is alone."""
        found: Between[Any] = getattr(self.reached.reading.behavior, name)
        return found

    def span_of(self, name: str) -> Span:
        """Where to look for what decides a property: the directive, or the route where silence does."""
        return self.reached.reading.evidence[name].span or self.reached.span

    def said(self, name: str) -> str:
        """What decides a property, in the words of the config."""
        return self.reached.reading.evidence[name].text

    def remedy(self, name: str) -> str:
        """What to write on this hop for a property to be as the stream needs it, as a sentence; empty where it has no config."""
        if self.case is None:
            return ""
        fix = self.fix(self.case, (name,)) if name in self.case.shortfalls else None
        said = f"{fix.title[:1].upper()}{fix.title[1:]}." if fix is not None else self.case.hint(self.case, name)
        return f"{self.name}: {said}" if said else ""

    def tells(self, name: str) -> Related:
        """This hop as another place that a finding speaks of."""
        return Related(self.span_of(name), f"{self.name}: {self.said(name)}")


@record(frozen=True, slots=True)
class Company:
    """A stream on its way: the hops that it meets, outermost first, and what they do together."""

    case: Case
    way: Way
    whole: Composed
    met: tuple[Met, ...]

    @property
    def path(self) -> str:
        """As clients ask for it."""
        return self.way.path

    def wanted(self, name: str) -> Between[Any]:
        """What the stream can live with."""
        found: Between[Any] = getattr(self.case.need.accepted, name)
        return found

    def value(self, name: str) -> Between[Any]:
        """What the hops do together."""
        found: Between[Any] = getattr(self.whole.behavior, name)
        return found

    def short(self, name: str) -> Answer:
        """Whether what the hops do together is what the stream can live with."""
        return self.value(name).within(self.wanted(name))

    def undone(self, name: str) -> Iterator[tuple[Met, Met]]:
        """The hops by which the whole falls short of what the stream asks for, each with one that gives it."""
        short = self.short(name)
        if short is Answer.YES:
            return
        culprits = [self.met[at] for at in self.whole.deciding[name]]
        if short is Answer.MAYBE:
            # What nobody says, and nobody documents, is no reason to change anything.
            culprits = [each for each in culprits if each.reached.reading.evidence[name].kind != "default"]
        for other in self.met:
            gives = other.value(name).within(self.wanted(name)) is Answer.YES
            if gives and other not in culprits and not other.reached.seam.relays:
                yield from ((culprit, other) for culprit in culprits)
                return

    def pairs(self) -> Iterator[tuple[Met, Met]]:
        """Each two hops that both speak HTTP, the outer one first."""
        speaking = [each for each in self.met if not each.reached.seam.relays]
        for at, outer in enumerate(speaking):
            for inner in speaking[at + 1 :]:
                yield outer, inner


@record(frozen=True, slots=True)
class ChainTree:
    """What rules about several hops look at."""

    stack: Stack
    streams: tuple[Company, ...]


def scene_of(stack: Stack, hops: Sequence[ReadHop], knowledge: Knowledge) -> Scene:
    """A stack for the linter.

    :param knowledge: what is declared elsewhere; what the stack declares comes on top of it.
    """
    declared = [*knowledge.declared, *stack.streams]
    alone = [scene for hop in hops for scene in hop.scenes(replace(knowledge, declared=declared))]
    streams: dict[str, tuple[str, Stream]] = {}
    for path, stream in _streams(declared, alone):
        known = streams.get(path)
        if known is None or stream.confidence.rank > known[1].confidence.rank:
            streams[path] = path, stream
    shared = replace(
        knowledge,
        declared=[
            Declared(path=path, protocol=stream.protocol, heartbeat=stream.heartbeat, idle_timeout=stream.idle_timeout)
            for path, stream in streams.values()
        ],
    )
    cases = [(case, scene.fix) for hop in hops for scene in hop.scenes(shared) for case in scene.cases]
    met = [
        company
        for path, stream in streams.values()
        if (company := _company(stack, hops, knowledge, path, stream, cases)) is not None
    ]
    return Scene(
        target=TARGET,
        files=(stack.file, *(name for scene in alone for name in scene.files)),
        routes=sum(scene.routes for scene in alone),
        cases=tuple(company.case for company in met),
        names=frozenset(name for scene in alone for name in scene.names),
        tree=ChainTree(stack, tuple(met)),
        notes=tuple(note for scene in alone for note in scene.notes),
        problems=tuple(problem for scene in alone for problem in scene.problems),
        texts={name: text for scene in alone for name, text in scene.texts.items()},
    )


def _streams(declared: Sequence[Declared], scenes: Sequence[Scene]) -> Iterator[tuple[str, Stream]]:
    """The paths that are declared, and those that hops know by themselves."""
    for each in declared:
        if each.kind != "regex":
            yield each.path, each.stream
    for scene in scenes:
        for case in scene.cases:
            if case.route.kind in NAMED and case.route.path.startswith("/"):
                yield case.route.path, case.stream


def _company(
    stack: Stack, hops: Sequence[ReadHop], knowledge: Knowledge, path: str, stream: Stream, cases: Sequence[_Known]
) -> Company | None:
    """A stream on its way; None where no origin gets it."""
    known = stream.protocol if stream.confidence is not Confidence.INFERRED else None
    way = follow(hops, Asked(paths=(path,), host=stack.host), known)
    route = together(way).route
    if way.whole is None or route is None:
        return None
    need, asked = knowledge.need_of(stream)
    shown = replace(route, protocol=stream.protocol, confidence=stream.confidence)
    met = tuple(Met(at, reached, *_of(reached, stream, cases)) for at, reached in enumerate(way.reached))
    return Company(Case(route=shown, need=need, stream=stream, asked=asked), way, way.whole, met)


def _of(reached: Reached, stream: Stream, cases: Sequence[_Known]) -> tuple[Case | None, FixOf]:
    """The stream as a hop's own rules see it, and how that hop is changed."""
    return next(
        (known for known in cases if known[0].route.span == reached.span and known[0].protocol == stream.protocol),
        (None, lambda _case, _wishes: None),
    )
