"""Which configs a command line means: files, folders, standard input, the output of ``nginx -T``. Every command that reads configs asks here.

Whether a file is nginx's, Envoy's or Cloudflare's is told from its text. An Envoy is a bootstrap or a dump, with the files that it names;
resources without a bootstrap are one Envoy together if they are of one folder. So are files about Cloudflare, as Terraform has it; where some of
a module's are given, the others say what its variables stand for. Manifests of Kubernetes that are given together belong together, and so do
those of one folder.

An nginx configuration is a tree of files: a main one, and what it includes. A site that is given beside a main file belongs into its ``http``
block; sites that are given without one, or lie in a folder of sites, are one configuration together if they are of one folder. A folder is
searched for main files first; what none of them includes is read by itself.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from proxycfg.confdir import Links, OnDisk, read_text
from proxycfg.errors import InvalidInput, Problem
from proxycfg.kubernetes import recognise as kubernetes
from proxycfg.record import field, record
from proxycfg.source import Source, Span
from proxycfg.targets.cloudflare import recognise as cloudflare
from proxycfg.targets.envoy import recognise
from proxycfg.targets.nginx.config import Config, load, load_texts, split_dump
from proxycfg.targets.nginx.directives import entries, is_directive, opens_line
from proxycfg.watch import Watch, unwatched

if TYPE_CHECKING:
    from proxycfg.kubernetes.lower import Lowered
    from proxycfg.targets.cloudflare.config import Config as Cloudflare
    from proxycfg.targets.envoy.bootstrap import Config as Envoy

_SKIPPED = frozenset({"node_modules", "__pycache__", "vendor", "venv"})
"""Folders that hold other people's files; hidden ones are skipped, too."""
_NAMED = re.compile(
    r"(?i)(?:.*\.(?:conf|nginx|vhost|nginxconf)(?:\.(?:template|tmpl|example|sample|dist|in))?|nginx.*\.template|nginx\.conf.*)"
)
_SITES = frozenset({"sites-available", "sites-enabled", "conf.d", "vhosts", "vhosts.d", "http.d"})
"""Folders whose files are included by a main file one level up, whatever they are called."""
_OTHERS = frozenset(
    {
        ".yaml",
        ".yml",
        ".json",
        ".toml",
        ".ini",
        ".md",
        ".py",
        ".js",
        ".ts",
        ".sh",
        ".html",
        ".css",
        ".xml",
        ".txt",
        ".j2",
        ".log",
        ".pem",
        ".key",
        ".crt",
    }
)
"""Endings of files that are something else, even in such folders."""


@record(slots=True)
class Found:
    """What a command line led to.

    :param configs: those that are in force: main files, then fragments without one.
    :param loose: fragments of a folder that no main file of it includes.
    :param envoys: configs of Envoy.
    :param clouds: those of Cloudflare.
    :param manifests: those of Kubernetes, lowered to what their controllers make of them.
    :param sources: the files that were read by themselves, not because another one includes them.
    :param skipped: what was given or looked promising and is not read, each with the reason.
    """

    configs: list[Config] = field(default_factory=list)
    loose: list[Config] = field(default_factory=list)
    envoys: list[Envoy] = field(default_factory=list)
    clouds: list[Cloudflare] = field(default_factory=list)
    manifests: list[Lowered] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    skipped: list[Problem] = field(default_factory=list)

    @property
    def every_envoy(self) -> list[Envoy]:
        """Those that files of Envoy make, and those that controllers do."""
        return [*self.envoys, *(each.config for lowered in self.manifests for each in lowered.envoys)]

    @property
    def ingresses(self) -> list[Config]:
        """The configs of nginx that ingress-nginx makes."""
        return [lowered.ingresses.config for lowered in self.manifests if lowered.ingresses is not None]

    @property
    def empty(self) -> bool:
        """Whether there is no config at all."""
        return not (self.configs or self.loose or self.envoys or self.clouds or self.manifests)


