r"""Regular expressions as nginx's library (PCRE) matches them: its syntax, its order of trying, bytes, and a bound on the work.

They come from strangers' configs, and Python's ``re`` will not do: it means other things by ``\Z``, ``\s``, ``\w`` and ``$`` under flags, lacks
``\z``, ``\h``, ``\R``, ``\Q``, ``(?|`` and POSIX classes, and one ``(a+)+$`` keeps it busy for ever, where nothing but a signal can end it.

So this is a small backtracking matcher that counts its steps. A pattern becomes a chain of functions, each of which knows what comes after it:
given an offset, a function returns where the whole match ends, or -1, and in that case leaves groups and counters as it found them.
What is not decided within :data:`MAX_STEPS`, and what is not followed here (recursion, conditions, verbs, Unicode properties), raises
:class:`Undecided`: the pattern may match.
Whole matches of RE2, Envoy's library, are the same for what the two share. Source:
pcre2pattern(3); nginx compiles without ``PCRE2_UTF`` unless the pattern asks for it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

MAX_STEPS = 50_000
"""Attempts of one search: some 30 ms. Patterns that people write need hundreds on the paths that people ask for."""
MAX_REPEAT = 65_535
"""PCRE's own."""
MAX_RANGE = 65_535
"""Characters of one range in a set."""
MAX_NESTING = 100
"""Groups in groups; PCRE's own is 250."""

