"""A whole nginx configuration: its files joined by ``include`` as nginx joins them, and what stands in each block after that.

Nothing here opens a file. A lookup that is passed in answers for the files; the shell's one reads a folder and refuses to leave it, a test's
one is a dictionary.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from proxycfg.collector import held_off
from proxycfg.errors import Problem, Unreadable
from proxycfg.record import field, record
from proxycfg.source import Source
from proxycfg.targets.nginx.syntax import Directive, Lines, Placed, Text, Tree, parse, parse_text

MAX_FILES = 20_000
"""Files of one configuration."""
MAX_NESTING = 50
"""Files included by files included by files."""


class Lookup(Protocol):
    """Who answers for files that are included."""

    def read(self, path: str) -> str:
        """The text of a file.

        :raises Unreadable: if there is none, or it may not be read.
        """
        ...

    def glob(self, pattern: str) -> list[str]:
        """The files that a mask matches, in the byte order of their names; a leading dot is matched only by a dot."""
        ...


class InMemory:
    """A lookup over texts that are at hand: a dump, several files given, a test."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """``texts`` by absolute or relative name, as the includes spell them after joining."""
        self.texts = {posixpath.normpath(name): text for name, text in texts.items()}

    def read(self, path: str) -> str:
        """The text of that name."""
        try:
            return self.texts[posixpath.normpath(path)]
        except KeyError:
            raise Unreadable("there is no such file among those given") from None

    def glob(self, pattern: str) -> list[str]:
        """The names that match, segment by segment as C's ``glob`` does."""
        wanted = posixpath.normpath(pattern).split("/")
        return sorted(name for name in self.texts if matches(name.split("/"), wanted))


def matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the segments of a path match those of a mask."""
    return len(path) == len(pattern) and all(
        fnmatch.fnmatchcase(part, mask) and (not part.startswith(".") or mask.startswith("."))
        for part, mask in zip(path, pattern, strict=True)
    )


@record(slots=True)
class Config:
    """A configuration: the directives at its top, includes already in place.

    :param missing: includes that cannot be read; what they hold is not known.
    :param assumed: what had to be assumed to read it, in sentences for people: the context of a fragment, above all.
    :param context: where the top stands: ``main`` for a whole config, else ``http``, ``server`` or ``location``.
    :param made_from: the texts that a program made it of, by their names: places are those in them.
    """

    top: list[Directive]
    context: str
    problems: list[Problem]
    files: dict[str, Tree]
    missing: list[Problem] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    made_from: dict[str, Source] = field(default_factory=dict)
    _blocks: dict[int, list[Directive]] = field(default_factory=dict, repr=False)

    def block(self, directive: Directive) -> list[Directive]:
        """The directives inside a block, includes in place; empty for a plain directive.

        They are the same objects wherever a file is included: what they *mean* there is the business of whoever knows the context.
        """
        return self._blocks.get(id(directive), directive.block) or []

    def extend(self, directive: Directive, more: Sequence[Directive]) -> None:
        """Put directives at the end of a block, as if they stood there."""
        self._blocks[id(directive)] = [*self.block(directive), *more]

    def take_over(self, others: Sequence[Config]) -> None:
        """Know the files of other configurations, and what is wrong with them; their directives are for the caller to place."""
        for other in others:
            self.files.update(other.files)
            self._blocks |= other._blocks  # noqa: SLF001 - of its own kind
        self.problems = list(dict.fromkeys(problem for each in (self, *others) for problem in each.problems))
        self.missing = list(dict.fromkeys(problem for each in (self, *others) for problem in each.missing))


_MASK = re.compile(r"[*?\[]")


class _Joiner:
    """Puts the contents of included files where their ``include`` stands."""

    def __init__(self, prefix: str, lookup: Lookup, is_directive: _IsDirective) -> None:
        self.prefix = prefix
        self.lookup = lookup
        self.is_directive = is_directive
        self.files: dict[str, Tree] = {}
        self.problems: list[Problem] = []
        self.missing: list[Problem] = []
        self.open: list[str] = []
        self.full = False
        self.seen: Lines = {}
        self.blocks: dict[int, list[Directive]] = {}
        self.joined: dict[str, list[Directive]] = {}
        self.named: dict[str, list[str]] = {}

    def tree(self, path: str, text: str) -> Tree:
        if path not in self.files:
            self.files[path] = parse(path, text, is_directive=self.is_directive, seen=self.seen)
            self.problems += self.files[path].problems
        return self.files[path]

    def join(self, directives: list[Directive]) -> list[Directive]:
        """The directives with includes in place, and the same for every block among them."""
        includes = False
        for directive in directives:
            if directive.block is not None:
                if id(directive) not in self.blocks:
                    # Only blocks in which an include made a difference are kept: most have none.
                    joined = self.join(directive.block)
                    if joined is not directive.block:
                        self.blocks[id(directive)] = joined
            elif directive.name == "include":
                includes = True
            elif directive.name.startswith("${") and not directive.args:
                self.lack(
                    directive, f"{directive.name} stands for lines that are not here", "lint what the template becomes"
                )
        if not includes:
            return directives
        made: list[Directive] = []
        for directive in directives:
            if directive.name == "include" and directive.block is None and len(directive.args) == 1:
                made += self.included(directive)
            else:
                made.append(directive)
        return made

    def included(self, directive: Directive) -> list[Directive]:
        name = directive.args[0]
        names = self.named.get(name)
        if names is None:
            # Relative to the folder of the main file, not of the including one.
            path = posixpath.normpath(posixpath.join(self.prefix, name))
            if _MASK.search(name):
                try:
                    names = self.lookup.glob(path)
                except Unreadable as error:
                    self.lack(
                        directive, f"cannot look for {path}: {error}", "allow it to be read (--root, --allow-outside)"
                    )
                    return []
            else:
                names = [self.placed(path)]
            self.named[name] = names
        if len(names) == 1:
            return self.file(names[0], directive)
        return [found for each in names for found in self.file(each, directive)]

    def placed(self, path: str) -> str:
        """The name by which a file is really found: a lookup may have it elsewhere than the config says."""
        try:
            return next(iter(self.lookup.glob(path)), path)
        except Unreadable:
            # To be told when it is read.
            return path

    def complain(self, directive: Directive, message: str, instead: str) -> None:
        word = directive.words[-1]
        self.problems.append(directive.text.problem(word.start, word.end, message, instead))

    def lack(self, directive: Directive, message: str, instead: str) -> None:
        word = directive.words[-1]
        self.missing.append(directive.text.problem(word.start, word.end, message, instead))

    def file(self, path: str, directive: Directive) -> list[Directive]:
        if path in self.open:
            chain = " → ".join([*self.open[self.open.index(path) :], path])
            self.complain(directive, f"an include loop, on which nginx crashes: {chain}", "remove one of the includes")
            return []
        if path in self.joined:
            return self.joined[path]
        if len(self.open) > MAX_NESTING:
            self.complain(
                directive,
                f"files included by files, more than {MAX_NESTING} deep",
                "look for includes that make no end",
            )
            return []
        if path not in self.files:
            if len(self.files) >= MAX_FILES:
                # Told once: what does not fit may be a hundred thousand files.
                if not self.full:
                    self.complain(directive, f"more than {MAX_FILES} files", "look for includes that multiply")
                self.full = True
                return []
            try:
                text = self.lookup.read(path)
            except Unreadable as error:
                self.lack(
                    directive,
                    f"cannot read {path}: {error}",
                    "add the file, or allow it to be read (--root, --allow-outside)",
                )
                return []
            self.tree(path, text)
        self.open.append(path)
        self.joined[path] = self.join(self.files[path].directives)
        self.open.pop()
        return self.joined[path]


class _IsDirective(Protocol):
    def __call__(self, name: str, /) -> bool: ...


_DUMP = re.compile(r"^# configuration file ([^\n]+):\n", re.MULTILINE)


def split_dump(source: Source) -> dict[str, str] | None:
    """The files in the output of ``nginx -T``, main file first; None if the text is no such output."""
    found = list(_DUMP.finditer(source.text))
    if not found or source.text[: found[0].start()].strip().replace("nginx: ", "").count("{"):
        return None
    ends = [*(match.start() for match in found[1:]), len(source.text)]
    return {match[1]: source.text[match.end() : end] for match, end in zip(found, ends, strict=True)}


_HTTP_ONLY = frozenset(
    {
        "server",
        "upstream",
        "map",
        "geo",
        "split_clients",
        "log_format",
        "limit_req_zone",
        "limit_conn_zone",
        "proxy_cache_path",
    }
)
_SERVER_ONLY = frozenset({"listen", "server_name", "location"})


def context_of(directives: Iterable[Directive]) -> str:
    """Where a file's directives can only stand, judged by the most telling of them."""
    names = {directive.name for directive in directives}
    if names & {"http", "events", "worker_processes", "pid", "user", "stream", "mail"}:
        return "main"
    if names & _HTTP_ONLY:
        return "http"
    if names & _SERVER_ONLY:
        return "server"
    return "location" if names else "main"


