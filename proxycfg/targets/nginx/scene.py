"""An nginx configuration as the linter's rules see it: which of its routes stream, what each of them asks for, and the notes in its comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from proxycfg.collector import held_off
from proxycfg.errors import Problem
from proxycfg.knowledge import NOTHING, Knowledge
from proxycfg.need import Judge
from proxycfg.note import Note, read_note
from proxycfg.record import field, record
from proxycfg.rule import Case, Scene, surest
from proxycfg.streams import MARK, Stream
from proxycfg.targets.nginx import facts
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.fixes import Fixer, hint
from proxycfg.targets.nginx.place import Reader, seconds
from proxycfg.targets.nginx.read import Proxied, proxied_locations, shared_behavior, shared_route
from proxycfg.targets.nginx.servers import Http, read_http
from proxycfg.targets.nginx.signs import Signs
from proxycfg.targets.nginx.syntax import Directive, Tree
from proxycfg.targets.nginx.view import View
from proxycfg.watch import Watch, unwatched

OLDER = "1.26"
"""What many still run: before 1.29.7 nginx spoke HTTP/1.0 to origins unless it was told otherwise."""


@record(frozen=True)
class NginxTree:
    """What idioms of nginx look at."""

    config: Config
    https: tuple[Http, ...]
    version: str
    """The one that it is read for: the newest stable if nobody said."""
    cases: tuple[Case, ...]
    readers: Mapping[int, Reader] = field(default_factory=dict, repr=False)
    """By the identity of an http block that has cases: what reads it for that version."""

    @cached_property
    def by_location(self) -> Mapping[int, tuple[Case, ...]]:
        """What streams through a location, by the location's identity."""
        found: dict[int, tuple[Case, ...]] = {}
        for case in self.cases:
            key = id(case.subject.location)
            found[key] = (*found.get(key, ()), case)
        return found

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Each stream whose location is all at hand, for idioms that look at what is in force where it flows."""
        whole = self.config.context == "main"
        return tuple(
            View(case, self.readers[id(case.subject.http)], whole=whole) for case in self.cases if not case.partial
        )

    @cached_property
    def surest(self) -> Case | None:
        """The stream that is most surely one, for what concerns all of them."""
        return surest(self.cases)

    def seconds(self, line: Directive) -> float | None:
        """A directive's argument as a duration; None if it is none."""
        return seconds(line.args[0]) if line.args else None

    @cached_property
    def by_name(self) -> Mapping[str, Sequence[Directive]]:
        """Every directive, by its name, in the order of the files."""
        found: dict[str, list[Directive]] = {}
        for tree in self.config.files.values():
            for directive in tree.walk():
                if directive.name in found:
                    found[directive.name].append(directive)
                else:
                    found[directive.name] = [directive]
        return found

    def walk(self, *names: str) -> Iterator[Directive]:
        """Every directive of these names, name by name and file by file."""
        for name in names:
            yield from self.by_name.get(name, ())


@record(frozen=True, slots=True)
class _Readers:
    """How the locations of one http block are read: by the version, and by the older one where nobody said which it is."""

    newest: Reader
    older: Reader | None
    signs: Signs
    judge: Judge


@held_off()
def scene_of(
    config: Config,
    version: str | None,
    knowledge: Knowledge = NOTHING,
    watch: Watch = unwatched,
    hint: Callable[[Case, str], str] = hint,
) -> Scene:
    """A configuration for the linter.

    :param version: such as ``1.26.2``; None if nobody knows: then the newest stable counts, and what older ones would do is said as *may*.
    :param watch: is told of every route.
    :param hint: who says what to write for a property, where the config was made of something else.
    """
    notes, problems = _notes(config)
    https = tuple(read_http(config))
    readers: dict[int, _Readers] = {}
    routes = list(proxied_locations(https))
    cases: list[Case] = []
    for proxied in routes:
        watch("judging routes", len(routes))
        how = readers.get(id(proxied.http))
        if how is None:
            how = readers[id(proxied.http)] = _readers(proxied.http, version, knowledge)
        cases += (
            _case(how, proxied, stream, knowledge, hint)
            for stream in how.signs.all_of(proxied.location)
            if stream.protocol != "http"
        )
    for how in readers.values():
        problems += how.signs.problems
    newest = {http: how.newest for http, how in readers.items()}
    tree = NginxTree(config, https, version or facts.NEWEST_STABLE, tuple(cases), newest)
    return Scene(
        target="nginx",
        # One that is included and empty is, most likely, one of nginx's own that is not at hand.
        files=tuple(name for at, (name, tree) in enumerate(config.files.items()) if tree.text.text or not at),
        routes=len(routes),
        cases=tree.cases,
        names=frozenset(tree.by_name),
        tree=tree,
        notes=tuple(notes),
        problems=(*config.problems, *problems),
        unmatched=tuple(each for how in readers.values() for each in how.signs.unmatched),
        texts={name: tree.text.text for name, tree in config.files.items()},
        fix=Fixer().fix,
    )


