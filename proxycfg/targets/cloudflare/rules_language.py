"""Cloudflare's Rules language: expressions as a tree, and whether one holds for a request of which only part is known.

It comes from strangers' configs, so nesting is bounded, and what is not understood makes an answer unknown, never wrong. Sources:
https://developers.cloudflare.com/ruleset-engine/rules-language/ (operators, values, functions).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from proxycfg import pcre

MAX_NESTING = 100
"""Parentheses, calls and `not` within each other; people write three or four."""

PATH, HOST = "http.request.uri.path", "http.host"
"""The fields that say where a request goes."""

# ---- the tree ----


class Unreadable(ValueError):
    """The text is no expression: what is wrong, and at which character, counted from 0."""

    def __init__(self, message: str, at: int) -> None:
        """Keep the place."""
        super().__init__(message)
        self.at = at


class Field(NamedTuple):
    """``http.request.headers["accept"][0]``: a field, and the way into it; ``*`` is each element."""

    name: str
    way: tuple[str | int, ...]


class Call(NamedTuple):
    """``lower(http.host)``, and the way into what it gives."""

    name: str
    arguments: tuple[Any, ...]
    way: tuple[str | int, ...]


class Literal(NamedTuple):
    """A string, a whole number, a truth value, or an address or network, which is an :class:`Address`."""

    value: Any


class Address(NamedTuple):
    """An IP address, network or range as written."""

    text: str


class Among(NamedTuple):
    """``{"a" "b"}``, ``{80 443}``, ``{1..5}``: an inline list."""

    items: tuple[Any, ...]


class Named(NamedTuple):
    """``$name``: a list that is kept elsewhere."""

    name: str


class Compare(NamedTuple):
    """A value beside a literal; ``operator`` is the English one."""

    value: Any
    operator: str
    operand: Any


class Not(NamedTuple):
    """The opposite."""

    inner: Any


class Joined(NamedTuple):
    """``and``, ``xor`` or ``or`` of two or more."""

    operator: str
    parts: tuple[Any, ...]


class Each(tuple[str | int, ...]):
    """What stands for every element: comparisons are made with each of them."""

    __slots__ = ()


EACH = "[*]"
"""The way to every element."""

Expression = Any
"""A :class:`Compare`, :class:`Not`, :class:`Joined`, or a value that is true or false by itself."""


# ---- reading ----

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<raw>r(?P<signs>\#*)"(?P<text>.*?)"(?P=signs)) | "(?P<quoted>(?:[^"\\]|\\.)*)"
      | (?P<address>[0-9a-fA-F]*:[0-9a-fA-F:.]+(?:/\d{1,3})?|\d+\.\d+\.\d+\.\d+(?:/\d{1,2})?)
      | (?P<number>-?\d+) | (?P<list>\$[A-Za-z0-9_.]+) | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)
      | (?P<sign>==|!=|<=|>=|&&|\|\||\^\^|\[\*\]|\.\.|[<>~!(){}\[\],])
    )""",
    re.VERBOSE | re.DOTALL,
)
_SIGNS = {
    "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "~": "matches", "&&": "and", "||": "or", "^^": "xor", "!": "not",
}  # fmt: skip
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge", "contains", "matches", "in", "wildcard", "strict")
_WORDS = {*_COMPARISONS, "and", "or", "xor", "not", "true", "false"}


class _Token(NamedTuple):
    kind: str
    value: Any
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise Unreadable(f"`{text[at : at + 20]}` has no place in an expression", at)
        kind = found.lastgroup or ""
        start = found.start(kind) if kind not in ("quoted", "text") else found.start(kind) - 1
        if found["raw"] is not None:
            yield _Token("text", found["text"], found.start("raw"))
        elif found["quoted"] is not None:
            yield _Token("quoted", found["quoted"], start)
        elif found["sign"] is not None:
            sign = found["sign"]
            yield _Token("word" if sign in _SIGNS else "sign", _SIGNS.get(sign, sign), start)
        elif found["name"] is not None and found["name"] in _WORDS:
            yield _Token("word", found["name"], start)
        else:
            yield _Token(kind, found[kind], start)
        at = found.end()


