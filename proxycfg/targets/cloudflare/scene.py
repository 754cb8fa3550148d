"""Zones as the linter's rules see them: which of their places stream, what each of them asks for, and the notes in comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.collector import held_off
from proxycfg.errors import Problem
from proxycfg.finding import Confidence
from proxycfg.knowledge import NOTHING, Knowledge
from proxycfg.need import Judge
from proxycfg.note import Note, read_note
from proxycfg.record import record, replace
from proxycfg.rule import Case, Scene
from proxycfg.targets.cloudflare.config import Config, notes_of
from proxycfg.targets.cloudflare.fixes import Fixer, words
from proxycfg.targets.cloudflare.places import Place
from proxycfg.targets.cloudflare.read import Reader, View
from proxycfg.targets.cloudflare.signs import Signs, wrong
from proxycfg.targets.cloudflare.zone import Zone

if TYPE_CHECKING:
    from proxycfg.reading import Reading
    from proxycfg.source import Span
    from proxycfg.targets.cloudflare.value import Value


@record(frozen=True)
class Subject:
    """A place, as the idioms of Cloudflare see it."""

    zone: Zone
    place: Place
    view: View


@record(frozen=True)
class CloudflareTree:
    """What idioms of Cloudflare look at."""

    config: Config
    cases: tuple[Case, ...]
    fixer: Fixer

    @property
    def zones(self) -> list[Zone]:
        """All that the files are about."""
        return self.config.zones

    def of(self, zone: Zone) -> list[Case]:
        """The streams of a zone, the surest first."""
        order = list(Confidence)
        own = [case for case in self.cases if case.subject.zone is zone]
        return sorted(own, key=lambda case: order.index(case.stream.confidence))


@held_off()
def scene_of(config: Config, knowledge: Knowledge = NOTHING) -> Scene:
    """A config for the linter."""
    judge = Judge()
    fixer = Fixer(config)
    count = 0
    cases: list[Case] = []
    for zone in config.zones:
        reader = Reader(zone, {name: source.text for name, source in config.files.items()})
        signs = Signs(config, reader, knowledge.declared)
        open_ = _unknown(zone)
        for place in signs.places:
            count += 1
            stream = signs.of(place)
            if stream is None or stream.protocol == "http":
                continue
            read = reader.route(place, stream.protocol)
            told = replace(read, confidence=stream.confidence, reading=_heard(read.reading, open_))
            need, asked = knowledge.need_of(stream)
            view = View(reader, reader.request(place, stream.protocol), stream.protocol, place)
            cases.append(
                Case(
                    route=told,
                    need=need,
                    stream=stream,
                    asked=asked,
                    subject=Subject(zone, place, view),
                    judge=judge,
                    told_only=True,
                    hint=words,
                )
            )
    fixer.tell(cases)
    told_notes = list(_notes(config))
    names = {each.type for each in config.resources} | {phase for zone in config.zones for phase in zone.rules}
    names |= {"tunnel"} if config.tunnels else set()
    names |= {"worker"} if config.workers else set()
    count += sum(len(tunnel.rules) for tunnel in config.tunnels)
    return Scene(
        target="cloudflare",
        files=tuple(config.files),
        routes=count,
        cases=tuple(cases),
        names=frozenset(names),
        tree=CloudflareTree(config, tuple(cases), fixer),
        notes=tuple(each for each in told_notes if isinstance(each, Note)),
        problems=(*config.problems, *wrong(config), *(each for each in told_notes if isinstance(each, Problem))),
        texts={name: source.text for name, source in config.files.items()},
        fix=fixer.fix,
    )


def _unknown(zone: Zone) -> frozenset[tuple[str, int, int]]:
    """Where values end that nobody knows."""
    written = [rule.body for rules in zone.rules.values() for rule in rules]
    written += [each.value for each in zone.settings.values()]
    written += [each.actions for each in zone.page_rules]
    return frozenset(_end(value.span) for each in written for value in each.walk() if _is_open(value))


def _is_open(value: Value) -> bool:
    return not value.known or (value.kind == "list" and any(not each.known for each in value.walk()))


def _end(span: Span) -> tuple[str, int, int]:
    return span.file, span.end_line, span.end_column


def _heard(reading: Reading, unknown: frozenset[tuple[str, int, int]]) -> Reading:
    """What the linter hears of a reading: a value that nobody knows tells no more than silence does."""
    return reading._replace(
        evidence={
            name: each._replace(kind="default") if each.span is not None and _end(each.span) in unknown else each
            for name, each in reading.evidence.items()
        }
    )


def _notes(config: Config) -> Iterator[Note | Problem]:
    for comment in notes_of(config):
        note = read_note(comment.text, comment.span, comment.line, comment.removal)
        if note is not None:
            yield note
