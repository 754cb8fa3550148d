"""HCL, Terraform's language, as blocks, attributes and expressions, with a place for everything (docs/decisions/0012-reading-terraform.md).

Nothing is evaluated here: :mod:`proxycfg.targets.cloudflare.terraform` folds what is constant. Source:
https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from typing import Any, NamedTuple, NoReturn

from proxycfg.errors import InvalidInput, Problem
from proxycfg.source import Source, Span

MAX_NESTING = 48
"""Brackets, blocks and operators within each other; people write about ten."""


class Literal(NamedTuple):
    """A number, truth value, null, or text without anything to be put in."""

    value: str | int | float | bool | None
    start: int
    end: int


class Template(NamedTuple):
    """Text with expressions in it: the parts in order, a directive (``%{ if … }``) being None."""

    parts: tuple[Any, ...]
    start: int
    end: int


class Tuple(NamedTuple):
    """``[a, b]``."""

    items: tuple[Any, ...]
    start: int
    end: int


class Object(NamedTuple):
    """``{a = 1}``: keys (expressions; a bare name is a :class:`Literal`) and values."""

    items: tuple[tuple[Any, Any], ...]
    start: int
    end: int


class For(NamedTuple):
    """``[for k, v in over : value if condition]``, or with ``key`` ``{for … : key => value}``."""

    names: tuple[str, ...]
    over: Any
    key: Any
    value: Any
    condition: Any
    start: int
    end: int


class Reference(NamedTuple):
    """``var.zone["id"]``: a name, and the steps from there: names, expressions, or None for every element."""

    name: str
    steps: tuple[Any, ...]
    start: int
    end: int


class Inside(NamedTuple):
    """Steps into what is no name: ``concat(a, b)[0]``."""

    value: Any
    steps: tuple[Any, ...]
    start: int
    end: int


class Call(NamedTuple):
    """A function; ``spread`` if the last argument is followed by ``...``."""

    name: str
    arguments: tuple[Any, ...]
    spread: bool
    start: int
    end: int


class Operation(NamedTuple):
    """An operator with its operands; ``?`` has three."""

    operator: str
    operands: tuple[Any, ...]
    start: int
    end: int


Expression = Literal | Template | Tuple | Object | For | Reference | Inside | Call | Operation


class Attribute(NamedTuple):
    """``name = value``; ``start`` and ``end`` are the name's."""

    name: str
    value: Expression
    start: int
    end: int


class Block(NamedTuple):
    """``type "label" { … }``; ``end`` is past its closing brace, ``head`` past its last label."""

    type: str
    labels: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    blocks: tuple[Block, ...]
    start: int
    head: int
    end: int


class File(NamedTuple):
    """A parsed file: a block without a type that holds all of it, and its comments, as stretches of text with the sign."""

    source: Source
    starts: tuple[int, ...]
    body: Block
    comments: tuple[tuple[int, int], ...]

    def span(self, start: int, end: int) -> Span:
        """The place of a stretch of text."""
        return span_of(self.source.name, self.starts, start, end)


def starts_of(text: str) -> tuple[int, ...]:
    """Where the lines begin."""
    return (0, *(found.end() for found in re.finditer("\n", text)))


def span_of(name: str, starts: tuple[int, ...], start: int, end: int) -> Span:
    """The place of a stretch of text, by where its lines begin."""
    line, last = bisect_right(starts, start), bisect_right(starts, end)
    return Span(name, line, start - starts[line - 1] + 1, last, end - starts[last - 1] + 1)


def parse(source: Source) -> File:
    """Read a file.

    :raises InvalidInput: if it is no HCL.
    """
    reader = _Reader(source)
    body = reader.whole()
    return File(source, reader.starts, body, tuple(reader.comments.items()))