class _Reader:
    """Reads by descent: the operators bind `not`, `and`, `xor`, `or`, from the tightest."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.place = 0
        self.end = len(text)
        self.depth = 0

    def peek(self) -> _Token:
        return self.tokens[self.place] if self.place < len(self.tokens) else _Token("end", "", self.end)

    def take(self, *values: str) -> _Token | None:
        token = self.peek()
        if token.kind in ("word", "sign") and token.value in values:
            self.place += 1
            return token
        return None

    def expect(self, value: str) -> None:
        if self.take(value) is None:
            raise Unreadable(f"`{value}` is missing", self.peek().at)

    def whole(self) -> Expression:
        found = self.joined(("or", "xor", "and"))
        if self.peek().kind != "end":
            raise Unreadable(f"`{self.peek().value}` is not expected here", self.peek().at)
        return found

    def joined(self, operators: tuple[str, ...]) -> Expression:
        if not operators:
            return self.single()
        parts = [self.joined(operators[1:])]
        while self.take(operators[0]):
            parts.append(self.joined(operators[1:]))
        return parts[0] if len(parts) == 1 else Joined(operators[0], tuple(parts))

    def single(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise Unreadable("it is nested too deeply", self.peek().at)
        try:
            if self.take("not"):
                return Not(self.single())
            if self.take("("):
                inner = self.joined(("or", "xor", "and"))
                self.expect(")")
                return inner
            return self.comparison()
        finally:
            self.depth -= 1

    def comparison(self) -> Expression:
        value = self.value()
        token = self.take(*_COMPARISONS)
        if token is None:
            return value
        operator = str(token.value)
        if operator == "strict":
            self.expect("wildcard")
            operator = "strict wildcard"
        if operator == "in":
            return Compare(value, operator, self.list())
        return Compare(value, operator, self.literal(regex=operator == "matches"))

    def value(self) -> Any:
        token = self.peek()
        if token.kind == "name":
            self.place += 1
            if self.take("("):
                return Call(token.value, tuple(self.arguments()), tuple(self.way()))
            return Field(token.value, tuple(self.way()))
        return self.literal()

    def arguments(self) -> Iterator[Any]:
        if self.take(")"):
            return
        while True:
            yield self.joined(("or", "xor", "and"))
            if self.take(")"):
                return
            self.expect(",")

    def way(self) -> Iterator[str | int]:
        while True:
            if self.take("[*]"):
                yield EACH
            elif self.take("["):
                token = self.peek()
                self.place += 1
                if token.kind == "number":
                    yield int(token.value)
                elif token.kind in ("quoted", "text"):
                    yield _string(token)
                else:
                    raise Unreadable("an index is a number, or a name in quotes", token.at)
                self.expect("]")
            else:
                return

    def literal(self, *, regex: bool = False) -> Literal:
        token = self.peek()
        self.place += 1
        if token.kind in ("quoted", "text"):
            return Literal(_string(token, regex=regex))
        if token.kind == "number":
            return Literal(int(token.value))
        if token.kind == "address":
            return Literal(Address(token.value))
        if token.kind == "word" and token.value in ("true", "false"):
            return Literal(token.value == "true")
        said = "the expression ends" if token.kind == "end" else f"`{token.value}` stands"
        raise Unreadable(f"{said} where a value should be", token.at)

    def list(self) -> Among | Named:
        token = self.peek()
        if token.kind == "list":
            self.place += 1
            return Named(token.value[1:])
        self.expect("{")
        items: list[Any] = []
        while not self.take("}"):
            item = self.literal().value
            if self.take(".."):
                item = (item, self.literal().value)
            items.append(item)
        return Among(tuple(items))


def _string(token: _Token, *, regex: bool = False) -> str:
    """The string that a token stands for: in a regular expression only a quote is escaped, for its backslashes are its own."""
    text = str(token.value)
    if token.kind == "text":
        return text
    return re.sub(r'\\(")' if regex else r'\\(["\\])', r"\1", text)


def parse(text: str) -> Expression:
    """The tree of an expression.

    :raises Unreadable: if it is none.
    """
    return _Reader(text).whole()


# ---- holding ----


class _Unknown:
    """A value that nobody knows."""


class _Missing:
    """A value that is not there: no comparison with it holds."""


UNKNOWN, MISSING = _Unknown(), _Missing()
Known = Callable[[str], Any]
"""Field → its value: a string, number, truth value, array (tuple), map, :data:`UNKNOWN` or :data:`MISSING`."""


def holds(expression: Expression, known: Known) -> bool | None:
    """Whether the expression holds for a request; None where that hangs on what is not known of it."""
    if isinstance(expression, Not):
        inner = holds(expression.inner, known)
        return None if inner is None else not inner
    if isinstance(expression, Joined):
        return _JOIN[expression.operator]([holds(part, known) for part in expression.parts])
    found = _value(expression, known)
    return found if isinstance(found, bool) else None if found is UNKNOWN or isinstance(found, Each) else False


def _all(answers: list[bool | None]) -> bool | None:
    return False if False in answers else None if None in answers else True


def _any(answers: list[bool | None]) -> bool | None:
    return True if True in answers else None if None in answers else False


def _odd(answers: list[bool | None]) -> bool | None:
    return None if None in answers else answers.count(True) % 2 == 1


_JOIN = {"and": _all, "or": _any, "xor": _odd}


def _value(node: Any, known: Known) -> Any:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Field):
        return _into(known(node.name), node.way)
    if isinstance(node, Call):
        return _into(_call(node, known), node.way)
    if isinstance(node, Compare):
        return _compared(_value(node.value, known), node.operator, node.operand)
    if isinstance(node, Not):
        return _each(_value(node.inner, known), lambda value: UNKNOWN if value is UNKNOWN else not value)
    answer = holds(node, known)
    return UNKNOWN if answer is None else answer


def _into(value: Any, way: tuple[str | int, ...]) -> Any:
    for step in way:
        if value is MISSING and step == EACH:
            value = Each()
        elif value is UNKNOWN or value is MISSING:
            return value
        elif step == EACH:
            value = Each(value) if isinstance(value, tuple) else UNKNOWN
        elif isinstance(step, int):
            value = (value[step] if step < len(value) else MISSING) if isinstance(value, tuple) else UNKNOWN
        else:
            value = value.get(step, MISSING) if isinstance(value, Mapping) else UNKNOWN
    return value


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """A change to a value, or to every element."""
    return Each(map(change, value)) if isinstance(value, Each) else change(value)


def _call(node: Call, known: Known) -> Any:
    values = [_value(argument, known) for argument in node.arguments]
    if any(value is MISSING for value in values):
        return MISSING
    function = _FUNCTIONS.get(node.name)
    if function is None or any(value is UNKNOWN for value in values) or not values:
        return UNKNOWN
    first, *others = values
    if node.name in ("any", "all"):
        answers: list[bool | None] = [None]
        if isinstance(first, tuple):
            answers = [None if value is UNKNOWN else bool(value) for value in first]
        # The documentation does not say what holds of all elements of nothing.
        answer = _any(answers) if node.name == "any" else _all(answers or [None])
        return UNKNOWN if answer is None else answer
    try:
        return _each(first, lambda value: value if value is UNKNOWN else function(value, *others))
    except (TypeError, AttributeError, ValueError):
        # Arguments of another kind than the function takes: Cloudflare would refuse the rule.
        return UNKNOWN


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "any": any, "all": all,
    "lower": lambda value: re.sub("[A-Z]+", lambda found: found[0].lower(), value),
    "upper": lambda value: re.sub("[a-z]+", lambda found: found[0].upper(), value),
    "len": lambda value: len(value.encode()) if isinstance(value, str) else len(value),
    "starts_with": lambda value, start: value.startswith(start),
    "ends_with": lambda value, end: value.endswith(end),
    "concat": lambda *values: "".join(values),
    "url_decode": unquote,
    "to_string": lambda value: str(value).lower() if isinstance(value, bool) else str(value),
    "substring": lambda value, start, end=None: value[start:end],
}  # fmt: skip
"""Those that say something of a request's host, path and headers; what any other gives is unknown."""


