"""Options that a file gives: ``.proxycfg.toml``, ``.proxycfg.yaml``, or ``[tool.proxycfg]`` in ``pyproject.toml``.

A key is an option's name without its dashes. At the top it is for every command that has the option; in a table with a command's
name it is for that one, and wins. What the command line says wins over both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from proxycfg.commands import COMMANDS
from proxycfg.errors import InvalidInput, Problem, suggest
from proxycfg.record import record
from proxycfg.source import Source, Span
from proxycfg.sourcefile import read_source
from proxycfg.units import short

if TYPE_CHECKING:
    from proxycfg import tomldoc, yamldoc

NAMES = (".proxycfg.toml", ".proxycfg.yaml", "pyproject.toml")
"""What is looked for in each folder, the first one first."""
MAX_BYTES = 2**20
_TABLE = ("tool", "proxycfg")
_VCS = (".git", ".hg", ".svn", ".jj")


Kind: TypeAlias = Literal["switch", "number", "text", "texts"]


@record(frozen=True, slots=True)
class Option:
    """What a file can say of an option.

    :param kind: a switch is true or false; texts are a list, or one of them alone.
    :param path: it names a file or folder, which is relative to the folder of the settings.
    """

    name: str
    kind: Kind
    path: bool = False


@record(frozen=True, slots=True)
class Settings:
    """The settings of one file; ``root`` leads to them in its ``document``."""

    document: tomldoc.Document | yamldoc.Document
    root: tuple[str, ...]

    @property
    def file(self) -> str:
        """Its name, as it was found or given."""
        return self.document.source.name

    def of(
        self,
        command: str,
        known: Mapping[str, Option],
        extra: Collection[str] = (),
        anywhere: Callable[[], Collection[str]] = frozenset,
        by_hand: Collection[str] = (),
    ) -> dict[str, Any]:
        """The options that the file gives to a command, by name.

        :param extra: keys of the command's table that are not options, and which it reads itself with ``extra``.
        :param anywhere: the names of every command's options; called only where a key at the top is not one of this command's.
        :param by_hand: the names of options that a file cannot give.
        :raises InvalidInput: with every key that nothing knows, or that is for the command line alone, and every value of the wrong kind.
        """
        problems: list[Problem] = []
        found: dict[str, Any] = {}
        elsewhere: Collection[str] | None = None
        for key, value in self._items(self.root):
            path = (*self.root, key)
            if key in by_hand:
                problems.append(self._by_hand(path))
            elif key in COMMANDS:
                if not isinstance(value, dict):
                    problems.append(
                        self._wrong(path, f"`{key}` must be a table of settings", f"write [{key}] above them")
                    )
            elif key in known:
                found[key] = self._value(known[key], path, value, problems)
            else:
                elsewhere = anywhere() if elsewhere is None else elsewhere
                if key not in elsewhere:
                    problems.append(self._unknown(path, [*known, *elsewhere, *COMMANDS]))
        for key, value in self._items((*self.root, command)):
            path = (*self.root, command, key)
            if key in by_hand:
                problems.append(self._by_hand(path))
            elif key in known:
                found[key] = self._value(known[key], path, value, problems)
            elif key not in extra:
                problems.append(self._unknown(path, [*known, *extra]))
        if problems:
            raise InvalidInput(problems)
        return found

    def extra(self, command: str, key: str) -> tuple[Any, tuple[str, ...]] | None:
        """What a command's table holds under a key that is no option, and the path to ask ``document`` for its places."""
        return next(
            ((value, (*self.root, command, key)) for name, value in self._items((*self.root, command)) if name == key),
            None,
        )

    def span_of(self, command: str, key: str) -> Span | None:
        """Where the value that ``of`` gives for an option stands."""
        for path in ((*self.root, command), self.root):
            if any(name == key for name, _ in self._items(path)):
                return self.document.span_of((*path, key))
        return None

    def _items(self, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        table: Any = self.document.data
        for step in path:
            table = table.get(step) if isinstance(table, dict) else None
        yield from table.items() if isinstance(table, dict) else ()

    def _value(self, option: Option, path: tuple[str, ...], value: Any, problems: list[Problem]) -> Any:
        values = value if option.kind == "texts" and isinstance(value, list) else [value]
        kind, wanted = {
            "switch": (bool, "true or false"),
            "number": (int, "a whole number"),
            "text": (str, "text"),
            "texts": (str, "text, or a list of texts"),
        }[option.kind]
        # A bool is an int to Python, not to people.
        if not all(isinstance(one, kind) and isinstance(one, bool) is (kind is bool) for one in values):
            remedy = (
                f'write "{value}", in quotes' if kind is str and isinstance(value, (int, float)) else f"write {wanted}"
            )
            problems.append(self._wrong(path, f"`{option.name}` must be {wanted}", remedy))
        elif any("\0" in one for one in values if isinstance(one, str)):
            problems.append(self._wrong(path, f"`{option.name}` holds a null byte", "remove it"))
        elif option.path:
            values = [self._placed(one) for one in values]
        return values if option.kind == "texts" else values[0]

    def _placed(self, path: str) -> str:
        folder = os.path.dirname(self.file)
        return path if path == "-" or os.path.isabs(path) or not folder else os.path.relpath(os.path.join(folder, path))

    def _wrong(self, path: tuple[str, ...], message: str, instead: str) -> Problem:
        return self.document.problem(self.document.span_of(path), message, instead)

    def _by_hand(self, path: tuple[str, ...]) -> Problem:
        message = f"`{path[-1]}` is for the command line alone: a file that comes with a project must not decide it"
        return self.document.problem(self.document.key_span_of(path), message, "remove it")

    def _unknown(self, path: tuple[str, ...], known: list[str]) -> Problem:
        span = self.document.key_span_of(path)
        return self.document.problem(
            span, f"unknown setting `{short(path[-1])}`", suggest(path[-1], sorted(set(known)))
        )


def load(path: str) -> Settings:
    """The settings in a file: YAML or JSON by its name, else TOML; of a ``pyproject.toml``, ``[tool.proxycfg]``.

    :raises InvalidInput: if it cannot be read, or is not of the form that its name says.
    """
    settings = _read(path)
    if settings is None:
        span = Span.whole(path)
        raise InvalidInput([Problem(span, "there are no settings here", f"add a table [{'.'.join(_TABLE)}]")])
    return settings


def discover() -> Settings | None:
    """The nearest settings, from the working folder upwards to the root of its repository, or of the file system.

    :raises InvalidInput: if there are some which cannot be read.
    """
    start = Path.cwd()
    for folder in (start, *start.parents):
        for name in NAMES:
            path = folder / name
            # A pipe of that name would be waited for without end.
            if path.is_file() and (found := _read(os.path.relpath(path, start))):
                return found
        if any((folder / name).exists() for name in _VCS):
            return None
    return None


def _read(path: str) -> Settings | None:
    """None for a ``pyproject.toml`` that is not about us."""
    source = read_source(path, MAX_BYTES, instead="give the path of a file with settings")
    if path.endswith((".yaml", ".yml", ".json")):
        from proxycfg import yamldoc  # noqa: PLC0415 - PyYAML

        return _checked(yamldoc.parse(source), ())
    if os.path.basename(path) != NAMES[-1]:
        return _checked(_toml(source), ())
    # Somebody else's file, which may be as wrong as it likes.
    if _TABLE[-1] not in source.text:
        return None
    document = _toml(source)
    tool = document.data.get(_TABLE[0])
    return _checked(document, _TABLE) if isinstance(tool, dict) and _TABLE[-1] in tool else None


def _toml(source: Source) -> tomldoc.Document:
    from proxycfg import tomldoc  # noqa: PLC0415 - most runs have no settings

    return tomldoc.parse(source)


def _checked(document: tomldoc.Document | yamldoc.Document, root: tuple[str, ...]) -> Settings:
    data: Any = document.data
    for step in root:
        data = data[step]
    if not isinstance(data, dict) and data is not None:
        raise InvalidInput(
            [document.problem(document.span_of(root), "the settings must be a table", "write `name: value`")]
        )
    return Settings(document, root)
