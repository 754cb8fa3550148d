"""A stack: the hops between client and origin as somebody's files have them, and where one request goes through all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from proxycfg.behavior import Behavior, properties
from proxycfg.chain import Composed, Hop, Seam, compose, relay
from proxycfg.errors import Problem
from proxycfg.explain import Explained, Passed
from proxycfg.finding import Confidence
from proxycfg.reading import Evidence, Reading, ReadRoute
from proxycfg.record import record, replace
from proxycfg.request import Asked
from proxycfg.source import Span
from proxycfg.streams import Declared

if TYPE_CHECKING:
    from proxycfg.knowledge import Knowledge
    from proxycfg.rule import Scene


@record(frozen=True, slots=True, kw_only=True)
class StackHop:
    """One hop of a stack.

    :param kind: ``nginx``, ``envoy``, ``cloudflare`` or ``opaque``.
    :param config: the path of its config; empty where there is none.
    :param version: of what runs it, or Cloudflare's plan; empty where nobody says.
    :param opaque: what it does, where only numbers are known, and ``stated`` the properties that are.
    """

    name: str
    kind: str
    span: Span
    config: str = ""
    version: str = ""
    opaque: Behavior | None = None
    stated: Mapping[str, str]

    @property
    def title(self) -> str:
        """How reports call it: its name, and what it is."""
        return self.name if self.kind in {self.name, "opaque"} else f"{self.name} ({self.kind})"


@record(frozen=True, slots=True, kw_only=True)
class Stack:
    """A settled ``stack.yaml``: hops outermost first."""

    file: str
    host: str
    hops: tuple[StackHop, ...]
    streams: tuple[Declared, ...]


Ask = Callable[[Asked, str | None], Explained]
"""Where one request ends on a hop, read for a protocol."""


@record(frozen=True, slots=True)
class ReadHop:
    """A hop whose config is read.

    :param explain: what each of its configs does to all its routes, or to requests; None for a hop of which only numbers are known.
    :param scenes: what rules see of it.
    :param problems: what is wrong with its config.
    :param assumed: what had to be assumed to read it.
    """

    hop: StackHop
    explain: Callable[[Asked, str | None], list[list[Explained]]] | None
    scenes: Callable[[Knowledge], list[Scene]]
    problems: tuple[Problem, ...] = ()
    assumed: tuple[str, ...] = ()

    @property
    def ask(self) -> Ask | None:
        """Where a request ends: of several configs, in the first in which an origin gets it."""
        explain = self.explain
        if explain is None:
            return None

        def ask(asked: Asked, protocol: str | None) -> Explained:
            ways = [found[0] for found in explain(asked, protocol)]
            return next((way for way in ways if way.route), ways[0])

        return ask

    def routes(self) -> list[ReadRoute]:
        """All its routes."""
        found = self.explain(Asked(), None) if self.explain is not None else []
        return [each.route for one in found for each in one if each.route is not None]


def paths_of(stack: Stack, hops: Sequence[ReadHop]) -> list[str]:
    """The paths that a stack declares, and those that its hops name by themselves, the outermost hop's first."""
    found = dict.fromkeys(stream.path for stream in stack.streams)
    for hop in hops:
        found |= dict.fromkeys(
            route.path for route in hop.routes() if route.kind in NAMED and route.path.startswith("/")
        )
    return list(found)


NAMED = frozenset({"prefix", "exact", "no-regex", "path"})
"""Kinds of routes whose path is one that a client can ask for."""


@record(frozen=True, slots=True, kw_only=True)
class Reached:
    """A hop that a request has reached, and what it does there."""

    hop: StackHop
    explained: Explained
    seam: Seam

    @property
    def reading(self) -> Reading:
        """What it does."""
        assert self.explained.route is not None
        return self.explained.route.reading

    @property
    def span(self) -> Span:
        """Its route, or its place in the stack."""
        return self.explained.route.span if self.explained.route is not None else self.hop.span


@record(frozen=True, slots=True, kw_only=True)
class Way:
    """One request through the hops, outermost first.

    :param path: as clients ask for it.
    :param reached: the hops that it gets to; the last one answers by itself where ``whole`` is None.
    :param whole: what they do together.
    """

    asked: str
    path: str
    protocol: str | None
    reached: tuple[Reached, ...]
    whole: Composed | None
    answer: str
    assumed: tuple[str, ...] = ()


