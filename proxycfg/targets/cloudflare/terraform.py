"""Terraform's files of one module as resources, with what is constant folded: ``*.tf``, ``*.tf.json``, ``*.tfvars``, and ``terraform show -json``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from proxycfg.source import Source, Span
from proxycfg.targets.cloudflare import hcl
from proxycfg.targets.cloudflare.fold import MAX_ITEMS, Budget, Folder, Names, pairs
from proxycfg.targets.cloudflare.recognise import PREFIX
from proxycfg.targets.cloudflare.value import Entry, Value, words


class Resource(NamedTuple):
    """One resource, or one of those that ``for_each`` makes of it.

    :param span: its heading.
    :param certain: whether it is there: ``count`` may say otherwise, and hang on what nobody knows.
    :param module: the way to the module that it is of, such as ``module.zone.``; empty for the first one.
    """

    type: str
    name: str
    body: Value
    span: Span
    certain: bool = True
    module: str = ""


class Module(NamedTuple):
    """The files of a folder that make a module.

    :param folder: its path.
    :param json: the contents of its ``*.tf.json``.
    """

    folder: str
    files: Sequence[hcl.File]
    json: Sequence[Value] = ()


Enter = Callable[[str, Span, str], Module | None]
"""From the source that a call names, the place of the call, and the name of what it makes, to the module; None where that is not at hand."""

MAX_CALLS = 10
"""Modules that call each other, from the first to the last; people write two or three."""


def of_module(
    module: Module,
    variables: Mapping[str, Value] | None = None,
    named: Sequence[hcl.File] = (),
    enter: Enter = lambda _source, _span, _name: None,
) -> list[Resource]:
    """The resources of a module, and of those that it calls.

    :param variables: values for its variables, which come before their defaults.
    :param named: the files that say what names stand for; default those of the module.
    """
    names = names_of(module._replace(files=named or module.files), variables or {})
    return list(_Scope(module, names, enter, ()).resources())


_LABELS = 2
"""Type and name."""


def names_of(module: Module, variables: Mapping[str, Value], path: str = "", budget: Budget | None = None) -> Names:
    """The variables, locals and outputs of a module."""
    defaults: dict[str, Value] = {}
    names = Names(defaults, path, budget)
    for file in module.files:
        for block in file.body.blocks:
            if block.type in {"variable", "output"} and block.labels:
                wanted = "default" if block.type == "variable" else "value"
                said = next((each for each in block.attributes if each.name == wanted), None)
                if said is not None and block.type == "variable":
                    defaults[block.labels[0]] = Folder(file, names).fold(said.value)
                elif said is not None:
                    names.tell(f"output.{block.labels[0]}", file, said.value)
            elif block.type == "locals":
                for attribute in block.attributes:
                    names.tell(f"local.{attribute.name}", file, attribute.value)
    for tree in module.json:
        for name, entry in _named(tree, "variable"):
            default = entry.value.get("default")
            if default is not None:
                defaults[name] = default
        for name, entry in _named(tree, "locals"):
            names.tell_value(f"local.{name}", _templates(entry.value, names))
    defaults.update(variables)
    return names


class _Scope:
    """A module, with what its names stand for and the modules that it calls.

    :param above: the folders of those on the way to it.
    """

    def __init__(self, module: Module, names: Names, enter: Enter, above: tuple[str, ...]) -> None:
        self.module = module
        self.names = names
        self.calls = [
            _Call(block, Folder(file, names), enter, (*above, module.folder))
            for file in module.files
            for block in file.body.blocks
            if block.type == "module" and block.labels
        ]
        for call in self.calls:
            names.tell_call(call.name, call.output)

    def resources(self) -> Iterator[Resource]:
        """Its own, and those of the modules that it calls."""
        for file in self.module.files:
            for block in file.body.blocks:
                if (
                    block.type in {"resource", "data"}
                    and len(block.labels) == _LABELS
                    and block.labels[0].startswith(PREFIX)
                ):
                    yield from _resources(block, Folder(file, self.names))
        for tree in self.module.json:
            for kind, entry in _named(tree, "resource"):
                if kind.startswith(PREFIX):
                    for name, body in entry.value.entries.items():
                        for each in body.value.items:
                            found = _templates(each, self.names)
                            yield Resource(kind, name, found, body.span, module=self.names.module)
        for call in self.calls:
            for scope, certain in call.made:
                for resource in scope.resources():
                    yield resource if certain else resource._replace(certain=False)


class _Call:
    """A module that another one calls."""

    def __init__(self, block: hcl.Block, folder: Folder, enter: Enter, above: tuple[str, ...]) -> None:
        self.name = block.labels[0]
        self._block = block
        self._folder = folder
        self._enter = enter
        self._above = above
        self._busy = False

    @cached_property
    def made(self) -> list[tuple[_Scope, bool]]:
        """What it makes, and whether that is surely there; each time with the variables that it gives."""
        folder, given = self._folder, {each.name: each for each in self._block.attributes}
        source = given["source"].value if "source" in given else None
        path = f"{folder.names.module}module.{self.name}"
        if not isinstance(source, hcl.Literal) or not isinstance(source.value, str):
            return []
        module = self._enter(source.value, folder.span(source), path)
        if module is None or module.folder in self._above or len(self._above) >= MAX_CALLS:
            return []
        # An argument may be an output of this very module, which nobody can say then.
        self._busy = True
        found: list[tuple[_Scope, bool]] = []
        for key, own, certain in _instances(self._block, folder):
            own.names.budget.left -= 1
            if own.names.budget.left < 0:
                break
            variables = {name: own.fold(each.value) for name, each in given.items() if name not in _META}
            names = names_of(module, variables, f"{path}{key}.", own.names.budget)
            found.append((_Scope(module, names, self._enter, self._above), certain))
        self._busy = False
        return found

    def output(self, name: str) -> Value | None:
        """What it gives back; None where that is one of many, or nobody can say."""
        if self._busy or len(self.made) != 1:
            return None
        scope, _ = self.made[0]
        return scope.names.named(f"output.{name}")


_META = frozenset(("source", "version", "providers", "depends_on", "count", "for_each"))
"""Arguments of a call that are no variables."""


def variables_of(file: hcl.File) -> dict[str, Value]:
    """What a ``*.tfvars`` sets."""
    folder = Folder(file, Names({}))
    return {each.name: folder.fold(each.value) for each in file.body.attributes}


def _named(tree: Value, section: str) -> Iterator[tuple[str, Entry]]:
    """What stands in a section of JSON; several objects may share it."""
    whole = tree.get(section)
    for each in whole.items if whole is not None else ():
        yield from each.entries.items()


def _templates(value: Value, names: Names, depth: int = 0) -> Value:
    """A value of JSON, its texts read as templates."""
    if depth > hcl.MAX_NESTING:
        return value
    if value.kind == "text" and ("${" in value.data or "%{" in value.data):
        parsed = hcl.parse_template(value.data)
        file = hcl.Inline(Source(value.span.file, value.data), value.span)
        return (
            Folder(file, names).fold(parsed) if parsed is not None else Value("unknown", value.data[:200], value.span)
        )
    if value.kind == "list":
        return value._replace(data=[_templates(each, names, depth + 1) for each in value.data])
    if value.kind == "map":
        return value._replace(
            data={
                name: Entry(entry.span, _templates(entry.value, names, depth + 1)) for name, entry in value.data.items()
            }
        )
    return value


# ---- resources ----


def _resources(block: hcl.Block, folder: Folder) -> Iterator[Resource]:
    span = folder.file.span(block.start, block.head)
    kind, name = block.labels
    if block.type == "data":
        name = f"data.{name}"
    for key, own, certain in _instances(block, folder):
        yield Resource(kind, f"{name}{key}", _body(block, own), span, certain, folder.names.module)


def _instances(block: hcl.Block, folder: Folder) -> Iterator[tuple[str, Folder, bool]]:
    """What ``for_each`` and ``count`` make of a block: the key in brackets, the names that hold there, and whether it is surely there."""
    meta = {each.name: each.value for each in block.attributes if each.name in {"count", "for_each"}}
    if "for_each" in meta:
        over = folder.fold(meta["for_each"])
        if over.kind not in {"list", "map"}:
            yield "", folder, False
            return
        for key, value in pairs(over):
            # The elements of a set are their own keys.
            each = _each(key if over.kind == "map" else value, value)
            yield f"[{words(key)}]", folder.with_names({"each": each}), True
        return
    certain = True
    if "count" in meta:
        count = folder.fold(meta["count"])
        if count.kind == "number" and count.data <= 0:
            return
        certain = count.kind == "number"
    yield "", folder, certain


def _each(key: Value, value: Value) -> Value:
    return Value("map", {"key": Entry(key.span, key), "value": Entry(value.span, value)}, value.span)


def _body(block: hcl.Block, folder: Folder) -> Value:
    """A block's settings by name; its blocks as lists, by their type."""
    entries: dict[str, Entry] = {}
    for each in block.attributes:
        entries[each.name] = Entry(folder.file.span(each.start, each.end), folder.fold(each.value))
    inner: dict[str, list[Value]] = {}
    for child in block.blocks:
        if child.type == "dynamic" and child.labels:
            inner.setdefault(child.labels[0], []).extend(_dynamic(child, folder))
        else:
            inner.setdefault(child.type, []).append(_body(child, folder))
        name = child.labels[0] if child.type == "dynamic" and child.labels else child.type
        entries.setdefault(
            name, Entry(folder.file.span(child.start, child.head), Value("null", None, _head(child, folder)))
        )
    for name, values in inner.items():
        entries[name] = entries[name]._replace(
            value=Value("list", values, values[0].span if values else entries[name].span)
        )
    return Value("map", entries, _head(block, folder))


