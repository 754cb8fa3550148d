"""nginx's configuration language as a lossless tree: every directive, argument, block and comment, with its place.

The rules are those of nginx's own tokenizer (``ngx_conf_read_token``): words end at a space, ``;`` or ``{``; ``"`` and ``'`` quote only at
the start of a word and must be followed by a space, ``;``, ``{`` or ``)``; a backslash takes the next character along; ``${`` opens no block;
``#`` starts a comment only where a word could start. On damage nginx stops at the first place; here every place is told, and reading goes on
behind the next ``;`` or ``}``.

A tree keeps offsets into its text; words, spans and lines are worked out when they are asked for, so that reading stays cheap and a tree
of any size prints back the very bytes it came from.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from proxycfg.errors import Problem
from proxycfg.source import Span

MAX_DEPTH = 200
"""Blocks in blocks; nginx has no limit of its own, people stay below ten."""


class Text:
    """A file's text, and the lines in it."""

    __slots__ = ("_lines", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        """``name`` is how people know the file."""
        self.name = name
        self.text = text
        self._lines: array[int] | None = None

    @property
    def _starts(self) -> array[int]:
        """Where each line starts; worked out when somebody asks for the first place."""
        if self._lines is None:
            # Only \n ends a line for nginx; \r is white space. 32 bits are enough for any file that is read.
            self._lines = array("I", accumulate(map((1).__add__, map(len, self.text.split("\n"))), initial=0))
            self._lines.pop()
        return self._lines

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, from 1."""
        if offset < len(_OFFSETS):
            # As quick as a look into a table that would have to be made, and kept for each of thousands of files.
            return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """The place of a stretch of the text."""
        return Span(self.name, *self.position(start), *self.position(end))

    def asked(self, start: int) -> bool:  # noqa: ARG002 - as below
        """Whether somebody wrote what begins there, not a program by itself."""
        return True

    def said(self, start: int) -> str:  # noqa: ARG002 - for those that another text was made into this
        """How what begins there stands in the text that this was made of; empty where it is the text itself."""
        return ""

    def line(self, number: int) -> str:
        """The text of one line, without its end."""
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def has_line(self, number: int) -> bool:
        """Whether there is a line of that number."""
        return number <= len(self._starts)

    def problem(self, start: int, end: int, message: str, instead: str = "") -> Problem:
        """A problem that shows the offending line."""
        return Problem(self.span(start, end), message, instead, self.line(self.position(start)[0]))


class Placed(Text):
    """A text that a program has made of another one: each of its lines has its place there, or none where nobody asked for it."""

    __slots__ = ("_places",)

    def __init__(self, name: str, text: str, places: Sequence[tuple[Span, str]]) -> None:
        """``places`` has for each line the place, and how it stands there."""
        super().__init__(name, text)
        self._places = places

    def span(self, start: int, end: int) -> Span:
        """The place in the other text."""
        del end
        return self._places[self.position(start)[0] - 1][0]

    def asked(self, start: int) -> bool:
        """Whether it stands anywhere."""
        return self._places[self.position(start)[0] - 1][0].stands

    def said(self, start: int) -> str:
        """How it stands there; empty where it stands as it is here."""
        return self._places[self.position(start)[0] - 1][1]


class Word(NamedTuple):
    """A word of a directive: what it means, and where it stands, quotes included."""

    value: str
    start: int
    end: int
    quote: str
    """``"``, ``'`` or nothing."""


class Directive:
    """One directive: ``name``, ``args`` as nginx understands them, and ``block`` for its children (None for a plain one).

    ``start`` is its first character, ``end`` just past its ``;`` or ``}``; ``body`` is just past the ``{``, or -1.
    """

    __slots__ = ("_length", "args", "name", "start", "text")

    block: list[Directive] | None = None
    body: int = -1

    def __init__(self, text: Text, name: str, args: tuple[str, ...], start: int, end: int) -> None:
        """A plain directive; the parser fills in the block of another."""
        self.text = text
        self.name = name
        self.args = args
        self.start = start
        self._length = end - start

    @property
    def end(self) -> int:
        """Just past its ``;`` or ``}``."""
        return self.start + self._length

    @end.setter
    def end(self, end: int) -> None:
        # The difference is a small number nearly always, which Python has only once.
        self._length = end - self.start

    @property
    def span(self) -> Span:
        """From the name to the last argument: what a finding underlines."""
        stop = self.body - 1 if self.body >= 0 else self.end
        head = self.text.text[self.start : stop]
        if "#" not in head and "\\" not in head:
            # Nearly always: no need to look at its words.
            return self.text.span(self.start, self.start + len(head.removesuffix(";").rstrip(" \t\r\n")))
        words = self.words
        return self.text.span(self.start, words[-1].end if words else stop)

    @property
    def whole(self) -> Span:
        """From the name to the ``;`` or ``}``."""
        return self.text.span(self.start, self.end)

    @property
    def words(self) -> list[Word]:
        """The name and the arguments, each with its place."""
        stop = self.body - 1 if self.body >= 0 else self.end
        return [token for token in _words(self.text.text, self.start, stop) if token is not None]

    def arg_span(self, index: int) -> Span:
        """The place of one argument."""
        word = self.words[index + 1]
        return self.text.span(word.start, word.end)

    @property
    def comments(self) -> list[Word]:
        """The comments among its words (before the ``;`` or ``{``)."""
        stop = self.body - 1 if self.body >= 0 else self.end
        return list(_comments(self.text.text, self.start, stop))

    @property
    def source(self) -> str:
        """The directive as it stands, without its block."""
        stop = self.body - 1 if self.body >= 0 else self.end
        return self.text.text[self.start : stop].rstrip("; \t\r\n")

    def __repr__(self) -> str:
        return f"<{' '.join((self.name, *self.args))}{' {…}' if self.block is not None else ';'}>"


class Block(Directive):
    """A directive with others in it."""

    __slots__ = ("block", "body")

    def __init__(
        self, text: Text, name: str, args: tuple[str, ...], start: int, body: int, block: list[Directive]
    ) -> None:
        """Still open."""
        super().__init__(text, name, args, start, body)
        self.body = body
        self.block = block


class Tree:
    """A whole file: its directives at the top, and what is wrong with it."""

    def __init__(self, text: Text, directives: list[Directive], problems: list[Problem]) -> None:
        """Made by :func:`parse`."""
        self.text = text
        self.directives = directives
        self.problems = problems

    def walk(self) -> Iterator[Directive]:
        """Every directive, in the order of the file."""
        todo = self.directives[::-1]
        while todo:
            directive = todo.pop()
            yield directive
            if directive.block:
                todo.extend(reversed(directive.block))

    def comments(self) -> Iterator[Word]:
        """Every comment, in the order of the file; ``value`` is the text behind the ``#``."""
        # Comments stand in the gaps that directives leave, and among their words.
        gaps: list[tuple[int, int]] = []
        at = 0
        for directive in self.walk():
            gaps += [(at, directive.start)]
            stop = directive.body if directive.body >= 0 else directive.end
            gaps += [(directive.start, stop)]
            at = stop
        gaps.append((at, len(self.text.text)))
        for start, stop in gaps:
            yield from _comments(self.text.text, start, stop)

    def __str__(self) -> str:
        """The text again, put together from what was read and the gaps between: the very same."""
        pieces: list[str] = []
        at = 0
        text = self.text.text
        for directive in self.walk():
            head = directive.body if directive.body >= 0 else directive.end
            pieces += [text[at : directive.start], text[directive.start : head]]
            at = head
        return "".join([*pieces, text[at:]])


Line = tuple[str, tuple[str, ...], int, int, str, int]
"""What stands from some place to the end of a line, if that is one thing: the name and arguments of a directive, where it begins and ends from that
place, what ends it (``;`` or ``{``; ``}`` for the end of a block, nothing for what does not count), and where to go on."""

Lines = dict[str, Line]
"""Lines by their text. Most lines of a large configuration are copies of others, which need not be taken apart again, nor kept in memory twice."""
_REMEMBERED = 4096
"""So many at a time."""

_NO_LETTER = r"\s\u200b-\u200d\u2060\ufeff;{}\\$"
# What nearly every line of a config is: a name and bare words, with nothing in them that needs a closer look; or a }, or a comment.
_LINE = re.compile(
    r"[ \t\r]*(?:([A-Za-z_][\w.-]*)"
    rf"""((?:[ \t]+(?:[^{_NO_LETTER}"'#]|\$(?!\{{))(?:[^{_NO_LETTER}]|\$(?!\{{))*)*)[ \t]*([;{{])"""
    r"|(\}))?[ \t\r]*(?:\#[^\n]*)?\n?"
)
# Not \s: of white space nginx knows these four alone, and a no-break space is a letter to it.
_BARE = re.compile(r"[^ \t\r\n;{\\$]+")
_UNSEEN = re.compile("[\x0b\x0c\x1c-\x1f\x85\xa0\u1680\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]")
_SPACE = re.compile(r"[ \t\r\n]+")
_COMMENT = re.compile(r"#[^\n]*")
_PLACEHOLDER = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}[ \t\r]*(?=\n|#|\Z)")
"""A line of a template that stands for whatever comes there, directives or nothing: no directive's name begins with a dollar sign."""
_ESCAPES = re.compile(r"""\\(["'\\trn])""")
_UNESCAPED = {'"': '"', "'": "'", "\\": "\\", "t": "\t", "r": "\r", "n": "\n"}


def _unescape(text: str) -> str:
    return _ESCAPES.sub(lambda match: _UNESCAPED[match[1]], text) if "\\" in text else text


class _Damage(Exception):
    """A word that cannot be read on; where, and why."""

    def __init__(self, start: int, end: int, message: str, instead: str) -> None:
        self.start, self.end, self.message, self.instead = start, end, message, instead


def _word(text: str, at: int) -> Word:
    """The word that starts at ``at``."""
    first = text[at]
    if first in "\"'":
        stop = at + 1
        while True:
            stop = text.find(first, stop)
            if stop < 0:
                raise _Damage(at, at + 1, f"the quote {first} is never closed", f"add {first} where the value ends")
            # An odd number of backslashes before it takes the quote along.
            run = stop
            while text[run - 1] == "\\":
                run -= 1
            if (stop - run) % 2 == 0:
                break
            stop += 1
        word = Word(_unescape(text[at + 1 : stop]), at, stop + 1, first)
        after = text[stop + 1 : stop + 2]
        if after and after not in " \t\r\n;{)":
            raise _Damage(
                stop + 1,
                stop + 2,
                f"unexpected {after!r} behind a closing quote",
                "put a space or ; there, or quote the whole word",
            )
        return word
    stop = at
    size = len(text)
    while stop < size:
        bare = _BARE.match(text, stop)
        if bare:
            stop = bare.end()
            continue
        char = text[stop]
        if char == "\\":
            stop += 2
        elif char == "$":
            # `${name}`: this brace opens no block.
            stop += 2 if text[stop + 1 : stop + 2] == "{" else 1
        else:
            break
    stop = min(stop, size)
    return Word(_unescape(text[at:stop]), at, stop, "")


def _words(text: str, at: int, stop: int) -> Iterator[Word]:
    while at < stop:
        char = text[at]
        if char in " \t\r\n;":
            at += 1
        elif char == "#":
            at = _COMMENT.match(text, at).end()  # type: ignore[union-attr]
        elif char == "{":
            return
        else:
            try:
                word = _word(text, at)
            except _Damage:
                return
            yield word
            at = word.end


def _comments(text: str, at: int, stop: int) -> Iterator[Word]:
    while at < stop:
        char = text[at]
        if char in " \t\r\n;{}":
            at += 1
        elif char == "#":
            end = _COMMENT.match(text, at).end()  # type: ignore[union-attr]
            # The carriage return belongs to the end of the line.
            yield Word(text[at + 1 : end].strip(), at, end - text.startswith("\r", end - 1), "")
            at = end
        else:
            try:
                at = _word(text, at).end
            except _Damage:
                return


_NUMBER = re.compile(r"[0-9]{1,18}")


def number(word: str) -> int | None:
    """The number that a word is to nginx (``ngx_atoi``): ASCII digits alone, and no more than fit; None if it is none."""
    return int(word) if _NUMBER.fullmatch(word) else None


def parse(
    name: str, text: str, *, is_directive: Callable[[str], bool] = lambda _: False, seen: Lines | None = None
) -> Tree:
    """Read a file. Never raises: what is wrong stands in ``problems``, in the order of the file.

    :param is_directive: whether a word is the name of a directive; with it a missing ``;`` is found where the next line begins with
        such a name, and told there instead of swallowing the line.
    :param seen: lines that other files of the same configuration had; it is added to.
    """
    return parse_text(Text(name, text), is_directive=is_directive, seen=seen)


def parse_text(text: Text, *, is_directive: Callable[[str], bool] = lambda _: False, seen: Lines | None = None) -> Tree:
    """The same for a text that has a name already."""
    parser = _Parser(text, is_directive, {} if seen is None else seen)
    return Tree(parser.text, parser.read(), parser.problems)


class _Parser:
    def __init__(self, text: Text, is_directive: Callable[[str], bool], seen: Lines) -> None:
        self.text = text
        self.is_directive = is_directive
        self.seen = seen
        self.problems: list[Problem] = []

    def complain(self, start: int, end: int, message: str, instead: str = "") -> None:
        self.problems.append(self.text.problem(start, end, message, instead))

    def read(self) -> list[Directive]:
        text, source = self.text.text, self.text
        size = len(text)
        top: list[Directive] = []
        current = top
        open_blocks: list[Block] = []
        parents: list[list[Directive]] = []
        at = 0
        if text.startswith("\ufeff"):
            self.complain(
                0,
                1,
                "a byte order mark, which nginx takes for the first letter of the first directive",
                "save the file without BOM",
            )
            at = 1
        find, seen = text.find, self.seen
        while at < size:
            rest = text[at : find("\n", at) + 1 or size]
            name, args, start, end, ending, after = seen.get(rest) or self.line(at, rest)
            if ending == "}":
                if open_blocks:
                    block = open_blocks.pop()
                    block.end = at + end
                    # Without the room to grow that lists keep: there are thousands.
                    block.block = current[:]
                    current = parents.pop()
                else:
                    self.complain(
                        at + start,
                        at + end,
                        "a } that closes nothing",
                        "remove it, or look for a block that ends too early",
                    )
            if ending in _NO_DIRECTIVE:
                at += after
                continue
            place = at + start
            if place < len(_OFFSETS):
                place = _OFFSETS[place]
            if ending == ";":
                current.append(Directive(source, name, args, place, at + end))
                at += after
                continue
            inside: list[Directive] = []
            block = Block(source, name, args, place, at + end, inside)
            current.append(block)
            at += end
            if name.endswith("_by_lua_block"):
                at = self.lua(block, at)
                continue
            if len(open_blocks) >= MAX_DEPTH:
                self.complain(
                    block.start, block.end, "blocks in blocks beyond all measure", f"keep to {MAX_DEPTH} levels"
                )
                block.end = size
                break
            open_blocks.append(block)
            parents.append(current)
            current = inside
        for block in reversed(open_blocks):
            block.end = size
            self.complain(block.start, block.body, f"this block is never closed: {block.source}", "add the missing }")
        return top

    def line(self, at: int, rest: str) -> Line:
        """What comes next, and is remembered if it ends in its line: ``rest`` is what is left of that."""
        text = self.text.text
        match = _LINE.match(text, at)
        assert match
        name, words, ending, brace = match.groups()
        if name:
            found: Line = name, tuple(words.split()), match.start(1) - at, match.end(3) - at, ending, match.end() - at
        elif brace:
            found = "", (), match.start(4) - at, match.end(4) - at, brace, match.end() - at
        elif match.end() > at:
            found = "", (), 0, 0, "", match.end() - at
            if "#" in rest:
                # Comments are seldom the same.
                return found
        else:
            problems = len(self.problems)
            read, ending, after = self.careful(at)
            if read is None:
                return "", (), 0, 0, "", after - at
            found = read.name, read.args, read.start - at, read.end - at, ending, after - at
            if after - at > len(rest) or len(self.problems) > problems:
                return found
        if len(self.seen) >= _REMEMBERED:
            self.seen.clear()
        self.seen[rest] = found
        return found

    def careful(self, at: int) -> tuple[Directive | None, str, int]:
        """A directive that is not plain: the directive, what ends it, and where to go on."""
        text = self.text.text
        size = len(text)
        words: list[Word] = []
        start = at
        while at < size:
            char = text[at]
            if char in " \t\r\n":
                at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
            elif char == "#":
                at = _COMMENT.match(text, at).end()  # type: ignore[union-attr]
            elif char in {";", "{"}:
                if not words:
                    self.complain(
                        at, at + 1, f"unexpected {char!r}", "remove it, or write the directive that belongs before it"
                    )
                    if char == ";":
                        return None, "", at + 1
                    words = [Word("", at, at, "")]
                return self.made(words, at + 1), char, at + 1
            elif char == "}" and words:
                last = words[-1]
                self.complain(
                    last.end - 1,
                    last.end,
                    f"`{words[0].value}` is not ended by ; before the block closes",
                    "add ; here",
                )
                return self.made(words, last.end), ";", at
            elif words and self.begins_next(words[-1].end, at):
                last = words[-1]
                self.complain(
                    last.end - 1,
                    last.end,
                    f"`{words[0].value}` is not ended by ; before the next directive",
                    "add ; here",
                )
                return self.made(words, last.end), ";", at
            else:
                try:
                    word = _word(text, at)
                except _Damage as damage:
                    self.complain(damage.start, damage.end, damage.message, damage.instead)
                    # Go on behind the next line that ends as a directive or a block does.
                    found = re.compile(r"[;}]\s*$", re.MULTILINE).search(text, damage.end)
                    at = found.start() if found else size
                    if found and text[at] == ";":
                        at += 1
                    return None, "", at
                words.append(word)
                at = word.end
                if len(words) == 1 and _PLACEHOLDER.match(text, word.start):
                    return self.made(words, at), ";", at
                if not word.quote and (unseen := _UNSEEN.search(text, word.start, word.end)):
                    self.complain(
                        unseen.start(),
                        unseen.end(),
                        f"a character that looks like a space or like nothing (U+{ord(unseen[0]):04X}), which nginx takes for a letter",
                        "write an ordinary space, or quote the word if it belongs there",
                    )
        if words:
            self.complain(
                start, words[-1].end, f"the file ends before `{words[0].value}` does", "add ; or the missing block"
            )
            return self.made(words, words[-1].end), ";", size
        return None, "", size

    def begins_next(self, before: int, at: int) -> bool:
        """Whether a new line begins here with the name of a directive, so that the one before lacks its ``;``."""
        text = self.text.text
        if "\n" not in text[before:at]:
            return False
        match = re.compile(r"[a-z_0-9]+(?=[ \t])").match(text, at)
        return bool(match and self.is_directive(match[0]))

    def made(self, words: list[Word], end: int) -> Directive:
        return Directive(self.text, words[0].value, tuple(word.value for word in words[1:]), words[0].start, end)

    def lua(self, block: Block, at: int) -> int:
        """Skip Lua up to the brace that closes it: strings, long brackets and comments of Lua count, as in OpenResty's lexer."""
        text = self.text.text
        depth = 1
        for match in _LUA.finditer(text, at):
            piece = match[0]
            if piece == "{":
                depth += 1
            elif piece == "}":
                depth -= 1
                if depth == 0:
                    block.end = match.end()
                    return match.end()
        self.complain(block.start, block.body, f"this block is never closed: {block.source}", "add the missing }")
        block.end = len(text)
        return len(text)


_OFFSETS = tuple(range(4096))
"""Places in small files: as numbers of the directives of all of them, which would each be an object of its own."""

_NO_DIRECTIVE = frozenset({"", "}"})

_LUA = re.compile(
    r"""--\[(=*)\[.*?\]\1\]|\[(=*)\[.*?\]\2\]|--[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}]""",
    re.DOTALL,
)