class _Overlaid:
    """A lookup in which some files are at hand, and some already have the text that they are about to get."""

    def __init__(self, lookup: OnDisk, at_hand: Mapping[str, str], texts: Mapping[str, str], watch: Watch) -> None:
        self.lookup = lookup
        self.at_hand = at_hand
        self.texts = texts
        self.watch = watch

    def read(self, path: str) -> str:
        """The text of a file; whether one that is not at hand may be read at all is asked as ever."""
        self.watch("reading files", 0)
        text = self.at_hand.get(os.path.normpath(path))
        if text is None:
            text = self.lookup.read(path)
        return self.texts.get(path, text)

    def glob(self, pattern: str) -> list[str]:
        """The files that a mask matches."""
        return self.lookup.glob(pattern)


_LOOKED = {
    "nginx": "*.conf, *.nginx, *.vhost, nginx*.template, and whatever is in sites-enabled, conf.d and the like",
    "envoy": "*.yaml, *.yml and *.json with resources of Envoy, or with routes of Kubernetes",
    "kubernetes": "*.yaml, *.yml and *.json with routes of Kubernetes",
    "cloudflare": "*.tf and exports that speak of Cloudflare",
}
"""What a folder is searched for, by target."""
_LOWERED = ("kubernetes", "envoy", "nginx")
"""Targets for which manifests are read: what their controllers configure is an Envoy or an nginx."""
_ITSELF = "give the file itself if it is to be read"
_Piece = tuple[Source, Config]
"""A file that was read by itself, and what it came to."""