_SAID = {
    "http": "read as a file that nginx.conf includes in its http block, with nginx's defaults around it",
    "server": "read as a file that a server block includes, with nginx's defaults around it",
    "location": "read as a file that a location includes, with nginx's defaults around it",
}


@held_off()
def load(
    main: Source, lookup: Lookup, *, is_directive: _IsDirective = lambda _name: False, prefix: str | None = None
) -> Config:
    """Read a configuration from its main file, or from a fragment of one. Never raises: problems are listed.

    :param prefix: the folder that relative includes start from; default that of the main file.
    """
    joiner = _Joiner(posixpath.dirname(main.name) if prefix is None else prefix, lookup, is_directive)
    path = posixpath.normpath(main.name) if main.name != "<stdin>" else main.name
    tree = joiner.tree(path, main.text)
    joiner.open.append(path)
    top = joiner.join(tree.directives)
    context = context_of(top)
    config = Config(top, context, joiner.problems, joiner.files, joiner.missing, _blocks=joiner.blocks)
    if context in _SAID:
        config.assumed.append(f"{main.name} has no http block: it is {_SAID[context]}")
    return config


def load_placed(text: Placed, *, is_directive: _IsDirective) -> Config:
    """Read a whole configuration that a program has made of another text; files that it includes are not followed."""
    tree = parse_text(text, is_directive=is_directive)
    return Config(tree.directives, "main", tree.problems, {text.name: tree})


def load_texts(texts: Mapping[str, str], *, is_directive: _IsDirective = lambda _name: False) -> Config:
    """Read a configuration whose files are all at hand, the main one first."""
    name = next(iter(texts))
    return load(Source(name, texts[name]), InMemory(texts), is_directive=is_directive)


__all__ = ["Config", "InMemory", "Lookup", "Text", "Unreadable", "context_of", "load", "load_texts", "split_dump"]
