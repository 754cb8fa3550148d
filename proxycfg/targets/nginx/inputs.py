"""Files that somebody gives → configurations: whole ones, dumps of ``nginx -T``, and files that an nginx.conf would include."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

from proxycfg.errors import InvalidInput, Problem
from proxycfg.source import Source, Span
from proxycfg.targets.nginx.config import Config, Lookup, load, load_texts, split_dump
from proxycfg.targets.nginx.directives import is_directive, opens_line
from proxycfg.targets.nginx.syntax import Directive


class _Given:
    """A lookup that has the given files at hand, and asks another one for all else."""

    def __init__(self, sources: Sequence[Source], lookup: Lookup) -> None:
        self.texts = {posixpath.normpath(source.name): source.text for source in sources}
        self.lookup = lookup

    def read(self, path: str) -> str:
        """The text of a file."""
        text = self.texts.get(posixpath.normpath(path))
        return self.lookup.read(path) if text is None else text

    def glob(self, pattern: str) -> list[str]:
        """The files that a mask matches."""
        return self.lookup.glob(pattern)


def configurations(
    sources: Sequence[Source], lookups: Mapping[str, Lookup], *, prefix: str | None = None
) -> list[Config]:
    """The configurations that the files make.

    A file with an ``http`` block is one; it gets those of the others that belong into that block and that it does not include anyway.
    Without such a file, the others are one configuration together if they are sites or upstreams, and one each if they are snippets.

    :param lookups: by a file's name, who answers for what it includes.
    :param prefix: the folder that relative includes start from; default that of the main file.
    :raises InvalidInput: if a file is no config of nginx.
    """
    made: list[Config] = []
    fragments: list[tuple[Source, Config]] = []
    for source in sources:
        _check(source)
        if texts := split_dump(source):
            made.append(load_texts(texts, is_directive=opens_line))
            continue
        given = _Given(sources, lookups[source.name])
        found = load(source, given, is_directive=opens_line, prefix=prefix)
        _refuse_others(source, found)
        if found.context == "main":
            made.append(found)
        else:
            fragments.append((source, found))
    whole = [config for config in made if config.context == "main"]
    included = {path for config in whole for path in config.files}
    sites = [
        config
        for source, config in fragments
        if posixpath.normpath(source.name) not in included and config.context == "http"
    ]
    if sites:
        block = next((d for config in whole for d in config.top if d.name == "http" and d.block is not None), None)
        if len(whole) == 1 and block is not None:
            _into(whole[0], block, sites)
        else:
            made.append(_together(sites))
    made += [
        config
        for source, config in fragments
        if posixpath.normpath(source.name) not in included and config.context != "http"
    ]
    return made


def _check(source: Source) -> None:
    at = source.text.find("\0")
    if at >= 0:
        line = source.text.count("\n", 0, at) + 1
        column = at - source.text.rfind("\n", 0, at)
        raise InvalidInput(
            [
                Problem(
                    Span(source.name, line, column, line, column + 1),
                    "a NUL byte: this is no text",
                    "give the config itself, not a program or an archive (UTF-16: save it as UTF-8)",
                )
            ]
        )


_TEMPLATE = re.compile(r"\{\{|\{%|<%")


def _refuse_others(source: Source, found: Config) -> None:
    """Texts that look like a config of nginx to nobody, and templates, of which only what they are rendered to is one."""
    problems = [problem for tree in found.files.values() for problem in tree.problems]
    marked = next((problem for problem in problems if _TEMPLATE.search(problem.excerpt)), None)
    if marked is not None:
        raise InvalidInput(
            [
                Problem(
                    marked.span,
                    "this is a template of a config: what stands between its marks decides what it says",
                    "render it, and give the result",
                    marked.excerpt,
                )
            ]
        )
    if not any(tree.directives for tree in found.files.values()):
        found.assumed.append(f"{source.name} says nothing at all")
    elif not any(is_directive(each.name) for tree in found.files.values() for each in tree.walk()):
        raise InvalidInput(
            [
                Problem(
                    Span.whole(source.name),
                    "this is no config of nginx: none of its lines begins with a directive that nginx has",
                    "give an nginx.conf, a site file, a folder of them, or the output of `nginx -T`",
                )
            ]
        )


def _into(config: Config, block: Directive, sites: Sequence[Config]) -> None:
    """Sites that a main file does not include, as the last of its http block."""
    config.extend(block, [directive for site in sites for directive in site.top])
    for site in sites:
        config.files.update(site.files)
        config.problems += [problem for problem in site.problems if problem not in config.problems]
    names = ", ".join(next(iter(site.files)) for site in sites)
    config.assumed.append(f"{names}: not included by the main file, read as if its http block did so at its end")


def _together(sites: Sequence[Config]) -> Config:
    """Sites without a main file, in the order given."""
    first, *others = sites
    for other in others:
        first.top = [*first.top, *other.top]
        first.files.update(other.files)
        first.problems += [problem for problem in other.problems if problem not in first.problems]
    if others:
        names = ", ".join(next(iter(site.files)) for site in sites)
        how = "read in this order, as an http block would include them, with nginx's defaults around them"
        first.assumed[:] = [f"no nginx.conf among these files: {names} are {how}"]
    return first