@record(frozen=True, slots=True, kw_only=True)
class Search:
    """How to read what a command line means.

    :param stdin: the text of standard input, for ``-``.
    :param target: what the files are for, if somebody says so; empty to find it out from each of them.
    :param root: files outside of it are not opened, and sites include from there; default the folder of each main file, or the folder that
        was given.
    :param texts: files that are taken to have another text than the disk says, by the name under which they are found.
    :param watch: is told of every file.
    """

    stdin: str = ""
    target: str = ""
    root: Path | None = None
    allow_outside: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)
    watch: Watch = field(default=unwatched)

    def find(self, paths: Iterable[str]) -> Found:
        """Read all that ``paths`` mean.

        :raises InvalidInput: if a path that was given cannot be read, or there is no config at all.
        """
        found = Found()
        names = list(dict.fromkeys(paths))
        folders = [name for name in names if name != "-" and os.path.isdir(name)]
        given = [self._given(name) for name in names if name not in folders]
        manifests = [source for source in given if self._is_manifest(source)]
        given = [source for source in given if source not in manifests]
        found.manifests += self._manifests(manifests, found)
        clouds = [source for source in given if self._is_cloudflare(source)]
        given = [source for source in given if source not in clouds]
        found.clouds += self._clouds(clouds, self.root)
        found.sources += clouds
        envoys = [source for source in given if self._is_envoy(source)]
        given = [source for source in given if source not in envoys]
        found.envoys += self._envoys(envoys, found)
        at_hand = {os.path.normpath(source.name): source.text for source in given}
        read = (self._read(source, self.root or Path(_home(source.name)), found, at_hand) for source in given)
        pieces = [piece for piece in read if piece]
        links = Links()
        found.configs += _belonging(pieces, links)
        seen = _real_names(pieces, links) if folders else set[str]()
        for folder in folders:
            before = len(found.envoys) + len(found.clouds) + len(found.manifests)
            self._search_by_words(folder, found)
            any_found = self._reads("nginx") and self._search(folder, found, seen, links)
            if not any_found and len(found.envoys) + len(found.clouds) + len(found.manifests) == before:
                looked = _LOOKED.get(self.target) or "; ".join(
                    _LOOKED[target] for target in ("nginx", "envoy", "cloudflare")
                )
                what = f"no config in this folder: looked for {looked}"
                found.skipped.append(Problem(Span.whole(folder), what, "give the file itself"))
        if found.empty:
            raise InvalidInput(found.skipped)
        return found

    def _reads(self, *targets: str) -> bool:
        """Whether configs of one of the targets are looked for."""
        return not self.target or self.target in targets

    def _search_by_words(self, folder: str, found: Found) -> None:
        """Find in a folder what its words tell: configs of Envoy, manifests of Kubernetes, and what speaks of Cloudflare."""
        endings = cloudflare.ENDINGS if self._reads("cloudflare") else recognise.ENDINGS
        known = {os.path.realpath(name) for config in found.every_envoy for name in config.files}
        known |= {os.path.realpath(name) for config in found.clouds for name in config.files}
        envoys: dict[str, list[Source]] = {}
        manifests: dict[str, list[Source]] = {}
        clouds: dict[str, list[Source]] = {}
        for path in _files(folder, endings):
            if os.path.realpath(path) in known:
                continue
            self.watch("reading files", 0)
            try:
                source = Source(path, self._text(path))
            except OSError as error:
                found.skipped.append(Problem(Span.whole(path), f"cannot read: {error.strerror}", _ITSELF))
                continue
            if recognise.recognises(source.text):
                if self._is_envoy(source) and _ending(path) in recognise.ENDINGS:
                    envoys.setdefault(os.path.dirname(path), []).append(source)
                continue
            if self._reads(*_LOWERED) and _ending(path) in recognise.ENDINGS and kubernetes.recognises(source.text):
                manifests.setdefault(os.path.dirname(path), []).append(source)
            if self._reads("cloudflare") and cloudflare.kind_of(path, source.text):
                clouds.setdefault(os.path.dirname(path), []).append(source)
        self._search_clouds(folder, clouds, found)
        for group in manifests.values():
            # What is said about routes says nothing without them.
            if any(kubernetes.has_routes(source.text) for source in group):
                found.manifests += self._manifests(group, found, lenient=True)
        for group in envoys.values():
            found.envoys += self._envoys(group, found, lenient=True)

    def _given(self, name: str) -> Source:
        if name == "-":
            return Source("<stdin>", self.texts.get("<stdin>", self.stdin))
        try:
            return Source(name, self._text(name))
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            instead = "give the path of a config, or - for standard input"
            raise InvalidInput([Problem(Span.whole(name), f"cannot read: {said}", instead)]) from None

    # ---- Cloudflare ----

    def _is_cloudflare(self, source: Source) -> bool:
        if self.target:
            return self.target == "cloudflare"
        looks = _ending(source.name) in cloudflare.ENDINGS or source.name == "<stdin>"
        # All that is said in an Envoy's words is an Envoy's.
        return looks and bool(cloudflare.kind_of(source.name, source.text)) and not recognise.recognises(source.text)

    def _clouds(self, sources: Sequence[Source], root: str | Path | None) -> list[Cloudflare]:
        """What files say, those of a folder together, with the modules below ``root`` (default that folder) that they call."""
        if not sources:
            return []
        from proxycfg.targets.cloudflare.config import load  # noqa: PLC0415 - nginx is read more often

        by_folder: dict[str, list[Source]] = {}
        for source in sources:
            by_folder.setdefault(os.path.dirname(source.name), []).append(source)
        return [
            load(
                group,
                list(self._names_beside(group)),
                dict(self._scripts_of(group)),
                self._modules(root or home or "."),
            )
            for home, group in by_folder.items()
        ]

    def _modules(self, root: str | Path) -> Callable[[str], list[Source]]:
        """The files of Terraform in the folders of modules, which may lie anywhere below ``root``."""
        lookup = _Overlaid(OnDisk(Path(root), self.allow_outside), {}, self.texts, self.watch)

        def look(folder: str) -> list[Source]:
            masks = (os.path.join(glob.escape(folder), ending) for ending in ("*.tf", "*.tf.json"))
            return [Source(name, lookup.read(name)) for mask in masks for name in lookup.glob(mask)]

        return look

    def _scripts_of(self, given: Sequence[Source]) -> Iterator[tuple[str, Source]]:
        """The sources of Workers, where they lie in the folder of their settings."""
        from proxycfg.targets.cloudflare.worker_files import main_of  # noqa: PLC0415 - as above

        for source in given:
            main = main_of(source.text) if source.name != "<stdin>" and cloudflare.is_wrangler(source.name) else ""
            home = os.path.dirname(source.name)
            path = os.path.normpath(os.path.join(home, main))
            inside = os.path.realpath(path).startswith(os.path.join(os.path.realpath(home), ""))
            if main and inside and "\0" not in path:
                try:
                    yield source.name, Source(path, self._text(path))
                except OSError:
                    # Built elsewhere: its settings are read all the same.
                    continue

    def _names_beside(self, given: Sequence[Source]) -> Iterator[Source]:
        """The other files of a module of Terraform: its variables, its locals."""
        home = os.path.dirname(given[0].name)
        known = {os.path.realpath(source.name) for source in given}
        if given[0].name == "<stdin>" or not any(source.name.endswith(".tf") for source in given):
            return
        inside = os.path.join(os.path.realpath(home), "")
        for name in sorted(os.listdir(home or ".")):
            path = os.path.join(home, name)
            of_module = name.endswith((".tf", ".auto.tfvars")) or name == "terraform.tfvars"
            if not of_module or os.path.realpath(path) in known or not os.path.realpath(path).startswith(inside):
                continue
            try:
                yield Source(path, self._text(path))
            except OSError:
                # What it says stays unknown.
                continue

    def _search_clouds(self, folder: str, by_folder: Mapping[str, list[Source]], found: Found) -> None:
        """Put together what files of a folder say that may speak of Cloudflare."""
        # A module that says nothing of Cloudflare, nor calls one that does, is somebody else's.
        calls = {os.path.normpath(home): _called_by(home, group) for home, group in by_folder.items()}
        theirs = {
            os.path.normpath(home)
            for home, group in by_folder.items()
            if any(cloudflare.recognises(source.name, source.text) for source in group)
        }
        todo = list(theirs)
        callers: dict[str, list[str]] = {}
        for home, modules in calls.items():
            for module in modules:
                callers.setdefault(module, []).append(home)
        while todo:
            more = [home for home in callers.get(todo.pop(), ()) if home not in theirs]
            theirs.update(more)
            todo += more
        # Those that call others come first, for these are read with what they are given. An example does not count: it calls the module
        # that it lies in.
        called = {module for home, modules in calls.items() for module in modules if not _lies_in(home, module)}
        read: set[str] = set()
        for home in sorted(by_folder, key=lambda home: os.path.normpath(home) in called):
            place = os.path.normpath(home)
            # What a module sets up that lies outside of the folder, only a look at it tells.
            speaks = place in theirs
            if place not in read and (speaks or not calls[place] <= calls.keys()):
                configs = self._clouds(by_folder[home], self.root or folder)
                if speaks or any(config.resources for config in configs):
                    read |= {module for config in configs for module in config.modules if not _lies_in(place, module)}
                    found.clouds += configs
                    found.sources += by_folder[home]

    # ---- Kubernetes ----

    def _is_manifest(self, source: Source) -> bool:
        looks = _ending(source.name) in recognise.ENDINGS or source.name == "<stdin>"
        if not self._reads(*_LOWERED) or not looks:
            return False
        return self.target == "kubernetes" or kubernetes.recognises(source.text)

    def _manifests(self, sources: Sequence[Source], found: Found, *, lenient: bool = False) -> list[Lowered]:
        """What manifests come to that belong together; templates are passed over.

        :raises InvalidInput: if a file is no YAML at all, or there are no routes, unless that is only worth a word.
        """
        if not sources:
            return []
        from proxycfg.kubernetes.lower import lower  # noqa: PLC0415 - nginx is read more often
        from proxycfg.kubernetes.manifests import TEMPLATE  # noqa: PLC0415 - as above

        try:
            lowered = lower(sources)
        except InvalidInput as error:
            if not lenient and any(problem.message != TEMPLATE for problem in error.problems):
                raise
            bad = {source.name for source in sources if any(source.name == each.span.file for each in error.problems)}
            told = [source.name for source in sources if source.name in bad and kubernetes.has_routes(source.text)]
            # What is said about routes is no loss to speak of.
            found.skipped += [next(each for each in error.problems if each.span.file == name) for name in told]
            return self._manifests([source for source in sources if source.name not in bad], found, lenient=lenient)
        for each in lowered:
            if self.target == "nginx":
                each.envoys = []
            elif self.target == "envoy":
                each.ingresses = None
            found.skipped += each.skipped
        found.sources += sources
        if all(each.empty for each in lowered):
            if self.target in {"nginx", "envoy"}:
                what = f"its routes come to no {self.target}, but to another proxy"
                found.skipped += [Problem(Span.whole(source.name), what, "leave --target out") for source in sources]
            elif not lenient and not any(each.skipped for each in lowered):
                raise InvalidInput([lowered[0].nothing])
        return [each for each in lowered if not each.empty]

    # ---- Envoy ----

    def _is_envoy(self, source: Source) -> bool:
        return self.target == "envoy" or (not self.target and recognise.recognises(source.text))

    def _envoys(self, sources: Sequence[Source], found: Found, *, lenient: bool = False) -> list[Envoy]:
        """The Envoys that files make: each bootstrap with the files that it names, and the other resources together.

        :raises InvalidInput: if a file is none at all, unless that is only worth a word.
        """
        if not sources:
            return []
        from proxycfg.targets.envoy.bootstrap import load  # noqa: PLC0415 - nginx is read more often

        made: list[Envoy] = []
        rest: list[Source] = []
        taken: set[str] = set()
        for source in sources:
            try:
                config = load([source], self._beside(source, sources))
            except InvalidInput as error:
                if not lenient:
                    raise
                found.skipped += error.problems[:1]
                continue
            found.sources.append(source)
            if config.bootstraps or config.problems:
                made.append(config)
                taken |= config.files.keys()
            else:
                rest.append(source)
        rest = [source for source in rest if source.name not in taken]
        if rest and len(made) == 1 and not lenient:
            # Given together, they are meant together.
            whole = [source for source in sources if source.name in made[0].files]
            return [load([*whole, *rest], self._beside(whole[0], sources))]
        return [*made, load(rest)] if rest else made

    def _beside(self, main: Source, sources: Sequence[Source]) -> Callable[[str], Source | None]:
        """The files that a bootstrap names, where they lie beside it: paths of a container are none of this machine."""
        home = _home(main.name)

        def find(path: str) -> Source | None:
            name = os.path.join(home, os.path.basename(path))
            for source in sources:
                if os.path.normpath(source.name) == os.path.normpath(name):
                    return source
            inside = os.path.realpath(name).startswith(os.path.join(os.path.realpath(home), ""))
            if not inside or main.name == "<stdin>" or "\0" in name:
                return None
            try:
                return Source(name, self._text(name))
            except OSError:
                return None

        return find

    # ---- nginx ----

    def _search(self, folder: str, found: Found, seen: set[str], links: Links) -> bool:
        """Find the configs of nginx in a folder; whether there was anything to look at."""
        pieces: list[_Piece] = []
        candidates = sorted(_candidates(folder), key=_precedence)
        for path in candidates:
            self.watch("reading files", 0)
            if links.real(path) in seen:
                continue
            try:
                text = self._text(path)
                why = _not_enabled(path, folder) or _other_words(text)
            except OSError as error:
                text, why = "", f"cannot read: {error.strerror}"
            if why:
                found.skipped.append(Problem(Span.whole(path), why, _ITSELF))
                continue
            # A main file of a project may include from folders beside its own.
            piece = self._read(Source(path, text), self.root or Path(folder), found, {})
            if piece:
                seen |= _real_names([piece], links)
                pieces.append(piece)
        whole: list[Config] = []
        sites: list[_Piece] = []
        alone: list[Config] = []
        for piece in pieces:
            if piece[1].context == "main":
                whole.append(piece[1])
            elif _is_site(piece) and _folder_name(piece[0].name) in _SITES:
                sites.append(piece)
            else:
                alone.append(piece[1])
        found.configs += whole
        rest = found.loose if whole else found.configs
        rest += [*_by_folder(sites), *alone]
        return bool(candidates)

    def _read(self, main: Source, root: Path, found: Found, at_hand: Mapping[str, str]) -> _Piece | None:
        """A file with what it includes; None, and the reason among what is skipped, if it is no config."""
        problem = _not_text(main) or _misnamed(main)
        if problem is None:
            config = self._load(main, root, at_hand)
            problem = _of_others(main, config)
            if problem is None:
                found.sources.append(main)
                return main, config
        found.skipped.append(problem)
        return None

    def _load(self, main: Source, root: Path, at_hand: Mapping[str, str]) -> Config:
        texts = split_dump(main)
        if texts:
            return load_texts(texts, is_directive=opens_line)
        disk = OnDisk(root, self.allow_outside)
        lookup = _Overlaid(disk, at_hand, self.texts, self.watch)
        config = load(main, lookup, is_directive=opens_line, prefix=_home(main.name))
        if self.root and config.context != "main":
            config = load(main, lookup, is_directive=opens_line, prefix=str(self.root))
        config.assumed += disk.assumed
        return config

    def _text(self, path: str) -> str:
        text = self.texts.get(path)
        return read_text(Path(path)) if text is None else text