def _readers(http: Http, version: str | None, knowledge: Knowledge) -> _Readers:
    newest = Reader(http, version or facts.NEWEST_STABLE)
    older = None if version else newest.of_version(OLDER)
    return _Readers(newest, older, Signs(http, newest.variables, knowledge.declared), Judge())


def _case(
    how: _Readers, proxied: Proxied, stream: Stream, knowledge: Knowledge, hint: Callable[[Case, str], str]
) -> Case:
    location, protocol = proxied.location, stream.protocol
    newest = shared_route(how.newest, location, protocol, stream.confidence)
    older = None
    if how.older is not None:
        behavior, _ = shared_behavior(how.older, location, protocol)
        if how.judge.differ(newest.reading.behavior, behavior):
            older = shared_route(how.older, location, protocol, stream.confidence)
    need, asked = knowledge.need_of(stream)
    return Case(
        route=newest,
        need=need,
        stream=stream,
        asked=asked,
        older=older,
        partial=_is_partial(proxied),
        subject=proxied,
        judge=how.judge,
        hint=hint,
    )


_HARMLESS = re.compile(r"(?:^|/)(?:fastcgi_params|fastcgi\.conf|uwsgi_params|scgi_params|mime\.types)$")
"""Files that come with nginx and hold nothing that matters to a stream."""


def _is_partial(proxied: Proxied) -> bool:
    """Whether a file is missing that the location itself includes, or a snippet that it includes.

    One that is missing further out counts little: servers include certificates and the like, locations what is to be sent to the origin.
    """
    location, missing = proxied.location, proxied.http.config.missing
    if not missing:
        return False
    own, place = location.directive.text.name, location.directive.whole
    inside = [other.directive.whole for other in location.inside]
    snippets = {child.text.name for child in location.level.children} - {own}

    def concerns(problem: Problem) -> bool:
        span = problem.span
        if _HARMLESS.search(problem.excerpt[span.column - 1 : span.end_column - 1].strip("'\"")):
            return False
        if span.file != own:
            return span.file in snippets
        nested = any(other.line <= span.line <= other.end_line for other in inside)
        return place.line <= span.line <= place.end_line and not nested

    return any(concerns(problem) for problem in missing)


# ---- notes ----


def _notes(config: Config) -> tuple[list[Note], list[Problem]]:
    notes: list[Note] = []
    problems: list[Problem] = []
    for tree in config.files.values():
        # Few files have any, and finding the comments of one takes as long as reading it.
        if MARK in tree.text.text:
            for found in _notes_of(tree):
                if isinstance(found, Note):
                    notes.append(found)
                else:
                    problems.append(found)
    return notes, problems


def _notes_of(tree: Tree) -> Iterable[Note | Problem]:
    text = tree.text
    for word in tree.comments():
        span = text.span(word.start, word.end)
        line, column = text.position(word.start)
        lead = text.line(line)[: column - 1]
        if lead.strip():
            removal = text.span(word.start - len(lead) + len(lead.rstrip()), word.end)
        else:
            stop = text.text.find("\n", word.end) + 1 or len(text.text)
            removal = text.span(word.start - len(lead), stop)
            # Alone on its line it speaks of the next, as do other comments between.
            line += 1
            while text.has_line(line) and text.line(line).lstrip().startswith("#"):
                line += 1
        note = read_note(word.value, span, line, removal)
        if note is not None:
            yield note
