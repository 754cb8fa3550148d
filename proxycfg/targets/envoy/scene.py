"""An Envoy as the linter's rules see it: which of its routes stream, what each of them asks for, and the notes in its comments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol

from proxycfg.collector import held_off
from proxycfg.errors import Problem
from proxycfg.finding import Fix, Severity
from proxycfg.knowledge import NOTHING, Knowledge
from proxycfg.need import Judge
from proxycfg.note import Note
from proxycfg.record import record, replace
from proxycfg.rule import Case, Scene, surest
from proxycfg.streams import Stream
from proxycfg.targets.envoy import versions
from proxycfg.targets.envoy.bootstrap import Config
from proxycfg.targets.envoy.comments import notes
from proxycfg.targets.envoy.fixes import Fixer
from proxycfg.targets.envoy.place import Place, Reader
from proxycfg.targets.envoy.read import read_route
from proxycfg.targets.envoy.routes import Route, World, read_world
from proxycfg.targets.envoy.signs import Signs


@record(frozen=True, slots=True)
class View:
    """A case, seen by rules that look at nginx as well."""

    case: Case

    def reads_arguments(self, *names: str) -> bool:
        """Whether its route decides by one of these arguments of the query."""
        matchers = self.case.subject.match.messages("query_parameters")
        return any((each.text("name") or "").lower() in names for each in matchers)


@record(frozen=True)
class EnvoyTree:
    """What idioms of Envoy look at."""

    config: Config
    world: World
    reader: Reader
    cases: tuple[Case, ...]

    @cached_property
    def surest(self) -> Case | None:
        """The stream that is most surely one, for what concerns all of them."""
        return surest(self.cases)

    @property
    def views(self) -> tuple[View, ...]:
        """Each stream that is all at hand."""
        return tuple(View(case) for case in self.cases if not case.partial)

    def places(self, case: Case) -> list[Place]:
        """What a stream may come through: each door with each cluster, and the filters in force there."""
        route = case.subject
        assert isinstance(route, Route)
        return self.reader.places(route, case.protocol)


class Fixes(Protocol):
    """Who says what to write instead."""

    def fix(self, case: Case, wishes: tuple[str, ...]) -> Fix | None:
        """A change that brings properties within the need."""
        ...

    def words(self, case: Case, name: str) -> str:
        """The same for one property, as a sentence."""
        ...


@held_off()
def scene_of(
    config: Config, version: str | None, knowledge: Knowledge = NOTHING, fixer_of: Callable[[Reader], Fixes] = Fixer
) -> Scene:
    """A config for the linter.

    :param version: such as ``1.40``; None for what the config says, or the newest.
    :param fixer_of: who words what to write instead, where that is no config of Envoy.
    """
    world = read_world(config)
    reader = Reader(world, version or versions.find(config).number)
    signs = Signs(world, knowledge.declared)
    judge = Judge()
    fixer = fixer_of(reader)
    count = 0
    cases: list[Case] = []
    for route in world.routes():
        if route.proxied:
            count += 1
            cases += (
                _case(reader, route, stream, knowledge, judge, fixer)
                for stream in signs.all_of(route)
                if stream.protocol != "http"
            )
    told = list(_notes(config))
    return Scene(
        target="envoy",
        files=tuple(config.files),
        routes=count,
        cases=tuple(cases),
        tree=EnvoyTree(config, world, reader, tuple(cases)),
        notes=tuple(each for each in told if isinstance(each, Note)),
        problems=(*config.problems, *signs.problems, *(each for each in told if isinstance(each, Problem))),
        unmatched=tuple(signs.unmatched),
        texts={name: trees.source.text for name, trees in config.files.items()},
        fix=fixer.fix,
    )


def _notes(config: Config) -> Iterator[Note | Problem]:
    for trees in config.files.values():
        yield from notes(trees)


def _case(reader: Reader, route: Route, stream: Stream, knowledge: Knowledge, judge: Judge, fixer: Fixes) -> Case:
    told = replace(read_route(reader, route, stream.protocol), confidence=stream.confidence)
    need, asked = knowledge.need_of(stream)
    return Case(
        route=told,
        need=need,
        stream=stream,
        asked=asked,
        # Where the listener or the cluster is not at hand, silence tells nothing.
        partial=not route.host.table.doors or any(origin.message is None for origin in reader.origins(route)),
        gaps_are_open=True,
        subject=route,
        judge=judge,
        hint=fixer.words,
        # Nearly always a filter that nobody outside can look into.
        open=Severity.INFO,
    )