def _called_by(home: str, sources: Iterable[Source]) -> set[str]:
    """The folders of the modules that files of a folder call."""
    return {
        os.path.normpath(os.path.join(home, path)) for source in sources for path in cloudflare.calls_of(source.text)
    }


def _lies_in(folder: str, other: str) -> bool:
    return other == "." or folder.startswith(os.path.join(other, ""))


# ---- what belongs together ----


def _belonging(pieces: Sequence[_Piece], links: Links) -> list[Config]:
    """The configurations that files make which were given by name."""
    whole = [piece for piece in pieces if piece[1].context == "main"]
    if len(whole) == len(pieces):
        return [config for _, config in whole]
    included = _real_names(whole, links)
    rest = [each for each in pieces if each[1].context != "main" and links.real(each[0].name) not in included]
    sites = [piece for piece in rest if _is_site(piece)]
    if len(whole) == 1:
        sites = _into(*whole[0], sites)
    alone = [config for _, config in rest if config.context != "http"]
    return [*(config for _, config in whole), *_by_folder(sites), *alone]


def _into(source: Source, main: Config, sites: Sequence[_Piece]) -> list[_Piece]:
    """Put the sites of a main file's folder, and of those below it, into its http block; the others are left."""
    block = next((line for line in main.top if line.name == "http" and line.block is not None), None)
    if block is None:
        return list(sites)
    home = os.path.join(os.path.realpath(os.path.dirname(source.name)), "")
    inside: list[_Piece] = []
    others: list[_Piece] = []
    for piece in sites:
        (inside if os.path.realpath(piece[0].name).startswith(home) else others).append(piece)
    if inside:
        main.extend(block, [line for _, site in inside for line in site.top])
        main.take_over([site for _, site in inside])
        main.assumed.append(
            f"{_names(inside)}: not included by the main file, read as if its http block did so at its end"
        )
    return others