def _head(block: hcl.Block, folder: Folder) -> Span:
    return folder.file.span(block.start, block.end)


def _dynamic(block: hcl.Block, folder: Folder) -> list[Value]:
    """The blocks that a dynamic one makes; one with values that nobody knows where it hangs on what nobody knows."""
    meta = {each.name: each.value for each in block.attributes}
    content = next((each for each in block.blocks if each.type == "content"), None)
    if content is None or "for_each" not in meta:
        return []
    iterator = block.labels[0]
    if isinstance(meta.get("iterator"), hcl.Reference):
        iterator = meta["iterator"].name  # type: ignore[union-attr]
    over = folder.fold(meta["for_each"])
    if over.kind not in {"list", "map"}:
        return [_body(content, folder)]
    return [_body(content, folder.with_names({iterator: _each(key, value)})) for key, value in pairs(over)[:MAX_ITEMS]]


# ---- what Terraform itself prints ----


def of_plan(tree: Value) -> list[Resource] | None:
    """The resources of ``terraform show -json``, of a plan or a state; None if it is neither."""
    root = tree.get("planned_values", "root_module") or tree.get("values", "root_module")
    if root is None:
        return None
    found: list[Resource] = []
    todo = [root]
    while todo:
        module = todo.pop()
        resources = module.get("resources")
        for each in resources.items if resources is not None else ():
            kind, values = each.text("type") or "", each.get("values")
            if kind.startswith(PREFIX) and each.text("mode") != "data" and values is not None:
                found.append(Resource(kind, each.text("name") or "", values, each.key("type") or each.span))
        children = module.get("child_modules")
        todo += reversed(children.items if children is not None else ())
    return found
