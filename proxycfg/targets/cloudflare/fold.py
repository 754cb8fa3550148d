"""Terraform's expressions, folded as far as they are constant: variables with defaults, locals, templates, a few functions, comprehensions.

What is not constant is unknown, never guessed; how much is folded is bounded, for a config may be anybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from proxycfg.record import record
from proxycfg.targets.cloudflare import hcl
from proxycfg.targets.cloudflare.value import UNKNOWN, Entry, Value, scalar, words

if TYPE_CHECKING:
    from proxycfg.source import Span

MAX_STEPS = 500_000
"""Expressions that are folded in one module and those that it calls: the largest that people write need a tenth."""
MAX_TEXT = 1_000_000
"""Characters of a folded text."""
MAX_ITEMS = 50_000
"""Elements of a folded list."""
_LONGEST = 9
"""Digits of an index."""
_DEEP = 40
"""Names within names: locals that use locals."""


@record(slots=True)
class Budget:
    """How many expressions may be folded yet."""

    left: int = MAX_STEPS


class Names:
    """What names stand for in a module: variables, locals, the outputs of modules that it calls. They are folded when they are asked for.

    :param module: the way to it from the first one, such as ``module.zone.``; empty for that one.
    :param budget: the caller's.
    """

    def __init__(self, variables: Mapping[str, Value], module: str = "", budget: Budget | None = None) -> None:
        """Locals, outputs and calls are told of one by one."""
        self.variables = variables
        self.module = module
        self.budget = budget or Budget()
        self._written: dict[str, tuple[hcl.File, hcl.Expression]] = {}
        self._known: dict[str, Value] = {}
        self._open: list[str] = []
        self._calls: dict[str, Callable[[str], Value | None]] = {}

    def tell(self, name: str, file: hcl.File, value: hcl.Expression) -> None:
        """What a name stands for, as a file has it: ``local.NAME`` or ``output.NAME``."""
        self._written[name] = file, value

    def tell_value(self, name: str, value: Value) -> None:
        """The same of one whose value is known."""
        self._known[name] = value

    def tell_call(self, name: str, outputs: Callable[[str], Value | None]) -> None:
        """That a module is called, and how to get its outputs."""
        self._calls[name] = outputs

    def named(self, name: str) -> Value | None:
        """What a name stands for; None if there is none such, or it stands for itself."""
        if name not in self._known:
            if name not in self._written or name in self._open or len(self._open) > _DEEP:
                return None
            self._open.append(name)
            file, value = self._written[name]
            self._known[name] = Folder(file, self).fold(value)
            self._open.pop()
        return self._known[name]

    def output(self, call: str, name: str) -> Value | None:
        """An output of a module that is called; None if nobody can say."""
        return self._calls[call](name) if call in self._calls else None


class Folder:
    """Folds the expressions of one file.

    :param own: names that hold here alone: ``each``, ``count``, those of a comprehension or a dynamic block.
    """

    def __init__(self, file: hcl.File | hcl.Inline, names: Names, own: Mapping[str, Value] | None = None) -> None:
        """Expressions of another file need another one, for their places."""
        self.file = file
        self.names = names
        self.own = own or {}

    def with_names(self, own: Mapping[str, Value]) -> Folder:
        """The same, with more names."""
        return Folder(self.file, self.names, {**self.own, **own})

    def span(self, node: hcl.Expression) -> Span:
        """Where an expression stands."""
        return self.file.span(node.start, node.end)

    def unknown(self, node: hcl.Expression, name: str = "") -> Value:
        """What an expression comes to that nobody can fold; it goes by its text, and the module that this is of."""
        text = name or f"{self.names.module}{self.file.source.text[node.start : node.end]}"
        return Value("unknown", text[:200], self.span(node))

    def fold(self, node: Any) -> Value:  # noqa: PLR0911 - one way for each kind of node
        """What an expression comes to."""
        self.names.budget.left -= 1
        if self.names.budget.left < 0:
            return self.unknown(node)
        if isinstance(node, hcl.Literal):
            return scalar(node.value, self.span(node))
        if isinstance(node, hcl.Template):
            return self._template(node)
        if isinstance(node, hcl.Tuple):
            return Value("list", [self.fold(item) for item in node.items], self.span(node))
        if isinstance(node, hcl.Object):
            return self._object(node)
        if isinstance(node, hcl.Reference):
            return self._reference(node)
        if isinstance(node, hcl.Inside):
            return self._into(self.fold(node.value), node.steps, node)
        if isinstance(node, hcl.For):
            return self._for(node)
        if isinstance(node, hcl.Call):
            return self._call(node)
        return self._operation(node)

    def _template(self, node: hcl.Template) -> Value:
        if len(node.parts) == 1 and not isinstance(node.parts[0], str) and node.parts[0] is not None:
            # "${var.a}" is what var.a is.
            return self.fold(node.parts[0])._replace(span=self.span(node))
        text = ""
        for part in node.parts:
            if isinstance(part, str):
                text += part
            else:
                found = self.fold(part) if part is not None else None
                said = words(found) if found is not None else None
                text += UNKNOWN if said is None else said
            if len(text) > MAX_TEXT:
                return self.unknown(node)
        return Value("text", text, self.span(node))

    def _object(self, node: hcl.Object) -> Value:
        entries: dict[str, Entry] = {}
        for key, value in node.items:
            name = words(self.fold(key))
            if name is None:
                return self.unknown(node)
            entries[name] = Entry(self.span(key), self.fold(value))
        return Value("map", entries, self.span(node))

    def _reference(self, node: hcl.Reference) -> Value:
        if node.name in self.own:
            return self._into(self.own[node.name], node.steps, node)
        steps = node.steps
        found = None
        if node.name in {"var", "local"} and steps and isinstance(steps[0], str):
            name, steps = steps[0], steps[1:]
            found = self.names.variables.get(name) if node.name == "var" else self.names.named(f"local.{name}")
        elif node.name == "module" and len(steps) > 1 and isinstance(steps[0], str) and isinstance(steps[1], str):
            found, steps = self.names.output(steps[0], steps[1]), steps[2:]
        return self.unknown(node) if found is None else self._into(found, steps, node)

    def _into(self, value: Value, steps: Sequence[Any], node: hcl.Expression) -> Value:
        for at, step in enumerate(steps):
            if value.kind == "unknown":
                rest = "".join(f".{each}" if isinstance(each, str) else "[…]" for each in steps[at:])
                return self.unknown(node, f"{value.data}{rest}")
            if step is None:
                each = [self._into(item, steps[at + 1 :], node) for item in value.items]
                return Value("list", each, value.span)
            key = step if isinstance(step, str) else words(self.fold(step))
            if key is None:
                return self.unknown(node)
            if value.kind == "map" and key in value.data:
                value = value.data[key].value
            elif value.kind == "list" and key.isdecimal() and len(key) < _LONGEST and int(key) < len(value.data):
                value = value.data[int(key)]
            else:
                return self.unknown(node)
        # A scalar is shown where it is used; a list or an object where it is written.
        return value if value.kind in {"list", "map"} else value._replace(span=self.span(node))

    def _for(self, node: hcl.For) -> Value:
        over = self.fold(node.over)
        if over.kind not in {"list", "map"}:
            return self.unknown(node)
        entries: dict[str, Entry] = {}
        items: list[Value] = []
        for key, value in pairs(over):
            names = {node.names[-1]: value} if node.names else {}
            if len(node.names) > 1:
                names[node.names[0]] = key
            inner = self.with_names(names)
            if node.condition is not None:
                holds = inner.fold(node.condition)
                if holds.kind != "bool":
                    return self.unknown(node)
                if not holds.data:
                    continue
            found = inner.fold(node.value)
            if node.key is None:
                items.append(found)
                continue
            name = words(inner.fold(node.key))
            if name is None:
                return self.unknown(node)
            entries[name] = Entry(found.span, found)
        return Value("list", items, self.span(node)) if node.key is None else Value("map", entries, self.span(node))

    def _call(self, node: hcl.Call) -> Value:
        if node.name in {"try", "can"}:
            first = self.fold(node.arguments[0]) if node.arguments and node.name == "try" else None
            return first if first is not None and first.kind != "unknown" else self.unknown(node)
        arguments = [self.fold(each) for each in node.arguments]
        function = _FUNCTIONS.get(node.name)
        if function is None or node.spread or not arguments:
            return self.unknown(node)
        found = function(arguments)
        if found is None:
            return self.unknown(node)
        return found if isinstance(found, Value) else scalar(found, self.span(node))

    def _operation(self, node: hcl.Operation) -> Value:
        first, *others = (
            [self.fold(node.operands[0])] if node.operator == "?" else [self.fold(each) for each in node.operands]
        )
        if node.operator == "?":
            if first.kind != "bool":
                return self.unknown(node)
            return self.fold(node.operands[1 if first.data else 2])
        values = [first, *others]
        if node.operator in {"&&", "||"}:
            told = [value.data for value in values if value.kind == "bool"]
            decides = node.operator == "||"
            if decides in told:
                return scalar(decides, self.span(node))
        if not all(value.known for value in values):
            return self.unknown(node)
        return scalar(_operated(node.operator, values), self.span(node))


def pairs(over: Value) -> list[tuple[Value, Value]]:
    """Keys and values of a list or a mapping, as ``for`` and ``for_each`` meet them."""
    if over.kind == "map":
        return [(scalar(name, entry.span), entry.value) for name, entry in over.data.items()]
    return [(scalar(at, value.span), value) for at, value in enumerate(over.items)]


def _operated(operator: str, values: Sequence[Value]) -> object:
    data = [value.data for value in values]
    if operator in {"==", "!="}:
        if any(value.kind in {"list", "map"} for value in values):
            return ()
        return (values[0].kind == values[1].kind and data[0] == data[1]) is (operator == "==")
    if operator == "!x":
        return not data[0] if values[0].kind == "bool" else ()
    if operator in {"&&", "||"}:
        return data[0] and data[1] if operator == "&&" else data[0] or data[1]
    if not all(value.kind == "number" and abs(value.data) < 2**53 for value in values):
        return ()
    if operator in {"/", "%"} and not data[1]:
        return ()
    return _ARITHMETIC[operator](*data)


_ARITHMETIC: Mapping[str, Callable[..., object]] = {
    "-x": lambda a: -a, "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "%": lambda a, b: a % b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


# ---- functions ----


def _texts(arguments: Sequence[Value]) -> list[str] | None:
    found = [words(each) for each in arguments]
    return None if None in found else [each for each in found if each is not None]


def _of_text(change: Callable[[str], object]) -> Callable[[list[Value]], object]:
    def made(arguments: list[Value]) -> object:
        texts = _texts(arguments[:1])
        return change(texts[0]) if texts else None

    return made


def _concat(arguments: list[Value]) -> Value | None:
    if any(each.kind != "list" for each in arguments) or sum(len(each.data) for each in arguments) > MAX_ITEMS:
        return None
    return Value("list", [item for each in arguments for item in each.data], arguments[0].span)


def _merge(arguments: list[Value]) -> Value | None:
    if any(each.kind != "map" for each in arguments):
        return None
    return Value("map", {name: entry for each in arguments for name, entry in each.data.items()}, arguments[0].span)


def _flatten(arguments: list[Value]) -> Value | None:
    if any(value.kind == "unknown" for value in arguments[0].items) or arguments[0].kind != "list":
        return None
    found: list[Value] = []
    todo = list(reversed(arguments[0].data))
    while todo:
        value = todo.pop()
        if len(found) + len(todo) > MAX_ITEMS:
            return None
        if value.kind == "list":
            todo += reversed(value.data)
        else:
            found.append(value)
    return Value("list", found, arguments[0].span)


def _join(arguments: list[Value]) -> str | None:
    if len(arguments) < 2 or arguments[1].kind != "list" or not arguments[0].known:  # noqa: PLR2004 - separator and list
        return None
    between = str(arguments[0].data)
    texts = [UNKNOWN if (text := words(item)) is None else text for item in arguments[1].data]
    return between.join(texts) if sum(len(text) + len(between) for text in texts) < MAX_TEXT else None


def _format(arguments: list[Value]) -> str | None:
    texts = [words(each) for each in arguments]
    head = texts[0]
    if head is None:
        return None
    pieces = head.split("%s")
    if "%" in "".join(pieces) or len(pieces) != len(texts):
        return None
    rest = [UNKNOWN if text is None else text for text in texts[1:]]
    return "".join(part for pair in zip(pieces, [*rest, ""], strict=True) for part in pair)


def _replace(arguments: list[Value]) -> str | None:
    texts = _texts(arguments)
    if texts is None or len(texts) != 3 or texts[1].startswith("/") or not texts[1]:  # noqa: PLR2004 - text, what, by what
        return None
    text, what, by = texts
    return text.replace(what, by) if len(text) + text.count(what) * len(by) < MAX_TEXT else None


def _same(arguments: list[Value]) -> Value | None:
    return arguments[0] if arguments[0].kind != "unknown" else None


def _lookup(arguments: list[Value]) -> Value | None:
    key = words(arguments[1]) if len(arguments) > 1 else None
    if arguments[0].kind != "map" or key is None:
        return None
    entry = arguments[0].data.get(key)
    return entry.value if entry else arguments[2] if len(arguments) > 2 else None  # noqa: PLR2004 - mapping, key, default


def _length(arguments: list[Value]) -> int | None:
    value = arguments[0]
    return len(value.data) if value.kind in {"list", "map"} or (value.kind == "text" and value.known) else None


def _coalesce(arguments: list[Value]) -> Value | None:
    for value in arguments:
        if not value.known:
            return None
        if value.kind != "null" and value.data != "":
            return value
    return None


def _ends(arguments: list[Value], *, names: bool) -> Value | None:
    value = arguments[0]
    if value.kind != "map":
        return None
    return Value(
        "list",
        [key if names else each for key, each in sorted(pairs(value), key=lambda row: str(row[0].data))],
        value.span,
    )


_FUNCTIONS: Mapping[str, Callable[[list[Value]], object]] = {
    "concat": _concat, "merge": _merge, "flatten": _flatten, "join": _join, "format": _format, "replace": _replace,
    "lookup": _lookup, "length": _length, "coalesce": _coalesce, "toset": _same, "tolist": _same, "tomap": _same, "tonumber": _same,
    "sensitive": _same, "nonsensitive": _same, "keys": lambda each: _ends(each, names=True), "values": lambda each: _ends(each, names=False),
    "lower": _of_text(str.lower), "upper": _of_text(str.upper), "trimspace": _of_text(str.strip), "tostring": _of_text(str),
    "chomp": _of_text(lambda text: text.rstrip("\r\n")),
    "tobool": lambda each: {"true": True, "false": False}.get(words(each[0]) or ""),
}  # fmt: skip
"""Those that configs of Cloudflare use on constants; None where the answer is not constant."""