def _by_folder(sites: Sequence[_Piece]) -> list[Config]:
    """Sites without a main file, those of each folder together: what one of them defines, the others use."""
    groups: dict[str, list[_Piece]] = {}
    for piece in sites:
        groups.setdefault(os.path.dirname(piece[0].name), []).append(piece)
    made: list[Config] = []
    for group in groups.values():
        first, *others = (config for _, config in group)
        if others:
            first.top = [line for _, config in group for line in config.top]
            first.take_over(others)
            how = "read in this order, as an http block would include them, with nginx's defaults around them"
            first.assumed[:] = [f"no nginx.conf among these files: {_names(group)} are {how}"]
        made.append(first)
    return made


def _names(pieces: Iterable[_Piece]) -> str:
    return ", ".join(source.name for source, _ in pieces)


def _is_site(piece: _Piece) -> bool:
    return piece[1].context == "http"


def _real_names(pieces: Iterable[_Piece], links: Links) -> set[str]:
    return {links.real(name) for _, config in pieces for name in config.files}


# ---- what is no config ----

_MARKS = re.compile(r"\{\{|\{%|<%|<\?php")
_FIRST = re.compile(r"^[ \t]*([a-z_][a-z0-9_]*)(?=[ \t\n{;])[^\n]*", re.MULTILINE)