def _compared(value: Any, operator: str, operand: Any) -> Any:
    def one(value: Any) -> Any:
        if value is MISSING:
            return False
        if value is UNKNOWN or isinstance(operand, Named):
            return UNKNOWN
        try:
            if isinstance(operand, Among):
                return any(_is(value, item) for item in operand.items)
            return _COMPARE[operator](value, operand.value)
        except (TypeError, AttributeError, ValueError, pcre.Undecided):
            return UNKNOWN

    return _each(value, one)


def _is(value: Any, item: Any) -> bool:
    if isinstance(item, tuple) and not isinstance(item, Address):
        low, high = item
        if isinstance(low, Address):
            address = ipaddress.ip_address(value)
            return bool(ipaddress.ip_address(low.text) <= address <= ipaddress.ip_address(high.text))  # type: ignore[operator]
        return bool(low <= value <= high)
    if isinstance(item, Address):
        return ipaddress.ip_address(value) in ipaddress.ip_network(item.text, strict=False)
    return type(value) is type(item) and bool(value == item)


def _wild(value: str, pattern: str) -> bool:
    """Whether the whole value is the pattern, in which ``*`` is any characters, and a backslash takes that from it."""
    parts = [""]
    for sign in re.findall(r"\\[*\\]|.", pattern, re.DOTALL):
        if sign == "*":
            parts.append("")
        else:
            parts[-1] += sign[-1]
    if len(parts) == 1:
        return value == parts[0]
    first, *middle, last = parts
    if len(value) < len(first) + len(last) or not (value.startswith(first) and value.endswith(last)):
        return False
    at, end = len(first), len(value) - len(last)
    for part in middle:
        # The first place that fits leaves the most room for the rest.
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": _is,
    "ne": lambda value, other: not _is(value, other),
    "lt": lambda value, other: bool(value < other),
    "le": lambda value, other: bool(value <= other),
    "gt": lambda value, other: bool(value > other),
    "ge": lambda value, other: bool(value >= other),
    "contains": lambda value, other: other in value,
    "matches": lambda value, other: pcre.find(other, value, ignore_case=False) is not None,
    "wildcard": lambda value, other: _wild(value.lower(), other.lower()),
    "strict wildcard": _wild,
}
