"""Which places of a zone stream, and what says so: declarations, comments in rules, and what paths tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from proxycfg.errors import Problem
from proxycfg.finding import Confidence
from proxycfg.streams import Declared, Stream, is_asset, paths_of_regex, read_comment, told_by_path
from proxycfg.targets.cloudflare.config import notes_of
from proxycfg.targets.cloudflare.places import Name, Place, places_of_rule
from proxycfg.targets.cloudflare.rules_language import HOST, PATH, Call, Compare, Field, Literal

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.targets.cloudflare.config import Config
    from proxycfg.targets.cloudflare.document import Comment
    from proxycfg.targets.cloudflare.read import Reader
    from proxycfg.targets.cloudflare.zone import Rule

Key = tuple[object, ...]


class Signs:
    """The streams of one zone.

    A path that somebody declares is a place of its own, whether rules name it or not: ``places`` has them, too.
    """

    def __init__(self, config: Config, reader: Reader, declared: Sequence[Declared] = ()) -> None:
        """Comments are placed at once."""
        self.config = config
        self.reader = reader
        self.problems: list[Problem] = []
        self._said: dict[Key, Stream] = {}
        self.places = list(reader.places)
        self._comments()
        for each in declared:
            self._declare(each)

    def of(self, place: Place) -> Stream | None:
        """What flows through a place."""
        said = self._said.get(_key(place))
        if said is not None:
            return said
        for path in _paths(place):
            told = None if is_asset(path) else told_by_path(path)
            if told is not None:
                return Stream(
                    protocol=told.protocol, confidence=Confidence.INFERRED, why=told.why, heartbeat=told.heartbeat
                )
        return None

    # ---- declarations ----

    def _declare(self, declared: Declared) -> None:
        stream = Stream(
            protocol=declared.protocol,
            confidence=Confidence.DECLARED,
            why=f"{declared.said_by or declared.path} says so",
            span=declared.span,
            heartbeat=declared.heartbeat,
            idle_timeout=declared.idle_timeout,
        )
        written = [place for place in self.places if place.title == declared.path]
        for place in written:
            self._said[_key(place)] = stream
        if written:
            return
        for host in declared.hosts or ("",):
            made = self._made(declared, host)
            if made is not None:
                self._said[_key(made)] = stream
                self.places.insert(len(self.places) - 1, made)

    def _made(self, declared: Declared, host: str) -> Place | None:
        """A place that no rule names."""
        if not declared.path.startswith("/") and declared.kind != "regex":
            return None
        kind = {"prefix": "prefix", "regex": "regex"}.get(declared.kind, "exact")
        of_path, said = Field(PATH, ()), Literal(declared.path)
        says = Compare(of_path, "matches" if kind == "regex" else "eq", said)
        path = Name(kind, declared.path, Call("starts_with", (of_path, said), ()) if kind == "prefix" else says)
        of_host = None
        if host and host != "*":
            wild = host.startswith("*.")
            name = Compare(Field(HOST, ()), "wildcard" if wild else "eq", Literal(host))
            of_host = Name("wildcard" if wild else "exact", host, name)
        return Place(of_host, path, self.reader.zone.span)

    # ---- comments ----

    def _comments(self) -> None:
        rules = [rule for rules in self.reader.zone.rules.values() for rule in rules]
        for comment in notes_of(self.config):
            try:
                said = read_comment(comment.text)
            except ValueError:
                # Told once, whatever number of zones a file has: see `wrong`.
                continue
            if said is None:
                continue
            stream = Stream(
                protocol=said.protocol,
                confidence=Confidence.DECLARED,
                why="a comment says so",
                span=comment.span,
                heartbeat=said.heartbeat,
                idle_timeout=said.idle_timeout,
            )
            for rule in _rules_at(rules, comment):
                for place in places_of_rule(rule.expression, rule.span):
                    self._said[_key(place)] = stream


def wrong(config: Config) -> Iterator[Problem]:
    """Comments that mean to declare a stream, and do not."""
    rules = [rule for zone in config.zones for rules in zone.rules.values() for rule in rules]
    for comment in notes_of(config):
        try:
            said = read_comment(comment.text)
        except ValueError as error:
            message, _, instead = str(error).partition(": ")
            yield Problem(comment.span, message, instead, config.excerpt(comment.span))
            continue
        if said is not None and not _rules_at(rules, comment):
            what = "this declares nothing: it stands neither inside a rule nor on the line above one"
            yield Problem(
                comment.span, what, "move it into a rule of the route that streams", config.excerpt(comment.span)
            )


def _rules_at(rules: Sequence[Rule], comment: Comment) -> list[Rule]:
    """The rule that a comment speaks of: the one that begins on the line it speaks of, else the first around it; all that are made of one text."""
    found = [rule for rule in rules if rule.body.span.file == comment.span.file]
    first = next((rule for rule in found if rule.body.span.line == comment.line), None)
    if first is None:
        first = next((rule for rule in found if _within(comment.span, rule.body.span)), None)
    return [rule for rule in found if first is not None and rule.body.span == first.body.span]


def _within(inner: Span, outer: Span) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) <= (outer.end_line, outer.end_column)


def _key(place: Place) -> Key:
    return tuple(name and (name.kind, name.text) for name in (place.host, place.path))


def _paths(place: Place) -> list[str]:
    """The paths of a place, ``*`` for what is open."""
    if place.path is None:
        return []
    return paths_of_regex(place.path.text) if place.path.kind == "regex" else [place.path.title]