def _not_text(source: Source) -> Problem | None:
    at = source.text.find("\0")
    if at < 0:
        return None
    line = source.text.count("\n", 0, at) + 1
    column = at - source.text.rfind("\n", 0, at)
    return Problem(
        Span(source.name, line, column, line, column + 1),
        "a NUL byte: this is no text",
        "give the config itself, not a program or an archive (UTF-16: save it as UTF-8)",
    )


def _misnamed(source: Source) -> Problem | None:
    """A file whose name says that it is something else, and whose words do not contradict."""
    if _ending(source.name) not in _OTHERS or split_dump(source):
        return None
    why = _other_words(source.text)
    return (
        Problem(
            Span.whole(source.name), why, "give an nginx.conf, a site file, a folder of them, or a bootstrap of Envoy"
        )
        if why
        else None
    )


def _of_others(source: Source, config: Config) -> Problem | None:
    """Templates, of which only what they are rendered to is a config, and what looks like a config of nginx to nobody."""
    marked = next((problem for problem in config.problems if _MARKS.search(problem.excerpt)), None)
    if marked is not None:
        return Problem(
            marked.span,
            "this is a template of a config: what stands between its marks decides what it says",
            "render it, and give the result",
            marked.excerpt,
        )
    if not any(tree.directives for tree in config.files.values()):
        config.assumed.append(f"{source.name} says nothing at all")
    elif not any(is_directive(each.name) for tree in config.files.values() for each in tree.walk()):
        return Problem(
            Span.whole(source.name),
            "this is no config of nginx: none of its lines begins with a directive that nginx has",
            "give an nginx.conf, a site file, a folder of them, or the output of `nginx -T`",
        )
    return None


