"""TOML as plain data, plus a span for every key and value in it: the standard library's parser judges, and says nothing of places."""

from __future__ import annotations

import bisect
import re
import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from proxycfg.errors import InvalidInput, Problem
from proxycfg.record import record
from proxycfg.source import Source, Span

if TYPE_CHECKING:
    from proxycfg.yamldoc import Path

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+|\#[^\n]*)
    | (?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
    | (?P<mark>[][{}=,.\n])
    | (?P<word>[^][{}=,.\s\#"']+)""",
    re.VERBOSE | re.DOTALL,
)
_AT = re.compile(r"(?P<said>.*) \(at (line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)


@record(frozen=True, slots=True)
class Document:
    """A parsed document; it answers as ``yamldoc.Document`` does."""

    source: Source
    data: dict[str, Any]
    lines: list[str]
    _places: dict[Path, tuple[Span, Span]]

    def span_of(self, path: Path) -> Span:
        """Where the value at ``path`` stands, or its nearest parent that exists."""
        return self._find(path)[1]

    def key_span_of(self, path: Path) -> Span:
        """Where the key that leads to ``path`` stands; the value itself for list items."""
        return self._find(path)[0]

    def _find(self, path: Path) -> tuple[Span, Span]:
        while path and path not in self._places:
            path = path[:-1]
        start = Span(self.source.name, 1, 1, 1, 1)
        return self._places.get(path, (start, start))

    def problem(self, span: Span, message: str, instead: str = "") -> Problem:
        """A problem at ``span`` that shows the offending line."""
        return Problem(span, message, instead, self.lines[span.line - 1] if span.line <= len(self.lines) else "")


def parse(source: Source) -> Document:
    """Parse a TOML document.

    :raises InvalidInput: if it is not TOML.
    """
    lines = [line.removesuffix("\r") for line in source.text.split("\n")]
    try:
        data = tomllib.loads(source.text)
        return Document(source, data, lines, dict(_Places(source).statements()))
    except RecursionError:
        start = Span(source.name, 1, 1, 1, 1)
        raise InvalidInput([Problem(start, "nested too deeply to be read", "nest less")]) from None
    except ValueError as error:
        found = _AT.fullmatch(str(error))
        line = int(found["line"]) if found and found["line"] else len(lines)
        column = int(found["column"]) if found and found["column"] else len(lines[-1]) + 1 if found else 1
        span = Span(source.name, line if found else 1, column, line if found else 1, column + 1)
        said = found["said"] if found else str(error)
        excerpt = lines[span.line - 1]
        raise InvalidInput([Problem(span, f"this is not TOML: {said}", "see https://toml.io", excerpt)]) from None


class _Places:
    """Walks over a text that is known to be TOML, and so may trust it."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.starts = [0, *(found.end() for found in re.finditer("\n", source.text))]
        self.tokens = [found for found in _TOKEN.finditer(source.text) if found.lastgroup != "blank"]
        self.at = 0
        self.arrays: dict[Path, int] = {}

    def statements(self) -> Iterator[tuple[Path, tuple[Span, Span]]]:
        """Each path with the place of its key and of its value; of a table, both are its heading."""
        table: Path = ()
        while self.at < len(self.tokens):
            if self._next("\n"):
                continue
            if self._next("["):
                repeated = self._next("[")
                keys = self._keys()
                table = ()
                for key, span in keys:
                    table = self._last_of((*table, key))
                    yield table, (span, span)
                if repeated:
                    bare = table[:-1] if table and isinstance(table[-1], int) else table
                    table = (*bare, self.arrays.get(bare, 0))
                    self.arrays[bare] = self.arrays.get(bare, 0) + 1
                    yield table, (keys[-1][1], keys[-1][1])
                while self._next("]"):
                    pass
            else:
                yield from self._pair(table)

    def _pair(self, table: Path) -> Iterator[tuple[Path, tuple[Span, Span]]]:
        keys = self._keys()
        self._next("=")
        first = self.at
        path = (*table, *(key for key, _ in keys))
        inner = list(self._value(path))
        value = self._span(self.tokens[first].start(), self.tokens[self.at - 1].end())
        for length, (_, span) in enumerate(keys, len(table) + 1):
            yield path[:length], (span, value)
        yield from inner

    def _value(self, path: Path) -> Iterator[tuple[Path, tuple[Span, Span]]]:
        if self._next("{"):
            while not self._next("}"):
                yield from self._pair(path)
                self._next(",")
        elif self._next("["):
            index = 0
            while self._skip_lines() or not self._next("]"):
                first = self.at
                inner = list(self._value((*path, index)))
                span = self._span(self.tokens[first].start(), self.tokens[self.at - 1].end())
                yield (*path, index), (span, span)
                yield from inner
                index += 1
                self._skip_lines()
                self._next(",")
        else:
            # A number, a date or a string: more than one token where it holds a point or a space.
            while self.at < len(self.tokens) and self.tokens[self.at][0] not in {"\n", ",", "]", "}"}:
                self.at += 1

    def _keys(self) -> list[tuple[str, Span]]:
        """The parts of a dotted key."""
        keys = []
        while self.tokens[self.at].lastgroup in {"word", "string"}:
            found = self.tokens[self.at]
            keys.append((_unquoted(found[0]), self._span(found.start(), found.end())))
            self.at += 1
            self._next(".")
        return keys

    def _last_of(self, path: Path) -> Path:
        """Inside an array of tables a name leads to the last of them."""
        return (*path, self.arrays[path] - 1) if path in self.arrays else path

    def _next(self, mark: str) -> bool:
        """Go past the mark, if it comes next."""
        found = self.at < len(self.tokens) and self.tokens[self.at][0] == mark
        self.at += found
        return found

    def _skip_lines(self) -> bool:
        while self._next("\n"):
            pass
        return False

    def _span(self, start: int, end: int) -> Span:
        first, last = (bisect.bisect_right(self.starts, offset) - 1 for offset in (start, end))
        return Span(self.name, first + 1, start - self.starts[first] + 1, last + 1, end - self.starts[last] + 1)


def _unquoted(key: str) -> str:
    """What a key says: quotes and escapes are the parser's business."""
    return next(iter(tomllib.loads(f"{key} = 0")))