_DIGITS = frozenset("0123456789")
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LETTERS = _LOWER | _UPPER
_WORD = _LETTERS | _DIGITS | {"_"}
_GRAPHIC = frozenset(map(chr, range(33, 127)))
_SPACE = frozenset(" \t\n\x0b\x0c\r")
_ACROSS = frozenset("\t \xa0")
_DOWN = frozenset("\n\x0b\x0c\r\x85")
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE, "h": _ACROSS, "v": _DOWN, "N": frozenset("\n")}
_NEGATED = {"D": "d", "W": "w", "S": "s", "H": "h", "V": "v", "N": "N"}
_POSIX = {
    "alpha": _LETTERS, "digit": _DIGITS, "alnum": _LETTERS | _DIGITS, "upper": _UPPER, "lower": _LOWER, "space": _SPACE, "blank": frozenset(" \t"),
    "punct": _GRAPHIC - _LETTERS - _DIGITS, "xdigit": _DIGITS | frozenset("abcdefABCDEF"), "word": _WORD,
    "cntrl": frozenset(map(chr, [*range(32), 127])), "print": _GRAPHIC | {" "}, "graph": _GRAPHIC, "ascii": frozenset(map(chr, range(128))),
}  # fmt: skip
_CONTROLS = {"a": "\a", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Undecided(Exception):
    """Whether it matches is not known; the text says why, as the end of a sentence."""


class Match(NamedTuple):
    """What each group of a match holds, by number from 1 and by name; empty where a group took no part, as nginx's variables are."""

    numbered: dict[str, str]
    named: dict[str, str]


def find(pattern: str, text: str, *, ignore_case: bool) -> Match | None:
    """The first match of a pattern in a text, anywhere in it.

    :raises Undecided: if that is not known.
    """
    return _compiled(pattern, ignore_case).find(text)


@lru_cache(4096)
def _compiled(pattern: str, ignore_case: bool) -> _Program:  # noqa: FBT001 - a key of the cache
    return _Program(pattern, ignore_case=ignore_case)


# ---- the tree ----


class _One(NamedTuple):
    """One character out of a set, or out of all others."""

    chars: frozenset[str]
    inverted: bool = False


class _Sequence(NamedTuple):
    items: tuple[_Node, ...]


class _Either(NamedTuple):
    branches: tuple[_Node, ...]


class _Group(NamedTuple):
    number: int
    inner: _Node


class _Repeat(NamedTuple):
    inner: _Node
    least: int
    most: int | None
    lazy: bool


class _Atomic(NamedTuple):
    inner: _Node


class _Look(NamedTuple):
    inner: _Node
    behind: bool
    wanted: bool


class _At(NamedTuple):
    """A place: ``^``, ``$``, ``A``, ``Z``, ``z``, ``G``, ``b``, ``B``; ``M^`` and ``M$`` under (?m)."""

    what: str


class _Again(NamedTuple):
    """What a group holds, once more."""

    group: int | str
    ignore_case: bool


_Node = _One | _Sequence | _Either | _Group | _Repeat | _Atomic | _Look | _At | _Again


# ---- reading ----


class _Reader:
    """Pattern text to tree, with what PCRE refuses or this does not follow raised as :class:`Undecided`."""

    def __init__(self, pattern: str, *, ignore_case: bool) -> None:
        self.text = pattern
        self.at = 0
        self.flags = frozenset("i") if ignore_case else frozenset[str]()
        self.groups = 0
        self.names: dict[str, int] = {}
        self.depth = 0

    def read(self) -> _Node:
        node = self.either()
        if self.at < len(self.text):
            raise Undecided("a parenthesis closes nothing in it")
        return node

    def either(self, *, reset: bool = False) -> _Node:
        """Branches up to ``)`` or the end; ``reset``: each numbers its groups from the same start."""
        flags, first, most = self.flags, self.groups, self.groups
        branches = [self.sequence()]
        while self.text[self.at : self.at + 1] == "|":
            self.at += 1
            most = max(most, self.groups)
            if reset:
                self.groups = first
            branches.append(self.sequence())
        self.groups = max(most, self.groups)
        self.flags = flags
        return branches[0] if len(branches) == 1 else _Either(tuple(branches))

    def sequence(self) -> _Node:
        items: list[_Node] = []
        text = self.text
        while self.at < len(text) and text[self.at] not in "|)":
            char = text[self.at]
            if "x" in self.flags and char in _SPACE:
                self.at += 1
            elif "x" in self.flags and char == "#":
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end + 1
            elif text.startswith("\\Q", self.at):
                end = text.find("\\E", self.at)
                quoted = text[self.at + 2 : len(text) if end < 0 else end]
                self.at = len(text) if end < 0 else end + 2
                items += [self.one(each) for each in quoted]
                if quoted:
                    items[-1] = self.repeated(items[-1])
            elif text.startswith("\\E", self.at):
                self.at += 2
            elif (node := self.atom()) is not None:
                items.append(self.repeated(node))
        return items[0] if len(items) == 1 else _Sequence(tuple(items))

    def atom(self) -> _Node | None:
        char = self.text[self.at]
        self.at += 1
        if char == "(":
            return self.group()
        if char == "[":
            return self.set()
        if char == "\\":
            return self.escape()
        if char == ".":
            return _One(frozenset() if "s" in self.flags else frozenset("\n"), inverted=True)
        if char in "^$":
            return _At(f"M{char}" if "m" in self.flags else char)
        if char in "*+?" or (char == "{" and self.counted(self.at - 1)):
            raise Undecided(f"it repeats nothing with {char}")
        return self.one(char)

    def one(self, char: str) -> _Node:
        return _One(self.cases(frozenset(char)))

    def cases(self, chars: frozenset[str]) -> frozenset[str]:
        if "i" not in self.flags:
            return chars
        return chars | {each.swapcase() for each in chars if each.isascii()}

    def counted(self, at: int) -> re.Match[str] | None:
        """A repetition such as ``{2,3}``; compiled here, as what else looks at a pattern, since most runs meet none."""
        return re.compile(r"\{(\d{1,5})(?:(,)(\d{1,5})?)?\}").match(self.text, at)

    def repeated(self, node: _Node) -> _Node:
        while True:
            char = self.text[self.at : self.at + 1]
            counted = self.counted(self.at) if char == "{" else None
            if counted:
                least = int(counted[1])
                most = int(counted[3]) if counted[3] else None if counted[2] else least
                if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
                    raise Undecided(f"PCRE refuses {counted[0]}")
                self.at = counted.end()
            elif char and char in "*+?":
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
                self.at += 1
            else:
                return node
            mode = self.text[self.at : self.at + 1]
            self.at += mode in {"?", "+"}
            node = _Repeat(node, least, most, mode == "?")
            if mode == "+":
                node = _Atomic(node)

    def group(self) -> _Node | None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise Undecided("groups in groups beyond all measure")
        node = self.opened()
        self.depth -= 1
        return node

    def opened(self) -> _Node | None:
        text = self.text
        if text.startswith("*", self.at):
            raise Undecided("it has verbs, which are not followed here")
        if not text.startswith("?", self.at):
            return self.closed() if "n" in self.flags else self.captured("")
        if named := re.compile(r"\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')").match(text, self.at):
            self.at = named.end()
            return self.captured(named[1] or named[2])
        for opening, make in _OPENINGS.items():
            if text.startswith(opening, self.at):
                self.at += len(opening)
                return make(self.closed(reset=opening == "?|"))
        if text.startswith("?#", self.at):
            end = text.find(")", self.at)
            if end < 0:
                raise Undecided("a comment in it is never closed")
            self.at = end + 1
            return None
        if again := re.compile(r"\?P=(\w+)\)").match(text, self.at):
            self.at = again.end()
            return _Again(again[1], "i" in self.flags)
        if flags := re.compile(r"\?([imsxJn]*)(?:-([imsxn]*))?([:)])").match(text, self.at):
            self.at = flags.end()
            before = self.flags
            self.flags = before.union(flags[1]) - frozenset(flags[2] or "")
            if flags[3] == ")":
                # Up to the end of the group that this stands in.
                return None
            node = self.closed()
            self.flags = before
            return node
        raise Undecided("it has recursion or conditions, which are not followed here")

    def captured(self, name: str) -> _Node:
        self.groups += 1
        number = self.groups
        if name:
            self.names.setdefault(name, number)
        return _Group(number, self.closed())

    def closed(self, *, reset: bool = False) -> _Node:
        node = self.either(reset=reset)
        if self.text[self.at : self.at + 1] != ")":
            raise Undecided("a parenthesis in it is never closed")
        self.at += 1
        return node

    def escape(self) -> _Node | None:
        char = self.text[self.at : self.at + 1]
        if not char:
            raise Undecided("it ends in a backslash")
        if char in _NEGATED:
            self.at += 1
            return _One(_CLASSES[_NEGATED[char]], inverted=True)
        if char in _CLASSES:
            self.at += 1
            return _One(_CLASSES[char])
        if char in "AZzGbB":
            self.at += 1
            return _At(char)
        if char == "K":
            # Where the match begins is of no interest to nginx.
            self.at += 1
            return None
        if char == "R":
            self.at += 1
            return _Atomic(_Either((_Sequence((_One(frozenset("\r")), _One(frozenset("\n")))), _One(_DOWN))))
        reference = re.compile(r"k(?:<(\w+)>|\{(\w+)\}|'(\w+)')|g(?:\{(-?\w+)\}|(-?\d+))|([1-9]\d?)")
        if again := reference.match(self.text, self.at):
            name = next(part for part in again.groups() if part)
            self.at = again.end()
            number = int(name) if name.lstrip("-").isdigit() else name
            return _Again(
                self.groups + 1 + number if isinstance(number, int) and number < 0 else number, "i" in self.flags
            )
        return self.one(self.literal())

    def literal(self) -> str:
        """The character that an escape stands for; ``at`` is behind the backslash."""
        text = self.text
        char = text[self.at]
        self.at += 1
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "x" and (found := re.compile(r"\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{0,2})").match(text, self.at)):
            self.at = found.end()
            return self.code(int(found[1] or found[2] or "0", 16))
        if char == "0" and (found := re.compile("[0-7]{0,2}").match(text, self.at)):
            self.at = found.end()
            return self.code(int(found[0] or "0", 8))
        if char == "c" and text[self.at : self.at + 1].isascii() and self.at < len(text):
            self.at += 1
            return chr(ord(text[self.at - 1].upper()) ^ 64)
        if char.isascii() and char.isalnum():
            raise Undecided(f"it has \\{char}, which is not followed here")
        return char

    def code(self, number: int) -> str:
        if number > sys.maxunicode:
            raise Undecided("it names a character that there is not")
        return chr(number)

    def set(self) -> _Node:
        text = self.text
        inverted = text.startswith("^", self.at)
        self.at += inverted
        start = self.at
        chars: set[str] = set()
        while True:
            if self.at >= len(text):
                raise Undecided("a [ in it is never closed")
            if text[self.at] == "]" and self.at > start:
                self.at += 1
                break
            low = self.member()
            if isinstance(low, frozenset):
                chars |= low
            elif text.startswith("-", self.at) and text[self.at + 1 : self.at + 2] not in {"]", ""}:
                self.at += 1
                high = self.member()
                if isinstance(high, frozenset):
                    chars |= high | {low, "-"}
                elif low > high:
                    raise Undecided(f"PCRE refuses the range {low}-{high}")
                else:
                    if ord(high) - ord(low) > MAX_RANGE:
                        raise Undecided("it has a range of characters beyond all measure")
                    chars |= {chr(code) for code in range(ord(low), ord(high) + 1)}
            else:
                chars.add(low)
        return _One(self.cases(frozenset(chars)), inverted)

    def member(self) -> str | frozenset[str]:
        """One character of a set, or a class of them."""
        text = self.text
        if posix := re.compile(r"\[:(\^?)(\w+):\]").match(text, self.at):
            self.at = posix.end()
            if posix[2] not in _POSIX:
                raise Undecided(f"PCRE refuses [:{posix[2]}:]")
            return _all_but(_POSIX[posix[2]]) if posix[1] else _POSIX[posix[2]]
        char = text[self.at]
        self.at += 1
        if char != "\\" or self.at >= len(text):
            return char
        char = text[self.at]
        if char == "b":
            self.at += 1
            return "\b"
        if char in _CLASSES and char != "N":
            self.at += 1
            return _CLASSES[char]
        if char in _NEGATED and char != "N":
            self.at += 1
            return _all_but(_CLASSES[_NEGATED[char]])
        if octal := re.compile("[0-7]{1,3}").match(text, self.at):
            self.at = octal.end()
            return chr(int(octal[0], 8))
        if char in "QE":
            raise Undecided(f"it has \\{char} in a set, which is not followed here")
        return self.literal()


def _all_but(chars: frozenset[str]) -> frozenset[str]:
    return frozenset(map(chr, range(256))) - chars


_OPENINGS: dict[str, Callable[[_Node], _Node]] = {
    "?:": lambda inner: inner,
    "?|": lambda inner: inner,
    "?>": _Atomic,
    "?=": lambda inner: _Look(inner, behind=False, wanted=True),
    "?!": lambda inner: _Look(inner, behind=False, wanted=False),
    "?<=": lambda inner: _Look(inner, behind=True, wanted=True),
    "?<!": lambda inner: _Look(inner, behind=True, wanted=False),
}


def _width(node: _Node) -> int:
    """How long whatever it matches is; PCRE looks back over what has one length alone, branch by branch."""
    match node:
        case _One():
            return 1
        case _Sequence(items):
            return sum(map(_width, items))
        case _Group(_, inner) | _Atomic(inner):
            return _width(inner)
        case _Repeat(inner, least, most) if least == most:
            return least * _width(inner)
        case _Either(branches) if len(widths := set(map(_width, branches))) == 1:
            return widths.pop()
        case _At() | _Look():
            return 0
        case _:
            raise Undecided("it looks back over something of no fixed length")


# ---- an example ----

_LIKELY = "abcdefghijklmnopqrstuvwxyz0123456789-_/."
"""The characters that an example is made of where there is a choice, the likeliest first."""


def example(pattern: str, *, ignore_case: bool = False) -> str:
    """A short text that a pattern matches, as people would write one.

    :raises Undecided: if none is found.
    """
    reader = _Reader(pattern, ignore_case=ignore_case)
    text = _example(reader.read(), {})
    if find(pattern, text, ignore_case=ignore_case) is None:
        raise Undecided("what it looks around at is not followed")
    return text


def _example(node: _Node, groups: dict[int | str, str]) -> str:  # noqa: PLR0911 - one for each kind of node
    match node:
        case _One(chars, inverted):
            fits = (char for char in _LIKELY if (char in chars) != inverted)
            return next(fits, "") or min(_all_but(chars) if inverted else chars, default="")
        case _Sequence(items):
            return "".join(_example(item, groups) for item in items)
        case _Either(branches):
            return _example(branches[0], groups)
        case _Group(number, inner):
            groups[number] = _example(inner, groups)
            return groups[number]
        case _Repeat(inner, least, most, _):
            # One where none would do: people mean something by it.
            return _example(inner, groups) * max(least, min(1, 1 if most is None else most))
        case _Atomic(inner):
            return _example(inner, groups)
        case _Look(inner, behind, wanted):
            return _example(inner, groups) if wanted and behind else ""
        case _Again(group, _):
            return groups.get(group, "")
        case _:
            return ""


# ---- matching ----

_Step = Callable[[int], int]


class _Program:
    """A pattern, ready to be searched for. One search at a time."""

    def __init__(self, pattern: str, *, ignore_case: bool) -> None:
        self.broken = ""
        self.text = ""
        self.size = 0
        self.left = 0
        marked = re.match(r"\(\*UTF8?\)", pattern)
        self.characters = bool(marked)
        body = pattern[marked.end() :] if marked else _bytes(pattern)
        reader = _Reader(body, ignore_case=ignore_case)
        try:
            tree = reader.read()
            self.names = reader.names
            self.starts = [0] * (reader.groups + 1)
            self.held: list[tuple[int, int] | None] = [None] * (reader.groups + 1)
            self.go = self.made(tree, lambda at: at)
        except Undecided as reason:
            self.broken = str(reason)
        except RecursionError:
            self.broken = "it is nested beyond all measure"

    def find(self, text: str) -> Match | None:
        if self.broken:
            raise Undecided(self.broken)
        self.text = text if self.characters else _bytes(text)
        self.size = len(self.text)
        self.left = MAX_STEPS
        self.held = [None] * len(self.held)
        try:
            if not any(self.go(start) >= 0 for start in range(self.size + 1)):
                return None
        except RecursionError:
            raise Undecided("its groups repeat too often to be followed") from None
        return Match(
            {str(number): self.group(number) for number in range(1, len(self.held))},
            {name: self.group(number) for name, number in self.names.items()},
        )

    def group(self, number: int) -> str:
        held = self.held[number]
        if held is None:
            return ""
        found = self.text[held[0] : held[1]]
        return found if self.characters else found.encode("latin-1").decode("utf-8", "replace")

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Undecided(f"it takes more than {MAX_STEPS} steps to decide")

    def made(self, node: _Node, after: _Step) -> _Step:  # noqa: PLR0911 - one for each kind of node
        """The function that matches a node, and then whatever comes after it."""
        match node:
            case _One():
                return self.one(node, after)
            case _Sequence(items):
                for item in reversed(items):
                    after = self.made(item, after)
                return after
            case _Either(branches):
                return self.either([self.made(branch, after) for branch in branches])
            case _Group(number, inner):
                return self.capture(number, inner, after)
            case _Repeat(_One() as one, least, most, lazy):
                return self.run(one, least, most, lazy=lazy, after=after)
            case _Repeat():
                return self.loop(node, after)
            case _Atomic(inner):
                return self.atomic(inner, after)
            case _Look():
                return self.look(node, after)
            case _At(what):
                return self.at(what, after)
            case _Again():
                return self.again(node, after)

    def one(self, node: _One, after: _Step) -> _Step:
        chars, inverted = node.chars, node.inverted

        def step(at: int) -> int:
            self.spend()
            return after(at + 1) if at < self.size and (self.text[at] in chars) != inverted else -1

        return step

    def either(self, branches: list[_Step]) -> _Step:
        def step(at: int) -> int:
            for branch in branches:
                self.spend()
                if (end := branch(at)) >= 0:
                    return end
            return -1

        return step

    def capture(self, number: int, inner: _Node, after: _Step) -> _Step:
        def close(at: int) -> int:
            before = self.held[number]
            self.held[number] = (self.starts[number], at)
            end = after(at)
            if end < 0:
                self.held[number] = before
            return end

        body = self.made(inner, close)

        def step(at: int) -> int:
            before = self.starts[number]
            self.starts[number] = at
            end = body(at)
            self.starts[number] = before
            return end

        return step

    def run(self, one: _One, least: int, most: int | None, *, lazy: bool, after: _Step) -> _Step:
        """A repeated single character: no recursion, for these make up nearly every pattern."""
        chars, inverted = one.chars, one.inverted

        def step(at: int) -> int:
            text = self.text
            limit = self.size if most is None else min(self.size, at + most)
            stop = at
            while stop < limit and (text[stop] in chars) != inverted:
                self.spend()
                stop += 1
            tries = range(at + least, stop + 1) if lazy else range(stop, at + least - 1, -1)
            for place in tries:
                self.spend()
                if (end := after(place)) >= 0:
                    return end
            return -1

        return step

    def loop(self, node: _Repeat, after: _Step) -> _Step:
        least, most, lazy = node.least, node.most, node.lazy
        count, last = 0, -1

        def again(at: int) -> int:
            nonlocal count, last
            self.spend()
            here = count, last
            # An empty round ends the loop, or it would go on for ever.
            may_go_on = count < least or ((most is None or count < most) and at != last)
            must_go_on = count < least
            if lazy and not must_go_on and (end := leave(at)) >= 0:
                return end
            if may_go_on:
                count, last = count + 1, at
                if (end := body(at)) >= 0:
                    return end
                count, last = here
            return -1 if must_go_on or lazy else leave(at)

        def leave(at: int) -> int:
            nonlocal count, last
            here = count, last
            end = after(at)
            count, last = here
            return end

        body = self.made(node.inner, again)

        def step(at: int) -> int:
            nonlocal count, last
            here = count, last
            count, last = 0, -1
            end = again(at)
            count, last = here
            return end

        return step

    def atomic(self, inner: _Node, after: _Step) -> _Step:
        body = self.made(inner, lambda at: at)

        def step(at: int) -> int:
            held = self.held.copy()
            middle = body(at)
            end = after(middle) if middle >= 0 else -1
            if end < 0:
                self.held[:] = held
            return end

        return step

    def look(self, node: _Look, after: _Step) -> _Step:
        branches = node.inner.branches if isinstance(node.inner, _Either) else (node.inner,)
        bodies = [(_width(each) if node.behind else 0, self.made(each, lambda at: at)) for each in branches]

        def step(at: int) -> int:
            held = self.held.copy()
            self.spend()
            seen = any(at >= back and body(at - back) >= 0 for back, body in bodies)
            if not node.wanted:
                self.held[:] = held
            end = after(at) if seen == node.wanted else -1
            if end < 0:
                self.held[:] = held
            return end

        return step

    def at(self, what: str, after: _Step) -> _Step:
        def word(at: int) -> bool:
            return 0 <= at < self.size and self.text[at] in _WORD

        def last(at: int) -> bool:
            return at == self.size or (at == self.size - 1 and self.text[at] == "\n")

        holds: Callable[[int], bool] = {
            "^": lambda at: at == 0,
            "A": lambda at: at == 0,
            "G": lambda at: at == 0,
            "$": last,
            "Z": last,
            "z": lambda at: at == self.size,
            "M^": lambda at: at == 0 or (self.text[at - 1] == "\n" and at < self.size),
            "M$": lambda at: at == self.size or self.text[at] == "\n",
            "b": lambda at: word(at - 1) != word(at),
            "B": lambda at: word(at - 1) == word(at),
        }[what]

        def step(at: int) -> int:
            self.spend()
            return after(at) if holds(at) else -1

        return step

    def again(self, node: _Again, after: _Step) -> _Step:
        number = self.names.get(node.group) if isinstance(node.group, str) else node.group
        if number is None or not 0 < number < len(self.held):
            raise Undecided("it names a group that there is not")

        def step(at: int) -> int:
            self.spend()
            held = self.held[number]
            if held is None:
                return -1
            wanted = self.text[held[0] : held[1]]
            found = self.text[at : at + len(wanted)]
            same = found.lower() == wanted.lower() if node.ignore_case else found == wanted
            return after(at + len(wanted)) if same else -1

        return step


def _bytes(text: str) -> str:
    """One character for each byte."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")