def _other_words(text: str) -> str:
    """Why a file that nobody named is taken to be no config of nginx; empty if it may be one."""
    heads = [match[1] for match in _FIRST.finditer(text)][:20]
    if not heads:
        nothing = not text.strip() or text.lstrip().startswith("#")
        return "" if nothing else "no line of it begins with a directive of nginx"
    known = sum(bool(entries(head)) for head in heads)
    return "" if known * 2 > len(heads) else "its lines do not begin with directives of nginx"


def _not_enabled(path: str, searched: str) -> str:
    """Why a site is not in force: where Debian's folders are in use, what counts is the one with the links."""
    folder = os.path.dirname(path)
    if _folder_name(path) != "sites-available" or os.path.normpath(folder) == os.path.normpath(searched):
        return ""
    enabled = os.path.join(os.path.dirname(folder), "sites-enabled")
    in_use = os.path.isdir(enabled) and any(os.path.exists(os.path.join(enabled, name)) for name in os.listdir(enabled))
    return "not enabled: nothing in sites-enabled leads to it" if in_use else ""


# ---- where configs are ----


def _walk(folder: str) -> Iterator[tuple[str, list[str]]]:
    """The folders below one, and the names in each, other people's left out."""
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        yield at, sorted(names)


def _files(folder: str, endings: Container[str]) -> Iterator[str]:
    """The files below a folder whose names end so."""
    for at, names in _walk(folder):
        for name in names:
            if _ending(name) in endings and not name.startswith("."):
                yield os.path.join(at, name)


def _candidates(folder: str) -> Iterator[str]:
    for at, names in _walk(folder):
        in_sites = os.path.basename(at) in _SITES
        for name in names:
            ending = _ending(name)
            if ending in _OTHERS or name.startswith("."):
                continue
            if _NAMED.fullmatch(name) or (in_sites and not ending):
                yield os.path.join(at, name)


def _precedence(path: str) -> tuple[bool, bool, str]:
    """Main files first, so that what they include is read where it belongs; then the links to sites before the sites."""
    name = _folder_name(path)
    is_main = name not in _SITES and re.match(r"nginx.*\.conf", os.path.basename(path)) is not None
    return not is_main, name == "sites-available", path


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _folder_name(path: str) -> str:
    folder = os.path.dirname(path)
    return os.path.basename(folder) or os.path.basename(os.path.dirname(os.path.abspath(path)))


def _home(path: str) -> str:
    """The folder that relative includes start from: that of the main file, one up from a folder of sites."""
    folder = os.path.dirname(path)
    if _folder_name(path) not in _SITES:
        return folder
    return os.path.dirname(folder) if os.path.basename(folder) else os.path.join(folder, "..")