def follow(hops: Sequence[ReadHop], asked: Asked, protocol: str | None) -> Way:
    """The way of the one URL or path that is asked for, read for a protocol, or for what the hops say that travels there.

    :raises ValueError: if the URL is none.
    """
    way = _walked(hops, asked, protocol)
    if protocol is None:
        told = [each.explained.route for each in way.reached if each.explained.route is not None]
        surest = max(told, key=lambda route: route.confidence.rank if route.protocol else -1)
        # A guess from a name decides no property.
        if surest.protocol and surest.confidence is not Confidence.INFERRED:
            way = _walked(hops, asked, surest.protocol)
    return way


def _walked(hops: Sequence[ReadHop], asked: Asked, protocol: str | None) -> Way:
    first = (*asked.urls, *asked.paths)[0]
    path = asked.request(first, protocol).target if asked.urls else first
    reached: list[Reached] = []
    assumed: list[str] = []
    here = asked
    at, host = path.partition("?")[0], asked.host
    for each in hops:
        hop, ask = each.hop, each.ask
        explained = _opaque(hop, first) if ask is None else ask(here, protocol)
        seam = explained.seam or relay(hop.opaque)
        reached.append(Reached(hop=hop, explained=explained, seam=seam))
        assumed += [f"{hop.name}: {sentence}" for sentence in explained.assumed]
        if explained.route is None:
            return Way(
                asked=first, path=path, protocol=protocol, reached=tuple(reached), whole=None,
                answer=f"{hop.title} answers it: {explained.answer}", assumed=tuple(assumed),
            )  # fmt: skip
        before, after = seam.replaces
        if before and at.startswith(before):
            at = after + at[len(before) :]
        host = seam.host or host or explained.route.host or ""
        if ask is not None:
            here = replace(asked, urls=(), paths=(at,), host="" if "*" in host or host.startswith("~") else host)
    return Way(
        asked=first, path=path, protocol=protocol, reached=tuple(reached),
        whole=compose([Hop(one.hop.name, one.reading.behavior, one.seam) for one in reached]), answer="",
        assumed=tuple(assumed),
    )  # fmt: skip


def _opaque(hop: StackHop, url: str) -> Explained:
    """A hop of which numbers are known, as the end of any request."""
    assert hop.opaque is not None
    evidence = {
        name: Evidence("config", hop.stated[name], hop.span) if name in hop.stated else Evidence("default", "passes")
        for name in properties()
    }
    route = ReadRoute(host=None, path="/", kind="prefix", span=hop.span, reading=Reading(hop.opaque, evidence))
    return Explained(url, route)


# ---- as an explanation ----


def together(way: Way) -> Explained:
    """A way as a report shows it: one route, whose properties are those of the whole chain."""
    steps = tuple(_steps(way))
    if way.whole is None:
        return Explained(way.asked, None, way.answer, steps=steps, assumed=way.assumed)
    outermost = next((each for each in way.reached if each.hop.kind != "opaque"), way.reached[0])
    shown = outermost.explained.route
    assert shown is not None
    route = replace(
        shown,
        path=way.path,
        reading=Reading(way.whole.behavior, {name: _evidence(way, name) for name in properties()}),
        protocol=way.protocol or shown.protocol,
        not_understood=(),
    )
    unknown = [each for one in way.reached for each in one.explained.not_understood]
    return Explained(
        way.asked,
        route,
        steps=steps,
        assumed=way.assumed,
        not_understood=tuple(dict.fromkeys(unknown)),
        deciding={name: tuple(way.reached[at].hop.name for at in by) for name, by in way.whole.deciding.items()},
    )


def _steps(way: Way) -> Iterator[Passed]:
    for each in way.reached:
        route = each.explained.route
        if each.hop.kind == "opaque":
            yield Passed(each.hop.title, each.hop.span)
        elif route is not None:
            yield Passed(f"{each.hop.title}: {route.path}", route.span)
        else:
            yield Passed(f"{each.hop.title}: {each.explained.answer}", each.hop.span)


def _evidence(way: Way, name: str) -> Evidence:
    """What decides a property, of the outermost hop that does; the others are named."""
    assert way.whole is not None
    by = [way.reached[at] for at in way.whole.deciding[name]]
    found = by[0].reading.evidence[way.whole.through.get(name, name)]
    return found._replace(text=f"{' and '.join(each.hop.name for each in by)}: {found.text}")