_BLANK = re.compile(r"[ \t\r\ufeff]+")
_COMMENT = re.compile(r"(?:#|//)[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w-]*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_HEREDOC = re.compile(r"<<(-?)([^\W\d][\w-]*)\r?\n")
_QUOTED = re.compile(r'(?:[^"\\$%\n]|\\[^\n]|\$\$\{|%%\{|[$%](?!\{))+')
_LOOSE = re.compile(r"(?:[^$%]|\$\$\{|%%\{|[$%](?!\{))+")
_OPERATORS: tuple[tuple[str, ...], ...] = (
    ("||",), ("&&",), ("==", "!="), ("<=", ">=", "<", ">"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|\$\$\{|%%\{", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class _Reader:
    """Reads by descent, directly from the text: what ends a line depends on the brackets around it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.at = 0
        self.end = len(source.text)
        self.depth = 0
        self.starts = starts_of(source.text)
        self.comments: dict[int, int] = {}

    # ---- what all need ----

    def fail(self, message: str, instead: str, at: int | None = None) -> NoReturn:
        raise self.error(message, instead, at)

    def error(self, message: str, instead: str, at: int | None = None) -> InvalidInput:
        place = min(self.at if at is None else at, len(self.text))
        span = span_of(self.source.name, self.starts, place, place)
        lines = self.text.split("\n")
        return InvalidInput(
            [Problem(span._replace(end_column=span.column + 1), message, instead, lines[span.line - 1])]
        )

    def blank(self, *, lines: bool) -> None:
        """Skip blanks and comments, and the ends of lines where these mean nothing."""
        text = self.text
        while True:
            found = _BLANK.match(text, self.at)
            if found:
                self.at = found.end()
            char = text[self.at : self.at + 1]
            if char == "\n" and lines:
                self.at += 1
            elif char in "#/" and (comment := _COMMENT.match(text, self.at)):
                self.comments[self.at] = comment.end()
                self.at = comment.end()
            elif not found:
                return

    def take(self, sign: str, *, lines: bool) -> bool:
        self.blank(lines=lines)
        if self.text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False

    def expect(self, sign: str, *, lines: bool) -> None:
        if not self.take(sign, lines=lines):
            found = self.text[self.at : self.at + 1]
            said = f"`{found}` stands" if found.strip() else "the line ends" if found else "the file ends"
            self.fail(
                f"{said} where `{sign}` should be",
                f"write `{sign}` here; see https://developer.hashicorp.com/terraform/language/syntax",
            )

    def name(self) -> str | None:
        found = _NAME.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            self.fail(f"nested more than {MAX_NESTING} levels deep", "nest less")

    # ---- bodies ----

    def whole(self) -> Block:
        attributes, blocks = self.body(close="")
        return Block("", (), attributes, blocks, 0, 0, len(self.text))

    def body(self, close: str) -> tuple[tuple[Attribute, ...], tuple[Block, ...]]:
        attributes: list[Attribute] = []
        blocks: list[Block] = []
        self.deeper()
        while True:
            self.blank(lines=True)
            if self.at >= len(self.text):
                if close:
                    self.fail("the file ends inside a block", "close it with `}`")
                break
            if close and self.text.startswith(close, self.at):
                break
            start = self.at
            name = self.name()
            if name is None:
                self.fail(
                    f"`{self.text[self.at]}` stands where a setting or a block should begin",
                    "write `name = value` or `name { … }`",
                )
            head = self.at
            self.blank(lines=False)
            if self.text.startswith("=", self.at) and not self.text.startswith("==", self.at):
                self.at += 1
                attributes.append(Attribute(name, self.expression(lines=False), start, head))
                self.blank(lines=False)
                if self.at < len(self.text) and self.text[self.at] not in "\n}":
                    self.fail(f"`{self.text[self.at]}` follows a value", "end the line after a value")
            else:
                blocks.append(self.block(name, start))
        self.depth -= 1
        return tuple(attributes), tuple(blocks)

    def block(self, kind: str, start: int) -> Block:
        labels: list[str] = []
        head = self.at
        while True:
            self.blank(lines=False)
            if self.text.startswith("{", self.at):
                self.at += 1
                break
            name = self.name()
            if name is None:
                if not self.text.startswith('"', self.at):
                    self.expect("{", lines=False)
                label = self.quoted(lines=False)
                name = str(label.value) if isinstance(label, Literal) else ""
            labels.append(name)
            head = self.at
        attributes, blocks = self.body(close="}")
        self.expect("}", lines=True)
        return Block(kind, tuple(labels), attributes, blocks, start, head, self.at)

    # ---- expressions ----

    def expression(self, *, lines: bool) -> Expression:
        """One expression; ``lines`` says whether it may go on in the next line."""
        self.deeper()
        found = self.operation(0, lines=lines)
        if self.take("?", lines=lines):
            yes = self.expression(lines=lines)
            self.expect(":", lines=lines)
            no = self.expression(lines=lines)
            found = Operation("?", (found, yes, no), found.start, no.end)
        self.depth -= 1
        return found

    def operation(self, level: int, *, lines: bool) -> Expression:
        if level == len(_OPERATORS):
            return self.unary(lines=lines)
        found = self.operation(level + 1, lines=lines)
        while True:
            self.blank(lines=lines)
            sign = next((each for each in _OPERATORS[level] if self.text.startswith(each, self.at)), None)
            if sign is None or (sign == "=" and self.text.startswith("=>", self.at)):
                return found
            self.at += len(sign)
            other = self.operation(level + 1, lines=lines)
            found = Operation(sign, (found, other), found.start, other.end)

    def unary(self, *, lines: bool) -> Expression:
        self.blank(lines=lines)
        start = self.at
        sign = self.text[start : start + 1]
        if sign in ("!", "-") and sign:
            self.at += 1
            self.deeper()
            inner = self.unary(lines=lines)
            self.depth -= 1
            return Operation(f"{sign}x", (inner,), start, inner.end)
        return self.steps(self.term(lines=lines), lines=lines)

    def steps(self, value: Expression, *, lines: bool) -> Expression:
        found: list[Any] = []
        while True:
            before = self.at
            if lines:
                self.blank(lines=True)
            if self.text.startswith("...", self.at) or not self.text.startswith((".", "["), self.at):
                self.at = before
                break
            if self.text[self.at] == ".":
                self.at += 1
                number = re.compile(r"\d+").match(self.text, self.at)
                name = self.name()
                if name is not None:
                    found.append(name)
                elif number:
                    self.at = number.end()
                    found.append(Literal(int(number[0][:18]), number.start(), number.end()))
                elif self.text.startswith("*", self.at):
                    self.at += 1
                    found.append(None)
                else:
                    self.fail("a name should follow the dot", "write the name of an attribute")
            else:
                self.at += 1
                if self.take("*", lines=True):
                    found.append(None)
                else:
                    found.append(self.expression(lines=True))
                self.expect("]", lines=True)
        if not found:
            return value
        if isinstance(value, Reference):
            return Reference(value.name, tuple(found), value.start, self.at)
        return Inside(value, tuple(found), value.start, self.at)

    def term(self, *, lines: bool) -> Expression:  # noqa: PLR0911 - one way for each kind
        text, start = self.text, self.at
        char = text[start : start + 1]
        if char == '"':
            return self.quoted(lines=lines)
        if char == "<" and (heredoc := _HEREDOC.match(text, start)):
            return self.heredoc(heredoc)
        if char == "[":
            return self.tuple()
        if char == "{":
            return self.object()
        if char == "(":
            self.at += 1
            inner = self.expression(lines=True)
            self.expect(")", lines=True)
            return inner
        if number := _NUMBER.match(text, start):
            self.at = number.end()
            digits = number[0][:300]
            return Literal(int(digits) if digits.isdecimal() else float(digits), start, self.at)
        name = self.name()
        if name is None:
            said = f"`{char}` stands" if char.strip() else "nothing stands"
            self.fail(
                f"{said} where a value should be",
                "write a value: text in quotes, a number, true, false, a list or an object",
            )
        while text.startswith("::", self.at):
            self.at += 2
            name = f"{name}::{self.name() or ''}"
        if text.startswith("(", self.at):
            return self.call(name, start)
        if name in _WORDS:
            return Literal(_WORDS[name], start, self.at)
        return Reference(name, (), start, self.at)

    def call(self, name: str, start: int) -> Call:
        self.at += 1
        arguments: list[Expression] = []
        spread = False
        while not self.take(")", lines=True):
            arguments.append(self.expression(lines=True))
            spread = self.take("...", lines=True)
            if not self.take(",", lines=True):
                self.expect(")", lines=True)
                break
        return Call(name, tuple(arguments), spread, start, self.at)

    def tuple(self) -> Tuple | For:
        start = self.at
        self.at += 1
        self.blank(lines=True)
        if self.word("for"):
            return self.comprehension(start, "]")
        items: list[Expression] = []
        while not self.take("]", lines=True):
            items.append(self.expression(lines=True))
            if not self.take(",", lines=True):
                self.expect("]", lines=True)
                break
        return Tuple(tuple(items), start, self.at)

    def word(self, word: str) -> bool:
        found = _NAME.match(self.text, self.at)
        if found is None or found[0] != word or re.compile(r"\s*[=:]").match(self.text, found.end()):
            return False
        self.at = found.end()
        return True

    def comprehension(self, start: int, close: str) -> For:
        names: list[str] = []
        while True:
            self.blank(lines=True)
            name = self.name()
            if name is None:
                self.fail("a name should follow `for`", "write `for item in list : …`")
            names.append(name)
            if not self.take(",", lines=True):
                break
        self.blank(lines=True)
        if self.name() != "in":
            self.fail("`in` is missing", "write `for item in list : …`")
        over = self.expression(lines=True)
        self.expect(":", lines=True)
        value = self.expression(lines=True)
        key: Expression | None = None
        if self.take("=>", lines=True):
            key, value = value, self.expression(lines=True)
            self.take("...", lines=True)
        self.blank(lines=True)
        condition = self.expression(lines=True) if self.word("if") else None
        self.expect(close, lines=True)
        return For(tuple(names[:2]), over, key, value, condition, start, self.at)

    def object(self) -> Object | For:
        start = self.at
        self.at += 1
        self.blank(lines=True)
        if self.word("for"):
            return self.comprehension(start, "}")
        items: list[tuple[Expression, Expression]] = []
        while not self.take("}", lines=True):
            # A bare name is a key, unless brackets make it a reference.
            plain = _NAME.match(self.text, self.at)
            if plain and re.compile(r"[ \t]*(?:=(?!=)|:)").match(self.text, plain.end()):
                self.at = plain.end()
                key: Expression = Literal(plain[0], plain.start(), plain.end())
            else:
                key = self.expression(lines=False)
            if not self.take("=", lines=False):
                self.expect(":", lines=False)
            self.blank(lines=True)
            items.append((key, self.expression(lines=False)))
            self.blank(lines=False)
            if not self.take(",", lines=False) and self.text[self.at : self.at + 1] not in ("\n", "}"):
                self.expect("}", lines=False)
        return Object(tuple(items), start, self.at)

    # ---- text ----

    def quoted(self, *, lines: bool) -> Literal | Template:  # noqa: ARG002 - as all terms are called
        start = self.at
        self.at += 1
        parts = self.parts(_QUOTED, lambda: self.text.startswith('"', self.at), start, escapes=True)
        self.at += 1
        return _text(parts, start, self.at)

    def parts(self, plain: re.Pattern[str], ended: Any, start: int, *, escapes: bool) -> list[Any]:
        parts: list[Any] = []
        while not ended():
            found = plain.match(self.text, self.at, self.end)
            if found:
                parts.append(_ESCAPE.sub(_unescaped, found[0]) if escapes else re.sub(r"(\$|%)\1\{", r"\1{", found[0]))
                self.at = found.end()
            elif self.text.startswith("${", self.at):
                self.at += 2
                self.take("~", lines=False)
                parts.append(self.expression(lines=True))
                self.take("~", lines=True)
                self.expect("}", lines=True)
            elif self.text.startswith("%{", self.at):
                end = self.text.find("}", self.at)
                if end < 0:
                    self.fail("this directive does not end", "close it with `}`")
                self.at = end + 1
                parts.append(None)
            else:
                self.fail("this text does not end", 'close it with `"`, or write a heredoc for several lines', start)
        return parts

    def heredoc(self, opened: re.Match[str]) -> Literal | Template:
        start = opened.start()
        closing = re.compile(rf"^[ \t]*{re.escape(opened[2])}(?=[ \t]*\r?$)", re.MULTILINE).search(
            self.text, opened.end()
        )
        if closing is None:
            said = f"this text does not end: no line is `{opened[2]}`"
            raise self.error(said, f"close it with a line `{opened[2]}`", start)
        before, self.end, behind = self.end, closing.start(), closing.end()
        self.at = opened.end()
        parts = self.parts(_LOOSE, lambda: self.at >= self.end, start, escapes=False)
        self.at, self.end = behind, before
        return _text(_outdented(parts) if opened[1] else parts, start, self.at)


def _outdented(parts: list[Any]) -> list[Any]:
    """The parts without the blanks that all lines begin with."""
    marked = "".join(part if isinstance(part, str) else "\0" for part in parts)
    lines = [line for line in marked.split("\n") if line.strip()]
    least = min((len(line) - len(line.lstrip(" ")) for line in lines), default=0)
    if not least:
        return parts
    begins = True
    found: list[Any] = []
    for part in parts:
        if isinstance(part, str):
            text = re.sub(rf"(?<=\n) {{1,{least}}}", "", part)
            found.append(re.sub(rf"\A {{1,{least}}}", "", text) if begins else text)
        else:
            found.append(part)
        begins = False
    return found


def _text(parts: list[Any], start: int, end: int) -> Literal | Template:
    if all(isinstance(part, str) for part in parts):
        return Literal("".join(parts), start, end)
    return Template(tuple(parts), start, end)


def _unescaped(found: re.Match[str]) -> str:
    sign = found[1]
    if sign is None:
        return found[0][1:]
    if sign[0] in "uU" and len(sign) > 1:
        code = int(sign[1:], 16)
        return chr(code) if code <= sys.maxunicode else found[0]
    return _ESCAPES.get(sign, found[0])


class Inline(NamedTuple):
    """A text that stands in a file of another language, all of it at one place."""

    source: Source
    where: Span

    def span(self, _start: int, _end: int) -> Span:
        """That place."""
        return self.where


def parse_template(text: str) -> Literal | Template | None:
    """What a text of JSON comes to that Terraform reads as a template; None if it is none."""
    reader = _Reader(Source("", text))
    try:
        return _text(reader.parts(_LOOSE, lambda: reader.at >= len(text), 0, escapes=False), 0, len(text))
    except InvalidInput:
        return None
