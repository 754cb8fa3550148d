"""The findings in configs under review: the verb behind ``proxycfg lint``. Pure; configs come read, as scenes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from proxycfg.collector import held_off
from proxycfg.errors import BadUsage, Problem, suggest
from proxycfg.finding import Category, Confidence, Finding, Fix, Related
from proxycfg.note import Note
from proxycfg.record import record, replace
from proxycfg.report import Report
from proxycfg.rule import Case, Check, Complaint, Rule, Scene, cap
from proxycfg.source import Span
from proxycfg.watch import Watch, unwatched


@record(frozen=True, slots=True, kw_only=True)
class Options:
    """What to report.

    :param rules: that are asked.
    :param known: the names of all rules there are, for notes that name one which is not.
    :param least: routes that are less surely streams are left out.
    :param notes: whether notes in the configs silence anything.
    :param leaves_out: whether a rule is not to be reported in a file.
    :param watch: is told of every stream.
    """

    rules: Sequence[Rule]
    known: Iterable[str]
    least: Confidence = Confidence.INFERRED
    notes: bool = True
    leaves_out: Callable[[str, Rule], bool] = lambda _file, _rule: False
    watch: Watch = unwatched


def choose(rules: Mapping[str, Rule], select: Iterable[str], ignore: Iterable[str]) -> list[Rule]:
    """The rules that are selected (all, if nothing is) and not ignored; rules go by name or category.

    :raises BadUsage: if there is no rule and no category of a name.
    """
    wanted = _named(rules, select, "--select") or set(rules)
    unwanted = _named(rules, ignore, "--ignore")
    return [rule for name, rule in rules.items() if name in wanted and name not in unwanted]


def _named(rules: Mapping[str, Rule], names: Iterable[str], option: str) -> set[str]:
    found: set[str] = set()
    for name in names:
        if name in rules:
            found.add(name)
        elif name in tuple(Category):
            found |= {rule.name for rule in rules.values() if rule.category == name}
        else:
            raise BadUsage(f"{option} {name}: there is no such rule; {_meant(name, [*rules, *Category])}")
    return found


@held_off()
def lint(scenes: Iterable[Scene], options: Options) -> Report:
    """Everything that the rules say of the scenes, each thing once, sorted by file, line, column and rule."""
    findings: dict[tuple[str, Span, str], Finding] = {}
    errors: dict[Problem, None] = {}
    notes: dict[Span, Note] = {}
    files: dict[str, str] = {}
    texts: dict[str, str] = {}
    routes = 0
    hidden: list[Finding] = []
    likely = [each for each in Confidence if each.rank >= options.least.rank]
    unlikely = [each for each in Confidence if each not in likely]
    scenes = list(scenes)
    streams = sum(len(scene.cases) for scene in scenes)
    for scene in scenes:
        routes += scene.routes
        files |= dict.fromkeys(scene.files, scene.target)
        texts |= scene.texts
        errors |= dict.fromkeys(scene.problems)
        notes |= {note.span: note for note in scene.notes}
        if scene.notes and options.notes:
            hidden += _found(scene, options, unlikely)
        for finding in _merged(_found(scene, options, likely, lambda: options.watch("applying rules", streams))):
            key = (finding.rule, finding.span, finding.target)
            # A file that two configs include is one place to edit.
            findings.setdefault(key, finding)
    errors |= dict.fromkeys(_unknown_names(notes.values(), options.known))
    kept, ignored = _silenced(findings.values(), hidden, notes.values(), files, options)
    return Report(
        findings=tuple(sorted(kept, key=lambda finding: finding.order)),
        errors=tuple(sorted(errors)),
        files=tuple(files),
        routes=routes,
        ignored=ignored,
        rules={rule.name: rule for rule in options.rules},
        texts=texts,
    )


# ---- asking the rules ----


def _found(
    scene: Scene, options: Options, likely: Sequence[Confidence], tell: Callable[[], None] = lambda: None
) -> Iterator[Finding]:
    """What the rules say of the routes that are so surely streams."""
    rules = [rule for rule in options.rules if scene.target in rule.targets]
    if not likely:
        return
    asked: dict[tuple[str, tuple[str, ...]], list[tuple[Rule, Check]]] = {}
    for case in scene.cases:
        tell()
        if case.route.confidence not in likely:
            continue
        kind = case.protocol, tuple(case.shortfalls)
        if kind not in asked:
            asked[kind] = [
                (rule, rule.check)
                for rule in rules
                if rule.check is not None
                and rule.concerns(case.protocol)
                and not set(rule.properties).isdisjoint(kind[1])
            ]
        for rule, check in asked[kind]:
            for complaint in check(case):
                yield _finding(rule, scene, complaint, case)
    for rule in rules:
        if rule.inspect is not None and (not rule.directives or not scene.names.isdisjoint(rule.directives)):
            for complaint in rule.inspect(scene.tree):
                # What a control plane sets by itself stands nowhere: without a route there is no line to look at.
                placed = complaint.span.stands or complaint.case is not None
                if placed and (complaint.case is None or complaint.case.route.confidence in likely):
                    yield _finding(rule, scene, complaint, complaint.case)


def _finding(rule: Rule, scene: Scene, complaint: Complaint, case: Case | None) -> Finding:
    route = case.route if case else None
    confidence = route.confidence if route else Confidence.EXPLICIT
    fix = None if scene.lowered else complaint.fix
    if fix is None and complaint.wishes and case is not None:
        fix = scene.fix(case, complaint.wishes)
    related = complaint.related
    span = complaint.span if complaint.span.stands or route is None else route.span
    if route is not None and span != route.span:
        related = (Related(route.span, f"{route.path} streams ({case.protocol if case else ''})"), *related)
    return Finding(
        rule=rule.name,
        category=rule.category,
        severity=cap(complaint.severity or rule.severity, confidence),
        message=complaint.message,
        why=complaint.why,
        span=span,
        target=scene.target,
        confidence=confidence,
        protocol=case.protocol if case else None,
        route_host=route.host if route else None,
        route_path=route.path if route else None,
        related=related,
        fix=fix,
    )


def _merged(found: Iterable[Finding]) -> list[Finding]:
    """One finding for each place: of a directive that hurts ten routes it is said once, with the ten as related places."""
    groups: dict[tuple[str, Span], list[Finding]] = {}
    for finding in found:
        groups.setdefault((finding.rule, finding.span), []).append(finding)
    return [group[0] if len(group) == 1 else _one_of(group) for group in groups.values()]


def _one_of(group: list[Finding]) -> Finding:
    first = max(group, key=lambda finding: (finding.severity.rank, finding.confidence.rank))
    related = dict.fromkeys(related for finding in (first, *group) for related in finding.related)
    fixes = [finding.fix for finding in group]
    whole = [fix for fix in fixes if fix is not None]
    fix = None
    if len(whole) == len(fixes):
        edits = tuple(dict.fromkeys(edit for fix in whole for edit in fix.edits))
        titles = tuple(dict.fromkeys(fix.title for fix in whole))
        title = titles[0] if len(titles) == 1 and len(edits) == 1 else f"{titles[0]}, and so in {len(group) - 1} more"
        fix = Fix(title, all(fix.safe for fix in whole), edits)
    return replace(first, related=tuple(related), fix=fix)


# ---- notes that silence ----


def _unknown_names(notes: Iterable[Note], known: Iterable[str]) -> Iterator[Problem]:
    names = set(known)
    for note in notes:
        for name in note.ignored:
            if name not in names:
                yield Problem(note.span, f"there is no rule `{name}` to ignore", _meant(name, sorted(names)))


def _meant(name: str, known: Sequence[str]) -> str:
    """What to write instead of a name that no rule has."""
    from proxycfg.remarks import remarks  # noqa: PLC0415 - nearly never needed

    return f"`proxycfg generate` tells {name}, of specs: remove it" if name in remarks() else suggest(name, known)


class _Silencer:
    """The notes by their places, and which of them were of use.

    A note speaks of a directive that begins, ends or goes on at its line.
    """

    def __init__(self, notes: Iterable[Note]) -> None:
        self.notes: dict[tuple[str, str], dict[int, list[Note]]] = {}
        for note in notes:
            for name in note.ignored:
                self.notes.setdefault((note.span.file, name), {}).setdefault(note.line, []).append(note)
        self.lines = {place: sorted(lines) for place, lines in self.notes.items()}
        self.used: set[tuple[str, str, int]] = set()

    def silences(self, finding: Finding) -> bool:
        """Whether a note does; it is of use then."""
        place, span = (finding.span.file, finding.rule), finding.span
        lines = self.lines.get(place, [])
        found = lines[bisect_left(lines, span.line) : bisect_right(lines, span.end_line)]
        self.used |= {(*place, line) for line in found}
        return bool(found)

    def naming(self, rule: str) -> Iterator[Note]:
        """The notes that silence it."""
        for (_, name), lines in self.notes.items():
            if name == rule:
                for found in lines.values():
                    yield from found

    def unused(self) -> list[tuple[Note, str]]:
        """The notes that were of none, each with the rule that it names."""
        return [
            (note, name)
            for (file, name), lines in self.notes.items()
            for line, found in lines.items()
            if (file, name, line) not in self.used
            for note in found
        ]


def _silenced(
    findings: Iterable[Finding],
    hidden: Iterable[Finding],
    notes: Iterable[Note],
    targets: Mapping[str, str],
    options: Options,
) -> tuple[list[Finding], int]:
    """The findings that no note silences, with those about the notes that silence none; and how many are silenced.

    :param hidden: findings that are not asked for, which a note may be there for all the same.
    :param targets: what each file is for.
    """
    asked = {rule.name: rule for rule in options.rules}
    silencer = _Silencer(notes if options.notes else ())
    for finding in hidden:
        silencer.silences(finding)
    kept: list[Finding] = []
    ignored = 0
    for finding in findings:
        silenced = silencer.silences(finding)
        if options.leaves_out(finding.span.file, asked[finding.rule]):
            continue
        if silenced:
            ignored += 1
        else:
            kept.append(finding)
    reviews = {rule.name for rule in asked.values() if rule.review is not None}
    # Of a line whose notes are not to be reviewed none is, that very note included.
    excused = {(note.span.file, note.line) for name in reviews for note in silencer.naming(name)}
    # A rule that was not asked may have had something to say.
    unused = [(note, name) for note, name in silencer.unused() if name in asked and name not in reviews]
    told = [each for each in unused if (each[0].span.file, each[0].line) not in excused]
    reviewed = [
        finding
        for finding in _reviewed(asked.values(), told, targets)
        if not options.leaves_out(finding.span.file, asked[finding.rule])
    ]
    return kept + reviewed, ignored + len(unused) - len(told)


def _reviewed(
    rules: Iterable[Rule], unused: Sequence[tuple[Note, str]], targets: Mapping[str, str]
) -> Iterator[Finding]:
    for rule in rules:
        if rule.review is None:
            continue
        for complaint in rule.review(unused):
            yield Finding(
                rule=rule.name, category=rule.category, severity=complaint.severity or rule.severity, message=complaint.message, why=complaint.why,
                span=complaint.span, target=targets[complaint.span.file], fix=complaint.fix,
            )  # fmt: skip
