"""What must be true of any config, whoever wrote it."""

from __future__ import annotations

import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from proxycfg.confdir import OnDisk, decode
from proxycfg.explain import explain
from proxycfg.reports.explain_text import explanation_to_text
from proxycfg.request import Asked
from proxycfg.source import Source
from proxycfg.targets.nginx import facts
from proxycfg.targets.nginx.config import load
from proxycfg.targets.nginx.directives import FREE_FORM, entries, opens_line
from proxycfg.targets.nginx.explain import explain_config
from proxycfg.targets.nginx.syntax import Directive, parse
from tests.corpora.theirs import departure, ours, theirs

PATIENCE = 20
"""Seconds for one step on one file: far beyond what any takes, and an end to a hang."""


@dataclass(slots=True)
class Found:
    """What came of one file, or of several.

    :param wrong: what must not be, in words; nothing, if all is well.
    """

    files: int = 0
    clean: int = 0
    """Without a syntax problem."""
    compared: int = 0
    """crossplane can read them, and agrees up to our first problem."""
    explained: Counter[str] = field(default_factory=Counter)
    """Disagreements that are crossplane's, by the rule that says so."""
    routes: int = 0
    wrong: list[str] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    """Directives that the table lacks, in files without problems."""

    def add(self, other: Found) -> None:
        """Count another one in."""
        self.files += other.files
        self.clean += other.clean
        self.compared += other.compared
        self.explained += other.explained
        self.routes += other.routes
        self.wrong += other.wrong
        self.unknown += other.unknown


def check(path: Path, root: Path) -> Found:
    """Hold one file against everything; never raises.

    :param root: where its includes may lie.
    """
    found = Found(files=1)
    steps: tuple[Callable[[Path, Path, Found], None], ...] = (_language, _behavior)
    for step in steps:
        try:
            with _patience():
                step(path, root, found)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding about us
            place = traceback.extract_tb(error.__traceback__)[-1]
            found.wrong.append(f"{path}: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})")
    return found


@contextmanager
def _patience() -> Iterator[None]:
    def over(*_: object) -> None:
        raise TimeoutError(f"not done in {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _language(path: Path, _root: Path, found: Found) -> None:
    data = path.read_bytes()
    text = decode(data)
    tree = parse(str(path), text, is_directive=opens_line)
    found.clean += not tree.problems
    if str(tree).encode("utf-8" if text.encode("utf-8") == data else "latin-1") != data:
        found.wrong.append(f"{path}: printed, it is another file")
    if not tree.problems:
        found.unknown.update(_unknown(tree.directives))
    their = theirs(text)
    if their is None:
        return
    mine = ours(tree)
    if tree.problems:
        # At damage nginx stops: there is no right reading of the directive that holds it, nor of what follows.
        damaged = min(problem.span.line for problem in tree.problems)
        mine = [line for line in mine if line.line < damaged][:-1]
        their = their[: len(mine)]
    if mine == their:
        found.compared += 1
    elif why := departure(mine, their, text):
        found.explained[why] += 1
    else:
        first = next((pair for pair in zip(mine, their, strict=False) if pair[0] != pair[1]), (mine[-1:], their[-1:]))
        found.wrong.append(f"{path}: we read {first[0]}, crossplane {first[1]}")


def _unknown(directives: list[Directive]) -> Iterator[str]:
    for directive in directives:
        if not entries(directive.name):
            yield directive.name
        elif directive.block and directive.name not in FREE_FORM:
            yield from _unknown(directive.block)


def _behavior(path: Path, root: Path, found: Found) -> None:
    config = load(Source(str(path), decode(path.read_bytes())), OnDisk(root), is_directive=opens_line)
    routes = explain_config(config, facts.NEWEST_STABLE, Asked(), None)
    asked = Asked(urls=["https://example.com/a/b.php?c=d"], paths=["/", "/socket.io/"])
    for some, protocol in ((routes, None), (explain_config(config, facts.NEWEST_STABLE, asked, "sse"), "sse")):
        explanation = explain(
            "nginx", facts.NEWEST_STABLE, some, protocol=protocol, assumed=config.assumed, problems=config.problems
        )
        explanation.to_json()
        explanation_to_text(explanation, tables=True)
    found.routes += sum(explained.route is not None for explained in routes)
